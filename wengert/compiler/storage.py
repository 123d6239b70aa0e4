"""Arrays where they lie, on this machine or on a device: made, copied, written and compared there.

What the compiler does to arrays beside running ops. Arrays of the CPU are NumPy's, and what is done
to them is a call of NumPy's; all others go through the namespace of their device. Not here: how a
graph's groups become kernels of a device (`launched.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.capabilities import writeable
from ..arrays.lookup import LIBRARY, NS, RANK, VALUES, namespace
from ..engine.implementations import COMPOSED
from ..engine.overlap import owner

ARRAY = np.ndarray


def takes(a: Any) -> bool:
    """Whether a graph can stand for the elements of an array: not of a sparse one, nor of one that
    has a shape alone.
    """
    t = type(a)
    if t is ARRAY:
        return True
    if RANK.get(t) or t in COMPOSED:
        return False
    ns = NS[t]
    return RANK.get(t, LIBRARY) == LIBRARY and t is ns.array_type and ns.has(VALUES)


def home(a: Any) -> Any:
    """The namespace of the device that an array is on; None for this machine's memory."""
    t = type(a)
    return None if t is ARRAY or t in HERE or not is_array(a) else namespace(a)


SCALARS = {t for t in vars(np).values() if isinstance(t, type) and issubclass(t, np.generic)}
HERE = {ARRAY, *SCALARS}


def is_array(a: Any) -> bool:
    """Whether something is an array, of whatever library."""
    return type(a) is ARRAY or hasattr(a, "strides") and hasattr(a, "dtype")


def as_array(a: Any, ns: Any = None) -> Any:
    """What a library gave, as an array: a scalar of its own as one of no dimensions."""
    if is_array(a) and type(a) not in SCALARS:
        return a
    return np.asarray(a) if ns is None else ns.asarray(a)


def copy(a: Any) -> Any:
    """A copy where the array is."""
    return np.array(a) if type(a) is ARRAY else namespace(a).copy(a)


def write(a: Any, new: Any) -> None:
    """Write elements into an array."""
    if type(a) is ARRAY:
        a[...] = new
    else:
        namespace(a).copy_into(a, new)


def as_it_lies(like: Any, new: Any) -> Any:
    """An array with the elements of `new` that lies in memory as another does."""
    if type(like) is ARRAY:
        made = np.empty_like(like)
        made[...] = new
        return made
    made = copy(like)
    write(made, new)
    return made


def filled(ns: Any, shape: Any, value: float, dtype: Any) -> Any:
    """A new array of a device (None: this machine) with one number in it."""
    return np.full(shape, value, dtype) if ns is None else ns.full(shape, value, dtype)


def lying(ns: Any, shape: Any, dtype: Any, order: list[int] | None) -> Any:
    """A new array whose dimensions lie in an order, the outermost first."""
    if order is None:
        return np.empty(shape, dtype) if ns is None else ns.empty(shape, dtype)
    inside, back = [shape[i] for i in order], np.argsort(order)
    if ns is None:
        return np.empty(inside, dtype).transpose(back)
    return ns.permute(ns.empty(tuple(inside), dtype), tuple([int(i) for i in back]))


def bits(a: Any) -> tuple[Any, bytes]:
    """Equal for arrays of the same bits on the same device; those of a device are fetched."""
    ns = home(a)
    return (None, a.tobytes()) if ns is None else (ns.name, ns.to_host(a).tobytes())


def its_own(a: Any) -> bool:
    """Whether memory belongs to an array alone, which may write it."""
    return bool(getattr(a.flags, "owndata", owner(a) is a)) and writeable(a)


def may_share(a: Any, b: Any) -> bool:
    """Whether arrays may have elements in common."""
    if type(a) is type(b) is ARRAY:
        return bool(np.may_share_memory(a, b))
    return type(a) is type(b) and owner(a) is owner(b)
