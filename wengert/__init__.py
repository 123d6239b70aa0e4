"""wengert: PyTorch's public API in pure Python on NumPy and CuPy. The front door: torch's
names, no logic.
"""

from __future__ import annotations

import importlib as _importlib
import math as _math
from typing import Any as _Any

from .api import functions as _functions
from .api import interop as _interop
from .api import methods as _methods
from .api import printing as _printing
from .base.absent import not_yet as _not_yet
from .base.devices import device
from .base.dtypes import ALIASES as _ALIASES
from .base.dtypes import NAMES_ONLY as _NAMES_ONLY
from .base.dtypes import (
    bfloat16,
    bool,
    complex32,
    complex64,
    complex128,
    dtype,
    finfo,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    float16,
    float32,
    float64,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .base.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    jagged,
    layout,
    legacy_contiguous_format,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from .base.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .base.size import Size
from .base.version import __version__
from .engine.tensor import Tensor

tensor = _functions.tensor  # importing the package of that name had set the attribute
half, float, double = float16, float32, float64
chalf, cfloat, cdouble = complex32, complex64, complex128
inf, nan, pi, e, newaxis = _math.inf, _math.nan, _math.pi, _math.e, None
short, int, long = int16, int32, int64

# packages and modules that are imported when first used
_LAZY = (
    "__config__",
    "__future__",
    "_C",
    "_custom_op",
    "_custom_ops",
    "_decomp",
    "_ops",
    "_dynamo",
    "_functorch",
    "_higher_order_ops",
    "_inductor",
    "_VF",
    "_jit_internal",
    "_logging",
    "_subclasses",
    "_tensor",
    "_tensor_str",
    "_utils",
    "accelerator",
    "ao",
    "amp",
    "autograd",
    "backends",
    "classes",
    "compiler",
    "cpu",
    "cuda",
    "distributed",
    "export",
    "distributions",
    "fft",
    "func",
    "functional",
    "futures",
    "fx",
    "hub",
    "jit",
    "library",
    "linalg",
    "masked",
    "monitor",
    "mps",
    "mtia",
    "nested",
    "multiprocessing",
    "nn",
    "onnx",
    "optim",
    "overrides",
    "profiler",
    "quasirandom",
    "random",
    "return_types",
    "serialization",
    "signal",
    "sklearn",
    "sparse",
    "special",
    "storage",
    "testing",
    "torch_version",
    "train",
    "types",
    "utils",
    "version",
    "viz",
    "xpu",
)


def __getattr__(name: str) -> _Any:
    if name == "__all__":
        return [n for n in __dir__() if not n.startswith("_") and n not in _LAZY]
    if name in _LAZY:
        try:
            return _importlib.import_module(f"{__package__}.{name}")
        except ModuleNotFoundError as e:
            if e.name != f"{__package__}.{name}":
                raise
            raise _not_yet("torch", name) from None
    if name in _NAMES_ONLY:
        return _NAMES_ONLY[name]
    if name == "torch":  # `torch.torch.Tensor`, which programs write by mistake, and may
        return _importlib.import_module(__package__)
    if name.startswith("_foreach_"):
        from .api.foreach import each_of

        globals()[name] = each_of(name)
        return globals()[name]
    value = getattr(_functions, name) if name not in _PROVIDED else _provided(name)
    globals()[name] = value
    return value


# name -> module of the package that has it
_PROVIDED = {
    "_amp_foreach_non_finite_check_and_unscale_": "api.foreach",
    "is_anomaly_enabled": "autodiff.anomaly",
    "is_anomaly_check_nan_enabled": "autodiff.anomaly",
    "trap_nonfinite": "autodiff.anomaly",
    "warn_repeated_writes": "autodiff.anomaly",
    "explain": "observe.explain",
    "summary": "observe.summary",
    "GradScaler": "amp.grad_scaler",
    "has_cuda": "api.facts",
    "has_cudnn": "api.facts",
    "has_lapack": "api.facts",
    "has_mkl": "api.facts",
    "has_mkldnn": "api.facts",
    "has_mps": "api.facts",
    "has_openmp": "api.facts",
    "has_spectral": "api.facts",
    "autocast": "amp.autocast_mode",
    "is_autocast_enabled": "amp.autocast_mode",
    "set_autocast_enabled": "amp.autocast_mode",
    "get_autocast_dtype": "amp.autocast_mode",
    "set_autocast_dtype": "amp.autocast_mode",
    "is_autocast_cpu_enabled": "amp.autocast_mode",
    "set_autocast_cpu_enabled": "amp.autocast_mode",
    "get_autocast_cpu_dtype": "amp.autocast_mode",
    "set_autocast_cpu_dtype": "amp.autocast_mode",
    "get_autocast_gpu_dtype": "amp.autocast_mode",
    "set_autocast_gpu_dtype": "amp.autocast_mode",
    "is_autocast_cache_enabled": "amp.autocast_mode",
    "set_autocast_cache_enabled": "amp.autocast_mode",
    "clear_autocast_cache": "amp.autocast_mode",
    "autocast_increment_nesting": "amp.autocast_mode",
    "autocast_decrement_nesting": "amp.autocast_mode",
    "Generator": "api.generator",
    "manual_seed": "api.generator",
    "seed": "api.generator",
    "initial_seed": "api.generator",
    "get_rng_state": "api.generator",
    "set_rng_state": "api.generator",
    "default_generator": "api.generator",
    "set_printoptions": "api.printing",
    "from_dlpack": "api.interop",
    "save": "io",
    "PyTorchFileReader": "io.records",
    "CompilationUnit": "jit",
    "JITException": "jit",
    "ScriptFunction": "jit",
    "ScriptModule": "jit",
    "fork": "jit",
    "wait": "jit",
    "Future": "futures",
    "DisableTorchFunction": "api.overrides",
    "DisableTorchFunctionSubclass": "api.overrides",
    "_convert_indices_from_coo_to_csr": "api.old_names",
    "_convert_indices_from_csr_to_coo": "api.old_names",
    "_segment_reduce": "api.old_names",
    "_softmax_backward_data": "api.old_names",
    "btrifact": "api.old_factors",
    "btrifact_with_info": "api.old_factors",
    "btrisolve": "api.old_factors",
    "btriunpack": "api.old_factors",
    "gels": "api.old_factors",
    "gesv": "api.old_factors",
    "ifft": "api.old_names",
    "is_deterministic": "api.old_names",
    "potrf": "api.old_factors",
    "potri": "api.old_factors",
    "potrs": "api.old_factors",
    "trtrs": "api.old_factors",
    "eig": "api.old_names",
    "irfft": "api.old_names",
    "lstsq": "api.old_names",
    "matrix_rank": "api.old_names",
    "rfft": "api.old_names",
    "set_deterministic": "api.old_names",
    "solve": "api.old_names",
    "symeig": "api.old_names",
    "load": "io",
    "vmap": "func",
    "compile": "compiler.entry",
    "get_device": "api.facts",
    "get_device_module": "api.facts",
    "to_dlpack": "api.dlpack",
    "_assert": "api.assertions",
    "_assert_async": "api.assertions",
    "_check": "api.assertions",
    "_check_index": "api.assertions",
    "_check_is_size": "api.assertions",
    "_check_not_implemented": "api.assertions",
    "_check_type": "api.assertions",
    "_check_value": "api.assertions",
    "_check_with": "api.assertions",
    "cond": "transforms.control_flow",
    "while_loop": "transforms.control_flow",
    "HintWarning": "base.hints",
    "AcceleratorError": "base.errors",
    "OutOfMemoryError": "base.errors",
    "Event": "api.streams",
    "Stream": "api.streams",
    "SymBool": "base.symbolic",
    "SymFloat": "base.symbolic",
    "SymInt": "base.symbolic",
    "Tag": "base.symbolic",
}


def _provided(name: str) -> _Any:
    return getattr(_importlib.import_module(f"{__package__}.{_PROVIDED[name]}"), name)


def __dir__() -> list[str]:
    from .api.foreach import names

    return sorted({*globals(), *_LAZY, *_PROVIDED, *dir(_functions), *names()} - _INNER)


# what imports have put here
_INNER = {"annotations", "api", "arrays", "base", "engine", "io", "kernels", "observe", "ops"}
