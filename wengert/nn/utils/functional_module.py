"""Modules as functions of their parameters, in the older form: make_functional and its relatives.

The newer form, `torch.func.functional_call`, is in `stateless.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from ...base.advice import advise
from ...base.modes import no_grad
from ...engine.tensor import Tensor
from ..module import Module
from .stateless import stack_module_state, substituted

__all__ = [
    "FunctionalModule", "FunctionalModuleWithBuffers", "combine_state_for_ensemble",
    "make_functional", "make_functional_with_buffers",
]  # fmt: skip


class FunctionalModuleWithBuffers(Module):
    """A module without values: called with (parameters, buffers, *arguments)."""

    def __init__(
        self, stateless_model: Module, param_names: tuple[str, ...], buffer_names: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names, self.buffer_names = param_names, buffer_names

    def forward(
        self, params: Sequence[Tensor], buffers: Sequence[Tensor], *args: Any, **kwargs: Any
    ) -> Any:
        given = dict(zip((*self.param_names, *self.buffer_names), (*params, *buffers)))
        with substituted(self.stateless_model, given, tie_weights=True):
            return self.stateless_model(*args, **kwargs)


class FunctionalModule(FunctionalModuleWithBuffers):
    """A module without values: called with (parameters, *arguments)."""

    def forward(self, params: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        return super().forward(params, (), *args, **kwargs)


def _parts(
    model: Module, disable_autograd_tracking: bool
) -> tuple[Module, dict[str, Tensor], dict[str, Tensor]]:
    """A copy of the model without values, its parameters and its buffers."""
    whole = copy.deepcopy(model)
    params: dict[str, Tensor] = dict(whole.named_parameters())
    buffers = dict(whole.named_buffers())
    if disable_autograd_tracking:
        for p in params.values():
            p.requires_grad_(False)
    with no_grad():
        empty = copy.deepcopy(whole).to("meta")
    return empty, params, buffers


def make_functional_with_buffers(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModuleWithBuffers, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """(a function of parameters, buffers and the model's arguments, the parameters, the buffers).

    disable_autograd_tracking: the parameters do not require grad.

    >>> f, params, buffers = make_functional_with_buffers(nn.BatchNorm1d(2))
    >>> len(params), len(buffers)
    (2, 3)
    """
    old("make_functional_with_buffers")
    empty, params, buffers = _parts(model, disable_autograd_tracking)
    f = FunctionalModuleWithBuffers(empty, tuple(params), tuple(buffers))
    return f, tuple(params.values()), tuple(buffers.values())


def make_functional(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModule, tuple[Tensor, ...]]:
    """(a function of parameters and the model's arguments, the parameters).

    disable_autograd_tracking: the parameters do not require grad. RuntimeError for a model with
    buffers: use make_functional_with_buffers.

    >>> f, params = make_functional(nn.Linear(2, 1))
    >>> f(params, torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """
    old("make_functional")
    if next(iter(model.buffers()), None) is not None:
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use"
            " make_functional_with_buffers(model) instead."
        )
    empty, params, _ = _parts(model, disable_autograd_tracking)
    return FunctionalModule(empty, tuple(params), ()), tuple(params.values())


def combine_state_for_ensemble(
    models: Sequence[Module],
) -> tuple[FunctionalModuleWithBuffers, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """(a function, stacked parameters, stacked buffers) of equal models, for vmap over them.

    RuntimeError if there are none, they differ in class or some are not in the same mode.

    >>> f, params, _ = combine_state_for_ensemble([nn.Linear(2, 1), nn.Linear(2, 1)])
    >>> torch.func.vmap(f, (0, 0, None))(params, (), torch.ones(3, 2)).shape
    torch.Size([2, 3, 1])
    """
    old("combine_state_for_ensemble")
    params, buffers = stack_module_state(models)
    empty, _, _ = _parts(models[0], False)
    f = FunctionalModuleWithBuffers(empty, tuple(params), tuple(buffers))
    return f, tuple([p.detach() for p in params.values()]), tuple(buffers.values())


def old(name: str) -> None:
    advise(
        "We've integrated functorch into PyTorch. As the final step of the integration,"
        f" `functorch.{name}` is deprecated as of PyTorch 2.0: use `torch.func.functional_call` and"
        " `torch.func.stack_module_state`.",
        FutureWarning,
    )
