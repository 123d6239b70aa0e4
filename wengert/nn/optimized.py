"""OptimizedModule: the module that torch.compile(module) returns."""

from __future__ import annotations

from typing import Any

from .module import Module

__all__ = ["OptimizedModule"]
_OWN = {"__dict__", "_orig_mod", "forward", "training", "_compiled_call_impl"}


class OptimizedModule(Module):
    """A compiled form of a module, which it holds as `_orig_mod` and shares everything with."""

    _orig_mod: Module

    def __init__(self, mod: Module, dynamo_ctx: Any = None) -> None:
        super().__init__()
        self._modules["_orig_mod"] = mod
        self.__dict__["training"] = mod.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self._orig_mod(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self.__dict__["_modules"]["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        if name in _OWN:
            super().__delattr__(name)
        else:
            delattr(self._orig_mod, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *dir(self._orig_mod)]


def _as_compiled(self: Module) -> Module:
    return OptimizedModule(self)


Module._as_compiled = _as_compiled  # type: ignore[assignment]
