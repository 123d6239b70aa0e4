"""torch.amp: automatic mixed precision, by casts of operands (autocast) and scaled losses.

`autocast_mode.py` has the context manager and what it keeps, `policies.py` which operations are
computed in which precision, `grad_scaler.py` the scaling of losses.
"""

from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available", "GradScaler"]
