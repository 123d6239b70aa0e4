"""What TorchScript may fuse and profile: kept for those who set and ask it, without effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["SWITCHES"]

STATES = {"autocast_mode": True, "profiling_executor": True, "profiling_mode": True,
          "texpr_fuser": True, "nvfuser": False, "nvfuser_guard": False,
          "fuse_on_cpu": False, "fuse_on_gpu": False}  # fmt: skip


def setter(name: str, answers: bool) -> Callable[[bool], bool | None]:
    """The function that sets a switch; answers: whether it returns what the switch was before."""

    def set_to(enabled: bool) -> bool | None:
        before, STATES[name] = STATES[name], enabled
        return before if answers else None

    return set_to


# names of torch._C
SWITCHES: dict[str, Callable[..., Any]] = {
    **{f"_jit_set_{name}": setter(name, True)
       for name in ("autocast_mode", "profiling_executor", "profiling_mode")},
    "_jit_set_texpr_fuser_enabled": setter("texpr_fuser", False),
    "_jit_set_nvfuser_enabled": setter("nvfuser", False),
    "_jit_set_nvfuser_guard_mode": setter("nvfuser_guard", False),
    "_jit_override_can_fuse_on_cpu": setter("fuse_on_cpu", False),
    "_jit_override_can_fuse_on_gpu": setter("fuse_on_gpu", False),
    "_jit_can_fuse_on_cpu": lambda: STATES["fuse_on_cpu"],
    "_jit_can_fuse_on_gpu": lambda: STATES["fuse_on_gpu"],
    "_jit_texpr_fuser_enabled": lambda: STATES["texpr_fuser"],
}  # fmt: skip
