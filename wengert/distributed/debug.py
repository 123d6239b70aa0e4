"""How much torch.distributed checks and tells, and a debugger for one rank."""

from __future__ import annotations

import os
import sys
from enum import Enum

from .collectives import barrier
from .process_group import get_rank

__all__ = [
    "DebugLevel", "breakpoint", "get_debug_level", "set_debug_level", "set_debug_level_from_env",
]  # fmt: skip


class DebugLevel(Enum):
    """As TORCH_DISTRIBUTED_DEBUG names them. Ranks are compared at every level here.

    >>> DebugLevel.INFO.name
    'INFO'
    """

    OFF, INFO, DETAIL = range(3)


_level = DebugLevel.OFF


def get_debug_level() -> DebugLevel:
    """The level in force.

    >>> dist.get_debug_level().name
    'OFF'
    """
    return _level


def set_debug_level(level: DebugLevel) -> None:
    """Set the level.

    >>> dist.set_debug_level(dist.DebugLevel.OFF)
    """
    global _level
    _level = level


def set_debug_level_from_env() -> None:
    """Set the level that TORCH_DISTRIBUTED_DEBUG names. RuntimeError for an unknown one.

    >>> dist.set_debug_level_from_env()
    """
    name = os.environ.get("TORCH_DISTRIBUTED_DEBUG", "OFF").upper()
    if name not in DebugLevel.__members__:
        raise RuntimeError(
            "The value of TORCH_DISTRIBUTED_DEBUG must either be `OFF`, `INFO`, or `DETAIL`, not "
            f"{name!r}"
        )
    set_debug_level(DebugLevel[name])


def breakpoint(rank: int = 0, skip: int = 0, timeout_s: int = 3600) -> None:  # noqa: A001
    """Stop one rank in the debugger while the others wait. Its terminal has to be that rank's.

    skip: how many calls do nothing first. timeout_s: seconds that the others wait.
    """
    if get_rank() == rank:
        sys.breakpointhook()  # noqa: T100
    barrier()


set_debug_level_from_env()
