"""In-place changes of tensors that a function under a transform has from outside: refused, since
they would keep what belongs to the transform's level after it has ended.

What a function has from outside is looked up when it first changes something in place: what its
closure, globals, defaults and bound object hold, and for vmap the arguments that it does not map.
"""

from __future__ import annotations

import functools
import types
from typing import Any

from ..engine.interp import Interp
from ..engine.tensor import Tensor

DEEPEST, MOST = 6, 20_000  # how far, and for how many objects, a function's surroundings are read


class Running:
    """A function that a transform runs (maps: over the examples of a batch), with the arguments
    that are not the transform's own.
    """

    __slots__ = ("func", "rest", "maps", "level", "known")
    level: int

    def __init__(self, func: Any, rest: Any = (), maps: bool = False) -> None:
        self.func, self.rest, self.maps = func, rest, maps
        self.known: dict[int, Any] | None = None  # id -> tensor, or array that owns memory

    def has(self, t: Tensor) -> bool:
        """Whether t, or its memory, is there from outside."""
        if self.known is None:
            self.known = {}
            for found in tensors_of([self.func, self.rest]):
                for x in identities(found):
                    self.known[id(x)] = x
        return any(id(x) in self.known for x in identities(t))

    def check(self, t: Tensor, name: str) -> None:
        """RuntimeError if t, about to be changed in place, is from outside of a function that is
        being differentiated.
        """
        if not self.maps and self.has(t):
            raise RuntimeError(
                "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to"
                f" call in-place operation ({name}) that would mutate a captured Tensor. This is"
                " not supported; please rewrite the function being transformed to explicitly"
                " accept the mutated Tensor(s) as inputs, or to use the out-of-place form."
            )

    def check_batch(self, t: Tensor, value: Any) -> None:
        """RuntimeError if t, one tensor for all examples of a vmap, is from outside and about to
        get a value for each of them.
        """
        if self.maps and batched_at(value, self.level) and self.has(t):
            raise RuntimeError(
                "vmap: an inplace operation is not possible because it would write a value for"
                f" each example into a tensor of shape {tuple(t.shape)} that all examples share:"
                " use the out-of-place form, or make the tensor inside of the function"
            )


def identities(t: Tensor) -> list[Any]:
    """What says that two tensors are, or share, one thing."""
    base = t._x.base if t._x is not None and t._x.base is not None else t
    a = base._a
    if isinstance(a, Interp):
        return [base]
    owner = getattr(a, "base", None)
    return [base, a if owner is None else owner]


def tensors_of(roots: list[Any]) -> list[Tensor]:
    """The tensors that functions, containers and objects refer to."""
    found: list[Tensor] = []
    seen: set[int] = set()
    level = roots
    for _ in range(DEEPEST):
        after: list[Any] = []
        for x in level:
            if id(x) in seen or len(seen) > MOST:
                continue
            seen.add(id(x))
            if isinstance(x, Tensor):
                found.append(x)
            else:
                after += parts(x)
        level = after
    return found


def parts(x: Any) -> list[Any]:
    """What an object refers to, as far as that may be a tensor or lead to one."""
    if isinstance(x, types.FunctionType):
        names = [n for code in codes(x.__code__) for n in code.co_names]
        ours = x.__globals__.get("__package__") == "wengert.transforms"  # its arguments are given
        cells = []
        for name, c in zip(x.__code__.co_freevars, x.__closure__ or ()):
            try:
                if not ours or name == "func":
                    cells.append(c.cell_contents)
            except ValueError:  # empty
                pass
        defaults = [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        return [*cells, *defaults, *[x.__globals__[n] for n in names if n in x.__globals__]]
    if isinstance(x, types.MethodType):
        return [x.__self__, x.__func__]
    if isinstance(x, functools.partial):
        return [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, dict):
        return list(x.values())
    if isinstance(x, (list, tuple, set, frozenset)):
        return list(x)
    if isinstance(x, (type, types.ModuleType, str, bytes, int, float)):
        return []
    return list(getattr(x, "__dict__", {}).values())


def codes(code: types.CodeType) -> list[types.CodeType]:
    """A code object and those of the functions written inside it."""
    return [code, *[y for c in code.co_consts if isinstance(c, types.CodeType) for y in codes(c)]]


def batched_at(a: Any, level: int) -> bool:
    """Whether an array holds a batch of a level."""
    while isinstance(a, (Interp, Tensor)):
        if isinstance(a, Interp) and a.level == level:
            return True
        a = a._a if isinstance(a, Tensor) else a.content
    return False
