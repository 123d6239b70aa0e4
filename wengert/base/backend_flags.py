"""torch.backends: the switches of PyTorch's libraries, kept and answered, without effect.

None of those libraries is here, so what asks for one of them gets "no" for an answer.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .advice import advise


class Flags(types.ModuleType):
    """A module of plain attributes, with availability answered by functions."""

    def __init__(self, name: str, **values: Any) -> None:
        super().__init__(f"torch.backends.{name}", "Switches without effect here.")
        self.__dict__.update(values)


def no(*args: Any, **kwargs: Any) -> bool:
    """This is not there.

    >>> torch.mps.is_available()
    False
    """
    return False


def none(*args: Any, **kwargs: Any) -> None:
    """There is nothing to tell."""
    return


def set_for_a_block(of: Flags, **defaults: Any) -> Callable[..., Any]:
    """The function `flags`: a context manager that sets switches and gives them back."""

    @contextlib.contextmanager
    def flags(**values: Any) -> Iterator[None]:
        """Set switches for a block."""
        if unknown := set(values) - set(defaults):
            raise TypeError(f"flags() got an unexpected keyword argument {unknown.pop()!r}")
        before = {name: getattr(of, name) for name in defaults}
        of.__dict__.update({**defaults, **values})
        try:
            yield
        finally:
            of.__dict__.update(before)

    return flags


class Switch:
    """A pair of functions: one that turns something on or off, one that tells which it is."""

    def __init__(self, on: bool = True) -> None:
        self.on = on

    def enable(self, enabled: bool) -> None:
        """Keep the answer."""
        self.on = bool(enabled)

    def enabled(self) -> bool:
        """The answer that was kept."""
        return self.on


cudnn = Flags(
    "cudnn", enabled=True, benchmark=False, benchmark_limit=10, deterministic=False,
    allow_tf32=True, fp32_precision="none", depthwise_kernel="auto", is_available=no, version=none,
    is_acceptable=no, CUDNN_TENSOR_DTYPES=frozenset(),
)  # fmt: skip
cudnn.__dict__["flags"] = set_for_a_block(
    cudnn, enabled=False, benchmark=False, benchmark_limit=10, deterministic=False,
    allow_tf32=True, fp32_precision="none", depthwise_kernel="auto",
)  # fmt: skip
cudnn.__dict__["set_flags"] = lambda **values: cudnn.__dict__.update(values)

_flash, _efficient, _math, _cudnn, _half = Switch(), Switch(), Switch(), Switch(), Switch(False)


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:  # fmt: skip
    """Choose among attention kernels for a block; there is one here, so nothing changes."""
    advise(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will"
        " be removed. Please see `torch.nn.attention.sdpa_kernel()` for the new context manager.",
        FutureWarning,
    )
    switches = (_flash, _math, _efficient, _cudnn)
    before = [s.on for s in switches]
    for s, on in zip(switches, (enable_flash, enable_math, enable_mem_efficient, enable_cudnn)):
        s.enable(on)
    try:
        yield
    finally:
        for s, on in zip(switches, before):
            s.enable(on)


class SDPAParams(NamedTuple):
    """A call of scaled_dot_product_attention, which can_use_flash_attention is asked about."""

    query: Any
    key: Any
    value: Any
    attn_mask: Any
    dropout: float
    is_causal: bool
    enable_gqa: bool = False


cuda = Flags(
    "cuda", SDPAParams=SDPAParams,
    matmul=Flags(
        "cuda.matmul", allow_tf32=False, allow_fp16_reduced_precision_reduction=True,
        allow_bf16_reduced_precision_reduction=True, allow_fp16_accumulation=False,
        fp32_precision="none",
    ),
    cufft_plan_cache=Flags("cuda.cufft_plan_cache", size=0, max_size=0, clear=none),
    is_built=no, is_flash_attention_available=no, is_ck_sdpa_available=no,
    can_use_flash_attention=no, can_use_efficient_attention=no, can_use_cudnn_attention=no,
    preferred_linalg_library=none, preferred_blas_library=none, preferred_rocm_fa_library=none,
    enable_flash_sdp=_flash.enable, flash_sdp_enabled=_flash.enabled,
    enable_mem_efficient_sdp=_efficient.enable, mem_efficient_sdp_enabled=_efficient.enabled,
    enable_math_sdp=_math.enable, math_sdp_enabled=_math.enabled,
    enable_cudnn_sdp=_cudnn.enable, cudnn_sdp_enabled=_cudnn.enabled,
    allow_fp16_bf16_reduction_math_sdp=_half.enable,
    fp16_bf16_reduction_math_sdp_allowed=_half.enabled, sdp_kernel=sdp_kernel,
)  # fmt: skip
mps = Flags(
    "mps", is_available=no, is_built=no, is_macos13_or_newer=no, is_macos_or_newer=no,
    get_core_count=lambda: 0, get_name=lambda: "",
)  # fmt: skip
mkldnn = Flags(
    "mkldnn", enabled=True, deterministic=False, allow_tf32=True, fp32_precision="none",
    is_available=no, verbose=contextlib.nullcontext, VERBOSE_OFF=0, VERBOSE_ON=1,
    VERBOSE_ON_CREATION=2,
)  # fmt: skip
mkldnn.__dict__["flags"] = set_for_a_block(
    mkldnn, enabled=False, deterministic=False, allow_tf32=True, fp32_precision="none"
)
mkl = Flags("mkl", is_available=no, verbose=contextlib.nullcontext, VERBOSE_OFF=0, VERBOSE_ON=1)
openmp = Flags("openmp", is_available=no)
opt_einsum = Flags("opt_einsum", enabled=False, strategy=None, is_available=no, get_opt_einsum=none)
opt_einsum.__dict__["flags"] = set_for_a_block(opt_einsum, enabled=None, strategy=None)
nnpack = Flags("nnpack", enabled=False, is_available=no, set_flags=lambda _enabled: (False,))
nnpack.__dict__["flags"] = set_for_a_block(nnpack, enabled=False)
cusparselt = Flags("cusparselt", is_available=no, version=none, get_max_alg_id=none)
xnnpack = Flags("xnnpack", enabled=False)
quantized = Flags("quantized", engine="none", supported_engines=["none"])
miopen = Flags("miopen", immediate=False)
_fast = Switch()
mha = Flags("mha", get_fastpath_enabled=_fast.enabled, set_fastpath_enabled=_fast.enable)


def get_cpu_capability() -> str:
    """The widest vector instructions that the CPU offers: AVX512, AVX2 or DEFAULT."""
    import importlib

    library = importlib.import_module("numpy._core._multiarray_umath")
    has = getattr(library, "__cpu_features__", {})
    wide = {"AVX512": "AVX512_SKX", "AVX2": "AVX2"}
    return next((name for name, feature in wide.items() if has.get(feature)), "DEFAULT")


cpu = Flags("cpu", get_cpu_capability=get_cpu_capability)
