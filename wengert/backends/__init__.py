"""torch.backends: re-exports; each part can be imported as a module of its own."""

import sys as _sys

from ..base.absent import absent as _absent
from ..base.backend_flags import (
    cpu,
    cuda,
    cudnn,
    cusparselt,
    mha,
    miopen,
    mkl,
    mkldnn,
    mps,
    nnpack,
    openmp,
    opt_einsum,
    quantized,
    xnnpack,
)

__all__ = [
    "cpu", "cuda", "cudnn", "cusparselt", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack",
    "openmp", "opt_einsum", "quantized", "xnnpack",
]  # fmt: skip

_sys.modules.update({f"{__name__}.{_name}": globals()[_name] for _name in __all__})

__getattr__ = _absent("torch.backends")
