"""Numbers and places of a kernel while it is written: `Value` and `Pointer`.

A value's operators add instructions to the function that it belongs to (`lanes.py`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

SIZES = {
    "i1": 1,
    "i8": 1,
    "i16": 2,
    "half": 2,
    "i32": 4,
    "i64": 8,
    "float": 4,
    "double": 8,
    "ptr": 8,
}
INTRINSIC = {"float": "f32", "double": "f64", "i32": "i32", "i64": "i64", "i8": "i8"}


def literal(x: float, word: str) -> str:
    """A number as LLVM writes it."""
    if word not in ("float", "double", "half"):
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

    def __init__(self, f: Any, name: str, word: str, lanes: int = 0) -> None:
        self.f, self.name, self.word, self.lanes = f, name, word, lanes

    @property
    def type(self) -> str:
        return f"<{self.lanes} x {self.word}>" if self.lanes else self.word

    def __str__(self) -> str:
        return f"{self.type} {self.name}"

    @property
    def real(self) -> bool:
        return self.word in ("float", "double", "half")

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

    def scaled(self, n: Value) -> Value | None:
        """self * 2 ** n for whole numbers n, rounded once, where that is an instruction."""
        size = self.lanes * SIZES[self.word]
        if self.f.module.target.bytes != 64 or size < 64:
            return None
        if size > 64:
            low, high = (a.scaled(b) for a, b in zip(self.halves(), n.halves()))
            return None if low is None or high is None else low.shuffle(high, range(self.lanes))
        kind, bits = ("ps", 16) if self.word == "float" else ("pd", 8)
        name = f"@llvm.x86.avx512.mask.scalef.{kind}.512"
        t = self.type
        self.f.module.declare(f"declare {t} {name}({t}, {t}, {t}, i{bits}, i32 immarg)")
        text = f"call {t} {name}({self}, {n}, {t} poison, i{bits} -1, i32 4)"
        return self._put(text, self.word, self.lanes)

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

    def pick(self, other: Value, index: Value) -> Value:
        """The lanes of two whole vectors that an index of 32 bits says; for AVX-512 alone."""
        kind, whole = ("ps", "i32") if self.word == "float" else ("pd", "i64")
        if whole == "i64":
            index = index.cast("sext", "i64")
        name = f"@llvm.x86.avx512.vpermi2var.{kind}.512"
        self.f.module.declare(f"declare {self.type} {name}({self.type}, {index.type}, {self.type})")
        return self._put(
            f"call {self.type} {name}({self}, {index}, {other})", self.word, self.lanes
        )

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

    def __init__(self, f: Any, name: str, word: str) -> None:
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

    def _places(self, index: Value, apart: str) -> str:
        return self.f.new(f"getelementptr {apart or self.word}, {self}, {index}")

    def gather(self, index: Value, apart: str = "") -> Value:
        """The numbers at some places, which are not checked. apart: "i8" if those count bytes."""
        n, size = index.lanes, 1 if apart else SIZES[self.word]
        places = self._places(index, apart)
        if not n and not apart:
            return Pointer(self.f, places, self.word).load()
        v, mask = Value(self.f, "", self.word, n), self.f.constant(1, "i1", n)
        name = f"@llvm.masked.gather.v{n}{INTRINSIC[self.word]}.v{n}p0"
        self.f.module.declare(f"declare {v.type} {name}(<{n} x ptr>, i32, {mask.type}, {v.type})")
        v.name = self.f.new(
            f"call {v.type} {name}(<{n} x ptr> {places}, i32 {size}, {mask}, {v.type} poison)"
        )
        return v

    def scatter(self, v: Value, index: Value, mask: Value, apart: str = "") -> None:
        """Put numbers at some places, which are not checked, where the mask is set."""
        n, size = index.lanes, 1 if apart else SIZES[self.word]
        places, v = self._places(index, apart), v.wide(n)
        name = f"@llvm.masked.scatter.v{n}{INTRINSIC[self.word]}.v{n}p0"
        self.f.module.declare(f"declare void {name}({v.type}, <{n} x ptr>, i32, {mask.type})")
        self.f.line(f"call void {name}({v}, <{n} x ptr> {places}, i32 {size}, {mask})")

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

    def store_past(self, v: Value, i: Any = 0) -> None:
        """Store a vector past the caches, where it is not read soon; the place is one of 16 bytes,
        and lines are filled one after the other.
        """
        self.f.module.declare("!0 = !{i32 1}")
        part = 16 // SIZES[self.word]
        for at in range(0, v.lanes, part):
            some = v if v.lanes == part else v.shuffle(v, range(at, at + part))
            self.f.line(f"store {some}, {self.at(i).at(at)}, align 16, !nontemporal !0")

    def prefetch(self, write: bool) -> None:
        """Have the line of this place fetched, which is about to be read, or written."""
        self.f.module.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.f.line(f"call void @llvm.prefetch.p0({self}, i32 {int(write)}, i32 3, i32 1)")

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
