"""Random numbers made in machine code, to the numbers that NumPy's way gives.

Here: kernels that turn the words of NumPy's Mersenne twister, taken from its memory, into uniform
and normal numbers, integers, shuffles and bits, one call for a whole array. Not here: which numbers
a distribution is made of, and the same without a compiler (`random_stream.py`).
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from ..kernels.native import Code, Host
from .box_muller import (  # fmt: skip
    FOUR_OVER_PI,
    LN2_HIGH,
    LN2_LOW,
    LOG,
    PI4_A,
    PI4_B,
    PI4_C,
    TRIG_0,
    TRIG_1,
    TRIG_2,
    TWO_PI,
)

WORDS, FAR = 624, 397  # of NumPy's twister; how far the other word is that a new one is made of
LANES = 8  # words that are made, and numbers that are drawn, at a time
SCALE24 = "0x3E70000000000000"  # 2 ** -24
PIECE = 4096  # normal numbers made of uniform ones while these are in the cache


def _steps(lanes: int) -> str:
    """Text of what makes a word of a state, a draw of a word, a number in [low, low + width) of a
    draw; or so many of each, which lie beside each other.
    """

    def kind(word: str) -> str:
        return f"<{lanes} x {word}>" if lanes > 1 else word

    def c(value: Any, word: str = "i32") -> str:
        return "<" + ", ".join([f"{word} {value}"] * lanes) + ">" if lanes > 1 else f"{value}"

    whole, real, suffix = kind("i32"), kind("float"), f"v{lanes}f32" if lanes > 1 else "f32"
    return f"""
define internal void @turn{lanes}(ptr %at, ptr %next, ptr %far) alwaysinline {{
  %w0 = load {whole}, ptr %at, align 4
  %w1 = load {whole}, ptr %next, align 4
  %wm = load {whole}, ptr %far, align 4
  %top = and {whole} %w0, {c(-2147483648)}
  %rest = and {whole} %w1, {c(2147483647)}
  %y = or {whole} %top, %rest
  %half = lshr {whole} %y, {c(1)}
  %odd = and {whole} %y, {c(1)}
  %mask = sub {whole} {c(0)}, %odd
  %matrix = and {whole} %mask, {c(-1727483681)}
  %a = xor {whole} %wm, %half
  %b = xor {whole} %a, %matrix
  store {whole} %b, ptr %at, align 4
  ret void
}}

define internal {whole} @temper{lanes}(ptr %at) alwaysinline {{
  %y0 = load {whole}, ptr %at, align 4
  %s0 = lshr {whole} %y0, {c(11)}
  %y1 = xor {whole} %y0, %s0
  %s1 = shl {whole} %y1, {c(7)}
  %m1 = and {whole} %s1, {c(-1658038656)}
  %y2 = xor {whole} %y1, %m1
  %s2 = shl {whole} %y2, {c(15)}
  %m2 = and {whole} %s2, {c(-272236544)}
  %y3 = xor {whole} %y2, %m2
  %s3 = lshr {whole} %y3, {c(18)}
  %y4 = xor {whole} %y3, %s3
  ret {whole} %y4
}}

define internal void @number{lanes}(ptr %at, ptr %to, float %low, float %width, float %high)
    alwaysinline {{
  %draw = call {whole} @temper{lanes}(ptr %at)
  %bits = and {whole} %draw, {c(16777215)}
  %x = sitofp {whole} %bits to {real}
  %u = fmul {real} %x, {c(SCALE24, "float")}
{"".join(_spread(name, lanes) for name in ("low", "width", "high"))}
  %v = call {real} @llvm.fma.{suffix}({real} %u, {real} %width.s, {real} %low.s)
  %outside = fcmp oeq {real} %v, %high.s
  %kept = select {kind("i1")} %outside, {real} %low.s, {real} %v
  store {real} %kept, ptr %to, align 4
  ret void
}}
"""


def _spread(name: str, lanes: int) -> str:
    """Text of a float argument, in each lane."""
    if lanes == 1:
        return f"  %{name}.s = fadd float %{name}, -0.0\n"
    kind = f"<{lanes} x float>"
    return f"""  %{name}.o = insertelement {kind} poison, float %{name}, i32 0
  %{name}.s = shufflevector {kind} %{name}.o, {kind} poison, <{lanes} x i32> zeroinitializer
"""


def _turns(first: int, last: int, far: int) -> str:
    """Text of a block that makes the words from one to before another, of those `far` away."""

    def turn(name: str, at: Any, lanes: int) -> str:
        return f"""  %{name}.at = getelementptr i32, ptr %state, i64 {at}
  %{name}.next = getelementptr i32, ptr %{name}.at, i64 {1 if last < WORDS else 1 - WORDS}
  %{name}.far = getelementptr i32, ptr %{name}.at, i64 {far}
  call void @turn{lanes}(ptr %{name}.at, ptr %{name}.next, ptr %{name}.far)
"""

    stop = first + (last - first) // LANES * LANES
    rest = "".join(turn(f"w{k}", k, 1) for k in range(stop, last))
    if stop == first:
        return rest
    k = f"k{first}"
    return f"""  br label %from{first}
from{first}:
  br label %each{first}
each{first}:
  %{k} = phi i64 [ {first}, %from{first} ], [ %{k}.more, %each{first} ]
{turn(k, f"%{k}", LANES)}  %{k}.more = add i64 %{k}, {LANES}
  %{k}.done = icmp eq i64 %{k}.more, {stop}
  br i1 %{k}.done, label %rest{first}, label %each{first}
rest{first}:
{rest}"""


# The twister's words, then how many of them are used up. `next` is its successor function, `fill`
# many at a time; %state is where the words are.
_TWISTER = f"""
declare float @llvm.fma.f32(float, float, float)
declare <{LANES} x float> @llvm.fma.v{LANES}f32(
    <{LANES} x float>, <{LANES} x float>, <{LANES} x float>)
declare double @llvm.fma.f64(double, double, double)
declare double @llvm.sqrt.f64(double)
{_steps(1)}{_steps(LANES)}
define internal void @twist(ptr %state) {{
entry:
{_turns(0, WORDS - FAR, FAR)}{_turns(WORDS - FAR, WORDS - 1, FAR - WORDS)}{
    _turns(WORDS - 1, WORDS, FAR - WORDS)
}  ret void
}}

define internal void @fill(
    ptr %state, ptr %out, i64 %n, float %low, float %width, float %high) {{
entry:
  %count = getelementptr i8, ptr %state, i64 {4 * WORDS}
  br label %run
run:
  %done = phi i64 [ 0, %entry ], [ %end, %next ]
  %left = sub i64 %n, %done
  %more = icmp sgt i64 %left, 0
  br i1 %more, label %some, label %over
over:
  ret void
some:
  %used = load i32, ptr %count
  %empty = icmp eq i32 %used, {WORDS}
  br i1 %empty, label %renew, label %there
renew:
  call void @twist(ptr %state)
  br label %there
there:
  %first = phi i32 [ %used, %some ], [ 0, %renew ]
  %start = sext i32 %first to i64
  %unused = sub i64 {WORDS}, %start
  %short = icmp slt i64 %left, %unused
  %m = select i1 %short, i64 %left, i64 %unused
  %end = add i64 %done, %m
  %stop = add i64 %start, %m
  %stop.i = trunc i64 %stop to i32
  store i32 %stop.i, ptr %count
  %from = getelementptr i32, ptr %state, i64 %start
  %to = getelementptr float, ptr %out, i64 %done
  %whole = and i64 %m, {-LANES}
  br label %wide
wide:
  %j = phi i64 [ 0, %there ], [ %j1, %wide.body ]
  %j.more = icmp slt i64 %j, %whole
  br i1 %j.more, label %wide.body, label %narrow
wide.body:
  %j.from = getelementptr i32, ptr %from, i64 %j
  %j.to = getelementptr float, ptr %to, i64 %j
  call void @number{LANES}(ptr %j.from, ptr %j.to, float %low, float %width, float %high)
  %j1 = add i64 %j, {LANES}
  br label %wide
narrow:
  %i = phi i64 [ %whole, %wide ], [ %i1, %narrow.body ]
  %i.more = icmp slt i64 %i, %m
  br i1 %i.more, label %narrow.body, label %next
narrow.body:
  %i.from = getelementptr i32, ptr %from, i64 %i
  %i.to = getelementptr float, ptr %to, i64 %i
  call void @number1(ptr %i.from, ptr %i.to, float %low, float %width, float %high)
  %i1 = add i64 %i, 1
  br label %narrow
next:
  br label %run
}}

define internal i32 @next(ptr %state) alwaysinline {{
entry:
  %at = getelementptr i8, ptr %state, i64 {4 * WORDS}
  %used = load i32, ptr %at
  %empty = icmp eq i32 %used, {WORDS}
  br i1 %empty, label %fill, label %take
fill:
  call void @twist(ptr %state)
  br label %take
take:
  %k = phi i32 [ %used, %entry ], [ 0, %fill ]
  %wide = sext i32 %k to i64
  %p = getelementptr i32, ptr %state, i64 %wide
  %k1 = add i32 %k, 1
  store i32 %k1, ptr %at
  %y4 = call i32 @temper1(ptr %p)
  ret i32 %y4
}}

define internal i64 @next64(ptr %state) alwaysinline {{
  %a = call i32 @next(ptr %state)
  %b = call i32 @next(ptr %state)
  %high = zext i32 %a to i64
  %low = zext i32 %b to i64
  %up = shl i64 %high, 32
  %both = or i64 %up, %low
  ret i64 %both
}}

define internal double @unit53(ptr %state) alwaysinline {{
  %draw = call i64 @next64(ptr %state)
  %bits = and i64 %draw, 9007199254740991
  %x = sitofp i64 %bits to double
  %u = fmul double %x, 0x3CA0000000000000
  ret double %u
}}
"""


def _loop(body: str, count: str = "%n", step: int = 1, name: str = "i") -> str:
    """IR that runs a body for %NAME from 0 below a count; a body is one block."""
    return f"""
  br label %{name}.test
{name}.test:
  %{name} = phi i64 [ 0, %{name}.before ], [ %{name}.next, %{name}.end ]
  %{name}.more = icmp slt i64 %{name}, {count}
  br i1 %{name}.more, label %{name}.body, label %{name}.done
{name}.body:
{body}
  br label %{name}.end
{name}.end:
  %{name}.next = add i64 %{name}, {step}
  br label %{name}.test
{name}.done:
"""


def _function(arguments: str, body: str, before: str = "") -> str:
    """The function `run` over the twister and the array object %array, whose elements are at
    %out: what `before` computes, then `body`.
    """
    return f"""{_TWISTER}
define void @run(ptr %state, ptr %array, i64 %n{arguments}) {{
entry:
  %field = getelementptr i8, ptr %array, i64 {_DATA}
  %out = load ptr, ptr %field
{before}
  br label %i.before
i.before:
{body}
  ret void
}}
"""


_DATA = object.__basicsize__  # where an array object has the address of its elements


def _uniform32() -> str:
    """Text of the kernel of uniform numbers in [low, low + width), of float32."""
    before = "\n".join(f"  %{a}.t = fptrunc double %{a} to float" for a in ("low", "high", "width"))
    body = """
  call void @fill(ptr %state, ptr %out, i64 %n, float %low.t, float %width.t, float %high.t)"""
    return _function(", double %low, double %high, double %width", body, before)


def _uniform64() -> str:
    """The same, of float64."""
    body = """
  %u = call double @unit53(ptr %state)
  %x = call double @llvm.fma.f64(double %u, double %width, double %low)
  %outside = fcmp oeq double %x, %high
  %kept = select i1 %outside, double %low, double %x
  %p = getelementptr double, ptr %out, i64 %i
  store double %kept, ptr %p, align 8"""
    return _function(", double %low, double %high, double %width", _loop(body))


def _normal_each(real: str) -> str:
    """Text of the kernel of n normal numbers made one pair after another, scaled and shifted. The
    second of a pair that is not needed is kept at %kept, behind a flag, for the next call.
    """
    t = "float" if real == "float32" else "double"
    last = "fptrunc double %{0}.s to float" if t == "float" else "fadd double %{0}.s, -0.0"
    store = f"""
  %{{0}}.s = call double @llvm.fma.f64(double %{{0}}, double %std, double %mean)
  %{{0}}.t = {last}
  %{{0}}.p = getelementptr {t}, ptr %out, i64 {{1}}
  store {t} %{{0}}.t, ptr %{{0}}.p"""
    before = f"""
  %value = getelementptr double, ptr %kept, i64 1
  %flag = load double, ptr %kept
  %none = fcmp oeq double %flag, 0.0
  %nothing = icmp slt i64 %n, 1
  %pairs = or i1 %none, %nothing
  br i1 %pairs, label %i.before, label %first
first:
  %c = load double, ptr %value
  store double 0.0, ptr %kept
{store.format("c", "0")}
  br label %i.before"""
    body = f"""
  %u = call double @unit53(ptr %state)
  %v = call double @unit53(ptr %state)
  %minus = fsub double -0.0, %v
  %log = call double @log1p(double %minus)
  %square = fmul double %log, -2.0
  %radius = call double @llvm.sqrt.f64(double %square)
  %angle = fmul double %u, 0x401921FB54442D18
  %cos = call double @cos(double %angle)
  %sin = call double @sin(double %angle)
  %a = fmul double %radius, %cos
  %b = fmul double %radius, %sin
{store.format("a", "%i")}
  %i1 = add i64 %i, 1
  %fits = icmp slt i64 %i1, %n
  br i1 %fits, label %two, label %keep
two:
{store.format("b", "%i1")}
  br label %i.end
keep:
  store double 1.0, ptr %kept
  store double %b, ptr %value"""
    declared = "\n".join(f"declare double @{f}(double)" for f in ("log1p", "cos", "sin"))
    text = declared + _function(", double %mean, double %std, ptr %kept", "", before)
    start = "  %start = phi i64 [ 0, %entry ], [ 1, %first ]"
    return text.replace(
        "  br label %i.before\ni.before:\n",
        "i.before:\n"
        + start
        + _loop(body, step=2).replace("[ 0, %i.before ]", "[ %start, %i.before ]"),
    )


def _integers(draw: str) -> str:
    """Text of the kernel of int64 numbers draw % width + low, draws of 32 or 64 bits."""
    bits = 32 if draw == "next" else 64
    width = "  %w = trunc i64 %width to i32" if bits == 32 else "  %w = add i64 %width, 0"
    rest = "zext i32 %r to i64" if bits == 32 else "add i64 %r, 0"
    body = f"""
  %d = call i{bits} @{draw}(ptr %state)
  %r = urem i{bits} %d, %w
  %wide = {rest}
  %x = add i64 %wide, %low
  %p = getelementptr i64, ptr %out, i64 %i
  store i64 %x, ptr %p"""
    return _function(", i64 %low, i64 %width", _loop(body), width)


def _bits() -> str:
    """Text of the kernel of bools that are true where 53 bits are below a bound."""
    body = """
  %d = call i64 @next64(ptr %state)
  %bits = and i64 %d, 9007199254740991
  %less = icmp ult i64 %bits, %bound
  %x = zext i1 %less to i8
  %p = getelementptr i8, ptr %out, i64 %i
  store i8 %x, ptr %p"""
    return _function(", i64 %bound", _loop(body))


def _shuffle() -> str:
    """Text of the kernel that shuffles the n int64 numbers at %out: each place i exchanged with
    place i + draw % (n - i), in turn.
    """
    body = """
  %draw = call i32 @next(ptr %state)
  %left = sub i64 %n, %i
  %count = trunc i64 %left to i32
  %rest = urem i32 %draw, %count
  %step = zext i32 %rest to i64
  %j = add i64 %i, %step
  %here = getelementptr i64, ptr %out, i64 %i
  %there = getelementptr i64, ptr %out, i64 %j
  %a = load i64, ptr %here
  %b = load i64, ptr %there
  store i64 %b, ptr %here
  store i64 %a, ptr %there"""
    return _function("", _loop(body, count="%last"), "  %last = sub i64 %n, 1")


# --- normals in blocks of sixteen ----------------------------------------------------------------


class _Lines:
    """Instructions on eight float32 numbers at a time."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def new(self, text: str) -> str:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def real(self, op: str, x: str, y: str) -> str:
        return self.new(f"{op} <8 x float> {x}, {y}")

    def whole(self, op: str, x: str, y: str) -> str:
        return self.new(f"{op} <8 x i32> {x}, {y}")

    def fma(self, x: str, y: str, z: str) -> str:
        v = "<8 x float>"
        return self.new(f"call {v} @llvm.fma.v8f32({v} {x}, {v} {y}, {v} {z})")

    def bits(self, x: str) -> str:
        return self.new(f"bitcast <8 x float> {x} to <8 x i32>")

    def unbits(self, x: str) -> str:
        return self.new(f"bitcast <8 x i32> {x} to <8 x float>")

    def rounded(self, x: str) -> str:
        return self.new(f"sitofp <8 x i32> {x} to <8 x float>")

    def place(self, offset: int) -> str:
        return self.new(f"getelementptr float, ptr %block, i64 {offset}")

    def load(self, offset: int) -> str:
        return self.new(f"load <8 x float>, ptr {self.place(offset)}, align 4")

    def store(self, offset: int, x: str) -> None:
        at = self.place(offset)
        self.lines.append(f"  store <8 x float> {x}, ptr {at}, align 4")

    def spread(self, name: str) -> str:
        """A float argument, eight times."""
        one = self.new(f"insertelement <8 x float> poison, float {name}, i32 0")
        zeros = "<8 x i32> zeroinitializer"
        return self.new(f"shufflevector <8 x float> {one}, <8 x float> poison, {zeros}")


def f(value: Any) -> str:
    """A float32 number, eight times."""
    single = struct.unpack("f", struct.pack("f", float(value)))[0]
    text = f"float 0x{struct.pack('>d', single).hex()}"
    return "<" + ", ".join([text] * 8) + ">"


def i(value: int) -> str:
    """An integer, eight times."""
    return "<" + ", ".join([f"i32 {value}"] * 8) + ">"


def _radius(to: _Lines, u: str) -> str:
    """sqrt(-2 log(1 - u)), step by step as in `box_muller.py`."""
    bits = to.bits(to.real("fsub", f(1.0), u))
    exponent = to.whole("ashr", to.whole("sub", bits, i(0x3F3504F3)), i(23))
    e = to.rounded(exponent)
    x = to.unbits(to.whole("sub", bits, to.whole("shl", exponent, i(23))))
    x = to.real("fsub", x, f(1.0))
    z = to.real("fmul", x, x)
    y = to.fma(x, f(LOG[0]), f(LOG[1]))
    for c in LOG[2:]:
        y = to.fma(y, x, f(c))
    y = to.real("fmul", y, x)
    y = to.fma(y, z, to.real("fmul", e, f(LN2_LOW)))
    y = to.real("fsub", y, to.real("fmul", z, f(0.5)))
    x = to.real("fadd", x, y)
    x = to.real("fadd", x, to.real("fmul", e, f(LN2_HIGH)))
    x = to.real("fmul", x, f(-2.0))
    return to.new(f"call <8 x float> @llvm.sqrt.v8f32(<8 x float> {x})")


def _cos_sin(to: _Lines, u: str) -> tuple[str, str]:
    """cos(2 pi u) and sin(2 pi u), step by step as in `box_muller.py`."""
    x = to.real("fmul", u, f(TWO_PI))
    octant = to.new(f"fptosi <8 x float> {to.real('fmul', x, f(FOUR_OVER_PI))} to <8 x i32>")
    octant = to.whole("and", to.whole("add", octant, i(1)), i(-2))
    y = to.rounded(octant)
    x = to.real("fsub", x, to.real("fmul", y, f(PI4_A)))
    x = to.real("fsub", x, to.real("fmul", y, f(PI4_B)))
    x = to.fma(y, f(-PI4_C), x)
    z = to.real("fmul", x, x)
    both = []
    for k in range(2):
        y = to.fma(z, f(TRIG_0[k, 0]), f(TRIG_1[k, 0]))
        y = to.fma(y, z, f(TRIG_2[k, 0]))
        y = to.real("fmul", y, z)
        both.append(y)
    cos = to.fma(both[0], z, to.real("fmul", z, f(-0.5)))
    cos = to.bits(to.real("fadd", cos, f(1.0)))
    sin = to.bits(to.fma(both[1], x, x))
    change = to.whole("ashr", to.whole("shl", octant, i(30)), i(31))
    change = to.whole("and", change, to.whole("xor", cos, sin))
    cos, sin = to.whole("xor", cos, change), to.whole("xor", sin, change)
    sign = to.whole("shl", to.whole("and", octant, i(4)), i(29))
    sin = to.whole("xor", sin, sign)
    sign = to.whole("shl", to.whole("and", to.whole("add", octant, i(2)), i(4)), i(29))
    return to.unbits(to.whole("xor", cos, sign)), to.unbits(sin)


def _normal_blocks() -> str:
    """Text of the kernel of n >= 16 float32 normals: uniforms first, then blocks of sixteen, and
    where n is no multiple, the last sixteen drawn once more.
    """
    to = _Lines()
    radius = _radius(to, to.load(0))
    cos, sin = _cos_sin(to, to.load(8))
    std, mean = to.spread("%std"), to.spread("%mean")
    to.store(0, to.fma(to.real("fmul", radius, cos), std, mean))
    to.store(8, to.fma(to.real("fmul", radius, sin), std, mean))
    block = "\n".join(to.lines)
    draw = "  call void @fill(ptr %state, ptr {}, i64 {}, float 0.0, float 1.0, float 2.0)\n"
    transform = """
  %k.block = getelementptr float, ptr %part, i64 %k
  call void @block(ptr %k.block, float %m, float %s)"""
    before = """  %m = fptrunc double %mean to float
  %s = fptrunc double %std to float
  %ragged = and i64 %n, 15
  %tail = sub i64 %n, 16
  %end = getelementptr float, ptr %out, i64 %tail"""
    piece = f"""
  %part = getelementptr float, ptr %out, i64 %i
  %left = sub i64 %n, %i
  %short = icmp slt i64 %left, {PIECE}
  %size = select i1 %short, i64 %left, i64 {PIECE}
{draw.format("%part", "%size")}  %whole = and i64 %size, -16
  br label %k.before
k.before:
{_loop(transform, "%whole", 16, "k")}"""
    body = (
        _loop(piece, step=PIECE)
        + "  %uneven = icmp ne i64 %ragged, 0\n  br i1 %uneven, label %again, label %finished\n"
        + "again:\n"
        + draw.format("%end", "16")
        + "  call void @block(ptr %end, float %m, float %s)\n  br label %finished\nfinished:"
    )
    return f"""
declare <8 x float> @llvm.sqrt.v8f32(<8 x float>)
define internal void @block(ptr %block, float %mean, float %std) {{
{block}
  ret void
}}
{_function(", double %mean, double %std", body, before)}"""


# --- what streams call ---------------------------------------------------------------------------


def fits() -> bool:
    """Whether the memory of NumPy's twister and arrays is laid out as the kernels read it."""
    a = np.arange(3)
    data = ctypes.c_void_p.from_address(id(a) + _DATA).value
    twister = np.random.MT19937(7)
    twister.random_raw(3)
    words = twister.state["state"]
    found = (ctypes.c_uint32 * 625).from_address(twister.ctypes.state_address)
    right = data == a.__array_interface__["data"][0] and found[624] == words["pos"]
    return bool(right and list(found[:624]) == words["key"].tolist())


def _code(make: Any, types: str, *args: Any, libm: bool = False) -> Code:
    """A kernel over (twister, array object, n, further arguments of these types)."""

    def text(host: Host) -> str | None:
        known = all(host.knows(w) for w in ("log1p", "cos", "sin")) or not libm
        return make(*args) if known and host.fuses() and fits() else None

    return Code(text, "poi" + types)


UNIFORM32 = _code(_uniform32, "ddd")
UNIFORM64 = _code(_uniform64, "ddd")
NORMAL_EACH32 = _code(_normal_each, "ddp", "float32", libm=True)
NORMAL_EACH64 = _code(_normal_each, "ddp", "float64", libm=True)
NORMAL_BLOCKS = _code(_normal_blocks, "dd")
INTEGERS = _code(_integers, "ii", "next")
INTEGERS64 = _code(_integers, "ii", "next64")
BITS = _code(_bits, "i")
SHUFFLE = _code(_shuffle, "")
