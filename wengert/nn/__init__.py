"""torch.nn: modules, layers, losses, initialisers. The front door: names, no logic."""

from ..base.absent import absent as _absent
from . import attention, functional, grad, init, modules, parallel, parameter, utils
from . import error_path as blame
from .activation import *
from .adaptive import *
from .containers import *
from .conv import *
from .distance import *
from .dropout import *
from .embedding import *
from .functional.linear_loss import *
from .lazy import *
from .linear import *
from .linear_loss import *
from .losses import *
from .module import Module
from .multihead import *
from .normalization import *
from .optimized import OptimizedModule as _OptimizedModule
from .padding import *
from .parallel import DataParallel
from .parameter import (
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
    factory_kwargs,
)
from .pooling import *
from .recurrent import *
from .reshaping import *
from .transformer import *
from .upsampling import *

__getattr__ = _absent("torch.nn")
