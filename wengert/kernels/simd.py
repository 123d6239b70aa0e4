"""Formulas over float32 lanes as NumPy ufuncs, where llvmlite is installed.

Here: a small language of vector values (`V`), the loops over elements or rows that run it in one
pass over memory, and `Ufunc`, which compiles such a loop once it pays and makes NumPy's own kind
of function of it: broadcasting, strides and `out=` are NumPy's, and a call costs as little as one
of its own. Not here: which formulas there are (`formulas.py`).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.uninterrupted import uninterrupted
from . import workers
from .native import Host

LANES = 32  # elements of a step: four or two registers, so that instructions overlap
TYPES = {"f": ("float", 4), "?": ("i8", 1), "l": ("i64", 8)}


class Text:
    """Lines of IR so far, and the functions they need."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declared: set[str] = set()
        self.count = 0

    def new(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def add(self, *lines: str) -> None:
        self.lines += [line if line.endswith(":") else "  " + line for line in lines]

    def label(self) -> str:
        self.count += 1
        return f"b{self.count}"


class V:
    """A float32 value, or one per lane; `words` is another type for what is not a float."""

    def __init__(self, to: Text, name: str, lanes: int, word: str = "float") -> None:
        self.to, self.name, self.lanes, self.word = to, name, lanes, word

    @property
    def type(self) -> str:
        return self.word if self.lanes == 1 else f"<{self.lanes} x {self.word}>"

    def __str__(self) -> str:
        return f"{self.type} {self.name}"

    def constant(self, value: float, word: str | None = None) -> V:
        word = word or self.word
        if word == "float":
            single = struct.unpack("f", struct.pack("f", value))[0]
            text = f"0x{struct.pack('>d', single).hex()}"
        else:
            text = str(value)
        if self.lanes > 1:
            text = "<" + ", ".join([f"{word} {text}"] * self.lanes) + ">"
        return V(self.to, text, self.lanes, word)

    def wide(self, lanes: int) -> V:
        """The value in all lanes."""
        if self.lanes == lanes:
            return self
        kind = f"<{lanes} x {self.word}>"
        one = self.to.new(f"insertelement {kind} poison, {self}, i64 0")
        every = f"<{lanes} x i32> zeroinitializer"
        name = self.to.new(f"shufflevector {kind} {one}, {kind} poison, {every}")
        return V(self.to, name, lanes, self.word)

    def pair(self, other: Any) -> tuple[V, V]:
        if not isinstance(other, V):
            return self, self.constant(other)
        lanes = max(self.lanes, other.lanes)
        return self.wide(lanes), other.wide(lanes)

    def do(self, op: str, other: Any, word: str | None = None) -> V:
        x, y = self.pair(other)
        return V(self.to, self.to.new(f"{op} {x}, {y.name}"), x.lanes, word or self.word)

    def __add__(self, other: Any) -> V:
        return self.do("fadd", other)

    def __sub__(self, other: Any) -> V:
        return self.do("fsub", other)

    def __mul__(self, other: Any) -> V:
        return self.do("fmul", other)

    def __truediv__(self, other: Any) -> V:
        return self.do("fdiv", other)

    def __rsub__(self, other: float) -> V:
        return self.constant(other) - self

    def __rtruediv__(self, other: float) -> V:
        return self.constant(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> V:
        return V(self.to, self.to.new(f"fneg {self}"), self.lanes)

    def __gt__(self, other: Any) -> V:
        return self.do("fcmp ogt", other, "i1")

    def __lt__(self, other: Any) -> V:
        return self.do("fcmp olt", other, "i1")

    def isnan(self) -> V:
        return self.do("fcmp uno", self, "i1")

    def call(self, name: str, *others: Any) -> V:
        """An intrinsic of LLVM's, of one or more values."""
        lanes = max(v.lanes for v in (self, *others) if isinstance(v, V))
        like = self.wide(lanes)
        args = [v.wide(lanes) if isinstance(v, V) else like.constant(v) for v in (self, *others)]
        suffix = f"v{lanes}f32" if lanes > 1 else "f32"
        return self.apply(f"llvm.{name}.{suffix}", like.type, args)

    def apply(self, name: str, kind: str, args: Sequence[V]) -> V:
        self.to.declared.add(f"declare {kind} @{name}({', '.join([kind] * len(args))})")
        text = f"call {kind} @{name}({', '.join(map(str, args))})"
        return V(self.to, self.to.new(text), args[0].lanes)

    def bits(self) -> V:
        kind = V(self.to, "", self.lanes, "i32").type
        return V(self.to, self.to.new(f"bitcast {self} to {kind}"), self.lanes, "i32")

    def unbits(self) -> V:
        kind = V(self.to, "", self.lanes).type
        return V(self.to, self.to.new(f"bitcast {self} to {kind}"), self.lanes)

    def to_float(self) -> V:
        kind = V(self.to, "", self.lanes).type
        return V(self.to, self.to.new(f"sitofp {self} to {kind}"), self.lanes)

    def choose(self, x: Any, y: Any) -> V:
        """x where this mask is set, else y."""
        like = next((v for v in (x, y) if isinstance(v, V)), None)
        lanes = max([self.lanes, *(v.lanes for v in (x, y) if isinstance(v, V))])
        base = V(self.to, "", lanes) if like is None else V(self.to, "", lanes, like.word)
        x, y = (v.wide(lanes) if isinstance(v, V) else base.constant(v) for v in (x, y))
        return V(self.to, self.to.new(f"select {self.wide(lanes)}, {x}, {y}"), lanes, x.word)

    def fma(self, y: Any, z: Any) -> V:
        """self * y + z with one rounding."""
        return self.call("fma", y, z)


# --------------------------------------------------------------------------- loops


class Loops:
    """The body of a ufunc: operands by number, inputs first, then outputs.

    kinds: a letter for each operand: "f" float32, "?" bool, "l" int64.
    """

    def __init__(self, kinds: str) -> None:
        self.to = Text()
        self.kinds = kinds
        self.buffers: dict[int, str] = {}
        for k, kind in enumerate(kinds):
            name = self.to.new(f"alloca [{LANES} x {TYPES[kind][0]}], align 64")
            self.buffers[k] = name
            if kind != "l":  # lanes beyond the end hold a harmless number
                one = V(self.to, "", LANES, TYPES[kind][0]).constant(1)
                self.to.add(f"store {one}, ptr {name}, align 64")

    def entry(self, table: str, k: int, kind: str) -> str:
        at = self.to.new(f"getelementptr {kind}, ptr %{table}, i64 {k}")
        return self.to.new(f"load {kind}, ptr {at}")

    def moved(self, base: str, step: str, i: str) -> str:
        far = self.to.new(f"mul i64 {step}, {i}")
        return self.to.new(f"getelementptr i8, ptr {base}, i64 {far}")

    def count(self, n: str, body: Callable[[str], None]) -> None:
        """body for each number below n."""
        to = self.to
        test, work, last, done = (to.label() for _ in range(4))
        before = to.label()
        to.add(f"br label %{before}", f"{before}:", f"br label %{test}", f"{test}:")
        i, nxt = f"%i{test}", f"%n{test}"
        to.add(f"{i} = phi i64 [ 0, %{before} ], [ {nxt}, %{last} ]")
        more = to.new(f"icmp slt i64 {i}, {n}")
        to.add(f"br i1 {more}, label %{work}, label %{done}", f"{work}:")
        body(i)
        to.add(f"br label %{last}", f"{last}:", f"{nxt} = add i64 {i}, 1")
        to.add(f"br label %{test}", f"{done}:")

    def each(
        self,
        n: str,
        at: dict[int, tuple[str, str]],
        reads: Sequence[int],
        writes: Sequence[int],
        reduces: str,
        body: Callable[..., Any],
    ) -> list[V]:
        """Run body on the vectors of `reads`, LANES elements at a time.

        at: (address, step in bytes) of operands. body gives what to put into `writes`, then what to
        reduce: "+" sums, "m" takes the maximum. Returns the reduced numbers.
        """
        to = self.to
        used = [*reads, *(k for k in writes if k not in reads)]
        direct: dict[int, str] = {}
        flat = "true"
        for k in used:
            base, step = at[k]
            size = TYPES[self.kinds[k]][1]
            dense = to.new(f"icmp eq i64 {step}, {size}")
            if k in writes:
                direct[k] = ""
            else:
                direct[k] = still = to.new(f"icmp eq i64 {step}, 0")
                some = to.new(f"icmp sgt i64 {n}, 0")
                fills = to.new(f"and i1 {still}, {some}")
                fill, after = to.label(), to.label()
                to.add(f"br i1 {fills}, label %{fill}, label %{after}", f"{fill}:")
                word = TYPES[self.kinds[k]][0]
                one = V(to, to.new(f"load {word}, ptr {base}, align 1"), 1, word).wide(LANES)
                to.add(f"store {one}, ptr {self.buffers[k]}, align 64")
                to.add(f"br label %{after}", f"{after}:")
                dense = to.new(f"or i1 {dense}, {still}")
            flat = to.new(f"and i1 {flat}, {dense}")
        before, test, work, near, far, take, calc, back, put, last, done = (
            to.label() for _ in range(11)
        )
        to.add(f"br label %{before}", f"{before}:", f"br label %{test}", f"{test}:")
        i, nxt = f"%i{test}", f"%n{test}"
        to.add(f"{i} = phi i64 [ 0, %{before} ], [ {nxt}, %{last} ]")
        like = V(to, "", LANES)
        start = {"+": like.constant(0.0), "m": like.constant(float("-inf"))}
        carried = [V(to, f"%r{test}x{j}", LANES) for j in range(len(reduces))]
        for j, how in enumerate(reduces):
            v = carried[j]
            to.add(
                f"{v.name} = phi {v.type} [ {start[how].name}, %{before} ], [ {v.name}n, %{last} ]"
            )
        left = to.new(f"sub i64 {n}, {i}")
        more = to.new(f"icmp sgt i64 {left}, 0")
        to.add(f"br i1 {more}, label %{work}, label %{done}", f"{work}:")
        full = to.new(f"icmp sge i64 {left}, {LANES}")
        whole = to.new(f"select i1 {full}, i64 {LANES}, i64 {left}")
        straight = to.new(f"and i1 {full}, {flat}")
        to.add(f"br i1 {straight}, label %{near}, label %{far}", f"{near}:")
        place: dict[int, str] = {}
        for k in used:
            word = TYPES[self.kinds[k]][0]
            here = to.new(f"getelementptr {word}, ptr {at[k][0]}, i64 {i}")
            if direct[k]:
                here = to.new(f"select i1 {direct[k]}, ptr {self.buffers[k]}, ptr {here}")
            place[k] = here
        to.add(f"br label %{calc}", f"{far}:")

        def copy(into: bool, operands: Sequence[int]) -> Callable[[str], None]:
            def one(j: str) -> None:
                for k in operands:
                    word = TYPES[self.kinds[k]][0]
                    index = to.new(f"add i64 {i}, {j}")
                    there = self.moved(*at[k], index)
                    buffer = to.new(f"getelementptr {word}, ptr {self.buffers[k]}, i64 {j}")
                    a, b = (there, buffer) if into else (buffer, there)
                    value = to.new(f"load {word}, ptr {a}, align 1")
                    to.add(f"store {word} {value}, ptr {b}, align 1")

            return one

        if reads:
            self.count(whole, copy(True, reads))
        to.add(f"br label %{take}", f"{take}:", f"br label %{calc}", f"{calc}:")
        ptr = {
            k: to.new(f"phi ptr [ {place[k]}, %{near} ], [ {self.buffers[k]}, %{take} ]")
            for k in used
        }
        vectors = []
        for k in reads:
            word = TYPES[self.kinds[k]][0]
            v = V(to, "", LANES, word)
            v.name = to.new(f"load {v.type}, ptr {ptr[k]}, align 1")
            vectors.append(v.do("icmp ne", 0, "i1") if word == "i8" else v)
        results = body(*vectors)
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        for k, v in zip(writes, results):
            if self.kinds[k] == "?":
                v = V(to, to.new(f"zext {v} to <{LANES} x i8>"), LANES, "i8")
            to.add(f"store {v.wide(LANES)}, ptr {ptr[k]}, align 1")
        if reduces:
            lane = V(to, "<" + ", ".join(f"i64 {j}" for j in range(LANES)) + ">", LANES, "i64")
            inside = lane.do("icmp slt", V(to, left, 1, "i64"), "i1")
        for v, how, r in zip(results[len(writes) :], reduces, carried):
            if how == "+":
                total = r + inside.choose(v, 0.0)
            else:
                total = (inside.choose(v, float("-inf")) > r).choose(v, r)
            to.add(f"{r.name}n = bitcast {total} to {r.type}")
        to.add(f"br i1 {straight}, label %{last}, label %{back}", f"{back}:")
        if writes:
            self.count(whole, copy(False, writes))
        to.add(f"br label %{put}", f"{put}:", f"br label %{last}", f"{last}:")
        to.add(f"{nxt} = add i64 {i}, {LANES}", f"br label %{test}", f"{done}:")
        return [self.across(v, how) for v, how in zip(carried, reduces)]

    def across(self, v: V, how: str) -> V:
        """The lanes of v taken together, by halves."""
        lanes = v.lanes
        while lanes > 1:
            lanes //= 2
            halves = []
            for first in (0, lanes):
                at = ", ".join(f"i32 {first + j}" for j in range(lanes))
                kind = f"<{lanes} x i32> <{at}>"
                name = self.to.new(f"shufflevector {v}, {v.type} poison, {kind}")
                halves.append(V(self.to, name, lanes))
            if lanes == 1:
                halves = [
                    V(self.to, self.to.new(f"extractelement <1 x float> {h.name}, i64 0"), 1)
                    for h in halves
                ]
            a, b = halves
            v = a + b if how == "+" else (b > a).choose(b, a)
        return v

    def text(self, cores: Sequence[int] = ()) -> str:
        body = "\n".join(self.to.lines)
        declared = "\n".join(sorted(self.to.declared))
        return (
            f"{declared}\ndefine void @body(ptr %args, ptr %dims, ptr %steps) {{\n"
            f"entry:\n{body}\n  ret void\n}}\n" + shared(len(self.kinds), bool(cores))
        )


CHUNK = 16384  # elements that a thread takes at a time
LEAST = 65536  # elements from which a second thread pays


def shared(operands: int, rows: bool) -> str:
    """IR of `run`, the loop that NumPy calls: `body`, in chunks for our threads if there is much.

    %data: the address of `threads.FACTS`. rows: the second dimension is that of a row.
    """
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
  ret void
}}
"""


def elements(kinds: str, formula: Callable[..., Any], outputs: int = 1) -> str:
    """IR of a loop that applies a formula to each element."""
    inputs = len(kinds) - outputs
    loops = Loops(kinds)
    n = loops.entry("dims", 0, "i64")
    at = {
        k: (loops.entry("args", k, "ptr"), loops.entry("steps", k, "i64"))
        for k in range(len(kinds))
    }
    loops.each(n, at, range(inputs), range(inputs, len(kinds)), "", formula)
    return loops.text()


class Row:
    """One row of each operand, while the formula for rows is written down."""

    def __init__(self, loops: Loops, n: str, at: dict[int, tuple[str, str]]) -> None:
        self.loops, self.n, self.at = loops, n, at

    @property
    def size(self) -> V:
        """How many elements the row has."""
        return V(self.loops.to, self.loops.to.new(f"sitofp i64 {self.n} to float"), 1)

    def number(self, k: int) -> V:
        """Operand k, which is one number."""
        word = TYPES[self.loops.kinds[k]][0]
        to = self.loops.to
        return V(to, to.new(f"load {word}, ptr {self.at[k][0]}, align 1"), 1, word)

    def element(self, k: int, index: V) -> V:
        """One element of operand k."""
        to = self.loops.to
        at = self.loops.moved(*self.at[k], index.name)
        return V(to, to.new(f"load float, ptr {at}, align 1"), 1)

    def put(self, k: int, value: V, index: V | None = None) -> None:
        """Make value operand k's number, or one of its elements."""
        at = self.at[k][0] if index is None else self.loops.moved(*self.at[k], index.name)
        self.loops.to.add(f"store {value}, ptr {at}, align 1")

    def each(
        self, reads: Sequence[int], writes: Sequence[int], reduces: str, body: Callable[..., Any]
    ) -> list[V]:
        return self.loops.each(self.n, self.at, reads, writes, reduces, body)


def rows(kinds: str, core: Sequence[int], formula: Callable[[Row], None]) -> str:
    """IR of a loop over rows. core: the operands with a dimension of their own."""
    loops = Loops(kinds)
    outer = loops.entry("dims", 0, "i64")
    n = loops.entry("dims", 1, "i64")
    base = {k: loops.entry("args", k, "ptr") for k in range(len(kinds))}
    step = {k: loops.entry("steps", k, "i64") for k in range(len(kinds))}
    inner = {k: loops.entry("steps", len(kinds) + j, "i64") for j, k in enumerate(core)}

    def row(i: str) -> None:
        at = {k: (loops.moved(base[k], step[k], i), inner.get(k, "0")) for k in base}
        formula(Row(loops, n, at))

    loops.count(outer, row)
    return loops.text(core)


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
        functions = (ctypes.c_void_p * 1)(address)
        data = (ctypes.c_void_p * 1)(workers.workers().ready())
        numbers = [np.dtype(np.int64 if k == "l" else k).num for k in kinds]
        types = ctypes.create_string_buffer(bytes(numbers))
        label = name.encode()
        sig = None if signature is None else signature.encode()
        self.kept += [functions, data, types, label, sig]
        address_of = ctypes.addressof
        return self.make(
            address_of(functions),
            address_of(data),
            address_of(types),
            1,
            inputs,
            len(kinds) - inputs,
            -1,
            label,
            b"",
            0,
            sig,
        )


_makers: list[_Maker] = []


class Ufunc:
    """A ufunc that is made at its first use, or if it is exact, when it begins to pay.

    text: the IR of its loop. kinds: a letter for each operand, inputs first. exact: its results
    are those of the general word bit for bit, so that it may take over in the middle of a program;
    others are there from the first call on, or a program's numbers would depend on what ran before.
    """

    PAYS = 2e6  # ns lost without it: a tenth of what the compiler costs, as more calls will follow

    def __init__(
        self,
        name: str,
        kinds: str,
        inputs: int,
        text: Callable[[], str],
        signature: str | None = None,
        exact: bool = False,
    ) -> None:
        self.name, self.kinds, self.inputs = name, kinds, inputs
        self.text, self.signature = text, signature
        self.lost, self.exact = 0.0, exact
        self.made = False
        self.run: Any = None

    def ready(self, saving: float) -> Any:
        """The ufunc, for a call that it would make some nanoseconds shorter, or None."""
        if not self.made:
            self.lost += saving
            if not self.exact or self.lost >= self.PAYS:
                self.compile()
        return self.run

    def compile(self) -> Any:
        """The ufunc now, or None where there is no compiler."""
        return uninterrupted(self._compile)

    def _compile(self) -> Any:
        with Host.lock:
            if not self.made:
                host = Host.make()
                if host is not None and host.fuses():
                    if not _makers:
                        _makers.append(_Maker())
                    self.run = _makers[0].ufunc(
                        host.address(self.text()),
                        self.name,
                        self.kinds,
                        self.inputs,
                        self.signature,
                    )
                self.made = True
        return self.run
