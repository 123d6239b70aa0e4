"""torch._C._profiler: a setting of PyTorch's profiler, kept without effect."""

from ..base.absent import absent as _absent

_cuda_sync = [False]


def _set_cuda_sync_enabled_val(val: bool) -> None:
    """Kept: the profiler here times calls on the CPU."""
    _cuda_sync[0] = bool(val)


__getattr__ = _absent("torch._C._profiler")
