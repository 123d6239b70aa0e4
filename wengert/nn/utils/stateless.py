"""A module called with other parameters than its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

ABSENT = object()  # what stood where nothing stood

__all__ = [
    "functional_call", "replace_all_batch_norm_modules_", "stack_module_state", "substituted",
]  # fmt: skip


def _places(module: Any) -> dict[str, tuple[Any, str]]:
    """Path -> (table, name) of every parameter and buffer, tied ones under each of their names."""
    found = {}
    for path, m in module.named_modules(remove_duplicate=False):
        for table in (m._parameters, m._buffers):
            for name in table:
                found[f"{path}.{name}" if path else name] = (table, name)
    return found


def _with_tied(places: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """given, with the other names of tied parameters; ValueError if they are given differently."""
    groups: dict[int, list[str]] = {}
    for path, (table, name) in places.items():
        if table[name] is not None:
            groups.setdefault(id(table[name]), []).append(path)
    out = dict(given)
    for names in groups.values():
        values = [given[n] for n in names if n in given]
        if len(names) > 1 and values:
            if any(v is not values[0] for v in values):
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(names)}, which are "
                    "tied. Consider using tie_weights=False"
                )
            out.update(dict.fromkeys(names, values[0]))
    return out


@contextlib.contextmanager
def substituted(
    module: Any, tensors: Mapping[str, Any], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    """Within it, module has these tensors for parameters and buffers; changed buffers go back.

    tie_weights: whether tied parameters follow. strict: raise an error for names that are not
    there. Tensors have the shapes of those that they replace.

    >>> net = nn.Linear(1, 1)
    >>> with substituted(net, {"weight": torch.ones(1, 1), "bias": torch.zeros(1)}):
    ...     net(torch.full((1,), 5.0))
    tensor([5.])
    """
    places = _places(module)
    given = _with_tied(places, tensors) if tie_weights else dict(tensors)
    if strict:
        lines = []
        if unexpected := [k for k in given if k not in places]:
            lines.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
        present = [k for k, (table, name) in places.items() if table[name] is not None]
        if missing := [k for k in present if k not in given]:
            lines.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
        if lines:
            report = "\n\t".join(lines)
            raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{report}")
    attributes = {k: v for k, v in given.items() if k not in places}
    before: dict[str, tuple[Any, str, Any]] = {}
    try:
        for path, value in given.items():
            if path in attributes:
                owner, name = _owner(module, path)
                table = owner.__dict__
            else:
                table, name = places[path]
            before[path] = table, name, table.get(name, ABSENT)
            table[name] = value
        yield
    finally:
        for path, (table, name, value) in reversed(before.items()):
            if table[name] is not given[path] and isinstance(tensors, dict) and path in tensors:
                tensors[path] = table[name]  # the call put another tensor in its place
            if value is ABSENT:
                del table[name]
            else:
                table[name] = value


def _owner(module: Any, path: str) -> tuple[Any, str]:
    above, _, name = path.rpartition(".")
    return module.get_submodule(above), name


@clear_errors
def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """module(*args, **kwargs) with tensors by name in place of its own; the module keeps its own.

    parameter_and_buffer_dicts: path -> tensor, or several such dictionaries. strict: RuntimeError
    unless all names are given and known. tie_weights: tied parameters follow one another.

    Tensors have the shapes of those that they replace. Raises TypeError where module or
    parameter_and_buffer_dicts is of the wrong type or an argument is no tensor.

    >>> layer = nn.Linear(1, 1)
    >>> new = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
    >>> torch.func.functional_call(layer, new, torch.tensor([3.0]))
    tensor([7.])
    """
    if isinstance(parameter_and_buffer_dicts, (list, tuple)):
        names = [k for d in parameter_and_buffer_dicts for k in d]
        if len(set(names)) < len(names):
            twice = sorted({k for k in names if names.count(k) > 1})
            raise ValueError(f"functional_call: {twice} are in several of the dictionaries")
        parameter_and_buffer_dicts = {
            k: v for d in parameter_and_buffer_dicts for k, v in d.items()
        }
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with substituted(module, parameter_and_buffer_dicts, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of equal models, stacked along a new first dimension, for vmap.

    RuntimeError if there are none, they differ in class or some are not in the same mode.

    Raises TypeError where models is of the wrong type.

    >>> params, _ = torch.func.stack_module_state([nn.Linear(2, 3), nn.Linear(2, 3)])
    >>> params["weight"].shape
    torch.Size([2, 3, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    kind = type(models[0])
    if any(type(m) is not kind for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    return parameters, _stacked([dict(m.named_buffers()) for m in models])


def _stacked(dicts: list[dict[str, Any]]) -> dict[str, Tensor]:
    out = {}
    for name, first in dicts[0].items():
        if any(d[name].requires_grad != first.requires_grad for d in dicts):
            raise RuntimeError(f"Expected {name!r} from each model to have the same .requires_grad")
        together = T.stack([d[name].detach() for d in dicts])
        out[name] = together.requires_grad_(first.requires_grad)
    return out


@clear_errors
def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let batch norms keep no running statistics, in place: vmap cannot write them; returns root.

    Raises TypeError where root is of the wrong type.

    >>> net = torch.func.replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(2)))
    >>> net[0].running_mean is None
    True
    """
    from ..normalization import _BatchNorm

    for m in root.modules():
        if isinstance(m, _BatchNorm):
            m.running_mean = m.running_var = m.num_batches_tracked = None
            m.track_running_stats = False
    return root
