"""Marks on functions that others call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["async_execution"]


def async_execution(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that returns a Future: its caller gets the Future's value when it is there,
    and no thread waits for it. Below @staticmethod or @classmethod.

    fn: the function.

    >>> rpc = torch.distributed.rpc
    >>> @rpc.functions.async_execution
    ... def twice(x):
    ...     future = torch.futures.Future()
    ...     future.set_result(2 * x)
    ...     return future
    >>> twice(3).wait()
    6
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    wrapper._wrapped_async_rpc_function = fn  # type: ignore[attr-defined]
    return wrapper
