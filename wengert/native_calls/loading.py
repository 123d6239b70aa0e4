"""Loading the machine code, trying it, and putting it in front of the Python texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.lookup import PER_DEVICE
from ..autodiff import anomaly
from ..engine import native
from ..engine.node import AccumulateGrad
from ..engine.op import OPS, Op
from ..engine.op_modes import ACTIVE
from ..engine.tensor import Tensor, wrap
from ..kernels import compiler
from . import callables, implementations, replay, structures
from .attributes import Attributes
from .code import MISS, Code
from .plans import COMPARISONS, Plans, plan
from .rules import learn

BOTH = {  # operators with a tensor on the left, on the right -> slot
    ("__add__", "__radd__"): "add",
    ("__mul__", "__rmul__"): "mul",
    ("__sub__", "__rsub__"): "sub",
    ("__truediv__", "__rtruediv__"): "div",
    ("__pow__", "__rpow__"): "pow",
}


ITEMS = ("__getitem__", "__setitem__")
ATTRIBUTES = ("shape", "dtype", "device", "ndim")


class Unlike(RuntimeError):
    """Machine code, or the process, is not what it was expected to be."""


def loaded(wait: Callable[[], None]) -> Calls | None:
    """Machine code in front of the texts; None where there is no compiler. wait: called as long as
    a mode, such as a capture in another thread, is asked for all that is computed.
    """
    if not structures.agrees():
        raise Unlike("objects lie in memory in another way than expected")
    target = compiler.target()
    if target is None:
        return None
    calls = Calls(target)
    while not tried(calls):
        wait()
    calls.enter()
    return calls


def tried(calls: Calls) -> bool:
    """Run a few calls before others do; whether they could be run. Unlike: a result is another than
    expected.
    """
    busy = bool(ACTIVE)
    a, b = np.arange(6, dtype="float32").reshape(2, 3), np.array([2, 4, 8], "float32")
    x, y, z = (wrap(v, AccumulateGrad(v.shape, v.dtype)) for v in (a, b, np.zeros(2, "float32")))
    mul, exp = [calls.core(OPS[word])[0] for word in ("mul", "exp")]  # type: ignore[index]
    product, power, wide = mul(x, y), exp(x), mul(x, 2.5)
    if any([r is MISS for r in (product, power, wide)]):
        if busy or ACTIVE:
            return False
        raise Unlike("a call was not plain")
    node = product._n
    refused: Any = None
    try:
        mul(x, z)
    except ValueError as e:
        refused = e
    if (
        not np.array_equal(product._a, a * b)
        or type(product) is not Tensor
        or refused is None
        or type(node) is not OPS["mul"].node
        or node.parents != (x._n, y._n)
        or any(s is not v for s, v in zip(node.saved, (b, a)))
        or (node.shape, node.dtype, node.hooks, node.more) != ((2, 3), a.dtype, None, None)
        or (node.code, node.lasti)[0] is None
        or not np.array_equal(power._a, np.exp(a))
        or wide._a[1, 2] != 12.5
    ):
        raise Unlike("a call gave another result than expected")
    return True


class Calls:
    """The loaded code, and what of it stands in front of texts and operators."""

    def __init__(self, target: compiler.Target) -> None:
        self.left = {name: getattr(Tensor, name) for both in BOTH for name in both}
        self.left |= {f"__{word}__": getattr(Tensor, f"__{word}__") for word in COMPARISONS}
        self.left["__neg__"] = Tensor.__neg__
        careful = {word: self.left[f"__{word}__"] for word in COMPARISONS}
        careful |= {word: either(self.left[a], self.left[b]) for (a, b), word in BOTH.items()}
        self.left |= {name: getattr(Tensor, name) for name in ITEMS}
        self.left |= {name: Tensor.__dict__[name] for name in ATTRIBUTES}
        careful |= {name.strip("_"): self.left[name] for name in ("__neg__", *ITEMS)}
        self.code = Code(target, Plans(careful))
        where = self.code.where
        names = {name: f"slot_{word}" for both, word in BOTH.items() for name in both}
        names |= {f"__{word}__": "slot_compare" for word in COMPARISONS}
        names |= {name: f"slot_{name.strip('_')}" for name in ("__neg__", *ITEMS)}
        self.operators = {
            name: callables.operator(name, where[slot]) for name, slot in names.items()
        }
        for name in ATTRIBUTES:
            made = callables.attribute(name, where[f"get_{name}"], self.left[name])
            self.operators[name] = made
        self.words = {
            word: callables.function(word, where[f"call_{word}"], None) for word in native.WORDS
        }
        implementations.Learner.again = callables.function("again", where["call_again"], None)
        self.find = self.core  # one object, to be compared
        self.cores: dict[tuple[bytes, str], Any] = {}
        run = callables.function("backward", where["call_backward"], None)
        self.reverse: Callable[[Tensor, bool, Any, bool], Any] = run
        run = callables.function("grad", where["call_grad"], None)
        self.gradients: Callable[[Any, Any, Any, bool], Any] = run
        self.hopeless: set[type] = set()  # classes of nodes that cannot take part
        self.entered = False
        self.attributes = Attributes(where["slot_getattr"])
        native.behind |= {f: self.left[name] for name, f in self.operators.items()}
        native.changed.append(self.exchanged)

    def backward(
        self, t: Tensor, retain: bool, gradient: Any = None, watched: bool = False
    ) -> Any:  # fmt: skip
        """The reverse pass from a tensor: None if it is done, else MISS. watched: leaves may have
        hooks.
        """
        if t._n is None:
            return MISS
        return self.known(self.reverse, t, retain, gradient, watched)

    def grad(self, outputs: Any, inputs: Any, gradients: Any, retain: bool) -> Any:
        """The gradients of inputs (see native.grad)."""
        return self.known(self.gradients, outputs, inputs, gradients, retain)

    def known(self, run: Callable[..., Any], *args: Any) -> Any:
        """run(*args), after the classes of nodes that it finds are known."""
        if PER_DEVICE or anomaly.on():
            return MISS
        r = run(*args)
        while isinstance(r, type):
            if r in self.hopeless:
                return MISS
            if not learn(r):
                self.hopeless.add(r)
                return MISS
            r = run(*args)
        return r

    def core(self, op: Op, kind: native.Kind = native.PLAIN) -> tuple[Any, Any] | None:
        """What a straight line of an op asks first, and the answer that leaves the call to it."""
        made = plan(op, kind=kind)
        if made is None:
            return None
        found = has_loops(made) and not (op.static or op.variadic or len(op.names) > 1)
        if kind.parts:
            family = "call_parts"
        elif kind.write:
            family = "call_write" if found else "" if op.variadic or op.many else "call_overwrite"
        elif op.view:
            family = "call_view" if len(op.inputs) == len(op.names) == 1 else ""
        elif op.variadic:
            family = "call_list"
        else:
            family = {1: "call_unary", 2: "call_binary"}.get(len(op.inputs) * found, "call_any")
        if not family:
            return None
        if (made, family) not in self.cores:
            f = callables.function(op.name, self.code.where[family], made)
            self.cores[made, family] = f
        return self.cores[made, family], MISS

    def recall(self, body: Any) -> Any:
        """A body that is done again as a program where it can be (see replay.py)."""
        table: list[Any] = []
        table.append(replay.Learner(body, table))
        name = getattr(body, "__name__", "body")
        return callables.function(name, self.code.where["call_recall"], table, callables.NAMED)

    def enter(self) -> None:
        """Stand in front of the texts and operators."""
        self.entered, native.find, native.backward = True, self.find, self.backward
        native.grad, native.recall = self.grad, self.recall
        vars(native).update(self.words)
        native.new_class = self.attributes.put
        self.attributes.enter()
        self.exchanged()

    def leave(self) -> None:
        """Leave all calls to Python."""
        self.entered, native.find, native.backward = False, None, None
        native.grad = native.recall = None
        vars(native).update(dict.fromkeys(self.words))
        native.new_class = None
        self.attributes.leave()
        self.exchanged()

    def exchanged(self) -> None:
        """Put operators in place: Python's while public functions are exchanged."""
        ours = self.entered and not native.away
        old, new = (self.left, self.operators) if ours else (self.operators, self.left)
        for name, f in old.items():
            if Tensor.__dict__.get(name) is f:  # else somebody has another
                setattr(Tensor, name, new[name])
        native.remake()


def has_loops(made: bytes) -> bool:
    """Whether a plan knows inner loops of the library."""
    words = np.frombuffer(made, np.int64)
    return bool(words[structures.LOOPS // 8 : structures.LOOPS // 8 + 2].all())


def either(left: Any, right: Any) -> Any:
    """The careful function of an operator, which may have its tensor on either side."""

    def careful(a: Any, b: Any, *modulo: Any) -> Any:
        if not isinstance(a, Tensor):
            return right(b, a)
        r = left(a, b)
        if r is NotImplemented and isinstance(b, Tensor) and type(b) is not type(a):
            r = right(b, a)
        return r

    return careful
