"""`graph`: what users call, and the object that shows itself as a page, an SVG or a file."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..autodiff.grad_api import require_graph
from ..engine.tensor import Tensor
from .array_summary import bytes_text
from .drawing import Drawing, resource
from .grouping import Box, inferred, tree
from .layout import Placing, arrange, card_of, card_of_box, tag_of
from .naming import Names
from .reading import Input, Reading, Vertex, memory_of, root_vertices
from .recording import Failure, calls_within, record
from .stepping import reverse_pass


class Graph:
    """The graph of some tensors as a picture; made by `viz.graph` and `record.graph`.

    A notebook shows it by itself. `html()` and `svg()` give the texts, `save` writes a file, and
    `show` opens a browser.

    vertices: of the graph. failure: the exception, if there was one.

    Raises TypeError where path is of the wrong type; ValueError where its ending is unknown.

    >>> x = torch.ones(2, requires_grad=True)
    >>> g = viz.graph((x * 2).sum())
    >>> g.svg()[:4], "<html" in g.html().lower(), "boxes" in g.data()
    ('<svg', True, True)
    >>> g.save("graph.html").name
    'graph.html'
    """

    def __init__(self, vertices: list[Vertex], failure: Failure | None = None) -> None:
        self.vertices = vertices
        self.saved = memory_of(vertices)
        self.failure = failure
        self.steps: list[dict[str, Any]] = []
        self.notes: list[str] = []
        first = min((v.seq for v in vertices if v.seq), default=0)
        last = max((v.seq for v in vertices if v.kind != "output"), default=0)
        calls = calls_within(first, last)
        if not calls:
            calls = inferred(vertices)
            if calls:
                self.notes.append(
                    "The boxes are guessed from the names of parameters: compute within "
                    "viz.record() to see modules as they ran."
                )
        self.root = tree(vertices, calls)
        self.boxes = self.root.walk()
        self.rows = arrange(self.root, vertices)
        hidden = {c for v in vertices for c in v.chips}
        self.cards = {v.id: card_of(v, vertices) for v in vertices if v.id not in hidden}
        self.lids = {b.id: card_of_box(b) for b in self.boxes}

    @property
    def title(self) -> str:
        """What is in the picture, in a line."""
        ops = sum(v.kind == "op" for v in self.vertices)
        leaves = sum(v.kind == "leaf" for v in self.vertices)
        text = f"{plural(ops, 'operation')}, {plural(leaves, 'leaf', 'leaves')}, "
        return text + f"{bytes_text(self.saved)} saved for the backward pass"

    def __repr__(self) -> str:
        what = f", failed: {self.failure.error}" if self.failure else ""
        return f"<viz.Graph: {self.title}{what}>"

    def placing(self) -> Placing:
        """The coordinates of the state in which the picture opens.

        >>> x = torch.ones(2, requires_grad=True)
        >>> type(viz.graph(x * 2).placing()).__name__
        'Placing'
        """
        opened = {b.id: b.opened for b in self.boxes}
        return Placing(self.rows, self.cards, self.lids, opened)

    def svg(self) -> str:
        """The picture as an SVG document that needs nothing else."""
        return Drawing(self.boxes, self.vertices, self.placing()).svg(self.title)

    def html(self) -> str:
        """The picture as an HTML page that needs nothing else: boxes open, steps, search."""
        data = json.dumps(self.data(), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        parts = {
            "TITLE": escape(self.title),
            "CSS": resource("graph.css") + resource("page.css"),
            "JS": resource("page.js"),
            "DATA": data.replace("<", "\\u003c"),
        }
        page = resource("page.html")
        for name, text in parts.items():
            page = page.replace("{{" + name + "}}", text)
        return page

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        """The still picture, and below it the page, which opens in place."""
        return (
            f'<div style="max-height:640px;overflow:auto">{self.svg()}</div>'
            "<details><summary>Step through the backward pass, search, open modules</summary>"
            f'<iframe srcdoc="{escape(self.html())}" loading="lazy" style="width:100%;height:720px;'
            'border:1px solid #8884;border-radius:8px"></iframe></details>'
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, or for a name that ends in .svg the still picture; returns the path.

        Raises ValueError for other endings.
        """
        p = Path(path)
        if p.suffix.lower() not in (".html", ".htm", ".svg"):
            raise ValueError(f"viz: cannot save as {p.name!r}: name a file .html or .svg")
        p.write_text(self.svg() if p.suffix.lower() == ".svg" else self.html(), encoding="utf-8")
        return p

    def show(self) -> Path:
        """Open the page in a browser; returns the temporary file, which stays.

        >>> x = torch.ones(2, requires_grad=True)
        >>> page = viz.graph(x * 2).show()  # doctest: +SKIP
        """
        import webbrowser

        path = self.save(Path(tempfile.mkdtemp(prefix="wengert-graph-")) / "graph.html")
        webbrowser.open(path.as_uri())
        return path

    # ---- for the page

    def data(self) -> dict[str, Any]:
        """All that the page knows."""
        told: dict[int, int] = {}  # id of a summary -> its place: what is sent arrives, mostly
        gradients: list[dict[str, Any]] = []

        def place(g: dict[str, Any] | None) -> int | None:
            if g is None:
                return None
            if id(g) not in told:
                told[id(g)] = len(gradients)
                gradients.append(g)
            return told[id(g)]

        steps = [
            {"v": s["v"], "in": [place(g) for g in s["in"]], "out": [place(g) for g in s["out"]]}
            for s in self.steps
        ]
        return {
            "title": self.title,
            "nodes": [self._node(v) for v in self.vertices],
            "boxes": [self._box(b) for b in self.boxes],
            "steps": steps,
            "gradients": gradients,
            "notes": self.notes,
            "failed": None if self.failure is None else vars_of(self.failure),
        }

    def _node(self, v: Vertex) -> dict[str, Any]:
        told: dict[str, Any] = {"t": v.title, "k": v.kind, "s": v.shape, "d": v.dtype}
        card = self.cards.get(v.id)
        if card is not None:
            told |= {"w": card.w, "h": card.h, "head": card.title, "lines": card.lines}
        more: dict[str, Any] = {
            "full": v.full, "f": v.family, "name": v.name, "tag": tag_of(v), "v": v.value,
            "dims": v.dims, "saved": v.saved, "freed": v.freed, "b": v.bytes, "m": v.module,
            "others": v.others, "chips": v.chips, "rules": v.rules, "formula": v.formula,
            "text": v.lines,
            "in": [[i.name, i.vertex, i.index] for i in v.inputs],
            "at": list(v.place) if v.place else None,
        }  # fmt: skip
        return told | {k: x for k, x in more.items() if x not in (None, "", [], 0, False)}

    def _box(self, b: Box) -> dict[str, Any]:
        lid, rows = self.lids[b.id], self.rows[b.id]
        inside = b.vertices()
        return {
            "k": b.kind, "w": lid.w, "h": lid.h, "head": lid.title, "lines": lid.lines,
            "note": b.note, "m": b.path, "p": None if b.parent is None else b.parent.id,
            "times": b.times, "failed": b.failed, "open": b.opened, "z": b.depth,
            "rows": [[k + str(n) for k, n in row] for row in rows.rows],
            "links": [x for link in rows.links for x in link],
            "n": sum(v.kind == "op" for v in inside), "b": memory_of(inside),
        }  # fmt: skip


def plural(n: int, one: str, several: str = "") -> str:
    """A count with its noun."""
    return f"{n} {one if n == 1 else several or one + 's'}"


def vars_of(f: Failure) -> dict[str, Any]:
    """A failure for the page."""
    return {"error": f.error, "message": f.message, "at": list(f.place) if f.place else None}


def graph(
    outputs: Any,
    params: Any = None,
    *,
    gradient: Any = None,
    backward: bool = True,
) -> Graph:
    """The graph that computed some tensors, as a picture: in a notebook, a page or a file.

    Modules are boxes if the computation ran within `viz.record()`. Nodes are called what the
    variables and the models of the calling function call them.

    Args:
        outputs: a tensor that requires grad, or a sequence or dict of them.
        params: names for leaves: a Module, a dict of name to tensor or module, or pairs.
        gradient: what the outputs receive in the backward pass that the page steps through, of
            their shapes; ones if left out.
        backward: False leaves that pass out.

    Tensors have any shape. Raises TypeError if outputs are not tensors, RuntimeError if they do not
    require grad or a gradient has another shape. Neither `.grad` nor the graph is changed.

    >>> from wengert import viz
    >>> x = torch.ones(2, 2, requires_grad=True)
    >>> z = (x ** 2 * 3).mean()
    >>> viz.graph(z)
    <viz.Graph: 3 operations, 1 leaf, 20 B saved for the backward pass>
    >>> path = viz.graph(z).save("graph.html")
    """
    frame = sys._getframe(1)
    pairs = named_outputs(outputs)
    tensors = [t for _, t in pairs]
    require_graph(tensors)
    seeds = checked_gradients(tensors, gradient)
    names = Names()
    names.add_given(params)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(
        os.path.dirname(__file__)
    ):
        frame = frame.f_back
    names.add_variables(frame)
    reading = Reading([t._n for t in tensors], names)
    pairs = [(own or variable_of(t, names), t) for own, t in pairs]
    root_vertices(reading, pairs)
    picture = Graph(reading.vertices)
    if backward:
        add_steps(picture, reading, tensors, seeds, gradient is None)
    return picture


def add_steps(
    picture: Graph,
    reading: Reading,
    tensors: Sequence[Tensor],
    seeds: Sequence[Tensor | None],
    ones: bool,
) -> None:
    """Run the backward pass for the page."""
    if any(v.freed for v in reading.vertices):
        picture.notes.append(
            "A backward pass has freed the saved values: draw the graph before it, or call "
            "backward(retain_graph=True), to step through."
        )
        return
    if any(v.full == "CheckpointFunctionBackward" for v in reading.vertices):
        picture.notes.append(
            "There are no steps: a reentrant checkpoint would add to .grad on the way. Use "
            "checkpoint(..., use_reentrant=False)."
        )
        return
    steps = reverse_pass(tensors, seeds, reading.number)
    picture.steps = [s for s in steps.told if s["in"]]
    if ones and any(math.prod(t._a.shape) != 1 for t in tensors):
        picture.notes.append("The output is no scalar: its gradient here is ones.")
    if steps.error:
        picture.notes.append(f"The backward pass stopped: {steps.error}")


def named_outputs(outputs: Any) -> list[tuple[str, Tensor]]:
    """(name or "", tensor) of what was given as outputs."""
    if isinstance(outputs, Tensor):
        return [("", outputs)]
    if isinstance(outputs, Mapping):
        pairs = [(str(k), t) for k, t in outputs.items()]
    elif isinstance(outputs, Sequence) and not isinstance(outputs, str):
        pairs = [("", t) for t in outputs]
    else:
        pairs = [("", outputs)]
    for i, (name, t) in enumerate(pairs):
        if not isinstance(t, Tensor):
            which = f"outputs[{name!r}]" if name else f"output {i}"
            raise TypeError(
                f"viz.graph: {which} is {type(t).__name__}: give the tensor whose graph is wanted, "
                "such as the loss"
            )
    if not pairs:
        raise ValueError("viz.graph: no outputs: give the tensor whose graph is wanted")
    return pairs


def checked_gradients(tensors: Sequence[Tensor], gradient: Any) -> list[Tensor | None]:
    """One gradient (or None) for each output."""
    given = [gradient] if gradient is None or isinstance(gradient, Tensor) else list(gradient)
    if gradient is None:
        given *= len(tensors)
    if len(given) != len(tensors):
        raise RuntimeError(
            f"viz.graph: {len(tensors)} outputs and {len(given)} gradients: give one for each"
        )
    for t, g in zip(tensors, given):
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(f"viz.graph: a gradient must be a Tensor, not {type(g).__name__}")
        if g is not None and tuple(g._a.shape) != tuple(t._a.shape):
            raise RuntimeError(
                f"viz.graph: a gradient of shape {tuple(g._a.shape)} for an output of shape "
                f"{tuple(t._a.shape)}: give one of the output's shape"
            )
    return given


def variable_of(t: Tensor, names: Names) -> str:
    """The variable that holds an output."""
    return next((k.name for k in names.of.values() if k.tensor is t), "")


def graph_of_failure(tape: record, params: Any = None) -> Graph:
    """What there was of a graph when a recorded block raised.

    params: names of parameters.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with viz.record() as tape:
    ...     y = (2 * x) @ torch.ones(3)
    Traceback (most recent call last):
        ...
    RuntimeError: ...
    >>> tape.draw_failure(tape).notes[0][:23]
    'The forward pass failed'
    """
    names = Names()
    names.add_given(params)
    names.add_variables(sys._getframe(2))
    reading = Reading(tape.roots, names)
    f = tape.failure
    assert f is not None
    v = Vertex(len(reading.vertices), "failure", f"{f.op or f.error} failed", f.error, seq=f.seq)
    v.place = f.place
    for name, text, n in f.operands:
        v.lines.append(f"{name}: {text}")
        if n in reading.number:
            v.inputs.append(Input(name, reading.number[n]))
    if f.place is not None:
        v.lines.append(f"{os.path.basename(f.place[0])}:{f.place[1]}  {f.place[3]}")
    reading.vertices.append(v)
    picture = Graph(reading.vertices, f)
    first = f.message.splitlines()[0] if f.message else ""
    picture.notes.append(f"The forward pass failed: {f.error}: {first}")
    return picture


__all__ = ["Graph", "graph", "graph_of_failure"]


record.draw = staticmethod(graph)
record.draw_failure = staticmethod(graph_of_failure)
