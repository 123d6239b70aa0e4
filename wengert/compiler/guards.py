"""Guards: whether a plan is right for a call.

A plan holds for the arguments' shapes and dtypes, and for everything around the function that its
capture used: which tensors there are and in which memory, numbers, lengths, whether gradients are
recorded. What may change without a new plan are the elements of tensors and the floats of an
optimizer's options.

`Guards` writes one expression of Python for all of it, a comparison for each fact; where it fails,
`reason` says which one it was. Most facts are that a word in memory is what it was: an entry of an
object, the size of a container, the version of a dict. Machine code, where it is there, compares
those words, and Python only what is left (`kept_words.py`).
"""

from __future__ import annotations

import functools
import operator
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.lookup import PER_DEVICE
from ..base import dtypes, generated
from ..base.modes import state
from ..engine import native, views
from ..engine.node import AccumulateGrad
from ..engine.tensor import Tensor
from . import storage
from .kept_words import KeptWords
from .settle import ALIAS, SAME, VIEW, Settled

EMPTY = "not "  # how the fact begins that a container is empty
CONTAINERS = (dict, list, OrderedDict)
SHAPE = "the shape of argument "  # what the facts of shapes are about


class Guards:
    """What a plan relies on. leaves: the arguments, flat."""

    def __init__(self, s: Settled, leaves: list[Any]) -> None:
        self.names: dict[str, Any] = {
            "Tensor": Tensor, "ndarray": np.ndarray, "Leaf": AccumulateGrad, "state": state,
            "default": dtypes.get_default_dtype,
        }  # fmt: skip
        self.facts: list[tuple[str, str]] = []  # (an expression, what it is about)
        self.left: list[str] = []  # expressions that words in memory do not stand for
        self.words = KeptWords()
        self.found: Any = None  # the words as they were when all facts held last
        self.shapes: dict[int, tuple[int, ...]] = {}  # of arguments, by their number
        self._mode()
        self._arguments(s, leaves)
        self._numbers(s)
        self._tensors(s, leaves)
        self._memory(s, leaves)

    @functools.cached_property
    def whole(self) -> Any:
        return self._function([e for e, _ in self.facts])

    @functools.cached_property
    def rest(self) -> Any:
        return self._function(self.left)

    def fixed(self, each: Callable[[Any], Any]) -> list[Any]:
        """All that the facts say but for shapes of arguments; `each` makes objects comparable."""
        named = [each(x) for name, x in self.names.items() if name[:1] == "g" and name[1].isdigit()]
        return [*[f for f in self.facts if not f[1].startswith(SHAPE)], *named]

    def allow(self, arguments: Sequence[int], known: dict[Any, Any]) -> None:
        """Let arguments have any shapes that are in `known`."""
        loose = {f"{SHAPE}{i}" for i in arguments}
        gone = {text for text, about in self.facts if about in loose}
        self.facts = [f for f in self.facts if f[1] not in loose]
        self.left = [text for text in self.left if text not in gone]
        shapes = "".join(f"leaves[{i}]._a.shape, " for i in arguments)
        self._fact(f"({shapes}) in {self._name(known)}", "the shapes of arguments")
        self.__dict__.pop("whole", None)
        self.__dict__.pop("rest", None)

    def fits(self, leaves: list[Any]) -> bool:
        """Whether the plan is right for arguments, and for everything around."""
        kept = native.kept
        if kept is None or not self.words:
            return self.whole(leaves)
        if self.found is not None and kept(self.found):
            return self.rest(leaves)
        found = self.words.now(kept)  # first: what changes while facts are looked at is noticed
        if not self.whole(leaves):
            return False
        self.found = found
        return True

    def _function(self, facts: list[str]) -> Any:
        """A function of the arguments: whether all facts hold."""
        nothing = " or ".join(e[4:] for e in facts if e.startswith(EMPTY))
        each = [f"({e})" for e in facts if not e.startswith(EMPTY)]
        text = " and ".join(each + [f"not ({nothing})"] * bool(nothing)) or "True"
        lines = ["def fits(leaves):", "  try:", f"    return {text}"]
        lines.append("  except (AttributeError, LookupError, TypeError, ValueError): return False")
        return generated.functions("guards", lines, self.names)["fits"]

    def _name(self, x: Any) -> str:
        name = f"g{len(self.names)}"
        self.names[name] = x
        return name

    def _fact(self, text: str, about: str, kept: bool = False) -> None:
        """Note a fact. kept: words in memory stand for it, which are noted by themselves."""
        self.facts.append((text, about))
        if not kept:
            self.left.append(text)

    def _mode(self) -> None:
        self._fact(f"state.grad is {state.grad}", "whether gradients are recorded")
        self._fact(f"default() is {self._name(dtypes.get_default_dtype())}", "the default dtype")
        self._fact(f"state.inference is {state.inference}", "inference mode")

    def _arguments(self, s: Settled, leaves: list[Any]) -> None:
        known: dict[int, int] = {}
        self._fact(f"len(leaves) == {len(leaves)}", "the number of arguments")
        for i, x in enumerate(leaves):
            about = f"argument {i}"
            if not isinstance(x, Tensor):
                if type(x) in (int, float, bool, complex, str):
                    v = self._name(x)
                    same = f"leaves[{i}] == {v}" if x == x else f"leaves[{i}] is {v}"
                    self._fact(f"type(leaves[{i}]) is {self._name(type(x))} and {same}", about)
                else:
                    self._fact(f"leaves[{i}] is {self._name(x)}", about)
                continue
            first = known.setdefault(id(x), i)
            if first != i:
                self._fact(f"leaves[{i}] is leaves[{first}]", f"{about} is argument {first}")
                continue
            entry = s.capture.by_id.get(id(x))
            if entry is None or entry.places:  # also found elsewhere: it has to be that one
                self._fact(f"leaves[{i}] is {self._name(x)}", about)
                continue
            a = entry.array
            t, b = f"leaves[{i}]", f"a{i}"
            for j in known.values():
                if j != i:
                    self._fact(f"{t} is not leaves[{j}]", f"{about} is not argument {j}")
            self._fact(f"type({t}) is {self._name(type(x))}", f"the type of {about}")
            kind, ns = type(a), storage.home(a)
            held = "ndarray" if kind is np.ndarray else self._name(kind)
            self._fact(f"type({b} := {t}._a) is {held}", f"the device of {about}")
            if kind in PER_DEVICE:
                self.names["home"] = storage.home
                self._fact(f"home({b}) is {self._name(ns)}", f"the device of {about}")
            self.shapes[i] = tuple(a.shape)
            self._fact(f"{b}.shape == {tuple(a.shape)}", f"{SHAPE}{i}")
            self._fact(f"{b}.dtype is {self._name(a.dtype)}", f"the dtype of {about}")
            if a.flags.c_contiguous:
                self._fact(f"{b}.flags.c_contiguous", f"the strides of {about}")
            else:
                self._fact(f"{b}.strides == {a.strides}", f"the strides of {about}")
            self._node(f"{t}._n", entry.n, about)

    def _node(self, text: str, n: Any, about: str) -> None:
        if n is None:
            self._fact(f"{text} is None", f"whether {about} requires grad")
        elif type(n) is AccumulateGrad:
            self._fact(f"type({text}) is Leaf", f"whether {about} is a leaf that requires grad")
        else:
            self._fact(
                f"{text} is not None and type({text}) is not Leaf", f"the history of {about}"
            )

    def _numbers(self, s: Settled) -> None:
        around = s.capture.surroundings
        self.options = {id(group) for group, _ in around.groups}
        dicts: dict[int, tuple[Any, list[Any]]] = {}
        for place, v in around.numbers:
            if place.kind == "get":
                dicts.setdefault(id(place.holder), (place.holder, []))[1].append((place, v))
                continue
            self._same(place, v)
        for holder, found in dicts.values():
            if len(found) == 1 or any(v != v for _, v in found):
                for place, v in found:
                    self._same(place, v)
                continue
            get = operator.itemgetter(*[p.key for p, _ in found])
            values = self._name(tuple([v for _, v in found]))
            labels = ", ".join(p.label for p, _ in found)
            text = f"{self._name(get)}({self._name(holder)}) == {values}"
            self._fact(text, labels, self._steady(holder))
        for x, copy, label in around.lists:
            kept = type(x) is list and all([self.words.item(x, i, v) for i, v in enumerate(copy)])
            self._fact(f"{self._name(x)} == {self._name(copy)}", label, kept)
        for x, length, label in around.lengths:
            name, about = self._name(x), f"the length of {label}"
            plain = not length and type(x) in CONTAINERS
            kept = self.words.size(x, length)
            self._fact(f"{EMPTY}{name}" if plain else f"len({name}) == {length}", about, kept)
        for x, label in around.hooks:
            self._fact(f"{EMPTY}{self._name(x)}", label, self.words.size(x, 0))
        for held, label in around.networks:
            own = held.get("forward")
            text = f"{self._name(held)}.get('forward') is {self._name(own)}"
            self._fact(text, label, self._steady(held))
        for kind, forward in around.classes.items():
            text = f"{self._name(kind)}.forward is {self._name(forward)}"
            self._fact(text, f"{kind.__name__}.forward")
        for group, key, v, label in s.capture.options:
            self._fact(f"{self._name(group)}[{key!r}] == {self._name(v)}", label)
        used = s.graph.used()
        for n in s.capture.numbers:
            holder = self._name(n.group)
            text = f"{holder}[{n.key!r}]" + ("" if n.index is None else f"[{n.index}]")
            if n.value.number in used:
                self._fact(f"type({text}) is float", n.label)
        for i in sorted(s.capture.decided):
            d = s.capture.numbers[i]
            text = f"{self._name(d.group)}[{d.key!r}]" + ("" if d.index is None else f"[{d.index}]")
            self._fact(f"{text} == {float(d.content)!r}", d.label)

    def _same(self, place: Any, v: Any) -> None:
        name = self._name(place.holder)
        self.names[f"{name}k"] = place.key
        text, kept = place.text(name), self._kept(place, v)
        if v is None or v is True or v is False:
            self._fact(f"{text} is {v}", place.label, kept)
        elif v != v:
            self._fact(f"{text} is {self._name(v)}", place.label, kept)
        else:
            self._fact(f"{text} == {self._name(v)}", place.label, kept)

    def _kept(self, place: Any, v: Any) -> bool:
        """Whether a word in memory says that an object is still where it was found."""
        if place.kind == "cell":
            return self.words.slot(place.holder, "cell_contents", v)
        if place.kind == "item" and type(place.holder) is list:
            return self.words.item(place.holder, place.key, v)
        return place.kind in ("get", "item") and self._steady(place.holder)

    def _steady(self, holder: Any) -> bool:
        """Whether a container's version stands for its items: not where they change with every
        call, as a program's globals do, and options that schedulers write.
        """
        if id(holder) in self.options or isinstance(holder, dict) and "__name__" in holder:
            return False
        return self.words.version(holder)

    def _tensors(self, s: Settled, leaves: list[Any]) -> None:
        """Which tensors there are, in which memory, and which gradients."""
        c = s.capture
        used = s.graph.used()
        arguments = {id(x) for x in leaves if isinstance(x, Tensor)}
        changed = {id(x) for x, _ in (*s.effects, *s.gradients, *s.pulled)}
        made = {id(x) for x, _ in s.gradients}
        made |= {id(s.grads_of[id(x)]) for x, _ in s.effects if id(x) in s.grads_of}
        changed |= {id(o.of) for o in s.outputs if o.kind in (SAME, ALIAS, VIEW)}
        for x in c.lifted:
            if x.value.number not in used and id(x) not in changed:
                continue
            gradient = id(x) in s.grads_of
            if id(x.tensor) not in arguments and not gradient:
                about = x.places[0].label if x.places else "a tensor"
                t = self._name(x.tensor)
                for place in x.places:
                    name = self._name(place.holder)
                    self.names[f"{name}k"] = place.key
                    self._fact(
                        f"{place.text(name)} is {t}", place.label, self._kept(place, x.tensor)
                    )
                kept = self.words.slot(x.tensor, "_a", x.array)
                self._fact(f"{t}._a is {self._name(x.array)}", f"the memory of {about}", kept)
                kept = self.words.slot(x.tensor, "_n", x.n)
                self._fact(f"{t}._n is {self._name(x.n)}", f"whether {about} requires grad", kept)
            if gradient and x.value.number in used:
                leaf = self._name(s.grads_of[id(x)].leaf)
                a = self._name(x.array.dtype)
                text = f"{leaf}.grad._a.shape == {tuple(x.array.shape)}"
                self._fact(f"{text} and {leaf}.grad._a.dtype is {a}", "the shape of a gradient")
            if made and x.leaf is x.n and x.n is not None and id(x.tensor) not in arguments:
                leaf = self._name(x.leaf)
                if id(x) in made:  # its hooks would have to run
                    kept = all([self.words.slot(x.leaf, n, None) for n in ("hooks", "more")])
                    self._fact(f"{leaf}.hooks is None and {leaf}.more is None", "hooks", kept)
                how = "is" if x.grad is None else "is not"
                kept = self.words.slot(x.leaf, "grad", None, x.grad is None)
                self._fact(f"{leaf}.grad {how} None", "whether there are gradients already", kept)
        for counts in c.surroundings.counters:
            groups: dict[int, list[Any]] = {}
            for count in counts:
                entry = c.by_id.get(id(count))
                if entry is not None and entry.value.number in used:
                    groups.setdefault(entry.value.number, []).append(entry.array)
            for arrays in groups.values():
                kept = self.words.equal(arrays)
                for i in range(0, len(arrays) - 1, 32):
                    some = " == ".join(f"{self._name(a)}.item()" for a in arrays[i : i + 33])
                    self._fact(some, "the steps of parameters", kept)

    def _memory(self, s: Settled, leaves: list[Any]) -> None:
        """Where something changes in place, arguments may not share its memory."""
        if not s.effects:
            return
        by_id = s.capture.by_id
        written = {id(x) for x, _ in s.effects}
        mine: list[int] = []
        others: list[int] = []
        first: set[int] = set()
        for i, x in enumerate(leaves):
            entry = by_id.get(id(x)) if isinstance(x, Tensor) else None
            if entry is None or entry.places or id(x) in first:
                continue
            first.add(id(x))
            (mine if id(entry) in written else others).append(i)
        fixed = [x.array for x, _ in s.effects if id(x.tensor) not in first]
        around = [x.array for x in s.capture.lifted if id(x.tensor) not in first] if mine else fixed
        if not mine and not others:
            return
        self.names["apart"] = apart
        self._fact(
            f"apart(leaves, {mine}, {others}, {self._name({id(views.owner(a)) for a in around})}, "
            f"{self._name({id(views.owner(a)) for a in fixed})})",
            "which tensors share memory",
        )

    def reason(self, leaves: list[Any]) -> str:
        """What is not as it was; empty if all is."""
        for text, about in self.facts:
            lines = ["def check(leaves):", "  try:"]
            if ":=" not in text:
                for i in range(len(leaves)):
                    if f"a{i}." in text or f"(a{i})" in text:
                        lines.append(f"    a{i} = leaves[{i}]._a")
            lines += [f"    return {text}", "  except Exception: return False"]
            if not generated.functions("guard", lines, dict(self.names))["check"](leaves):
                return about
        return ""


def apart(
    leaves: list[Any], written: list[int], read: list[int], around: set[int], changed: set[int]
) -> bool:
    """Whether arguments that are written share no memory with anything, and those that are read
    none with what changes.
    """
    owners = [id(views.owner(leaves[i]._a)) for i in written]
    others = [id(views.owner(leaves[i]._a)) for i in read]
    if len(set(owners)) < len(owners) or not around.isdisjoint(owners):
        return False
    return changed.isdisjoint(others) and set(others).isdisjoint(owners)
