"""Ranges of the profile that are opened by one call and closed by another: torch.ops.profiler."""

from __future__ import annotations

from typing import Any

from ..engine.op_modes import ask_strangers
from ..ops.operator_names import OPERATORS
from .recorder import record_function


def enter(name: str, args: str | None = None) -> record_function:
    """Open a range; what it gives is for `leave`."""
    return record_function(name, args).__enter__()


def leave(record: record_function) -> Any:
    """Close a range; what stands in for one, as torch.fx's proxies do, is asked instead."""
    if isinstance(record, record_function):
        return record.__exit__(None, None, None)
    answer = ask_strangers(leave, (record,), {})
    if answer is None:
        raise TypeError(
            "_record_function_exit(): argument 'record' must be what _record_function_enter "
            f"gave, not {type(record).__name__}"
        )
    return answer[0]


OPERATORS["profiler"] = {
    "_record_function_enter": enter,
    "_record_function_enter_new": enter,
    "_record_function_exit": leave,
}
