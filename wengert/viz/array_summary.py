"""Arrays told in numbers that fit a page: sizes, bytes, statistics, and the values of small ones.

Reads arrays of any device through the host; knows nothing about graphs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base import dtypes
from ..engine.tensor import Tensor, wrap

SMALL = 64  # arrays of so many elements are shown in full
BINS = 16
SAMPLE = 4096  # elements that a histogram looks at


def shape_text(shape: Any) -> str:
    """A shape as the page writes it: `8×3×28×28`, and `scalar` for no dimensions."""
    return "×".join(str(n) for n in shape) if len(shape) else "scalar"


def dtype_text(dtype: Any) -> str:
    """The name of an array's dtype, without a module in front."""
    return dtypes.as_dtype(dtype).name


def bytes_text(n: int) -> str:
    """A number of bytes for people.

    >>> bytes_text(12), bytes_text(3_400_000)
    ('12 B', '3.4 MB')
    """
    size = float(n)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def held(a: Any) -> int:
    """The bytes that an array keeps alive, as far as its own elements go."""
    size = getattr(a, "nbytes", None)
    if size is None:
        return math.prod(a.shape) * dtypes.as_dtype(a.dtype).itemsize
    base = getattr(a, "base", None)
    return min(int(size), int(getattr(base, "nbytes", size)))


def host(a: Any) -> np.ndarray | None:
    """The elements as a NumPy array, or None where an array has none to show (meta, traced)."""
    t = a if isinstance(a, Tensor) else wrap(a)
    try:
        h = np.asarray(t._a if type(t._a) is np.ndarray else t.detach().cpu().numpy())
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError):
        return None
    if dtypes.as_dtype(h.dtype) is dtypes.bfloat16:
        return h.astype(np.float32)
    return h


def number(x: Any) -> Any:
    """A number that JSON has, of six digits; a string for what JSON has not."""
    if isinstance(x, (complex, np.complexfloating)):
        return f"{complex(x):.4g}"
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    f = float(x)
    return float(f"{f:.6g}") if math.isfinite(f) else str(f)


def values(a: Any) -> list[Any] | None:
    """All elements in order, if they are few."""
    h = host(a) if math.prod(a.shape) <= SMALL else None
    return None if h is None else [number(x) for x in h.ravel()]


def summary(a: Any, brief: bool = False) -> dict[str, Any]:
    """What a page says about an array.

    Shape and dtype; min, max, mean, norm and the share of zeros of its finite elements, how many
    are not finite; all elements if they are few, else (not with brief) a histogram.
    """
    told: dict[str, Any] = {"s": shape_text(a.shape), "d": dtype_text(a.dtype)}
    h = host(a)
    if h is None or h.size == 0:
        return told
    if h.size <= SMALL and not brief:
        told["v"] = [number(x) for x in h.ravel()]
        told["n"] = list(h.shape)
    real = np.abs(h) if h.dtype.kind == "c" else h
    real = real.astype(np.float64) if real.size <= SAMPLE or real.dtype.kind in "biu" else real
    with np.errstate(all="ignore"):
        low, high = real.min(), real.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            told["nan"] = int(np.isnan(real).sum())
            told["inf"] = int(np.isinf(real).sum())
            real = real[np.isfinite(real)]
            if not real.size:
                return told
            low, high = real.min(), real.max()
        flat = real.reshape(-1)
        square = float(np.dot(flat, flat)) if flat.dtype.itemsize > 2 else math.inf
        if not math.isfinite(square) or square == 0:  # overflow, underflow, or a short dtype
            square = float(np.square(flat, dtype=np.float64).sum())
    told["lo"], told["hi"] = number(low), number(high)
    told["mean"] = number(real.mean(dtype=np.float64))
    told["norm"] = number(math.sqrt(square))
    told["zero"] = number((real.size - np.count_nonzero(real)) / h.size)
    if h.size > SMALL and not brief and high > low:
        step = max(1, flat.size // SAMPLE)
        told["hist"] = np.histogram(
            flat[::step].astype(np.float64), BINS, (float(low), float(high))
        )[0].tolist()
    return told
