"""Words on CUDA that are one launch of a kernel of ours, instead of several calls of CuPy's.

What lives here: which words, and for which operands (contiguous arrays of float32). What does not:
launches, and when a kernel is believed (`cuda_launcher.py`), norms and pooling
(`cuda_norms.py`, `cuda_pools.py`), the kernels (`kernels/gpu_kernels.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import cuda_norms, cuda_pools
from . import fused_elements as plans
from .cuda_launcher import F32, MOST, Launcher, fits

__all__ = ["wrap"]

Word = Callable[..., Any]
Plan = Callable[..., Any]


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
    **cuda_norms.WORDS,
    **cuda_pools.WORDS,
}  # fmt: skip


def wrap(word: str, general: Word, lib: Any) -> Word:
    """A word over CuPy, with its kernel in front if it has one."""
    make = WORDS.get(word)
    return general if make is None else make(general, lib)
