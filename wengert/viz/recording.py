"""`record`: which module ran when, and what there was when a forward pass failed.

While a block records, hooks on all modules note the interval of creation numbers that a call
covers, and a mode notes which operands of operations are not in the graph: numbers and shapes, no
arrays. What there is to draw is found among the objects that the program (of a pass that failed,
its exception) keeps alive.
"""

from __future__ import annotations

import gc
import inspect
import math
import sys
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from ..base import source
from ..base.frames import INTERNAL, outside
from ..engine import views
from ..engine.backward import collect
from ..engine.node import LEAF, Node, Slot, tick
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor
from ..nn.error_path import brief
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from .array_summary import dtype_text, shape_text

if TYPE_CHECKING:
    from .graph import Graph


@dataclass
class Call:
    """One call of a module: its path below the outermost one, and the nodes made meanwhile."""

    path: str
    label: str
    brief: str
    start: int
    end: int = 0
    failed: bool = False
    depth: int = 0

    @property
    def until(self) -> float:
        """The last number the call can have given; a running one has no end."""
        return self.end or math.inf


@dataclass
class Failure:
    """What ended a recorded block: the error, its line, and the operands it was about."""

    error: str
    message: str
    place: tuple[str, int, str, str] | None
    op: str = ""
    operands: list[tuple[str, str, Any]] = field(default_factory=list)  # name, text, node
    seq: float = 0


class Plain(NamedTuple):
    """An operand that is not in the graph: what tells it from others, its shape and its dtype."""

    key: int
    shape: tuple[int, ...]
    dtype: Any


class Operands(Mode):
    """Notes, for each node, the operands without a gradient: numbers and shapes, no arrays."""

    def __init__(self) -> None:
        self.found: WeakKeyDictionary[Any, dict[int, Plain]] = WeakKeyDictionary()
        self.known: dict[int, tuple[Any, int]] = {}  # id of an array -> (weak reference, its key)
        self.last: tuple[Any, ...] = ()
        self.named: dict[int, str] = {}  # key -> the parameter of a forward it was given as

    def implementation(self, op: Any, f: Callable[..., Any]) -> Callable[..., Any]:
        """f, with its operands noted."""

        def noted(*args: Any, **kwargs: Any) -> Any:
            result = f(*args, **kwargs)
            self.last = args
            return result

        return noted

    def recorded(self, node: Any) -> None:
        """The node of what ran last."""
        args, self.last = self.last, ()
        plain = {}
        for i, (p, a) in enumerate(zip(node.parents, args)):
            if p is None and hasattr(a, "dtype") and a.ndim:
                plain[i] = Plain(self.key(a), tuple(a.shape), a.dtype)
        if plain:
            self.found[node] = plain

    def key(self, a: Any) -> int:
        """A number for the memory of an array, which no later array gets."""
        whole = views.owner(a)
        ref, key = self.known.get(id(whole), (None, 0))
        if ref is None or ref() is not whole:
            key = tick()
            try:
                self.known[id(whole)] = (weakref.ref(whole), key)
            except TypeError:
                pass
        return key

    def name_of(self, key: int, variables: Any) -> str:
        """What an operand is called: by a variable (name, tensor), else by a module's forward."""
        own = next((name for name, t in variables if self.key_of(t) == key), "")
        return own or self.named.get(key, "")

    def key_of(self, t: Any) -> int | None:
        """The number of a tensor's memory, if an operation has used it."""
        whole = views.owner(t._a)
        ref, key = self.known.get(id(whole), (None, 0))
        return key if ref is not None and ref() is whole else None


RECENT: deque[record] = deque(maxlen=32)  # the latest blocks: they hold numbers and names only


def calls_within(first: float, last: float) -> list[Call]:
    """All recorded calls that made nodes numbered first to last, outer ones first."""
    found = [c for tape in RECENT for c in tape.calls if c.start <= last and c.until >= first]
    return sorted(found, key=lambda c: (c.start, -c.until))


def plain_operands(node: Any) -> tuple[Any, dict[int, Plain]]:
    """(the notes of a recorded block, its plain operands by place) of a node; (None, {})."""
    for tape in reversed(RECENT):
        if node in tape.operands.found:
            return tape.operands, tape.operands.found[node]
    return None, {}


def recorded_name(leaf: Any) -> str:
    """What the recorded module that owns a leaf calls it, or ""."""
    return next((tape.leaves[leaf] for tape in reversed(RECENT) if leaf in tape.leaves), "")


class record(AbstractContextManager):
    """Within it, module calls are noted, so that `viz.graph` can draw modules as boxes.

    After a block that raised, `graph()` gives the part of the graph that existed. Recording is
    per thread. The names of modules are those below the outermost module that is called.

    >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    >>> with record() as tape:
    ...     loss = model(torch.ones(2, 3)).sum()
    >>> [call.path for call in tape.calls]
    ['', '0', '1']
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.operands = Operands()
        self._until = math.inf
        self.failure: Failure | None = None
        self._running = False
        self.roots: list[Any] = []  # of what there was when a block failed
        self.leaves: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # -> parameters' names
        self._open: list[tuple[Call, Any, BaseException | None]] = []
        self._paths: dict[Any, str] = {}

    def __enter__(self) -> record:
        if hasattr(self, "_handles"):
            raise RuntimeError("viz.record: this recording has been used; make a new one")
        self._thread = threading.get_ident()
        self._start = tick()
        if not any(t._running and t._thread == self._thread for t in RECENT):
            RECENT.append(self)  # else the block around this one knows the same calls
        self._running = True
        self.operands.__enter__()
        self._handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running = False
        self._until = tick()
        self.operands.__exit__()
        for handle in self._handles:
            handle.remove()
        for call, _, _ in reversed(self._open):  # left by something that runs no hooks
            call.end, call.failed = tick(), True
        self._open, self._paths = [], {}
        if error is not None:
            self._fail(error, trace)

    # ---- modules

    def _enter(self, module: Any, args: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        if not self._open:
            self._paths = {m: name for name, m in module.named_modules()}
            for name, x in zip(inspect.signature(module.forward).parameters, args):
                if isinstance(x, Tensor) and x._n is None:
                    self.operands.named.setdefault(self.operands.key(x._a), name)
            self.leaves.update({p._n: k for k, p in module.named_parameters() if p._n is not None})
        above = self._open[-1][0].path if self._open else ""
        path = self._paths.get(module)
        if path is None:
            path = f"{above}.{module._get_name()}" if above else module._get_name()
        label = path.removeprefix(above + ".") if above else path or holder_of(module)
        call = Call(path, label, brief(module), tick(), depth=len(self._open))
        self.calls.append(call)
        self._open.append((call, module, sys.exc_info()[1]))

    def _leave(self, module: Any, args: Any, output: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        while self._open:
            call, own, before = self._open.pop()
            call.end = tick()
            call.failed = sys.exc_info()[1] is not before
            if own is module:
                return
            call.failed = True  # its own hook never came

    # ---- failure

    def _fail(self, error: BaseException, trace: TracebackType | None) -> None:
        """Note the error, and find the nodes that its frames keep alive."""
        frames = [f for f, _ in traceback.walk_tb(trace)]
        text = str(error).strip()
        f = Failure(type(error).__name__, text, None)
        steps = list(traceback.walk_tb(trace))
        inner = 0  # the first frame of the library below the user's last
        for i, (frame, _) in enumerate(steps):
            if not INTERNAL[frame.f_code.co_filename]:
                inner = i + 1
                code, lasti = frame.f_code, traced_instruction(trace, i)
                f.place = source.line(code, lasti)
        for frame in reversed(frames[inner:]):
            operands = tensors_of(frame)
            if operands:
                op = frame.f_locals.get("op")
                f.op = getattr(op, "name", frame.f_code.co_name).strip("_")
                f.operands = operands
                break
        failed = [c for c in self.calls if c.failed]
        innermost = max(failed, key=lambda c: c.depth, default=None)
        f.seq = tick() if innermost is None else innermost.end - 0.5
        self.failure = f
        alive = [n for n in gc.get_objects() if issubclass(type(n), Node) and n.seq > self._start]
        parents = {p for n in alive for p in n.parents}
        self.roots = [n for n in alive if n not in parents]

    # ---- the picture

    draw: ClassVar[Callable[..., Graph]]  # set by graph.py
    draw_failure: ClassVar[Callable[..., Graph]]

    def graph(self, outputs: Any = None, params: Any = None, **options: Any) -> Graph:
        """The graph of outputs (as `viz.graph`); without them, of the results that are still
        there and that nothing in the block has used; after a failure, of what there was.

        Tensors have any shape. Raises ValueError without outputs if there are none; TypeError where
        outputs is no tensor; RuntimeError where outputs has a shape that does not fit or holds
        integers or booleans.

        params: names of parameters.

        >>> x = torch.ones(2, requires_grad=True)
        >>> with viz.record() as tape:
        ...     y = (x * 2).sum()
        >>> type(tape.graph(y)).__name__
        'Graph'
        """
        if outputs is not None:
            return record.draw(outputs, params, **options)
        if self.failure is None:
            found = self._results()
            if not found:
                raise ValueError(
                    "record.graph: no result of the block is left that requires grad: say which "
                    "tensor's graph is wanted: tape.graph(loss)"
                )
            return record.draw(found, params, **options)
        return record.draw_failure(self, params)

    def _results(self) -> list[Tensor]:
        """The tensors whose nodes the block made and used no further."""
        made = [
            t
            for t in gc.get_objects()
            if issubclass(type(t), Tensor) and t._n is not None and self._made(t._n)
        ]
        nodes = [t._n.parents[0] if type(t._n) is Slot else t._n for t in made]
        used = {p.parents[0] if type(p) is Slot else p for n in collect(nodes) for p in n.parents}
        return [t for t, n in zip(made, nodes) if n not in used]

    def _made(self, n: Any) -> bool:
        return n.role != LEAF and self._start < n.seq <= self._until

    def __repr__(self) -> str:
        if self._running:
            return "viz.record, recording"
        if self.failure is None and not self._results():
            return "viz.record: no result is left to draw: keep it in a variable, loss = model(x)"
        return "viz.record: .graph() draws what was computed, and a notebook this"

    def _repr_html_(self) -> str | None:
        if self.failure is None and (self._running or not self._results()):
            return None
        return self.graph()._repr_html_()


def holder_of(module: Any) -> str:
    """The variable that holds a module where the program calls it; "" for none."""
    frame = outside(sys._getframe(1))
    names = {**frame.f_globals, **frame.f_locals}
    return next((k for k, v in names.items() if v is module and k != "self" and k[0] != "_"), "")


def traced_instruction(trace: TracebackType | None, index: int) -> int:
    """The instruction at which the frame of a traceback's entry stands."""
    for _ in range(index):
        trace = None if trace is None else trace.tb_next
    return -1 if trace is None else trace.tb_lasti


def tensors_of(frame: Any) -> list[tuple[str, str, Any]]:
    """(name, text, node) of the tensors among the variables of a frame."""
    found: list[tuple[str, str, Any]] = []
    seen: set[int] = set()
    for name, value in frame.f_locals.items():
        several = isinstance(value, (tuple, list))
        for i, t in enumerate(value if several else (value,)):
            if isinstance(t, Tensor) and id(t) not in seen and len(found) < 6:
                seen.add(id(t))
                n = t._n.parents[0] if type(t._n) is Slot else t._n
                text = f"{shape_text(t._a.shape)} {dtype_text(t._a.dtype)}"
                found.append((f"{name}[{i}]" if several else name, text, n))
    return found
