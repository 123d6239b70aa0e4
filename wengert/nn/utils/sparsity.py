"""Sparsifiers (torch.ao.pruning): masks over weights, as parametrizations, that are found anew at
each step. How sparse they are over time is in `sparsity_schedules.py`, pruning once in `prune.py`.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ...api import functions as T
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .. import functional as F
from ..linear import Linear
from ..module import Module
from .parametrize import (
    is_parametrized,
    register_parametrization,
    remove_parametrizations,
    type_before_parametrizations,
)

__all__ = [
    "BaseSparsifier", "FakeSparsity", "NearlyDiagonalSparsifier", "WeightNormSparsifier",
    "fqn_to_module", "get_arg_info_from_tensor_fqn", "module_to_fqn",
]  # fmt: skip

SUPPORTED = {Linear}  # kinds of layers that are made sparse where nobody says which


@clear_errors
def module_to_fqn(model: Module, module: Module, prefix: str = "") -> str | None:
    """The path of a module in a model, or None where it is not in it.

    prefix: what stands before the path, for all but the model itself.

    Raises TypeError where model is no module.

    >>> from wengert.ao.pruning import module_to_fqn
    >>> net = nn.Sequential(nn.Sequential(nn.ReLU()))
    >>> module_to_fqn(net, net[0][0])
    '0.0'
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a module, not {type(model).__name__}")
    for path, found in model.named_modules():
        if found is module:
            return prefix + path if path else ""
    return None


def fqn_to_module(model: Module | None, path: str) -> Any:
    """What is at a path in a model, a module or a tensor, or None.

    >>> from wengert.ao.pruning import fqn_to_module
    >>> fqn_to_module(nn.Sequential(nn.ReLU()), "0")
    ReLU()
    """
    found: Any = model
    for name in path.split(".") if path else ():
        found = getattr(found, name, None)
    return found


def get_arg_info_from_tensor_fqn(model: Module, tensor_fqn: str) -> dict[str, Any]:
    """The module that has the tensor at a path, the module's path, and the tensor's name in it.

    model: a module. tensor_fqn: the path.

    >>> from wengert.ao.pruning import get_arg_info_from_tensor_fqn
    >>> found = get_arg_info_from_tensor_fqn(nn.Sequential(nn.Linear(1, 2)), "0.weight")
    >>> found["module"], found["module_fqn"], found["tensor_name"]
    (Linear(in_features=1, out_features=2, bias=True), '0', 'weight')
    """
    path, _, name = tensor_fqn.rpartition(".")
    return {"module_fqn": path, "module": fqn_to_module(model, path), "tensor_name": name,
            "tensor_fqn": tensor_fqn}  # fmt: skip


class FakeSparsity(Module):
    """A parametrization: the weight times a mask of its shape, which state dicts do not hold.

    mask: of the weight's shape, any. x has that shape. Raises AssertionError where it has another.

    >>> from wengert.ao.pruning import FakeSparsity
    >>> FakeSparsity(torch.tensor([1.0, 0.0]))(torch.tensor([3.0, 4.0]))
    tensor([3., 0.])
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """x with zeros where the mask has them."""
        if self.mask.shape != x.shape:
            raise AssertionError(f"mask shape ({self.mask.shape}) must match x shape ({x.shape})")
        return self.mask * x

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing: the mask is the sparsifier's."""
        return {}


class BaseSparsifier(ABC):
    """What all sparsifiers share; one of their own has `update_mask`.

    defaults: what holds for each tensor where its configuration does not say otherwise.

    >>> from wengert.ao.pruning import BaseSparsifier
    >>> class Positive(BaseSparsifier):
    ...     def update_mask(self, module, tensor_name, **kwargs):
    ...         mask = getattr(module.parametrizations, tensor_name)[0].mask
    ...         mask.copy_(getattr(module, tensor_name) > 0)
    >>> net = nn.Sequential(nn.Linear(2, 2))
    >>> sparsifier = Positive()
    >>> sparsifier.prepare(net, config=None)
    >>> sparsifier.step()
    >>> (net[0].weight >= 0).all()
    tensor(True)
    """

    def __init__(self, defaults: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.defaults = defaults or {}
        self.state: dict[str, dict[str, Any]] = defaultdict(dict)
        self.groups: list[dict[str, Any]] = []
        self.enable_mask_update = True

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "groups": self.groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.groups):
            rest = {k: group[k] for k in sorted(group) if k != "module"}
            told = {"module": group["module"], **rest}
            text += f"\n\tGroup {i}\n" + "".join(f"\t    {k}: {v}\n" for k, v in told.items())
        return text + ")"

    def state_dict(self) -> dict[str, Any]:
        """The masks by the paths of their tensors, and the configurations without modules."""
        hidden = ("module", "module_fqn", "tensor_name")
        groups = [{k: v for k, v in g.items() if k not in hidden} for g in self.groups]
        return {"state": self.state, "groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any], strict: bool = True) -> None:
        """Take what state_dict gave; tensors that are not parametrized yet are from here on.

        strict: RuntimeError for a tensor that the model does not have.
        """
        groups, states = copy.deepcopy(state_dict["groups"]), state_dict["state"]
        for path, state in states.items():
            told = get_arg_info_from_tensor_fqn(self.model, path)
            module, name = told["module"], told["tensor_name"]
            if strict and module is None:
                raise RuntimeError(f"Error loading {path} into the model")
            there = module.parametrizations[name] if is_parametrized(module, name) else []
            found = next((p for p in there if isinstance(p, FakeSparsity)), None)
            if found is None:
                found = FakeSparsity(T.ones(getattr(module, name).shape))
                register_parametrization(module, name, found)
            if state.get("mask") is not None:
                found.mask = state.pop("mask")
            for group in groups:
                if group["tensor_fqn"] == path:
                    group.update(told)
        self.__setstate__({"state": states, "groups": groups})

    def make_config_from_model(self, model: Module, SUPPORTED_MODULES: Any = SUPPORTED) -> None:
        """Configure the weights of all layers of some kinds; SUPPORTED_MODULES: a set of classes.

        model: a module.
        """
        self.config = []
        waiting = [model]
        while waiting:
            for child in waiting.pop().children():
                if type(child) in SUPPORTED_MODULES:
                    self.config.append({"tensor_fqn": f"{module_to_fqn(model, child)}.weight"})
                else:
                    waiting.append(child)

    def prepare(self, model: Module, config: list[dict[str, Any]] | None) -> None:
        """Put masks of ones over a model's weights.

        model: is changed. config: a dict for each tensor, with its path as tensor_fqn and what is
        other than the defaults; None: all linear layers' weights.

        Raises AssertionError where config holds other things than such dicts.
        """
        self.model, self.config = model, config  # type: ignore[assignment]
        if config is None:
            self.make_config_from_model(model)
        for one in self.config:
            if not isinstance(one, dict) or one.get("tensor_fqn") is None:
                raise AssertionError(
                    "config elements should be dicts with a tensor_fqn: [{'tensor_fqn': "
                    f"'layer.weight'}}, ...], not {one!r}"
                )
            options = {**copy.deepcopy(self.defaults), **one}
            options["tensor_fqn"] = options["tensor_fqn"].removeprefix(".")
            told = get_arg_info_from_tensor_fqn(model, options["tensor_fqn"])
            for key, value in told.items():
                if options.get(key, value) != value:
                    raise AssertionError(f"`{key}` and `tensor_fqn` do not agree in {one!r}")
            self.groups.append({**options, **told})
        self._prepare()

    def _prepare(self, *args: Any, **kwargs: Any) -> None:
        for group in self.groups:
            module, name = group["module"], group["tensor_name"]
            mask = group.get("mask", T.ones_like(getattr(module, name)))
            self.state[group["tensor_fqn"]]["mask"] = mask
            kind = group.get("parametrization", FakeSparsity)
            register_parametrization(module, name, kind(mask))

    def squash_mask(
        self,
        params_to_keep: tuple[str, ...] | None = None,
        params_to_keep_per_layer: dict[str, tuple[str, ...]] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Make masked weights the weights, and forget the masks.

        params_to_keep: names of options that modules keep in `sparse_params`.
        params_to_keep_per_layer: the same by the path of the module. args, kwargs: not used.
        """
        for group in self.groups:
            module = group["module"]
            remove_parametrizations(module, group["tensor_name"], leave_parametrized=True)
            kept = [*(params_to_keep or ())]
            kept += (params_to_keep_per_layer or {}).get(group["module_fqn"], ())
            if kept:
                module.sparse_params = {key: group[key] for key in kept}

    def convert(
        self,
        module: Module,
        mapping: dict[type[Module], Any] | None = None,
        inplace: bool = False,
        parameterization: type[Module] = FakeSparsity,
    ) -> Module:
        """A module with others in the place of layers that have masks: what `from_dense` of the
        class makes of them that mapping has for theirs.

        inplace: change the module itself. parameterization: the class of the masks.

        Raises NotImplementedError without a mapping.
        """
        if mapping is None:
            raise NotImplementedError("a mapping of classes of layers is needed")
        if not inplace:
            module = copy.deepcopy(module)
        for name, child in list(module.named_children()):
            kind = type_before_parametrizations(child)
            masked = is_parametrized(child) and any(
                isinstance(p, parameterization)
                for each in child.parametrizations.values()
                for p in each
            )
            if masked and kind in mapping:
                module._modules[name] = mapping[kind].from_dense(child)
            else:
                self.convert(child, mapping, True, parameterization)
        return module

    def step(self, use_path: bool = True) -> None:
        """Find all masks anew; use_path: not used."""
        if self.enable_mask_update:
            with no_grad():
                for group in self.groups:
                    self.update_mask(**group)

    @abstractmethod
    def update_mask(self, module: Module, tensor_name: str, **kwargs: Any) -> None:
        """Write the mask of one tensor; kwargs: its configuration."""


def mask_of(module: Module, name: str) -> Any:
    """The mask over a tensor of a module."""
    return getattr(module.parametrizations, name)[0].mask


class NearlyDiagonalSparsifier(BaseSparsifier):
    """Keeps the diagonal of matrices and what is next to it.

    nearliness: how many diagonals are kept, an odd number.

    Raises ValueError, at a step, where nearliness is even or larger than the matrix.

    >>> from wengert.ao.pruning import NearlyDiagonalSparsifier
    >>> net = nn.Sequential(nn.Linear(2, 2))
    >>> sparsifier = NearlyDiagonalSparsifier()
    >>> sparsifier.prepare(net, config=None)
    >>> sparsifier.step()
    >>> (net[0].weight != 0).int()
    tensor([[1, 0],
            [0, 1]], dtype=torch.int32)
    """

    def __init__(self, nearliness: int = 1) -> None:
        super().__init__(defaults={"nearliness": nearliness})

    def update_mask(  # type: ignore[override]
        self, module: Module, tensor_name: str, nearliness: int, **kwargs: Any
    ) -> None:
        """Write the mask of one matrix; kwargs: what else is configured."""
        mask = mask_of(module, tensor_name)
        if nearliness <= 0:
            mask.data = T.zeros_like(mask)
            return
        if nearliness % 2 == 0:
            raise ValueError("nearliness can only be an odd number")
        beside = nearliness // 2
        if beside >= min(mask.shape):
            raise ValueError("nearliness cannot be larger than the dimensions of tensor.")
        mask.data = T.ones_like(mask).tril(beside).triu(-beside)


class WeightNormSparsifier(BaseSparsifier):
    """Sets to zero the blocks of matrices that have the smallest norms, or part of each of them.

    sparsity_level: the fraction of blocks. sparse_block_shape: rows and columns of a block.
    zeros_per_block: how many elements of such a block become zero, the smallest ones; None: all.
    norm: 1, 2, or a function of the matrix that gives what is averaged over a block; None: 2.

    Raises NotImplementedError where norm is another number; ValueError, at a step, where
    zeros_per_block is negative or larger than a block.

    >>> from wengert.ao.pruning import WeightNormSparsifier
    >>> net = nn.Sequential(nn.Linear(4, 1))
    >>> sparsifier = WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 2))
    >>> sparsifier.prepare(net, config=[{"tensor_fqn": "0.weight"}])
    >>> sparsifier.step()
    >>> (net[0].weight == 0).sum()
    tensor(2)
    """

    def __init__(
        self,
        sparsity_level: float = 0.5,
        sparse_block_shape: tuple[int, int] = (1, 4),
        zeros_per_block: int | None = None,
        norm: Callable[[Tensor], Tensor] | int | None = None,
    ) -> None:
        if zeros_per_block is None:
            zeros_per_block = math.prod(sparse_block_shape)
        self.norm_fn: Callable[[Tensor], Tensor]
        if callable(norm):
            self.norm_fn = norm
        elif norm == 1:
            self.norm_fn = T.abs
        elif norm in (None, 2):
            self.norm_fn = T.square
        else:
            raise NotImplementedError(f"L-{norm} is not yet implemented.")
        super().__init__(
            {"sparsity_level": sparsity_level, "sparse_block_shape": sparse_block_shape,
             "zeros_per_block": zeros_per_block}
        )  # fmt: skip

    def update_mask(  # type: ignore[override]
        self,
        module: Module,
        tensor_name: str,
        sparsity_level: float,
        sparse_block_shape: tuple[int, int],
        zeros_per_block: int,
        **kwargs: Any,
    ) -> None:
        """Write the mask of one matrix; kwargs: what else is configured."""
        size = math.prod(sparse_block_shape)
        if zeros_per_block > size:
            raise ValueError("zeros_per_block is more than a block has elements")
        if zeros_per_block < 0:
            raise ValueError("zeros_per_block is negative")
        mask = mask_of(module, tensor_name)
        if sparsity_level <= 0 or zeros_per_block == 0:
            mask.data = T.ones_like(mask)
        elif sparsity_level >= 1 and zeros_per_block == size:
            mask.data = T.zeros_like(mask)
        else:
            norms = self.norm_fn(getattr(module, tensor_name))
            kept = large_blocks(norms, sparsity_level, sparse_block_shape)
            if zeros_per_block != size:
                large = large_in_blocks(norms, sparse_block_shape, zeros_per_block)
                kept = kept.logical_or(large)
            mask.data = kept


def large_blocks(norms: Tensor, level: float, shape: tuple[int, int]) -> Tensor:
    """1 in the blocks that are kept, 0 in the fraction `level` of them with the least norms."""
    height, width = norms.shape[-2:]
    if level >= 1:
        return T.zeros(height, width, device=norms.device)
    if math.prod(shape) > 1:
        norms = F.avg_pool2d(norms[None, None], shape, shape, ceil_mode=True)[0, 0]
    flat = norms.flatten()
    count = max(0, min(len(flat) - 1, round(level * len(flat))))
    least = flat.topk(count, largest=False).indices
    kept = T.ones(len(flat), device=flat.device).scatter(0, least, 0).view(norms.shape)
    whole = kept.repeat_interleave(shape[0], 0).repeat_interleave(shape[1], 1)
    return whole[:height, :width].contiguous()


def large_in_blocks(norms: Tensor, shape: tuple[int, int], zeros: int) -> Tensor:
    """1 where an element is kept, 0 at the `zeros` least ones of each block."""
    height, width = norms.shape[-2:]
    beyond = (0, -width % shape[1], 0, -height % shape[0])
    padded = F.pad(norms, beyond, value=math.nan)  # which counts as largest
    blocks = F.unfold(padded[None, None], shape, stride=shape)
    least = blocks.topk(zeros, dim=1, largest=False).indices
    kept = T.ones(blocks.shape, device=norms.device).scatter(1, least, 0)
    return F.fold(kept, padded.shape, shape, stride=shape)[0, 0, :height, :width]
