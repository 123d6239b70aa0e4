"""torch.autograd: re-exports of the engine; the profilers are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any

from ..api.facts import enforce_grad_layout_policy, set_multithreading_enabled
from ..api.variable import Variable
from ..autodiff.anomaly import detect_anomaly, set_detect_anomaly
from ..autodiff.function import Function
from ..autodiff.grad_api import backward, grad
from ..base.absent import not_yet as _not_yet
from ..base.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph, variable
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

if _TYPE_CHECKING:  # imported when they are first used
    from . import profiler as profiler
    from . import profiler_util as profiler_util

__all__ = [
    "Function", "GradcheckError", "Variable", "anomaly_mode", "backward", "detect_anomaly",
    "enable_grad", "enforce_grad_layout_policy", "forward_ad", "function", "functional", "grad",
    "grad_mode", "gradcheck", "gradgradcheck", "graph", "inference_mode", "no_grad",
    "set_detect_anomaly", "set_grad_enabled", "set_multithreading_enabled", "variable",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), "profiler", "profiler_util"})


def __getattr__(name: str) -> Any:
    if name in ("profiler", "profiler_util"):
        return importlib.import_module(f"{__name__}.{name}")
    raise _not_yet("torch.autograd", name)
