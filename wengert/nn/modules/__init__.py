"""torch.nn.modules: PyTorch's file names for the layers, each leading to where they are."""

import importlib as _importlib
import sys as _sys
import types as _types

from ..activation import *
from ..adaptive import *
from ..containers import *
from ..conv import *
from ..distance import *
from ..dropout import *
from ..embedding import *
from ..lazy import *
from ..linear import *
from ..linear_loss import *
from ..losses import *
from ..module import Module as Module
from ..multihead import *
from ..normalization import *
from ..padding import *
from ..pooling import *
from ..recurrent import *
from ..reshaping import *
from ..transformer import *
from ..upsampling import *

_HOMES = {
    "activation": "activation multihead", "adaptive": "adaptive",
    "batchnorm": "normalization lazy", "channelshuffle": "reshaping", "container": "containers",
    "conv": "conv lazy", "distance": "distance", "dropout": "dropout", "flatten": "reshaping",
    "fold": "reshaping", "instancenorm": "normalization lazy", "lazy": "lazy",
    "linear": "linear lazy", "loss": "losses linear_loss", "module": "module",
    "normalization": "normalization", "padding": "padding", "pixelshuffle": "reshaping",
    "pooling": "pooling", "rnn": "recurrent", "sparse": "embedding", "transformer": "transformer",
    "upsampling": "upsampling", "utils": "sizes state",
}  # fmt: skip


def _alias(path: str, homes: list[str]) -> _types.ModuleType:
    """The module with PyTorch's path: ours, or the names of ours together."""
    ours = [_importlib.import_module(f"wengert.nn.{home}") for home in homes]
    if len(ours) == 1:
        return ours[0]
    joint = _types.ModuleType(path, f"The names of {' and '.join(homes)}.")
    for module in ours:
        names = {k: v for k, v in vars(module).items() if not k.startswith("__")}
        joint.__dict__.update(names)
    return joint


for _name, _homes in _HOMES.items():
    _path = f"{__name__}.{_name}"
    _sys.modules[_path] = globals()[_name] = _alias(_path, _homes.split())
