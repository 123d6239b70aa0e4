"""Short forms of the random functions: the commonest calls, in the default dtype on the CPU.

What lives here: fronts that take only what they are sure of, and give all else to the careful
function behind them. What does not: those functions (`rand.py`, `fill.py`), the numbers
(`arrays/random_stream.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.random_fill import default_stream, plain_layout
from ...arrays.random_stream import Stream
from ...base import dtypes
from ...base.dtypes import DEFAULT
from ...base.modes import everyone, state
from ...base.size import Size
from ...declare.binding import ABSENT
from ...declare.fast_paths import F32, F64
from ...engine import views
from ...engine.tensor import Tensor, new

INT64 = dtypes.int64.np
SEQUENCES, INTS = {tuple, Size}, {int}
LARGEST = 1e30  # ends and spreads up to here are in range for every dtype concerned
REFUSED = (MemoryError, ValueError, TypeError)


def sized(draw: Callable[..., Any]) -> Any:
    """The short form of rand(2, 3) and rand((2, 3)); draw(stream, shape, dtype) gives an array."""

    def form(careful: Any) -> Any:
        def f(*size: Any, **kw: Any) -> Any:
            if size and not kw and not everyone.special:
                shape = size if len(size) > 1 or type(size[0]) not in SEQUENCES else size[0]
                d = DEFAULT[0].np
                if INTS.issuperset(map(type, shape)) and (d is F32 or d is F64):
                    try:
                        t = new(Tensor)
                        t._a = draw(default_stream(), shape, d)
                        t._n = t._x = None
                        return t
                    except REFUSED:
                        pass  # the careful function says what is wrong
            return careful(*size, **kw)

        return f

    return form


def like(draw: Callable[..., Any]) -> Any:
    """The short form of rand_like(x) for a contiguous array of a plain float dtype."""

    def form(careful: Any) -> Any:
        def f(input: Any = ABSENT, **kw: Any) -> Any:
            if not kw and type(input) is Tensor and not everyone.special:
                a = input._a
                d = a.dtype
                if (d is F32 or d is F64) and plain_layout(a):
                    try:
                        t = new(Tensor)
                        t._a = draw(default_stream(), a.shape, d)
                        t._n = t._x = None
                        return t
                    except MemoryError:
                        pass  # the careful function says it
            return careful(input, **kw)

        return f

    return form


def integers(careful: Any) -> Any:
    """The short form of randint(high, size) and randint(low, high, size)."""

    def f(*args: Any, **kw: Any) -> Any:
        n = len(args)
        if not kw and (n == 3 or n == 2) and not everyone.special:
            low, high, shape = args if n == 3 else (0, *args)
            plainly = type(low) is type(high) is int and type(shape) is tuple
            if plainly and 0 < high - low < 2**28 and low > -(2**62) and high < 2**62:
                try:
                    if INTS.issuperset(map(type, shape)):
                        t = new(Tensor)
                        t._a = default_stream().integers(shape, INT64, low, high)
                        t._n = t._x = None
                        return t
                except REFUSED:
                    pass  # the careful function says what is wrong
        return careful(*args, **kw)

    return f


def shuffled(careful: Any) -> Any:
    """The short form of randperm(n)."""

    def f(n: Any = ABSENT, **kw: Any) -> Any:
        if not kw and type(n) is int and 0 <= n < 2**31 and not everyone.special:
            try:
                t = new(Tensor)
                t._a = default_stream().permutation(n)
                t._n = t._x = None
                return t
            except MemoryError:
                pass  # the careful function says it
        return careful(n, **kw)

    return f


def overwriting(kind: str) -> Any:
    """The short form of uniform_(low, high) and normal_(mean, std) for a plain contiguous array
    that no graph knows, or inside no_grad.
    """
    uniform = kind == "uniform"
    word = Stream.fill_uniform if uniform else Stream.fill_normal

    def form(careful: Any) -> Any:
        def f(self: Any, *args: Any, **kw: Any) -> Any:
            if type(self) is Tensor and not kw and not everyone.special:
                a, x = self._a, self._x
                d = a.dtype
                usual = x is None or x.base is None and not x.inference
                usual = usual and (d is F32 or d is F64) and (self._n is None or not state.grad)
                if usual and plain_layout(a):
                    x, y = 0.0, 1.0
                    if args:
                        usual = len(args) == 2 and type(args[0]) is type(args[1]) is float
                        if usual:
                            x, y = args
                            usual = abs(x) < LARGEST and (x if uniform else 0.0) <= y < LARGEST
                    if usual and word(default_stream(), a, x, y):
                        views.mutated(self)
                        return self
            return careful(self, *args, **kw)

        return f

    return form
