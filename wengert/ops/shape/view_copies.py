"""Views as copies: NAME_copy for the functions whose results share memory."""

from __future__ import annotations

import inspect
from typing import Any

from ...base.collecting import made_together
from ...base.dtypes import dtype
from ...base.formats import contiguous_format
from ...declare.registry import METHODS, function, public
from ...declare.signature import callable_of
from ...engine.kinds import movement
from ...engine.op import Op, op
from ..dims import wrap_dim
from ..index.indexing import getitem
from . import copies  # noqa: F401 (declares what is copied here)
from .views import clone, copied_in_order, reshape

COPIES: dict[str, Op] = {}


def copy_op(view: Op) -> Op:
    """The op that copies what an op of views gives, in one step."""
    word = view.name
    read = "reshape" if word == "view" else word  # for which memory may lie anyhow
    if word not in COPIES:

        def fwd(xp: Any, x: Any, *given: Any, **static: Any) -> Any:
            out = getattr(xp, read)(x, *given, **static)
            flags = getattr(out, "flags", None)
            scattered = flags is not None and not flags.c_contiguous
            return xp.contiguous(out) if scattered else xp.copy(out)

        kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
        named = {"xp": none, "x": none, **view.static}
        taken = [inspect.Parameter(k, kind, default=value) for k, value in named.items()]
        fwd.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
        fwd.__doc__ = f"A copy of what {word} gives."
        o = op(movement, name=f"{word}_copy", inputs=1)(fwd)
        o.static = dict(view.static)
        o.vjp(False, **view.rules)
        if view.static_rule is not None:
            o.batch_static(view.static_rule)
        elif view.batch_rule is not None:
            rule = view.batch_rule
            o.batch(lambda xp, *given, **static: xp.copy(rule(xp, *given, **static)))
        COPIES[word] = o
    return COPIES[word]


def _copying(name: str, arguments: tuple[str, ...]) -> Any:
    def f(input, *args, **kwargs):
        if name == "alias":
            return clone(input, memory_format=contiguous_format)
        if name == "view" and not isinstance((*args, *kwargs.values())[0], dtype):
            r = reshape(input, *args, **kwargs)  # memory may lie anyhow
        elif name in METHODS:
            r = callable_of(METHODS[name], name, "", True)(input, *args, **kwargs)
        else:
            r = function(name)(input, *args, **kwargs)
        if isinstance(r, tuple):
            return made_together(len(r), lambda: tuple([copied_in_order(t) for t in r]))
        return copied_in_order(r)

    f.__name__ = name + "_copy"
    f.__doc__ = f"A copy of what {name} gives."
    several = " -> Tensor[]" * (name in ("split", "split_with_sizes", "unbind"))
    texts = [
        f"{name}_copy(Tensor input{', ' * bool(a)}{a}{', *' * ('*' not in a)}, out){several}"
        for a in arguments
    ]
    lines = METHODS[name].lines if name in IN_ONE_STEP else ()
    lines = tuple([x and x._replace(op=copy_op(x.op)) for x in lines])
    out = "exact" if name in IN_ONE_STEP | {"alias", "as_strided"} and name != "select" else ""
    return public(*texts, method=False, lines=lines, out=out)(f)


IN_ONE_STEP = frozenset(("diagonal", "permute", "select", "squeeze", "t", "transpose"))
IN_ONE_STEP |= {"unsqueeze", "expand", "view"}


for _name, _arguments in {
    "alias": ("",),
    "as_strided": ("int[] size, int[] stride, int? storage_offset=None",),
    "detach": ("",),
    "diagonal": ("int offset=0, int dim1=0, int dim2=1",),
    "permute": ("int[] dims",),
    "select": ("int dim, int index",),
    "split": ("int split_size, int dim=0",),
    "split_with_sizes": ("int[] split_sizes, int dim=0",),
    "squeeze": ("", "int|int[] dim"),
    "t": ("",),
    "transpose": ("int dim0, int dim1",),
    "unbind": ("int dim=0",),
    "unsqueeze": ("int dim",),
    "view_as_real": ("",),
    "view_as_complex": ("",),
    "expand": ("int[] size, *, bool implicit=False",),
    "view": ("int[] size", "ScalarType dtype"),
}.items():
    _copying(_name, _arguments)


@public(
    "slice_copy(Tensor input, int dim=0, int? start=None, int? end=None, int step=1, *, out)",
    method=False,
)
def slice_copy(input, dim=0, start=None, end=None, step=1):
    """A copy of a slice of a dimension."""
    d = wrap_dim(dim, input._a.ndim, "slice")
    part = getitem.entry(input, (slice(None),) * d + (slice(start, end, step),))
    return clone(part, memory_format=contiguous_format)
