"""Initialisers: fill a tensor in place, with PyTorch's formulas and its use of the random stream.

Random numbers themselves are in `arrays/random_stream.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

from ..api import functions as T
from ..api.functions import resolve
from ..base.advice import advise
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = [
    "calculate_gain", "uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_",
    "eye_", "dirac_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_",
    "orthogonal_", "sparse_",
    "uniform", "normal", "constant", "eye", "dirac", "xavier_uniform", "xavier_normal",
    "kaiming_uniform", "kaiming_normal", "orthogonal", "sparse",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


def _unrecorded(f: F) -> F:
    """f without a graph, since initialising is no part of a computation; nothing on meta."""

    @functools.wraps(f)
    def inner(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        if tensor.is_meta:
            return tensor
        with no_grad():
            return f(tensor, *args, **kwargs)

    return clear_errors(inner)  # type: ignore[return-value]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much a nonlinearity shrinks: the factor its layer's weights are to be scaled with.

    nonlinearity: 'linear', 'conv2d' and the like, 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'.
    param: negative slope of leaky_relu. ValueError for other names.

    >>> nn.init.calculate_gain("tanh")
    1.6666666666666667
    >>> nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    plain = ("linear", "sigmoid")
    convolutions = [f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)]
    if nonlinearity in plain or nonlinearity in convolutions:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity == "leaky_relu":
        if param is None:
            slope = 0.01
        elif not isinstance(param, bool) and isinstance(param, (int, float)):
            slope = param
        else:
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


@_unrecorded
@clear_errors
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers from [a, b).

    tensor: the tensor that is filled, and returned. generator: where random numbers come from;
    None: the default.

    tensor has any shape. Raises NotImplementedError where tensor holds integers or booleans;
    TypeError where tensor is no tensor.

    >>> nn.init.uniform_(torch.empty(100)).max() < 1
    tensor(True)
    """
    return tensor.uniform_(a, b, generator=generator)


@_unrecorded
@clear_errors
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normally distributed numbers.

    tensor: the tensor that is filled, and returned. mean: of the numbers. std: their standard
    deviation. generator: where random numbers come from; None: the default.

    tensor has any shape. Raises TypeError where mean is of the wrong type; NotImplementedError
    where tensor holds integers or booleans.

    >>> nn.init.normal_(torch.empty(1000), mean=3.0).mean().round()
    tensor(3.)
    """
    return tensor.normal_(mean, std, generator=generator)


@_unrecorded
@clear_errors
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Fill with normally distributed numbers, those outside [a, b] excluded.

    tensor: the tensor that is filled, and returned. mean: of the numbers. std: their standard
    deviation. generator: where random numbers come from; None: the default.

    tensor has any shape. Raises NotImplementedError where tensor holds integers, booleans or
    complex numbers; TypeError where tensor is no tensor.

    >>> nn.init.trunc_normal_(torch.empty(100)).abs().max() <= 2
    tensor(True)
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        advise(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
        )

    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if below(b) - below(a) > 0.3:
        return _by_rejecting_normals(tensor, mean, std, a, b, generator)
    return _by_rejecting_uniforms(tensor, mean, std, a, b, generator)


def _by_rejecting_normals(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    """Truncated normal where most of the distribution is kept: draw it again until it is inside."""
    low, high = (tensor.new_tensor(x, device="cpu").item() for x in (a, b))  # as the dtype has them
    drawn = tensor.normal_(mean, std, generator=generator)
    while (outside := (drawn < low) | (drawn > high)).any():
        drawn = T.where(outside, T.empty_like(drawn).normal_(mean, std, generator=generator), drawn)
    return tensor if drawn is tensor else tensor.copy_(drawn)


def _by_rejecting_uniforms(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    """Truncated normal far out in the tail: uniform candidates, kept with the density's odds."""
    highest = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def refused(candidates: Tensor) -> Tensor:
        log_density = candidates.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(highest)
        return T.empty_like(tensor).uniform_(generator=generator).log_().gt(log_density)

    drawn = tensor.uniform_(a, b, generator=generator)
    pending = refused(drawn)
    while pending.any():
        candidates = T.empty_like(tensor).uniform_(a, b, generator=generator)
        drawn = T.where(pending, candidates, drawn)
        pending = T.where(pending, refused(candidates), pending)
    return tensor if drawn is tensor else tensor.copy_(drawn)


@_unrecorded
@clear_errors
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    tensor: the tensor that is filled, and returned. val: the number.

    tensor has any shape. Raises TypeError where val is of the wrong type; RuntimeError where val is
    a tensor of several numbers.

    >>> nn.init.constant_(torch.empty(2), 3.0)
    tensor([3., 3.])
    """
    return tensor.fill_(val)


@_unrecorded
def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    tensor: the tensor that is filled, and returned.

    tensor has any shape. Raises TypeError where tensor is no tensor.

    >>> nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return tensor.fill_(1.0)


@_unrecorded
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    tensor: the tensor that is filled, and returned.

    tensor has any shape. Raises TypeError where tensor is no tensor.

    >>> nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return tensor.zero_()


@_unrecorded
@clear_errors
def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity, as far as it is square.

    tensor: the tensor that is filled, and returned.

    Raises ValueError where tensor has a shape that does not fit; TypeError where tensor is no
    tensor.

    >>> nn.init.eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndimension() != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.dim()}")
    return tensor.copy_(T.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@_unrecorded
@clear_errors
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution's weight pass its input channels on unchanged, in each group.

    tensor: (out_channels, in_channels / groups, ...), 3 to 5 dimensions.

    Raises ValueError where tensor has a shape that does not fit; TypeError where tensor is no
    tensor.

    >>> nn.init.dirac_(torch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError(
            f"Only tensors with 3, 4, or 5 dimensions are supported, got {tensor.dim()}"
        )
    if tensor.size(0) % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = tensor.size(0) // groups
    middle = [n // 2 for n in tensor.shape[2:]]
    tensor.zero_()
    for g in range(groups):
        for d in range(min(per_group, tensor.size(1))):
            place = (g * per_group + d, d, *middle)
            tensor[place] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach an output of the weight, and how many outputs an input reaches."""
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    inputs, outputs = tensor.size(1), tensor.size(0)
    field = math.prod(tensor.shape[2:]) if tensor.dim() > 2 else 1
    return inputs * field, outputs * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


@_unrecorded
@clear_errors
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from [-a, a), a = gain sqrt(6 / (fan_in + fan_out)): variances keep both ways.

    generator: where random numbers come from; None: the default.

    tensor is of shape (out, in, *). Raises ValueError where tensor has a shape that does not fit;
    NotImplementedError where tensor holds integers or booleans; TypeError where tensor is no
    tensor.

    >>> nn.init.xavier_uniform_(torch.empty(3, 3)).abs().max() <= 1
    tensor(True)
    >>> nn.init.xavier_uniform_(torch.empty(100, 200)).abs().max() < 0.2
    tensor(True)
    """
    std = gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    a = math.sqrt(3.0) * std
    return tensor.uniform_(-a, a, generator=generator)


@_unrecorded
@clear_errors
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from a normal distribution of deviation gain sqrt(2 / (fan_in + fan_out)).

    tensor: the tensor that is filled, and returned. generator: where random numbers come from;
    None: the default.

    tensor is of shape (out, in, *). Raises ValueError where tensor has a shape that does not fit;
    NotImplementedError where tensor holds integers or booleans; TypeError where tensor is no
    tensor.

    >>> nn.init.xavier_normal_(torch.empty(100, 200)).std() < 0.2
    tensor(True)
    """
    std = gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return tensor.normal_(0.0, std, generator=generator)


def _nothing_to_do(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        advise("Initializing zero-element tensors is a no-op")
        return True
    return False


def _deviation(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """At which variances keep through the nonlinearity."""
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@_unrecorded
@clear_errors
def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Fill from [-b, b), b = gain sqrt(3 / fan): variances keep through the nonlinearity.

    a: negative slope, for leaky_relu. mode: 'fan_in' for the forward pass, 'fan_out' for the
    backward pass.

    tensor: the tensor that is filled, and returned. generator: where random numbers come from;
    None: the default.

    tensor is of shape (out, in, *). Raises ValueError where tensor has a shape that does not fit;
    NotImplementedError where tensor holds integers or booleans; TypeError where tensor is no
    tensor.

    >>> nn.init.kaiming_uniform_(torch.empty(100, 200)).abs().max() < 0.2
    tensor(True)
    """
    if _nothing_to_do(tensor):
        return tensor
    bound = math.sqrt(3.0) * _deviation(tensor, a, mode, nonlinearity)
    return tensor.uniform_(-bound, bound, generator=generator)


@_unrecorded
@clear_errors
def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Fill from a normal distribution of deviation gain / sqrt(fan); see kaiming_uniform_.

    tensor: the tensor that is filled, and returned. mode: 'fan_in' or 'fan_out': whose variance
    is kept. nonlinearity: what follows the layer, for the gain. generator: where random numbers
    come from; None: the default.

    tensor is of shape (out, in, *). Raises ValueError where tensor has a shape that does not fit;
    NotImplementedError where tensor holds integers or booleans; TypeError where tensor is no
    tensor.

    >>> nn.init.kaiming_normal_(torch.empty(100, 200)).std() < 0.2
    tensor(True)
    """
    if _nothing_to_do(tensor):
        return tensor
    std = _deviation(tensor, a, mode, nonlinearity)
    return tensor.normal_(0, std, generator=generator)


@_unrecorded
@clear_errors
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Make a weight, seen as (rows, everything else), orthogonal.

    tensor: the tensor that is filled, and returned. gain: a factor. generator: where random
    numbers come from; None: the default.

    tensor is of shape (rows, *), of two dims or more. Raises ValueError where tensor has a shape
    that does not fit; NotImplementedError where tensor holds integers, booleans or complex numbers;
    TypeError where tensor is no tensor.

    >>> w = nn.init.orthogonal_(torch.empty(3, 3))
    >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-5)
    True
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    flat = tensor.new_empty((rows, tensor.numel() // rows)).normal_(0, 1, generator=generator)
    wide = rows < flat.size(1)
    q, r = resolve("linalg", "qr")(flat.t() if wide else flat)
    q = q * T.diag(r, 0).sign()  # makes the factorisation unique, and so the result uniform
    return tensor.copy_((q.t() if wide else q).reshape(tensor.shape)).mul_(gain)


@_unrecorded
@clear_errors
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix from a normal distribution, a fraction `sparsity` of each column zero.

    tensor: the tensor that is filled, and returned. std: their standard deviation. generator:
    where random numbers come from; None: the default.

    Raises TypeError where sparsity is of the wrong type; ValueError where tensor has a shape that
    does not fit; NotImplementedError where tensor holds integers or booleans.

    >>> (nn.init.sparse_(torch.empty(4, 2), sparsity=0.5) == 0).sum(0)
    tensor([2, 2])
    """
    if tensor.ndimension() != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.dim()}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[T.randperm(rows)[:zeros], column] = 0
    return tensor


def _filling(name: str) -> Callable[..., Any]:
    """The private name for filling by a method of the tensor, without a graph."""

    def fill(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        with no_grad():
            return getattr(tensor, name)(*args, **kwargs)

    fill.__name__ = fill.__qualname__ = f"_no_grad_{name}"
    return fill


# what libraries with initialisers of their own import
_no_grad_uniform_ = _filling("uniform_")
_no_grad_normal_ = _filling("normal_")
_no_grad_fill_ = _filling("fill_")
_no_grad_zero_ = _filling("zero_")
_no_grad_trunc_normal_ = trunc_normal_


def _old(new: Callable[..., Any]) -> Callable[..., Any]:
    """The name without an underscore that PyTorch had before 0.4."""
    name = new.__name__

    def old(*args: Any, **kwargs: Any) -> Any:
        advise(
            f"`nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`.",
            FutureWarning,
        )
        return new(*args, **kwargs)

    old.__name__ = old.__qualname__ = name[:-1]
    old.__doc__ = f"Old name of {name}, which says what it raises."
    return old


uniform = _old(uniform_)
normal = _old(normal_)
constant = _old(constant_)
eye = _old(eye_)
dirac = _old(dirac_)
xavier_uniform = _old(xavier_uniform_)
xavier_normal = _old(xavier_normal_)
kaiming_uniform = _old(kaiming_uniform_)
kaiming_normal = _old(kaiming_normal_)
orthogonal = _old(orthogonal_)
sparse = _old(sparse_)
