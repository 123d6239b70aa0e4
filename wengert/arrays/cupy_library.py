"""CuPy as the vocabulary wants it: methods of ufuncs that CuPy lacks (`reduce` of others than add
and multiply, `accumulate`, `reduceat`), from functions that it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["CuPyLibrary", "WholeUfunc"]


class WholeUfunc:
    """A ufunc of two arrays with the methods that are missing. whole: its reduction, if there is
    a function of it, such as max.
    """

    def __init__(self, lib: Any, ufunc: Any, whole: Callable[..., Any] | None) -> None:
        self.lib, self.ufunc, self.whole = lib, ufunc, whole

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.ufunc(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ufunc, name)

    def reduce(
        self, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
        initial: Any = None,
    ) -> Any:  # fmt: skip
        """All elements along axes, None for all of them, taken together."""
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple([a % x.ndim for a in axes])
        if initial is not None and not all(x.shape[a] for a in axes):
            shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
            found = self.lib.full(shape, initial, x.dtype)
        elif self.whole is not None:
            found = self.whole(x, axis=axes, keepdims=True)
        else:
            found = x
            for a in axes:
                found = self._folded(found, a)
        if initial is not None:
            found = self.ufunc(found, initial)
        if keepdims:
            return found
        return found.reshape([n for i, n in enumerate(found.shape) if i not in axes])

    def _folded(self, x: Any, axis: int) -> Any:
        """The last half put on the first until one is left."""
        x = self.lib.moveaxis(x, axis, 0)
        while len(x) > 1:
            half = (len(x) + 1) // 2
            rest = x[half:]
            x = self.lib.concatenate([self.ufunc(x[: len(rest)], rest), x[len(rest) : half]])
        return self.lib.moveaxis(x, 0, axis)

    def accumulate(self, x: Any, axis: int = 0, dtype: Any = None) -> Any:
        """The elements up to each along an axis taken together: in each step, twice as many."""
        y = self.lib.moveaxis(x if dtype is None else x.astype(dtype), axis, 0)
        step = 1
        while step < len(y):
            y = self.lib.concatenate([y[:step], self.ufunc(y[:-step], y[step:])])
            step *= 2
        return self.lib.ascontiguousarray(self.lib.moveaxis(y, 0, axis))

    def reduceat(self, x: Any, starts: Any, axis: int = 0) -> Any:
        """The elements from each start to the next taken together; starts grow."""
        y = self.lib.moveaxis(x, axis, 0)
        n = len(y)
        place = self.lib.arange(n)
        first = starts[self.lib.searchsorted(starts, place, side="right") - 1]
        wide = (-1, *[1] * (y.ndim - 1))
        step = 1
        while step < n:
            inside = (place[step:] - step >= first[step:]).reshape(wide)
            y = self.lib.concatenate(
                [y[:step], self.lib.where(inside, self.ufunc(y[:-step], y[step:]), y[step:])]
            )
            step *= 2
        last = self.lib.concatenate([starts[1:], self.lib.asarray([n])]) - 1
        return self.lib.moveaxis(y[last], 0, axis)


# ufunc -> the function that reduces as it does
WHOLE = {
    "maximum": "max", "minimum": "min", "logical_or": "any", "logical_and": "all",
    "bitwise_xor": None, "logaddexp": None,
}  # fmt: skip


class CuPyLibrary:
    """A module of CuPy's, with whole ufuncs."""

    def __init__(self, module: Any) -> None:
        self.__dict__["module"] = module

    def multiply_at(self, x: Any, index: Any, values: Any) -> None:
        """multiply.at, on the CPU: CuPy's raises."""
        import numpy as np

        m = self.module
        host = m.asnumpy(x)
        places = [m.asnumpy(i) if isinstance(i, m.ndarray) else i for i in index]
        np.multiply.at(host, tuple(places), m.asnumpy(values))
        x[...] = m.asarray(host)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if name in WHOLE:
            whole = WHOLE[name]
            found = WholeUfunc(
                self.module, found, None if whole is None else getattr(self.module, whole)
            )
        self.__dict__[name] = found
        return found
