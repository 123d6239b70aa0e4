"""What things are called in the user's program: parameters of models, and variables.

A node of the graph knows no names. They come from the models or dicts that a caller gives, and
from the variables of the caller's frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple

from ..engine.node import Slot
from ..engine.tensor import Tensor
from ..nn.module import Module

MOST = 500  # members of a list or dict that are looked at


class Named(NamedTuple):
    """A name, the tensor that bears it, and whether it is a module's parameter."""

    name: str
    tensor: Tensor
    parameter: bool


def node_of(t: Tensor) -> Any:
    """The node behind a tensor; of an op with several outputs, that op's."""
    n = t._n
    return n.parents[0] if type(n) is Slot else n


class Names:
    """node -> what its tensor is called; the first name given to a node stays."""

    def __init__(self) -> None:
        self.of: dict[Any, Named] = {}
        self.plain: list[tuple[str, Tensor]] = []  # variables that are not in the graph

    def add(self, name: str, tensor: Any, parameter: bool = False) -> None:
        """Name the node behind a tensor, if it has one."""
        n = node_of(tensor)
        if n is None and not parameter and isinstance(tensor, Tensor):
            self.plain.append((name, tensor))
        if n is not None and n not in self.of:
            self.of[n] = Named(name, tensor, parameter)

    def add_given(self, params: Any) -> None:
        """Names from a Module, a mapping of names to tensors, or pairs of both."""
        if params is None:
            return
        if isinstance(params, Module):
            for name, p in params.named_parameters():
                self.add(name, p, True)
            return
        pairs: Iterable[Any] = params.items() if isinstance(params, Mapping) else params
        for pair in pairs:
            name, t = pair
            if isinstance(t, Module):
                for inner, p in t.named_parameters():
                    self.add(f"{name}.{inner}", p, True)
            elif isinstance(t, Tensor):
                self.add(str(name), t)
            else:
                raise TypeError(
                    f"viz.graph: params must give tensors or modules, but {name!r} is "
                    f"{type(t).__name__}: pass a Module, a dict of name to tensor, or "
                    "model.named_parameters()"
                )

    def add_variables(self, frame: FrameType | None) -> None:
        """Names from the variables of a frame, those of its module after the local ones."""
        if frame is None:
            return
        variables = dict(frame.f_locals)
        for name, value in frame.f_globals.items():
            variables.setdefault(name, value)
        told = [(k, v) for k, v in variables.items() if not k.startswith("_")]
        models = [(k, v) for k, v in told if isinstance(v, Module)]
        whole = [
            (k, m) for k, m in models if not any(m in o.modules() for _, o in models if o is not m)
        ]
        for name, value in told:
            if isinstance(value, Tensor):
                self.add(name, value)
        for name, model in whole:
            own = "" if len(whole) == 1 or name == "self" else f"{name}."
            for inner, p in model.named_parameters():
                self.add(own + inner, p, True)
        for name, value in told:
            for inner, t in members(name, value):
                self.add(inner, t)


def members(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """(`name[0]`, tensor) of the tensors directly in a list, tuple or dict."""
    if isinstance(value, (list, tuple)) and 0 < len(value) <= MOST:
        items: Iterable[Any] = enumerate(value)
    elif isinstance(value, dict) and 0 < len(value) <= MOST:
        items = value.items()
    else:
        return
    for key, t in list(items):
        if isinstance(t, Tensor):
            yield f"{name}[{key!r}]", t
