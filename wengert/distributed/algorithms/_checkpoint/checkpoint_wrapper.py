"""Modules that compute their activations again in the backward pass instead of keeping them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any

from ....nn.module import Module
from ....transforms.checkpoint import checkpoint

__all__ = [
    "CheckpointImpl", "CheckpointWrapper", "apply_activation_checkpointing", "checkpoint_wrapper",
]  # fmt: skip


class CheckpointImpl(Enum):
    """Which of torch.utils.checkpoint's ways is taken."""

    REENTRANT = auto()
    NO_REENTRANT = auto()


class CheckpointWrapper(Module):
    """A module whose activations are computed again; its parameters keep their names."""

    def __init__(
        self, mod: Module, checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
        checkpoint_fn: Any = None, **checkpoint_fn_kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self._checkpoint_wrapped_module = mod
        again = checkpoint_fn or checkpoint
        options = dict(checkpoint_fn_kwargs)
        if checkpoint_fn is None:
            options["use_reentrant"] = checkpoint_impl is CheckpointImpl.REENTRANT
        self.__dict__["_again"] = lambda *args, **kwargs: again(mod, *args, **options, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._again(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "_checkpoint_wrapped_module":
                raise
            return getattr(self._checkpoint_wrapped_module, name)

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Any]]:
        """Parameters under the names that they have without the wrapper."""
        for name, p in super().named_parameters(*args, **kwargs):
            yield name.replace("_checkpoint_wrapped_module.", ""), p

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The state under the names that it has without the wrapper."""
        found = super().state_dict(*args, **kwargs)
        for name in [n for n in found if "_checkpoint_wrapped_module." in n]:
            found[name.replace("_checkpoint_wrapped_module.", "")] = found.pop(name)
        return found

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        inner = f"{prefix}_checkpoint_wrapped_module."
        for name in [n for n in state_dict if n.startswith(prefix) and not n.startswith(inner)]:
            state_dict[inner + name[len(prefix) :]] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args)


def checkpoint_wrapper(
    module: Module, checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
    checkpoint_fn: Any = None, **checkpoint_fn_kwargs: Any,
) -> Module:  # fmt: skip
    """The module in a wrapper that computes its activations again in the backward pass.

    >>> from wengert.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
    >>> layer = checkpoint_wrapper(nn.Linear(2, 2))
    >>> layer(torch.ones(1, 2)).sum().backward()
    >>> list(layer.state_dict())
    ['weight', 'bias']
    """
    return CheckpointWrapper(module, checkpoint_impl, checkpoint_fn, **checkpoint_fn_kwargs)


def apply_activation_checkpointing(
    model: Module, checkpoint_wrapper_fn: Callable[[Module], Module] = checkpoint_wrapper,
    check_fn: Callable[[Module], bool] = lambda _: True, auto_wrap_policy: Any = None,
) -> None:  # fmt: skip
    """Wrap the modules inside of a model for which check_fn says so, in place."""
    from ...fsdp.wrap import chosen, lambda_auto_wrap_policy

    def policy(**given: Any) -> bool:
        return lambda_auto_wrap_policy(**given, lambda_fn=check_fn)

    for parent, name, module in chosen(model, auto_wrap_policy or policy):
        parent._modules[name] = checkpoint_wrapper_fn(module)
