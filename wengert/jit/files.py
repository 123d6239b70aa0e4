"""save() and load(): scripted and traced modules and functions in files (`encoding.py`).

PyTorch's TorchScript files hold compiled code, and are refused.
"""

from __future__ import annotations

from typing import Any

from ..engine.error_context import clear_errors
from ..fx.graph_module import GraphModule
from .encoding import read_program, save_program
from .script import ScriptFunction, ScriptModule
from .trace import TopLevelTracedModule

__all__ = ["load", "save"]


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Write a scripted or traced module or function to a file.

    f: a path or a file open for writing; _extra_files: name -> text or bytes to keep beside it. m:
    what torch.jit made.

    Raises AttributeError for what was not scripted and not traced.

    >>> torch.jit.save(torch.jit.script(nn.Linear(2, 1)), "net.pt")
    >>> torch.jit.load("net.pt")(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    if isinstance(m, (ScriptModule, ScriptFunction)):
        m.save(f, _extra_files=_extra_files)
    elif isinstance(m, GraphModule):
        save_program(m, type(m).__name__, f, _extra_files)
    else:
        raise AttributeError(
            f"'{type(m).__name__}' object has no attribute 'save': make it with torch.jit.script "
            "or torch.jit.trace"
        )


@clear_errors
def load(
    f: Any, map_location: Any = None, _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> Any:  # fmt: skip
    """The module that save() wrote.

    f: a path or an open file; map_location: as for torch.load; _extra_files: filled in.
    RuntimeError for PyTorch's TorchScript files and others that hold no program.

    Raises TypeError where f is of the wrong type; ValueError where f is unknown.

    >>> torch.jit.save(torch.jit.script(nn.Linear(2, 1)), "net.pt")
    >>> torch.jit.load("net.pt")(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    root, graph, told = read_program(f, map_location, _extra_files)
    made = TopLevelTracedModule(root, graph, told["name"])
    type(made).original_name = told["name"]
    for name, m in made.named_modules():
        m.training = told["modes"].get(name, told["training"])
    return made
