"""Dual numbers by hand (torch.autograd.forward_ad)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..base.modes import Level, state
from ..engine.error_context import clear_errors
from ..engine.op import OPS
from ..engine.recording import record
from ..engine.tensor import Tensor
from .forward import lowered, split
from .forward import make_dual as _make

_open: list[tuple[int, Level]] = []


def enter_dual_level() -> int:
    """Open a level; tensors made dual inside forget their tangents when it closes. Gives its
    number, 0: levels of dual numbers do not nest. RuntimeError if one is open.

    >>> fw = torch.autograd.forward_ad
    >>> level = fw.enter_dual_level()
    >>> x = fw.make_dual(torch.tensor(3.0), torch.tensor(1.0), level=level)
    >>> fw.unpack_dual(x * x).tangent
    tensor(6.)
    >>> fw.exit_dual_level(level=level)
    """
    if _open:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    entered = Level()
    _open.append((entered.__enter__(), entered))
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level.

    level: the number that entering gave; None: the one that is open. RuntimeError if that is none.

    >>> with torch.autograd.forward_ad.dual_level():  # closes it by itself
    ...     pass
    """
    if not _open or level not in (None, 0):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created."
        )
    _open.pop()[1].__exit__()


class dual_level:
    """Context manager: a level for make_dual and unpack_dual.

    >>> fw = torch.autograd.forward_ad
    >>> with fw.dual_level():
    ...     x = fw.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    ...     print(fw.unpack_dual(x**3).tangent)
    tensor(12.)
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()


def _level(level: int | None) -> int:
    """The engine's number of the level that is open."""
    if not _open or level not in (None, 0):
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return _open[-1][0]


@clear_errors
def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """tensor with a tangent of the same shape and dtype.

    level: the number that entering the level gave; None: the one that is open. ValueError for
    integers, RuntimeError for other shapes and where no level is open.

    Raises TypeError where tensor or tangent is no tensor.

    >>> fw = torch.autograd.forward_ad
    >>> with fw.dual_level():
    ...     x = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    ...     print(fw.unpack_dual(x.prod()).tangent)
    tensor(2.)
    """
    lv = _level(level)
    if not tensor.dtype.is_inexact:
        raise ValueError(
            f"Expected primal to be floating point or complex, but got: {tensor.dtype}"
        )
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            f"Expected tangent of shape {tuple(tensor.shape)}, got {tuple(tangent.shape)}"
        )
    if split(tensor, lv)[1] is not None:
        raise RuntimeError("Cannot make a dual of a tensor that has a tangent at this level")
    dual = _make(tensor, tangent, lv)
    if tangent.stride() == tensor.stride():
        dual.__dict__["_given"] = tangent
    if tensor._n is not None and state.grad:  # gradients of tensor have tangents too
        record(OPS["contiguous"], [dual], [tensor._n], [tensor._a], [dual._a], {})
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> Any:
    """(primal, tangent); the tangent is None if there is none at this level.

    tensor: a tensor, dual or not. level: the number that entering the level gave; None: the one
    that is open. The tensor has any shape.

    >>> torch.autograd.forward_ad.unpack_dual(torch.tensor(1.0)).tangent is None
    True
    """
    if not _open and level is None:
        return UnpackedDualTensor(tensor, None)
    primal, tangent = split(tensor, _level(level))
    given = tensor.__dict__.get("_given")
    if given is not None and tangent is not None and lowered(given) is tensor._a.tangent:
        tangent = given  # the very tensor that make_dual() was given, as long as it stands
    return UnpackedDualTensor(primal, tangent)


class UnpackedDualTensor(NamedTuple):
    """What unpack_dual returns.

    primal: the value. tangent: its tangent, or None. tangent has the shape of primal.

    >>> from wengert.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     forward_ad.unpack_dual(forward_ad.make_dual(torch.ones(1), torch.zeros(1)))
    UnpackedDualTensor(primal=tensor([1.]), tangent=tensor([0.]))
    """

    primal: Tensor
    tangent: Tensor | None
