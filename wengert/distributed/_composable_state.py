"""torch.distributed._composable_state: what fully_shard notes at a module."""

from __future__ import annotations

from ..nn.module import Module
from .fsdp.unit import Unit as _State

__all__ = ["_State", "_get_module_state"]


def _get_module_state(module: Module) -> _State | None:
    """The unit whose parameters a module is dealt with, if fully_shard was called on it."""
    return module.__dict__.get("_fsdp_unit")
