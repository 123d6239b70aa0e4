"""States of models and optimizers by parameter names, whole or in each rank's parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...api import functions as T
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module
from ..collectives import broadcast
from ..objects import broadcast_object_list
from ..process_group import get_rank, get_world_size
from ..tensor.dtensor import DTensor, distribute_tensor, mark

__all__ = [
    "StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict", "get_state_dict",
    "optimizer_state_to_load", "set_model_state_dict", "set_optimizer_state_dict",
    "set_state_dict",
]  # fmt: skip


@dataclass
class StateDictOptions:
    """How states are given and taken.

    full_state_dict: whole tensors; with cpu_offload on the CPU, and only on rank 0: the others get
    an empty dict.
    ignore_frozen_params: leave out what is not trained. strict: names must agree.
    broadcast_from_rank0: only rank 0 has the state that is loaded. The others are accepted.
    keep_submodule_prefixes: accepted. flatten_optimizer_state_dict: one dict, by name and kind.
    dsd_fqn_modifiers: accepted.

    >>> StateDictOptions(full_state_dict=True).strict
    True
    """

    full_state_dict: bool = False
    cpu_offload: Any = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False
    dsd_fqn_modifiers: str = "_fqn_modifiers"

    def __post_init__(self) -> None:
        if self.flatten_optimizer_state_dict:
            raise NotImplementedError(
                "StateDictOptions: flatten_optimizer_state_dict is not in wengert: states are by "
                "parameter, as without it"
            )


def plain(model: Any) -> Module:
    """The module inside of wrappers, whose names count."""
    while type(model).__name__ in ("DistributedDataParallel", "FullyShardedDataParallel"):
        model = model.module
    return model


def given(t: Tensor, options: StateDictOptions) -> Tensor:
    """A tensor of a state, whole and on the CPU if that is asked for."""
    whole = t.full_tensor() if isinstance(t, DTensor) and options.full_state_dict else t.detach()
    return whole.cpu() if options.full_state_dict and options.cpu_offload is True else whole


def taken(value: Tensor, like: Tensor) -> Tensor:
    """What a tensor of a state means in the place of `like`: of a whole one, this rank's part."""
    if not isinstance(like, DTensor):
        return value.to_local() if isinstance(value, DTensor) else value
    if isinstance(value, DTensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value.detach(), like.device_mesh, like.placements, src_data_rank=None)


def in_place_of(p: Tensor, value: Tensor) -> Tensor:
    """A value for a parameter without memory; a dealt one comes to the device of its mesh."""
    if not (isinstance(p, DTensor) and isinstance(value, DTensor) and value.shape == p.shape):
        return value  # of another shape: load_state_dict refuses it
    local = value.redistribute(placements=p.placements)._local_tensor
    local = local.to(p.device_mesh.device(), copy=True)
    return mark(local, p.device_mesh, p.placements, p.shape)


def nothing_here(options: StateDictOptions) -> bool:
    """Whether this rank is to get an empty dict."""
    return bool(options.full_state_dict and options.cpu_offload and get_rank() != 0)


@clear_errors
def get_model_state_dict(
    model: Module, *, submodules: Any = None, options: StateDictOptions | None = None
) -> dict[str, Any]:
    """The state of a model by names. All ranks call this together.

    options: see StateDictOptions; by default dealt parameters are given as DTensors. submodules:
    accepted: None.

    Raises TypeError where model is of the wrong type.

    >>> list(get_model_state_dict(nn.Linear(2, 1)))
    ['weight', 'bias']
    """
    options = options or StateDictOptions()
    module = plain(model)
    frozen = {n for n, p in module.named_parameters() if not p.requires_grad}
    held = dict(module.named_parameters(remove_duplicate=False))
    found = {}
    for name, t in module.state_dict().items():
        if name in frozen and options.ignore_frozen_params:
            continue
        source = held.get(name, t)
        found[name] = given(source, options) if isinstance(source, Tensor) else t
    return {} if nothing_here(options) else found


def from_rank_0(state: Any) -> Any:
    """The state that rank 0 has, on every rank."""
    if get_world_size() == 1:
        return state
    tensors: list[Tensor] = []

    def pack(value: Any) -> Any:
        if isinstance(value, Tensor):
            tensors.append(value.detach().contiguous())
            return ("tensor", tuple(value.shape), value.dtype)
        if isinstance(value, dict):
            return ("dict", {k: pack(v) for k, v in value.items()})
        if isinstance(value, (list, tuple)):
            return ("list", [pack(v) for v in value])
        return ("value", value)

    def unpack(form: Any) -> Any:
        kind = form[0]
        if kind == "tensor":
            t = next(waiting) if get_rank() == 0 else T.empty(form[1], dtype=form[2])
            broadcast(t, 0)
            return t
        if kind == "dict":
            return {k: unpack(v) for k, v in form[1].items()}
        return [unpack(v) for v in form[1]] if kind == "list" else form[1]

    box = [pack(state) if get_rank() == 0 else None]
    broadcast_object_list(box, 0)
    waiting = iter(tensors)
    return unpack(box[0])


@clear_errors
def set_model_state_dict(
    model: Module, model_state_dict: dict[str, Any], *, options: StateDictOptions | None = None
) -> Any:
    """Give a model a state, of which each rank takes its parts; returns what did not fit.

    Tensors have the shapes of the model's own. Raises RuntimeError for names or shapes that do not
    fit; TypeError where model or model_state_dict is of the wrong type.

    model_state_dict: what get_model_state_dict gave. options: StateDictOptions.

    >>> model = nn.Linear(2, 1)
    >>> set_model_state_dict(model, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
    <All keys matched successfully>
    >>> model.weight
    Parameter containing:
    tensor([[1., 1.]], requires_grad=True)
    """
    options = options or StateDictOptions()
    if options.broadcast_from_rank0:
        model_state_dict = from_rank_0(model_state_dict)
    module = plain(model)
    held = dict(module.named_parameters(remove_duplicate=False))
    state = {
        name: taken(value, held[name]) if name in held and isinstance(value, Tensor) else value
        for name, value in model_state_dict.items()
    }
    empty = [name for name, p in held.items() if p.device.type == "meta" and name in state]
    for name in empty:  # there is nothing to copy into: what is given takes its place
        state[name] = in_place_of(held[name], state[name])
    return module.load_state_dict(state, strict=options.strict, assign=bool(empty))


def listed(optimizers: Any) -> list[Any]:
    """One optimizer or several, as a list."""
    if isinstance(optimizers, Iterable) and not hasattr(optimizers, "param_groups"):
        return list(optimizers)
    return [optimizers]


def begin(optimizer: Any) -> None:
    """Give a new optimizer its state, by a step of length zero, so that there is what to fill."""
    every = [p for group in optimizer.param_groups for p in group["params"]]
    if optimizer.state or any(p.grad is not None for p in every):
        return
    kept = [group.get("lr") for group in optimizer.param_groups]
    with no_grad():
        for p in every:
            if p.requires_grad:
                p.grad = T.zeros_like(p.detach())
        for group in optimizer.param_groups:
            if "lr" in group:
                group["lr"] = 0.0 * group["lr"]
        optimizer.step()
        for group, lr in zip(optimizer.param_groups, kept):
            if "lr" in group:
                group["lr"] = lr
        for p in every:
            p.grad = None


_init_optim_state = begin  # the name that scripts import


@clear_errors
def get_optimizer_state_dict(
    model: Module, optimizers: Any, *, submodules: Any = None,
    options: StateDictOptions | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The state of optimizers with parameters by names. All ranks call this together.

    model: the module. submodules: accepted: None. options: StateDictOptions.

    Raises TypeError where model or optimizers is of the wrong type.

    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> get_optimizer_state_dict(model, optimizer)["param_groups"][0]["params"]
    ['weight', 'bias']
    """
    options = options or StateDictOptions()
    names = {id(p): n for n, p in plain(model).named_parameters()}
    found: dict[str, Any] = {"state": {}, "param_groups": []}
    for optimizer in listed(optimizers):
        begin(optimizer)
        for group in optimizer.param_groups:
            params = [p for p in group["params"] if id(p) in names]
            for p in params:
                state = optimizer.state.get(p)
                if state:
                    found["state"][names[id(p)]] = {
                        k: given(like(v, p), options) if isinstance(v, Tensor) else v
                        for k, v in state.items()
                    }
            rest = {k: v for k, v in group.items() if k not in ("params", "param_names")}
            found["param_groups"].append({**rest, "params": [names[id(p)] for p in params]})
    return {} if nothing_here(options) else found


def like(v: Tensor, p: Tensor) -> Tensor:
    """A tensor of a state as a part of a whole, where the parameter is one and shapes agree."""
    return p.as_part(v) if isinstance(p, DTensor) else v


@clear_errors
def optimizer_state_to_load(
    model: Module, optimizer: Any, state: dict[str, Any], options: StateDictOptions
) -> dict[str, Any]:
    """A state by names in the form that optimizer.load_state_dict takes, with this rank's parts.

    model: the module. options: StateDictOptions.

    Raises TypeError where state is of the wrong type.

    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> state = get_optimizer_state_dict(model, optimizer)
    >>> state = optimizer_state_to_load(model, optimizer, state, StateDictOptions())
    >>> state["param_groups"][0]["params"]
    [0, 1]
    """
    names = {id(p): n for n, p in plain(model).named_parameters()}
    numbers: dict[str, int] = {}
    found: dict[int, Any] = {}
    groups = []
    for group in optimizer.param_groups:
        mine = [names[id(p)] for p in group["params"]]
        saved = next(
            (
                g
                for g in state["param_groups"]
                if set(mine) & set(g["params"]) or g["params"] == mine
            ),
            None,
        )
        if saved is None:
            raise RuntimeError(f"the state has no parameter group with any of {mine[:3]}")
        start = len(numbers)
        for p, name in zip(group["params"], mine):
            numbers[name] = len(numbers)
            if name in state["state"]:
                found[numbers[name]] = {
                    k: taken(v, p).clone() if isinstance(v, Tensor) else v
                    for k, v in state["state"][name].items()
                }
        rest = {k: v for k, v in saved.items() if k != "params"}
        groups.append({**rest, "params": list(range(start, len(numbers)))})
    return {"state": found, "param_groups": groups}


@no_grad()
@clear_errors
def set_optimizer_state_dict(
    model: Module, optimizers: Any, optim_state_dict: dict[str, Any], *,
    options: StateDictOptions | None = None,
) -> None:  # fmt: skip
    """Continue optimizers from a state by names, of which each rank takes its parts.

    model: the module. optim_state_dict: what get_optimizer_state_dict gave. options:
    StateDictOptions.

    Raises TypeError where optim_state_dict is of the wrong type.

    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> set_optimizer_state_dict(model, optimizer, get_optimizer_state_dict(model, optimizer))
    """
    options = options or StateDictOptions()
    if options.broadcast_from_rank0:
        optim_state_dict = from_rank_0(optim_state_dict)
    for optimizer in listed(optimizers):
        optimizer.load_state_dict(
            optimizer_state_to_load(model, optimizer, optim_state_dict, options)
        )


@clear_errors
def get_state_dict(
    model: Module, optimizers: Any, *, submodules: Any = None,
    options: StateDictOptions | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """(the model's state, the optimizers' state), by names.

    submodules: accepted: None. options: StateDictOptions.

    Raises TypeError where model or optimizers is of the wrong type.

    >>> model = nn.Linear(2, 1)
    >>> weights, rates = get_state_dict(model, torch.optim.SGD(model.parameters(), lr=0.1))
    >>> list(weights), rates["param_groups"][0]["lr"]
    (['weight', 'bias'], 0.1)
    """
    return (
        get_model_state_dict(model, options=options),
        get_optimizer_state_dict(model, optimizers, options=options),
    )


@clear_errors
def set_state_dict(
    model: Module, optimizers: Any, *, model_state_dict: dict[str, Any],
    optim_state_dict: dict[str, Any], options: StateDictOptions | None = None,
) -> Any:  # fmt: skip
    """Give a model and its optimizers their states; returns what did not fit the model.

    model_state_dict: what get_model_state_dict gave. optim_state_dict: what
    get_optimizer_state_dict gave. options: StateDictOptions.

    Raises TypeError where optim_state_dict is of the wrong type.

    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> weights, rates = get_state_dict(model, optimizer)
    >>> set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=rates)
    <All keys matched successfully>
    """
    found = set_model_state_dict(model, model_state_dict, options=options)
    set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return found
