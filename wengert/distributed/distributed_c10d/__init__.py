"""torch.distributed.distributed_c10d: re-exports."""

from ..coalesced import *
from ..collectives import *
from ..debug import DebugLevel as DebugLevel
from ..debug import get_debug_level as get_debug_level
from ..errors import *
from ..new_groups import *
from ..objects import *
from ..options import *
from ..point_to_point import *
from ..process_group import *
from ..process_group import ProcessGroup, _World, pick
from ..reduce_op import RedOpType as RedOpType
from ..reduce_op import ReduceOp as ReduceOp
from ..reduce_op import reduce_op as reduce_op
from ..reduce_op import supports_complex as supports_complex
from ..store import *
from ..store import Store
from ..work import Work as Work


def _get_default_group() -> ProcessGroup:
    """The group of all processes."""
    return pick(None)


def _get_default_store() -> Store:
    """The store that the processes share."""
    pick(None)
    assert _World.store is not None
    return _World.store
