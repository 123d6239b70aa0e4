"""IPython and notebooks say which attribute was nearly meant, as Python itself does.

Tensor has no `__getattr__`, which would slow every read of an attribute, so the hint cannot stand
in the error that it raises; and IPython does not print Python's own. An extension of IPython,
loaded where wengert is imported in a shell, and by the kernel of `wengert kernel`.
"""

from __future__ import annotations

import difflib
import sys
from typing import Any

from ..engine.tensor import Tensor

__all__ = ["hint", "load_ipython_extension"]


def hint(error: AttributeError) -> str:
    """What to add to the error of a tensor or module, or nothing.

    >>> try:
    ...     torch.ones(2).summ()
    ... except AttributeError as error:
    ...     hint(error)
    ". Did you mean: 'sum'?"
    """
    owner = getattr(error, "obj", None)
    nn = sys.modules.get("wengert.nn")
    known = (Tensor,) if nn is None else (Tensor, nn.Module)
    kind = owner if isinstance(owner, type) else type(owner)
    if not issubclass(kind, known) or not error.name or "mean" in str(error):
        return ""
    close = difflib.get_close_matches(error.name, dir(owner), 1, 0.7)
    return f". Did you mean: {close[0]!r}?" if close else ""


def handler(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> None:
    """What IPython calls for an AttributeError that nobody caught."""
    if said := hint(error):
        error.args = (f"{error}{said}", *error.args[1:])
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset, running_compiled_code=True)


def load_ipython_extension(shell: Any) -> None:
    """Ask a shell to call `handler`, unless a program has a handler of its own there."""
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((AttributeError,), handler)
