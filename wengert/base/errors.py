"""Exceptions of the public API that Python does not have already."""

from __future__ import annotations


class LinAlgError(RuntimeError):
    """The numbers in a matrix do not allow what was asked: it is singular, or an iteration did not
    converge.
    """


# under PyTorch's own name for it
LinAlgError.__module__, LinAlgError.__name__ = "torch._C", "_LinAlgError"
LinAlgError.__qualname__ = "_LinAlgError"


class AcceleratorError(RuntimeError):
    """A device reported an error."""


class NoDeviceError(RuntimeError, AssertionError):
    """There is no such device here. PyTorch raises AssertionError where it was built without CUDA,
    and RuntimeError where it was built with it and finds no driver: programs catch either.
    """


class OutOfMemoryError(RuntimeError, MemoryError):
    """There is not as much memory as was asked for."""


class DevicesDiffer(RuntimeError, ValueError):
    """Arrays of two devices were given to one operation."""

    def __init__(self, one: object, other: object) -> None:
        super().__init__(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{one} and {other}! Move one with .to(device)."
        )


def out_of_memory(asked_by: str, error: MemoryError) -> OutOfMemoryError:
    """The error for a library's; one that is ours already stays as it is."""
    if isinstance(error, OutOfMemoryError):
        return error
    if "allocated so far" in str(error):  # CuPy's words
        return OutOfMemoryError(f"CUDA out of memory. {asked_by}: {error}")
    return OutOfMemoryError(f"{asked_by}: not enough memory: {error}")


for _error in (AcceleratorError, OutOfMemoryError):
    _error.__module__ = "torch"
