"""record: marks the main function of a script, whose exception its rank prints in any case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["ChildFailedError", "record"]


class ChildFailedError(Exception):
    """What torchrun's agent raises where a process failed; wengertrun exits with its code."""


F = TypeVar("F", bound=Callable[..., Any])


def record(fn: F, error_handler: Any = None) -> F:
    """fn itself: wengertrun names the rank that failed, above which its traceback stands.

    error_handler: accepted.

    >>> @record
    ... def main():
    ...     return 3
    >>> main()
    3
    """
    return fn
