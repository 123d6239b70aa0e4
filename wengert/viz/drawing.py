"""The picture as a still SVG, for notebooks and files, in the state in which the page opens.

The page draws the same shapes from the same numbers in `page.js`.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files

from .grouping import Box
from .layout import Card, Placed, Placing, Rows, beside, lean, tag_of
from .reading import Vertex

TAG = 26
BUNDLE = 8  # more lines than this between two cards are drawn as one
TIP = (
    '<defs><marker id="wz-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
    'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" '
    'd="M0 0.5L7.5 4L0 7.5Z"/></marker></defs>'
)


def resource(name: str) -> str:
    """The text of a file that stands beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def fmt(x: float) -> str:
    """A coordinate of one digit after the point."""
    return f"{x:.1f}".removesuffix(".0")


class Drawing:
    """Draws placed boxes. boxes, vertices: by number."""

    def __init__(self, boxes: list[Box], vertices: list[Vertex], placing: Placing) -> None:
        self.boxes, self.vertices, self.placing = boxes, vertices, placing
        self.out: list[str] = []

    def svg(self, title: str) -> str:
        """The whole picture."""
        placed = self.placing.place(0)
        w, h = fmt(placed.w), fmt(placed.h)
        head = f'class="wz" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img"'
        self.out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {head} style="max-width:100%;height:auto">',
            f"<title>{escape(title)}</title><style>{resource('graph.css')}</style>",
            TIP,
            f'<rect class="paper" width="{w}" height="{h}" rx="10"/>',
        ]
        self.inside(0, placed, 0.0, 0.0)
        self.out.append("</svg>")
        return "".join(self.out)

    def inside(self, box: int, p: Placed, x0: float, y0: float) -> None:
        """What is in an open box: links below cards."""
        rows = self.placing.rows[box]
        for d, v, kind in routes(rows, p, self.placing.opened, x0, y0):
            own = self.vertices[v].kind
            leaf = f" {own}" if own in ("leaf", "input") else ""
            self.out.append(f'<path class="link{leaf}{kind}" d="{d}"/>')
        for r, row in enumerate(rows.rows):
            for i, (kind, n) in enumerate(row):
                w, h = p.size[r][i]
                x, y = x0 + p.x[r][i] - w / 2, y0 + p.y[r]
                if kind == "n":
                    self.card(self.vertices[n], self.placing.cards[n], x, y)
                elif kind == "g":
                    self.box(self.boxes[n], p.inner[n], x, y)

    def box(self, box: Box, p: Placed, x: float, y: float) -> None:
        """A box: its frame and what is in it, or its lid."""
        lid = self.placing.lids[box.id]
        failed = " failed" if box.failed else ""
        if not self.placing.opened[box.id]:
            self.out.append(
                f'<g class="lid {box.kind}{failed}" transform="translate({fmt(x)} {fmt(y)})">'
            )
            if box.times:
                for k in (8, 4):
                    self.out.append(
                        f'<rect class="ghost" x="{k}" y="{-k}" width="{fmt(p.w)}" '
                        f'height="{fmt(p.h)}" rx="9"/>'
                    )
            self.out.append(f'<rect class="face" width="{fmt(p.w)}" height="{fmt(p.h)}" rx="9"/>')
            self.out.append(f'<text class="head" x="14" y="19">{escape(lid.title)}</text>')
            for j, line in enumerate(lid.lines):
                self.out.append(
                    f'<text class="line" x="14" y="{36 + 15 * j}">{escape(line)}</text>'
                )
            self.out.append("</g>")
            return
        self.out.append(
            f'<g class="frame {box.kind}{failed}" transform="translate({fmt(x)} {fmt(y)})">'
            f'<rect class="face d{box.depth % 4}" width="{fmt(p.w)}" height="{fmt(p.h)}" rx="11"/>'
            "</g>"
        )
        self.inside(box.id, p, x, y)
        left, note = beside(box, lid.title, p)
        self.out.append(
            f'<g class="frame"><text class="head" x="{fmt(x + left)}" y="{fmt(y + 17)}">'
            f'{escape(lid.title)} <tspan class="note">{escape(note)}</tspan></text></g>'
        )

    def card(self, v: Vertex, card: Card, x: float, y: float) -> None:
        """The card of a vertex."""
        w, h = fmt(card.w), fmt(card.h)
        out = self.out
        out.append(
            f'<g class="card {v.kind} k-{v.family}" transform="translate({fmt(x)} {fmt(y)})">'
        )
        round_ = 13 if v.kind in ("leaf", "input") else 8
        out.append(f'<rect class="face" width="{w}" height="{h}" rx="{round_}"/>')
        if v.kind == "op":
            d = f"M8 0H5A5 5 0 0 0 0 5V{fmt(card.h - 5)}A5 5 0 0 0 5 {h}H8Z"
            out.append(f'<path class="stripe" d="{d}"/>')
        out.append(f'<text class="head" x="14" y="18">{escape(card.title)}</text>')
        tag = tag_of(v)
        if tag:
            out.append(
                f'<text class="tag" x="{fmt(card.w - 10)}" y="18">{escape(tag[:TAG])}</text>'
            )
        plain = len(card.lines) - len(v.chips)
        for j, line in enumerate(card.lines[:plain]):
            out.append(f'<text class="line" x="14" y="{34 + 15 * j}">{escape(line)}</text>')
        for j, line in enumerate(card.lines[plain:]):
            top = 26 + 15 * plain + 17 * j
            wide = fmt(card.w - 20)
            out.append(
                f'<rect class="chip" x="11" y="{top}" width="{wide}" height="15" rx="7"/>'
                f'<text class="line" x="17" y="{top + 11}">{escape(line)}</text>'
            )
        out.append("</g>")


def routes(
    rows: Rows, p: Placed, opened: dict[int, bool], x0: float, y0: float
) -> list[tuple[str, int, str]]:
    """(SVG path, value, classes) of the links within an open box; of a bundle, its first."""
    lower, upper = spread(rows, p, opened)
    drawn: list[tuple[str, int, str]] = []
    first = bundles(rows, opened)
    for k, (r, a, b, v) in enumerate(rows.links):
        if first.get(k, k) != k:
            continue
        xa = x0 + p.x[r][a] + upper[k]
        xb = x0 + p.x[r + 1][b] + lower[k]
        start, end = rows.rows[r][a], rows.rows[r + 1][b]
        ya = y0 + (0 if start[0] == "i" else p.y[r] + p.size[r][a][1])
        y1 = y0 + p.y[r] + p.tall[r]
        y2 = y0 + (p.h if end[0] == "o" else p.y[r + 1])
        yb = y2 + p.tall[r + 1] if end[0] == "d" else y2
        if start[0] == "d":
            ya = y1
        m = (y1 + y2) / 2
        d = f"M{fmt(xa)} {fmt(ya)}" + (f"V{fmt(y1)}" if ya != y1 else "")
        d += f"C{fmt(xa)} {fmt(m)} {fmt(xb)} {fmt(m)} {fmt(xb)} {fmt(y2)}"
        kind = " end" if end[0] == "n" or end[0] == "g" and not opened[end[1]] else ""
        kind += " bundle" if k in first else ""
        drawn.append((d + (f"V{fmt(yb)}" if yb != y2 else ""), v, kind))
    return drawn


def bundles(rows: Rows, opened: dict[int, bool]) -> dict[int, int]:
    """Link -> the first of those that run beside it between the same cards, where they are many."""
    beside: dict[tuple[int, int, int], list[int]] = {}
    for k, (r, a, b, _) in enumerate(rows.links):
        ends = (rows.rows[r][a], rows.rows[r + 1][b])
        if all(kind == "n" or kind == "g" and not opened[n] for kind, n in ends):
            beside.setdefault((r, a, b), []).append(k)
    return {k: ks[0] for ks in beside.values() if len(ks) > BUNDLE for k in ks}


def spread(rows: Rows, p: Placed, opened: dict[int, bool]) -> tuple[list[float], list[float]]:
    """How far from its item's centre each link ends (lower end, upper end), so that they part."""
    lower, upper = [0.0] * len(rows.links), [0.0] * len(rows.links)
    at_top: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
    at_foot: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
    first = bundles(rows, opened)
    for k, (r, a, b, v) in enumerate(rows.links):
        if first.get(k, k) != k:
            continue
        start, end = rows.rows[r][a], rows.rows[r + 1][b]
        lower[k] = lean(end, v, False, p.inner)
        upper[k] = lean(start, v, True, p.inner)
        if end[0] == "n":
            at_top.setdefault((r + 1, b), []).append((p.x[r][a] + upper[k], k, k))
        elif end[0] == "g" and not opened[end[1]]:
            at_top.setdefault((r + 1, b), []).append((p.x[r][a] + upper[k], v, k))
        if start[0] == "g" and not opened[start[1]]:
            at_foot.setdefault((r, a), []).append((p.x[r + 1][b], v, k))
    for ends, offsets in ((at_top, lower), (at_foot, upper)):
        for (r, i), found in ends.items():
            seats: dict[int, int] = {}
            for _, seat, _ in sorted(found):
                seats.setdefault(seat, len(seats))
            step = min(20.0, (p.size[r][i][0] - 28) / max(1, len(seats)))
            for _, seat, k in found:
                offsets[k] = (seats[seat] - (len(seats) - 1) / 2) * step
    return lower, upper
