"""The functorch package: re-exports of the transforms and of modules as functions."""

from .nn.utils.functional_module import (
    FunctionalModule,
    FunctionalModuleWithBuffers,
    combine_state_for_ensemble,
    make_functional,
    make_functional_with_buffers,
)
from .transforms.forward import hessian, jacfwd, jvp
from .transforms.functionalize import functionalize
from .transforms.reverse import grad, grad_and_value, jacrev, vjp
from .transforms.vmap import vmap

__all__ = [
    "FunctionalModule",
    "FunctionalModuleWithBuffers",
    "combine_state_for_ensemble",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "make_functional",
    "make_functional_with_buffers",
    "vjp",
    "vmap",
]
