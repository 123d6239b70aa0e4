"""Groups as kernels of a device: one launch, in place of a call of the device's library for each
node.

The text is that of the CPU's kernels (`emit.Body`), written for one element, which a thread
computes; numbers that lie in this machine's memory go along with the launch. As with all launches,
the first result is compared with what the library's calls give (`arrays/cuda_launcher.py`). Not
here: which nodes come together (`group.py`), rows, which are words of the device's namespace.
"""

from __future__ import annotations

import hashlib
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..arrays.cuda_launcher import MOST, Launcher
from ..engine.overlap import owner
from ..kernels.gpu import Kernel, Threads
from ..kernels.gpu_kernels import EACH, WIDTH
from ..kernels.lanes import Param
from . import storage
from .emit import TYPES, Body
from .graph import Node, Value
from .group import COLUMN, ONE, ROW, Group, behind, number

SPAN = 16 * WIDTH  # elements of a block that takes a row's
# By library and key of a group: those that programs hold, and the last ones asked for.
LAUNCHERS: Any = weakref.WeakValueDictionary()
RECENT: deque[Launcher] = deque(maxlen=512)
KERNELS: Any = weakref.WeakValueDictionary()  # kernels' launchers by the kernels' names


class Given:
    """A number that a kernel is given, read like an array of it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def load(self, *where: Any) -> Any:
        return self.value


class Element(Body):
    """What a group does to one element. k: the thread."""

    def __init__(self, group: Group, k: Threads, given: Sequence[Any], stored: Sequence[Any]):
        super().__init__(group, k, given, stored)
        self.lanes = 0

    def at(self, i: Any, columns: Any) -> None:
        """Element i of rows of some columns."""
        known, (column, row) = self.numbers(ONE, 0), (i, i)
        kinds = {how for _, how in self.group.operands}
        if COLUMN in kinds:
            column = i % columns
        if ROW in kinds:
            row = i // columns
        self.body(i, column, None, {**known, **self.numbers(ROW, row)})


def here(v: Value) -> bool:
    """Whether an operand is a number in this machine's memory."""
    return v.home is None


class Code:
    """The parts of a group's kernel: what it is given, and what a thread does to an element."""

    def __init__(self, group: Group) -> None:
        self.group = group
        given = [(f"x{i}", v) for i, (v, _) in enumerate(group.operands)]
        self.numbers: list[Param] = [(name, TYPES[v.kind]) for name, v in given if here(v)]
        self.arrays: list[Param] = [(name, TYPES[v.kind] + "*") for name, v in given if not here(v)]
        self.arrays += [(f"y{i}", TYPES[v.kind] + "*") for i, v in enumerate(group.outputs)]

    def element(self, f: Threads, given: dict[str, Any]) -> Element:
        """What is done to an element, with numbers and pointers by their names."""
        operands = [
            Given(given[f"x{i}"]) if here(v) else given[f"x{i}"]
            for i, (v, _) in enumerate(self.group.operands)
        ]
        stored = [given[f"y{i}"] for i in range(len(self.group.outputs))]
        return Element(self.group, f, operands, stored)

    def kernel(self) -> Kernel:
        """One group: (n, columns, numbers from here, arrays, results)."""

        def body(f: Threads, n: Any, columns: Any, *_: Any) -> None:
            element = self.element(f, f.args)
            first = f.block_index * (f.width * EACH) + f.thread

            def one(q: Any) -> None:
                i = first + q * f.width
                f.when(i < n, lambda: element.at(i, columns))

            f.loop(0, EACH, 1, one)

        params: list[Param] = [("n", "i64"), ("columns", "i64"), *self.numbers, *self.arrays]
        return self._named("chain", params, body)

    def kernel_of_rows(self) -> Kernel:
        """Groups that do the same: (spans, table of addresses, numbers from here). Each block takes
        elements start to stop of a row of the table.
        """

        def body(f: Threads, spans: Any, table: Any, *_: Any) -> None:
            row, start, stop = [spans.at(f.block_index * 3).load(i) for i in range(3)]
            columns = table.at(row * len(self.arrays))
            given = dict(f.args)
            for c, (name, kind) in enumerate(self.arrays):
                given[name] = columns.address(c, kind[:-1])
            element = self.element(f, given)
            f.loop(start + f.thread, stop, f.width, lambda i: element.at(i, None))

        params: list[Param] = [("spans", "i64*"), ("table", "i64*"), *self.numbers]
        return self._named("chains", params, body)

    def _named(self, name: str, params: list[Param], body: Callable[..., None]) -> Kernel:
        digest = hashlib.sha256(repr((self.group.key(), params)).encode()).hexdigest()
        return Kernel(f"{name}_{digest[:24]}", params, WIDTH, body)


def launcher_of(group: Group, rows: bool) -> Launcher:
    """What launches the kernel of a group, or of several like it."""
    lib, key = group.home.library, group.key()
    key = None if key is None else (id(lib), key, tuple([here(v) for v, _ in group.operands]), rows)
    launcher = None if key is None else LAUNCHERS.get(key)
    if launcher is None:
        code = Code(group)
        launcher = Launcher(code.kernel_of_rows() if rows else code.kernel(), lib)
        if key is not None:
            LAUNCHERS[key] = launcher
        KERNELS[launcher.kernel.name] = launcher
    RECENT.append(launcher)
    return launcher


class Launch:
    """A group's kernel with its sizes. word_of: what computes a node on arrays."""

    quick = None

    def __init__(self, group: Group, word_of: Callable[[Node], Any]) -> None:
        self.group, self.home = group, group.home
        self.launcher = launcher_of(group, False)
        self.words = [word_of(n) for n in group.nodes]

    def __call__(self, *arrays: Any) -> None:
        """Run it on operands and then results."""
        self.run(self.group.size, self.group.columns, arrays)

    def sized(self, sizes: tuple[int, int, int], *arrays: Any) -> None:
        """Run it on arrays of other shapes: (rows, columns, chunks)."""
        rows, columns, _ = sizes
        self.run(rows * (columns or 1), columns, arrays)

    def run(self, n: int, columns: int, arrays: Sequence[Any]) -> None:
        """Launch it; by the library's calls where it is not to be used."""
        inputs = len(self.group.operands)
        given, outs = arrays[:inputs], arrays[inputs:]
        device, blocks = outs[0].device.id, -(-n // (EACH * WIDTH))
        ready = blocks <= MOST and self.launcher.ready(device)
        want: Any = None
        with self.home.current():
            if not ready or device not in self.launcher.believed:
                want = self.general(given, outs[0].shape)
            if ready:
                pairs = [(v, a) for (v, _), a in zip(self.group.operands, given)]
                numbers = [a.item() for v, a in pairs if here(v)]
                there = [self.dense(a) for v, a in pairs if not here(v)]
                self.launcher.launch(device, blocks, n, columns, *numbers, *there, *outs)
                if want is None or self.launcher.checked(device, outs, lambda: want) is outs:
                    return
            for a, new in zip(outs, want):
                storage.write(a, new)

    def dense(self, a: Any) -> Any:
        """An array whose elements follow each other."""
        return a if a.flags.c_contiguous else self.home.contiguous(a)

    def general(self, given: Sequence[Any], shape: Any) -> tuple[Any, ...]:
        """What the library's calls make of operands."""
        known = {v.number: a.item() if here(v) else a
                 for (v, _), a in zip(self.group.operands, given)}  # fmt: skip

        def operand(x: Any) -> Any:
            if type(x) is not Value:
                return x
            x = behind(x)
            if x.number not in known and number(x):
                return x.array.item()
            return known[x.number]

        for n, word in zip(self.group.nodes, self.words):
            out = storage.as_array(
                word(*[operand(x) for x in n.operands], *n.static.values()), self.home
            )
            if tuple(out.shape) != tuple(shape):
                out = self.home.expand(out, tuple(shape))
            known[n.outputs[0].number] = out
        return tuple([storage.copy(known[v.number]) for v in self.group.outputs])


class Alike:
    """Groups that do the same to arrays of any sizes, and have nothing to do with each other."""

    draws = False

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.home, self.shape = groups[0].home, groups[0].shape
        self.nodes = [n for g in groups for n in g.nodes]
        self.operands = [pair for g in groups for pair in g.operands]
        self.outputs = tuple([v for g in groups for v in g.outputs])

    def values(self) -> Iterator[Value]:
        """The operands."""
        return (v for v, _ in self.operands)


class Launches:
    """The kernel of groups that do the same: one launch, which finds their arrays in a table."""

    quick = None

    def __init__(self, item: Alike, word_of: Callable[[Node], Any]) -> None:
        self.home, self.lib = item.home, item.home.library
        self.each = [Launch(g, word_of) for g in item.groups]
        self.launcher = launcher_of(item.groups[0], True)
        spans = [(i, k, min(g.size, k + SPAN)) for i, g in enumerate(item.groups)
                 for k in range(0, g.size, SPAN)]  # fmt: skip
        self.blocks, self.spans = len(spans), np.array(spans, np.int64).reshape(-1)
        self.device: dict[int, Any] = {}  # the spans there
        self.there: Any = None  # the table there, and what it holds
        self.copied: Any = None
        self.one_by_one = False  # for calls before a graph is recorded, which will be

    def __call__(self, *arrays: Any) -> None:
        """Run it on all operands and then all results."""
        given, outs = [], []
        at, end = 0, sum(len(x.group.operands) for x in self.each)
        for x in self.each:
            given.append(arrays[at : at + len(x.group.operands)])
            outs.append(arrays[end : end + len(x.group.outputs)])
            at, end = at + len(given[-1]), end + len(outs[-1])
        device = outs[0][0].device.id
        with self.home.current():
            recorded = self.one_by_one or self.lib.cuda.get_current_stream().is_capturing()
            # a graph would read the table from memory that changes
            if recorded or self.blocks > MOST or not self.launcher.ready(device):
                for x, own, results in zip(self.each, given, outs):
                    x(*own, *results)
                return
            want: Any = None
            if device not in self.launcher.believed:
                pairs = zip(self.each, given, outs)
                want = tuple([a for x, own, r in pairs for a in x.general(own, r[0].shape)])
            self._launch(device, given, outs)
            found = tuple([a for r in outs for a in r])
            if want is None or self.launcher.checked(device, found, lambda: want) is found:
                return
            for a, new in zip(found, want):
                storage.write(a, new)

    def _launch(self, device: int, given: Sequence[Any], outs: Sequence[Any]) -> None:
        kept, rows = [], []
        for x, own, results in zip(self.each, given, outs):
            pairs = zip(x.group.operands, own)
            there = [x.dense(a) for (v, _), a in pairs if not here(v)]
            kept.append(there)
            rows.append([a.data.ptr for a in (*there, *results)])
        first = self.each[0].group
        numbers = [a.item() for (v, _), a in zip(first.operands, given[0]) if here(v)]
        table = np.array(rows, np.int64)
        if self.there is None or not np.array_equal(table, self.copied):
            self.there, self.copied = self.lib.asarray(table.reshape(-1)), table
        if device not in self.device:
            self.device[device] = self.lib.asarray(self.spans)
        self.launcher.launch(device, self.blocks, self.device[device], self.there, *numbers)


def together(
    items: Sequence[Any], fixed: dict[int, Any], targets: dict[int, Any],
    changing: Callable[[Any], bool],
) -> list[Any]:  # fmt: skip
    """Items in which groups that follow each other on a device and do the same are one. fixed:
    arrays that stay; targets: those that results are written over. changing: whether an item is
    another for other shapes.
    """
    found: list[Any] = []
    run: list[Group] = []

    def close() -> None:
        if run:
            found.append(run[0] if len(run) == 1 else Alike(list(run)))
            run.clear()

    for item in items:
        home = getattr(item, "home", None)
        if home is None:
            found.append(item)  # numbers of this machine: nothing of a device needs to wait
            used = {v.number for g in run for v in g.outputs}
            if any(v.number in used for v in item.values()):
                found.pop()
                close()
                found.append(item)
            continue
        if type(item) is not Group or changing(item) or not by_row(item):
            close()
            found.append(item)
            continue
        if not all(alike(g, item) and apart(g, item, fixed, targets) for g in run):
            close()
        run.append(item)
    close()
    return found


def by_row(g: Group) -> bool:
    """Whether a group can be a row of a table: its arrays have its shape, or are one number."""
    return g.pays() and not g.columns and g.key() is not None and bool(g.shape)


def alike(a: Group, b: Group) -> bool:
    """Whether groups do the same with the same numbers."""
    if a.home is not b.home or len(a.operands) != len(b.operands) or a.key() != b.key():
        return False
    return all(
        here(v) == here(w) and (not here(v) or v is w)
        for (v, _), (w, _) in zip(a.operands, b.operands)
    )


def apart(a: Group, b: Group, fixed: dict[int, Any], targets: dict[int, Any]) -> bool:
    """Whether group b, which comes after a, may be computed at the same time."""
    made = {v.number for v in a.outputs}
    if any(v.number in made for v in b.values()):
        return False

    def memory(values: Iterable[Value], where: dict[int, Any]) -> set[int]:
        return {id(owner(where[v.number])) for v in values if v.number in where}

    read = [memory(g.values(), fixed) for g in (a, b)]
    written = [memory(g.outputs, targets) for g in (a, b)]
    return not (read[0] & written[1] or read[1] & written[0] or written[0] & written[1])
