"""torch.distributed.fsdp: parameters, gradients and optimizer states dealt to the ranks."""

from . import fully_shard as _units
from . import fully_sharded_data_parallel as _wrapper
from . import wrap
from .fully_shard import *  # last: the function stands for its module
from .fully_sharded_data_parallel import *
from .unit import MixedPrecisionPolicy

__all__ = [*_wrapper.__all__, *_units.__all__, "MixedPrecisionPolicy", "wrap"]
