"""The language that kernels are written in: values over lanes, pointers, loops; all as LLVM's text.

A kernel is a Python function that writes a `Function`: its operators on `Value`s add instructions.
Nothing here or in a kernel names an address. Not here: the compiler (`compiler.py`) and the
conventions of a job that threads share (`jobs.py`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from .compiler import Target

SIZES = {"i1": 1, "i8": 1, "i32": 4, "i64": 8, "float": 4, "double": 8, "ptr": 8}
INTRINSIC = {"float": "f32", "double": "f64", "i32": "i32", "i64": "i64", "i8": "i8"}


def literal(x: float, word: str) -> str:
    """A number as LLVM writes it."""
    if word not in ("float", "double"):
        return str(int(x))
    if word == "float" and math.isfinite(x):
        try:
            x = struct.unpack("f", struct.pack("f", x))[0]
        except OverflowError:
            x = math.copysign(math.inf, x)
    return "0x" + struct.pack(">d", x).hex().upper()


class Value:
    """A number, or one in each of some lanes."""

    __slots__ = ("f", "lanes", "name", "word")

    def __init__(self, f: Function, name: str, word: str, lanes: int = 0) -> None:
        self.f, self.name, self.word, self.lanes = f, name, word, lanes

    @property
    def type(self) -> str:
        return f"<{self.lanes} x {self.word}>" if self.lanes else self.word

    def __str__(self) -> str:
        return f"{self.type} {self.name}"

    @property
    def real(self) -> bool:
        return self.word in ("float", "double")

    def constant(self, x: float) -> Value:
        """x in this value's type."""
        text = literal(x, self.word)
        if self.lanes:
            text = "<" + ", ".join([f"{self.word} {text}"] * self.lanes) + ">"
        return Value(self.f, text, self.word, self.lanes)

    def _same(self, other: Any) -> tuple[Value, Value]:
        if not isinstance(other, Value):
            return self, self.constant(other)
        if self.lanes and not other.lanes:
            return self, other.wide(self.lanes)
        if other.lanes and not self.lanes:
            return self.wide(other.lanes), other
        return self, other

    def _put(self, text: str, word: str, lanes: int) -> Value:
        return Value(self.f, self.f.new(text), word, lanes)

    def _do(self, real: str, whole: str, other: Any, back: bool = False) -> Value:
        a, b = self._same(other)
        if back:
            a, b = b, a
        op = real + self.f.module.flags.get(real, "") if a.real else whole
        return a._put(f"{op} {a}, {b.name}", a.word, a.lanes)

    def __add__(self, other: Any) -> Value:
        return self._do("fadd", "add", other)

    def __radd__(self, other: Any) -> Value:
        return self._do("fadd", "add", other, True)

    def __sub__(self, other: Any) -> Value:
        return self._do("fsub", "sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self._do("fsub", "sub", other, True)

    def __mul__(self, other: Any) -> Value:
        return self._do("fmul", "mul", other)

    def __rmul__(self, other: Any) -> Value:
        return self._do("fmul", "mul", other, True)

    def __truediv__(self, other: Any) -> Value:
        return self._do("fdiv", "sdiv", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._do("fdiv", "sdiv", other, True)

    def __floordiv__(self, other: Any) -> Value:
        """Of whole numbers that are not negative."""
        return self._do("", "udiv", other)

    def __mod__(self, other: Any) -> Value:
        """Of whole numbers that are not negative."""
        return self._do("", "urem", other)

    def __and__(self, other: Any) -> Value:
        return self._do("", "and", other)

    def __or__(self, other: Any) -> Value:
        return self._do("", "or", other)

    def __xor__(self, other: Any) -> Value:
        return self._do("", "xor", other)

    def __lshift__(self, other: Any) -> Value:
        return self._do("", "shl", other)

    def __rshift__(self, other: Any) -> Value:
        return self._do("", "ashr", other)

    def __invert__(self) -> Value:
        return self ^ (1 if self.word == "i1" else -1)

    def __neg__(self) -> Value:
        if self.real:
            return self._put(f"fneg {self}", self.word, self.lanes)
        return 0 - self

    def compare(self, real: str, whole: str, other: Any) -> Value:
        a, b = self._same(other)
        op = f"fcmp {real}" if a.real else f"icmp {whole}"
        return a._put(f"{op} {a}, {b.name}", "i1", a.lanes)

    def __lt__(self, other: Any) -> Value:
        return self.compare("olt", "slt", other)

    def __le__(self, other: Any) -> Value:
        return self.compare("ole", "sle", other)

    def __gt__(self, other: Any) -> Value:
        return self.compare("ogt", "sgt", other)

    def __ge__(self, other: Any) -> Value:
        return self.compare("oge", "sge", other)

    def equals(self, other: Any) -> Value:
        return self.compare("oeq", "eq", other)

    def differs(self, other: Any) -> Value:
        return self.compare("une", "ne", other)

    def isnan(self) -> Value:
        return self.compare("uno", "", self)

    def choose(self, x: Any, y: Any) -> Value:
        """x where this mask is set, else y."""
        x, y = x._same(y) if isinstance(x, Value) else y._same(x)[::-1]
        mask = self.wide(x.lanes) if x.lanes and not self.lanes else self
        if mask.lanes and not x.lanes:
            x, y = x.wide(mask.lanes), y.wide(mask.lanes)
        return x._put(f"select {mask}, {x}, {y}", x.word, x.lanes)

    def least(self, other: Any) -> Value:
        """The smaller; this one where it is nan."""
        a, b = self._same(other)
        return (a > b).choose(b, a)

    def most(self, other: Any) -> Value:
        """The larger; this one where it is nan."""
        a, b = self._same(other)
        return (a < b).choose(b, a)

    def cast(self, op: str, word: str) -> Value:
        """LLVM's conversions: sitofp, fptosi, sext, zext, trunc, fpext, fptrunc, bitcast."""
        to = f"<{self.lanes} x {word}>" if self.lanes else word
        return self._put(f"{op} {self} to {to}", word, self.lanes)

    def to(self, word: str) -> Value:
        """In another type of real numbers, or as a real number."""
        if self.word == word:
            return self
        if not self.real:
            return self.cast("sitofp", word)
        return self.cast("fpext" if word == "double" else "fptrunc", word)

    def do(self, op: str, other: Any) -> Value:
        """An instruction of LLVM's on two values of a type."""
        return self._do(op, op, other)

    def to_float(self) -> Value:
        return self.to("float")

    def bits(self) -> Value:
        return self.cast("bitcast", "i32" if self.word == "float" else "i64")

    def unbits(self) -> Value:
        return self.cast("bitcast", "float" if self.word == "i32" else "double")

    def call(self, name: str, *others: Any) -> Value:
        """An intrinsic of LLVM's that maps values of a type to that type."""
        args = [self, *(self._same(o)[1] for o in others)]
        tag = (f"v{self.lanes}" if self.lanes else "") + INTRINSIC[self.word]
        full = f"@llvm.{name}.{tag}"
        self.f.module.declare(f"declare {self.type} {full}({', '.join([self.type] * len(args))})")
        return self._put(
            f"call {self.type} {full}({', '.join(map(str, args))})", self.word, self.lanes
        )

    def fma(self, b: Any, c: Any) -> Value:
        """self * b + c, in one instruction where there is one."""
        lanes = max(v.lanes for v in (self, b, c) if isinstance(v, Value))
        return self.wide(lanes).call("fmuladd", b, c)

    def abs(self) -> Value:
        return self.call("fabs")

    def sqrt(self) -> Value:
        return self.call("sqrt")

    def wide(self, lanes: int) -> Value:
        """The number in each of some lanes."""
        if self.lanes == lanes:
            return self
        kind = f"<{lanes} x {self.word}>"
        one = self.f.new(f"insertelement {kind} poison, {self}, i64 0")
        every = f"<{lanes} x i32> zeroinitializer"
        return self._put(f"shufflevector {kind} {one}, {kind} poison, {every}", self.word, lanes)

    def shuffle(self, other: Value, index: Sequence[int]) -> Value:
        """Lanes of two vectors, by number."""
        mask = "<" + ", ".join(f"i32 {i}" for i in index) + ">"
        text = f"shufflevector {self}, {other}, <{len(index)} x i32> {mask}"
        return self._put(text, self.word, len(index))

    def lane(self, i: int) -> Value:
        return self._put(f"extractelement {self}, i64 {i}", self.word, 0)

    def halves(self) -> tuple[Value, Value]:
        n = self.lanes // 2
        return self.shuffle(self, range(n)), self.shuffle(self, range(n, 2 * n))

    def joined(self, join: Callable[[Value, Value], Value]) -> Value:
        """The lanes taken together by halves: a number."""
        v = self
        while v.lanes > 1:
            v = join(*v.halves())
        return v.lane(0)

    def sum(self) -> Value:
        return self.joined(lambda a, b: a + b)

    def any(self) -> Value:
        """Whether this mask is set anywhere."""
        if not self.lanes:
            return self
        name = f"@llvm.vector.reduce.or.v{self.lanes}i1"
        self.f.module.declare(f"declare i1 {name}({self.type})")
        return self._put(f"call i1 {name}({self})", "i1", 0)

    def doubles(self) -> tuple[Value, Value]:
        """The lower and the upper half, in double precision."""
        low, high = self.halves()
        return low.to("double"), high.to("double")


class Pointer:
    """Where numbers of a type are."""

    __slots__ = ("f", "name", "word")

    def __init__(self, f: Function, name: str, word: str) -> None:
        self.f, self.name, self.word = f, name, word

    def __str__(self) -> str:
        return f"ptr {self.name}"

    def at(self, i: Any) -> Pointer:
        """The place i numbers on."""
        if isinstance(i, int):
            if i == 0:
                return self
            i = Value(self.f, str(i), "i64")
        return Pointer(
            self.f, self.f.new(f"getelementptr {self.word}, {self}, i64 {i.name}"), self.word
        )

    def cast(self, word: str) -> Pointer:
        """The same place, seen as numbers of another type."""
        return Pointer(self.f, self.name, word)

    def bytes_on(self, n: Value) -> Pointer:
        """The place n bytes on."""
        return Pointer(self.f, self.f.new(f"getelementptr i8, {self}, {n}"), self.word)

    def address(self, i: int, word: str) -> Pointer:
        """The i-th of the addresses that are here, of numbers of a type."""
        return Pointer(self.f, self.f.new(f"load ptr, {self.at(i)}, align 8"), word)

    def load(self, i: Any = 0, lanes: int = 0, mask: Value | None = None, other: Any = 0) -> Value:
        """A number, or some that follow each other; where the mask is not set, `other`."""
        p, align = self.at(i), SIZES[self.word]
        v = Value(self.f, "", self.word, lanes)
        if mask is None:
            v.name = self.f.new(f"load {v.type}, {p}, align {align}")
            return v
        v.lanes = mask.lanes
        tag = f"v{mask.lanes}{INTRINSIC[self.word]}.p0"
        rest = v.constant(other) if not isinstance(other, Value) else other
        self.f.module.declare(
            f"declare {v.type} @llvm.masked.load.{tag}(ptr, i32, {mask.type}, {v.type})"
        )
        v.name = self.f.new(
            f"call {v.type} @llvm.masked.load.{tag}({p}, i32 {align}, {mask}, {rest})"
        )
        return v

    def gather(self, index: Value) -> Value:
        """The numbers at some places, which are not checked."""
        if not index.lanes:
            return self.load(index)
        n, size = index.lanes, SIZES[self.word]
        places = self.f.new(f"getelementptr {self.word}, {self}, {index}")
        v, mask = Value(self.f, "", self.word, n), self.f.constant(1, "i1", n)
        name = f"@llvm.masked.gather.v{n}{INTRINSIC[self.word]}.v{n}p0"
        self.f.module.declare(f"declare {v.type} {name}(<{n} x ptr>, i32, {mask.type}, {v.type})")
        v.name = self.f.new(
            f"call {v.type} {name}(<{n} x ptr> {places}, i32 {size}, {mask}, {v.type} poison)"
        )
        return v

    def store(self, v: Value, i: Any = 0, mask: Value | None = None) -> None:
        p, align = self.at(i), SIZES[self.word]
        if mask is None:
            self.f.line(f"store {v}, {p}, align {align}")
            return
        v = v.wide(mask.lanes)
        tag = f"v{mask.lanes}{INTRINSIC[self.word]}.p0"
        self.f.module.declare(
            f"declare void @llvm.masked.store.{tag}({v.type}, ptr, i32, {mask.type})"
        )
        self.f.line(f"call void @llvm.masked.store.{tag}({v}, {p}, i32 {align}, {mask})")

    def fill_zero(self, count: Any) -> None:
        """Zeros into the next `count` numbers."""
        self.f.module.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        n = self.f.index(count) * SIZES[self.word]
        self.f.line(f"call void @llvm.memset.p0.i64({self}, i8 0, {n}, i1 false)")

    def copy(self, source: Pointer, count: Any) -> None:
        """`count` numbers from elsewhere, which does not overlap."""
        self.f.module.declare("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        n = self.f.index(count) * SIZES[self.word]
        self.f.line(f"call void @llvm.memcpy.p0.p0.i64({self}, {source}, {n}, i1 false)")


Param = tuple[str, str]  # a name; a type, that of what it points to followed by * for pointers


class Module:
    """Functions that are compiled together, for one target.

    contract: whether a product and the sum that it goes into may be rounded once. short: whether
    what is computed in double precision is rounded to float32 in the end.
    """

    def __init__(self, target: Target, contract: bool = True) -> None:
        self.target = target
        self.short = False
        self.flags = dict.fromkeys(("fadd", "fsub", "fmul"), " contract") if contract else {}
        self.declared: set[str] = set()
        self.functions: list[Function] = []
        self.tables: dict[str, str] = {}

    def declare(self, text: str) -> None:
        self.declared.add(text)

    def function(self, name: str, params: Sequence[Param]) -> Function:
        f = Function(self, name, params)
        self.functions.append(f)
        return f

    def text(self) -> str:
        bits = self.target.bytes * 8
        wide = f'"prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'
        how = f'attributes #0 = {{ nounwind "no-builtins" {wide} }}\n'
        parts = [f'target triple = "{self.target.triple}"', *sorted(self.declared)]
        parts += self.tables.values()
        return "\n".join([*parts, *(f.text() for f in self.functions), how])


class Function:
    """A function while it is being written."""

    def __init__(self, module: Module, name: str, params: Sequence[Param]) -> None:
        self.module, self.name, self.params = module, name, params
        self.lines: list[str] = []
        self.places: list[str] = []  # on the stack
        self.block = "entry"
        self._count = 0
        self.args: dict[str, Any] = {
            n: Pointer(self, f"%{n}", t[:-1]) if t.endswith("*") else Value(self, f"%{n}", t)
            for n, t in params
        }

    def lanes(self, word: str) -> int:
        return self.module.target.lanes(word)

    # ---------------------------------------------------------------- text

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def new(self, text: str) -> str:
        name = self._name()
        self.line(f"{name} = {text}")
        return name

    def _name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _label(self, hint: str) -> str:
        self._count += 1
        return f"{hint}{self._count}"

    def _open(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.block = label

    def text(self) -> str:
        params = ", ".join(f"{'ptr' if t.endswith('*') else t} %{n}" for n, t in self.params)
        body = "\n".join([*self.places, *self.lines])
        return f"define void @{self.name}({params}) #0 {{\nentry:\n{body}\n  ret void\n}}\n"

    # ---------------------------------------------------------------- values

    def index(self, i: Any) -> Value:
        return i if isinstance(i, Value) else Value(self, str(i), "i64")

    def constant(self, x: float, word: str, lanes: int = 0) -> Value:
        return Value(self, "", word, lanes).constant(x)

    def zero(self, word: str, lanes: int = 0) -> Value:
        return self.constant(0, word, lanes)

    def stack(self, word: str, count: int) -> Pointer:
        """Room for some numbers, until the function ends."""
        name = self._name()
        self.places.append(f"  {name} = alloca [{count} x {word}], align 64")
        return Pointer(self, name, word)

    def constants(self, name: str, values: Sequence[float], word: str) -> Pointer:
        """Numbers that are part of the module."""
        if name not in self.module.tables:
            text = ", ".join(f"{word} {literal(v, word)}" for v in values)
            kind = f"[{len(values)} x {word}]"
            self.module.tables[name] = f"@{name} = internal constant {kind} [{text}], align 64"
        return Pointer(self, f"@{name}", word)

    def pick(self, condition: Value, x: Pointer, y: Pointer) -> Pointer:
        """One of two places."""
        return Pointer(self, self.new(f"select {condition}, {x}, {y}"), x.word)

    def count_up(self, word: str, lanes: int, step: int = 1) -> Value:
        """0, step, 2 step, ..., a lane each."""
        text = ", ".join(f"{word} {literal(i * step, word)}" for i in range(lanes))
        return Value(self, f"<{text}>", word, lanes)

    def mask(self, n: Any, lanes: int) -> Value:
        """The lanes below n."""
        if isinstance(n, int):
            text = ", ".join("i1 true" if i < n else "i1 false" for i in range(lanes))
            return Value(self, f"<{text}>", "i1", lanes)
        most = n.least(lanes).cast("trunc", "i32")
        return self.count_up("i32", lanes) < most

    def least(self, a: Any, b: Any) -> Value:
        return self.index(a).least(b)

    # ---------------------------------------------------------------- control

    def loop(
        self,
        start: Any,
        stop: Any,
        step: Any,
        body: Callable[..., Any],
        carried: Sequence[Value] = (),
    ) -> list[Value]:
        """body(i, *carried) for i from start below stop; it returns the new carried values.

        Gives the last ones back.
        """
        before = self.block
        first, stop = self.index(start), self.index(stop)
        work, done = self._label("work"), self._label("done")
        known = isinstance(start, int) and stop.name.isdigit()
        if known and start >= int(stop.name):
            return list(carried)
        if known:
            self.line(f"br label %{work}")
        else:
            more = (first < stop).name
            self.line(f"br i1 {more}, label %{work}, label %{done}")
        self._open(work)
        i = Value(self, self._name(), "i64")
        here = [Value(self, self._name(), c.word, c.lanes) for c in carried]
        at = len(self.lines)
        self.lines += [""] * (1 + len(here))
        new = body(i, *here)
        news = [] if new is None else [new] if isinstance(new, Value) else list(new)
        if len(news) != len(here):
            raise ValueError(f"a loop carries {len(here)} values, its body gives {len(news)}")
        after, last = i + step, self.block
        again = (after < stop).name
        self.line(f"br i1 {again}, label %{work}, label %{done}")
        last = self.block
        for j, (v, a, b) in enumerate(zip([i, *here], [first, *carried], [after, *news])):
            self.lines[at + j] = (
                f"  {v.name} = phi {v.type} [ {a.name}, %{before} ], [ {b.name}, %{last} ]"
            )
        self._open(done)
        if known:
            return news
        out = []
        for a, b in zip(carried, news):
            text = f"phi {a.type} [ {a.name}, %{before} ], [ {b.name}, %{last} ]"
            out.append(Value(self, self.new(text), a.word, a.lanes))
        return out

    def when(
        self, condition: Value, body: Callable[[], Any], other: Callable[[], Any] | None = None
    ) -> None:
        """body where the condition holds, else the other."""
        yes, no, done = self._label("yes"), self._label("no"), self._label("done")
        self.line(f"br {condition}, label %{yes}, label %{no}")
        self._open(yes)
        body()
        self.line(f"br label %{done}")
        self._open(no)
        if other is not None:
            other()
        self.line(f"br label %{done}")
        self._open(done)

    def either(
        self, condition: Value, body: Callable[[], Sequence[Value]], other: Sequence[Value]
    ) -> list[Value]:
        """What body gives where the condition holds, else the other values; body is then spared."""
        yes, done, before = self._label("yes"), self._label("done"), self.block
        self.line(f"br {condition}, label %{yes}, label %{done}")
        self._open(yes)
        given, last = body(), self.block
        self.line(f"br label %{done}")
        self._open(done)
        out = []
        for a, b in zip(given, other):
            text = f"phi {a.type} [ {a.name}, %{last} ], [ {b.name}, %{before} ]"
            out.append(Value(self, self.new(text), a.word, a.lanes))
        return out

    def call(self, name: str, *args: Any) -> None:
        """Another function of the module."""
        shown = [str(self.index(a) if isinstance(a, int) else a) for a in args]
        self.line(f"call void @{name}({', '.join(shown)})")


def where(mask: Any, x: Any, y: Any) -> Any:
    """x where the mask is set, else y."""
    return mask.choose(x, y)


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z, with one rounding where the processor can."""
    return x.fma(y, z)


def transposed(rows: Sequence[Value]) -> list[Value]:
    """A square of vectors, its rows made columns."""
    n = len(rows)
    now = list(rows)
    step = n // 2
    while step:  # exchange the off-diagonal blocks of ever smaller squares
        for i in range(n):
            if i & step:
                continue
            a, b = now[i], now[i | step]
            low = [q if not q & step else n + (q ^ step) for q in range(n)]
            high = [q | step if not q & step else n + q for q in range(n)]
            now[i], now[i | step] = a.shuffle(b, low), a.shuffle(b, high)
        step //= 2
    return now
