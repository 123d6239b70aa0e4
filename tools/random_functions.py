"""Random calls of functions as their tests would make them, beside PyTorch: each option and
argument that is documented, sizes of zero and one, every dtype, odd strides, out=, and now and then
an argument that does not belong there.

    python tools/random_functions.py --seconds 60 --seed 1 [--filter REGEX] [--show 3]

What calls look like is written in tools/functions/*.txt: a line is a call in which {a|b} is one of
several texts, <name> what the line `name ::= a|b` gives, and <name#key> the same wherever it stands
in the call. A call may use D (values and gradients), DD (and second derivatives), R, C and I
(tensors of real numbers, complex numbers, whole numbers below a bound), nt (a result with its name
and fields), warned (with the kinds of warnings), same (what shares memory). --filter looks at those
lines and at the names of the files. Needs PyTorch.
"""

from __future__ import annotations

import ast
import random
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from comparing import Make, main, names

FOLDER = Path(__file__).resolve().parent / "functions"
STRANGE = 0.15  # how often an argument is exchanged for one of ODD
ODD = [
    "None", "'a'", "[]", "()", "1.5", "t(1)", "t([1, 2])", "0", "-1", "1", "2", "3", "-2", "True",
    "1j", "T.float32", "T.int64", "R(2, 3)", "R(3)", "R(0)", "R()", "I(0, 3, 2, 3)", "R(2, 3) > 0",
    "R(2, 3).double()", "C(2, 3)", "R(2, 3).half()", "inf", "nan", "[1]", "(2,)", "(1, 2)",
    "np.int64(1)", "np.ones(2)",
]  # fmt: skip
FUNCTION = re.compile(
    r"\b(?:T|F|x|a|s)\.(?!tensor|eye|zeros\(|empty|float|int|bool|to\()[a-z][\w.]*(?=\()"
)


def parts(text: str) -> list[str]:
    """A text cut at the bars that are in no braces."""
    found, depth = [""], 0
    for c in text:
        depth += (c == "{") - (c == "}")
        if c == "|" and not depth:
            found.append("")
        else:
            found[-1] += c
    return found


def read(path: Path) -> tuple[dict[str, str], list[str]]:
    """The rules and the calls of a file."""
    rules, calls = {}, []
    for line in filter(None, map(str.strip, path.read_text("utf-8").splitlines())):
        rule = re.match(r"(\w+) ::= (.*)", line)
        if rule:
            rules[rule[1]] = rule[2]
        else:
            calls.append(line)
    return rules, calls


def spelled(rng: random.Random, text: str, rules: dict[str, str], kept: dict[str, str]) -> str:
    """A call with one choice made in each place."""
    out = ""
    while text:
        name = re.match(r"<(\w+)(#\w+)?>", text)
        if text[0] == "{":
            depth = end = 1
            while depth:
                depth += (text[end] == "{") - (text[end] == "}")
                end += 1
            out += spelled(rng, rng.choice(parts(text[1 : end - 1])), rules, kept)
            text = text[end:]
        elif name:
            value = kept.get(name[0])
            if value is None:
                value = spelled(rng, rng.choice(parts(rules[name[1]])), rules, kept)
            if name[2]:
                kept[name[0]] = value
            out, text = out + value, text[name.end() :]
        else:
            out, text = out + text[0], text[1:]
    return out


def spoiled(rng: random.Random, text: str) -> str:
    """A call with another argument in one place."""
    tree = ast.parse(text, mode="eval")
    places: list[tuple[Any, Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            places += [(node.args, i) for i in range(len(node.args))]
            places += [(keyword, None) for keyword in node.keywords]
    if places:
        where, i = rng.choice(places)
        new = ast.parse(rng.choice(ODD), mode="eval").body
        if i is None:
            where.value = new
        else:
            where[i] = new
    return ast.unparse(ast.fix_missing_locations(tree))


def known(T: Any) -> dict[str, Any]:
    """The names that calls may use."""

    def numbers(make: Callable[..., Any], shape: tuple[int, ...], s: int) -> Any:
        return T.tensor(np.asarray(make(np.random.RandomState(s + 7)))).reshape(shape)

    def real(*shape: int, s: int = 0) -> Any:
        return numbers(lambda r: np.asarray(r.randn(*shape)).astype("f4"), shape, s)

    def whole(low: int, high: int, *shape: int, s: int = 0) -> Any:
        return numbers(lambda r: r.randint(low, high, size=shape), shape, s)

    def flat(x: Any) -> list[Any]:
        if isinstance(x, T.Tensor):
            return [x]
        return [t for y in x for t in flat(y)] if isinstance(x, (list, tuple)) else []

    def weights(outs: list[Any]) -> list[Any]:
        w = [(T.arange(o.numel(), dtype=T.float64) * 0.37).cos() + 0.5 for o in outs]
        return [a.reshape(o.shape).to(o.dtype) for a, o in zip(w, outs)]

    def gradients(outs: list[Any], ins: list[Any], w: list[Any], graph: bool) -> list[Any]:
        found = T.autograd.grad(outs, ins, w, allow_unused=True, create_graph=graph)
        return [T.zeros_like(x) if g is None else g for g, x in zip(found, ins)]

    def derived(f: Any, *xs: Any, twice: bool = False) -> Any:
        ins = [x.detach().clone() for x in xs]
        leaves = [x.requires_grad_() for x in ins if x.is_floating_point() or x.is_complex()]
        out = f(*ins)
        live = [o for o in flat(out) if o.requires_grad]
        if not live or not leaves:
            return out, None
        w = [v.requires_grad_(twice) for v in weights(live)]
        first = gradients(live, leaves, w, twice)
        again = [g for g in first if g.requires_grad]
        if not twice:
            return out, first
        more = gradients(again, leaves + w, weights(again), False) if again else None
        return out, first, more or [T.zeros_like(x) for x in leaves + w]

    def warned(f: Any) -> Any:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            out = f()
        return out, sorted({w.category.__name__ for w in told})

    def same(out: Any, x: Any) -> Any:
        memory = [t.untyped_storage().data_ptr() if t.numel() else 0 for t in (out, x)]
        return out, out is x, memory[0] == memory[1]

    return {
        **names(T), "R": real, "I": whole, "D": derived, "warned": warned, "same": same,
        "C": lambda *shape, s=0: T.complex(real(*shape, s=s), real(*shape, s=s + 1)),
        "DD": lambda f, *xs: derived(f, *xs, twice=True),
        "st": lambda x: (x, [t.stride() for t in flat(x)]),
        "nt": lambda x: (type(x).__name__, list(getattr(x, "_fields", ())), x),
    }  # fmt: skip


def maker(pattern: str) -> Make:
    files = {path.stem: read(path) for path in sorted(FOLDER.glob("*.txt"))}
    lines = [(kind, call) for kind, (_, calls) in files.items() for call in calls]
    lines = [line for line in lines if any(re.search(pattern, text) for text in line)]

    def make(rng: random.Random) -> tuple[str, str] | None:
        kind, call = rng.choice(lines)
        text = spelled(rng, call, files[kind][0], {})
        text = re.sub(r"\(, ?", "(", text.replace("T.empty(,", "T.empty((),"))
        try:
            ast.parse(text, mode="eval")
        except SyntaxError:  # a keyword before an argument by position, for instance
            return None
        if rng.random() < STRANGE:
            text = spoiled(rng, text)
        group = FUNCTION.search(text)
        return f"{kind} {group[0] if group else ''}", text

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
