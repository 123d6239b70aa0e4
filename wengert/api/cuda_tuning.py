"""The settings of torch.cuda.tunable. They are kept and can be read; products are cuBLAS's, which
chooses its kernels by itself, so nothing is tuned and there are no results.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "enable", "get_filename", "get_max_tuning_duration", "get_max_tuning_iterations", "get_results",
    "get_rotating_buffer_size", "get_validators", "is_enabled", "mgpu_tune_gemm_in_file",
    "read_file", "record_untuned_enable", "record_untuned_is_enabled", "set_filename",
    "set_max_tuning_duration", "set_max_tuning_iterations", "set_numerical_check_tolerances",
    "set_rotating_buffer_size", "tune_gemm_in_file", "tuning_enable", "tuning_is_enabled",
]  # fmt: skip

_kept: dict[str, Any] = {
    "enabled": False, "tuning": True, "untuned": False, "duration": 30, "iterations": 100,
    "filename": "tunableop_results.csv", "buffer": -1,
}  # fmt: skip


def enable(val: bool = True) -> None:
    """Keep the setting, which changes nothing.

    val: whether tuned products are asked for.
    """
    _kept["enabled"] = bool(val)


def is_enabled() -> bool:
    """What enable() was told: at first False."""
    return bool(_kept["enabled"])


def tuning_enable(val: bool = True) -> None:
    """Keep the setting, which changes nothing.

    val: whether products not met before are to be tuned.
    """
    _kept["tuning"] = bool(val)


def tuning_is_enabled() -> bool:
    """What tuning_enable() was told: at first True."""
    return bool(_kept["tuning"])


def record_untuned_enable(val: bool = True) -> None:
    """Keep the setting, which changes nothing.

    val: whether products are to be noted for later.
    """
    _kept["untuned"] = bool(val)


def record_untuned_is_enabled() -> bool:
    """What record_untuned_enable() was told: at first False."""
    return bool(_kept["untuned"])


def set_max_tuning_duration(duration: int) -> None:
    """Keep the setting, which changes nothing.

    duration: milliseconds.
    """
    _kept["duration"] = int(duration)


def get_max_tuning_duration() -> int:
    """Milliseconds, as set: at first 30."""
    return int(_kept["duration"])


def set_max_tuning_iterations(iterations: int) -> None:
    """Keep the setting, which changes nothing.

    iterations: a number of runs.
    """
    _kept["iterations"] = int(iterations)


def get_max_tuning_iterations() -> int:
    """A number of runs, as set: at first 100."""
    return int(_kept["iterations"])


def set_filename(filename: str, insert_device_ordinal: bool = False) -> None:
    """Keep the name; nothing is written.

    filename: of results. insert_device_ordinal: accepted.
    """
    _kept["filename"] = str(filename)


def get_filename() -> str:
    """The name that was set."""
    return str(_kept["filename"])


def set_rotating_buffer_size(buffer_size: int) -> None:
    """Keep the setting, which changes nothing.

    buffer_size: megabytes.
    """
    _kept["buffer"] = int(buffer_size)


def get_rotating_buffer_size() -> int:
    """Megabytes, as set: at first -1, which is the size of a cache."""
    return int(_kept["buffer"])


def set_numerical_check_tolerances(enable: bool, atol: float = 1e-5, rtol: float = 1e-5) -> None:
    """Accepted: there is nothing to check.

    enable: accepted. atol: accepted. rtol: accepted.
    """


def get_results() -> tuple[Any, ...]:
    """None: nothing is tuned."""
    return ()


def get_validators() -> tuple[Any, ...]:
    """None: nothing is tuned."""
    return ()


def read_file(filename: str | None = None) -> bool:
    """False: results of another library say nothing of cuBLAS's choice.

    filename: accepted.
    """
    return False


def tune_gemm_in_file(filename: str) -> None:
    """Refused, with RuntimeError.

    filename: accepted.
    """
    raise RuntimeError("torch.cuda.tunable: cuBLAS chooses its kernels by itself; nothing is tuned")


def mgpu_tune_gemm_in_file(filename_pattern: str, num_gpus: int) -> None:
    """Refused, with RuntimeError.

    filename_pattern: accepted. num_gpus: accepted.
    """
    tune_gemm_in_file(filename_pattern)
