"""torch.cuda.gds: refused when it is used."""

from ..api.hardware import GdsFile
from ..base.absent import absent as _absent

__all__ = ["GdsFile"]

__getattr__ = _absent("torch.cuda.gds")
