"""Words on CUDA that are one launch of a kernel of ours, instead of several calls of CuPy's.

What lives here: which words, for which operands (contiguous arrays of float32), and how a kernel is
launched. What does not: the kernels (`kernels/gpu_kernels.py`), PTX of which LLVM makes and the
driver compiles, without nvcc and NVRTC.

No kernel is believed at once: its first result on each device is compared with what CuPy's calls
give on the same operands. Where it differs, or a kernel cannot be made or loaded, one warning says
so, and CuPy's calls stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.advice import advise
from ..kernels.gpu import Kernel
from . import fused_elements as plans

__all__ = ["Launcher", "Trial", "given", "wrap"]

Word = Callable[..., Any]
Plan = Callable[..., Any]
F32 = np.dtype(np.float32)
CHIP = "sm_80"  # the driver makes code for later devices of it
OLDEST = 80
NUMBERS = {"i64": np.int64, "float": np.float32}
ARRAYS = {"float*": F32, "i64*": np.dtype(np.int64)}
MOST = 2**31 - 1  # blocks of a launch
LAUNCHERS: list[Trial] = []  # all there are, for whoever asks which are believed


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


def elements(name: str, inputs: int) -> Callable[[Word, Any], Word]:
    """A word of arrays of one shape; name: of the kernel."""

    def make(general: Word, lib: Any) -> Word:
        from ..kernels import gpu_kernels

        launcher = Launcher(gpu_kernels.KERNELS[name], lib)
        each = gpu_kernels.EACH * gpu_kernels.WIDTH

        def word(*args: Any, **options: Any) -> Any:
            if options or len(args) != inputs or not fits(*args):
                return general(*args, **options)
            x = args[0]
            device, blocks = x.device.id, -(-x.size // each)
            if blocks > MOST or not launcher.ready(device):
                return general(*args)
            out = lib.empty(x.shape, F32)
            launcher.launch(device, blocks, x.size, *args, out)
            return launcher.checked(device, out, lambda: general(*args))

        return word

    return make


def planned(inputs: int, plan: Plan) -> Callable[[Word, Any], Word]:
    """word(arrays..., options...); plan(options...) is the formula and its numbers, or None."""

    def make(general: Word, lib: Any) -> Word:
        from ..kernels import gpu_kernels

        launchers: dict[str, Launcher] = {}
        each = gpu_kernels.EACH * gpu_kernels.WIDTH

        def word(*args: Any, **named: Any) -> Any:
            arrays, options = args[:inputs], args[inputs:]
            plain = not named and all([v is None or isinstance(v, (int, float)) for v in options])
            found = plan(*options) if plain and fits(*arrays) else None
            if found is None:
                return general(*args, **named)
            name, numbers = found
            launcher = launchers.get(name)
            if launcher is None:
                launcher = launchers[name] = Launcher(gpu_kernels.KERNELS[name], lib)
            x = arrays[0]
            device, blocks = x.device.id, -(-x.size // each)
            if blocks > MOST or not launcher.ready(device):
                return general(*args)
            out = lib.empty(x.shape, F32)
            launcher.launch(device, blocks, x.size, *numbers, *arrays, out)
            return launcher.checked(device, out, lambda: general(*args))

        return word

    return make


def gelu(suffix: str, inputs: int) -> Callable[[Word, Any], Word]:
    """gelu or its gradient: a kernel for each way to compute it."""

    def make(general: Word, lib: Any) -> Word:
        ways = {
            how: elements(name + suffix, inputs)(
                lambda *args, how=how: general(*args, approximate=how), lib
            )
            for how, name in (("none", "gelu"), ("tanh", "gelu_tanh"))
        }

        def word(*args: Any, approximate: str = "none") -> Any:
            if len(args) > inputs:
                *args, approximate = args  # type: ignore[assignment]
            return ways[approximate](*args)

        return word

    return make


def rows(name: str, inputs: int) -> Callable[[Word, Any], Word]:
    """A word of rows along the last dimension."""

    def make(general: Word, lib: Any) -> Word:
        from ..kernels import gpu_kernels

        launcher = Launcher(getattr(gpu_kernels, name), lib)

        def word(*args: Any, dim: int = -1) -> Any:
            if len(args) > inputs:
                *args, dim = args  # type: ignore[assignment]
            x = args[0]
            if x.ndim and dim in (-1, x.ndim - 1) and fits(*args):
                device, n = x.device.id, x.shape[-1]
                if x.size // n <= MOST and launcher.ready(device):
                    out = lib.empty(x.shape, F32)
                    launcher.launch(device, x.size // n, n, *args, out)
                    return launcher.checked(device, out, lambda: general(*args, dim))
            return general(*args, dim)

        return word

    return make


def layer_norm(general: Word, lib: Any) -> Word:
    """layer_norm with weight and bias: (results, means, 1 / deviations)."""
    from ..kernels import gpu_kernels

    launcher = Launcher(gpu_kernels.layer_norm, lib)

    def word(x: Any, weight: Any = None, bias: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
        n = int(np.prod(x.shape[x.ndim - dims :]))
        usual = weight is not None and bias is not None and weight.size == bias.size == n
        if usual and fits(x) and fits(weight, bias):
            device, count = x.device.id, x.size // n
            if count <= MOST and launcher.ready(device):
                out, stats = lib.empty(x.shape, F32), lib.empty((count, 2), F32)
                launcher.launch(device, count, n, eps, x, weight, bias, out, stats)
                mean, rstd = (lib.ascontiguousarray(stats[:, i]) for i in (0, 1))
                return launcher.checked(
                    device, (out, mean, rstd), lambda: general(x, weight, bias, dims, eps)
                )
        return general(x, weight, bias, dims, eps)

    return word


PLANS: dict[str, Plan] = {  # words with options
    **{name: plans.softpluses(name) for name in ("softplus", "softplus_backward")},
    **{name: plans.elus(name) for name in ("elu", "elu_backward")},
    **{name: plans.leaky(name) for name in ("leaky_relu", "leaky_relu_backward")},
    **{n: plans.shrinking(n) for n in ("hardshrink", "hardshrink_backward", "softshrink")},
    "hardtanh": plans.limited,
    "hardtanh_backward": plans.limits,
    "threshold": plans.replaced,
    "threshold_backward": plans.above,
    "clamp": plans.clamped,
}
WORDS: dict[str, Callable[[Word, Any], Word]] = {
    **{
        name: elements(name, 1)
        for name in ("sigmoid", "silu", "mish", "logsigmoid", "hardsigmoid", "hardswish")
    },
    **{
        name: elements(name, 2)
        for name in (
            "sigmoid_backward", "tanh_backward", "relu_backward", "silu_backward",
            "logsigmoid_backward", "hardswish_backward",
        )
    },
    **{name: planned(1 + name.endswith("_backward"), plan) for name, plan in PLANS.items()},
    "gelu": gelu("", 1),
    "gelu_backward": gelu("_backward", 2),
    "softmax": rows("softmax", 1),
    "softmax_backward": rows("softmax_backward", 2),
    "log_softmax": rows("log_softmax", 1),
    "log_softmax_backward": rows("log_softmax_backward", 2),
    "layer_norm": layer_norm,
}  # fmt: skip


def wrap(word: str, general: Word, lib: Any) -> Word:
    """A word over CuPy, with its kernel in front if it has one."""
    make = WORDS.get(word)
    return general if make is None else make(general, lib)
