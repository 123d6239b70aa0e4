"""PyTorch's CUDA random numbers: Philox 4x32-10, dealt to the threads of a launch.

What lives here: `PhiloxStream`, the stream of a CUDA device's generator. The numbers are made on
the CPU, and copied, but for those that kernels make (`cuda_random.py`).

A launch fills n elements with T threads: 256 in each of as many blocks as n needs and the device
holds at a time, so that from some hundred thousand elements on numbers depend on the device. Thread
t computes block k of Philox from the counter (offset / 4 + k, t) and the seed as key: four words
for the elements t + T * (4 k + 0..3), or two numbers of 64 bits for t + T * (2 k + 0..1). Then
the offset grows by 4 for each block of a thread.

| call                                  | agreement with PyTorch on CUDA               |
| ------------------------------------- | -------------------------------------------- |
| uniform, integers, any_integers       | bit for bit                                  |
| bernoulli with a number               | exact                                        |
| bernoulli_each                        | exact while one launch holds all elements    |
| dropout of n elements                 | exact for float32 where 4 divides n          |
| normal, log_normal                    | last places: the GPU's sine is approximate   |
| exponential, cauchy, geometric        | last places                                  |
| permutations, multinomial with        | other numbers: a sequence of words of the    |
| replacement, poisson, binomial, gamma | thread 0 goes through the CPU's algorithms   |

J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from __future__ import annotations

import math
import struct
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .random_rounding import count_of, fused, part, remainder, rounded
from .random_stream import Shape, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["NO_DRAWS", "PhiloxStream", "philox"]

NO_DRAWS = (
    "random numbers that are drawn while a CUDA graph is recorded would be the same whenever it is "
    "replayed: draw them before, into a tensor that the graph reads"
)

_STATE = struct.Struct("<Qq")  # PyTorch's saved state: seed, offset
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_I64 = np.dtype(np.int64)
_THREADS = 256  # of a block
_STEP = 4  # words of a block of Philox, and what the offset counts
_LOW = np.uint64(0xFFFFFFFF)
_UP = np.uint64(32)


def philox(first: Array, second: Array, seed: int) -> Array:
    """Philox 4x32-10 of 128-bit counters, given by their low and high halves (n,), under a 64-bit
    key: words (4, n), as uint64.

    >>> import numpy as np
    >>> zero = np.zeros(1, np.uint64)
    >>> [hex(w) for w in philox(zero, zero, 0)[:, 0]]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    a, b, c, d = first & _LOW, first >> _UP, second & _LOW, second >> _UP
    left, right = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p, q = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b = (q >> _UP) ^ b ^ np.uint64(left), q & _LOW
        c, d = (p >> _UP) ^ d ^ np.uint64(right), p & _LOW
        left, right = (left + 0x9E3779B9) & 0xFFFFFFFF, (right + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack((a, b, c, d))


def _unit32(words: Array) -> Array:
    """float32 numbers in (0, 1] of words of 32 bits."""
    out = words.astype(np.uint32).astype(np.float32)
    out *= np.float32(2.0**-32)
    out += np.float32(2.0**-33)
    return out


def _wide(low: Array, high: Array) -> Array:
    """53 bits of two words."""
    return low ^ (high << np.uint64(21))


def _unit64(low: Array, high: Array) -> Array:
    """float64 numbers in (0, 1] of two words each."""
    out = _wide(low, high).astype(np.float64)
    out *= 2.0**-53
    out += 2.0**-54
    return out


class PhiloxStream(Stream):
    """One stream of PyTorch's CUDA random numbers.

    Args:
        seed: any 64-bit number.
        most: how many blocks of 256 threads the device holds at a time.

    >>> import numpy as np
    >>> [f"{x:.4f}" for x in PhiloxStream(0, 864).uniform((4,), np.dtype("float32"))]
    ['0.3990', '0.5167', '0.0249', '0.9401']
    """

    __slots__ = ("_most", "_offset")

    def __init__(self, seed: int, most: int) -> None:
        self._lock = threading.Lock()
        self._kept = np.zeros(2)
        self._most = max(1, most)
        self.seed(seed)

    # State -----------------------------------------------------------------------------------

    def seed(self, seed: int) -> None:
        """Start again from a seed."""
        self._seed, self._offset, self._spare = seed & (2**64 - 1), 0, None

    @property
    def offset(self) -> int:
        """How far it has come: a multiple of 4."""
        return self._offset

    @offset.setter
    def offset(self, value: int) -> None:
        if value < 0 or value % _STEP:
            raise RuntimeError(f"set_offset: offset must be a multiple of 4, got {value}")
        self._offset = value

    def state(self) -> bytes:
        """Seed and offset as bytes that `torch.cuda.set_rng_state` understands (16 of them)."""
        return _STATE.pack(self._seed, self._offset)

    def set_state(self, state: bytes) -> None:
        """Continue from saved bytes; 8 of them are a seed. RuntimeError for another number."""
        if len(state) == 8:
            state += bytes(8)
        if len(state) != _STATE.size:
            raise RuntimeError(
                f"set_state: RNG state is wrong size: expected the 16 bytes of a CUDA generator's, "
                f"got {len(state)}: pass what get_state() of a CUDA generator returned"
            )
        seed, offset = _STATE.unpack(state)
        self.seed(seed)
        self.offset = offset

    def clone(self) -> PhiloxStream:
        """A second stream at the same position."""
        other = PhiloxStream(self._seed, self._most)
        other._offset = self._offset
        return other

    def position(self) -> Any:
        return self._offset

    def return_to(self, position: Any) -> None:
        self._offset = position

    # Words -----------------------------------------------------------------------------------

    def _counted(self, blocks: int) -> int:
        """The counter of a launch in which each thread computes so many blocks."""
        with self._lock:
            at = self._offset
            self._offset += _STEP * blocks
        return at // _STEP

    def reserve(self, n: int, each: int) -> tuple[int, int, int]:
        """Go on by what a launch for n elements computes, of which a block of Philox serves `each`:
        how many threads it has, how many blocks each of them computes, the counter of the first.
        """
        threads = _THREADS * min(self._most, max(1, -(-n // _THREADS)))
        blocks = -(-n // (threads * each))
        return threads, blocks, self._counted(blocks)

    def _launch(self, n: int, each: int, neighbours: int = 1) -> Array:
        """The words (blocks, 4, threads) that the threads of a launch compute for n elements, of
        which a block of Philox serves `each`. neighbours: of the elements of a thread.
        """
        threads, blocks, at = self.reserve(n, each)
        # the others have no element
        used = min(threads, -(-n // neighbours)) if blocks == 1 else threads
        thread = np.arange(used, dtype=np.uint64)
        out = np.empty((blocks, 4, used), np.uint64)
        for k in range(blocks):
            out[k] = philox(np.full(1, at + k, np.uint64), thread, self._seed)
        return out

    def _raw(self, n: int) -> Array:
        """n words in turn, of the thread 0."""
        blocks = -(-n // 4)
        at = self._counted(blocks)
        counter = np.uint64(at) + np.arange(blocks, dtype=np.uint64)
        words = philox(counter, np.zeros(1, np.uint64), self._seed)
        return words.T.reshape(-1)[:n]

    def raw64(self, n: int) -> Array:
        """n numbers of 64 bits, each from two words in turn."""
        words = self._raw(2 * n)
        return (words[0::2] << _UP) | words[1::2]

    def _skip(self, n: int) -> None:
        self._counted(-(-n // 4))

    def _run(self, *args: Any) -> bool:
        return False  # kernels draw from the twister

    def fill_uniform(self, a: Array, low: float, high: float) -> bool:
        """False: there is no kernel."""
        return False

    def fill_normal(self, a: Array, mean: float, std: float) -> bool:
        """False: there is no kernel."""
        return False

    # Distributions ---------------------------------------------------------------------------

    def _units(self, n: int, dtype: np.dtype[Any]) -> Array:
        """n numbers in (0, 1]: float64 for float64, float32 for all others."""
        if dtype == _F64:
            words = self._launch(n, 2)
            return _unit64(words[:, 0::2], words[:, 1::2]).reshape(-1)[:n]
        return _unit32(self._launch(n, 4)).reshape(-1)[:n]

    def uniform(
        self, shape: Shape, dtype: np.dtype[Any], low: float = 0.0, high: float = 1.0
    ) -> Array:
        """Numbers in [low, high)."""
        if dtype.kind == "c":
            real = self.uniform((*shape, 2), part(dtype), low, high)
            return real.view(dtype).reshape(shape)
        u = self._units(math.prod(shape), dtype)
        start, end = dtype.type(low), dtype.type(high)
        with np.errstate(over="ignore"):
            width = float(end - start)
            out = fused(u.astype(_F64, copy=False), width, float(start))
            out = out.astype(u.dtype, copy=False).astype(dtype, copy=False)
        out[out == end] = start  # (0, 1] becomes [0, 1)
        return out.reshape(shape)

    def _standard(self, n: int, dtype: np.dtype[Any]) -> Array:
        """n normal numbers: float64 for float64, float32 for all others."""
        if dtype == _F64:
            words = self._launch(n, 2)
            radius: Any = np.sqrt(-2.0 * np.log(_unit64(words[:, 0], words[:, 1])))[:, None]
            angle: Any = math.pi * 2.0 * _unit64(words[:, 2], words[:, 3])[:, None]
        else:
            words = self._launch(n, 4)
            radius = np.sqrt(np.float32(-2.0) * np.log(_unit32(words[:, 0::2])))
            turn = np.float32(2.0**-32) * np.float32(2.0 * math.pi)
            angle = words[:, 1::2].astype(np.uint32).astype(np.float32) * turn
            angle = (angle + turn / np.float32(2.0)).astype(_F64)
        out = np.empty((len(words), 2 * radius.shape[1], words.shape[2]), radius.dtype)
        out[:, 0::2] = np.sin(angle).astype(radius.dtype) * radius
        out[:, 1::2] = np.cos(angle).astype(radius.dtype) * radius
        return out.reshape(-1)[:n]

    def normal(
        self, shape: Shape, dtype: np.dtype[Any], mean: float = 0.0, std: float = 1.0,
        contiguous: bool = True,
    ) -> Array:  # fmt: skip
        """Normal numbers."""
        if dtype.kind == "c":
            real = self.normal((*shape, 2), part(dtype), mean, std / math.sqrt(2.0))
            return real.view(dtype).reshape(shape)
        z = self._standard(math.prod(shape), dtype)
        if mean != 0.0 or std != 1.0:
            scale, shift = float(z.dtype.type(std)), float(z.dtype.type(mean))
            z = fused(z.astype(_F64, copy=False), scale, shift).astype(z.dtype, copy=False)
        return rounded(z, dtype, shape)

    def log_normal(self, shape: Shape, dtype: np.dtype[Any], mean: float, std: float) -> Array:
        """exp of normal numbers."""
        wide = dtype if dtype == _F64 else _F32
        with np.errstate(over="ignore"):
            return rounded(np.exp(self.normal(shape, wide, mean, std)), dtype, shape)

    def _integers(self, n: int, wide: bool) -> Array:
        """n integers of 32 or 64 bits."""
        words = self._launch(n, 2 if wide else 4)
        if wide:
            words = (words[:, 0::2] << _UP) | words[:, 1::2]
        return words.reshape(-1)[:n]

    def integers(self, shape: Shape, dtype: np.dtype[Any], low: int, high: int) -> Array:
        """Integers in [low, high), of any dtype; the whole of int64 is (-2**63, 2**63)."""
        width = high - low
        draws = self._integers(math.prod(shape), width >= 2**28)
        if width == 2**64:
            return draws.view(np.int64).astype(dtype, copy=False).reshape(shape)
        out = remainder(draws, width).view(np.int64) + low
        return out.astype(dtype, copy=False).reshape(shape)

    def any_integers(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Integers from 0 to the largest of the dtype, or to the last that it counts exactly."""
        draws = self._integers(math.prod(shape), dtype in (_F64, _I64))
        return remainder(draws, count_of(dtype)).astype(dtype).reshape(shape)

    def bernoulli(self, shape: Shape, p: float, dtype: Any = _F32) -> Any:
        """True with probability p."""
        u = self._units(math.prod(shape), _F64 if dtype == _F64 else _F32)
        return (u < u.dtype.type(p)).reshape(shape)

    def bernoulli_each(self, p: Array) -> Any:
        """True with probability p[i], for each element of p in C order."""
        n = p.size
        # threads with four neighbours each; the offset grows by 12 for the first four blocks
        words = philox(
            np.full(1, self._counted(3), np.uint64), np.arange(-(-n // 4), dtype=np.uint64),
            self._seed,
        )  # fmt: skip
        u = _unit32(words.T.reshape(-1)[:n]).reshape(p.shape)
        return u <= (p if p.dtype == _F64 else p.astype(_F32, copy=False))

    def dropout(self, shape: Shape, keep: float, dtype: Any) -> Any:
        """True where dropout keeps an element: neighbours get the words of one block."""
        n = math.prod(shape)
        near = 4 if n % 4 == 0 else 2 if n % 2 == 0 else 1
        if near == 1:
            u = _unit32(self._launch(n, 4)).reshape(-1)[:n]
        elif near == 4:
            u = _unit32(self._launch(n, 4, 4).transpose(0, 2, 1)).reshape(-1)[:n]
        else:  # two of each block's words, in as many blocks as that takes
            words = self._launch(n, 4, 2)
            u = _unit32(words.reshape(len(words), 2, 2, -1).transpose(0, 1, 3, 2)).reshape(-1)[:n]
        bound = keep if dtype == _F64 else np.float32(keep)
        return (u < bound).reshape(shape)

    # By inversion ------------------------------------------------------------------------------

    def exponential(self, shape: Shape, dtype: np.dtype[Any], rate: float = 1.0) -> Array:
        """Waiting times of a given rate."""
        u = self._units(math.prod(shape), dtype)
        half = np.finfo(u.dtype).eps / 2
        with np.errstate(over="ignore"):
            logs = np.where(u >= 1 - half, u.dtype.type(-half), np.log(u))
            return rounded(u.dtype.type(-1.0) / u.dtype.type(rate) * logs, dtype, shape)

    def cauchy(self, shape: Shape, dtype: np.dtype[Any], median: float, scale: float) -> Array:
        """Cauchy numbers."""
        u = self._units(math.prod(shape), dtype)
        eps = np.finfo(u.dtype).eps
        u = np.clip(u, eps, 1 - eps)
        t = np.tan(u.dtype.type(math.pi) * (u - u.dtype.type(0.5)))
        return rounded(u.dtype.type(median) + u.dtype.type(scale) * t, dtype, shape)

    def geometric(self, shape: Shape, dtype: np.dtype[Any], p: float) -> Array:
        """Number of trials up to the first success."""
        u = self._units(math.prod(shape), _F64 if dtype == _F64 else _F32)
        out = np.ceil(np.log(u) / np.log(u.dtype.type(1.0) - u.dtype.type(p)))
        if dtype.kind in "iu":
            out = np.maximum(out, 1.0).astype(np.int64)
        return rounded(out, dtype, shape)
