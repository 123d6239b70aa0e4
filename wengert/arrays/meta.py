"""The meta device: arrays with a shape and a dtype and no elements (one zero stands for all of
them).

What a word gives is learnt from the CPU's. Where all sizes of its results are sizes of its
operands (`CLOSED`), it is run on small ones, so that neither time nor memory follows the sizes;
where the first is one of examples (`ROWS`), on few of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..base.devices import device
from . import cpu
from .lookup import NS
from .strict_array import Wrapped, WrappedNamespace, operators
from .words import WORDS

SMALL = 4096  # elements that are computed as they are
MODULES = ("special", "orthogonal_polynomials", "activation", "loss", "normalization", "attention",
           "scan", "embedding")  # fmt: skip
KEPT = 4  # sizes that stand as they are
PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
ROWS = frozenset(  # the first dimension of the first operand is one of examples
    ("conv", "im2col", "avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool",
     "constant_pad", "edge_pad", "resample", "fft_c2c", "fft_r2c", "fft_c2r", "topk_indices",
     "group_norm")
)  # fmt: skip
CLOSED = frozenset(
    ("abs", "acos", "acosh", "add", "addcmul", "all", "amax", "amin", "any", "argmax",
     "argmin", "argsort", "asin", "asinh", "astype", "atan", "atanh", "bitwise_and",
     "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
     "ceil", "clamp", "clamp_scalar", "conj", "contiguous", "copy", "cos", "cosh", "cumprod",
     "cumsum", "cumsum_back", "div", "embedding", "eq", "erf", "erfc", "exp", "exp2", "expm1",
     "flip", "floor", "floor_divide", "fmod", "frac", "full_like", "gather", "ge", "gt",
     "index_put", "isfinite", "isinf", "isnan", "kth_index", "le", "lerp_number", "log",
     "log10", "log1p", "log2", "logical_and", "logical_not", "logical_or", "logical_xor",
     "logsumexp", "lt", "masked_fill", "matmul", "maximum", "mean", "mean_all",
     "median_index", "minimum", "mode_index", "mul", "nanmedian_index", "ne", "neg", "norm2",
     "ones_like", "pow", "prod", "put_add", "real_if_float", "reciprocal",
     "relu", "remainder", "reordered", "roll", "round", "round_decimals", "round_to", "rsqrt",
     "scatter_add", "scatter_filled", "scatter_reduce_raw", "scatter_set", "searchsorted",
     "sigmoid", "sigmoid_backward", "sign", "signbit", "sin", "sinh", "sqrt", "square",
     "stack", "sub", "sum", "sum_all", "take", "tan", "tanh", "tanh_backward", "tril", "triu",
     "trunc", "trunc_divide", "variance", "where", "zeros_like")
)  # fmt: skip
CLOSED = CLOSED.union(*[WORDS[module].split() for module in MODULES]) - ROWS


class MetaArray(Wrapped):
    """A shape and a dtype."""

    __slots__ = ()

    @property
    def strides(self) -> tuple[int, ...]:
        """Those of an ordinary array: the one zero underneath is nobody's business."""
        out, step = [], self.dtype.itemsize
        for n in reversed(self.shape):
            out.append(step)
            step *= max(n, 1)
        return tuple(reversed(out))

    @property
    def flags(self) -> Any:
        """Those of an ordinary array, too: its elements lie in order."""
        return IN_ORDER

    def item(self) -> Any:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors: they have no elements")

    tolist = max = min = nonzero = item

    def __iadd__(self, other: Any) -> Any:
        return self


operators(MetaArray)
IN_ORDER = np.zeros(()).flags
DEVICE = device("meta")


class MetaNamespace(WrappedNamespace):
    """The vocabulary over shapes: every word runs on a broadcast zero."""

    has = frozenset(()).__contains__

    @staticmethod
    def device_of(a: Any) -> device:
        return DEVICE

    def _word(self, f: Any, word: str) -> Any:
        whole = super()._word(f, word)
        return smaller(whole, word in ROWS) if word in CLOSED or word in ROWS else whole

    def joined(self, *arrays: Any, dim: int) -> Any:
        """The CPU's word `cat`."""
        return super()._word(cpu.NAMESPACE.cat, "cat")(*arrays, dim=dim)

    def wrap(self, out: Any, index: int, sources: Any) -> Any:
        if not isinstance(out, (np.ndarray, np.generic)):
            return out
        w = super().wrap(out, index, sources)
        w.value = hollow(w.value.shape, w.value.dtype)
        return w

    def from_host(self, a: np.ndarray) -> Any:
        return MetaArray(hollow(a.shape, a.dtype))

    def to_host(self, a: Wrapped) -> np.ndarray:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")

    def copy_into(self, x: Wrapped, value: Any) -> None:
        """Nothing to overwrite."""

    def cat(self, *arrays: Any, dim: int = 0) -> Any:
        little = [resized(a, {n: min(n, 1) for n in a.shape}) for a in arrays]
        dtype = self.joined(*little, dim=dim).dtype
        first = arrays[0].shape
        dim %= len(first)
        rest = [(*a.shape[:dim], *a.shape[dim + 1 :]) for a in arrays]
        if rest.count(rest[0]) < len(rest):
            return self.joined(*arrays, dim=dim)  # refused
        n = sum([a.shape[dim] for a in arrays])
        return MetaArray(hollow((*first[:dim], n, *first[dim + 1 :]), dtype))

    def put_basic(self, g: Any, shape: tuple[int, ...], key: Any) -> Any:
        return self.zeros(shape, g.dtype)

    def add_basic(self, waiting: Any, g: Any, key: Any) -> None:
        """Nothing to add to."""

    def write_view(self, base: Any, value: Any, chain: Any) -> Any:
        return self.zeros(base.shape, base.dtype)

    def repeat(self, x: Any, times: tuple[int, ...]) -> Any:
        shape = (1,) * (len(times) - x.ndim) + x.shape
        times = (1,) * (len(shape) - len(times)) + tuple(times)
        return MetaArray(hollow(tuple([n * k for n, k in zip(shape, times)]), x.dtype))

    def arange(self, start: Any, end: Any, step: Any = 1, dtype: Any = None) -> Any:
        dtype = np.dtype(getattr(dtype, "np", dtype) or np.result_type(start, end, step))
        return MetaArray(hollow((max(0, math.ceil((end - start) / step)),), dtype))

    def zeros(self, shape: Any, dtype: Any = None) -> Any:
        return MetaArray(hollow(tuple(shape), np.dtype(getattr(dtype, "np", dtype) or np.float32)))

    ones = empty = zeros

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        return self.zeros(shape, dtype)


def smaller(whole: Callable[..., Any], only_first: bool) -> Callable[..., Any]:
    """A word whose results' sizes are products of its operands' sizes, run on small operands.

    Each size that occurs stands as a prime while the word runs; `only_first`: only the first size
    of the first operand, which the word hands on.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        parts = [*leaves(args), *leaves(kwargs.values())]
        arrays = [p for p in parts if isinstance(p, MetaArray)]
        if all(a.size <= SMALL for a in arrays):
            return whole(*args, **kwargs)
        try:
            if only_first:
                a = arrays[0]
                primes, sizes = table(
                    [a.shape[:1]], parts, {n for b in arrays for n in b.shape[1:]}
                )
                if args[0] is not a:
                    return whole(*args, **kwargs)
                out = whole(first_size(a, primes), *args[1:], **kwargs)
                return each(out, lambda b: first_size(b, sizes))
            primes, sizes = table([a.shape for a in arrays], parts, set())
            out = whole(
                *[each(v, lambda b: resized(b, primes)) for v in args],
                **{k: each(v, lambda b: resized(b, primes)) for k, v in kwargs.items()},
            )
            return each(out, lambda b: restored(b, sizes))
        except (ValueError, IndexError, RuntimeError, TypeError, KeyError):
            return whole(*args, **kwargs)  # sizes that must fit, or what is wrong with them

    return call


def table(
    shapes: list[tuple[int, ...]], parts: list[Any], kept: set[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """(what stands for each size, which size each prime stands for)."""
    kept |= {p for p in parts if isinstance(p, int)}  # no size may look like one of these
    free = [p for p in PRIMES if p not in kept]
    rows = {math.prod(s[:k]): s[:k] for s in shapes for k in range(2, len(s))}  # flattened
    primes: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for n in sorted({n for s in shapes for n in s if n > KEPT}):
        if n in rows and n not in rows[n]:
            primes[n] = math.prod([primes.get(m, m) for m in rows[n]])
        else:
            primes[n] = free[len(sizes)]
            sizes[primes[n]] = n
    return primes, sizes


def leaves(values: Any) -> Iterator[Any]:
    """The arrays and numbers among arguments, also within tuples and lists."""
    for v in values:
        if isinstance(v, (tuple, list)):
            yield from leaves(v)
        else:
            yield v


def each(value: Any, f: Callable[[MetaArray], MetaArray]) -> Any:
    """A value with f of the arrays in it."""
    if isinstance(value, MetaArray):
        return f(value)
    if type(value) in (tuple, list):
        return type(value)([each(v, f) for v in value])
    return value


def first_size(a: MetaArray, sizes: dict[int, int]) -> MetaArray:
    """An array with another first size; KeyError if that is not in the table."""
    return MetaArray(hollow((sizes[a.shape[0]], *a.shape[1:]), a.dtype))


def resized(a: MetaArray, sizes: dict[int, int]) -> MetaArray:
    """An array with other sizes, where the table has them."""
    return MetaArray(hollow(tuple([sizes.get(n, n) for n in a.shape]), a.dtype))


def restored(a: MetaArray, sizes: dict[int, int]) -> MetaArray:
    """An array whose sizes are products of primes in the table and of factors 2 and 3."""
    shape = []
    for n in a.shape:
        size, rest = 1, n
        for p, original in sizes.items():
            while rest and rest % p == 0:
                size, rest = size * original, rest // p
        if rest and any(rest % p == 0 for p in PRIMES):
            raise KeyError(n)
        shape.append(size * rest)
    return MetaArray(hollow(tuple(shape), a.dtype))


def hollow(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of any shape in the memory of one element."""
    return np.lib.stride_tricks.as_strided(np.zeros((), dtype), shape, (0,) * len(shape))


def on_device(d: device) -> MetaNamespace:
    """The namespace that makes arrays without elements."""
    return NAMESPACE


NAMESPACE = MetaNamespace("meta", MetaArray)
NS[MetaArray] = NAMESPACE
