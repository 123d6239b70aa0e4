"""Random numbers made in machine code, to the numbers that NumPy's way gives.

Here: the shuffle behind `randperm`, whose steps depend on one another, and the normals of
`box_muller.py` with fused multiply-adds. Not here: the draws they start from (`random_stream.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.native import Code, Host, address
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


def shuffled(draws: np.ndarray, n: int) -> np.ndarray | None:
    """The numbers below n, each place i exchanged with place i + draws[i] % (n - i) in turn.

    draws: uint64 numbers below 2**32, n - 1 of them. None while machine code does not pay.

    >>> out = shuffled(np.zeros(2, np.uint64), 3)
    >>> out is None or out.tolist() == [0, 1, 2]
    True
    """
    run = _shuffle.ready(50.0 * n)
    if run is None:
        return None
    out = np.arange(n, dtype=np.int64)
    run(address(draws), address(out), n)
    return out


def normals(n: int) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes float32 normals, PyTorch's, of contiguous 32-bit draws; both a multiple of 16.

    n: how many are about to be made. None while machine code does not pay.

    >>> make = normals(16)
    >>> make is None or make(np.zeros(16, np.uint32)).shape == (16,)
    True
    """
    return None if _normals.ready(10.0 * n) is None else _of_draws


def _of_draws(draws: np.ndarray) -> np.ndarray:
    out = np.empty(draws.size, np.float32)
    if _normals.run is not None:
        _normals.run(address(draws), address(out), draws.size // 16)
    return out


def _shuffle_text(host: Host) -> str:
    return """
define void @run(ptr noalias %draws, ptr noalias %out, i64 %n) {
entry:
  %last = sub i64 %n, 1
  br label %test
test:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %last
  br i1 %more, label %body, label %done
body:
  %at = getelementptr i64, ptr %draws, i64 %i
  %wide = load i64, ptr %at
  %draw = trunc i64 %wide to i32
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
  store i64 %a, ptr %there
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}
"""


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

    def load(self, offset: str) -> str:
        """u24 of eight draws."""
        at = self.new(f"getelementptr i32, ptr %draws, i64 {offset}")
        draws = self.new(f"load <8 x i32>, ptr {at}, align 4")
        return self.real("fmul", self.rounded(self.whole("and", draws, i(2**24 - 1))), f(2.0**-24))

    def store(self, offset: str, x: str) -> None:
        at = self.new(f"getelementptr float, ptr %out, i64 {offset}")
        self.lines.append(f"  store <8 x float> {x}, ptr {at}, align 4")


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


def _normals_text(host: Host) -> str | None:
    if not host.fuses():
        return None
    to = _Lines()
    start = to.new("mul i64 %i, 16")
    later = to.new(f"add i64 {start}, 8")
    radius = _radius(to, to.load(start))
    cos, sin = _cos_sin(to, to.load(later))
    to.store(start, to.real("fmul", radius, cos))
    to.store(later, to.real("fmul", radius, sin))
    body = "\n".join(to.lines)
    return f"""
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
declare <8 x float> @llvm.sqrt.v8f32(<8 x float>)
define void @run(ptr noalias %draws, ptr noalias %out, i64 %blocks) {{
entry:
  br label %test
test:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %blocks
  br i1 %more, label %body, label %done
body:
{body}
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}}
"""


_shuffle = Code(_shuffle_text, "ppi")
_normals = Code(_normals_text, "ppi")
