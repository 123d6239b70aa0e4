"""torch.cuda.gds: refused when it is used."""

from ..api.hardware import GdsFile, gds_deregister_buffer, gds_register_buffer
from ..base.absent import absent as _absent

__all__ = ["GdsFile", "gds_deregister_buffer", "gds_register_buffer"]

__getattr__ = _absent("torch.cuda.gds")
