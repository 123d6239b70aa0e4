"""What compiles C++ for PyTorch (torch.utils.cpp_extension), and what loads it: each refuses, and
says what to do instead.
"""

from __future__ import annotations

from typing import Any

from .absent import ADVICE

CUDA_HOME = None
loaded_libraries: set[str] = set()


def _refuse(what: str) -> RuntimeError:
    return RuntimeError(f"{what}: {ADVICE['torch.utils.cpp_extension']}")


class BuildExtension:
    """Not available: raises RuntimeError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _refuse("BuildExtension")

    @classmethod
    def with_options(cls, **options: Any) -> Any:
        """Not available: raises RuntimeError."""
        raise _refuse("BuildExtension")


def CppExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Not available: raises RuntimeError.

    name: of the parameter, tensor or extension. sources: files.
    """
    raise _refuse(f"CppExtension({name!r})")


def CUDAExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Not available: raises RuntimeError.

    name: of the parameter, tensor or extension. sources: files.
    """
    raise _refuse(f"CUDAExtension({name!r})")


def SyclExtension(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Not available: raises RuntimeError.

    name: of the parameter, tensor or extension. sources: files.
    """
    raise _refuse(f"SyclExtension({name!r})")


def load(name: str, sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Not available: raises RuntimeError.

    name: of the parameter, tensor or extension. sources: files.
    """
    raise _refuse(f"cpp_extension.load({name!r})")


def load_inline(name: str, cpp_sources: Any, *args: Any, **kwargs: Any) -> Any:
    """Not available: raises RuntimeError.

    name: of the parameter, tensor or extension. cpp_sources: text.
    """
    raise _refuse(f"cpp_extension.load_inline({name!r})")


def include_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> list[str]:
    """There are no headers.

    device_type: 'cpu' or 'cuda'. torch_include_dirs: accepted.
    """
    return []


def library_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> list[str]:
    """There are no libraries.

    device_type: 'cpu' or 'cuda'. torch_include_dirs: accepted.
    """
    return []


def is_ninja_available() -> bool:
    """Nothing is built."""
    return False


def load_library(path: Any) -> None:
    """Not available: raises RuntimeError."""
    raise RuntimeError(f"load_library({str(path)!r}): {ADVICE['torch.classes']}")
