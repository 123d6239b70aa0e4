"""How many threads kernels use: torch.set_num_threads and its kin. The threads are in `arrays/`."""

from __future__ import annotations

from typing import Any

from ..declare.registry import public
from ..kernels import threads

_between_ops = [1]


def _positive(name: str, n: Any) -> int:
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{name} expects an int, but got {type(n).__name__}")
    n = n.__index__()
    if n < 1:
        raise RuntimeError(f"{name} expects a positive integer, but got {n}")
    return n


@public("set_num_threads(int num_threads) -> None", method=False)
def set_num_threads(num_threads, /):
    """Let each operation on the CPU use this many threads.

    >>> torch.set_num_threads(2)
    >>> torch.get_num_threads()
    2
    """
    threads.set_count(_positive("set_num_threads", num_threads))


@public("get_num_threads() -> int", method=False)
def get_num_threads():
    """How many threads each operation on the CPU may use.

    >>> torch.get_num_threads() >= 1
    True
    """
    return threads.count()


@public("set_num_interop_threads(int num_threads) -> None", method=False)
def set_num_interop_threads(num_threads, /):
    """Accepted for PyTorch's sake: operations run one after the other here.

    >>> torch.set_num_interop_threads(1)
    """
    _between_ops[0] = _positive("set_num_interop_threads", num_threads)


@public("get_num_interop_threads() -> int", method=False)
def get_num_interop_threads():
    """What set_num_interop_threads was given, or 1.

    >>> torch.get_num_interop_threads() >= 1
    True
    """
    return _between_ops[0]
