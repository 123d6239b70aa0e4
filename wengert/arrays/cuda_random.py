"""Random numbers made on a CUDA device, where a kernel of ours makes them: float32 by uniform,
bernoulli with one probability, dropout of numbers that come in fours.

They are those of the generator's stream (`philox_stream.py`), which goes on by as much as if it had
made them. The first draw of each kernel on a device is compared with the stream's, bit by bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import gpu_random
from .cuda_launcher import Launcher
from .philox_stream import NO_DRAWS, PhiloxStream
from .random_stream import Shape, Stream

__all__ = ["draw"]

F32 = np.dtype(np.float32)
KERNELS = {
    "uniform": gpu_random.uniform, "bernoulli": gpu_random.bernoulli, "dropout": gpu_random.dropout
}  # fmt: skip
_launchers: dict[tuple[int, str], Launcher] = {}  # by library and kind


def numbers(kind: str, args: tuple[Any, ...]) -> tuple[np.float32, ...]:
    """What a kernel is told of the distribution."""
    if kind != "uniform":
        return (np.float32(args[0]),)
    low, high = (np.float32(a) for a in args or (0.0, 1.0))
    with np.errstate(over="ignore"):
        return low, np.float32(high - low), high


def draw(
    library: Any, device: int, stream: Stream, kind: str, shape: Shape, dtype: Any,
    args: tuple[Any, ...],
) -> Any:  # fmt: skip
    """An array of a device with random numbers; None where no kernel makes them.

    library: CuPy. kind: a method of the stream. args: the parameters of the distribution.
    """
    n = math.prod(shape)
    if library.cuda.get_current_stream().is_capturing():
        raise RuntimeError(NO_DRAWS)
    if type(stream) is not PhiloxStream or dtype != F32 or kind not in KERNELS or not n:
        return None
    if kind == "dropout" and n % 4 or not all([isinstance(a, (int, float)) for a in args]):
        return None
    launcher = _launchers.get((id(library), kind))
    if launcher is None:
        launcher = _launchers[id(library), kind] = Launcher(KERNELS[kind], library)
    if not launcher.ready(device):
        return None
    before = stream.clone()
    threads, rounds, counter = stream.reserve(n, 4)
    seed = int(np.uint64(stream.initial_seed).view(np.int64))
    with library.cuda.Device(device):
        out = library.empty(tuple(shape), F32)
        place = (n, threads, rounds, counter, seed)
        launcher.launch(device, threads // gpu_random.WIDTH, *place, *numbers(kind, args), out)

        def general() -> Any:
            given = args if kind == "uniform" else (*args, dtype)
            found = getattr(before, kind)(shape, *((dtype, *given) if kind == "uniform" else given))
            return library.asarray(np.asarray(found, F32))

        return launcher.checked(device, out, general, exactly=True)
