"""Launches of kernels of ours on CUDA, and when one is believed.

PTX, which LLVM makes, is compiled by the driver, without nvcc and NVRTC. No kernel is believed at
once: its first result on each device is compared with what CuPy's calls give on the same operands.
Where it differs, or a kernel cannot be made or loaded, one warning says so, and CuPy's calls stay.
Not here: which words are launches (`cuda_kernels.py`, `cuda_norms.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.advice import advise
from ..kernels import compiler
from ..kernels.gpu import Kernel
from .cupy_library import CuPyLibrary

__all__ = ["F32", "MOST", "Launcher", "Trial", "fits", "given", "launchable"]

F32 = np.dtype(np.float32)
CHIP = "sm_80"  # the driver makes code for later devices of it
OLDEST = 80
NUMBERS = {"i64": np.int64, "float": np.float32, "double": np.float64}
ARRAYS = {
    "float*": F32, "i64*": np.dtype(np.int64), "double*": np.dtype(np.float64),
    "i8*": np.dtype(np.bool_),
}  # fmt: skip
MOST = 2**31 - 1  # blocks of a launch
LAUNCHERS: list[Trial] = []  # all there are, for whoever asks which are believed


def launchable(ns: Any) -> bool:
    """Whether the device of a namespace takes kernels of ours."""
    return isinstance(ns.library, CuPyLibrary) and compiler.target() is not None


def given(kernel: Kernel, args: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of a launch as CuPy passes them on: numbers by their width, and arrays.

    TypeError for what does not fit the kernel's parameters: the device would not notice.
    """
    if len(args) != len(kernel.params):
        raise TypeError(f"{kernel.name}: {len(args)} arguments for {len(kernel.params)} parameters")
    found = []
    for (name, kind), a in zip(kernel.params, args):
        if kind in NUMBERS:
            found.append(NUMBERS[kind](a))
        elif a.dtype == ARRAYS.get(kind) and a.flags.c_contiguous:
            found.append(a)
        else:
            raise TypeError(f"{kernel.name}: {name} is a {kind}, not {a.dtype} {a.flags}")
    return tuple(found)


class Trial:
    """Another way than CuPy's calls to results, and whether it can be believed.

    A key says for what: a device, or a tuple that begins with one.
    """

    title = "the GPU kernel {}"

    def __init__(self, name: str, lib: Any) -> None:
        self.name, self.lib = name, lib
        LAUNCHERS.append(self)
        self.functions: dict[Any, Any] = {}  # by key; None where it is not to be used
        self.believed: set[Any] = set()

    def ready(self, key: Any) -> bool:
        """Whether there is code for a key, which is made at the first question."""
        if key not in self.functions:
            try:
                self.functions[key] = self._load(key)
            except Exception as e:
                self._give_up(key, f"cannot be made: {type(e).__name__}: {e}")
        return self.functions[key] is not None

    def _load(self, key: Any) -> Any:
        raise NotImplementedError

    def _give_up(self, key: Any, why: str) -> None:
        self.functions[key] = None
        device = key[0] if isinstance(key, tuple) else key
        advise(
            f"{self.title.format(self.name)} {why}; CuPy's own calls are used on cuda:{device}",
            RuntimeWarning,
        )

    def checked(
        self, key: Any, found: Any, general: Callable[[], Any], exactly: bool = False
    ) -> Any:
        """What this way found, or, the first time it does not fit, what CuPy finds."""
        if key in self.believed:
            return found
        want = general()
        pairs = zip(found, want) if isinstance(found, tuple) else [(found, want)]
        alike = self.lib.array_equal if exactly else self._alike
        if all([a is None or bool(alike(a, b)) for a, b in pairs]):
            self.believed.add(key)
            return found
        self._give_up(key, "differs from the general way")
        return want

    def _alike(self, a: Any, b: Any) -> bool:
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if b.dtype.kind == "i":  # positions
            return bool(self.lib.array_equal(a, b))
        if b.dtype.kind == "b":  # comparisons of what may be rounded in another way
            return int(self.lib.count_nonzero(a != b)) <= 1 + b.size // 1000
        finite = b[self.lib.isfinite(b)]
        scale = max(1.0, float(abs(finite).max())) if finite.size else 1.0
        return bool(self.lib.allclose(a, b, rtol=1e-4, atol=2e-5 * scale, equal_nan=True))


class Launcher(Trial):
    """One kernel on the devices of a library; keys are devices."""

    def __init__(self, kernel: Kernel, lib: Any) -> None:
        super().__init__(kernel.name, lib)
        self.kernel = kernel

    def _load(self, key: int) -> Any:
        from ..kernels.gpu import ptx

        cuda = self.lib.cuda
        if int(cuda.Device(key).compute_capability) < OLDEST:
            return None
        module = cuda.function.Module()
        module.load(ptx(self.kernel, CHIP).encode())
        return module.get_function(self.kernel.name)

    def launch(self, device: int, blocks: int, *args: Any) -> None:
        """Run blocks of threads on the current stream of the current device, which is this one."""
        call = given(self.kernel, args)
        self.functions[device]((blocks,), (self.kernel.width,), call)


def fits(*arrays: Any) -> bool:
    """Whether a kernel can read arrays: of one shape, float32, one element after the other."""
    first = arrays[0]
    return first.size > 0 and all([
        getattr(a, "dtype", None) == F32 and a.shape == first.shape and a.flags.c_contiguous
        for a in arrays
    ])  # fmt: skip
