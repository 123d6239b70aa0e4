"""torch.autograd.profiler: re-exports."""

from ..observe.block import emit_itt, emit_nvtx, kineto_available, load_nvprof, profile
from ..observe.events import DeviceType, EventList, FunctionEvent
from ..observe.recorder import record_function

__all__ = [
    "DeviceType", "EventList", "FunctionEvent", "emit_itt", "emit_nvtx", "kineto_available",
    "load_nvprof", "profile", "record_function",
]  # fmt: skip
