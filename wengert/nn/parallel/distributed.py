"""DistributedDataParallel: the name, for programs that ask whether a module is one.

Processes cannot be joined yet, so none can be made.
"""

from __future__ import annotations

from typing import Any

from ...base.absent import advice
from ..module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module that is trained by several processes. RuntimeError: there is only one here."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"DistributedDataParallel: {advice('torch.distributed')}; use the module as it is"
        )
