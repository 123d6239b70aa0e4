"""torch.monitor: re-exports."""

from .base.absent import absent as _absent
from .observe.monitor import (
    STAT_EVENT,
    Aggregation,
    Event,
    EventHandlerHandle,
    Stat,
    TensorboardEventHandler,
    _WaitCounter,
    data_value_t,
    log_event,
    register_event_handler,
    unregister_event_handler,
)

__all__ = [
    "STAT_EVENT", "Aggregation", "Event", "EventHandlerHandle", "Stat", "TensorboardEventHandler",
    "_WaitCounter", "data_value_t", "log_event", "register_event_handler",
    "unregister_event_handler",
]  # fmt: skip

__getattr__ = _absent("torch.monitor")
