"""A module called with other parameters than its own."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from ...engine.tensor import Tensor

__all__ = ["functional_call", "call_with", "substituted"]


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
    """Within it, module has these tensors for parameters and buffers; changed buffers go back."""
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
    before: list[tuple[Any, str, Any]] = []
    try:
        for path, value in given.items():
            if path in attributes:
                owner, name = _owner(module, path)
                if not hasattr(owner, name):
                    raise AttributeError(f"{module._get_name()} has no attribute `{path}`")
                before.append((owner.__dict__, name, owner.__dict__.get(name)))
                owner.__dict__[name] = value
            else:
                table, name = places[path]
                before.append((table, name, table[name]))
                table[name] = value
        yield
    finally:
        for table, name, value in reversed(before):
            table[name] = value


def _owner(module: Any, path: str) -> tuple[Any, str]:
    above, _, name = path.rpartition(".")
    return module.get_submodule(above), name


def call_with(
    module: Any, parameters_and_buffers: Any, args: Any = None, kwargs: Any = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """module(*args, **kwargs) with tensors by name in place of its own; the module keeps its own.

    parameters_and_buffers: path -> tensor, or several such dictionaries. strict: RuntimeError
    unless all names are given and known. tie_weights: tied parameters follow one another.
    """
    if isinstance(parameters_and_buffers, (list, tuple)):
        parameters_and_buffers = {k: v for d in parameters_and_buffers for k, v in d.items()}
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with substituted(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Any, parameters_and_buffers: Mapping[str, Tensor], args: Any = None,
    kwargs: Any = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Old place of torch.func.functional_call."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated: use "
        "`torch.func.functional_call`, which takes the same arguments",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
