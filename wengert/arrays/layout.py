"""In which order results of operations lie in memory.

NumPy takes C order as soon as one operand lies in it, PyTorch the order of the first operand that
has one: what is drawn in the order of memory, such as the elements that a dropout hides, depends on
it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.formats import ORDERS, format_of
from ..kernels.halves import arithmetic
from .numpy_direct import library
from .shapes import contiguous, reordered

Array = Any
ARRAY = np.ndarray


def as_first(f: Callable[..., Any], plain: bool) -> Callable[..., Any]:
    """f(array, array, ...) whose result lies as PyTorch's. plain: it takes two and no more."""
    if hasattr(f, "in_c_order"):
        return f
    if type(f) is np.ufunc and plain:  # which gives C order where the first has it

        def of_ufunc(a: Array, b: Array) -> Any:
            out = None
            if type(a) is ARRAY and a.dtype.itemsize == 2:
                out = arithmetic(f.__name__, a, b)
            if out is None:
                out = f(a, b)
            if type(a) is ARRAY and a.ndim > 1 and not a.flags.c_contiguous:
                return laid(out, a, (b,))
            return out

        of_ufunc.ufunc = f  # type: ignore[attr-defined]  # whose numbers these are
        of_ufunc.direct = f  # type: ignore[attr-defined]  # what may be called instead, in C order
        of_ufunc.__name__ = f.__name__
        return of_ufunc

    def of_two(a: Array, b: Array) -> Any:
        out = f(a, b)
        if type(a) is not ARRAY or type(out) is not ARRAY or out.ndim < 2:
            return out
        in_c_order = a.flags.c_contiguous and out.flags.c_contiguous
        return out if in_c_order else laid(out, a, (b,))

    def of_several(a: Array, *args: Any, **kwargs: Any) -> Any:
        out = f(a, *args, **kwargs)
        if type(a) is not ARRAY or type(out) is not ARRAY or out.ndim < 2:
            return out
        in_c_order = a.flags.c_contiguous and out.flags.c_contiguous
        return out if in_c_order else laid(out, a, (*args, *kwargs.values()))

    return functools.wraps(f)(of_two if plain else of_several)


def in_order(f: Callable[..., Any]) -> Any:
    """f whose results lie in C order."""

    def ordered(*args: Any, **kwargs: Any) -> Any:
        out = f(*args, **kwargs)
        if type(out) is ARRAY:
            return out if out.flags.c_contiguous else contiguous(np, out)
        if type(out) is tuple:
            for o in out:
                if type(o) is ARRAY and not o.flags.c_contiguous:
                    return tuple([contiguous(np, o) if type(o) is ARRAY else o for o in out])
        return out

    wrapped: Any = functools.wraps(f)(ordered) if hasattr(f, "__name__") else ordered
    wrapped.direct = f  # for callers that put results in order themselves
    return wrapped


def in_format(f: Callable[..., Any], ranks: tuple[int, ...], deciding: int) -> Any:
    """f whose results of these ranks lie channels last where one of the first operands does, of
    which there are one or two, and else in C order.
    """

    def of_images(*args: Any, **kwargs: Any) -> Any:
        out = f(*args, **kwargs)
        a = args[0]
        dense = type(a) is not ARRAY or a.flags.c_contiguous
        if dense and deciding > 1:
            dense = type(args[1]) is not ARRAY or args[1].flags.c_contiguous
        if type(out) is ARRAY:
            if dense and out.flags.c_contiguous:
                return out
            return formatted(out, ranks, args[:deciding])
        if type(out) is not tuple:
            return out
        for o in out:
            if not dense or type(o) is ARRAY and not o.flags.c_contiguous:
                return tuple([formatted(o, ranks, args[:deciding]) for o in out])
        return out

    wrapped: Any = functools.wraps(f)(of_images) if hasattr(f, "__name__") else of_images
    wrapped.direct = f  # as of in_order
    return wrapped


def formatted(out: Any, ranks: tuple[int, ...], operands: Sequence[Any]) -> Any:
    """A result in the format of the operands that decide it, see in_format."""
    if type(out) is not ARRAY:
        return out
    if out.ndim in ranks:
        for a in operands:
            if a.ndim != out.ndim or a.flags.c_contiguous:
                continue
            form = format_of(a.shape, a.strides)
            if form in ORDERS:
                there = format_of(out.shape, out.strides) is form
                return out if there else reordered(np, out, ORDERS[form])
    return out if out.flags.c_contiguous else contiguous(np, out)


def laid(result: Any, first: Array, others: Sequence[Any]) -> Any:
    """A result in the order that its operands give it, which others may be among."""
    if type(result) is not ARRAY or not result.size or result.strides == first.strides:
        return result
    if first.shape == result.shape and 0 not in first.strides:
        moved = library.empty_like(first, result.dtype)
        if moved.strides == result.strides:
            return result
        moved[...] = result
        return moved
    strides = [_broadcast(a, result.shape) for a in (first, *others) if type(a) is ARRAY]
    order = order_by(strides, result.shape)
    inside = result.transpose(order)
    if inside.flags.c_contiguous:
        return result
    moved = np.empty(inside.shape, result.dtype)
    moved[...] = inside
    return moved.transpose(np.argsort(order))


def order_of(a: Array) -> list[int] | None:
    """The dimensions of any library's array, the outermost in memory first; None for C order."""
    if a.ndim < 2 or a.flags.c_contiguous:
        return None
    order = order_by([[abs(s) for s in a.strides]], a.shape)
    return None if order == list(range(a.ndim)) else order


def copied(a: Array) -> Array:
    """A copy whose dimensions lie in the order of those of a, without gaps."""
    order = order_of(a)
    if order is None:
        return a.copy()
    return a.transpose(order).copy().transpose(np.argsort(order))


def order_by(strides: list[list[int]], shape: tuple[int, ...]) -> list[int]:
    """The dimensions in the order that the strides of operands give, the outermost first."""
    n = len(shape)
    order = list(range(n - 1, -1, -1))  # the innermost first
    for i in range(1, n):
        at = i
        for k in range(i - 1, -1, -1):
            way = _outer(order[k], order[at], strides, shape)
            if way < 0:
                break
            if way > 0:
                order[k], order[at] = order[at], order[k]
                at = k
    return order[::-1]


def _broadcast(a: Array, shape: tuple[int, ...]) -> list[int]:
    """The strides of an operand in a result's dimensions."""
    ahead = len(shape) - a.ndim
    own = [0 if m == 1 != n else s for s, m, n in zip(a.strides, a.shape, shape[ahead:])]
    return [0] * ahead + own


def _outer(i: int, j: int, strides: list[list[int]], shape: tuple[int, ...]) -> int:
    """1 if dimension i belongs further out than j, which is further out now; -1 if it does not; 0:
    no operand says.
    """
    for own in strides:
        if own[i] and own[j]:
            if own[i] != own[j]:
                return 1 if own[i] > own[j] else -1
            if shape[i] > shape[j]:
                return 1
    return 0
