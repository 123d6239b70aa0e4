"""Where things stand: rows, order within rows, and coordinates, for each box on its own.

A box is laid out like a small graph of its members. A value that crosses its border does so at a
port, once, and a value that passes rows goes through a place kept free for it. So rows and
orders do not depend on which boxes are open: they are computed here once, and the page repeats
only the last step, `place`, which must stay the same as `place` in `page.js`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .array_summary import bytes_text
from .grouping import Box
from .reading import Vertex, memory_of, place_text

GAP_X, GAP_Y, PAD, HEAD = 22.0, 34.0, 16.0, 26.0
SWEEPS, SETTLES = 6, 8
STEP = 40

# An item of a row: ("n", vertex), ("g", box), or a value on its way: through the row ("d"), in
# from above the box ("i"), out below it ("o").
Item = tuple[str, int]
# row of the upper end, place in that row, place in the next row, value
Link = tuple[int, int, int, int]


@dataclass
class Rows:
    """The layout of one box as far as it does not depend on what is open."""

    rows: list[list[Item]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


def arrange(root: Box, vertices: Sequence[Vertex]) -> dict[int, Rows]:
    """box -> its rows."""
    boxes = root.walk()
    home: dict[int, Box] = {}
    for box in boxes:
        home.update({m.id: box for m in box.members if isinstance(m, Vertex)})
    edges: dict[int, dict[tuple[Item, Item, int], int]] = {b.id: {} for b in boxes}
    for v in vertices:
        if v.id not in home:
            continue
        for i in v.inputs:
            if i.vertex is not None and i.vertex in home:
                connect(edges, home, i.vertex, v.id)
    return {b.id: in_rows(b, edges[b.id]) for b in boxes}


def connect(edges: dict[int, Any], home: dict[int, Box], source: int, target: int) -> None:
    """Lead a value from a vertex to its user: up out of boxes, across, down into boxes."""
    a, b = home[source], home[target]
    start: Item = ("n", source)
    end: Item = ("n", target)
    while a is not b:
        if a.depth >= b.depth:
            add(edges[a.id], start, ("o", source), source, once=True)
            start, a = ("g", a.id), a.parent  # type: ignore[assignment]
        else:
            add(edges[b.id], ("i", source), end, source, once=end[0] == "g")
            end, b = ("g", b.id), b.parent  # type: ignore[assignment]
    add(edges[a.id], start, end, source, once=end[0] == "g")


def add(table: dict[Any, int], start: Item, end: Item, value: int, once: bool) -> None:
    """Count a connection; x * x has two, a value enters a box once."""
    key = (start, end, value)
    table[key] = 1 if once else table.get(key, 0) + 1


def in_rows(box: Box, edges: dict[tuple[Item, Item, int], int]) -> Rows:
    """Rows of a box: a member stands below all it depends on."""
    items: list[Item] = [("g" if isinstance(m, Box) else "n", m.id) for m in box.members]
    below: dict[Item, list[Item]] = {}
    for start, end, _ in edges:
        below.setdefault(end, []).append(start)
    rank: dict[Item, int] = {}
    for item in items:
        rank[item] = 1 + max((rank.get(p, 0) for p in below.get(item, ())), default=0)
    users: dict[Item, list[Item]] = {}
    for start, end, _ in edges:
        users.setdefault(start, []).append(end)
    for item in reversed(items):  # what depends on nothing stands right above its first user
        if item not in below:
            rank[item] = max(1, min((rank.get(u, 1) for u in users.get(item, ())), default=2) - 1)
    last = max(rank.values(), default=0) + 1
    rows: list[list[Item]] = [[] for _ in range(last + 1)]
    for item in items:
        rows[rank[item]].append(item)
    values: dict[tuple[Item, int], list[tuple[Item, int]]] = {}
    for (start, end, value), times in edges.items():
        values.setdefault((start, value), []).append((end, times))
        if start[0] == "i" and start not in rank:
            rank[start] = 0
            rows[0].append(start)
        if end[0] == "o" and end not in rank:
            rank[end] = last
            rows[last].append(end)
    threads: list[tuple[int, Item, Item, int]] = []  # row, upper item, lower item, value
    for (start, value), ends in values.items():
        path = [start]
        for r in range(rank[start] + 1, max(rank[e] for e, _ in ends)):
            path.append(("d", value * 65536 + r))
            rows[r].append(path[-1])
            threads.append((r - 1, path[-2], path[-1], value))
        for end, times in ends:
            r = rank[end] - 1
            threads += [(r, path[r - rank[start]], end, value)] * times
    untangle(rows, threads)
    first, final = 0 if rows[0] else 1, last if rows[last] else last - 1
    where = {item: i for row in rows for i, item in enumerate(row)}
    plain = [
        [(k, n // 65536 if k == "d" else n) for k, n in row] for row in rows[first : final + 1]
    ]
    return Rows(plain, [(r - first, where[a], where[b], v) for r, a, b, v in threads])


def untangle(rows: list[list[Item]], threads: list[tuple[int, Item, Item, int]]) -> None:
    """Order each row so that few threads cross: by the mean place of the neighbours, up and down.

    The best order met is kept.
    """
    if len(threads) < 2:
        return
    up: dict[Item, list[Item]] = {}
    down: dict[Item, list[Item]] = {}
    between: list[list[tuple[Item, Item]]] = [[] for _ in rows]
    for r, a, b, _ in threads:
        down.setdefault(a, []).append(b)
        up.setdefault(b, []).append(a)
        between[r].append((a, b))
    best, fewest = [list(row) for row in rows], crossings(rows, between)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down_again = sweep % 2 == 0
        neighbours = up if down_again else down
        span = range(1, len(rows)) if down_again else range(len(rows) - 2, -1, -1)
        for r in span:
            near = rows[r - 1] if down_again else rows[r + 1]
            at = {item: i / max(1, len(near) - 1) for i, item in enumerate(near)}
            own = {item: i / max(1, len(rows[r]) - 1) for i, item in enumerate(rows[r])}

            def wish(item: Item, at: Any = at, own: Any = own) -> float:
                found = neighbours.get(item)  # noqa: B023
                return sum(at[x] for x in found) / len(found) if found else own[item]

            rows[r].sort(key=wish)
        crossed = crossings(rows, between)
        if crossed < fewest:
            best, fewest = [list(row) for row in rows], crossed
    for row, kept in zip(rows, best):
        row[:] = kept


def crossings(rows: list[list[Item]], between: list[list[tuple[Item, Item]]]) -> int:
    """How many pairs of threads cross, by counting inversions in each gap."""
    total = 0
    for r, pairs in enumerate(between[:-1]):
        if len(pairs) < 2:
            continue
        above = {item: i for i, item in enumerate(rows[r])}
        under = {item: i for i, item in enumerate(rows[r + 1])}
        ends = [b for _, b in sorted((above[a], under[b]) for a, b in pairs)]
        total += inversions(ends, len(rows[r + 1]))
    return total


def inversions(numbers: list[int], n: int) -> int:
    """Pairs in the wrong order, with a tree of counts."""
    counts = [0] * (n + 1)
    total = 0
    for seen, x in enumerate(numbers):
        i, not_more = x + 1, 0
        while i:
            not_more += counts[i]
            i &= i - 1
        total += seen - not_more
        i = x + 1
        while i <= n:
            counts[i] += 1
            i += i & -i
    return total


# ---- sizes


@dataclass
class Card:
    """The size and the text of something drawn as one card."""

    w: float
    h: float
    title: str
    lines: list[str]


def clipped(text: str, most: int) -> str:
    """A text of at most so many characters; the end is worth more in paths than in titles."""
    return text if len(text) <= most else text[: most - 1] + "…"


def card_of(v: Vertex, vertices: Sequence[Vertex]) -> Card:
    """The card of a vertex."""
    title = clipped(v.title, 34)
    lines = [f"{v.shape}  {v.dtype}{f'  +{len(v.others)}' if v.others else ''}"] if v.shape else []
    if v.kind == "op" and v.full:
        lines.insert(0, v.full)
    if v.kind == "op":
        facts = (
            [bytes_text(v.bytes) + " saved"]
            if v.bytes
            else ["freed" if v.freed else "saves nothing"]
        )
        lines.append("  ".join([*facts, place_text(v.place)]).strip())
    if v.kind == "output" and v.value is not None and len(v.value) == 1:
        lines.append(plain(v.value))
    if v.kind == "leaf" and v.value is not None and len(v.value) <= 4:
        lines.append(plain(v.value))
    lines += v.lines
    lines = [clipped(line, 40) for line in lines]
    chips = [f"{short_name(vertices[c])}  {vertices[c].shape}" for c in v.chips]
    chips = [clipped(c, 36) for c in chips]
    heading = len(title) * 8.1 + (len(clipped(tag_of(v), 26)) * 6.8 + 14 if tag_of(v) else 0)
    w = max(heading, *[len(line) * 6.7 for line in [*lines, *chips]], 64) + 26
    h = 26 + 15 * len(lines) + (17 * len(chips) + 2 if chips else 0) + (2 if lines else 6)
    return Card(even(w), h, title, [*lines, *chips])


def even(width: float) -> float:
    """A width in steps, so that cards below each other end at the same places."""
    return STEP * math.ceil(width / STEP)


def beside(box: Box, title: str, p: Placed) -> tuple[float, str]:
    """Where the title of an open box begins, and its note if there is room for one: not across a
    line that comes in from above.
    """
    for note in (box.note, ""):
        w = len(title) * 7.6 + (len(note) * 6.6 + 6 if note else 0)
        x = 12.0
        for port in sorted(p.ins.values()):
            if x - 6 < port < x + w + 6:
                x = port + 9
        if x + w < p.w - 6:
            return x, note
    return 12.0, ""


def plain(numbers: list[Any]) -> str:
    """A few numbers in a line."""
    return ", ".join(f"{x:.5g}" if isinstance(x, float) else str(x) for x in numbers)


def tag_of(v: Vertex) -> str:
    """What stands at the right end of a card's title: the variable, or the module that is it."""
    if v.kind == "op":
        return v.name or v.role
    return ""


def short_name(v: Vertex) -> str:
    """The last part of a parameter's name."""
    return v.name.rpartition(".")[2] or v.title


def card_of_box(box: Box) -> Card:
    """The card of a closed box."""
    inside = box.vertices()
    ops = sum(v.kind == "op" for v in inside)
    size = memory_of(inside)
    lines = [clipped(box.note, 36)] if box.note else []
    if ops:
        lines.append(f"{ops} op{'s' if ops != 1 else ''}  {bytes_text(size)} saved")
    title = clipped(box.label, 30) + (f"  ×{box.times}" if box.times else "")
    w = max([len(title) * 7.8 + 20, *[len(line) * 6.7 for line in lines]]) + 30
    return Card(even(w), 28 + 15 * len(lines), title, lines)


# ---- coordinates: the same steps as in page.js


@dataclass
class Placed:
    """A box with coordinates: of items (centre x, top y, w, h by row), and of ports by value."""

    w: float
    h: float
    x: list[list[float]] = field(default_factory=list)
    y: list[float] = field(default_factory=list)  # top of each row
    tall: list[float] = field(default_factory=list)
    size: list[list[tuple[float, float]]] = field(default_factory=list)
    ins: dict[int, float] = field(default_factory=dict)
    outs: dict[int, float] = field(default_factory=dict)
    inner: dict[int, Placed] = field(default_factory=dict)


class Placing:
    """Coordinates for a state of open and closed boxes.

    rows: of each box. cards: of vertices. lids: of closed boxes. opened: which boxes are open.
    """

    def __init__(
        self,
        rows: dict[int, Rows],
        cards: dict[int, Card],
        lids: dict[int, Card],
        opened: dict[int, bool],
    ) -> None:
        self.rows, self.cards, self.lids, self.opened = rows, cards, lids, opened

    def size(self, item: Item, inner: dict[int, Placed]) -> tuple[float, float]:
        """Width and height of an item."""
        kind, n = item
        if kind == "n":
            return self.cards[n].w, self.cards[n].h
        if kind == "g":
            return inner[n].w, inner[n].h
        return (10.0, 0.0) if kind == "d" else (14.0, 0.0)

    def place(self, box: int) -> Placed:
        """A box and all open boxes in it."""
        if not self.opened[box]:
            lid = self.lids[box]
            return Placed(lid.w, lid.h)
        rows, links = self.rows[box].rows, self.rows[box].links
        inner = {n: self.place(n) for row in rows for kind, n in row if kind == "g"}
        size = [[self.size(item, inner) for item in row] for row in rows]
        x = settle_all(rows, links, size, inner)
        low = min((a - s[0] / 2 for row, sz in zip(x, size) for a, s in zip(row, sz)), default=0.0)
        high = max((a + s[0] / 2 for row, sz in zip(x, size) for a, s in zip(row, sz)), default=0.0)
        least = 0.0 if box == 0 else self.lids[box].w
        w = max(high - low + 2 * PAD, least)
        shift = (w - (high - low)) / 2 - low
        x = [[a + shift for a in row] for row in x]
        y: list[float] = []
        tall: list[float] = []
        at = PAD if box == 0 else HEAD
        for r, row in enumerate(rows):
            entry = bool(row) and row[0][0] == "i"
            leave = bool(row) and row[0][0] == "o"
            if r and not leave:
                at += 14 if rows[r - 1] and rows[r - 1][0][0] == "i" else GAP_Y
            if leave:
                at += 18
            y.append(at)
            tall.append(0.0 if entry or leave else max((s[1] for s in size[r]), default=0.0))
            at += tall[-1]
        h = at + (0 if rows and rows[-1] and rows[-1][0][0] == "o" else PAD)
        ins = {n: x[0][i] for i, (k, n) in enumerate(rows[0]) if k == "i"} if rows else {}
        outs = {n: x[-1][i] for i, (k, n) in enumerate(rows[-1]) if k == "o"} if rows else {}
        return Placed(w, h, x, y, tall, size, ins, outs, inner)


def lean(item: Item, value: int, lower: bool, inner: dict[int, Placed]) -> float:
    """How far from an item's centre a value is attached; lower: at its lower edge."""
    if item[0] != "g":
        return 0.0
    p = inner[item[1]]
    ports = p.outs if lower else p.ins
    return ports[value] - p.w / 2 if value in ports else 0.0


def settle_all(
    rows: list[list[Item]],
    links: list[Link],
    size: list[list[tuple[float, float]]],
    inner: dict[int, Placed],
) -> list[list[float]]:
    """x of all items: each near the mean of its neighbours, none on top of another."""
    x: list[list[float]] = []
    for sz in size:
        width = sum(w for w, _ in sz) + GAP_X * (len(sz) - 1)
        at = -width / 2
        row = []
        for w, _ in sz:
            row.append(at + w / 2)
            at += w + GAP_X
        x.append(row)
    up: list[list[list[tuple[int, float, float]]]] = [[[] for _ in row] for row in rows]
    down: list[list[list[tuple[int, float, float]]]] = [[[] for _ in row] for row in rows]
    for r, a, b, v in links:
        upper, lower = rows[r][a], rows[r + 1][b]
        through = (upper[0] in "dio") + (lower[0] in "dio")
        weight = (1.0, 3.0, 8.0)[through]
        off = lean(upper, v, True, inner) - lean(lower, v, False, inner)
        down[r][a].append((b, -off, weight))
        up[r + 1][b].append((a, off, weight))
    for turn in range(SETTLES):
        downward = turn % 2 == 0
        near = up if downward else down
        span = range(1, len(rows)) if downward else range(len(rows) - 2, -1, -1)
        for r in span:
            other = x[r - 1] if downward else x[r + 1]
            wishes, weights = [], []
            for i in range(len(rows[r])):
                total = wish = 0.0
                for j, off, weight in near[r][i]:
                    total += weight
                    wish += weight * (other[j] + off)
                wishes.append(wish / total if total else x[r][i])
                weights.append(total or 0.1)
            x[r] = settle(wishes, weights, [w for w, _ in size[r]])
    return x


def settle(wishes: list[float], weights: list[float], widths: list[float]) -> list[float]:
    """The places nearest to the wishes (least squares) that keep the order and the gaps.

    >>> settle([0.0, 0.0], [1.0, 1.0], [10.0, 10.0])
    [-16.0, 16.0]
    """
    offset = [0.0]
    for a, b in zip(widths, widths[1:]):
        offset.append(offset[-1] + (a + b) / 2 + GAP_X)
    pools: list[tuple[float, float, int]] = []  # sum of weighted wishes, of weights, members
    for wish, weight, off in zip(wishes, weights, offset):
        s, w, k = weight * (wish - off), weight, 1
        while pools and pools[-1][0] / pools[-1][1] > s / w:
            before = pools.pop()
            s, w, k = s + before[0], w + before[1], k + before[2]
        pools.append((s, w, k))
    places: list[float] = []
    for s, w, k in pools:
        for _ in range(k):
            places.append(s / w + offset[len(places)])
    return places
