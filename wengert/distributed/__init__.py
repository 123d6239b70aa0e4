"""torch.distributed: processes in groups, and what they do together.

What stands here under torch's names is in the modules beside it. It runs on MPI (mpi4py and mpich,
the extra `mpi`); importing it starts nothing, and a world of one process needs no MPI.
"""

import datetime as _datetime
import logging as _logging
from typing import Any as _Any

from ..base.absent import not_yet as _not_yet
from . import collectives as _collectives
from . import process_group as _process_group
from .coalesced import *
from .collectives import *
from .debug import *
from .errors import *
from .new_groups import *
from .objects import *
from .options import *
from .point_to_point import *
from .process_group import *
from .reduce_op import ReduceOp as ReduceOp
from .reduce_op import reduce_op as reduce_op
from .reduce_op import supports_complex as supports_complex
from .rendezvous_handlers import register_rendezvous_handler as register_rendezvous_handler
from .store import *
from .work import Work as Work

log = _logging.getLogger("torch.distributed")
timedelta = _datetime.timedelta
_all_gather_base = _collectives.all_gather_into_tensor
_reduce_scatter_base = _collectives.reduce_scatter_tensor
_rank_not_in_group = _process_group.not_in_group
RankType = int | None

# name -> the module beside this one that has it, imported at its first use
_LATER = {
    "DeviceMesh": "device_mesh",
    "init_device_mesh": "device_mesh",
    "GradBucket": "reducer",
    "Reducer": "reducer",
}
_MODULES = (
    "algorithms", "autograd", "checkpoint", "device_mesh", "distributed_c10d", "elastic", "fsdp",
    "launch", "launcher", "nn", "optim", "pipelining", "rpc", "run", "sync_batch_norm", "tensor",
    "utils",
)  # fmt: skip


def __getattr__(name: str) -> _Any:
    import importlib

    if name in _LATER or name in _MODULES:
        try:
            module = importlib.import_module(f"{__name__}.{_LATER.get(name, name)}")
        except ModuleNotFoundError as e:
            if not str(e.name).startswith(__name__):
                raise
        else:
            return module if name in _MODULES else getattr(module, name)
    raise _not_yet("torch.distributed", name)
