"""torch.optim._multi_tensor: the optimizers with foreach=True from the start."""

from __future__ import annotations

from typing import Any

from . import __dict__ as _ours


def _joint(name: str) -> Any:
    """The optimizer of a name whose default for foreach is True."""
    plain = _ours[name]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        plain.__init__(self, *args, **{"foreach": True, **kwargs})

    return type(name, (plain,), {"__init__": __init__, "__doc__": f"{name} with foreach=True."})


_NAMES = "ASGD Adadelta Adam AdamW Adamax NAdam RAdam RMSprop Rprop SGD"
globals().update({name: _joint(name) for name in _NAMES.split()})
