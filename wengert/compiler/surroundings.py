"""What a function has from elsewhere: tensors, numbers and the containers on the way to them.

A compiled call must notice when any of that is not what it was. `look` goes through closures,
globals that the code names, attributes, lists and dicts, and writes down where it found each
tensor and each number. What it does not find is no input: a capture that meets it gives up.

Not here: how it is compared at a call (`guards.py`).
"""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable
from typing import Any

from ..engine.node import AccumulateGrad
from ..engine.tensor import Tensor
from ..transforms.captured import codes

MOST = 200_000  # objects that are looked at
LONG = 10_000  # numbers in a list that are compared
NUMBERS = (int, float, bool, complex, str, bytes, type(None))
OURS = __package__.partition(".")[0]
STANDARD = os.path.dirname(os.__file__) + os.sep  # Python's own modules: nothing of a program's
LIBRARIES = {OURS, "builtins", "numpy", "math", "functools", "collections", "typing", "contextlib"}
# Of ours, functions and objects that hold what belongs to a program.
WRAPPERS = ("transforms", "compiler", "base")
HOLDERS = ("transforms", "nn", "optim", "amp", "data", "train", "distributions")
HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
)  # fmt: skip
# Of modules, what has no part in a call.
ASIDE = (
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_state_dict_hooks",
    "_state_dict_pre_hooks", "_is_full_backward_hook", "_non_persistent_buffers_set",
)  # fmt: skip


class Place:
    """Where something was found: read() gives what is there now; label names it for people."""

    __slots__ = ("holder", "key", "kind", "label")

    def __init__(self, kind: str, holder: Any, key: Any, label: str) -> None:
        self.kind, self.holder, self.key, self.label = kind, holder, key, label

    def text(self, name: str) -> str:
        """Python for what is there now; `name` stands for the holder, `name`k for the key."""
        return {
            "cell": f"{name}.cell_contents",
            "item": f"{name}[{name}k]",
            "get": f"{name}.get({name}k)",
            "attribute": f"getattr({name}, {name}k, None)",
        }[self.kind]

    def read(self) -> Any:
        """What is there now; None where nothing is."""
        try:
            if self.kind == "cell":
                return self.holder.cell_contents
            if self.kind == "attribute":
                return getattr(self.holder, self.key, None)
            return self.holder.get(self.key) if self.kind == "get" else self.holder[self.key]
        except (ValueError, LookupError):
            return None


class Surroundings:
    """tensors: id -> (tensor, its places). numbers: (place, value). lengths: (container, length,
    label). groups: dicts of options of optimizers, with their labels. fresh: whether an optimizer
    has no states yet. counters: tensors that count
    an optimizer's steps, a list for each optimizer.
    """

    def __init__(self) -> None:
        self.tensors: dict[int, tuple[Tensor, list[Place]]] = {}
        self.numbers: list[tuple[Place, Any]] = []
        self.lists: list[tuple[Any, Any, str]] = []  # of numbers alone, with a copy
        self.lengths: list[tuple[Any, int, str]] = []
        self.hooks: list[tuple[Any, str]] = []  # empty dicts of modules' hooks
        self.groups: list[tuple[dict[str, Any], str]] = []
        self.networks: list[tuple[dict[str, Any], str]] = []  # what modules hold
        self.classes: dict[type, Any] = {}  # of modules, with their forward
        self.fresh = False
        self.counters: list[list[Tensor]] = []
        self.names: set[str] = {"forward", "__call__", "__getitem__", "step"}
        self.kept: list[Any] = []  # so that no id is given twice


def look(roots: list[tuple[str, Any]]) -> Surroundings:
    """What objects, each with a name for people, lead to."""
    found = Surroundings()
    seen: set[int] = set()
    todo = [(label, x) for label, x in roots]
    later: list[tuple[str, Any]] = []  # methods of classes that nothing has named yet

    def met(place: Place, y: Any) -> None:
        if isinstance(y, NUMBERS):
            found.numbers.append((place, y))
            return
        if isinstance(y, Tensor):
            found.tensors.setdefault(id(y), (y, []))[1].append(place)
        todo.append((place.label, y))

    for _, x in roots:
        if isinstance(x, Tensor):
            found.tensors.setdefault(id(x), (x, []))
    while todo:
        label, x = todo.pop()
        if id(x) in seen or len(seen) > MOST:
            continue
        seen.add(id(x))
        found.kept.append(x)
        if isinstance(x, Tensor):
            leaf = x._n
            if type(leaf) is AccumulateGrad and leaf.grad is not None:
                found.tensors.setdefault(id(leaf.grad), (leaf.grad, []))
            continue

        _parts(label, x, met, found, todo, later)
        if not todo:
            todo += [(n, f) for n, f in later if f.__name__ in found.names and id(f) not in seen]
    return found


def _parts(
    label: str, x: Any, met: Callable[..., None], found: Surroundings, todo: Any, later: Any
) -> None:
    """Tell `met` what an object refers to, as far as that may matter."""
    if isinstance(x, types.FunctionType):
        compiled = getattr(x, "_torchdynamo_orig_callable", None)
        if compiled is not None:
            todo.append((label, compiled))
            return
        _function(label, x, met, found)
    elif isinstance(x, types.MethodType):
        todo += [(label, x.__self__), (label, x.__func__)]
        found.names.add(x.__func__.__name__)
    elif isinstance(x, functools.partial):
        todo.append((label, x.func))
        for i, y in enumerate(x.args):
            met(Place("item", x.args, i, f"{label}'s argument {i}"), y)
        for k, y in x.keywords.items():
            met(Place("item", x.keywords, k, f"{label}'s argument {k}"), y)
    elif isinstance(x, dict):
        _container(label, x, list(x.items()), "get", met, found)
    elif isinstance(x, (list, tuple)):
        _container(label, x, list(enumerate(x)), "item", met, found)
    elif isinstance(x, (set, frozenset)):
        todo += [(label, y) for y in x if not isinstance(y, NUMBERS)]
    elif isinstance(x, types.ModuleType):
        aside = x.__name__.partition(".")[0] in LIBRARIES or standard(getattr(x, "__file__", None))
        if not aside:
            for name, y in list(vars(x).items()):
                if name in found.names:
                    met(Place("get", vars(x), name, f"{x.__name__}.{name}"), y)
    elif isinstance(x, type):
        if x.__module__.partition(".")[0] not in LIBRARIES:
            for name, y in list(vars(x).items()):
                if name in found.names and not name.startswith("__"):
                    met(Place("attribute", x, name, f"{x.__name__}.{name}"), y)
    else:
        _object(label, x, met, found, later)


def standard(file: str | None) -> bool:
    """Whether a file is of Python's own library, whose caches change by themselves."""
    return file is not None and file.startswith(STANDARD) and "site-packages" not in file


def _function(label: str, f: Any, met: Callable[..., None], found: Surroundings) -> None:
    if standard(f.__code__.co_filename):
        return
    own = str(f.__globals__.get("__name__")).split(".")
    library = own[0] == OURS
    if library and len(own) > 1 and own[1] not in WRAPPERS:
        return
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
        try:
            y = cell.cell_contents
        except ValueError:  # empty
            continue
        met(Place("cell", cell, None, name), y)
    if library:
        return
    for i, y in enumerate(f.__defaults__ or ()):
        met(Place("item", f.__defaults__, i, f"a default of {f.__name__}"), y)
    for k, y in (f.__kwdefaults__ or {}).items():
        met(Place("item", f.__kwdefaults__, k, k), y)
    names = {n for code in codes(f.__code__) for n in code.co_names}
    found.names |= names
    for name in names:
        if name in f.__globals__:
            met(Place("get", f.__globals__, name, name), f.__globals__[name])


def _container(
    label: str, x: Any, items: Any, kind: str, met: Callable[..., None], found: Surroundings
) -> None:
    if not isinstance(x, tuple):
        found.lengths.append((x, len(x), label))
    if items and all(isinstance(y, NUMBERS) for _, y in items):
        if len(items) <= LONG and not isinstance(x, tuple):
            found.lists.append((x, x.copy(), label))
        return
    for k, y in items:
        name = f"{label}[{k!r}]" if isinstance(k, (int, str)) else f"{label}[...]"
        met(Place(kind, x, k, name), y)


def _object(label: str, x: Any, met: Callable[..., None], found: Surroundings, later: Any) -> None:
    d = getattr(x, "__dict__", None)
    kind = type(x)
    own = kind.__module__.split(".")
    network = isinstance(d, dict) and "_modules" in d
    if own[0] == OURS and len(own) > 1 and own[1] not in HOLDERS and not network:
        return
    if network and isinstance(d, dict):
        found.networks.append((d, f"{label}.forward"))
        if own[:2] != [OURS, "nn"]:
            found.classes[kind] = kind.forward
    if kind.__module__.partition(".")[0] not in LIBRARIES:
        for base in kind.__mro__:
            if base.__module__.partition(".")[0] in LIBRARIES:
                continue
            for name, y in list(vars(base).items()):
                y = y.fget if isinstance(y, property) else getattr(y, "__func__", y)
                if isinstance(y, types.FunctionType):
                    later.append((f"{kind.__name__}.{name}", y))
                elif isinstance(y, NUMBERS) and not name.startswith("__") and name not in (d or ()):
                    met(Place("attribute", x, name, f"{label}.{name}"), y)
    if not isinstance(d, dict):
        return
    if "param_groups" in d and "state" in d:
        _optimizer(label, d, met, found)
        return
    for name in HOOKS:
        if name in d and not d[name]:
            found.hooks.append((d[name], f"{label}.{name}"))
    for name, y in list(d.items()):
        if name not in HOOKS and name not in ASIDE:
            met(Place("get", d, name, f"{label}.{name}"), y)
    for base in kind.__mro__:  # attributes in slots
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(x, name):
                met(Place("attribute", x, name, f"{label}.{name}"), getattr(x, name))


def _optimizer(label: str, d: Any, met: Callable[..., None], found: Surroundings) -> None:
    """Its parameters and states; floats of groups are not compared: they are inputs."""
    counts: list[Tensor] = []
    groups = d["param_groups"]
    found.lengths.append((groups, len(groups), f"{label}.param_groups"))
    for i, group in enumerate(groups):
        name = f"{label}.param_groups[{i}]"
        found.groups.append((group, name))
        for k, y in list(group.items()):
            if type(y) is float or type(y) is tuple and all(type(v) is float for v in y):
                continue
            met(Place("get", group, k, f"{name}[{k!r}]"), y)
    state = d["state"]
    found.fresh = found.fresh or not state
    found.lengths.append((state, len(state), f"{label}.state"))
    for i, (p, own) in enumerate(list(state.items())):
        met(Place("get", state, p, f"{label}.state[{i}]"), own)
        count = own.get("step") if isinstance(own, dict) else None
        if isinstance(count, Tensor) and count._a.ndim == 0:
            counts.append(count)
    if counts:
        found.counters.append(counts)
