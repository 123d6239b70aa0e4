"""Reads what the compiler made of a kernel: innermost loops, and what they keep on the stack."""

from __future__ import annotations

import re

from wengert.kernels.compiler import Target

TARGETS = {
    "avx512": Target.x86_64("skylake-avx512", width=64),
    "zen4": Target.x86_64("znver4", width=64),
    "avx2": Target.x86_64("haswell", width=32),
    "zen3": Target.x86_64("znver3", width=32),
    "sse2": Target.x86_64("x86-64"),
    "neon": Target.aarch64(),
}
LABEL = re.compile(r"^([.\w$]+):")
JUMP = re.compile(r"^\s+(?:j\w+|b|b\.\w+|cbn?z|tbn?z)\s+(?:\w+, )*(?:#\d+, )?(\.L[\w$]+)")
VECTOR = re.compile(r"%[xyz]mm\d|\b[qvd]\d+")
STACK = re.compile(r"\(%rsp[,)]|\[sp\b")
FMA = re.compile(r"^\s+(v?fn?madd\w*|vfmadd\w*|fmla|fmadd|mulp[sd])\b")


def innermost_loops(text: str) -> list[list[str]]:
    """The instructions of each loop that has no other inside."""
    lines = [s for s in text.splitlines() if s.strip()]
    places = {m[1]: i for i, s in enumerate(lines) if (m := LABEL.match(s))}
    spans = []
    for i, s in enumerate(lines):
        m = JUMP.match(s)
        if m and m[1] in places and places[m[1]] <= i:
            spans.append((places[m[1]], i))
    inner = [
        (a, b) for a, b in spans
        if not any((c, d) != (a, b) and a <= c and d <= b for c, d in spans)
    ]  # fmt: skip
    return [[s for s in lines[a : b + 1] if not LABEL.match(s)] for a, b in inner]


def products(loop: list[str]) -> int:
    """How many multiplications (with addition) a loop has."""
    return sum(bool(FMA.match(s)) for s in loop)


def stack_accesses(loop: list[str]) -> list[str]:
    """The instructions of a loop that move vectors to or from the stack."""
    return [s.strip() for s in loop if STACK.search(s) and VECTOR.search(s)]
