"""Formulas over lanes as NumPy ufuncs, where llvmlite is installed.

Here: the loops over elements or rows that run a formula in one pass over memory, and `Ufunc`, which
compiles such a loop once it pays and makes NumPy's own kind of function of it: broadcasting,
strides and `out=` are NumPy's, and a call costs as little as one of its own. Not here: the values
that a formula is written with (`lanes.py`), and which formulas there are (`formulas.py`).

    double = Ufunc("double", "ff", 1, lambda t: elements(t, "ff", lambda x: x * 2.0))
    run = double.ready(saving=1e9)      # None where there is no compiler
    run(np.ones(3, "f"))
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import workers
from .compiler import Target
from .lanes import SIZES, Module, Pointer, Value
from .native import Host, Paid

TYPES = {"f": "float", "d": "double", "?": "i8", "l": "i64", "e": "half", "H": "i16"}
VECTORS = 2  # of a step, so that instructions overlap


class Loops:
    """The body of a ufunc: operands by number, inputs first, then outputs.

    kinds: a letter for each operand: "f" float32, "d" float64, "?" bool, "l" int64, "e" float16,
    "H" the bits of bfloat16. word: the
    widest type that formulas compute in. exact: every operation rounds by itself, as in NumPy.
    """

    def __init__(self, target: Target, kinds: str, word: str = "", exact: bool = False) -> None:
        self.module = Module(target, contract=not exact)
        self.light = exact and word != "double"  # so few operations that the loop itself counts
        self.module.short = "d" not in kinds
        params = [("args", "i64*"), ("dims", "i64*"), ("steps", "i64*")]
        self.f = self.module.function("body", params)
        self.words = [TYPES[kind] for kind in kinds]
        word = word or ("double" if "d" in kinds else "float")
        self.lanes = VECTORS * self.f.lanes(word)
        self.buffers = [self.f.stack(w, self.lanes) for w in self.words]
        for buffer, w in zip(self.buffers, self.words):
            if w != "i64":  # lanes beyond the end hold a harmless number
                buffer.store(self.f.constant(1, w, self.lanes))

    def operand(self, k: int) -> tuple[Pointer, Value]:
        """Where an operand begins, and how many bytes lie from one element to the next."""
        return self.f.args["args"].address(k, self.words[k]), self.f.args["steps"].load(k)

    def each(
        self,
        n: Value,
        at: dict[int, tuple[Pointer, Value]],
        reads: Sequence[int],
        writes: Sequence[int],
        reduces: str,
        body: Callable[..., Any],
    ) -> list[Value]:
        """Run body on the vectors of `reads`, some elements at a time.

        at: (address, step in bytes) of operands. body gives what to put into `writes`, then what to
        reduce: "+" sums, "m" takes the maximum. Returns the reduced numbers.
        """
        f, lanes = self.f, self.lanes
        used = [*reads, *(k for k in writes if k not in reads)]
        still: dict[int, Value] = {}  # whether an operand is one number
        flat = f.constant(1, "i1")
        start = f.index(0)
        for k in used:
            base, step = at[k]
            dense = step.equals(SIZES[self.words[k]])
            if k not in writes:
                still[k] = step.equals(0)

                def fill(k: int = k, base: Pointer = base) -> None:
                    self.buffers[k].store(base.load().wide(lanes))

                f.when(still[k] & (n > 0), fill)
                dense = dense | still[k]
            flat = flat & dense

        def some(i: Value, *carried: Value) -> list[Value]:
            left = n - i
            full = left >= lanes
            straight = full & flat
            count = full.choose(f.index(lanes), left)

            def fetch() -> None:
                def one(j: Value) -> None:
                    for k in reads:
                        base, step = at[k]
                        self.buffers[k].store(base.bytes_on((i + j) * step).load(), j)

                f.loop(0, count, 1, one)

            place = {}
            if reads:
                f.when(~straight, fetch)
            for k in used:
                near = straight if k in writes else straight & ~still[k]
                place[k] = f.pick(near, at[k][0].at(i), self.buffers[k])
            vectors = []
            for k in reads:
                v = place[k].load(0, lanes)
                vectors.append(v.differs(0) if self.words[k] == "i8" else v)
            given = body(*vectors)
            results = list(given) if isinstance(given, (tuple, list)) else [given]
            for k, v in zip(writes, results):
                v = v.wide(lanes)
                place[k].store(v.cast("zext", "i8") if self.words[k] == "i8" else v)
            new = []
            inside = f.count_up("i64", lanes) < (left if reduces else f.index(0))
            for v, how, r in zip(results[len(writes) :], reduces, carried):
                if how == "+":
                    new.append(r + inside.choose(v, 0.0))
                else:
                    new.append(r.most(inside.choose(v, -math.inf)))

            def put() -> None:
                def one(j: Value) -> None:
                    for k in writes:
                        base, step = at[k]
                        base.bytes_on((i + j) * step).store(self.buffers[k].load(j))

                f.loop(0, count, 1, one)

            if writes:
                f.when(~straight, put)
            return new

        if self.light and not reduces:
            start = self.straight(n, at, reads, writes, flat, still, body)
        word = self.words[used[0]]
        first = {"+": 0.0, "m": -math.inf}
        begin = [f.constant(first[how], word, lanes) for how in reduces]
        found = f.loop(start, n, lanes, some, begin)
        join: dict[str, Callable[[Value, Value], Value]]
        join = {"+": lambda a, b: a + b, "m": lambda a, b: a.most(b)}
        return [v.joined(join[how]) for v, how in zip(found, reduces)]

    def straight(
        self,
        n: Value,
        at: dict[int, tuple[Pointer, Value]],
        reads: Sequence[int],
        writes: Sequence[int],
        flat: Value,
        still: dict[int, Value],
        body: Callable[..., Any],
    ) -> Value:
        """The same as far as whole steps go where all is flat: nothing is asked inside the loop.

        Gives where it ends.
        """
        f, lanes = self.f, self.lanes
        whole = flat.choose(n - n % lanes, 0)
        place = {k: at[k][0] for k in writes}
        way = {k: f.index(1) for k in writes}
        for k in reads:
            if k not in writes:
                place[k] = f.pick(still[k], self.buffers[k], at[k][0])
                way[k] = still[k].choose(f.index(0), 1)

        def some(i: Value) -> None:
            vectors = []
            for k in reads:
                v = place[k].load(i * way[k], lanes)
                vectors.append(v.differs(0) if self.words[k] == "i8" else v)
            given = body(*vectors)
            for k, v in zip(writes, given if isinstance(given, (tuple, list)) else [given]):
                v = v.wide(lanes)
                place[k].store(v.cast("zext", "i8") if self.words[k] == "i8" else v, i)

        f.loop(0, whole, lanes, some)
        return whole

    def text(self, rows: bool = False) -> str:
        return self.module.text() + shared(len(self.words), rows, self.module.target.x86)


CHUNK = 16384  # elements that a thread takes at a time
LEAST = 65536  # elements from which a second thread pays


def shared(operands: int, rows: bool, x86: bool) -> str:
    """IR of `run`, the loop that NumPy calls: `body`, in chunks for our threads if there is much.

    %data: the address of `threads.FACTS`. rows: the second dimension is that of a row. Lanes whose
    result is not taken may divide by zero: the processor's notes of that are as before, where NumPy
    looks for warnings in them.
    """
    save = "%flags = alloca i32\n  call void @llvm.x86.sse.stmxcsr(ptr %flags)" if x86 else ""
    restore = "call void @llvm.x86.sse.ldmxcsr(ptr %flags)" if x86 else ""
    declared = "declare void @llvm.x86.sse.stmxcsr(ptr)\ndeclare void @llvm.x86.sse.ldmxcsr(ptr)"
    pointers = "\n".join(
        f"""  %p{k} = getelementptr ptr, ptr %args, i64 {k}
  %a{k} = load ptr, ptr %p{k}
  %q{k} = getelementptr i64, ptr %steps, i64 {k}
  %s{k} = load i64, ptr %q{k}
  %o{k} = mul i64 %s{k}, %start
  %n{k} = getelementptr i8, ptr %a{k}, i64 %o{k}
  %r{k} = getelementptr ptr, ptr %here, i64 {k}
  store ptr %n{k}, ptr %r{k}"""
        for k in range(operands)
    )
    row = "  %width = load i64, ptr %second" if rows else "  %width = add i64 1, 0"
    return f"""
{declared if x86 else ""}
define void @chunk(ptr %table, i64 %chunk, i64 %thread, i64 %step) {{
entry:
  %here = alloca [{operands} x ptr]
  %count = alloca [2 x i64]
  %args = load ptr, ptr %table
  %t1 = getelementptr i64, ptr %table, i64 1
  %dims = load ptr, ptr %t1
  %t2 = getelementptr i64, ptr %table, i64 2
  %steps = load ptr, ptr %t2
  %t3 = getelementptr i64, ptr %table, i64 3
  %size = load i64, ptr %t3
  %all = load i64, ptr %dims
  %start = mul i64 %chunk, %size
  %left = sub i64 %all, %start
  %less = icmp slt i64 %left, %size
  %n = select i1 %less, i64 %left, i64 %size
  store i64 %n, ptr %count
  %d1 = getelementptr i64, ptr %count, i64 1
{"  %e1 = getelementptr i64, ptr %dims, i64 1" if rows else ""}
{"  %w = load i64, ptr %e1" if rows else "  %w = add i64 0, 0"}
  store i64 %w, ptr %d1
{pointers}
  call void @body(ptr %here, ptr %count, ptr %steps)
  ret void
}}
define void @run(ptr %args, ptr %dims, ptr %steps, ptr %data) {{
entry:
  %table = alloca [4 x i64]
  {save}
  %n = load i64, ptr %dims
{"  %second = getelementptr i64, ptr %dims, i64 1" if rows else ""}
{row}
  %work = mul i64 %n, %width
  %much = icmp sge i64 %work, {LEAST}
  %some = icmp sgt i64 %n, 1
  %both = and i1 %much, %some
  br i1 %both, label %many, label %alone
alone:
  call void @body(ptr %args, ptr %dims, ptr %steps)
  {restore}
  ret void
many:
  %wide = icmp sgt i64 %width, {CHUNK}
  %safe = select i1 %wide, i64 {CHUNK}, i64 %width
  %size = sdiv i64 {CHUNK}, %safe
  %up = add i64 %n, %size
  %up1 = sub i64 %up, 1
  %chunks = sdiv i64 %up1, %size
  store ptr %args, ptr %table
  %t1 = getelementptr i64, ptr %table, i64 1
  store ptr %dims, ptr %t1
  %t2 = getelementptr i64, ptr %table, i64 2
  store ptr %steps, ptr %t2
  %t3 = getelementptr i64, ptr %table, i64 3
  store i64 %size, ptr %t3
  %memory = load ptr, ptr %data
  %d1 = getelementptr i64, ptr %data, i64 1
  %share = load ptr, ptr %d1
  %d2 = getelementptr i64, ptr %data, i64 2
  %threads = load i64, ptr %d2
  call void %share(ptr %memory, ptr @chunk, ptr %table, i64 %chunks, i64 1, i64 %threads)
  {restore}
  ret void
}}
"""


def elements(
    target: Target,
    kinds: str,
    formula: Callable[..., Any],
    outputs: int = 1,
    word: str = "",
    exact: bool = False,
) -> str:
    """IR of a loop that applies a formula to each element. word, exact: see `Loops`."""
    inputs = len(kinds) - outputs
    loops = Loops(target, kinds, word, exact)
    n = loops.f.args["dims"].load()
    at = {k: loops.operand(k) for k in range(len(kinds))}
    loops.each(n, at, range(inputs), range(inputs, len(kinds)), "", formula)
    return loops.text()


class Row:
    """One row of each operand, while the formula for rows is written down."""

    def __init__(self, loops: Loops, n: Value, at: dict[int, tuple[Pointer, Value]]) -> None:
        self.loops, self.n, self.at = loops, n, at

    @property
    def size(self) -> Value:
        """How many elements the row has."""
        return self.n.to("float")

    def number(self, k: int) -> Value:
        """Operand k, which is one number."""
        return self.at[k][0].load()

    def element(self, k: int, index: Value) -> Value:
        """One element of operand k."""
        base, step = self.at[k]
        return base.bytes_on(index * step).load()

    def put(self, k: int, value: Value, index: Value | None = None) -> None:
        """Make value operand k's number, or one of its elements."""
        base, step = self.at[k]
        (base if index is None else base.bytes_on(index * step)).store(value)

    def each(
        self, reads: Sequence[int], writes: Sequence[int], reduces: str, body: Callable[..., Any]
    ) -> list[Value]:
        return self.loops.each(self.n, self.at, reads, writes, reduces, body)


class RowPerLane:
    """As `Row`, with a row in each lane: for short rows."""

    def __init__(self, loops: Loops, n: Value, at: dict[int, tuple[Pointer, Value, Value]]) -> None:
        self.loops, self.n, self.at = loops, n, at  # at: address, step from row to row, within
        self.rows = loops.f.index(0).wide(loops.lanes)
        self.inside = loops.f.constant(1, "i1", loops.lanes)

    def begin(self, first: Value, count: Value) -> None:
        """Have the rows from the first on, up to count."""
        rows = self.loops.f.count_up("i64", self.loops.lanes) + first
        self.inside, self.rows = rows < count, rows.least(count - 1)

    @property
    def size(self) -> Value:
        return self.n.to("float")

    def number(self, k: int) -> Value:
        base, step, _ = self.at[k]
        return base.gather(self.rows * step, "i8")

    def element(self, k: int, index: Value) -> Value:
        base, step, inner = self.at[k]
        return base.gather(self.rows * step + index * inner, "i8")

    def put(self, k: int, value: Value, index: Value | None = None) -> None:
        base, step, inner = self.at[k]
        place = self.rows * step
        base.scatter(value, place if index is None else place + index * inner, self.inside, "i8")

    def each(
        self, reads: Sequence[int], writes: Sequence[int], reduces: str, body: Callable[..., Any]
    ) -> list[Value]:
        f = self.loops.f
        starts = {k: self.rows * self.at[k][1] for k in (*reads, *writes)}

        def one(j: Value, *carried: Value) -> list[Value]:
            given = body(
                *[self.at[k][0].gather(starts[k] + j * self.at[k][2], "i8") for k in reads]
            )
            results = list(given) if isinstance(given, (tuple, list)) else [given]
            for k, v in zip(writes, results):
                self.at[k][0].scatter(v, starts[k] + j * self.at[k][2], self.inside, "i8")
            return [
                r + v if how == "+" else r.most(v)
                for v, how, r in zip(results[len(writes) :], reduces, carried)
            ]

        word = self.loops.words[(*reads, *writes)[0]]
        first = {"+": 0.0, "m": -math.inf}
        return f.loop(
            0, self.n, 1, one, [f.constant(first[how], word, self.loops.lanes) for how in reduces]
        )


def rows(
    target: Target,
    kinds: str,
    core: Sequence[int],
    formula: Callable[[Any], None],
    short: bool = False,
) -> str:
    """IR of a loop over rows. core: operands with a dimension of their own. short: one a lane."""
    loops = Loops(target, kinds)
    f = loops.f
    outer, n = f.args["dims"].load(0), f.args["dims"].load(1)
    operands = [loops.operand(k) for k in range(len(kinds))]
    inner = {k: f.args["steps"].load(len(kinds) + j) for j, k in enumerate(core)}

    def row(i: Value) -> None:
        at = {
            k: (base.bytes_on(i * step), inner.get(k, f.index(0)))
            for k, (base, step) in enumerate(operands)
        }
        formula(Row(loops, n, at))

    if not short:
        f.loop(0, outer, 1, row)
        return loops.text(rows=True)
    lanes = RowPerLane(
        loops,
        n,
        {k: (base, step, inner.get(k, f.index(0))) for k, (base, step) in enumerate(operands)},
    )

    def some(i: Value) -> None:
        lanes.begin(i, outer)
        formula(lanes)

    f.loop(0, outer, loops.lanes, some)
    return loops.text(rows=True)


# --------------------------------------------------------------------------- ufuncs


class _Maker:
    """NumPy's maker of ufuncs, from its table of C functions."""

    def __init__(self) -> None:
        core = getattr(np, "_core", None) or np.core
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        table = ctypes.cast(
            get(core._multiarray_umath._UFUNC_API, None), ctypes.POINTER(ctypes.c_void_p)
        )
        p, s, i = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        prototype = ctypes.PYFUNCTYPE(ctypes.py_object, p, p, p, i, i, i, i, s, s, i, s)
        self.make = prototype(table[31])  # PyUFunc_FromFuncAndDataAndSignature
        self.kept: list[Any] = []  # a ufunc refers to its tables and does not own them

    def ufunc(self, address: int, name: str, kinds: str, inputs: int, signature: str | None) -> Any:
        return self.several([(address, workers.workers().ready(), kinds)], name, inputs, signature)

    def several(
        self, loops: list[tuple[int, int, str]], name: str, inputs: int, signature: str | None
    ) -> Any:
        """A ufunc of loops: where each is, its data, and a letter for each operand."""
        n = len(loops)
        functions = (ctypes.c_void_p * n)(*[where for where, _, _ in loops])
        data = (ctypes.c_void_p * n)(*[own for _, own, _ in loops])
        letters = [np.int64 if k == "l" else k for _, _, kinds in loops for k in kinds]
        types = ctypes.create_string_buffer(bytes([np.dtype(k).num for k in letters]))
        label = name.encode()
        sig = None if signature is None else signature.encode()
        self.kept += [functions, data, types, label, sig]
        address_of = ctypes.addressof
        return self.make(
            address_of(functions),
            address_of(data),
            address_of(types),
            n,
            inputs,
            len(loops[0][2]) - inputs,
            -1,
            label,
            b"",
            0,
            sig,
        )


_makers: list[_Maker] = []


def maker() -> _Maker:
    if not _makers:
        _makers.append(_Maker())
    return _makers[0]


class Ufunc(Paid):
    """A ufunc that is made at its first use, or if it is exact, when it begins to pay.

    text: the IR of its loop. key: what the text depends on beside the processor and the files of
    this folder, if it is known, so that no text is written where the machine code is on disk.
    kinds: a letter for each operand, inputs first. exact: its results are those of the general word
    bit for bit, so that it may take over in the middle of a program; others are there from the
    first call on, or a program's numbers would depend on what ran before.
    """

    PAYS = 2e5  # ns lost without it: few beside the compiler's, but later processes find the code

    def __init__(
        self,
        name: str,
        kinds: str,
        inputs: int,
        text: Callable[[Target], str],
        signature: str | None = None,
        exact: bool = False,
        key: object = None,
    ) -> None:
        self.name, self.kinds, self.inputs = name, kinds, inputs
        self.text, self.signature, self.key = text, signature, key
        self.exact = exact
        self.least = self.PAYS if exact else 0.0
        self.loop = (ctypes.c_uint64 * 2)()  # where its loop is, and its data, once it is made

    def _build(self, host: Host) -> Any:
        if not host.fuses():
            return None
        if self.key is None:
            where = host.address(self.text(host.target))
        else:
            where = host.named(self.key, lambda: self.text(host.target))
        made = maker().ufunc(where, self.name, self.kinds, self.inputs, self.signature)
        self.loop[1] = workers.workers().ready()
        self.loop[0] = where  # from here on it is there for others
        return made
