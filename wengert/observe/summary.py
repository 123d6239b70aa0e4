"""`summary`: the layers of a model with what they give, hold, compute and take in memory."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..api import functions as T
from ..base.modes import no_grad
from ..engine.tensor import Tensor
from ..nn.error_path import brief
from ..nn.module import Module
from ..nn.parameter import is_lazy
from ..nn.recurrent import RNNBase
from .flop_counter import FlopCounterMode, readable

__all__ = ["Row", "Summary", "summary"]

HEADS = ("layer", "output", "parameters", "FLOPs", "memory")


@dataclass
class Row:
    """One module: path, what it is, shapes of its results, numbers of its own and of all below."""

    path: str
    what: str
    depth: int
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    parameters: int = 0  # of its own and those below, each once
    flops: int = 0
    memory: int = 0  # bytes of its results
    calls: int = 0
    inner: bool = False


class Summary:
    """A table of a model's layers, for terminals and notebooks; `rows`, and totals by name."""

    def __init__(self, rows: list[Row], model: Module, depth: int | None) -> None:
        self.rows, self.depth = rows, depth
        params = list(dict.fromkeys(p for p in model.parameters() if not is_lazy(p)))
        self.parameters = sum(p.numel() for p in params)
        self.trainable = sum(p.numel() for p in params if p.requires_grad)
        buffers = [b for b in model.buffers() if not is_lazy(b)]
        self.parameter_bytes = sum(t.nbytes for t in (*params, *buffers))
        self.flops = rows[0].flops if rows else 0
        self.activation_bytes = sum(r.memory for r in rows if not r.inner)

    def shown(self) -> list[Row]:
        """The rows down to the depth that was asked for."""
        return [r for r in self.rows if self.depth is None or r.depth <= self.depth]

    def cells(self, r: Row) -> tuple[str, ...]:
        """The text of a row."""
        shapes = ", ".join("×".join(map(str, s)) or "scalar" for s in r.outputs[:3])
        more = ", …" * (len(r.outputs) > 3)
        name = r.path.rpartition(".")[2]
        times = f"  ({r.calls} times)" if r.calls > 1 else "" if r.calls else "  (not called)"
        what = f"{name}  {r.what}" if name and name != r.what else r.what
        return (
            what + times,
            shapes + more,
            f"{r.parameters:,}" if r.parameters else "",
            readable(r.flops) if r.flops else "",
            size(r.memory) if r.memory else "",
        )

    def totals(self) -> list[tuple[str, str]]:
        """What stands below the table."""
        fixed = self.parameters - self.trainable
        told = f"{self.parameters:,}" + (f", {fixed:,} of them fixed" if fixed else "")
        return [
            ("parameters", f"{told} ({size(self.parameter_bytes)} with buffers)"),
            ("FLOPs of a forward pass", readable(self.flops)),
            ("results of the layers", size(self.activation_bytes)),
        ]

    def __repr__(self) -> str:
        rows = [("  " * r.depth + c[0], *c[1:]) for r in self.shown() for c in [self.cells(r)]]
        widths = [max(len(x) for x in column) for column in zip(HEADS, *rows)]

        def line(cells: Sequence[str]) -> str:
            left = [cells[i].ljust(widths[i]) for i in (0, 1)]
            right = [cells[i].rjust(widths[i]) for i in (2, 3, 4)]
            return "  ".join([*left, *right]).rstrip()

        rule = "─" * (sum(widths) + 8)
        foot = [f"{name}: {value}" for name, value in self.totals()]
        return "\n".join([line(HEADS), rule, *map(line, rows), rule, *foot])

    def _repr_html_(self) -> str:
        right = ' style="text-align:right"'
        out = ["<table style='font-size:13px'><tr>"]
        out += [f'<th style="text-align:{"left" if i < 2 else "right"}">{h}</th>'
                for i, h in enumerate(HEADS)]  # fmt: skip
        out.append("</tr>")
        for r in self.shown():
            c = [html.escape(x) for x in self.cells(r)]
            pad = f' style="text-align:left;padding-left:{6 + 16 * r.depth}px"'
            row = f'<td{pad}>{c[0]}</td><td style="text-align:left">{c[1]}</td>'
            out.append(f"<tr>{row}{''.join(f'<td{right}>{x}</td>' for x in c[2:])}</tr>")
        foot = "<br>".join(f"{html.escape(n)}: <b>{html.escape(v)}</b>" for n, v in self.totals())
        return "".join(out) + f"</table><div style='font-size:13px'>{foot}</div>"


def size(n: float) -> str:
    """Bytes for people.

    >>> size(12), size(3_400_000)
    ('12 B', '3.4 MB')
    """
    power = min(3, max(0, (len(str(int(n))) - 1) // 3))
    x, unit = n / 1000**power, ("B", "kB", "MB", "GB")[power]
    return f"{x:.0f} {unit}" if not power or x >= 100 else f"{x:.1f} {unit}"


def summary(model: Module, *inputs: Any, depth: int | None = None, **kwargs: Any) -> Summary:
    """The layers of a model: shapes, parameters, floating-point operations and memory.

    The model runs once, in eval mode and without gradients; modes, gradients, buffers and the
    random stream stay as they were. Print the result, or let a notebook show it.

    Args:
        model: a Module.
        *inputs, **kwargs: what its forward takes: tensors, or shapes, (32, 3, 64, 64), for which
            zeros are made. Without any, only parameters are counted.
        depth: how deep the table goes; None: all of it.

    Raises TypeError if model is no Module; RuntimeError where inputs is too short.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> wengert.summary(model, (16, 4)).parameters
    58
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a Module, but got {type(model).__name__}")
    args = [made(x) for x in inputs]
    rows = {
        m: Row(name, brief(m), name.count(".") + bool(name)) for name, m in model.named_modules()
    }
    root = type(model).__name__
    if args or kwargs:
        run(model, rows, args, kwargs, root)
    for m, r in rows.items():
        r.parameters = sum(p.numel() for p in m.parameters() if not is_lazy(p))
        r.inner = any(True for _ in m.children())
        if not args and not kwargs:
            r.calls = 1
    return Summary(list(rows.values()), model, depth)


def run(
    model: Module, rows: dict[Module, Row], args: Sequence[Any], kwargs: Any, root: str
) -> None:
    """One forward pass that fills the rows in."""
    modes = [(m, m.training) for m in model.modules()]
    handles = [m.register_forward_hook(note(r)) for m, r in rows.items()]
    try:
        model.eval()
        with no_grad(), FlopCounterMode(display=False) as counter:
            model(*args, **kwargs)
    finally:
        for h in handles:
            h.remove()
        for m, training in modes:
            m.training = training
    for r in rows.values():
        counts = counter.flop_counts.get(f"{root}.{r.path}" if r.path else root, {})
        r.flops += sum(counts.values())
    for m, r in rows.items():
        if isinstance(m, RNNBase) and r.outputs:  # a layer is one operation: counted by its weights
            steps = math.prod(r.outputs[0][:-1]) * r.calls
            n = 2 * steps * sum(w.numel() for w in m.parameters() if w.dim() == 2)
            for other in rows.values():
                if r.path == other.path or r.path.startswith(other.path + "." * bool(other.path)):
                    other.flops += n


def note(r: Row) -> Any:
    """The hook that fills a row in."""

    def hook(module: Module, args: Any, output: Any) -> None:
        found = list(tensors(output))
        r.calls += 1
        if r.calls == 1:
            r.outputs = [tuple(t.shape) for t in found]
        r.memory += sum(math.prod(t.shape) * t.itemsize for t in found)

    return hook


def tensors(x: Any) -> Any:
    """All tensors in what a module returned."""
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, Mapping):
        for y in x.values():
            yield from tensors(y)
    elif isinstance(x, (tuple, list)):
        for y in x:
            yield from tensors(y)


def made(x: Any) -> Any:
    """An input, or zeros of a shape that stands for one."""
    if isinstance(x, (tuple, list)) and x and all(type(n) is int for n in x):
        return T.zeros(*x)
    return x
