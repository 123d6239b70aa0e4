"""Capture: a function runs once, as always, while everything that it does to tensors is written
down.

For the time of the call each tensor that the function can reach holds a `Symbol`: its array, and
the value that stands for it in the graph. Ops compute on the arrays and enter a node. A symbol
stands for memory: what is done in place gives it another value, for all tensors that share it, and
no array of before the call is written before the function has returned.

Where a program asks for what a graph does not hold (an element as a Python number, data from
outside), the call goes on with the true values, and the capture says that and where it was
stopped. Not here: what a capture is made into (`program.py`), and the calls after it (`entry.py`).
"""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..arrays import layout
from ..arrays.layout import order_of
from ..arrays.lookup import NS, RANK, SCALARS
from ..arrays.random_fill import default_streams
from ..base import dtypes, source
from ..base.devices import device
from ..base.modes import Level, place, state
from ..engine.implementations import ANY_DTYPE, implementation, word_or_body
from ..engine.interp import Interp, InterpNamespace, interpreter, run_op
from ..engine.node import AccumulateGrad
from ..engine.op import OPS, Op
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor, wrap
from . import storage
from .graph import Graph, Value, device_of
from .surroundings import Place, Surroundings

F64, BFLOAT16 = np.dtype(np.float64), dtypes.bfloat16.np
CPU = device("cpu")
# The bodies that draw, or that stand for an assignment, are taken as they are.
KEPT = frozenset(("overwrite", "rrelu", "rrelu_mean"))


def opened(op: Op) -> bool:
    """Whether an op is written down as what its body does: where that is a way to say it in other
    words, which can be joined with their neighbours. Others are their libraries' own business.
    """
    if op.primitive or op.kind == "composite" or op.name in KEPT:
        return False
    return op.kind == "elementwise" or op.view is True


def beside(ns: Any, a: Any) -> Any:
    """An operand of an op on a device: an array of no dimensions in this machine's memory goes
    there as a number.
    """
    return a.item() if type(a) is np.ndarray and not a.ndim else a


@functools.cache
def eager(op: Op) -> Callable[..., Any]:
    """What computes an op on arrays; its results lie in memory as those of eager mode."""
    f = lambda *ins, **static: run_op(op, ins, static)
    if op.in_order:
        if op.channels_last:
            return layout.in_format(f, op.channels_last, op.deciding)
        return layout.in_order(f)
    if op.kind != "elementwise" or len(op.inputs) < 2:
        return f
    own = hasattr(word_or_body(NS[np.ndarray], op, ANY_DTYPE), "in_c_order")
    return f if own else layout.as_first(f, False)


@functools.cache
def there(op: Op) -> Callable[..., Any]:
    """What computes an op on arrays of a device."""

    def f(*ins: Any, **static: Any) -> Any:
        kinds = [a for a in ins if hasattr(a, "strides") and type(a) is not np.ndarray]
        if not op.draws and any(a.dtype == BFLOAT16 for a in kinds):
            return run_op(op, ins, static)
        word = implementation(NS[type(kinds[0])], op)
        return word(*ins, **static) if op.variadic else word(*ins, *static.values())

    return f


def apply(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """Run an op on the arrays and write it down."""
    first = next(a for a in ins if isinstance(a, Symbol) and a.level == level)
    return first.capture.run(op, ins, static)


@interpreter(apply)
class Symbol(Interp):
    """An array, and what stands for it in the graph."""

    __slots__ = ("__weakref__", "capture", "content", "first", "value")
    cell = whole = True

    def __init__(self, capture: Capture, value: Value, content: Any) -> None:
        self.level, self.capture = capture.level, capture
        self.first = self.value = value
        self.content = content
        capture.symbols.add(self)

    def assign(self, value: Any) -> None:
        if state.capture is not self.capture and state.capture is not None:
            raise Redo("the body of a loop changes a tensor from elsewhere")
        if type(value) is not Symbol:
            value = Symbol(self.capture, self.capture.constant(value), value)
        if value.dtype != self.dtype:
            value = NS[Symbol].astype(value, self.dtype)
        content = value.content
        if content.strides != self.content.strides:  # memory stays as it lies
            content = storage.as_it_lies(self.content, content)
        self.value, self.content = value.value, content

    def alias(self) -> Symbol:
        return Symbol(self.capture, self.value, self.content)

    def severed(self) -> Symbol:
        """Itself: an array has no history, and what is detached shares memory."""
        return self

    @property
    def memory(self) -> Any:
        """An array that lies as this does."""
        return self.content

    def readable(self, what: str) -> Any:
        return self.capture.read(self, what)

    def nonzero(self) -> Any:
        return self.readable("nonzero()").nonzero()

    def min(self) -> Any:
        return self.readable("min()").min()

    def max(self) -> Any:
        return self.readable("max()").max()

    def tolist(self) -> Any:
        return self.readable(".tolist()").tolist()

    def __repr__(self) -> str:
        return f"Symbol({self.value!r})"


def tensors_of(symbols: Iterable[Symbol]) -> Iterator[tuple[Tensor, Symbol]]:
    """The tensors that hold any of these symbols, each with its symbol: all objects are looked at,
    once.
    """
    by_id = {id(a): a for a in symbols}
    for t in gc.get_referrers(*by_id.values()):
        a = by_id.get(id(t._a)) if isinstance(t, Tensor) else None
        if a is not None:
            yield t, a


class SymbolNamespace(InterpNamespace):
    """The vocabulary over symbols; what it makes without operands is constant."""

    @staticmethod
    def _made(a: Any) -> Any:
        return a if state.capture is None else state.capture.born(a)

    def zeros(self, shape: Any, dtype: Any = None) -> Any:
        return self._made(super().zeros(shape, dtype))

    def ones(self, shape: Any, dtype: Any = None) -> Any:
        return self._made(super().ones(shape, dtype))

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        return self._made(super().full(shape, value, dtype))

    def zeros_like(self, x: Any) -> Any:
        return self._made(super().zeros_like(x))

    def ones_like(self, x: Any) -> Any:
        return self._made(super().ones_like(x))

    def full_like(self, x: Any, value: Any = 0) -> Any:
        return self._made(super().full_like(x, value))

    def arange(self, *args: Any, **kwargs: Any) -> Any:
        return self._made(super().arange(*args, **kwargs))

    def scalar(self, value: Any, dtype: Any) -> Any:
        return self._made(super().scalar(value, dtype))

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, Interp) else self._made(super().asarray(a))


NS[Symbol] = SymbolNamespace(Symbol)


class Meeting(Mode):
    """Takes care of tensors that come to an op without being symbols."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture

    def run(self, op: Op, operands: Any, static: Any, proceed: Callable[..., Any]) -> Any:
        for x in operands:
            if isinstance(x, Tensor) and not RANK.get(type(x._a)):
                self.capture.meet(x)
        return proceed(operands, static)


class Lifted:
    """A tensor that holds a symbol for the time of a capture. n, grad: its node and gradient."""

    __slots__ = ("array", "grad", "leaf", "n", "places", "symbol", "tensor", "value")

    def __init__(self, t: Tensor, symbol: Symbol, places: list[Place]) -> None:
        self.tensor, self.array, self.symbol, self.places = t, t._a, symbol, places
        self.value = symbol.value
        self.n = t._n
        # the end of the graph here: what is beyond is not captured
        self.leaf = self.n
        if self.n is not None and type(self.n) is not AccumulateGrad:
            self.leaf = AccumulateGrad(tuple(t._a.shape), t._a.dtype)
        self.grad = self.leaf.grad if self.leaf is not None else None


class Number:
    """An option of an optimizer's group that is an input: group[key], or group[key][index]."""

    __slots__ = ("content", "group", "index", "key", "label", "value")

    def __init__(self, group: Any, key: str, index: int | None, label: str) -> None:
        self.group, self.key, self.index, self.label = group, key, index, label
        self.content: Any = None
        self.value: Any = None

    def read(self) -> float:
        """The number now."""
        v: Any = self.group[self.key]
        return v if self.index is None else v[self.index]


class Redo(Exception):
    """What a capture cannot carry out at all: the call is undone and done without it."""


class Capture:
    """One capture, from lifting tensors to giving them their arrays back. scan(f, init, structure,
    slices, structure): what a scan computes of init and slices along dimension 0, as one node: (the
    last carries, the ys, their structure); None where that cannot be. repeat(condition, f, init,
    structure) and branch(pred, branches, operands) are the same for while_loop and cond.
    """

    scan: Callable[..., Any]  # set by scan_loop.py
    repeat: Callable[..., Any]  # set by decisions.py
    branch: Callable[..., Any]

    def __init__(self, surroundings: Surroundings, numbers: bool = True) -> None:
        self.graph = Graph()
        self.surroundings = surroundings
        self.as_inputs = numbers  # whether the floats of optimizers' options are inputs
        self.options: list[tuple[Any, str, Any, str]] = []  # else: group, key, value, label
        self.level = 0
        self.thread = threading.get_ident()
        self.stopped: tuple[str, str, str] | None = None  # what, line, what to write
        self.symbols: weakref.WeakSet[Symbol] = weakref.WeakSet()
        self.contents: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.lifted: list[Lifted] = []
        self.by_id: dict[int, Lifted] = {}
        self.numbers: list[Number] = []
        self.placed: list[tuple[Any, str, Any, Any, str]] = []  # group, key, number, tensor, label
        self.of_numbers: dict[int, frozenset[int]] = {}  # values -> the numbers they come from
        self.decided: set[int] = set()  # numbers that the program has read
        self.drawn: dict[int, Any] = {}  # generators -> their state after the last draw
        self.generators: list[Any] = []
        self.open = False
        self.stand: Any = None  # in the body of a loop, what gives tensors that stand for others
        self.nested = False  # whether functions are differentiated or mapped on the way

    # ---------------------------------------------------------------- what goes in

    def lift(self, t: Tensor, places: list[Place]) -> None:
        """Let t hold a symbol."""
        if id(t) in self.by_id or not storage.takes(t._a):
            return
        a = t._a
        symbol = Symbol(self, self.graph.input(a.shape, a.dtype, storage.home(a)), a)
        symbol.value.order = order_of(a)
        known = self.by_id[id(t)] = Lifted(t, symbol, places)
        self.lifted.append(known)
        t._a = symbol
        if known.leaf is not known.n:
            t._n = known.leaf

    def lift_all(self, arguments: list[Tensor]) -> None:
        """Lift arguments and all that is around."""
        for t, places in self.surroundings.tensors.values():
            self.lift(t, places)
        for t in arguments:
            self.lift(t, [])
        for counts in self.surroundings.counters:
            self._together(counts)
        for group, label in self.surroundings.groups:
            self._options(group, label)

    def _together(self, counts: list[Tensor]) -> None:
        """Counters that are equal are one input."""
        first: dict[Any, Symbol] = {}
        for t in counts:
            known = self.by_id.get(id(t))
            if known is not None:
                key = (known.array.dtype, *storage.bits(known.array))
                symbol = first.setdefault(key, known.symbol)
                known.symbol.value = known.value = symbol.value

    def _options(self, group: dict[str, Any], label: str) -> None:
        """The floats of an optimizer's group become inputs."""
        for key, v in list(group.items()):
            name = f"{label}[{key!r}]"
            put: Any
            floats = type(v) is float or type(v) is tuple and all(type(x) is float for x in v)
            if floats and not self.as_inputs:
                self.options.append((group, key, v, name))
                continue
            if type(v) is float:
                put = self._number(Number(group, key, None, name), v)
            elif type(v) is tuple and v and all(type(x) is float for x in v):
                each = [Number(group, key, i, f"{name}[{i}]") for i in range(len(v))]
                put = tuple([self._number(n, x) for n, x in zip(each, v)])
            else:
                continue
            group[key] = put
            self.placed.append((group, key, v, put, name))

    def _number(self, number: Number, v: float) -> Tensor:
        number.content, number.value = np.array(v, F64), self.graph.input((), F64)
        self.of_numbers[number.value.number] = frozenset((len(self.numbers),))
        self.numbers.append(number)
        return wrap(Symbol(self, number.value, number.content))

    def own(self, t: Tensor) -> Tensor:
        """What stands for a tensor from elsewhere: itself, but in the body of a loop."""
        return t if self.stand is None else self.stand(t)

    # ---------------------------------------------------------------- what is met on the way

    def meet(self, t: Tensor) -> None:
        """A tensor that nobody has lifted: made on the way, or out of sight before."""
        if not storage.takes(t._a):
            self.stop(f"a tensor of {type(t._a).__name__} is used", "keep it out of the function")
            return
        a = t._a
        self.stop(
            f"a tensor of shape {tuple(a.shape)} is used that no argument, closure or attribute "
            "leads to",
            "pass it as an argument",
        )
        t._a = Symbol(self, self.constant(a), a)

    def born(self, a: Any) -> Any:
        """A symbol for an array that is made of nothing but shapes and numbers."""
        if threading.get_ident() != self.thread or not self.open or not storage.takes(a):
            return a
        return Symbol(self, self.constant(a), a)

    def constant(self, a: Any) -> Value:
        """The value of an array that is always the same."""
        return self.graph.constant(storage.as_array(a))

    def read(self, s: Symbol, what: str) -> Any:
        """The array of a symbol that the program wants to look at."""
        roots = self.of_numbers.get(s.value.number)
        if roots is not None:
            self.decided |= roots
        elif not s.value.constant:
            self.stop(
                f"{what} needs the value of a tensor",
                "use torch.where instead of a branch; return a tensor instead of its .item()",
            )
        return s.content

    def stop(self, what: str, instead: str) -> None:
        """Note that the graph cannot hold what the program does here."""
        if self.stopped is None and self.open:
            self.stopped = (what, source.describe(*source.here(2)), instead)

    # ---------------------------------------------------------------- ops

    def run(self, op: Op, ins: Any, static: dict[str, Any]) -> Any:
        """Run an op on the arrays of symbols, and enter its node."""
        if not self.open or threading.get_ident() != self.thread:
            self.stop("another thread takes part", "keep the function in one thread")
            return run_op(op, [a.content if type(a) is Symbol else a for a in ins], static)
        if state.backward is not None or state.level != self.level:
            self.nested = True
        if op.name == "overwrite" and type(ins[1]) is Symbol:
            x, y = ins[0], ins[1]
            if x.shape == y.shape and x.dtype == y.dtype:
                return y.alias()
        if opened(op):
            return op.fwd(NS[Symbol], *ins, **static)
        operands: list[Any] = []
        contents: list[Any] = []
        for a in ins:
            if type(a) is Symbol:
                operands.append(a.value)
                contents.append(a.content)
            elif a is None or type(a) in SCALARS:
                operands.append(a)
                contents.append(a)
            elif isinstance(a, Tensor):
                raise Redo(f"{op.name} meets a tensor inside of an array")
            else:
                operands.append(self.constant(a))
                contents.append(a)
        draws = op.draws
        if draws:
            self._before_draw(static.get("stream"))
        given = tuple(operands)
        ns = device_of(given)
        if ns is not None:
            contents = [beside(ns, a) for a in contents]
        graph = self.graph
        key, node = graph.find(op, given, static)
        if node is not None:
            old = [self.contents.get(v.number) for v in node.outputs]
            if not any(c is None for c in old):
                outs = [Symbol(self, v, c) for v, c in zip(node.outputs, old)]
                return tuple(outs) if node.many else outs[0]
        found = (eager if ns is None else there)(op)(*contents, **static)
        many = type(found) is tuple
        each = found if many else (found,)
        arrays = [None if o is None else storage.as_array(o, ns) for o in each]
        values = [x for x in given if type(x) is Value]
        if draws:
            self._after_draw(static.get("stream"))
        elif all(v.constant for v in values):
            folded = [None if a is None else Symbol(self, self.constant(a), a) for a in arrays]
            return tuple(folded) if many else folded[0]
        if node is None:
            place = source.here(2)
            shaped = [MISSING if a is None else a for a in arrays]
            node = graph.add(op, given, dict(static), shaped, key, place, many)
            roots = self._roots(values)
            if roots:
                self.of_numbers.update(dict.fromkeys([v.number for v in node.outputs], roots))
        made: list[Any] = []
        for v, a in zip(node.outputs, arrays):
            if a is None:
                made.append(None)
                continue
            self.contents[v.number], v.order = a, order_of(a)
            made.append(Symbol(self, v, a))
        return tuple(made) if many else made[0]

    def _roots(self, values: list[Value]) -> frozenset[int]:
        """The numbers that some values come from, if they come from nothing else."""
        roots: frozenset[int] = frozenset()
        for v in values:
            if not v.constant:
                found = self.of_numbers.get(v.number)
                if found is None:
                    return frozenset()
                roots |= found
        return roots

    # ---------------------------------------------------------------- draws

    def _states(self) -> dict[Any, bytes]:
        streams = {id(s): s for s in [*default_streams().values(), *self.generators]}
        return {k: s.state() for k, s in streams.items()}

    def _before_draw(self, stream: Any) -> None:
        if stream is not None and all(stream is not s for s in self.generators):
            self.generators.append(stream)
            self.drawn[id(stream)] = stream.state()
        self.check_draws()

    def _after_draw(self, stream: Any) -> None:
        self.drawn = self._states()

    def check_draws(self) -> None:
        """Note draws that were made past the graph."""
        for k, now in self._states().items():
            if self.drawn.setdefault(k, now) != now:
                self.stop("random numbers are drawn that no op has drawn", "draw them outside")
                self.drawn[k] = now

    # ---------------------------------------------------------------- the time of the call

    def __enter__(self) -> Capture:
        self.levels = Level()
        self.level = self.levels.__enter__()
        self.before, self.around = state.default_device, state.capture
        place("default_device", self.before or CPU)  # no short ways past `born`
        place("capture", self)
        self.open = True
        self.drawn = self._states()
        self.meeting = Meeting(self)
        self.meeting.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.meeting.__exit__(*exc)
        self.open = False
        place("capture", self.around)
        place("default_device", self.before)
        self.levels.__exit__(*exc)


class _Missing:
    """Stands for an output that an op leaves out."""

    shape, dtype = (), dtypes.float32.np


MISSING = _Missing()
__all__ = ["OPS", "Capture", "Lifted", "Number", "Redo", "Symbol"]
