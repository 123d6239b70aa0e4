"""PyTorch's CPU random numbers: its Mersenne twister and its distributions, in NumPy.

What lives here: `Stream`, one Mersenne twister with PyTorch's seeding, its saved states, and the
distributions drawn the way PyTorch 2.13 draws them on a CPU. What does not: the transform behind
`randn` (`box_muller.py`), samplers that draw until they accept (`rejection_sampling.py`), the
default streams and the filling of arrays (`random_fill.py`), `Generator` and what else users call
(`api/generator.py`, `ops/random/rand.py`), checks of arguments.

A *draw* is 32 random bits. u24 is its low 24 bits / 2**24. Two draws make a 64-bit number, the
first on top, and u53 is its low 53 bits / 2**53. What each call uses for one element:

| call                           | draws       | value                          | agreement       |
| ------------------------------ | ----------- | ------------------------------ | --------------- |
| uniform, float32               | 1           | fma(u24, high - low, low)      | bit for bit     |
| uniform, float16 and bfloat16  | 1           | the same, rounded once more    | bit for bit     |
| uniform, float64               | 2           | fma(u53, high - low, low)      | bit for bit     |
| normal, 16 or more, contiguous | 1 (+16)     | Box-Muller in blocks of 16     | bit for bit (a) |
| the same, float64              | 2 (+32)     | the same in float64            | last place      |
| normal, otherwise              | 4 per pair  | Box-Muller, float64, one kept  | bit for bit (b) |
| log_normal                     | 4 per pair  | exp(normal), never in blocks   | bit for bit (b) |
| integers, fewer than 2**28     | 1           | draw % count + low             | exact           |
| integers, more; full 64 bits   | 2           | 64 bits % count + low          | exact           |
| any_integers                   | 1 (2 if 64) | bits % (largest + 1)           | exact           |
| permutation of n               | n - 1 in all | Fisher-Yates, forwards        | exact           |
| bernoulli(p), dropout          | 2           | u53 < p                        | exact           |
| bernoulli_each, float64 p      | 2           | u53 < p                        | exact           |
| bernoulli_each, other p        | 1           | u24 < p                        | exact           |
| exponential                    | 2           | -log1p(-u53) / rate            | bit for bit (b) |
| cauchy                         | 2           | median + scale tan(pi(u53-1/2)) | bit for bit (b) |
| geometric                      | 2           | ceil(log(u53) / log1p(-p))     | exact           |
| multinomial, replacing, many   | 2           | first cumulative share >= u53  | exact           |
| multinomial, the others        | 2 per class | largest of p / exponential     | exact (c)       |
| poisson, binomial              | varies      | `rejection_sampling.py`        | exact           |

(a) A ragged end draws its last 16 again: after all others in float32 and float64, in place of the
    ragged ones in float16 and bfloat16. PyTorch on an x86 processor with AVX2; on others PyTorch's
    own numbers differ from these in the last place.
(b) float64 results may differ in the last place: NumPy's and the C library's log, tan and exp do.
(c) Classes of equal quotients (likely in bfloat16 alone) may come in another order.

Complex numbers are their real and imaginary parts in turn, for normals with variance 1/2 each.
Tensors are filled in the order of their memory: see `random_fill.py`.
"""

from __future__ import annotations

import math
import os
import struct
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import ordering
from ..kernels.native import Code
from .box_muller import blocks32, blocks64
from .random_kernels import (  # fmt: skip
    BITS,
    INTEGERS,
    INTEGERS64,
    NORMAL_BLOCKS,
    NORMAL_EACH32,
    NORMAL_EACH64,
    SHUFFLE,
    UNIFORM32,
    UNIFORM64,
)
from .random_rounding import count_of, fused, part, remainder, rounded, width_of
from .shuffles import shuffled

__all__ = ["DEFAULT_SEED", "Stream", "normal_pair"]

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
Shape = Sequence[int]

# The seed of a fresh torch.Generator.
DEFAULT_SEED = 67280421310721

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_U32, _U64, _I64 = np.dtype(np.uint32), np.dtype(np.uint64), np.dtype(np.int64)
_BITS53 = 2**53 - 1
_MASK24, _MASK53 = np.uint64(2**24 - 1), np.uint64(_BITS53)
_SCALE24 = np.float32(2.0**-24)
_SCALE53 = 2.0**-53
_HIGH = np.uint64(32)

# Elements per pass over a long array; raw draws of a pass (8 bytes each) stay in the L2 cache.
_PASS = 32768
# Up to this length a kernel finds Bernoulli numbers sooner than NumPy draws them in bulk.
_FEW = 2048
# From this length the vectorised permutation wins over the plain loop.
_PERMUTATION_LOOP = 300

_WORDS = 624
# PyTorch's saved state, 5056 bytes: seed, left, seeded, next, the twister's words in 64 bits each,
# three doubles of which the second keeps a normal, its flag, and a float normal that is never used.
_STATE = struct.Struct(f"<QiiQ{_WORDS}QdddixxxxfB3x")


def _count(shape: Shape) -> int:
    return math.prod(shape)


def _fractions(draw: Callable[[int], Array], n: int, mask: Any, scale: Any, dtype: Any) -> Array:
    """n draws as fractions of 1, by their bits under the mask."""
    if n <= _PASS:
        draws = draw(n)
        draws &= mask
        out = draws.astype(dtype)
        out *= scale
        return out
    out = np.empty(n, dtype)
    for start in range(0, n, _PASS):
        part = out[start : start + _PASS]
        draws = draw(len(part))
        draws &= mask
        part[...] = draws.view(np.int64)  # NumPy casts signed integers faster
        part *= scale
    return out


class Stream:
    """One stream of PyTorch's CPU random numbers.

    Methods return new C-contiguous arrays of the shape and dtype asked for, with the numbers that
    PyTorch would write into a contiguous tensor.

    Args:
        seed: any 64-bit number, negative or not; only its low 32 bits matter.

    Example:
        >>> Stream(0).integers((5,), np.dtype("int64"), 0, 100).tolist()
        [44, 39, 33, 60, 63]
    """

    __slots__ = ("_bits", "_bulk", "_kept", "_kept_at", "_lock", "_raw", "_seed", "_words_at")

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._bits = np.random.MT19937(0)
        # Two ways into the same generator: single draws, and 64-bit numbers in bulk.
        self._raw: Callable[[int], Array] = self._bits.random_raw
        self._bulk = np.random.Generator(self._bits)
        self._lock = threading.Lock()
        self._words_at: int | None = None  # where the twister's words are, once kernels ask
        self._kept = np.zeros(2)  # whether a normal number is kept for the next call, and which
        self._kept_at = self._kept.ctypes.data
        self.seed(seed)

    # State -----------------------------------------------------------------------------------

    def seed(self, seed: int) -> None:
        """Start again from a seed."""
        self._seed = seed & (2**64 - 1)
        self._spare = None
        self._bits._legacy_seeding(self._seed & 0xFFFFFFFF)

    def seed_freshly(self) -> int:
        """Seed from the operating system and return that seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.seed(seed)
        return seed

    @property
    def initial_seed(self) -> int:
        """The seed this stream started from."""
        return self._seed

    def state(self) -> bytes:
        """The position as bytes that `torch.set_rng_state` understands (5056 of them)."""
        twister = self._bits.state["state"]
        words, used = twister["key"], twister["pos"]
        # PyTorch tells a fresh state (nothing generated yet) from a used up one; NumPy does not.
        fresh = used == _WORDS and int(words[0]) == self._seed & 0xFFFFFFFF
        left = 1 if fresh else _WORDS + 1 - used
        spare = self._spare
        return _STATE.pack(
            self._seed, left, 1, 0 if fresh else used, *words.tolist(),
            0.0, spare or 0.0, 0.0, spare is not None, 0.0, 0,
        )  # fmt: skip

    def set_state(self, state: bytes) -> None:
        """Continue from saved bytes.

        Raises:
            RuntimeError: wrong length, or not a state of this generator.
        """
        if len(state) != _STATE.size:
            raise RuntimeError(
                f"set_state: expected a CPU generator state of {_STATE.size} bytes, got "
                f"{len(state)}: pass what get_state() returned"
            )
        seed, left, seeded, following, *rest = _STATE.unpack(state)
        if seeded != 1 or not 0 < left <= _WORDS or following > _WORDS:
            raise RuntimeError(
                f"set_state: not a valid Mersenne twister state (seeded={seeded}, left={left}, "
                f"next={following}): pass what get_state() returned"
            )
        self._seed = seed
        self._spare = rest[_WORDS + 1] if rest[_WORDS + 3] else None
        words = np.array(rest[:_WORDS], np.uint64).astype(np.uint32)
        self._set_twister(words, following if left > 1 else _WORDS)

    def _set_twister(self, words: Array, used: int) -> None:
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": used}}

    def position(self) -> Any:
        """Where it is, for return_to."""
        twister = self._bits.state["state"]
        return twister["key"], twister["pos"]

    def return_to(self, position: Any) -> None:
        """Go back to where it was."""
        self._set_twister(*position)

    def clone(self) -> Stream:
        """A second stream at the same position."""
        other = Stream()
        other.set_state(self.state())
        return other

    @property
    def _spare(self) -> float | None:
        """The normal number that is kept for the next call."""
        return float(self._kept[1]) if self._kept[0] else None

    @_spare.setter
    def _spare(self, value: float | None) -> None:
        self._kept[:] = (0.0, 0.0) if value is None else (1.0, value)

    def _run(self, code: Code, out: Array, *args: Any) -> bool:
        """Fill a contiguous array by a kernel, if there is one and it pays."""
        run = code.run or code.ready(2e4 + 10.0 * out.size)
        if run is None:
            return False
        run(self._words_at or self._find_words(), out, out.size, *args)
        return True

    def _find_words(self) -> int:
        self._words_at = self._bits.ctypes.state_address
        return self._words_at

    # Raw draws ---------------------------------------------------------------------------------

    def raw64(self, n: int) -> Array:
        """n 64-bit numbers, each from two draws."""
        if n < 64:
            draws = self._raw(2 * n)
            top = draws[0::2] << _HIGH
            top |= draws[1::2]
            return top
        return self._bulk.integers(0, 2**64, n, np.uint64)

    def _skip(self, n: int) -> None:
        for start in range(0, n, _PASS):
            self._raw(min(_PASS, n - start))

    def _unit24(self, n: int) -> Array:
        """n float32 numbers u24."""
        return _fractions(self._raw, n, _MASK24, _SCALE24, _F32)

    def _unit53(self, n: int) -> Array:
        """n float64 numbers u53."""
        return _fractions(self.raw64, n, _MASK53, _SCALE53, _F64)

    # Uniform -----------------------------------------------------------------------------------

    def uniform(
        self, shape: Shape, dtype: np.dtype[Any], low: float = 0.0, high: float = 1.0
    ) -> Array:
        """Numbers in [low, high)."""
        if dtype is _F32 or dtype is _F64:
            out = np.empty(shape, dtype)
            if self.fill_uniform(out, low, high):
                return out
        if dtype.kind == "c":
            real = self.uniform((*shape, 2), part(dtype), low, high)
            return real.view(dtype).reshape(shape)
        n = _count(shape)
        if dtype == _F64:
            out = self._unit53(n)
            if low != 0.0 or high != 1.0:
                out = fused(out, high - low, low)
                out[out == high] = low
            return out.reshape(shape)
        out = self._unit24(n)
        if low != 0.0 or high != 1.0:
            low32, width = np.float32(low), np.float32(high) - np.float32(low)
            if low32 == 0.0:
                out *= width
            else:
                for start in range(0, n, _PASS):
                    wide = out[start : start + _PASS].astype(_F64)
                    wide *= float(width)
                    wide += float(low32)
                    out[start : start + _PASS] = wide
        if dtype != _F32:
            out = out.astype(dtype)
        if dtype != _F32 or low != 0.0 or high != 1.0:
            # Rounding may have reached the excluded end; PyTorch then gives the other one.
            out[out == dtype.type(high)] = dtype.type(low)
        return out.reshape(shape)

    # Normal ------------------------------------------------------------------------------------

    def normal(
        self,
        shape: Shape,
        dtype: np.dtype[Any],
        mean: float = 0.0,
        std: float = 1.0,
        contiguous: bool = True,
    ) -> Array:
        """Normal numbers; `contiguous` says whether the tensor they are for is."""
        if contiguous and (dtype is _F32 or dtype is _F64):
            out = np.empty(shape, dtype)
            if self.fill_normal(out, mean, std):
                return out
        if dtype.kind == "c":
            pairs = (*shape, 2)
            real = self.normal(pairs, part(dtype), mean, std / math.sqrt(2.0), contiguous)
            return real.view(dtype).reshape(shape)
        n = _count(shape)
        if n < 16 or not contiguous:
            out = self._normals(n)
            if mean != 0.0 or std != 1.0:
                out = fused(out, std, mean)
            return rounded(out, dtype, shape)
        if dtype == _F64:
            out = self._blocks(n, _F64, blocks64)
            if mean != 0.0 or std != 1.0:
                out = fused(out, std, mean)
        else:
            out = self._blocks(n, dtype, blocks32)
            scale, shift = np.float32(std), np.float32(mean)
            if shift != 0.0:
                for start in range(0, n, _PASS):
                    wide = out[start : start + _PASS].astype(_F64)
                    wide *= float(scale)
                    wide += float(shift)
                    out[start : start + _PASS] = wide
            elif scale != 1.0:
                out *= scale
        return out.astype(dtype, copy=False).reshape(shape)

    def _blocks(self, n: int, dtype: np.dtype[Any], transform: Callable[[Array], Array]) -> Array:
        unit = self._unit53 if dtype == _F64 else self._unit24
        ragged = n % 16
        whole = n - ragged
        # The ragged end of float32 and float64 is drawn twice, and its first draws go unused.
        unused = ragged if dtype in (_F32, _F64) else 0
        out = np.empty(n, _F64 if dtype == _F64 else _F32)
        for start in range(0, whole, _PASS):
            size = min(_PASS, whole - start)
            if ragged and start + size == whole:
                u = unit(size + unused + 16)
                z = transform(np.concatenate((u[:size], u[size + unused :])))
                out[start:whole] = z[:size]
                out[-16:] = z[size:]
            else:
                out[start : start + size] = transform(unit(size))
        return out

    def _normals(self, n: int) -> Array:
        """n float64 normals of the one-by-one kind, with PyTorch's kept second value."""
        with self._lock:
            if n <= 64:
                return np.array(self._few_normals(n), _F64)
            out = np.empty(n)
            start = 0
            if self._spare is not None:
                out[0], self._spare, start = self._spare, None, 1
            odd = (n - start) % 2
            u = self._unit53(n - start - odd)
            radius = np.sqrt(-2.0 * np.log1p(-u[1::2]))
            angle = (2 * np.pi) * u[0::2]
            np.multiply(radius, np.cos(angle), out[start : n - odd : 2])
            np.multiply(radius, np.sin(angle), out[start + 1 : n - odd : 2])
            if odd:
                out[-1] = self._few_normals(1)[0]
            return out

    def _few_normals(self, n: int) -> list[float]:
        """The same by a plain loop: quicker for a few, and with the C library's own functions."""
        out = []
        if self._spare is not None and n:
            out, self._spare = [self._spare], None
        draws = self._raw((n - len(out) + 1) // 2 * 4).tolist()
        for k in range(0, len(draws), 4):
            u = (draws[k] << 32 | draws[k + 1]) & _BITS53
            v = (draws[k + 2] << 32 | draws[k + 3]) & _BITS53
            out += normal_pair(u * _SCALE53, v * _SCALE53)
        if len(out) > n:
            self._spare = out.pop()
        return out

    def log_normal(self, shape: Shape, dtype: np.dtype[Any], mean: float, std: float) -> Array:
        """exp of normal numbers."""
        z = fused(self._normals(_count(shape)), std, mean)
        return rounded(np.exp(z), dtype, shape)

    def fill_uniform(self, a: Array, low: float, high: float) -> bool:
        """Overwrite a contiguous array of float32 or float64 by a kernel; False without one."""
        code = UNIFORM32 if a.dtype is _F32 else UNIFORM64
        run = code.run or code.ready(2e4 + 10.0 * a.size)
        if run is None:
            return False
        width = high - low if low == 0.0 and high == 1.0 else width_of(a.dtype, low, high)
        run(self._words_at or self._find_words(), a, a.size, low, high, width)
        return True

    def fill_normal(self, a: Array, mean: float, std: float) -> bool:
        """The same with normal numbers."""
        n = a.size
        if n < 16:
            code = NORMAL_EACH32 if a.dtype is _F32 else NORMAL_EACH64
            with self._lock:
                return self._run(code, a, mean, std, self._kept_at)
        if a.dtype is not _F32:
            return False
        run = NORMAL_BLOCKS.run or NORMAL_BLOCKS.ready(6e4 + 10.0 * n)
        if run is None:
            return False
        run(self._words_at or self._find_words(), a, n, mean, std)
        return True

    # Integers ----------------------------------------------------------------------------------

    def integers(self, shape: Shape, dtype: np.dtype[Any], low: int, high: int) -> Array:
        """Integers in [low, high), of any dtype; the whole of int64 is (-2**63, 2**63)."""
        width = high - low
        if width < 2**28 and dtype is _I64 and INTEGERS.run is not None:  # the commonest way
            out = np.empty(shape, np.int64)
            INTEGERS.run(self._words_at or self._find_words(), out, out.size, low, width)
            return out
        n = _count(shape)
        if width == 2**64:
            return self.raw64(n).view(np.int64).astype(dtype, copy=False).reshape(shape)
        if width < 2**63:
            out = np.empty(shape, np.int64)
            if self._run(INTEGERS if width < 2**28 else INTEGERS64, out, low, width):
                return out if dtype is _I64 else out.astype(dtype)
        if n <= _PASS:
            out = self._remainders(n, width)
        else:
            out = np.empty(n, np.int64)
            for start in range(0, n, _PASS):
                size = min(_PASS, n - start)
                out[start : start + size] = self._remainders(size, width)
        if low:
            out += low
        return out.astype(dtype, copy=False).reshape(shape)

    def _remainders(self, n: int, width: int) -> NDArray[np.int64]:
        if width < 2**28:
            return remainder(self._raw(n).astype(_U32), width).astype(np.int64)
        return remainder(self.raw64(n), width).view(np.int64)

    def any_integers(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Integers from 0 to the largest of the dtype, or to the last that it counts exactly."""
        n = _count(shape)
        draws = self.raw64(n) if dtype in (_F64, np.dtype(np.int64)) else self._raw(n)
        return remainder(draws, count_of(dtype)).astype(dtype).reshape(shape)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """The numbers below n in random order."""
        if n < 2:
            return np.arange(n, dtype=np.int64)
        # PyTorch draws 64 bits where 32 would leave the remainder visibly uneven.
        if n < (2**32 - 1) // 20:
            order = np.arange(n, dtype=np.int64)
            if self._run(SHUFFLE, order):
                return order
        draws = self._raw(n - 1) if n < (2**32 - 1) // 20 else self.raw64(n - 1)
        if n <= _PERMUTATION_LOOP:
            out = list(range(n))
            for i, draw in enumerate(draws.tolist()):
                j = i + draw % (n - i)
                out[i], out[j] = out[j], out[i]
            return np.array(out, np.int64)
        return shuffled(draws, n)

    def permutations(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Permutations along the last dimension."""
        n, count = shape[-1], math.prod(shape[:-1])
        if count == 1:
            return self.permutation(n).astype(dtype, copy=False).reshape(shape)
        rows = [self.permutation(n) for _ in range(count)]
        return np.array(rows, dtype).reshape(shape)

    # Bernoulli ---------------------------------------------------------------------------------

    def bernoulli(self, shape: Shape, p: float, dtype: Any = None) -> NDArray[np.bool_]:
        """True with probability p, in a tensor of a dtype, which does not matter here."""
        n = _count(shape)
        # u53 < p as integers: exact, and no conversion to float.
        least = math.ceil(p * 2.0**53)
        if n <= _FEW:
            keep = np.empty(shape, np.bool_)
            if self._run(BITS, keep, least):
                return keep
        bound = np.uint64(least)
        if n <= _PASS:
            draws = self.raw64(n)
            draws &= _MASK53
            return (draws < bound).reshape(shape)
        out = np.empty(n, np.bool_)
        for start in range(0, n, _PASS):
            part = out[start : start + _PASS]
            draws = self.raw64(len(part))
            draws &= _MASK53
            np.less(draws, bound, part)
        return out.reshape(shape)

    def dropout(self, shape: Shape, keep: float, dtype: Any) -> NDArray[np.bool_]:
        """The mask of what dropout keeps."""
        return self.bernoulli(shape, keep)

    def bernoulli_each(self, p: Array) -> NDArray[np.bool_]:
        """True with probability p[i], for each element of p in C order."""
        if p.dtype == _F64:
            return self._unit53(p.size).reshape(p.shape) < p
        return self._unit24(p.size).reshape(p.shape) < p.astype(_F32, copy=False)

    # By inversion ------------------------------------------------------------------------------

    def exponential(self, shape: Shape, dtype: np.dtype[Any], rate: float = 1.0) -> Array:
        """Waiting times of a given rate."""
        out = self._unit53(_count(shape))
        np.negative(out, out)
        np.log1p(out, out)
        out *= -1.0 / rate
        return rounded(out, dtype, shape)

    def cauchy(self, shape: Shape, dtype: np.dtype[Any], median: float, scale: float) -> Array:
        """Cauchy numbers."""
        out = np.tan(np.pi * (self._unit53(_count(shape)) - 0.5))
        return rounded(fused(out, scale, median), dtype, shape)

    def geometric(self, shape: Shape, dtype: np.dtype[Any], p: float) -> Array:
        """Number of trials up to the first success."""
        u = self._unit53(_count(shape))
        with np.errstate(divide="ignore"):  # log(0) is the longest wait
            out = np.ceil(np.log(u) / math.log1p(-p))
        if dtype.kind in "iu":
            out = out.astype(np.int64)
        return rounded(out, dtype, shape)

    # Choices -----------------------------------------------------------------------------------

    def multinomial(self, weights: Array, samples: int, replacement: bool) -> NDArray[np.int64]:
        """Indices of shape (rows, samples) drawn with the weights (rows, classes)."""
        if not replacement or samples == 1:
            # In the order of memory, as tensors are filled; expanded rows as rows of their own.
            if 0 < abs(weights.strides[0]) < abs(weights.strides[1]):
                waits = self.exponential(weights.shape[::-1], weights.dtype).T
            else:
                waits = self.exponential(weights.shape, weights.dtype)
            race = weights / waits
            if samples == 1:
                return race.argmax(-1, keepdims=True)
            # Stable on the negated race: the largest first.
            order = ordering.argsort(np.negative(race, race), -1)
            if order is None:
                order = np.argsort(race, axis=-1, kind="stable")
            return order[:, :samples]
        if weights.dtype.itemsize < 4:
            weights = weights.astype(_F32)
        shares = np.cumsum(weights, -1, dtype=weights.dtype)
        shares /= shares[:, -1:].copy()
        shares[:, -1] = 1
        u = self._unit53(len(weights) * samples).reshape(-1, samples)
        out = np.empty(u.shape, np.int64)
        for row in range(len(out)):
            out[row] = np.searchsorted(shares[row].astype(_F64, copy=False), u[row])
        return out


def normal_pair(u: float, v: float) -> tuple[float, float]:
    """Two normals from two uniforms, in float64, as PyTorch makes them one by one."""
    radius, angle = math.sqrt(-2.0 * math.log1p(-v)), 2.0 * math.pi * u
    return radius * math.cos(angle), radius * math.sin(angle)
