"""torch.nn.modules: PyTorch's file names for the layers, each the very module that has them."""

import importlib as _importlib
import sys as _sys

from ..activation import *
from ..adaptive import *
from ..containers import *
from ..conv import *
from ..distance import *
from ..dropout import *
from ..embedding import *
from ..lazy import *
from ..linear import *
from ..losses import *
from ..module import Module
from ..multihead import *
from ..normalization import *
from ..padding import *
from ..pooling import *
from ..recurrent import *
from ..reshaping import *
from ..transformer import *
from ..upsampling import *

_HOMES = {
    "activation": "activation", "adaptive": "adaptive", "batchnorm": "normalization",
    "channelshuffle": "reshaping", "container": "containers", "conv": "conv",
    "distance": "distance", "dropout": "dropout", "flatten": "reshaping", "fold": "reshaping",
    "instancenorm": "normalization", "lazy": "lazy", "linear": "linear", "loss": "losses",
    "module": "module", "normalization": "normalization", "padding": "padding",
    "pixelshuffle": "reshaping", "pooling": "pooling", "rnn": "recurrent", "sparse": "embedding",
    "transformer": "transformer", "upsampling": "upsampling", "utils": "sizes",
}  # fmt: skip

for _name, _home in _HOMES.items():
    _module = _importlib.import_module(f"wengert.nn.{_home}")
    _sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module
