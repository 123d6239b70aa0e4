"""torch.multiprocessing: Python's multiprocessing, with tensors sent through shared memory."""

import multiprocessing as _multiprocessing
from multiprocessing import *

from ..api import sharing as _sharing
from ..api.sharing import get_all_sharing_strategies, get_sharing_strategy, set_sharing_strategy
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


__all__ = [
    *_multiprocessing.__all__,
    "ProcessContext", "ProcessExitedException", "ProcessRaisedException", "SpawnContext",
    "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn",
    "start_processes",
]  # fmt: skip

__getattr__ = _absent("torch.multiprocessing")
