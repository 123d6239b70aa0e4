"""The vertices of a graph put into a tree of boxes: modules, repeated blocks, stretches.

Every box holds a contiguous stretch of the order of creation, so that boxes can be drawn in place
of what is in them without making circles. Where things stand is `layout.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .reading import Vertex, place_text
from .recording import Call

LONG = 64  # a box with more members is divided
PERIOD = 96  # the longest stretch that is looked for as a repeated one
FEW = 24  # loops of plain operations are folded in boxes of more members
MANY = 16  # more leaves than this that several operations use stand in a box of their own
VISIBLE = 44  # cards that a page shows when it opens


@dataclass(eq=False)
class Box:
    """A group: a module's call, a fold of equal members, or a stretch of a long sequence."""

    kind: str  # root, module, fold, turn, part
    label: str
    note: str = ""
    members: list[Box | Vertex] = field(default_factory=list)
    id: int = 0
    parent: Box | None = None
    depth: int = 0
    times: int = 0  # of a fold
    failed: bool = False
    opened: bool = False
    path: str = ""

    def walk(self) -> list[Box]:
        """This box and all in it, outer ones first."""
        boxes = [self]
        for box in boxes:
            boxes += [m for m in box.members if isinstance(m, Box)]
        return boxes

    def vertices(self) -> list[Vertex]:
        """All vertices in it."""
        return [m for box in self.walk() for m in box.members if isinstance(m, Vertex)]


def tree(vertices: Sequence[Vertex], calls: Sequence[Call]) -> Box:
    """The root box of a graph. calls: outer ones first, each an interval of creation numbers."""
    root = Box("root", "")
    users = consumers(vertices)
    stack: list[tuple[float, Box]] = [(float("inf"), root)]
    waiting = list(reversed(calls))
    for v in sorted((v for v in vertices if v.kind not in ("leaf", "input")), key=lambda v: v.seq):
        while stack[-1][0] < v.seq:
            stack.pop()
        while waiting and waiting[-1].start <= v.seq:
            call = waiting.pop()
            if call.until >= v.seq:
                while stack[-1][0] < call.until:
                    stack.pop()
                box = Box("module", call.label or call.brief, failed=call.failed)
                box.path = call.path
                box.note = call.brief if call.label else ""
                stack[-1][1].members.append(box)
                stack.append((call.until, box))
        stack[-1][1].members.append(v)
        v.module = next((b.path for _, b in reversed(stack) if b.path), "")
    lift(root)
    fold(root, {})
    place_leaves(root, vertices, users)
    divide(root)
    number(root)
    open_some(root)
    return root


def inferred(vertices: Sequence[Vertex]) -> list[Call]:
    """What calls of modules there may have been, from the names of parameters alone.

    A module is taken to run from the first to the last operation on its parameters. Modules whose
    stretches cross, as those called several times, are left out.
    """
    spans: dict[str, tuple[float, float]] = {}
    for v in vertices:
        for i in v.inputs:
            leaf = vertices[i.vertex] if i.vertex is not None else None
            if leaf is None or not leaf.parameter:
                continue
            path = leaf.name
            while "." in path:
                path = path.rpartition(".")[0]
                first, last = spans.get(path, (v.seq, v.seq))
                spans[path] = (min(first, v.seq), max(last, v.seq))
    order = sorted(spans, key=lambda p: (spans[p][0], -spans[p][1], len(p)))
    crossing: set[str] = set()
    stack: list[str] = []
    for path in order:
        first, last = spans[path]
        while stack and spans[stack[-1]][1] < first:
            stack.pop()
        around = [p for p in stack if not path.startswith(p + ".")]
        if any(spans[p] != spans[path] for p in around):
            crossing |= {path, *around}
        stack.append(path)
    calls = []
    for path in order:
        if not any(path == c or path.startswith(c + ".") for c in crossing):
            first, last = spans[path]
            calls.append(Call(path, path.rpartition(".")[2], "", int(first), int(last)))
    return calls


def consumers(vertices: Sequence[Vertex]) -> dict[int, list[Vertex]]:
    """vertex -> the vertices that use it, once for each use."""
    users: dict[int, list[Vertex]] = {}
    for v in vertices:
        for i in v.inputs:
            if i.vertex is not None:
                users.setdefault(i.vertex, []).append(v)
    return users


def lift(box: Box) -> None:
    """Put the only member of a box in its place: Conv2d's one convolution needs no box."""
    for i, m in enumerate(box.members):
        if isinstance(m, Box):
            lift(m)
            if len(m.members) == 1 and not m.failed:
                (only,) = m.members
                if isinstance(only, Box):
                    only.label = f"{m.label}.{only.label}"
                else:
                    only.role = m.label
                    made = (m.note or m.label).partition("(")[0]
                    only.title = made if made.isidentifier() and m.note else only.title
                box.members[i] = only


def place_leaves(root: Box, vertices: Sequence[Vertex], users: dict[int, list[Vertex]]) -> None:
    """Put each leaf next to its users: into one's card, or before them in their common box."""
    home: dict[int, Box] = {}
    for box in root.walk():
        for m in box.members:
            if isinstance(m, Box):
                m.parent, m.depth = box, box.depth + 1
            else:
                home[m.id] = box
    shared: dict[int, tuple[Box, list[Vertex]]] = {}
    crowded = sum(v.kind == "op" for v in vertices) > 40
    for v in vertices:
        if v.kind not in ("leaf", "input"):
            continue
        its = users.get(v.id, [])
        if (
            v.kind == "leaf"
            and len(its) == 1
            and its[0].kind == "op"
            and (v.parameter and its[0].module or crowded)
        ):
            its[0].chips.append(v.id)
            continue
        box = common([home[u.id] for u in its]) if its else root
        loops = [b for b in above(box) if b.kind in ("fold", "turn")] if v.kind == "input" else []
        box = loops[-1] if loops else box
        if box.kind == "fold" and box.parent is not None:
            box = box.parent  # what all turns of a loop share, and the first begins with
        if len(its) > 1:
            shared.setdefault(id(box), (box, []))[1].append(v)
        inside = {id(b) for u in its for b in above(home[u.id])}
        at = next(
            (
                i
                for i, m in enumerate(box.members)
                if (m in its if isinstance(m, Vertex) else id(m) in inside)
            ),
            0,
        )
        box.members.insert(at, v)
    for box, leaves in shared.values():
        if len(leaves) > MANY:
            box.members = [m for m in box.members if m not in leaves]
            note = f"{leaves[0].title} … {leaves[-1].title}"
            box.members.insert(0, Box("part", f"{len(leaves)} leaves", note, [*leaves]))


def above(box: Box) -> list[Box]:
    """A box and those around it, inner ones first."""
    chain = [box]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    return chain


def common(boxes: Sequence[Box]) -> Box:
    """The innermost box around all of some boxes."""
    shared = boxes[0]
    for other in boxes[1:]:
        around = {id(b) for b in above(other)}
        while id(shared) not in around and shared.parent is not None:
            shared = shared.parent
    return shared


# ---- repeated blocks


def signature(m: Box | Vertex, known: dict[Any, int]) -> int:
    """A number that equal members share: same operations at the same lines, same shapes."""
    key: Any
    if isinstance(m, Vertex):
        key = (m.kind, m.full, m.shape, m.dtype, place_text(m.place), len(m.inputs))
    else:
        key = (m.kind, m.note, m.times, m.failed, *[signature(x, known) for x in m.members])
    return known.setdefault(key, len(known))


def fold(box: Box, known: dict[Any, int]) -> None:
    """Put equal stretches that follow each other into one box, innermost first."""
    for m in box.members:
        if isinstance(m, Box):
            fold(m, known)
    members = box.members
    if len(members) < 2:
        return
    signs = [signature(m, known) for m in members]
    n = len(signs)
    longest = min(PERIOD, n // 2)
    runs = {p: matches(signs, p) for p in range(1, longest + 1)}
    kept: list[Box | Vertex] = []
    i = 0
    while i < n:
        best = (0, 0, 0)
        for p in range(1, longest + 1):
            if i + p < n and signs[i] == signs[i + p]:
                k = 1 + runs[p][i] // p
                if worth(members[i : i + p], k, n) and (k * p, -p) > best[:2]:
                    best = (k * p, -p, k)
        covered, p, k = best[0], -best[1], best[2]
        if not covered:
            kept.append(members[i])
            i += 1
            continue
        kept.append(folded(members[i : i + covered], p, k))
        i += covered
    only = kept[0] if len(kept) == 1 else None
    if isinstance(only, Box) and only.kind == "fold" and box.kind == "module":
        # a Sequential of equal blocks is its fold
        box.kind, box.times, box.note, kept = "fold", only.times, only.note, only.members
    box.members = kept


def matches(signs: list[int], p: int) -> list[int]:
    """For each place, how many signatures from there on equal those p places later."""
    run = [0] * (len(signs) + 1)
    for i in range(len(signs) - p - 1, -1, -1):
        run[i] = run[i + 1] + 1 if signs[i] == signs[i + p] else 0
    return run


def worth(members: Sequence[Box | Vertex], k: int, total: int) -> bool:
    """Whether k repetitions of some members are easier to read as one box."""
    if k < 2:
        return False
    if len(members) == 1 and isinstance(members[0], Box):
        return members[0].kind == "module"
    if any(isinstance(m, Box) for m in members):
        return k >= 3
    plain = all(m.kind == "op" for m in members if isinstance(m, Vertex))
    return plain and total > FEW and k >= 3 and k * len(members) >= 6


def folded(members: list[Box | Vertex], p: int, k: int) -> Box:
    """The box for k repetitions of p members each."""
    if p == 1 and isinstance(members[0], Box):
        first, last = members[0], members[-1]
        assert isinstance(last, Box)
        name = first.note or first.label
        box = Box("fold", f"{first.label} … {last.label}", name, members, times=k)
        for j, m in enumerate(members):
            if isinstance(m, Box) and first.label == last.label:
                m.label = f"{m.label} #{j + 1}"
        if first.label == last.label or first.label.split(" #")[0] == last.label.split(" #")[0]:
            box.label = first.label.split(" #")[0]
        return box
    turns: list[Box | Vertex] = []
    if p == 1:
        turns = list(members)
    else:
        for j in range(k):
            turns.append(Box("turn", f"#{j + 1}", "", members[j * p : (j + 1) * p]))
    start = next((m for m in members if isinstance(m, Vertex)), None)
    where = place_text(start.place) if start is not None else ""
    names = list(dict.fromkeys(title(m) for m in members[:p]))
    label = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return Box("fold", label, where, turns, times=k)


# ---- long boxes


def divide(root: Box) -> None:
    """Cut boxes with very many members into stretches, and those into stretches again."""
    for box in root.walk():
        while len(box.members) > LONG:
            size = max(8, min(LONG, round(len(box.members) ** 0.5)))
            parts: list[Box] = []
            members = box.members
            tail = [m for m in members if isinstance(m, Vertex) and m.kind in ("output", "failure")]
            members = [m for m in members if not (isinstance(m, Vertex) and m in tail)]
            for j in range(0, len(members), size):
                some = members[j : j + size]
                parts.append(Box("part", "", "", some))
            for j, part in enumerate(parts):
                inner = part.vertices()
                part.label = f"part {j + 1} of {len(parts)}"
                part.note = f"{inner[0].title} … {inner[-1].title}"
            box.members = [*parts, *tail]
            if len(tail) > LONG - 8:
                break


def title(m: Box | Vertex) -> str:
    return m.label if isinstance(m, Box) else m.title


def number(root: Box) -> None:
    """Give boxes their numbers, parents and depths."""
    for i, box in enumerate(root.walk()):
        box.id = i
        for m in box.members:
            if isinstance(m, Box):
                m.parent, m.depth = box, box.depth + 1


def open_some(root: Box) -> None:
    """Open boxes level by level, as long as the picture stays small enough to take in."""
    root.opened = True
    visible = len(root.members)
    level = [m for m in root.members if isinstance(m, Box)]
    total = len(root.vertices())
    while level:
        grown = visible + sum(len(b.members) - 1 for b in level)
        if grown > VISIBLE and not (len(level) == 1 and visible < 12 and grown < 2 * VISIBLE):
            break
        for b in level:
            b.opened = b.kind != "fold" or total <= VISIBLE
        visible = grown
        level = [m for b in level if b.opened for m in b.members if isinstance(m, Box)]
    for box in root.walk():
        if any(isinstance(m, Vertex) and m.kind == "failure" for m in box.members):
            for b in above(box):  # the way to a failure is open
                b.opened = True
