"""What sections do row by row: softmax, norms and cross-entropy, by the formulas that eager mode
has for float32 (`kernels/formulas.py`), on rows that follow each other in memory.

Here: for each such op what a section has to know of a node (`ROWS`), and the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..kernels import formulas
from ..kernels.lanes import Function, Pointer, Value
from ..kernels.sweep import sweep
from .graph import Node
from .graph import Value as GraphValue

Facts = dict[str, Any]
FLOAT = "float"
FORMULAS: Any = formulas  # which take whatever has a Row's ways


class DenseRow:
    """A row of each operand, for the formulas. at: operand -> where its row begins; a number where
    there is no array.
    """

    def __init__(self, f: Function, n: Value, at: dict[int, Any]) -> None:
        self.f, self.n, self.at = f, n, at
        self.lanes = f.lanes(FLOAT)

    @property
    def size(self) -> Value:
        """How many elements the row has."""
        return self.n.to(FLOAT)

    def number(self, k: int) -> Value:
        """Operand k, which is one number."""
        x = self.at[k]
        return x if isinstance(x, Value) else x.load()

    def element(self, k: int, index: Value) -> Value:
        """One element of operand k."""
        found: Value = self.at[k].load(index)
        return found

    def put(self, k: int, value: Value, index: Value | None = None) -> None:
        """Make value operand k's number, or one of its elements."""
        self.at[k].store(value, 0 if index is None else index)

    def each(
        self, reads: Sequence[int], writes: Sequence[int], reduces: str, body: Callable[..., Any]
    ) -> list[Value]:
        """Run body on the vectors of `reads`: what goes into `writes`, then what is reduced, by "+"
        or "m" (the maximum). Gives the reduced numbers.
        """
        f, lanes = self.f, self.lanes
        first = {"+": 0.0, "m": -math.inf}

        def one(i: Value, mask: Value | None, u: int, *now: Value) -> list[Value]:
            given = [self.load(k, i, mask) for k in reads]
            found = body(*given)
            results = list(found) if isinstance(found, (tuple, list)) else [found]
            for k, v in zip(writes, results):
                self.at[k].store(v.wide(lanes), i, mask)
            new = []
            for v, how, r in zip(results[len(writes) :], reduces, now):
                v = v if mask is None else mask.choose(v, first[how])
                new.append(r + v if how == "+" else r.most(v))
            return new

        begin = [f.constant(first[how], FLOAT, lanes) for how in reduces]
        found = sweep(f, self.n, lanes, one, begin)
        join: dict[str, Callable[[Value, Value], Value]]
        join = {"+": lambda a, b: a + b, "m": lambda a, b: a.most(b)}
        return [v.joined(join[how]) for v, how in zip(found, reduces)]

    def load(self, k: int, i: Value, mask: Value | None) -> Value:
        x = self.at[k]
        return x if isinstance(x, Value) else x.load(i, self.lanes, mask)


# ---------------------------------------------------------------- what nodes are


def _last(x: GraphValue, dim: Any) -> bool:
    return bool(x.shape) and dim in (-1, len(x.shape) - 1)


def _softmax(formula: str, arrays: int) -> Callable[[Node], Facts | None]:
    def facts(n: Node) -> Facts | None:
        given = n.operands[:arrays]
        dim = [*n.operands[arrays:], *n.static.values()][:1]
        (out,) = n.outputs
        if any(type(x) is not GraphValue or x.shape != out.shape for x in given):
            return None
        if dim and not _last(out, dim[0]) or not out.shape:
            return None
        return dict(formula=formula, rows=list(given), out=[0], width=out.shape[-1])

    return facts


def _norm_sizes(n: Node, x: GraphValue) -> int:
    dims = n.static.get("dims", 1)
    return math.prod(x.shape[len(x.shape) - dims :])


def _layer_norm(n: Node) -> Facts | None:
    x, w, b = n.operands[:3]
    if type(x) is not GraphValue or len(n.operands) > 3:
        return None
    eps = float(n.static.get("eps", 1e-5))
    return dict(
        formula="layer_norm", rows=[x], shared=[w, b], numbers=[eps], out=[0], per_row=[1, 2],
        width=_norm_sizes(n, x),
    )  # fmt: skip


def _layer_norm_backward(n: Node) -> Facts | None:
    g, x, w, mean, rstd = n.operands[:5]
    needs = n.static.get("needs", (True, True, True))
    given = (g, x, mean, rstd)
    if any(type(v) is not GraphValue for v in given) or len(n.operands) > 5 or not needs[0]:
        return None
    return dict(
        formula="layer_norm_backward", rows=[g, x], shared=[w], each=[mean, rstd], out=[0],
        width=_norm_sizes(n, x), needs=needs,
    )  # fmt: skip


def _entropy(n: Node) -> Facts | None:
    x, target, weight = n.operands[:3]
    how = n.static.get("reduction", "mean")
    if type(x) is not GraphValue or type(target) is not GraphValue or weight is not None:
        return None
    if len(x.shape) != 2 or target.kind != "int64" or target.shape != x.shape[:1]:
        return None
    if n.static.get("smoothing", 0.0) or how not in ("mean", "sum") or n.outputs[1].shape:
        return None  # the second is made by the general way only
    return dict(
        formula="entropy", x=x, target=target, mean=how == "mean", width=x.shape[1],
        ignore=n.static.get("ignore", -100),
    )  # fmt: skip


def _entropy_backward(n: Node) -> Facts | None:
    g, x, target, weight, e, shift, total = n.operands[:7]
    how = n.static.get("reduction", "mean")
    given = (g, x, target, shift, total)
    if any(type(v) is not GraphValue for v in given) or weight is not None or e is not None:
        return None
    if n.static.get("smoothing", 0.0) or how not in ("mean", "sum") or g.size != 1:
        return None
    if len(x.shape) != 2 or target.kind != "int64" or shift.shape != x.shape[:1] or total.size != 1:
        return None
    return dict(
        formula="entropy_backward", g=g, x=x, target=target, shift=shift, total=total,
        mean=how == "mean", width=x.shape[1], ignore=n.static.get("ignore", -100),
    )  # fmt: skip


ROWS: dict[str, Callable[[Node], Facts | None]] = {
    "softmax": _softmax("softmax", 1),
    "log_softmax": _softmax("log_softmax", 1),
    "softmax_backward": _softmax("softmax_backward", 2),
    "log_softmax_backward": _softmax("log_softmax_backward", 2),
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
    "cross_entropy": _entropy,
    "cross_entropy_backward": _entropy_backward,
}


def row_facts(n: Node, dense: Callable[[GraphValue], bool]) -> Facts | None:
    """What a section has to know of a node, if it is one for here."""
    facts = ROWS[n.op.name](n)
    if facts is None or not facts["width"]:
        return None
    for v in n.values():
        if not dense(v) or v.kind != "float32" and v is not facts.get("target"):
            return None
    return {**facts, "kind": "rows"}


def in_range(target: Any, classes: int, ignore: int) -> None:
    """IndexError for targets that are no class, before anything is computed: eager mode tells of
    them in its own words.
    """
    # a negative number, read as unsigned, is larger than any class
    if target.size and np.maximum.reduce(target.view(np.uint64), None) >= classes:
        inside = (target >= 0) & (target < classes) | (target == ignore)
        if not inside.all():
            raise IndexError("a target is out of bounds")


# ---------------------------------------------------------------- the text


def write(text: Any, p: Any) -> None:
    """The text of a piece."""
    name = p.facts["formula"]
    own = {"entropy": _write_entropy, "entropy_backward": _write_entropy_backward}
    own.get(name, _write_formula)(text, p)


def _rows_of(x: GraphValue, width: int) -> int:
    return x.size // width


def _write_formula(text: Any, p: Any) -> None:
    facts = p.facts
    rows, shared = facts["rows"], facts.get("shared", [])
    each, numbers = facts.get("each", []), facts.get("numbers", [])
    outs, per_row = facts["out"], facts.get("per_row", [])
    kinds: list[tuple[str, str]] = []
    given: list[Any] = []
    places: list[tuple[str, Any]] = []  # of each operand of the formula: how, its argument's name

    def array(how: str, pointer: Any) -> None:
        name = f"p{len(kinds)}"
        kinds.append((name, "float*"))
        given.append(pointer)
        places.append((how, name))

    for v in rows:
        array("row", text.at(v))
    for i, v in enumerate(shared):
        if v is None:
            places.append(("constant", 0.0 if i else 1.0))
        else:
            array("shared", text.at(v))
    for v in each:
        array("each", text.at(v))
    places += [("constant", x) for x in numbers]
    for i in outs:
        array("row", text.out(p, i))
    for i in per_row:
        array("each", text.out(p, i))
    f = text.function([*kinds, ("count", "i64"), ("n", "i64")])
    formula = getattr(FORMULAS, facts["formula"])

    def row(r: Value) -> None:
        at: dict[int, Any] = {}
        for k, (how, x) in enumerate(places):
            if how == "constant":
                at[k] = f.constant(x, FLOAT)
                continue
            base: Pointer = f.args[x]
            step = {"row": r * f.args["n"], "each": r, "shared": f.index(0)}[how]
            at[k] = base.at(step)
        for k in range(len(rows), len(rows) + len(shared)):
            if places[k][0] == "constant":
                at[k] = at[k].wide(f.lanes(FLOAT))
        formula(DenseRow(f, f.args["n"], at))

    f.loop(0, f.args["count"], 1, row)
    count = _rows_of(rows[0], facts["width"])
    text.call(f, *given, count, facts["width"])
    if facts["formula"] == "layer_norm_backward":
        _write_norm_sums(text, p, count)


def _write_norm_sums(text: Any, p: Any, count: int) -> None:
    """The gradients of a norm's weight and bias: sums over rows."""
    facts = p.facts
    (g, x), (mean, rstd) = facts["rows"], facts["each"]
    for i in (1, 2):
        if not facts["needs"][i]:
            continue
        params = [(k, "float*") for k in ("g", "x", "mean", "rstd", "y")]
        f = text.function([*params, ("count", "i64"), ("n", "i64")])

        def column(j: Value, mask: Value | None, u: int, i: int = i, f: Any = f) -> None:
            gs, xs, means, rstds, y, rows, n = f.args.values()

            def add(r: Value, now: Value) -> Value:
                v = gs.load(r * n + j, f.lanes(FLOAT), mask)
                if i == 1:
                    v = v * (xs.load(r * n + j, f.lanes(FLOAT), mask) - means.load(r))
                    v = v * rstds.load(r)
                return now + v

            (s,) = f.loop(0, rows, 1, add, [f.zero(FLOAT, f.lanes(FLOAT))])
            y.store(s, j, mask)

        sweep(f, f.args["n"], f.lanes(FLOAT), column)
        given = [text.at(v) for v in (g, x, mean, rstd)]
        text.call(f, *given, text.out(p, i), count, facts["width"])


def _write_entropy(text: Any, p: Any) -> None:
    """The loss; targets that are ignored count for nothing. Others were looked at before."""
    facts = p.facts
    x, target = facts["x"], facts["target"]
    kinds = [("x", "float*"), ("t", "i64*"), ("loss", "float*"), ("shift", "float*")]
    f = text.function([*kinds, ("total", "float*"), ("count", "i64"), ("n", "i64")])
    a, t, loss, shift, total, rows, n = f.args.values()
    ignore = f.index(facts["ignore"])
    one = f.stack(FLOAT, 1)

    def row(r: Value, sum_: Value, counted: Value) -> list[Value]:
        where = t.load(r)
        real = where.differs(ignore)
        place = real.choose(where, f.index(0))
        FORMULAS.cross_entropy(DenseRow(f, n, {0: a.at(r * n), 1: place, 2: one, 3: shift.at(r)}))
        each = real.choose(one.load(), f.constant(0.0, FLOAT))
        return [sum_ + each, counted + real.choose(f.constant(1.0, FLOAT), f.constant(0.0, FLOAT))]

    zero = f.constant(0.0, FLOAT)
    found, counted = f.loop(0, rows, 1, row, [zero, zero])
    loss.store(found / counted if facts["mean"] else found)
    total.store(counted)
    given = text.at(x), text.at(target), text.out(p, 0), text.out(p, 2), text.out(p, 3)
    text.call(f, *given, x.shape[0], facts["width"])


def _write_entropy_backward(text: Any, p: Any) -> None:
    facts = p.facts
    x = facts["x"]
    names = ("g", "x", "shift", "total", "y")
    kinds = [("t", "i64*"), *[(k, "float*") for k in names], ("count", "i64"), ("n", "i64")]
    f = text.function(kinds)
    t, g, a, shift, total, y, rows, n = f.args.values()
    lanes = f.lanes(FLOAT)
    ignore = f.index(facts["ignore"])
    share = g.load() / total.load() if facts["mean"] else g.load()

    def row(r: Value) -> None:
        where = t.load(r)
        start = y.at(r * n)

        def real() -> None:
            at = {0: a.at(r * n), 1: where, 2: shift.at(r), 3: share, 4: start}
            FORMULAS.cross_entropy_backward(DenseRow(f, n, at))

        def ignored() -> None:
            zero = f.zero(FLOAT, lanes)
            sweep(f, n, lanes, lambda i, mask, u: start.store(zero, i, mask))

        f.when(where.differs(ignore), real, ignored)

    f.loop(0, rows, 1, row)
    given = [text.at(facts[k]) for k in ("target", "g", "x", "shift", "total")]
    text.call(f, *given, text.out(p), x.shape[0], facts["width"])


__all__ = ["ROWS", "in_range", "row_facts", "write"]
