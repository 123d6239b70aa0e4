"""Short forms of the random functions: the commonest calls, in the default dtype on the CPU.

What lives here: fronts that take only what they are sure of, and give all else to the careful
function behind them. What does not: those functions (`rand.py`, `fill.py`), the numbers
(`arrays/random_stream.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.random_fill import default_stream, overwritten, plain_layout
from ...base import dtypes
from ...base.modes import state
from ...base.size import Size
from ...declare.binding import ABSENT
from ...declare.fast_paths import F32, F64, plain
from ...engine import views
from ...engine.tensor import Tensor

INT64 = dtypes.int64.np
UNKNOWN: Any = (0, 0, None)
LARGEST = 1e30  # ends and spreads up to here are in range for every dtype concerned


def elsewhere() -> bool:
    """Whether new tensors are anything but plain ones on the CPU."""
    return state.default_device is not None or state.inference or bool(state.vmap)


def sized(draw: Callable[..., Any]) -> Any:
    """The short form of rand(2, 3) and rand((2, 3)); draw(stream, shape, dtype) gives an array."""

    def form(careful: Any) -> Any:
        def f(*size: Any, **kw: Any) -> Any:
            if size and not kw and not elsewhere():
                shape = size
                if len(size) == 1 and (type(size[0]) is tuple or type(size[0]) is Size):
                    shape = size[0]
                for n in shape:
                    if type(n) is not int or n < 0:
                        return careful(*size)
                d = dtypes.get_default_dtype().np
                if d is F32 or d is F64:
                    try:
                        return plain(draw(default_stream(), shape, d))
                    except MemoryError:
                        pass  # the careful function says it
            return careful(*size, **kw)

        return f

    return form


def like(draw: Callable[..., Any]) -> Any:
    """The short form of rand_like(x) for a contiguous array of a plain float dtype."""

    def form(careful: Any) -> Any:
        def f(input: Any = ABSENT, **kw: Any) -> Any:
            if not kw and type(input) is Tensor and not elsewhere():
                a = input._a
                d = a.dtype
                if (d is F32 or d is F64) and plain_layout(a):
                    return plain(draw(default_stream(), a.shape, d))
            return careful(input, **kw)

        return f

    return form


def integers(careful: Any) -> Any:
    """The short form of randint(high, size) and randint(low, high, size)."""

    def f(*args: Any, **kw: Any) -> Any:
        if not kw and not elsewhere():
            low, high, shape = args if len(args) == 3 else (0, *args) if len(args) == 2 else UNKNOWN
            if type(low) is type(high) is int and type(shape) is tuple and 0 < high - low < 2**28:
                for n in shape:
                    if type(n) is not int or n < 0:
                        return careful(*args)
                if low > -(2**62) and high < 2**62:
                    try:
                        return plain(default_stream().integers(shape, INT64, low, high))
                    except MemoryError:
                        pass
        return careful(*args, **kw)

    return f


def overwriting(kind: str) -> Any:
    """The short form of uniform_(low, high) and normal_(mean, std) for a plain contiguous array
    that no graph knows, or inside no_grad.
    """
    uniform = kind == "uniform"

    def form(careful: Any) -> Any:
        def f(self: Any, *args: Any, **kw: Any) -> Any:
            x = self._x if type(self) is Tensor and not kw else None
            usual = x is None or x.base is None and not x.inference
            if usual and not kw and type(self) is Tensor and not state.vmap:
                a = self._a
                if (a.dtype is F32 or a.dtype is F64) and (self._n is None or not state.grad):
                    x, y = args if len(args) == 2 else UNKNOWN[1:] if args else (0.0, 1.0)
                    usual = type(x) is float and type(y) is float and abs(x) < LARGEST
                    usual = usual and (x if uniform else 0.0) <= y < LARGEST
                    if usual and overwritten(a, kind, x, y):
                        views.mutated(self)
                        return self
            return careful(self, *args, **kw)

        return f

    return form
