"""Ranges of the profile that are opened by one call and closed by another: torch.ops.profiler."""

from __future__ import annotations

from ..ops.operator_names import OPERATORS
from .recorder import record_function


def enter(name: str, args: str | None = None) -> record_function:
    """Open a range; what it gives is for `leave`."""
    return record_function(name, args).__enter__()


def leave(record: record_function) -> None:
    """Close a range."""
    record.__exit__(None, None, None)


OPERATORS["profiler"] = {
    "_record_function_enter": enter,
    "_record_function_enter_new": enter,
    "_record_function_exit": leave,
}
