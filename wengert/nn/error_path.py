"""Says which layer an error came from: the path from the model to it, and the shapes on the way.

`Module.__call__` hands an exception here while it passes through; nothing of this runs otherwise.
Only errors that the library itself raised are reworded; those of the user's code stay as they are.
"""

from __future__ import annotations

import sys
from typing import Any

from ..base.frames import PACKAGE
from ..engine.error_context import meant
from ..engine.tensor import Tensor

__all__ = ["as_modules", "blame", "brief"]

KINDS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)
SIZES = (  # attributes that say in two words what a layer maps to what
    ("in_features", "out_features"), ("in1_features", "out_features"),
    ("in_channels", "out_channels"), ("num_embeddings", "embedding_dim"),
    ("input_size", "hidden_size"),
)  # fmt: skip
WIDTHS = ("num_features", "num_channels", "normalized_shape", "embed_dim", "d_model")


class _Trail:
    """What an exception carries on its way out: the original text, and (module, inputs) met."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.met: list[tuple[Any, str]] = []
        self.problem: str | None = None


def blame(error: Exception, module: Any, args: tuple[Any, ...]) -> None:
    """Reword error, which has just left module.forward(*args); raise the one that is meant where
    Python met arguments in a layer that it had not looked at.
    """
    trail = getattr(error, "_trail", None)
    if trail is None:
        if type(module).__module__.startswith("wengert."):
            names = type(module).forward.__code__.co_varnames[1:]
            better = meant(type(module).__name__, error, dict(zip(names, args)), {})
            if better is not None:
                try:
                    raise better from error
                except Exception as raised:
                    blame(raised, module, args)
                    raise
        if type(error) not in KINDS or len(error.args) != 1 or not isinstance(error.args[0], str):
            return
        if not _ours(error):
            return
        own = type(module).__module__.startswith("wengert.")  # says itself what it got
        told = own and getattr(error, "_told", None) or error.args[0]
        defined = getattr(type(module).forward, "__qualname__", "")
        if own and defined.startswith("_"):  # in a class that several share
            told = told.replace(f"{defined}(", f"{type(module).__name__}.forward(")
        trail = _Trail(told)
        try:
            trail.problem = module._input_problem(*args)
        except Exception:  # the check of unexpected input must not hide the error it explains
            trail.problem = None
        error._trail = trail  # type: ignore[attr-defined]
    trail.met.append((module, shapes(args)))
    error.args = (_text(trail, _name_in_caller(module)),)


def as_modules(value: Any) -> str:
    """How to write what was given in the place of a module; empty if nobody knows.

    >>> as_modules([torch.nn.ReLU()])
    ': give the modules one by one, as in nn.Sequential(*layers)'
    """
    if isinstance(value, type):
        return f": it is a class, make one: {value.__name__}(...)"
    if isinstance(value, (list, tuple)):
        return ": give the modules one by one, as in nn.Sequential(*layers)"
    return ": wrap a function in a Module" if callable(value) else ""


def _ours(error: Exception) -> bool:
    """Whether the line that raised it is the library's."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    name = "" if tb is None else tb.tb_frame.f_code.co_filename
    return name.startswith((PACKAGE, "<wengert"))


def _name_in_caller(module: Any) -> str | None:
    """The variable that holds module where it was called."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    if frame is None:
        return None
    names = {**frame.f_globals, **frame.f_locals}
    return next((k for k, v in names.items() if v is module and k != "self"), None)


def _text(trail: _Trail, name: str | None) -> str:
    layer, inputs = trail.met[0]
    root = trail.met[-1][0]
    name = name or "model"
    head = brief(layer) if layer is root and name == "model" else f"{_path(root, layer, name)} "
    if head.endswith(" "):
        head += f"({brief(layer)})"
    lines = [f"{head} got {inputs}: {trail.problem or trail.text}"]
    way = [f"  {_path(root, m, name)} ({brief(m)}) got {s}" for m, s in reversed(trail.met[1:])]
    if way:
        lines += ["on the way:", *way]
    if trail.problem:
        lines.append(trail.text)
    return "\n".join(lines)


def _path(root: Any, module: Any, name: str) -> str:
    inside = next((k for k, m in root.named_modules() if m is module), "?")
    return f"{name}.{inside}" if inside else name


def shapes(args: tuple[Any, ...]) -> str:
    """'input of shape (2, 4)', or the shapes of several inputs."""
    found = [_shape(a) for a in args if isinstance(a, (Tensor, tuple, list))]
    if not found:
        return "no tensor"
    return f"input{'s' if len(found) > 1 else ''} of shape {' and '.join(found)}"


def _shape(a: Any) -> str:
    if isinstance(a, Tensor):
        return str(tuple(a.shape))
    return (
        "(" + ", ".join(_shape(b) if isinstance(b, (Tensor, tuple, list)) else "?" for b in a) + ")"
    )


def brief(module: Any) -> str:
    """A layer in a few words: `Linear(5 -> 2)`.

    >>> nn.blame.brief(nn.Linear(5, 2))
    'Linear(5 -> 2)'
    """
    d = {**module.__dict__}
    for a, b in SIZES:
        if a in d and b in d:
            return f"{module._get_name()}({d[a]} -> {d[b]})"
    for w in WIDTHS:
        if w in d:
            return f"{module._get_name()}({d[w]})"
    return module._get_name()
