"""Pooling over one to three dimensions on CUDA by kernels of ours, for contiguous float32.

Not here: the kernels (`kernels/gpu_pools.py`), and when one is believed (`cuda_launcher.py`). The
gradient of an adaptive or fractional maximum is put where the indices say by CuPy.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from .cuda_launcher import F32, MOST, Launcher, fits
from .windows import Ints, pooled_size

__all__ = ["WORDS"]

Word = Callable[..., Any]
RANK = 3


def launcher(name: str, lib: Any) -> Launcher:
    from ..kernels import gpu_pools

    return Launcher(gpu_pools.POOLS[name], lib)


def flat(n: Ints, o: Ints, *rest: Ints) -> list[int]:
    """Facts of all three dimensions in turn; what is not there is one window of one number."""
    more = RANK - len(n)
    facts = zip((1, 1, 1, 1, 0, 1), (n, o, *rest))
    return [i for first, p in facts for i in (*[first] * more, *p)]


def max_pool(general: Word, lib: Any) -> Word:
    """Maximum of each window of x and its position."""
    kernel = launcher("max_pool", lib)

    def word(
        x: Any, kernel_size: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
    ) -> Any:
        options = kernel_size, stride, padding, dilation, ceil
        rank = len(kernel_size)
        if rank <= RANK and fits(x):
            spatial = x.shape[x.ndim - rank :]
            sizes = list(zip(spatial, kernel_size, stride, padding, dilation))
            out = tuple([pooled_size(*s, ceil) for s in sizes])
            shape = (*x.shape[: x.ndim - rank], *out)
            n, device = prod(shape), x.device.id
            blocks = -(-n // kernel.kernel.width)
            if 0 < blocks <= MOST and kernel.ready(device):
                best, where = lib.empty(shape, F32), lib.empty(shape, lib.int64)
                facts = flat(spatial, out, kernel_size, stride, padding, dilation)
                kernel.launch(device, blocks, n, *facts, x, best, where)
                return kernel.checked(device, (best, where), lambda: general(x, *options))
        return general(x, *options)

    return word


def pool_scatter(general: Word, lib: Any) -> Word:
    """The gradient of max_pool, of which windows says how it was called."""
    kernel = launcher("max_pool_input", lib)

    def word(g: Any, where: Any, spatial: Ints, windows: Any = None) -> Any:
        rank = len(spatial)
        dense = where.flags.c_contiguous and where.dtype == lib.int64 and where.shape == g.shape
        if windows is not None and rank <= RANK and fits(g) and dense:
            lead, out = g.shape[: g.ndim - rank], g.shape[g.ndim - rank :]
            n, device = prod((*lead, *spatial)), g.device.id
            blocks = -(-n // kernel.kernel.width)
            if 0 < blocks <= MOST and kernel.ready(device):
                found = lib.empty((*lead, *spatial), F32)
                facts = flat(spatial, out, *windows)
                kernel.launch(device, blocks, n, *facts, g, where, found)
                return kernel.checked(device, found, lambda: general(g, where, spatial))
        return general(g, where, spatial)

    return word


def avg_pool(general: Word, lib: Any) -> Word:
    """Mean of each window of x."""
    kernel = launcher("avg_pool", lib)

    def word(
        x: Any, kernel_size: Ints, stride: Ints, padding: Ints, ceil: bool, include_pad: bool,
        divisor: int | None,
    ) -> Any:  # fmt: skip
        options = kernel_size, stride, padding, ceil, include_pad, divisor
        rank = len(kernel_size)
        if rank <= RANK and fits(x):
            spatial = x.shape[x.ndim - rank :]
            sizes = list(zip(spatial, kernel_size, stride, padding))
            out = tuple([pooled_size(*s, 1, ceil) for s in sizes])
            shape = (*x.shape[: x.ndim - rank], *out)
            found = _averages(kernel, lib, x, shape, spatial, out, options)
            if found is not None:
                return kernel.checked(x.device.id, found, lambda: general(x, *options))
        return general(x, *options)

    return word


def _averages(
    kernel: Launcher, lib: Any, source: Any, shape: Ints, spatial: Ints, out: Ints, options: Any
) -> Any:
    """An array of shape that a kernel of averages fills, or None."""
    size, stride, padding, _, include_pad, divisor = options
    n, device = prod(shape), source.device.id
    blocks = -(-n // kernel.kernel.width)
    if not 0 < blocks <= MOST or not kernel.ready(device):
        return None
    found = lib.empty(shape, F32)
    facts = flat(spatial, out, size, stride, padding)
    kernel.launch(device, blocks, n, *facts, int(include_pad), divisor or 0, source, found)
    return found


def avg_pool_input(general: Word, lib: Any) -> Word:
    """The gradient of avg_pool."""
    kernel = launcher("avg_pool_input", lib)

    def word(g: Any, spatial: Ints, kernel_size: Ints, *rest: Any) -> Any:
        rank = len(kernel_size)
        if rank <= RANK and fits(g):
            lead, out = g.shape[: g.ndim - rank], g.shape[g.ndim - rank :]
            options = kernel_size, *rest
            found = _averages(kernel, lib, g, (*lead, *spatial), spatial, out, options)
            if found is not None:
                return kernel.checked(
                    g.device.id, found, lambda: general(g, spatial, kernel_size, *rest)
                )
        return general(g, spatial, kernel_size, *rest)

    return word


WORDS: dict[str, Callable[[Word, Any], Word]] = {
    f.__name__: f for f in (max_pool, pool_scatter, avg_pool, avg_pool_input)
}
