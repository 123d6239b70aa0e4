"""What a class or function is called in PyTorch's files, and what wengert has under such a name.

Files name classes by module and name. Those of wengert are written with PyTorch's names, so that
either library opens what the other one saved. What a file may name is decided in `safe.py`.
"""

from __future__ import annotations

import importlib
import sys
from types import FunctionType
from typing import Any

from ..base import dtypes
from ..base.formats import layout, memory_format

__all__ = ["StorageType", "STORAGES", "find", "public_name"]


class StorageType:
    """A storage class of PyTorch: only its name and dtype are needed here.

    name: such as "FloatStorage". dtype: of its numbers, None for bytes.

    >>> torch.serialization.StorageType("FloatStorage", torch.float32)
    torch.FloatStorage
    """

    def __init__(self, name: str, dtype: dtypes.dtype | None) -> None:
        self.name, self.dtype = name, dtype  # dtype None: bytes

    def __repr__(self) -> str:
        return f"torch.{self.name}"


UNTYPED = StorageType("UntypedStorage", None)
# The unsigned dtypes and those younger than them have no storage class of their own.
_CLASSLESS = {dtypes.uint16, dtypes.uint32, dtypes.uint64, *dtypes.SMALL}
STORAGES: dict[Any, StorageType] = {
    d: UNTYPED if d in _CLASSLESS else StorageType(f"{d._letter}Storage", d)
    for d in (*dtypes.ALL, *dtypes.SMALL, dtypes.complex32)
}
_BY_NAME = {s.name: s for s in STORAGES.values()}

# Where PyTorch keeps its layers: pickles name the innermost module.
_LAYERS = {
    "activation": (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid "
        "LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax "
        "Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold"
    ),
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": (
        "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d "
        "SyncBatchNorm"
    ),
    "channelshuffle": "ChannelShuffle",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": (
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d "
        "LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"
    ),
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": (
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d "
        "LazyInstanceNorm3d"
    ),
    "linear": "Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear",
    "loss": (
        "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
        "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss "
        "MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss "
        "NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss "
        "TripletMarginWithDistanceLoss"
    ),
    "module": "Module",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
        "ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d"
    ),
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d "
        "AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d "
        "FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d "
        "MaxUnpool2d MaxUnpool3d"
    ),
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "sparse": "Embedding EmbeddingBag",
    "transformer": (
        "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder "
        "TransformerEncoderLayer"
    ),
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
_LAYER_HOME = {n: f"torch.nn.modules.{m}" for m, names in _LAYERS.items() for n in names.split()}
# wengert's folders with another name in PyTorch; the others are under the same name
_FOLDERS = {"wengert.data": "wengert.utils.data"}
# and those whose contents are only seen through others
_INNER = {"arrays", "base", "compiler", "engine", "io", "ops", "tensor", "transforms"}
_ROOTS = {"torch": "wengert", "torchvision": "wengert.vision", "functorch": "wengert.functorch"}


def public_name(obj: Any, name: str | None = None) -> tuple[str, str] | None:
    """(module, name) of one of wengert's objects in PyTorch, or None for other objects.

    >>> public_name(nn.Linear)
    ('torch.nn.modules.linear', 'Linear')
    """
    if obj is UNTYPED:
        return "torch.storage", obj.name
    if isinstance(obj, (dtypes.dtype, layout, memory_format, StorageType)):
        return "torch", obj.name
    if not isinstance(obj, type) and not callable(obj):
        return None
    home = str(getattr(obj, "__module__", None) or "")
    name = str(name or getattr(obj, "__qualname__", None) or getattr(obj, "__name__", ""))
    if home.partition(".")[0] == "torch" and (isinstance(obj, type) or find(home, name) is obj):
        return home, name
    if home.partition(".")[0] != "wengert":
        return None
    if home == "wengert.io.rebuild":
        return obj.home, name
    if home == "wengert.nn.parameter":
        return ("torch._utils" if isinstance(obj, FunctionType) else "torch.nn.parameter"), name
    if name in _LAYER_HOME and getattr(_module("wengert.nn"), name, None) is obj:
        return _LAYER_HOME[name], name  # and not a namesake, such as nn.utils.prune.Identity
    for place in _places(home):
        if getattr(_module(place), name, None) is obj:
            torchs = "torchvision" + place[14:] if place.startswith("wengert.vision") else None
            return torchs or "torch" + place[7:], name
    return None


def _places(home: str) -> list[str]:
    """Public modules in which something defined in `home` may be found, outermost first."""
    for ours, public in _FOLDERS.items():
        if home == ours or home.startswith(ours + "."):
            home = public + home[len(ours) :]
    parts = home.split(".")
    n = 1 if len(parts) > 1 and parts[1] in _INNER else len(parts)
    outer = [".".join(parts[: i + 1]) for i in range(n)]
    return [*outer, "wengert.nn.functional", "wengert.func", "wengert.random"]


def _module(name: str) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as e:
        if e.name and not name.startswith(e.name):
            raise
        return None


def find(module: str, name: str) -> Any:
    """wengert's object for a name in a file, or None if the name is not PyTorch's.

    Raises AttributeError if it is PyTorch's, but wengert has nothing of the kind.
    """
    root = module.partition(".")[0]
    if root not in _ROOTS:
        return None
    if module in ("torch", "torch.storage", "torch.cuda") and name in _BY_NAME:
        return _BY_NAME[name]
    if (module, name) == ("torch.storage", "TypedStorage"):
        return UNTYPED
    from . import rebuild

    found = rebuild.FUNCTIONS.get(f"{module}.{name}")
    if found is not None:
        return found
    place = _ROOTS[root] + module[len(root) :]
    while place:
        value: Any = _module(place)
        for part in name.split("."):
            value = getattr(value, part, None)
        if value is not None:
            return value
        place = place.rpartition(".")[0]
    raise AttributeError(
        f"the file needs {module}.{name}, which wengert does not have. A file of a state_dict "
        "(torch.save(model.state_dict(), ...)) needs no classes."
    )
