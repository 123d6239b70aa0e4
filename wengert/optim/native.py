"""Formulas as machine code, where llvmlite is installed: one pass over memory instead of one each.

Every instruction is the IEEE operation that NumPy performs, and nothing is contracted or
reassociated: results are the same bit for bit, so a formula may change over at any step.
Elementwise code only; graphs of whole programs are the compiler's business, and the machine's
compiler is in `kernels/native.py`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from ..kernels import workers
from ..kernels.native import Host, address
from .formula import MASKS, Formula

TYPES = {"float32": ("float", ctypes.c_float, 4), "float64": ("double", ctypes.c_double, 8)}
BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
COMPARE = {"gt": "ogt", "lt": "olt", "eq": "oeq", "maximum": "oge", "minimum": "ole"}

Kernel = Callable[[Any, Any, int], None]  # addresses of the columns, packed scalars, length


def kernel(formula: Formula, name: str) -> Kernel | None:
    """formula over float32 or float64 columns as machine code; None where that cannot be had."""
    kernels = formula.native
    if name not in kernels:
        host = Host.make()
        kernels[name] = host and name in TYPES and build(host, formula, name)
    return kernels[name]


def build(host: Host, formula: Formula, name: str) -> Kernel:
    """Compile formula."""
    word, _, size = TYPES[name]
    code = host.address(ir(formula, word, size, host.bytes // size))
    pointer = ctypes.c_void_p
    run = ctypes.CFUNCTYPE(None, pointer, pointer, ctypes.c_int64, pointer)(code)
    facts = workers.workers().ready()
    return lambda columns, scalars, n: run(columns, scalars, n, facts)


def addresses(columns: Sequence[Any]) -> Any:
    """Where some arrays are in memory, as a kernel takes it."""
    return (ctypes.c_void_p * len(columns))(*map(address, columns))


def pack(scalars: Sequence[float], name: str) -> Any:
    """scalars as a kernel takes them."""
    return (TYPES[name][1] * max(1, len(scalars)))(*scalars)


def ir(formula: Formula, word: str, size: int, lanes: int) -> str:
    """LLVM IR of a function over (columns, scalars, length): first whole vectors, then the rest."""
    scalars = max((-r for _, *refs in formula.code for r in refs), default=0)
    used = sorted(formula.reads | formula.outputs.keys())
    head = "define void @body(ptr noalias %columns, ptr noalias %scalars, i64 %n) {"
    lines = [head, "entry:"]
    for c in used:
        lines.append(f"  %at{c} = getelementptr ptr, ptr %columns, i64 {c}")
        lines.append(f"  %c{c} = load ptr, ptr %at{c}")
    for k in range(scalars):
        lines.append(f"  %argat{k} = getelementptr {word}, ptr %scalars, i64 {k}")
        lines.append(f"  %arg{k} = load {word}, ptr %argat{k}")
        lines.append(f"  %i{k} = insertelement <{lanes} x {word}> poison, {word} %arg{k}, i64 0")
        lines.append(
            f"  %varg{k} = shufflevector <{lanes} x {word}> %i{k}, <{lanes} x {word}> poison, "
            f"<{lanes} x i32> zeroinitializer"
        )
    lines += [
        f"  %rest = urem i64 %n, {lanes}",
        "  %whole = sub i64 %n, %rest",
        "  br label %vtest",
    ]
    wide = Body(formula, f"<{lanes} x {word}>", f"<{lanes} x i1>", "v", size, lanes)
    single = Body(formula, word, "i1", "s", size, 1)
    lines += loop("v", "entry", "%whole", "0", "stest", lanes, wide.lines(used))
    lines += loop("s", "vtest", "%n", "%whole", "done", 1, single.lines(used))
    lines += ["done:", "  ret void", "}"]
    lines.append(shared(formula.columns, word))
    return "\n".join(lines + sorted(wide.declared | single.declared))


CHUNK = 1 << 15  # elements that a thread takes at a time
LEAST = 1 << 17  # elements from which a second thread pays


def shared(columns: int, word: str) -> str:
    """LLVM IR of `run`: `body`, in chunks for our threads if there is much.

    %facts: the address of `threads.FACTS`.
    """
    moved = "\n".join(
        f"""  %p{c} = getelementptr ptr, ptr %columns, i64 {c}
  %a{c} = load ptr, ptr %p{c}
  %m{c} = getelementptr {word}, ptr %a{c}, i64 %start
  %t{c} = getelementptr ptr, ptr %here, i64 {c}
  store ptr %m{c}, ptr %t{c}"""
        for c in range(columns)
    )
    return f"""
define void @chunk(ptr %table, i64 %chunk, i64 %thread, i64 %step) {{
entry:
  %here = alloca [{columns} x ptr]
  %columns = load ptr, ptr %table
  %ps = getelementptr ptr, ptr %table, i64 1
  %scalars = load ptr, ptr %ps
  %pn = getelementptr i64, ptr %table, i64 2
  %all = load i64, ptr %pn
  %start = mul i64 %chunk, {CHUNK}
  %left = sub i64 %all, %start
  %less = icmp slt i64 %left, {CHUNK}
  %n = select i1 %less, i64 %left, i64 {CHUNK}
{moved}
  call void @body(ptr %here, ptr %scalars, i64 %n)
  ret void
}}
define void @run(ptr %columns, ptr %scalars, i64 %n, ptr %facts) {{
entry:
  %table = alloca [3 x i64]
  %much = icmp sge i64 %n, {LEAST}
  br i1 %much, label %many, label %alone
alone:
  call void @body(ptr %columns, ptr %scalars, i64 %n)
  ret void
many:
  store ptr %columns, ptr %table
  %ps = getelementptr ptr, ptr %table, i64 1
  store ptr %scalars, ptr %ps
  %pn = getelementptr i64, ptr %table, i64 2
  store i64 %n, ptr %pn
  %up = add i64 %n, {CHUNK - 1}
  %chunks = udiv i64 %up, {CHUNK}
  %memory = load ptr, ptr %facts
  %f1 = getelementptr i64, ptr %facts, i64 1
  %share = load ptr, ptr %f1
  %f2 = getelementptr i64, ptr %facts, i64 2
  %threads = load i64, ptr %f2
  call void %share(ptr %memory, ptr @chunk, ptr %table, i64 %chunks, i64 1, i64 %threads)
  ret void
}}
"""


def loop(
    tag: str, before: str, end: str, start: str, after: str, step: int, body: list[str]
) -> list[str]:
    """body for %{tag}i from start to end."""
    return [
        f"{tag}test:",
        f"  %{tag}i = phi i64 [ {start}, %{before} ], [ %{tag}next, %{tag}body ]",
        f"  %{tag}more = icmp ult i64 %{tag}i, {end}",
        f"  br i1 %{tag}more, label %{tag}body, label %{after}",
        f"{tag}body:",
        *body,
        f"  %{tag}next = add i64 %{tag}i, {step}",
        f"  br label %{tag}test",
    ]


class Body:
    """The instructions of a formula for vectors or for single elements."""

    def __init__(
        self, formula: Formula, kind: str, mask: str, tag: str, size: int, lanes: int
    ) -> None:
        self.formula, self.kind, self.mask, self.tag, self.size = formula, kind, mask, tag, size
        self.suffix = (f"v{lanes}" if lanes > 1 else "") + f"f{size * 8}"
        self.lanes = lanes
        self.declared: set[str] = set()
        self.code: list[str] = []
        self.names: list[str] = []

    def constant(self, value: float) -> str:
        if self.lanes == 1:
            return f"{value:.1f}"
        word = "float" if self.size == 4 else "double"
        return "<" + ", ".join(f"{word} {value:.1f}" for _ in range(self.lanes)) + ">"

    def new(self, text: str) -> str:
        name = f"%{self.tag}{len(self.code)}"
        self.code.append(f"  {name} = {text}")
        return name

    def operand(self, ref: int) -> str:
        if ref >= 0:
            return self.names[ref]
        return f"%varg{-ref - 1}" if self.lanes > 1 else f"%arg{-ref - 1}"

    def call(self, function: str, x: str) -> str:
        kind, name = self.kind, f"@llvm.{function}.{self.suffix}"
        self.declared.add(f"declare {kind} {name}({kind})")
        return self.new(f"call {kind} {name}({kind} {x})")

    def select(self, condition: str, x: str, y: str) -> str:
        return self.new(f"select {self.mask} {condition}, {self.kind} {x}, {self.kind} {y}")

    def compare(self, how: str, x: str, y: str) -> str:
        return self.new(f"fcmp {how} {self.kind} {x}, {y}")

    def instruction(self, op: str, refs: Sequence[int]) -> str:
        x, *rest = map(self.operand, refs)
        if op in BINARY:
            return self.new(f"{BINARY[op]} {self.kind} {x}, {rest[0]}")
        if op in MASKS:
            return self.compare(COMPARE[op], x, rest[0])
        if op in ("maximum", "minimum"):  # nan wins, the first one of two
            better = self.compare(COMPARE[op], x, rest[0])
            nan = self.compare("uno", x, x)
            return self.select(self.new(f"or {self.mask} {better}, {nan}"), x, rest[0])
        if op == "where":
            return self.select(x, *rest)
        if op == "neg":
            return self.new(f"fneg {self.kind} {x}")
        if op in ("sqrt", "abs"):
            return self.call("fabs" if op == "abs" else op, x)
        if op == "sign":
            zero = self.constant(0.0)
            y = self.select(self.compare("oeq", x, zero), zero, x)
            y = self.select(self.compare("olt", x, zero), self.constant(-1.0), y)
            return self.select(self.compare("ogt", x, zero), self.constant(1.0), y)
        return x  # copy

    def lines(self, used: Sequence[int]) -> list[str]:
        formula, word = self.formula, "float" if self.size == 4 else "double"
        self.names = [""] * formula.columns
        at = {c: self.new(f"getelementptr {word}, ptr %c{c}, i64 %{self.tag}i") for c in used}
        for c in sorted(formula.reads):
            self.names[c] = self.new(f"load {self.kind}, ptr {at[c]}, align {self.size}")
        for op, *refs in formula.code:
            self.names.append(self.instruction(op, refs))
        for c, value in formula.outputs.items():
            self.code.append(
                f"  store {self.kind} {self.names[value]}, ptr {at[c]}, align {self.size}"
            )
        return self.code
