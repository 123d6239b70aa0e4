"""PyTorch's names of operators: `torch.ops.aten.mm.default`, and which of them an op is.

What is run behind them is in `aten_functions.py`; which of them an op is for those who stand in, in
`aten_calls.py`.
"""

from __future__ import annotations

import functools
from typing import Any

from ..arrays.lookup import NS
from ..base.modes import state
from ..engine.op import OPS, Op
from ..engine.tensor import Tensor
from .dispatching import CLASSES, HERE, send

# Ops whose name is not that of PyTorch's operator.
NAMES = {
    "alias_item": "alias", "astype": "_to_copy", "attention": "scaled_dot_product_attention",
    "attention_backward": "_scaled_dot_product_flash_attention_for_cpu_backward",
    "avg_pool": "avg_pool2d", "batched_matmul": "bmm", "bce_logits": (
        "binary_cross_entropy_with_logits"
    ), "bce_loss": "binary_cross_entropy", "clamp_scalar": "clamp", "conv": "convolution",
    "complex_view": "view_as_complex", "constant_pad": "constant_pad_nd",
    "cross_entropy": "cross_entropy_loss", "diag_matrix": "diag_embed", "diag_vector": "diagonal",
    "eig": "linalg_eig", "eigh": "linalg_eigh", "eigvals": "linalg_eigvals",
    "eigvalsh": "linalg_eigvalsh", "euclidean": "cdist", "fft_c2c": "_fft_c2c",
    "fft_c2r": "_fft_c2r", "fft_r2c": "_fft_r2c", "getitem": "slice", "imag_view": "imag",
    "inv": "linalg_inv", "join_parts": "complex", "lerp_number": "lerp",
    "logsigmoid": "log_sigmoid", "lstsq": "linalg_lstsq", "lu_factor": "linalg_lu_factor",
    "max_pool": "max_pool2d", "overwrite": "copy_", "parts_view": "view_as_real",
    "pinv": "linalg_pinv", "pow_base": "pow", "pow_tensor": "pow", "read_points": "grid_sampler",
    "real_view": "real", "round_decimals": "round", "scatter_set": "scatter",
    "select_item": "select", "sizes_item": "split_with_sizes", "solve": "linalg_solve",
    "solve_triangular": "linalg_solve_triangular", "split_item": "split",
    "svdvals": "linalg_svdvals", "to_device_op": "_to_copy", "trunc_divide": "div",
    "unbind_item": "unbind", "unsqueeze_item": "unsqueeze", "vector_norm": "linalg_vector_norm",
}  # fmt: skip
ENDINGS = ("_all", "_values", "_like", "_of", "_layer", "_raw", "_scalar", "_index")
# What PyTorch runs inside of an operator, where that has a name of its own.
INNER = {
    "attention": "_scaled_dot_product_flash_attention_for_cpu", "softmax": "_softmax",
    "log_softmax": "_log_softmax", "layer_norm": "native_layer_norm",
}  # fmt: skip
WITH_NUMBERS = (
    "add sub mul div eq ne lt le gt ge bitwise_and bitwise_or bitwise_xor slice split index "
    "remainder fmod bitwise_left_shift bitwise_right_shift"
)
SHARING = (  # the results share the memory of the first argument
    "alias as_strided detach diagonal expand permute select slice split split_with_sizes squeeze t "
    "transpose unbind unfold unsqueeze view view_as_complex view_as_real _unsafe_view"
)
# The overload that tensors take, where it is not called default.
OVERLOADS = {
    **dict.fromkeys(WITH_NUMBERS.split(), "Tensor"),
    **dict.fromkeys(["select", "transpose", "unbind"], "int"), "pow": "Tensor_Tensor",
    "std": "correction", "var": "correction", "where": "self", "squeeze": "dim",
    "split_with_sizes": "default", "masked_fill": "Scalar", "scatter": "src", "fill": "Scalar",
}  # fmt: skip
VIEWS = frozenset(SHARING.split())


class OpOverloadPacket:
    """One of PyTorch's operators by name; its overloads are attributes.

    >>> torch.ops.aten.mm, torch.ops.aten.mm.default
    (<OpOverloadPacket(op='aten.mm')>, <OpOverload(op='aten.mm', overload='default')>)
    """

    def __init__(self, word: str, namespace: str = "aten") -> None:
        self.word = self.__name__ = word
        self.namespace = namespace
        self._qualified_op_name = f"{namespace}::{word}"

    def __getattr__(self, overload: str) -> OpOverload:
        if overload.startswith("_"):
            raise AttributeError(
                f"'{self}' object has no attribute '{overload}': operators have overloads"
            )
        made = self.__dict__[overload] = OpOverload(self, overload)
        return made

    def usual(self) -> OpOverload:
        """The overload for tensors."""
        return getattr(self, OVERLOADS.get(self.word.removesuffix("_"), "default"))

    def overloads(self) -> list[str]:
        """The names of the overloads that were asked for so far, the usual one first."""
        found = [k for k, v in self.__dict__.items() if isinstance(v, OpOverload)]
        return list(dict.fromkeys([self.usual().overload, *found]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.usual()(*args, **kwargs)

    def __reduce__(self) -> Any:
        return operator, (self.word,)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self}')>"

    def __str__(self) -> str:
        return f"{self.namespace}.{self.word}"


class Schema:
    """What an operator is called and whether it changes its arguments."""

    def __init__(self, name: str, overload_name: str, is_mutable: bool) -> None:
        self.name, self.overload_name, self.is_mutable = name, overload_name, is_mutable

    def __repr__(self) -> str:
        return f"{self.name}.{self.overload_name}".removesuffix(".")


class OpOverload:
    """An overload of an operator, which classes and modes are given by __torch_dispatch__.

    Called, it asks those who stand in (`dispatching.py`), and runs where there are none.

    >>> torch.ops.aten.add.Tensor(torch.ones(2), 1), str(torch.ops.aten.add.Tensor)
    (tensor([2., 2.]), 'aten.add.Tensor')
    """

    def __init__(self, packet: OpOverloadPacket, overload: str, op: Op | None = None) -> None:
        self.overloadpacket = self._overloadpacket = packet
        self.word, self.namespace, self.overload = packet.word, packet.namespace, overload
        self._overloadname = overload
        self.op = op  # what is run, for those that have no function
        self.__name__ = f"{packet.word}.{overload}"
        self.is_view = packet.word in VIEWS

    def name(self) -> str:
        """As schemas name it: aten::add.Tensor."""
        return f"{self.namespace}::{self.__name__}".removesuffix(".default")

    @property
    def _schema(self) -> Schema:
        word = self.word
        changes = word.endswith("_") and not word.endswith("__") or self.overload == "out"
        named = "" if self.overload == "default" else self.overload
        return Schema(f"{self.namespace}::{word}", named, changes)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if (HERE.off or HERE.modes or CLASSES) and not recorded(args):
            return send(self, args, kwargs)
        return self.run(*args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, whoever stands in."""
        if self.op is not None:
            n = len(args) if self.op.variadic else len(self.op.inputs)
            return every_output(self.op, args[:n], dict(zip(self.op.static, args[n:])))
        from .aten_functions import function_of  # all of the table, and rarely needed

        f = function_of(self.word, self.overload)
        if f is None:
            raise NotImplementedError(
                f"{self} is a name only: there is no function called {self.word}"
            )
        result = f(*args, **kwargs)
        return tuple(result) if isinstance(result, tuple) else result

    decompose = run

    def __hash__(self) -> int:
        return hash(self.name())

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> Any:
        return getattr, (self.overloadpacket, self.overload)

    def __deepcopy__(self, memo: Any) -> OpOverload:
        return self

    def __repr__(self) -> str:
        op = f"{self.namespace}.{self.word}"
        return f"<OpOverload(op='{op}', overload='{self.overload}')>"

    def __str__(self) -> str:
        return f"{self.namespace}.{self.__name__}"


def recorded(args: Any) -> bool:
    """Whether a call is recorded: then its function is run, and who stands in is asked below."""
    return state.grad and any([isinstance(a, Tensor) and a._n is not None for a in args])


def every_output(op: Op, ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """All outputs of an op on tensors, or on none where an operand is missing."""
    ins += (None,) * (len(op.inputs) - len(ins))
    if not op.hidden:
        return op.entry(*ins, **static)
    outs = NS[Tensor].every_output(op, ins, static)
    return tuple([None if getattr(o, "_a", o) is None else o for o in outs])


@functools.cache
def operator(word: str) -> OpOverloadPacket:
    """The operator of a name."""
    return OpOverloadPacket(word)


@functools.cache
def own(name: str) -> OpOverload:
    """The operator for an op of this library that PyTorch has nothing like."""
    return OpOverload(OpOverloadPacket(name, "wengert"), "default", OPS[name])


def overload(name: str) -> OpOverload:
    """'add.Tensor' -> the overload."""
    word, _, which = name.partition(".")
    return getattr(operator(word), which)


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Hand an operator over, by the name of an overload."""
    return send(overload(name), args, kwargs)


def __getattr__(name: str) -> OpOverloadPacket:
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    return operator(name)


@functools.cache
def name_of(op: Op) -> str:
    """What PyTorch calls the operation.

    >>> name_of(OPS["mul"]), name_of(OPS["sum_all"])
    ('mul', 'sum')
    """
    name = NAMES.get(op.name)
    if name is None:
        name = op.name
        for ending in ENDINGS:
            name = name.removesuffix(ending)
    return name


def operator_of(op: Op, args: tuple[Any, ...]) -> OpOverload:
    """The operator that PyTorch would run for an op on these arrays."""
    if op.name == "linear":
        return operator("mm" if len(args) < 3 or args[2] is None else "addmm").default
    if op.name == "matmul":
        x, y = args[0].ndim, args[1].ndim
        if x == y == 1:
            return operator("dot").default
        return operator("mm" if x == y == 2 else "mv" if y == 1 else "bmm").default
    return operator(INNER.get(op.name) or name_of(op)).usual()
