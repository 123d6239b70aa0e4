"""torch.multiprocessing: Python's multiprocessing, with tensors sent through shared memory."""

import multiprocessing as _multiprocessing
from multiprocessing import *

from ..api import sharing as _sharing
from ..base.absent import absent as _absent
from ..engine.tensor import Tensor as _Tensor
from ..nn.parameter import Parameter as _Parameter
from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

_sharing.register(_Tensor, _Parameter)


def _strategy() -> str:
    return "file_descriptor"


def _strategies() -> set[str]:
    return {"file_descriptor"}


def _choose(new_strategy: str) -> None:
    assert new_strategy in ("file_descriptor", "file_system"), f"no strategy {new_strategy!r}"


get_sharing_strategy, get_all_sharing_strategies = _strategy, _strategies
set_sharing_strategy = _choose

__all__ = [
    *_multiprocessing.__all__,
    "ProcessContext", "ProcessExitedException", "ProcessRaisedException", "SpawnContext",
    "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn",
    "start_processes",
]  # fmt: skip

__getattr__ = _absent("torch.multiprocessing")
