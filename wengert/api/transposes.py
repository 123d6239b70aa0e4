"""Properties that are tensors: transposes, and the real and imaginary parts."""

from __future__ import annotations

from typing import Any

from ..base.advice import advise
from ..declare.registry import METHODS
from ..engine.op import OPS
from ..engine.tensor import Tensor
from . import functions
from .fill import copy_, fill_

__all__ = ["H", "T", "mH", "mT", "part"]


def mT(self: Tensor) -> Tensor:
    """The last two dimensions swapped."""
    if self._a.ndim == 0:
        advise(
            "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases."
        )
        return OPS["permute"].entry(self, ())
    if self._a.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self._a.ndim}-D"
            " tensor."
        )
    return OPS["transpose"].entry(self, -2 % self._a.ndim, -1 % self._a.ndim)


def T(self: Tensor) -> Tensor:
    """The dimensions in reverse order."""
    n = self._a.ndim
    if n == 2:
        return OPS["permute"].entry(self, (1, 0))
    if n == 0:
        advise(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
        )
    else:
        advise(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is"
            " deprecated: consider `x.mT` to transpose batches of matrices or"
            " `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions.",
            once=True,
        )
    return OPS["permute"].entry(self, tuple(range(n))[::-1])


def mH(self: Tensor) -> Tensor:
    """The last two dimensions swapped and conjugated."""
    if self._a.ndim == 0:
        advise("Tensor.mH is deprecated on 0-D tensors. Consider using x.conj().")
        return METHODS["conj"](self)
    return adjoint(self)


def adjoint(self: Tensor) -> Tensor:
    """The last two dimensions swapped and conjugated."""
    n = self._a.ndim
    if n > 1 and not self.dtype.is_complex:
        return OPS["transpose"].entry(self, n - 2, n - 1)
    return METHODS["adjoint"](self)


def H(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self._a.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self._a.ndim}-D tensor."
        )
    if self._a.ndim == 0:
        advise("Tensor.H is deprecated on 0-D tensors. Consider using x.conj().")
        return METHODS["conj"](self)
    return adjoint(self)


def part(name: str) -> Any:
    """The property of the real or imaginary parts: read through functions, written in place."""

    def read(self: Tensor) -> Tensor:
        return getattr(functions, name)(self)

    def write(self: Tensor, value: Any) -> None:
        fill_(read(self), value) if isinstance(value, (int, float)) else copy_(read(self), value)

    return property(read, write)
