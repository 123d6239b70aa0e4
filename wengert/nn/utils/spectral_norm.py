"""Spectral norm by a hook before forward: the form before parametrizations, for old checkpoints."""

from __future__ import annotations

from typing import Any, TypeVar

from ...api import functions as T
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .. import functional as F
from ..conv import _ConvTransposeNd
from ..parameter import Parameter, is_lazy

__all__ = [
    "SpectralNorm", "SpectralNormLoadStateDictPreHook", "SpectralNormStateDictHook",
    "spectral_norm", "remove_spectral_norm",
]  # fmt: skip

Kind = TypeVar("Kind", bound=Any)


class SpectralNorm:
    """The hook that computes `name` from `name_orig` and the vectors `name_u`, `name_v`."""

    _version = 1

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """(outputs, everything else)."""
        first = weight if self.dim == 0 else weight.movedim(self.dim, 0)
        return first.reshape(first.shape[0], -1)  # biases, too, which have one dimension

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest singular value."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(T.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(T.mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()
        return weight / T.dot(u, T.mv(matrix, v))

    def remove(self, module: Any) -> None:
        """Put the computed weight back as a parameter."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def _solve_v_and_rescale(self, matrix: Tensor, u: Tensor, sigma: Any) -> Tensor:
        """The v that files of version 0 did not have."""
        v = ((matrix.t() @ matrix).pinverse() @ matrix.t() @ u.unsqueeze(1)).squeeze(1)
        return v.mul_(sigma / T.dot(u, T.mv(matrix, v)))

    @staticmethod
    def apply(
        module: Any, name: str, n_power_iterations: int, dim: int, eps: float
    ) -> SpectralNorm:
        """Replace a parameter by the computed one, and register the hooks."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two spectral_norm hooks on the same parameter {name}"
                )
        made = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make "
                "sure to run the dummy forward before applying spectral normalization"
            )
        with no_grad():
            h, w = made.reshape_weight_to_matrix(weight).shape
            u = F.normalize(weight.new_empty(h).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(weight.new_empty(w).normal_(0, 1), dim=0, eps=eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(made)
        module._register_state_dict_hook(SpectralNormStateDictHook(made))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(made))
        return made


class SpectralNormLoadStateDictPreHook:
    """Completes state dicts of version 0, which hold the weight and u but no v."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool,
        missing_keys: list[str], *_: Any,
    ) -> None:  # fmt: skip
        fn, key = self.fn, prefix + self.fn.name
        version = local_metadata.get("spectral_norm", {}).get(fn.name + ".version")
        if version is not None and version >= 1:
            return
        new = all(key + s in state_dict for s in ("_orig", "_u", "_v"))
        if version is None and new and key not in state_dict:
            return
        absent = [key + s for s in ("_orig", "", "_u") if key + s not in state_dict]
        if absent:
            missing_keys.extend(absent if strict else [])
            return
        with no_grad():
            original, weight = state_dict[key + "_orig"], state_dict.pop(key)
            matrix = fn.reshape_weight_to_matrix(original)
            sigma = (original / weight).mean()
            state_dict[key + "_v"] = fn._solve_v_and_rescale(matrix, state_dict[key + "_u"], sigma)


class SpectralNormStateDictHook:
    """Writes the version into the state dict's metadata."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module: Any, state_dict: Any, prefix: str, local_metadata: Any) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.fn.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


@clear_errors
def spectral_norm(
    module: Kind, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Kind:  # fmt: skip
    """Divide a weight by its largest singular value before each forward; returns module.

    name: the parameter's name. n_power_iterations: steps of the power method for each forward
    pass. eps: against division by zero. dim: the dimension of the outputs.

    Raises KeyError where the module has no such weight; TypeError where module is of the wrong
    type.

    >>> layer = nn.utils.spectral_norm(nn.Linear(2, 3))
    >>> layer.weight_u.shape
    torch.Size([3])
    """
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


@clear_errors
def remove_spectral_norm(module: Kind, name: str = "weight") -> Kind:
    """Undo spectral_norm; ValueError if there is none. Returns module.

    name: the parameter's name.

    Raises TypeError where module is of the wrong type.

    >>> utils = torch.nn.utils
    >>> type(utils.remove_spectral_norm(utils.spectral_norm(nn.Linear(2, 1)))).__name__
    'Linear'
    """

    def take(table: Any, kind: type, owner: Any) -> Any:
        for key, hook in table.items():
            if isinstance(hook, kind) and owner(hook).name == name:
                del table[key]
                return hook
        return None

    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    take(module._forward_pre_hooks, SpectralNorm, lambda h: h)
    take(module._state_dict_hooks, SpectralNormStateDictHook, lambda h: h.fn)
    take(module._load_state_dict_pre_hooks, SpectralNormLoadStateDictPreHook, lambda h: h.fn)
    return module
