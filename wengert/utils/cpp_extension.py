"""torch.utils.cpp_extension: re-exports."""

from ..base.extensions import (
    CUDA_HOME,
    BuildExtension,
    CppExtension,
    CUDAExtension,
    SyclExtension,
    include_paths,
    is_ninja_available,
    library_paths,
    load,
    load_inline,
)

__all__ = [
    "BuildExtension",
    "CUDAExtension",
    "CUDA_HOME",
    "CppExtension",
    "SyclExtension",
    "include_paths",
    "is_ninja_available",
    "library_paths",
    "load",
    "load_inline",
]
