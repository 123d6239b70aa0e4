"""Activation layers: functions of each element, and softmax along a dimension.

The functions are in `ops/nn/activation.py`; attention has a file of its own.
"""

from __future__ import annotations

from typing import Any

from ..base.advice import advise
from ..engine.tensor import Tensor
from . import functional as F
from . import init as initialisers
from .module import Module
from .parameter import empty

__all__ = [
    "Threshold", "ReLU", "RReLU", "Hardtanh", "ReLU6", "Sigmoid", "Hardsigmoid", "Tanh", "SiLU",
    "Mish", "Hardswish", "ELU", "CELU", "SELU", "GLU", "GELU", "Hardshrink", "LeakyReLU",
    "LogSigmoid", "Softplus", "Softshrink", "PReLU", "Softsign", "Tanhshrink", "Softmin",
    "Softmax", "Softmax2d", "LogSoftmax",
]  # fmt: skip


class _InPlace(Module):
    """An activation whose only argument is whether it overwrites its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


def _shown(module: Any, *names: str) -> str:
    """`name=value` of the named attributes, and inplace=True where it is."""
    parts = [f"{n}={getattr(module, n)}" for n in names]
    return ", ".join(parts + ["inplace=True"] * module.inplace)


class Threshold(Module):
    """x where x > threshold, else value.

    inplace: write the result over the input. The input has any shape. Raises TypeError where
    threshold or value is of the wrong type or input is no tensor; NotImplementedError where input
    holds booleans or complex numbers.

    >>> nn.Threshold(1.0, 0.0)(torch.tensor([0.5, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return _shown(self, "threshold", "value")


class ReLU(_InPlace):
    """max(0, x).

    inplace: write the result over the input. The input has any shape. Raises TypeError where input
    is no tensor; RuntimeError where input holds booleans; NotImplementedError where input holds
    complex numbers.

    >>> nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class RReLU(Module):
    """x where positive, else x times a slope drawn from [lower, upper) in training, its mean after.

    inplace: write the result over the input. Raises TypeError where lower or upper is of the wrong
    type or input is no tensor; RuntimeError where upper is negative; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.RReLU(0.5, 0.5).eval()(torch.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return _shown(self, "lower", "upper")


class Hardtanh(Module):
    """x clipped to [min_val, max_val].

    inplace: write the result over the input. min_value: old form of min_val. max_value: old form of
    max_val. The input has any shape. Raises TypeError where input is no tensor; RuntimeError where
    input holds booleans; NotImplementedError where input holds complex numbers.

    >>> nn.Hardtanh()(torch.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
        min_value: float | None = None, max_value: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if min_value is not None or max_value is not None:
            advise(
                "Hardtanh: min_value and max_value are old names of min_val and max_val",
                FutureWarning,
            )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(
                f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})"
            )

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return _shown(self, "min_val", "max_val")


class ReLU6(Hardtanh):
    """x clipped to [0, 6].

    inplace: write the result over the input. The input has any shape. Raises TypeError where input
    is no tensor; RuntimeError where input holds booleans; NotImplementedError where input holds
    complex numbers.

    >>> nn.ReLU6()(torch.tensor([-1.0, 8.0]))
    tensor([0., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return _shown(self)


class Sigmoid(Module):
    """1 / (1 + exp(-x)). The input has any shape. Raises TypeError for what is no tensor.

    >>> nn.Sigmoid()(torch.zeros(1))
    tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


class Hardsigmoid(_InPlace):
    """x / 6 + 1/2 clipped to [0, 1].

    inplace: write the result over the input. The input has any shape. Raises TypeError where input
    is no tensor; NotImplementedError where input holds integers, booleans or complex numbers.

    >>> nn.Hardsigmoid()(torch.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Tanh(Module):
    """The hyperbolic tangent. The input has any shape. Raises TypeError for what is no tensor.

    >>> nn.Tanh()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class SiLU(_InPlace):
    """x sigmoid(x), also called swish.

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers or booleans.

    >>> nn.SiLU()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_InPlace):
    """x tanh(softplus(x)).

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.Mish()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class Hardswish(_InPlace):
    """x times hardsigmoid of x.

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.Hardswish()(torch.tensor([-4.0, 4.0]))
    tensor([-0.,  4.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class _Alpha(Module):
    """An activation with a scale alpha for its negative half."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self) -> str:
        return _shown(self, "alpha")


class ELU(_Alpha):
    """x where positive, else alpha (exp(x) - 1).

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.ELU()(torch.tensor([-100.0, 2.0]))
    tensor([-1.,  2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Alpha):
    """x where positive, else alpha (exp(x / alpha) - 1).

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where alpha is of the wrong type or input is no
    tensor; NotImplementedError where input holds integers, booleans or complex numbers.

    >>> nn.CELU(2.0)(torch.tensor([-100.0, 2.0]))
    tensor([-2.,  2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


class SELU(_InPlace):
    """ELU scaled so that activations keep mean 0 and variance 1.

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.SELU()(torch.tensor([1.0]))
    tensor([1.0507])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class GLU(Module):
    """One half of the input along dim times the sigmoid of the other.

    The input has any shape, with an even size along dim. Raises TypeError where input is no tensor;
    RuntimeError where input has a shape that does not fit; NotImplementedError where input holds
    integers, booleans or complex numbers.

    >>> nn.GLU()(torch.tensor([2.0, 0.0]))
    tensor([1.])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class GELU(Module):
    """x times the normal distribution function of x; approximate: 'none' or 'tanh'.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.GELU()(torch.tensor([1.0]))
    tensor([0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class _Shrink(Module):
    """An activation that is zero in [-lambd, lambd]."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Hardshrink(_Shrink):
    """x outside [-lambd, lambd], else 0.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.Hardshrink()(torch.tensor([0.4, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by lambd.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.Softshrink()(torch.tensor([0.4, 2.0]))
    tensor([0.0000, 1.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class LeakyReLU(Module):
    """x where positive, else negative_slope x.

    inplace: write the result over the input.

    The input has any shape. Raises TypeError where negative_slope is of the wrong type or input is
    no tensor; NotImplementedError where input holds integers, booleans or complex numbers.

    >>> nn.LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return _shown(self, "negative_slope")


class LogSigmoid(Module):
    """log(sigmoid(x)), without overflow.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers or booleans.

    >>> nn.LogSigmoid()(torch.zeros(1))
    tensor([-0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x itself above threshold / beta.

    The input has any shape. Raises TypeError where input is no tensor; NotImplementedError where
    input holds integers, booleans or complex numbers.

    >>> nn.Softplus()(torch.zeros(1))
    tensor([0.6931])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class PReLU(Module):
    """x where positive, else weight x, with a learned weight for all channels or for each.

    input (N, C, *); num_parameters is 1 or C.

    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype.

    init: what the weight starts with.

    Raises TypeError where input is no tensor; RuntimeError where input holds integers, booleans or
    complex numbers.

    >>> nn.PReLU()(torch.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = empty(num_parameters, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Give the weight its first value again.

        >>> nn.PReLU().reset_parameters()
        """
        initialisers.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Softsign(Module):
    """x / (1 + |x|). The input has any shape. Raises TypeError for what is no tensor.

    >>> nn.Softsign()(torch.ones(1))
    tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x).

    The input has any shape. Raises RuntimeError where input holds booleans.

    >>> nn.Tanhshrink()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class _AlongDim(Module):
    """An activation along one dimension."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """softmax of -x.

    dim: the dimension that it works along.

    The input has any shape. Raises TypeError where dim is of the wrong type or input is no tensor;
    RuntimeError where input holds booleans; NotImplementedError where input holds integers or
    complex numbers; IndexError where dim does not fit.

    >>> nn.Softmin(0)(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax(_AlongDim):
    """exp(x) divided by its sum along dim.

    The input has any shape. Raises TypeError where dim is of the wrong type or input is no tensor;
    NotImplementedError where input holds integers, booleans or complex numbers; IndexError where
    dim does not fit.

    >>> nn.Softmax(dim=0)(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of each place of an image: input (N, C, H, W) or (C, H, W).

    Raises ValueError where input has a shape that does not fit; NotImplementedError where input
    holds integers, booleans or complex numbers.

    >>> nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead"
            )
        return F.softmax(input, -3)


class LogSoftmax(_AlongDim):
    """log(softmax(x)) along dim, without overflow.

    The input has any shape. Raises TypeError where dim is of the wrong type or input is no tensor;
    NotImplementedError where input holds integers, booleans or complex numbers; IndexError where
    dim does not fit.

    >>> nn.LogSoftmax(dim=0)(torch.zeros(2))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)
