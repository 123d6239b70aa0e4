"""`torch.optim`: optimizers, schedules of the learning rate, averages of weights."""

import sys as _sys
from importlib import import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any

from ..base.absent import not_yet as _not_yet
from . import lr_scheduler
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .lbfgs import LBFGS
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam
from .stateless import swap_in_optimizer_params_and_state

if _TYPE_CHECKING:  # imported when they are first used
    from . import swa_utils as swa_utils

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
    "swap_in_optimizer_params_and_state",
]


def _form(module: str) -> Any:
    """What a file of an optimizer gives besides: `adam.adam` and the like, seldom asked for."""

    def get(asked: str) -> Any:
        if asked == module.rpartition(".")[2]:
            from . import _functional

            return getattr(_functional, asked)
        raise AttributeError(f"module {module!r} has no attribute {asked!r}")

    return get


for _kind in (
    ASGD, Adadelta, Adagrad, Adam, AdamW, Adamax, NAdam, RAdam, RMSprop, Rprop, SGD,
):  # fmt: skip
    _sys.modules[_kind.__module__].__dict__["__getattr__"] = _form(_kind.__module__)


def __dir__() -> list[str]:
    return sorted({*globals(), "swa_utils"})


def __getattr__(name: str) -> Any:
    if name == "swa_utils":  # needs nn, which optimizers do not
        return import_module(".swa_utils", __name__)
    raise _not_yet("torch.optim", name)
