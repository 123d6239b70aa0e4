"""torch.ao.quantization: the classes that code asks for; quantization itself is not here."""

from __future__ import annotations

from typing import Any as _Any

from ...base.absent import not_yet as _not_yet
from ...nn.quantization_bases import FakeQuantizeBase, ObserverBase

__all__ = ["FakeQuantizeBase", "ObserverBase"]


def __getattr__(name: str) -> _Any:
    raise _not_yet("torch.ao.quantization", name)
