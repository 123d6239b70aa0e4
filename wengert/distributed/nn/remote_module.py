"""RemoteModule: a module in another process (rpc)."""

from __future__ import annotations

from typing import Any

from ...base.futures import Future
from ...nn.module import Module
from ..rpc.agent import agent
from ..rpc.reference import RRef, remote, rpc_sync

__all__ = ["RemoteModule"]


def build(kind: Any, device: str, args: Any, kwargs: Any) -> Module:
    """Make the module on a device of its process."""
    made = kind(*args, **kwargs)
    if not isinstance(made, Module):
        raise ValueError(f"RemoteModule: {kind.__name__} is no nn.Module")
    return made.to(device)


def parameters(module: RRef, recurse: bool) -> list[RRef]:
    return [RRef(p) for p in module.local_value().parameters(recurse)]


class RemoteModule(Module):
    """A module that lives in another process; forward calls it there.

    Args:
        remote_device: the process, by name or as `rank:1`, with `/cpu` or `/cuda:0` behind it for
            the device there.
        module_cls: its class. args, kwargs: what it is made with.
    """

    def __init__(
        self, remote_device: str, module_cls: Any, args: Any = None, kwargs: Any = None,
        _module_interface_cls: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name, _, device = str(remote_device).partition("/")
        self.on = agent().worker(int(name[5:]) if name.startswith("rank:") else name)
        self.device = device or "cpu"
        self.module_rref = remote(
            self.on, build, (module_cls, self.device, tuple(args or ()), dict(kwargs or {}))
        )

    def remote_parameters(self, recurse: bool = True) -> list[RRef]:
        """References to its parameters."""
        found: list[RRef] = rpc_sync(self.on, parameters, (self.module_rref, recurse))
        return found

    def get_module_rref(self) -> RRef:
        """The reference to the module."""
        return self.module_rref

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module gives, copied here."""
        return self.module_rref.rpc_sync().__call__(*args, **kwargs)

    def forward_async(self, *args: Any, **kwargs: Any) -> Future:
        """A future of what the module gives."""
        found: Future = self.module_rref.rpc_async().__call__(*args, **kwargs)
        return found

    def train(self, mode: bool = True) -> Any:
        self.module_rref.rpc_sync().train(mode)
        return self

    def eval(self) -> Any:
        return self.train(False)

    def parameters(self, recurse: bool = True) -> Any:
        raise ValueError("Method ``parameters`` not supported for RemoteModule: its parameters are "
                         "elsewhere: write remote_parameters()")  # fmt: skip
