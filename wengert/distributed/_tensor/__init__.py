"""torch.distributed._tensor: the older path of torch.distributed.tensor."""

from .. import device_mesh
from ..tensor import *
from ..tensor import __all__ as __all__
