"""torch.utils: re-exports; its parts are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any

from ..base.absent import not_yet as _not_yet

if _TYPE_CHECKING:  # imported when they are first used
    from ..api.exchange import swap_tensors as swap_tensors
    from . import benchmark as benchmark
    from . import checkpoint as checkpoint
    from . import collect_env as collect_env
    from . import cpp_extension as cpp_extension
    from . import data as data
    from . import deterministic as deterministic
    from . import dlpack as dlpack
    from . import flop_counter as flop_counter
    from . import hooks as hooks
    from . import model_zoo as model_zoo
    from . import serialization as serialization
    from . import tensorboard as tensorboard

_PARTS = (
    "benchmark", "checkpoint", "collect_env", "cpp_extension", "data", "deterministic", "dlpack",
    "flop_counter", "hooks", "model_zoo", "serialization", "tensorboard",
)  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS, "swap_tensors"})


def __getattr__(name: str) -> Any:
    if name == "swap_tensors":
        from ..api.exchange import swap_tensors

        return swap_tensors
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise _not_yet("torch.utils", name) from None
