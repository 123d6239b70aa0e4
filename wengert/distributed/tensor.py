"""torch.distributed.tensor: the name DTensor, for programs that ask whether a tensor is one."""

from __future__ import annotations

from typing import Any

from ..base.absent import advice
from ..engine.tensor import Tensor

__all__ = ["DTensor"]


class DTensor(Tensor):
    """A tensor whose parts are on several devices. RuntimeError: none can be made here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"DTensor: {advice('torch.distributed')}")
