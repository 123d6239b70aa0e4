"""torch.special: re-exports of the special functions, which `ops/math/special.py` and
`ops/math/orthogonal_polynomials.py` define.
"""

from __future__ import annotations

from .api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "special")
