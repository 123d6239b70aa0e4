"""The language that kernels are written in: values over lanes, pointers, loops; all as LLVM's text.

A kernel is a Python function that writes a `Function`: its operators on `Value`s add instructions.
Nothing here or in a kernel names an address. Not here: the compiler (`compiler.py`) and the
conventions of a job that threads share (`jobs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .compiler import Target
from .values import INTRINSIC as INTRINSIC
from .values import SIZES as SIZES
from .values import Pointer as Pointer
from .values import Value as Value
from .values import literal as literal

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

    def turned(self, word: str) -> str:
        """The name of a function (x, step, y, step) that copies a square of as many numbers as a
        vector holds, rows as columns. A function, since instructions for it take long to choose.
        """
        name = f"turned_{word}"
        if all(f.name != name for f in self.functions):
            pair = [("x", f"{word}*"), ("x_step", "i64"), ("y", f"{word}*"), ("y_step", "i64")]
            f = self.function(name, pair)
            x, x_step, y, y_step = f.args.values()
            lanes = f.lanes(word)
            for q, v in enumerate(transposed([x.load(x_step * q, lanes) for q in range(lanes)])):
                y.store(v, y_step * q)
        return name

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

    def unknown_zero(self, word: str, lanes: int) -> Value:
        """Zeros that the compiler does not know to be zeros: what is shifted in from them comes by
        a permutation then, not by the expansion of AVX-512, which takes three times as long.
        """
        place = self.stack(word, lanes)
        place.store(self.zero(word, lanes))
        return place.load(0, lanes)

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

    def masked(self, whole: Value, body: Callable[[bool], None]) -> None:
        """body(whether all lanes are inside), for either case; where masks cost nothing, once for
        both, which halves what is to be compiled.
        """
        if self.module.target.masks:
            body(False)
        else:
            self.when(whole, lambda: body(True), lambda: body(False))

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

    def repeat(self, body: Callable[..., Any], carried: Sequence[Value]) -> list[Value]:
        """body(*carried), and again with what it gives as long as it says: it returns whether to
        go on, and the new values.
        """
        before, work, done = self.block, self._label("work"), self._label("done")
        self.line(f"br label %{work}")
        self._open(work)
        here = [Value(self, self._name(), c.word, c.lanes) for c in carried]
        at = len(self.lines)
        self.lines += [""] * len(here)
        again, new = body(*here)
        self.line(f"br {again}, label %{work}, label %{done}")
        for j, (v, a, b) in enumerate(zip(here, carried, new)):
            self.lines[at + j] = (
                f"  {v.name} = phi {v.type} [ {a.name}, %{before} ], [ {b.name}, %{self.block} ]"
            )
        self._open(done)
        return list(new)

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
        if step:  # nobody looks for a way to do several steps at once: that takes long
            now = [v.call("arithmetic.fence") for v in now]
    return now


def added_up(rows: Sequence[Value]) -> Value:
    """The sums of the rows of a square of vectors, one in each lane: what is summed of a row is
    half as long after each step, and lies beside that of another.
    """
    n = len(rows)
    now, step = list(rows), n // 2
    while step:
        low = [q if not q & step else n + (q ^ step) for q in range(n)]
        high = [q | step if not q & step else n + q for q in range(n)]
        pairs = zip(now[:step], now[step:])
        now = [a.shuffle(b, low) + a.shuffle(b, high) for a, b in pairs]
        step //= 2
    return now[0]
