"""For scripts that ask for CUDA without looking whether it is there: the CPU in its place."""

from __future__ import annotations

import contextlib
from typing import Any

from ..base.advice import advise
from ..base.devices import STANDS_FOR
from . import cuda_api, cuda_memory, streams

__all__ = ["use_cpu_for_cuda"]


class Event(streams.Event):
    """A point in time."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False,
        external: bool = False,
    ) -> None:  # fmt: skip
        super().__init__("cpu", enable_timing=enable_timing)


class Stream(streams.Stream):
    """A queue in which nothing waits."""

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        super().__init__("cpu", priority)


def nothing(*args: Any, **kwargs: Any) -> None:
    """There is nothing to do on the CPU."""


def current(device: Any = None) -> streams.Stream:
    """The CPU's queue."""
    return streams.current_stream("cpu")


ON_CPU: dict[str, Any] = {
    **dict.fromkeys(("set_device", "synchronize", "init", "manual_seed", "manual_seed_all", "seed",
                     "seed_all", "empty_cache", "ipc_collect"), nothing),
    "current_device": lambda: 0, "get_device_name": lambda device=None: "cpu",
    "get_device_capability": lambda device=None: (0, 0), "Event": Event, "Stream": Stream,
    "current_stream": current, "default_stream": current,
    "device": lambda device=None: contextlib.nullcontext(),
    "mem_get_info": lambda device=None: (0, 0),
}  # fmt: skip


def use_cpu_for_cuda(front: Any) -> None:
    """From now on "cuda" means the CPU, in this process; warns once. front: the module torch.cuda.

    torch.cuda.is_available() stays false: scripts that ask go their own way.
    """
    if "cuda" in STANDS_FOR or cuda_api.is_available():
        return
    STANDS_FOR["cuda"] = "cpu"
    advise(
        "there is no CUDA device: tensors for 'cuda' are made on the CPU (--cuda-as-cpu)",
    )
    for home in (front, cuda_api, cuda_memory):
        for name, f in ON_CPU.items():
            if name in vars(home):
                setattr(home, name, f)
