"""Quasi-random numbers: Sobol' sequences, which fill the unit cube more evenly than draws do."""

from __future__ import annotations

from typing import Any

from ..arrays import sobol
from ..base import dtypes
from ..engine.tensor import Tensor, wrap
from . import functions as T
from .generator import Generator

__all__ = ["SobolEngine"]


class SobolEngine:
    """Points of a Sobol' sequence in the unit cube, one after the other.

    Args:
        dimension: of the points, 1 to 21201; ValueError beyond.
        scramble: whether to scramble the sequence at random (Owen), with bits drawn as PyTorch
            draws them: from `seed`, or from the default generator.

    Raises TypeError where dimension is of the wrong type; RuntimeError where dimension is a tensor
    of several numbers.

    >>> torch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    >>> points = torch.quasirandom.SobolEngine(2)
    >>> points.draw_base2(1), points.fast_forward(1).num_generated, points.reset().num_generated
    (tensor([[0.0000, 0.0000],
            [0.5000, 0.5000]]), 3, 0)
    """

    MAXBIT, MAXDIM = sobol.BITS, sobol.MOST

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(
                "Supported range of dimensionality for SobolEngine is"
                f" [1, {self.MAXDIM}], not {dimension}"
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        numbers = sobol.directions(dimension)
        if scramble:
            g = None if seed is None else Generator().manual_seed(seed)
            bits = T.randint(2, (dimension, self.MAXBIT), generator=g)
            self.shift = (bits * 2 ** T.arange(self.MAXBIT)).sum(1)
            matrices = T.randint(2, (dimension, self.MAXBIT, self.MAXBIT), generator=g)
            numbers = sobol.scrambled(numbers, matrices._a)
        else:
            self.shift = T.zeros(dimension, dtype=dtypes.int64)
        self.sobolstate = wrap(numbers)
        self.reset()
        self._first = self._as_numbers(self.quasi._a[None], dtypes.get_default_dtype())

    def reset(self) -> SobolEngine:
        """Start from the first point again."""
        self.quasi, self.num_generated = self.shift.clone(), 0
        return self

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next n points (n, dimension).

        out: the tensor to write into. dtype: of the points.

        out has any shape: it is resized. Raises TypeError where n is of the wrong type;
        RuntimeError where n is a tensor of several numbers.
        """
        dtype = dtype or dtypes.get_default_dtype()
        result = self._as_numbers(self._next(n), dtype)
        if self.num_generated == n and n:
            result[0] = self._first[0]
        return result if out is None else out.resize_(result.shape).copy_(result)

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next 2**m points, as long as there are a power of two then; ValueError otherwise.

        out: the tensor to write into. dtype: of the points.

        out has any shape: it is resized. Raises TypeError where m is of the wrong type or negative;
        NotImplementedError where m is a tensor of several numbers.
        """
        total = self.num_generated + 2**m
        if total & (total - 1):
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2."
                f" {self.num_generated} points have been previously generated, then:"
                f" n={self.num_generated}+2**{m}={total}. Call draw(), or reset() first."
            )
        return self.draw(2**m, out, dtype)

    def fast_forward(self, n: int) -> SobolEngine:
        """Skip n points.

        Raises TypeError where n is of the wrong type; IndexError where n is negative; RuntimeError
        where n is a tensor of several numbers.
        """
        self._next(n)
        return self

    def _next(self, n: int) -> Any:
        """The next n points as integers."""
        at, first = self.quasi._a, self.num_generated == 0
        found = sobol.points(at, self.sobolstate._a, max(self.num_generated - 1, 0), n - first)
        self.num_generated += n
        if first:
            found = sobol.with_first(at, found)
        self.quasi = wrap(found[-1].copy()) if n else self.quasi
        return found

    def _as_numbers(self, points: Any, dtype: Any) -> Tensor:
        return wrap(points).to(dtype) * 2.0**-self.MAXBIT

    def __repr__(self) -> str:
        facts = [f"dimension={self.dimension}"] + ["scramble=True"] * self.scramble
        facts += [] if self.seed is None else [f"seed={self.seed}"]
        return f"{type(self).__name__}({', '.join(facts)})"
