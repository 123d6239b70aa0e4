"""torch.cuda.streams: re-exports."""

from ..api.cuda_api import (
    Event,
    ExternalStream,
    Stream,
)

__all__ = [
    "Event",
    "ExternalStream",
    "Stream",
]
