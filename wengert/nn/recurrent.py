"""Recurrent layers: RNN, LSTM, GRU over whole sequences, and the cells of one step.

The layers as ops, and the stacking, are in `ops/nn/recurrent.py`; packed sequences are in
`utils/rnn.py`.
"""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any, TypeVar

from ..api import functions as T
from ..base.advice import advise
from ..engine.op import OPS
from ..engine.op_modes import runner
from ..engine.tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter, empty
from .utils.rnn import PackedSequence

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

Steps = TypeVar("Steps", bound=Tensor | PackedSequence)
GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """Arguments, weights and checks of the recurrent layers.

    Weights are named weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 and so on by layer, with
    `_reverse` behind for the second direction.

    input_size: the size of an input. hidden_size: the size of the state. batch_first: batch in
    front: (N, T, ...). dropout: the probability of dropout between layers. device: where the
    parameters are made; None: the default device. dtype: of the parameters; None: the default
    dtype.

    num_layers: how many layers lie over each other. bidirectional: run backwards, too. proj_size:
    the size the state is projected to; 0: not at all. mode: 'LSTM', 'GRU', 'RNN_TANH' or
    'RNN_RELU'. bias: whether there is a bias that is trained. Raises TypeError where a size is of
    the wrong type; ValueError where mode is unknown, a size is below 1 or input holds integers,
    booleans or complex numbers; RuntimeError where the last dimension of input is not input_size.

    >>> m = nn.RNNBase("GRU", 2, 3)
    >>> m.reset_parameters(), m.flatten_parameters()
    (None, None)
    >>> m.check_input(torch.ones(5, 4, 2), None)
    >>> m.get_expected_hidden_size(torch.ones(5, 4, 2), None)
    (1, 4, 3)
    >>> m.check_hidden_size(torch.zeros(1, 4, 3), (1, 4, 3))
    >>> m.check_forward_args(torch.ones(5, 4, 2), torch.zeros(1, 4, 3), None)
    >>> m.permute_hidden(torch.zeros(1, 4, 3), None).shape
    torch.Size([1, 4, 3])
    """

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1,
        bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_arguments(self, dropout)
        rows = GATES[mode] * hidden_size
        out = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else out * (1 + bidirectional)
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                shapes: dict[str, Any] = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
                if bias:
                    shapes |= {"bias_ih": rows, "bias_hh": rows}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{kind}_l{layer}{suffix}" for kind in shapes]
                for name, shape in zip(names, shapes.values()):
                    setattr(self, name, empty(shape, device, dtype))
                self._all_weights.append(names)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights from [-b, b), b = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, weights: list[Any]) -> None:
        for name, weight in zip(self._flat_weights_names, weights):
            if weight is not getattr(self, name, None):
                if not isinstance(weight, Parameter):
                    self._parameters.pop(name, None)
                setattr(self, name, weight)

    def flatten_parameters(self) -> None:
        """Does nothing: weights need not lie together here; scripts call it for cuDNN."""

    def __getstate__(self) -> dict[str, Any]:
        # PyTorch keeps these lists and needs them in a file
        lists = {
            "_flat_weights": self._flat_weights,
            "_flat_weights_names": self._flat_weights_names,
        }
        return {**super().__getstate__(), **lists}

    def __setstate__(self, state: dict[str, Any]) -> None:
        lists = ("_flat_weights", "_flat_weights_names", "_flat_weight_refs")  # PyTorch's files
        state = {"proj_size": 0, **{k: v for k, v in state.items() if k not in lists}}
        super().__setstate__(state)

    # ---- checks

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """ValueError for another dtype than the weights', RuntimeError for a wrong shape.

        batch_sizes: how many are left at each step. Raises AttributeError where input is no tensor.
        """
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype and not runner(OPS["lstm_layer"]):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        wanted = 2 if batch_sizes is not None else 3
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """(layers * directions, batch, width of h) for an input.

        batch_sizes: how many sequences are left at each step. Raises TypeError where batch_sizes is
        of the wrong type; AttributeError where input is no tensor.
        """
        layers, batch = self._states(input, batch_sizes)
        return layers, batch, self.proj_size or self.hidden_size

    def _states(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        return self.num_layers * (1 + self.bidirectional), batch

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:  # fmt: skip
        """RuntimeError unless hx has the expected shape.

        expected_hidden_size: the shape that is wanted. msg: the text of the error, with {} for both
        shapes. Raises AttributeError where hx is no tensor.
        """
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """The checks of input and states.

        batch_sizes: how many sequences are left at each step. hidden: the states that are given.
        Raises ValueError for another dtype than the weights'; RuntimeError where a shape does not
        fit; AttributeError where input or hidden is no tensor; IndexError for too few states.
        """
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states in another order of the batch.

        hx: states (layers, batch, width). permutation: the new order of the batch. Raises TypeError
        where permutation is of the wrong type.
        """
        if permutation is None:
            return hx
        if isinstance(hx, tuple):
            return tuple([h.index_select(1, permutation) for h in hx])
        return hx.index_select(1, permutation)

    def _input_problem(self, *args: Any) -> str | None:
        x = args[0]
        if isinstance(x, Tensor) and x.dim() not in (2, 3):
            order = "batch, length" if self.batch_first else "length, batch"
            return f"it must be ({order}, {self.input_size}), or without batch"
        if isinstance(x, Tensor) and x.size(-1) != self.input_size:
            return f"its last dimension must be {self.input_size}"
        return None

    # ---- the pass

    def _first_state(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        return input.new_zeros(self.get_expected_hidden_size(input, batch_sizes))

    def _run(self, input: Any, hx: Any) -> tuple[Any, Any]:
        name = type(self).__name__ if type(self).__name__ in GATES else self.mode[:4].strip("_")
        function = getattr(T, self.mode.lower())
        weights = [w for names in self.all_weights for w in names]
        settings = (weights, self.bias, self.num_layers, self.dropout, self.training)
        if isinstance(input, PackedSequence):
            data, sizes, order, back = input
            states = (
                self._first_state(data, sizes) if hx is None else self.permute_hidden(hx, order)
            )
            self.check_forward_args(data, states, sizes)
            out, *last = function(data, sizes, states, *settings, self.bidirectional)
            return PackedSequence(out, sizes, order, back), self.permute_hidden(_one(last), back)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{name}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead"
            )
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        x = input if batched else input.unsqueeze(batch_dim)
        if hx is None:
            states = self._first_state(x, None)
        else:
            _check_dims(hx, batched)
            states = hx if batched else _each(hx, lambda h: h.unsqueeze(1))
        self.check_forward_args(x, states, None)
        out, *last = function(x, states, *settings, self.bidirectional, self.batch_first)
        final = _one(last)
        if not batched:
            return out.squeeze(batch_dim), _each(final, lambda h: h.squeeze(1))
        return out, final

    def extra_repr(self) -> str:
        s = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            s += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            s += f", num_layers={self.num_layers}"
        if not self.bias:
            s += f", bias={self.bias}"
        if self.batch_first:
            s += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            s += f", dropout={self.dropout}"
        if self.bidirectional:
            s += f", bidirectional={self.bidirectional}"
        return s


def _one(states: list[Tensor]) -> Any:
    return tuple(states) if len(states) > 1 else states[0]


def _each(states: Any, f: Any) -> Any:
    return tuple([f(s) for s in states]) if isinstance(states, (tuple, list)) else f(states)


def _check_dims(hx: Any, batched: bool) -> None:
    """RuntimeError unless states have a batch exactly where the input has one."""
    wanted = 3 if batched else 2
    names = ("hx", "cx")
    for h, name in zip(hx if isinstance(hx, (tuple, list)) else (hx,), names):
        if h.dim() != wanted:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, {name} should also be {wanted}-D but got {h.dim()}-D tensor"
            )


def _check_arguments(m: Any, dropout: Any) -> None:
    """TypeError or ValueError for arguments no recurrent layer can have."""
    if m.mode not in GATES:
        raise ValueError(f"Unrecognized RNN mode: {m.mode}")
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            f"element being zeroed, got {dropout!r}"
        )
    if dropout > 0 and m.num_layers == 1:
        advise(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and num_layers=1",
        )
    for name in ("bias", "batch_first"):
        if not isinstance(getattr(m, name), bool):
            kind = type(getattr(m, name)).__name__
            raise TypeError(f"{name} should be of type bool, got: {kind}")
    for name in ("input_size", "hidden_size"):
        value = getattr(m, name)
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero, got {value}")
    if m.num_layers <= 0:
        raise ValueError(f"num_layers must be greater than zero, got {m.num_layers}")
    if m.proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if m.proj_size >= m.hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """h_t = tanh(x_t @ w_ih.T + b_ih + h @ w_hh.T + b_hh), or relu, in layers.

    input (time, batch, input_size), (batch, time, input_size) with batch_first, (time, input_size),
    or a PackedSequence; h_0 (layers * directions, batch, hidden_size), zeros if absent. Returns
    (output, h_n); output (time, batch, directions * hidden_size). Raises TypeError where a size is
    of the wrong type; ValueError where one is below 1 or input holds integers, booleans or complex
    numbers; RuntimeError where the last dimension of input is not input_size.

    >>> out, h = nn.RNN(3, 5)(torch.ones(7, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Steps, hx: Tensor | None = None) -> tuple[Steps, Tensor]:
        return self._run(input, hx)

    if TYPE_CHECKING:  # mypy does not hand a type variable through Module's

        def __call__(  # type: ignore[override]
            self, input: Steps, hx: Tensor | None = None
        ) -> tuple[Steps, Tensor]: ...


class LSTM(RNNBase):
    """Long short-term memory: cells that forget, take in and give out through gates.

    input (time, batch, input_size), (batch, time, input_size) with batch_first, (time, input_size),
    or a PackedSequence; state (h_0, c_0) of (layers * directions, batch, hidden_size), zeros if
    absent. proj_size: width of h and output, if not hidden_size. Returns (output, (h_n, c_n));
    output (time, batch, directions * hidden_size). Raises TypeError where a size is of the wrong
    type; ValueError where one is below 1 or input holds integers, booleans or complex numbers;
    RuntimeError where the last dimension of input is not input_size.

    >>> out, (h, c) = nn.LSTM(3, 5, num_layers=2)(torch.ones(7, 2, 3))
    >>> out.shape, c.shape
    (torch.Size([7, 2, 5]), torch.Size([2, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """(layers * directions, batch, hidden_size) for an input.

        batch_sizes: how many sequences are left at each step. Raises TypeError where batch_sizes is
        of the wrong type; AttributeError where input is no tensor.

        >>> nn.LSTM(2, 3).get_expected_cell_size(torch.ones(5, 4, 2), None)
        (1, 4, 3)
        """
        return *self._states(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """>>> states = torch.zeros(1, 4, 3), torch.zeros(1, 4, 3)
        >>> nn.LSTM(2, 3).check_forward_args(torch.ones(5, 4, 2), states, None)
        """
        self.check_input(input, batch_sizes)
        wanted = (
            self.get_expected_hidden_size(input, batch_sizes),
            self.get_expected_cell_size(input, batch_sizes),
        )
        for i in (0, 1):
            self.check_hidden_size(
                hidden[i], wanted[i], f"Expected hidden[{i}] size {{}}, got {{}}"
            )

    def _first_state(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        c = input.new_zeros(self.get_expected_cell_size(input, batch_sizes))
        return super()._first_state(input, batch_sizes), c

    def forward(
        self, input: Steps, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Steps, tuple[Tensor, Tensor]]:
        return self._run(input, hx)

    if TYPE_CHECKING:

        def __call__(  # type: ignore[override]
            self, input: Steps, hx: tuple[Tensor, Tensor] | None = None
        ) -> tuple[Steps, tuple[Tensor, Tensor]]: ...


class GRU(RNNBase):
    """Gated recurrent unit: h_t = (1 - z) n + z h, with reset gate r inside the new value n.

    input (time, batch, input_size), (batch, time, input_size) with batch_first, (time, input_size),
    or a PackedSequence; h_0 (layers * directions, batch, hidden_size), zeros if absent. Returns
    (output, h_n); output (time, batch, directions * hidden_size). Raises TypeError where a size is
    of the wrong type; ValueError where one is below 1 or input holds integers, booleans or complex
    numbers; RuntimeError where the last dimension of input is not input_size.

    >>> out, h = nn.GRU(3, 5, bidirectional=True)(torch.ones(7, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([7, 2, 10]), torch.Size([2, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Steps, hx: Tensor | None = None) -> tuple[Steps, Tensor]:
        return self._run(input, hx)

    if TYPE_CHECKING:  # mypy does not hand a type variable through Module's

        def __call__(  # type: ignore[override]
            self, input: Steps, hx: Tensor | None = None
        ) -> tuple[Steps, Tensor]: ...


class RNNCellBase(Module):
    """Arguments and weights of the cells.

    input_size: the size of an input. hidden_size: the size of the state. bias: whether there
    are terms that are added. device: where the parameters are made; None: the default device.
    dtype: of the parameters; None: the default dtype.

    num_chunks: how many gates there are. Raises TypeError where input_size or hidden_size is of the
    wrong type; RuntimeError where input_size or hidden_size is negative.

    >>> isinstance(nn.GRUCell(2, 3), nn.RNNCellBase)
    True
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = empty((rows, input_size), device, dtype)
        self.weight_hh = empty((rows, hidden_size), device, dtype)
        self.register_parameter("bias_ih", empty(rows, device, dtype) if bias else None)
        self.register_parameter("bias_hh", empty(rows, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights from [-b, b), b = 1 / sqrt(hidden_size).

        >>> nn.GRUCell(2, 3).reset_parameters()
        """
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, function: Any, input: Tensor, hx: Any, states: int) -> Any:
        """One step: a state of the input's rows, zeros if absent; without a batch too."""
        name = type(self).__name__
        given: Any = () if hx is None else hx if states > 1 else (hx,)
        for what, t in [("input", input), *[("hidden", h) for h in given]]:
            if t.dim() not in (1, 2):
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {t.dim()}D instead")
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            given = (x.new_zeros(x.size(0), self.hidden_size),) * states
        elif not batched:
            given = tuple([h.unsqueeze(0) for h in given])
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        out = function(x, given if states > 1 else given[0], *weights)
        return out if batched else _each(out, lambda h: h.squeeze(0))

    def _input_problem(self, *args: Any) -> str | None:
        if args[0].dim() and args[0].size(-1) != self.input_size:
            return f"its last dimension must be {self.input_size}"
        return None

    def extra_repr(self) -> str:
        s = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            s += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            s += f", nonlinearity={self.nonlinearity}"
        return s


class RNNCell(RNNCellBase):
    """One step of RNN: input (N, input_size) or (input_size), h (N, hidden_size) -> h.

    bias: whether there are terms that are added. device: where the parameters are made; None:
    the default device. dtype: of the parameters; None: the default dtype.

    nonlinearity: 'tanh' or 'relu'. Raises TypeError where input_size or hidden_size is of the wrong
    type; ValueError where input has a shape that does not fit; RuntimeError where input_size or
    hidden_size is negative, input has a shape that does not fit or input holds integers, booleans
    or complex numbers.

    >>> nn.RNNCell(3, 5)(torch.ones(2, 3)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        step = T.rnn_tanh_cell if self.nonlinearity == "tanh" else T.rnn_relu_cell
        return self._step(step, input, hx, 1)


class LSTMCell(RNNCellBase):
    """One step of LSTM: input (N, input_size) or (input_size), (h, c) -> (h, c).

    hidden_size: the size of the state. bias: whether there are terms that are added. device: where
    the parameters are made; None: the default device. dtype: of the parameters; None: the default
    dtype. Raises TypeError where input_size or hidden_size is of the wrong type; ValueError where
    input has a shape that does not fit; RuntimeError where input_size or hidden_size is negative,
    input has a shape that does not fit or input holds integers, booleans or complex numbers.

    >>> h, c = nn.LSTMCell(3, 5)(torch.ones(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._step(T.lstm_cell, input, hx, 2)


class GRUCell(RNNCellBase):
    """One step of GRU: input (N, input_size) or (input_size), h (N, hidden_size) -> h.

    bias: whether there are terms that are added. device: where the parameters are made; None: the
    default device. dtype: of the parameters; None: the default dtype. Raises TypeError where
    input_size or hidden_size is of the wrong type; ValueError where input has a shape that does not
    fit; RuntimeError where input_size or hidden_size is negative, input has a shape that does not
    fit or input holds integers, booleans or complex numbers.

    >>> nn.GRUCell(3, 5)(torch.ones(2, 3)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(T.gru_cell, input, hx, 1)
