"""torch.utils.tensorboard: re-exports of `export/tensorboard/`; ImportError without tensorboard."""

from __future__ import annotations

import importlib.util as _util

if _util.find_spec("tensorboard") is None:
    raise ModuleNotFoundError(
        "torch.utils.tensorboard needs tensorboard: pip install 'wengert[tensorboard]'",
        name="tensorboard",
    )

from ...export.tensorboard import FileWriter, SummaryWriter
from . import summary as summary
from . import writer as writer

__all__ = ["FileWriter", "SummaryWriter"]
