"""Dual numbers by hand (torch.autograd.forward_ad)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..base.modes import Level, state
from ..engine.op import OPS
from ..engine.recording import record
from ..engine.tensor import Tensor
from .forward import make_dual as _make
from .forward import split

_open: list[tuple[int, Level]] = []


def enter_dual_level() -> int:
    """Open a level; tensors made dual inside forget their tangents when it closes. RuntimeError if
    one is open.
    """
    if _open:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    entered = Level()
    _open.append((entered.__enter__(), entered))
    return _open[-1][0]


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the innermost level."""
    if not _open or level is not None and level != _open[-1][0]:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created."
        )
    _open.pop()[1].__exit__()


class dual_level:
    """Context manager: a level for make_dual and unpack_dual."""

    def __enter__(self) -> int:
        self.level = enter_dual_level()
        return self.level

    def __exit__(self, *exc: object) -> None:
        exit_dual_level(level=self.level)


def _level(level: int | None) -> int:
    if level is not None and level > 0:
        return level
    if not _open:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return _open[-1][0]


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """tensor with a tangent of the same shape and dtype.

    level: of the forward pass; None: the innermost.
    """
    lv = _level(level)
    if tensor.dtype.category < 2:
        raise ValueError(
            f"Expected primal to be floating point or complex, but got: {tensor.dtype}"
        )
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            f"Expected tangent of shape {tuple(tensor.shape)}, got {tuple(tangent.shape)}"
        )
    dual = _make(tensor, tangent, lv)
    if tensor._n is not None and state.grad:  # gradients of tensor have tangents too
        record(OPS["contiguous"], [dual], [tensor._n], [tensor._a], [dual._a], {})
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> Any:
    """(primal, tangent); the tangent is None if there is none at this level.

    tensor: a tensor, dual or not.
    """
    if not _open and level is None:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*split(tensor, _level(level)))


class UnpackedDualTensor(NamedTuple):
    """What unpack_dual returns.

    primal: the value. tangent: its tangent, or None.
    """

    primal: Tensor
    tangent: Tensor | None
