"""torch.linalg: linear algebra, resolved by name at first use. There is no logic here."""

from __future__ import annotations

from .api.functions import front as _front
from .base.errors import LinAlgError as LinAlgError

__getattr__, __dir__ = _front(globals(), "linalg", "LinAlgError")
