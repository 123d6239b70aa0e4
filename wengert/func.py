"""torch.func: re-exports of the transforms."""

from .transforms.forward import hessian, jacfwd, jvp, linearize
from .transforms.functionalize import functionalize
from .transforms.reverse import grad, grad_and_value, jacrev, vjp
from .transforms.vmap import vmap

__all__ = [
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> object:
    if name in ("functional_call", "stack_module_state"):  # they are about modules
        from .nn.utils import stateless

        return getattr(stateless, name)
    raise AttributeError(name)
