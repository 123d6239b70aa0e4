"""Reading at the points of a grid, in one pass over them.

What lives here: when the kernels stand for the bodies of `ops/nn/grid_sample.py`. What does not:
the kernels (`kernels/grid_sample.py`, imported once they pay).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .numpy_direct import library as np
from .numpy_fast_paths import F32, F64

Word = Callable[..., Any]
COST = 5e6  # ns that calls without the kernels have lost, before they are made
SAVED = 1e5  # ns that they save a call, and for each point
lost = [0.0]


@functools.cache
def _kernels() -> Any:
    from ..kernels import grid_sample

    return grid_sample


def _pays(x: Any, grid: Any) -> bool:
    """Whether to use kernels, whose making costs something too."""
    if type(x) is not np.ndarray or type(grid) is not np.ndarray:
        return False
    if x.dtype is not grid.dtype or not (x.dtype is F32 or x.dtype is F64):
        return False
    if lost[0] < COST:
        lost[0] += SAVED + 100.0 * grid.size * x.shape[1]
    return lost[0] >= COST


def grid_sampler(general: Word) -> Word:
    def f(
        x: Any, grid: Any, mode: str = "bilinear", padding: str = "zeros", corners: bool = False
    ) -> Any:
        if _pays(x, grid):
            found = _kernels().sample(x, grid, mode, padding, corners)
            if found is not None:
                return found
        return general(x, grid, mode, padding, corners)

    return f


def grid_sampler_backward(general: Word) -> Word:
    def f(
        g: Any, x: Any, grid: Any, mode: str = "bilinear", padding: str = "zeros",
        corners: bool = False, needs: Any = (True, True),
    ) -> Any:  # fmt: skip
        if _pays(x, grid) and type(g) is np.ndarray and g.dtype is x.dtype:
            found = _kernels().sample_backward(g, x, grid, mode, padding, corners, needs)
            if found is not None:
                return found
        return general(g, x, grid, mode, padding, corners, needs)

    return f
