"""Sections: small nodes that follow each other, as one call of machine code.

Beside few elements a call costs more than what it computes. A section is a run of groups, small
products, sums and losses, one after the other in one function; what only they read lies in a buffer
that the program keeps, where arrays whose time has passed make room for others. Views are
arithmetic on addresses. Arrays that stay where they are (parameters, states, constants) are known
by address, all others are arguments.

Here: which nodes come together, and where their arrays lie. Not here: the text (`section_text.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .graph import Node, Value
from .group import Group
from .section_products import stacked
from .section_rows import ROWS, row_facts
from .section_spread import SPREAD, lay

SMALL = 1 << 15  # elements, up to which calls cost more than what a second thread saves
WORK = 1 << 17  # multiply-adds of a product, at most
ARRAYS = 48  # arguments
PIECES = 2000
TYPES = ("float32", "float64", "bool")
ALIGNED = 64


class Piece:
    """A node that a section computes in one go (kind: which way), or a view (kind "view")."""

    targets: Any = None

    def __init__(self, node: Node, kind: str, **facts: Any) -> None:
        self.node, self.kind, self.facts = node, kind, facts
        self.outputs = node.outputs

    def values(self) -> Iterator[Value]:
        return self.node.values()


class Section:
    """pieces: Groups and Pieces in order. operands: the values from outside that are arguments;
    fixed: those whose arrays stay where they are; outputs: what others read.
    """

    draws = False

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.operands: list[Value] = []
        self.fixed: dict[int, Any] = {}  # value number -> array
        self.outputs: tuple[Value, ...] = ()
        self.inside: dict[int, int] = {}  # value number -> its place in the buffer, in bytes
        self.bytes = 0
        self.layouts: Any = None
        self.checks: list[tuple[Value, int, int]] = []  # targets, how many classes, which is none

    def values(self) -> Iterator[Value]:
        return iter(self.operands)

    def __repr__(self) -> str:
        return f"Section of {len(self.pieces)}: {self.pieces}"


class Layouts:
    """How arrays will lie in memory: value number -> an array that lies like it, whose elements
    mean nothing; and which value's memory that is (`roots`).
    """

    def __init__(self, fixed: dict[int, Any]) -> None:
        self.fixed = fixed
        self.arrays: dict[int, Any] = {}
        self.roots: dict[int, Value] = {}

    def of(self, v: Value) -> Any:
        """The layout of a value; arrays that are not known yet are dense."""
        a = self.arrays.get(v.number)
        if a is None:
            a = self.fixed.get(v.number)
            if a is None:
                a = np.empty(v.shape, v.dtype) if v.array is None else np.array(v.array)
            self.arrays[v.number] = a
            self.roots[v.number] = v
        return a

    def view(self, node: Node, word: Callable[..., Any]) -> bool:
        """Enter the layout of a view; whether it is one."""
        (v,) = node.outputs
        source = node.operands[0]
        base = self.of(source)
        found = word(base, *node.operands[1:], *node.static.values())
        if type(found) is not np.ndarray or not np.may_share_memory(found, base):
            return False
        if found.shape != v.shape or found.dtype != v.dtype:
            return False
        self.arrays[v.number], self.roots[v.number] = found, self.roots[source.number]
        return True

    def place(self, v: Value) -> tuple[Value, int]:
        """(the value whose memory it is, bytes from its beginning)."""
        a = self.of(v)
        root = self.roots[v.number]
        return root, _address(a) - _address(self.of(root))


def _address(a: Any) -> int:
    where: int = a.__array_interface__["data"][0]
    return where


def dense(a: Any) -> bool:
    """Whether a kernel can read an array."""
    return bool(a.flags.c_contiguous and a.flags.aligned and a.dtype.isnative)


def sections(
    items: Sequence[Any], results: Sequence[Value], fixed: dict[int, Any], targets: dict[int, Any],
    word_of: Callable[[Node], Callable[..., Any]], library: Callable[[], Any],
    changing: Callable[[Any], bool] | None = None,
) -> list[Any]:  # fmt: skip
    """Items in an order in which small ones are Sections. targets: new values that are written over
    old ones. word_of: what computes a node; library: whether there is one for products. changing:
    whether an item is none for sections, whose sizes are fixed.
    """
    layouts = Layouts(fixed)
    found: list[Any] = []
    now: list[Any] = []
    mine: set[int] = set()
    arguments: set[int] = set()

    def flush() -> None:
        if now:
            found.append(now.copy())
        now.clear()
        mine.clear()
        arguments.clear()

    for item in items:
        apart = changing is not None and changing(item)
        piece = None if apart else _piece(item, layouts, word_of, library)
        if piece is not None:
            # roots, since these are what a call is given
            new = {layouts.place(v)[0].number for v in piece.values()}
            new = {n for n in new if n not in mine and n not in fixed}
            if len(now) >= PIECES or len(arguments | new) > ARRAYS // 2:
                flush()
            arguments |= new
            now.append(piece)
            mine.update(v.number for v in piece.outputs)
            continue
        written = any(v.number in targets for v in item.outputs)
        if written or any(v.number in mine for v in _reads(item)):
            flush()
        found.append(item)
    flush()
    return _decided(found, results, fixed, targets, layouts)


def _piece(
    item: Any, layouts: Layouts, word_of: Callable[[Node], Any], library: Callable[[], Any]
) -> Any:
    """What a section would do for an item; None if it is not for sections."""
    targets = type(item) is Group or item.op.name in ROWS
    for v in (*item.values(), *item.outputs):
        known = v.kind in TYPES or targets and v.kind == "int64"
        if not known or not 0 < v.size <= SMALL:
            return None
    if type(item) is Group:
        every = all(dense(layouts.of(v)) for v, _ in item.operands)
        return item if every and item.word else None
    node: Node = item
    if node.draws:
        return None
    if node.op.view and not node.op.variadic:
        given = node.operands
        if type(given[0]) is Value and not any(type(x) is Value for x in given[1:]):
            return Piece(node, "view") if layouts.view(node, word_of(node)) else None
        return None
    kind = KINDS.get(node.op.name)
    facts = kind(node, layouts, library) if kind is not None else None
    return None if facts is None else Piece(node, **facts)


def _same_floats(node: Node) -> bool:
    names = {v.kind for v in (*node.values(), *node.outputs)}
    return len(names) == 1 and "bool" not in names


def _matrix(layouts: Layouts, v: Value) -> tuple[int, int] | None:
    """(111 or 112, the step) of a matrix as the library reads it."""
    from ..kernels.matmul import laid

    a = layouts.of(v)
    how, step, same = laid(a)
    return (how, step) if same is a else None


def _matmul(node: Node, layouts: Layouts, library: Any) -> Any:
    small = stacked(node, layouts)
    if small is not None:
        return small
    x, y = node.operands
    if type(x) is not Value or type(y) is not Value or len(x.shape) != 2 or len(y.shape) != 2:
        return None
    m, depth, n = *x.shape, y.shape[1]
    a, b = _matrix(layouts, x), _matrix(layouts, y)
    if m * n * depth > WORK or a is None or b is None or not _same_floats(node):
        return None
    if library() is None:
        return None
    return dict(kind="product", a=x, b=y, ta=a, tb=b, sizes=(m, n, depth), bias=None)


def _linear(node: Node, layouts: Layouts, library: Any) -> Any:
    x, w, bias = node.operands
    if type(x) is not Value or type(w) is not Value or len(w.shape) != 2 or not x.shape:
        return None
    n, depth = w.shape
    m = x.size // depth if depth else 0
    b = _matrix(layouts, w)
    if m * n * depth > WORK or b is None or not _same_floats(node) or not dense(layouts.of(x)):
        return None
    if bias is not None and (type(bias) is not Value or not dense(layouts.of(bias))):
        return None
    if library() is None:
        return None
    turned = (112 if b[0] == 111 else 111, b[1])
    return dict(
        kind="product", a=x, b=w, ta=(111, depth), tb=turned, sizes=(m, n, depth), bias=bias
    )


def _sum(node: Node, layouts: Layouts, library: Any) -> Any:
    """Sums over neighbouring dimensions: (before, summed, after)."""
    x = node.operands[0]
    if type(x) is not Value or not _same_floats(node) or not dense(layouts.of(x)):
        return None
    if len(node.operands) > 1:
        return None
    n = len(x.shape)
    dims = node.static.get("dim") if node.op.name == "sum" else None
    dims = range(n) if dims is None else dims
    dims = [dims] if isinstance(dims, int) else dims
    over = sorted(d % n for d in dims) if n else []
    if not over or over != list(range(over[0], over[-1] + 1)):
        return None
    first, last = over[0], over[-1] + 1
    shape = math.prod(x.shape[:first]), math.prod(x.shape[first:last]), math.prod(x.shape[last:])
    share = shape[1] if node.op.name == "mean_all" else 1
    return dict(kind="sum", x=x, shape=shape, share=share)


def _mse(node: Node, layouts: Layouts, library: Any) -> Any:
    x, y = node.operands
    how = node.static.get("reduction")
    fine = type(x) is Value and type(y) is Value and x.shape == y.shape and _same_floats(node)
    if not fine or how not in ("mean", "sum") or len(node.outputs) != 2:
        return None
    if not all(dense(layouts.of(v)) for v in (x, y)):
        return None
    return dict(kind="mse", x=x, y=y, share=x.size if how == "mean" else 1)


def _mse_backward(node: Node, layouts: Layouts, library: Any) -> Any:
    g, x, _, d = node.operands
    how = node.static.get("reduction")
    if any(type(v) is not Value for v in (g, x, d)) or how not in ("mean", "sum"):
        return None
    if g.size != 1 or not _same_floats(node) or not all(dense(layouts.of(v)) for v in (g, d)):
        return None
    return dict(kind="scaled", g=g, x=d, share=x.size if how == "mean" else 1)


def _put(node: Node, layouts: Layouts, library: Any) -> Any:
    """An array put into zeros, where its elements follow each other."""
    x = node.operands[0]
    (out,) = node.outputs
    if type(x) is not Value or len(node.operands) > 1 or not dense(layouts.of(x)):
        return None
    if x.dtype != out.dtype:
        return None
    whole = np.empty(out.shape, out.dtype)
    part = whole[node.static["key"]]
    if not isinstance(part, np.ndarray) or part.size != x.size or not part.flags.c_contiguous:
        return None
    if not np.may_share_memory(part, whole):
        return None
    return dict(kind="put", x=x, at=(_address(part) - _address(whole)) // whole.itemsize)


def _cast(node: Node, layouts: Layouts, library: Any) -> Any:
    (x,) = node.operands
    floats = type(x) is Value and {x.kind, node.outputs[0].kind} <= set(TYPES[:2])
    return dict(kind="cast", x=x) if floats and dense(layouts.of(x)) else None


def _rows(node: Node, layouts: Layouts, library: Any) -> Any:
    facts = row_facts(node, lambda v: dense(layouts.of(v)))
    target = None if facts is None else facts.get("target")
    if target is not None and layouts.place(target)[0].size != target.size:
        return None  # all of an array is looked at before a call
    return facts


KINDS: dict[str, Callable[[Node, Layouts, Any], Any]] = {
    **dict.fromkeys(
        ("bmm", "batched_matmul"), lambda node, layouts, library: stacked(node, layouts)
    ),
    **dict.fromkeys(ROWS, _rows),
    **SPREAD,
    "contiguous": lay,
    "copy": lay,
    "matmul": _matmul,
    "linear": _linear,
    "sum": _sum,
    "sum_all": _sum,
    "mean_all": _sum,
    "mse_loss": _mse,
    "mse_loss_backward": _mse_backward,
    "put_basic": _put,
    "astype": _cast,
}


def _reads(item: Any) -> Iterator[Value]:
    """The values that an item reads, whichever way it is done in the end."""
    yield from item.values()
    if type(item) is Group and not item.pays():
        yield from item.nodes[0].values()


def _decided(
    found: list[Any], results: Sequence[Value], fixed: dict[int, Any], targets: dict[int, Any],
    layouts: Layouts,
) -> list[Any]:  # fmt: skip
    """Runs of pieces as Sections where that pays, else as what they were."""
    readers: dict[int, int] = {}  # how often values are read, runs' own readings apart
    for v in results:
        readers[v.number] = readers.get(v.number, 0) + 1
    for item in found:
        for piece in item if type(item) is list else (item,):
            for v in _reads(piece):
                readers[v.number] = readers.get(v.number, 0) + 1
    items: list[Any] = []
    for item in found:
        if type(item) is not list:
            items.append(item)
            continue
        real = [p for p in item if type(p) is Group or p.kind != "view"]
        if len(real) < 2:
            items += [p if type(p) is Group else p.node for p in item]
            continue
        items += _section(item, readers, fixed, targets, layouts)
    return items


def as_section(
    items: Sequence[Any], results: Sequence[Value], layouts: Layouts,
    word_of: Callable[[Node], Callable[..., Any]], library: Callable[[], Any],
) -> Section | None:  # fmt: skip
    """All items as one Section, which gives the results that it makes; None if some cannot be part
    of one.
    """
    run = [_piece(item, layouts, word_of, library) for item in items]
    if any(p is None for p in run):
        return None
    readers: dict[int, int] = {}
    for v in (*results, *[v for p in run for v in _reads(p)]):
        readers[v.number] = readers.get(v.number, 0) + 1
    s: Section = _section(run, readers, {}, {}, layouts)[0]
    return None if s.checks or not s.pieces else s


def _section(
    run: list[Any], readers: dict[int, int], fixed: dict[int, Any], targets: dict[int, Any],
    layouts: Layouts,
) -> list[Any]:  # fmt: skip
    """A Section, and the views of what it computes that others read."""
    s = Section()
    s.layouts = layouts
    own: dict[int, int] = {}
    for p in run:
        for v in _reads(p):
            own[v.number] = own.get(v.number, 0) + 1
    made = {v.number for p in run for v in p.outputs}
    outside = {n for n in made if readers.get(n, 0) > own.get(n, 0)}
    after: list[Node] = []
    for p in reversed(run):  # views of views
        if type(p) is Piece and p.kind == "view" and p.outputs[0].number in outside:
            after.append(p.node)
            source = p.node.operands[0]
            if source.number in made:
                outside.add(source.number)
    s.pieces = [p for p in run if type(p) is Group or p.kind != "view"]
    outputs: list[Value] = []
    given: dict[int, Value] = {}
    ends: dict[int, int] = {}  # root -> the last piece that reads it
    starts: dict[int, int] = {}
    for i, p in enumerate(s.pieces):
        for v in p.values():
            root = layouts.place(v)[0]
            ends[root.number] = i
            if root.number in made:
                continue
            if root.number in fixed or root.constant:
                s.fixed[root.number] = layouts.of(root)
            else:
                given.setdefault(root.number, root)
        for v in p.outputs:
            starts[v.number] = i
            if v.number in outside or v.number in targets:
                outputs.append(v)
        target = None if type(p) is Group else p.facts.get("target")
        if target is not None:
            s.checks.append((layouts.place(target)[0], p.facts["width"], p.facts["ignore"]))
    s.operands, s.outputs = list(given.values()), tuple(outputs)
    kept = {v.number for v in outputs}
    free: list[tuple[int, int]] = []  # (place, bytes) that can be had again
    held: list[tuple[int, int, int]] = []  # (last reader, place, bytes)
    for i, p in enumerate(s.pieces):
        for v in p.outputs:
            if v.number in kept:
                continue
            size = -(-v.size * v.dtype.itemsize // ALIGNED) * ALIGNED
            at = next((k for k, (_, n) in enumerate(free) if n >= size), None)
            if at is None:
                place, s.bytes = s.bytes, s.bytes + size
            else:
                place, n = free.pop(at)
                if n > size:
                    free.append((place + size, n - size))
            s.inside[v.number] = place
            held.append((max(ends.get(v.number, i), i), place, size))
        free += [(place, n) for end, place, n in held if end == i]
        held = [h for h in held if h[0] != i]
    return [s, *after[::-1]]
