"""The argument out=: results are put into tensors that are given."""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import LIBRARY, RANK, namespace
from ..base import dtypes, returns
from ..base.advice import advise
from ..base.modes import state
from . import views
from .overlap import check_overlap
from .tensor import Tensor


def write_out(name: str, result: Any, out: Any, words: str = "") -> Any:
    """Put results into the tensors given as out=, resizing them as PyTorch does; returns out.

    words: what the declaration says of out=. "exact": it has the dtype of the result, as each of
    several results has unless they are "converted"; with "bytes" it may be uint8 instead, with
    "complex" complex. "real": it is not complex. "typed": a TypeError says that it cannot hold the
    result. "unrecorded": it may require grad, since the result has no gradient. "quiet": it may
    have another size, of which no warning tells.
    Words for whoever calls (declare/signature.py): "apart": it must not overlap an operand in part;
    "separate": it must not overlap one at all ("input": this holds for the first operand, "others":
    for all but the first); "free": it may. What is written in place follows.
    """
    if isinstance(result, (tuple, list)):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): out must be a tuple of {len(result)} tensors")
        for r, o in zip(result, out):
            write_out(name, r, o, "" if "converted" in words else "exact")
        kind = type(result)
        if hasattr(kind, "n_fields"):
            return returns.named(f"{kind.__name__}_out", *out)
        return kind(*out) if hasattr(kind, "_fields") else tuple(out)  # of functions of old
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    recorded = result._n is not None or out._n is not None
    if recorded and state.grad and "unrecorded" not in words:
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation,"
            " but one of the arguments requires grad: leave out= away, or work under"
            " torch.no_grad()."
        )
    if out._x is not None and out._x.inference and not state.inference:
        raise RuntimeError(f"{name}(): {views.OF_INFERENCE}")
    have, want = result.dtype, out.dtype
    other = "bytes" in words and want is dtypes.uint8 or "complex" in words and want.is_complex
    if have is not want and "exact" in words and not other:
        raise RuntimeError(
            f"{name}(): Expected out tensor to have dtype {have}, but got {want} instead"
        )
    if "real" in words and want.is_complex:
        raise RuntimeError(f"{name} expects a floating point output tensor, but got {want}")
    if not can_store(have, want):
        raise (TypeError if "typed" in words else RuntimeError)(
            f"{name}(): result type {result.dtype} can't be cast to the desired output type"
            f" {out.dtype}"
        )
    if result.device != out.device:
        raise RuntimeError(
            f"{name}(): Expected out tensor to be on {result.device}, but it is on {out.device}"
        )
    check_overlap(out, name)
    if tuple(out._a.shape) != tuple(result._a.shape):
        if out._a.size and "quiet" not in words:
            advise(
                "An output with one or more elements was resized since it had shape"
                f" {list(out._a.shape)}, which does not match the required output shape"
                f" {list(result._a.shape)}. This behavior is deprecated: resize it to 0 elements"
                " first.",
            )
        resize(out, tuple(result._a.shape))
    views.store(out, result._a)
    return out


def resize(t: Tensor, shape: tuple[int, ...]) -> None:
    """Give t another shape, in the memory that it has if that suffices."""
    a = t._a
    xp = namespace(a)
    library = RANK.get(type(a), LIBRARY) == LIBRARY
    t._a = xp.resized(a, shape) if library else xp.empty(shape, a.dtype)
    if t._x is not None and t._x.base is not None:
        t._x = None  # no longer the view it was


def can_store(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether in-place and out= accept a result of one dtype in a tensor of another."""
    return from_.category <= to.category or from_.category == dtypes.BOOLEAN
