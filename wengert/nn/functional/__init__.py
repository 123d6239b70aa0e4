"""torch.nn.functional: the functions behind the layers, resolved by name at first use.

Most are registered by the files of `ops/` under this namespace; the files beside this one register
those that are written in terms of others. There is no logic here.
"""

from __future__ import annotations

from ...api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "nn.functional")
