"""Kernels for GPUs that fill arrays with random numbers: Philox 4x32-10, dealt to threads as
PyTorch's CUDA generator does.

What is dealt to whom, and which numbers come out, is in `arrays/philox_stream.py`, which makes the
same numbers on the CPU; who launches them, in `arrays/cuda_random.py`. None of them has run on a
GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .gpu import Kernel, Threads
from .values import Pointer, Value

__all__ = ["WIDTH", "bernoulli", "dropout", "uniform"]

WIDTH = 256  # threads of a block
LOW = 0xFFFFFFFF
PARAMS = [
    ("n", "i64"), ("threads", "i64"), ("rounds", "i64"), ("counter", "i64"), ("seed", "i64"),
]  # fmt: skip


def words(counter: Value, thread: Value, seed: Value) -> tuple[Value, Value, Value, Value]:
    """Four words of 32 bits, in 64: the block of a counter for a thread."""
    a, b, c, d = counter & LOW, (counter >> 32) & LOW, thread, thread & 0
    left, right = seed & LOW, (seed >> 32) & LOW
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b = ((q >> 32) & LOW) ^ b ^ left, q & LOW
        c, d = ((p >> 32) & LOW) ^ d ^ right, p & LOW
        left, right = (left + 0x9E3779B9) & LOW, (right + 0xBB67AE85) & LOW
    return a, b, c, d


def unit(word: Value) -> Value:
    """A number in (0, 1] of a word."""
    return word.cast("uitofp", "float") * 2.0**-32 + 2.0**-33


def _filled(neighbours: bool, value: Callable[..., Value]) -> Callable[..., None]:
    """What a thread does: value(u, *numbers) for each of its elements. neighbours: the four words
    of a block go to four elements in a row, else to elements as far apart as there are threads.
    """

    def body(
        f: Threads, n: Value, threads: Value, rounds: Value, counter: Value, seed: Value, *rest: Any
    ) -> None:
        *numbers, out = rest
        thread = f.block_index * f.width + f.thread

        def one(k: Value) -> None:
            for j, word in enumerate(words(counter + k, thread, seed)):
                place = (
                    (threads * k + thread) * 4 + j if neighbours else thread + threads * (k * 4 + j)
                )
                store(out, place, value(unit(word), *numbers))

        def store(out: Pointer, place: Value, v: Value) -> None:
            f.when(place < n, lambda: out.store(v, place))

        f.loop(0, rounds, 1, one)

    return body


def _between(u: Value, low: Value, width: Value, high: Value) -> Value:
    v = u.call("fma", width, low)  # rounded once, also where threads run on a CPU without it
    return v.equals(high).choose(low, v)  # (0, 1] becomes [0, 1)


def _below(u: Value, bound: Value) -> Value:
    return (u < bound).choose(bound.constant(1.0), bound.constant(0.0))


uniform = Kernel(
    "philox_uniform",
    [*PARAMS, ("low", "float"), ("width", "float"), ("high", "float"), ("out", "float*")],
    WIDTH,
    _filled(False, _between),
)
bernoulli = Kernel(
    "philox_bernoulli",
    [*PARAMS, ("p", "float"), ("out", "float*")],
    WIDTH,
    _filled(False, _below),
)
dropout = Kernel(
    "philox_dropout",
    [*PARAMS, ("keep", "float"), ("out", "float*")],
    WIDTH,
    _filled(True, _below),
)
