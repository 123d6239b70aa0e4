"""What the distributions do with their parameters: broadcasting, probabilities and logits, values
computed at first use, triangles as vectors.

What does not live here: the checks of parameters (`constraints.py`, `distribution.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from ..api import functions as T
from ..base import dtypes
from ..base.modes import enable_grad
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints

__all__ = [
    "BinaryParameter", "TensorOrNumber", "broadcast_all", "clamp_probs", "euler_constant",
    "finfo_of", "lazy_property", "log_sum_exp", "logits_to_probs", "one_of", "probs_to_logits",
    "shape_of", "standard_normal", "sum_rightmost", "tril_matrix_to_vec", "unfilled",
    "vec_to_tril_matrix",
]  # fmt: skip

euler_constant = 0.57721566490153286060  # Euler and Mascheroni's

NUMBER = (int, float)  # bool is an int
TensorOrNumber = Tensor | float


def broadcast_all(*values: TensorOrNumber) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape.

    Numbers take dtype and device of the first tensor, or the default dtype where there is none.
    ValueError for anything else.

    Tensors have any shape; they broadcast. Raises RuntimeError where values is a tensor of several
    numbers.

    >>> [t.tolist() for t in broadcast_all(torch.tensor([1.0, 2.0]), 3)]
    [[1.0, 2.0], [3.0, 3.0]]
    """
    for value in values:
        if not isinstance(value, (Tensor, *NUMBER)) and not hasattr(value, "__torch_function__"):
            raise ValueError(
                "Input arguments must all be instances of Number, torch.Tensor or objects "
                f"implementing __torch_function__, but one is {type(value).__name__}: "
                "wrap it in torch.tensor()"
            )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = dtypes.get_default_dtype() if like is None else like.dtype
    device = None if like is None else like.device
    return tuple(
        T.broadcast_tensors(
            *[
                T.tensor(v, dtype=dtype, device=device) if isinstance(v, NUMBER) else v
                for v in values
            ]
        )
    )


def shape_of(tensor: Tensor, *given: Any) -> Size:
    """The batch shape of parameters: none if they were all given as numbers."""
    return Size() if all(isinstance(v, NUMBER) for v in given) else tensor.shape


def unfilled(shape: Sequence[int], like: Tensor) -> Tensor:
    """A new tensor of a shape, with the dtype and device of another, for random numbers."""
    return T.empty(tuple(shape), dtype=like.dtype, device=like.device)


def standard_normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Normal numbers of mean 0 and variance 1, with the dtype and device of another tensor."""
    return unfilled(shape, like).normal_()


def finfo_of(tensor: Tensor) -> Any:
    """torch.finfo(tensor.dtype); tensor has any shape."""
    return dtypes.finfo(tensor.dtype)


def log_sum_exp(tensor: Tensor, keepdim: bool = True) -> Tensor:
    """torch.logsumexp over the last dimension of tensor, (*, n).

    keepdim: leave a dimension of size 1. Raises TypeError where tensor is no tensor.

    >>> torch.distributions.utils.log_sum_exp(torch.zeros(1, 1))
    tensor([[0.]])
    """
    return T.logsumexp(tensor, -1, keepdim)


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last dim dimensions."""
    if dim == 0:
        return value
    return value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


@clear_errors
def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits: a sigmoid where is_binary, else a softmax over the last dim.

    logits has any shape. Raises NotImplementedError where logits holds integers, booleans or
    complex numbers; TypeError where logits is no tensor.

    >>> logits_to_probs(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    return logits.sigmoid() if is_binary else logits.softmax(-1)


@clear_errors
def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities with their distance from 0 and 1 at least the dtype's eps.

    probs: probabilities.

    probs has any shape. Raises TypeError where probs holds integers or booleans;
    NotImplementedError where probs holds complex numbers.

    >>> torch.distributions.utils.clamp_probs(torch.tensor([0.0, 1.0]))
    tensor([1.1921e-07, 1.0000e+00])
    """
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


@clear_errors
def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities: log(p / (1 - p)) where is_binary, else log p; finite at 0 and 1.

    probs: probabilities.

    probs has any shape. Raises TypeError where probs holds integers or booleans;
    NotImplementedError where probs holds complex numbers.

    >>> probs_to_logits(torch.tensor(0.5), is_binary=True)
    tensor(0.)
    """
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


class lazy_property:
    """A method whose value is computed at first use and then is an attribute.

    It is computed with gradients recorded, whatever the mode at that moment.

    wrapped: the function that computes the value.

    >>> class Circle:
    ...     def __init__(self, r):
    ...         self.r = torch.tensor(r)
    ...     @torch.distributions.utils.lazy_property
    ...     def area(self):
    ...         return 3 * self.r**2
    >>> Circle(2.0).area
    tensor(12.)
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return LazyAndProperty(self.wrapped)
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class LazyAndProperty(lazy_property, property):
    """What a class shows for its lazy properties: documentation tools know properties."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)
        self.wrapped = wrapped


def one_of(probs: Any, logits: Any) -> str:
    """The name of the one parameter that was given. ValueError if both or neither were."""
    if (probs is None) == (logits is None):
        raise ValueError(
            "Either `probs` or `logits` must be specified, but not both: "
            f"{'neither' if probs is None else 'both'} of them was given"
        )
    return "logits" if probs is None else "probs"


class OneGiven:
    """Distributions with probs or logits; _given says which one the user has given."""

    _given: str

    def _set(self, probs: Any, logits: Any, *others: Any) -> Any:
        """Keep the one that was given, broadcast with the others, which are returned."""
        self._given = one_of(probs, logits)
        *rest, value = broadcast_all(*others, logits if probs is None else probs)
        setattr(self, self._given, value)
        return rest

    @property
    def _param(self) -> Tensor:
        return getattr(self, self._given)

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._param.new(*args, **kwargs)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return self._param.shape


class Located:
    """Distributions around loc, which are highest there."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc


class LocationScale(Located):
    """Those on the real line that loc moves and scale widens."""

    scale: Tensor
    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support: Any = constraints.real
    has_rsample = True

    def __init__(
        self, loc: TensorOrNumber, scale: TensorOrNumber, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        shape = shape_of(self.loc, loc, scale)
        super().__init__(shape, validate_args=validate_args)  # type: ignore[call-arg]


class BinaryParameter(OneGiven):
    """probs and logits of distributions over yes and no, each computed from the other."""

    _keeps: tuple[str, ...] = ("_given",)

    @lazy_property
    def logits(self) -> Tensor:
        """Log-odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities."""
        return logits_to_probs(self.logits, is_binary=True)


def _in_triangle(n: int, diag: int, device: Any) -> Tensor:
    """A mask (n, n) of the elements on and below a diagonal."""
    places = T.arange(n, device=device)
    return places < places.view(-1, 1) + (diag + 1)


@clear_errors
def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal, row by row: (..., n, n) to (..., count).

    mat: (..., n, n). diag: which diagonal is the last.

    Raises IndexError where mat has a shape that does not fit; TypeError where mat is no tensor.

    >>> tril_matrix_to_vec(torch.tensor([[1, 0], [2, 3]]))
    tensor([1, 2, 3])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _in_triangle(n, diag, mat.device)]


@clear_errors
def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`, with zeros above the diagonal.

    vec: of shape (..., n (n + 1) / 2). diag: which diagonal is the last.

    Raises TypeError where vec holds integers or booleans; ValueError where vec has a shape that
    does not fit; IndexError where vec has a shape that does not fit; RuntimeError where vec has a
    shape that does not fit.

    >>> vec_to_tril_matrix(torch.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    count = vec.shape[-1]
    # Of n rows, row i has i + 1 + diag elements, those that would be negative counting as none.
    shift = 1 + 2 * diag
    n = (-shift + (shift**2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > dtypes.finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    mat = vec.new_zeros((*vec.shape[:-1], round(n), round(n)))
    mat[..., _in_triangle(round(n), diag, vec.device)] = vec
    return mat
