"""torch.func: re-exports of the transforms."""

from typing import TYPE_CHECKING

from .api.facts import debug_unwrap
from .transforms.forward import hessian, jacfwd, jvp, linearize
from .transforms.functionalize import functionalize
from .transforms.rearrange import rearrange
from .transforms.reverse import grad, grad_and_value, jacrev, vjp
from .transforms.vmap import vmap

if TYPE_CHECKING:
    from .nn.utils.stateless import (
        functional_call,
        replace_all_batch_norm_modules_,
        stack_module_state,
    )

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian",
    "jacfwd", "jacrev", "jvp", "linearize", "rearrange", "replace_all_batch_norm_modules_",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in (
        "functional_call",
        "stack_module_state",
        "replace_all_batch_norm_modules_",
    ):  # they are about modules
        from .nn.utils import stateless

        return getattr(stateless, name)
    raise AttributeError(name)
