"""torch.nn.functional: the functions behind the layers, resolved by name at first use.

Most are registered by the files of `ops/` under this namespace; the files beside this one register
those that are written in terms of others. There is no logic here.
"""

from __future__ import annotations

from typing import Any

from ...api.functions import resolve
from ...engine.registry import FUNCTIONS

_NAMESPACE = "nn.functional"
_OF_TORCH = ("tanh", "sigmoid", "softmax", "log_softmax", "relu", "relu_", "selu_", "celu_",
             "rrelu_", "threshold_")  # fmt: skip


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name not in FUNCTIONS.get(_NAMESPACE, {}) and name in _OF_TORCH:
        f = resolve("", name)
    else:
        f = resolve(_NAMESPACE, name)
    globals()[name] = f
    return f


def __dir__() -> list[str]:
    return sorted({*FUNCTIONS.get(_NAMESPACE, {}), *_OF_TORCH})
