"""OptimizedModule: the module that torch.compile(module) returns."""

from __future__ import annotations

from typing import Any

from .module import Module

__all__ = ["OptimizedModule"]
_OWN = {"__dict__", "_orig_mod", "forward", "training", "_calls", "_options"}


class OptimizedModule(Module):
    """A compiled form of a module, which it holds as `_orig_mod` and shares everything with."""

    _orig_mod: Module

    def __init__(self, mod: Module, dynamo_ctx: Any = None, options: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self._modules["_orig_mod"] = mod
        self.__dict__.update(training=mod.training, _options=options)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        calls = self.__dict__.get("_calls")
        if calls is None:
            from ..compiler.entry import compiled_function

            calls = compiled_function(self._modules["_orig_mod"], *self.__dict__["_options"])
            self.__dict__["_calls"] = calls
        return calls(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_calls", None)  # plans do not travel
        return state

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


def _as_compiled(self: Module, *options: Any) -> Module:
    return OptimizedModule(self, options=options)


Module._as_compiled = _as_compiled
