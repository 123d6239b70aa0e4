"""Random calls of functions and methods by PyTorch's own schemas, with odd arguments, and their
gradients, compared with PyTorch without end.

    python tools/random_calls.py --seconds 600 --seed 1 [--filter REGEX] [--show 3]

Each call is a text; of each kind of difference the shortest texts are printed, ready to stand in
tests/golden/edge_cases.txt. Kinds from `gradient` up are silent: both answer, and not the same.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import torch
from comparing import Make, main, names

DTYPES = ["float32"] * 4 + ["float64", "float16", "bfloat16", "int64", "int64", "int32", "int16"]
DTYPES += ["uint8", "int8", "bool", "complex64", "complex128"]
SHAPES: list[tuple[int, ...]] = [
    (), (1,), (2,), (3,), (0,), (2, 3), (3, 3), (2, 2), (1, 3), (3, 1), (0, 3), (2, 0), (2, 3, 2),
    (1, 2, 3), (2, 2, 2), (1, 1, 4, 4), (2, 3, 4), (1, 2, 2, 2, 2),
]  # fmt: skip
# random, uninitialised, of no agreed sign, of the machine, or inside of PyTorch
LEFT_OUT = re.compile(
    r"^_[^_]|rand|normal|uniform|bernoulli|dropout|multinomial|exponential|cauchy|geometric|empty"
    r"|rrelu|poisson|fractional|resize|svd|eig|^lu|^linalg_lu|qr|lstsq|pca|ormqr|householder|geqrf"
    r"|ldl|^item|gumbel|sparse|memory|set_$|set_data|quant|fake_|fbgemm|mkldnn|cudnn|miopen|_copy$"
    r"|backward|names|rename|align|refine|pin|record_stream|data_ptr|cuda|lobpcg|from_file"
    r"|coalesce|dense_dim|^c(col|row)_|values$|indices$|batch_norm_|native_|storage|nnpack|_is_"
    r"|_has_|_foreach|unsafe_|retain_grad|requires_grad_|vulkan|print|^gru|^lstm|^rnn|_cell$"
    r"|padded|nested|chalf|hspmm|sspaddmm|smm|saddmm|bess|airy|powsum|sym_const|slice_inverse"
    r"|qscheme|Generator|seed|grid_sampler|affine_grid_gen|^index$|qparams|hash_tensor|^__\w+__$"
    r"|stride$|set_grad|polygamma|mvlgamma|zeta|digamma|^special_psi|logdet"
)
WORDS = {
    "rounding_mode": "trunc floor x", "reduce": "sum prod mean amax amin x",
    "interpolation": "linear lower midpoint", "indexing": "ij xy",
    "mode": "reflect constant reduced", "approximate": "none tanh x",
    "norm": "ortho forward backward", "side": "left right", "ord": "fro nuc",
    "padding": "same valid", "UPLO": "L U", "equation": "i,i->i ij,jk i->",
}  # fmt: skip
ODD = [
    "None", "'a'", "[]", "()", "1.5", "t(1)", "t([1, 2])", "object()", "T.float32", "{}",
    "np.int64(1)", "np.float32(1)", "np.array([1, 2])", "[1, 2]", "1j", "True",
]  # fmt: skip
NUMBERS = ["0", "1", "2", "-1", "3", "0.5", "-1.5", "2.0", "True", "False", "inf", "nan", "300"]
PLACES = {
    "special_": ("T.special", torch.special), "linalg_": ("T.linalg", torch.linalg),
    "fft_": ("T.fft", torch.fft),
}  # fmt: skip


def public() -> dict[tuple[str, str], list[Any]]:
    """(place, name) -> schemas of everything that can be called."""
    found: dict[tuple[str, str], list[Any]] = {}
    for s in torch._C._jit_get_all_schemas():
        space, _, name = s.name.partition("::")
        if space != "aten" or LEFT_OUT.search(name) or "imname" in str(s):
            continue
        places: list[tuple[str, str]] = []
        for prefix, (place, module) in PLACES.items():
            if name.startswith(prefix):
                short = name[len(prefix) :]
                places = [(place, short)] if hasattr(module, short) else []
                break
        else:
            if hasattr(torch, name):
                places.append(("T", name))
            elif hasattr(torch._C._nn, name) and hasattr(torch.nn.functional, name):
                places.append(("F", name))
            if hasattr(torch.Tensor, name):
                places.append(("method", name))
        for place in places:
            found.setdefault(place, []).append(s)
    return found


def value(rng: random.Random, kind: str) -> str:
    """A number of a dtype."""
    if kind == "bool":
        return rng.choice(["True", "False"])
    if kind == "uint8":
        return rng.choice(["0", "1", "2", "3", "7", "255", "200"])
    if kind.startswith("int"):
        return rng.choice(["0", "1", "2", "3", "-1", "-2", "5", "-7", "100"])
    if kind.startswith("complex"):
        return rng.choice(["0j", "1+2j", "-1.5+0j", "2j", "0.5-1j", "1+0j", "-2-1j"])
    odd = ["nan", "inf", "-inf", "1e30"] if rng.random() < 0.08 else []
    return rng.choice(
        ["0.0", "1.0", "-1.0", "0.5", "2.0", "-2.5", "3.25", "0.1", "-0.3", "10.0", "-0.0", *odd]
    )


def nested(rng: random.Random, shape: tuple[int, ...], kind: str) -> str:
    if not shape:
        return value(rng, kind)
    return "[" + ", ".join([nested(rng, shape[1:], kind) for _ in range(shape[0])]) + "]"


def tensor(rng: random.Random, shape: tuple[int, ...], kind: str) -> str:
    if 0 in shape:
        return f"T.zeros({', '.join(map(str, shape))}, dtype=T.{kind})"
    named = "" if kind in ("float32", "int64", "bool") else f", dtype=T.{kind}"
    text = f"t({nested(rng, shape, kind)}{named})"
    if len(shape) > 1 and rng.random() < 0.12:
        text += ".mT"
    if shape and rng.random() < 0.1:
        text += rng.choice([".flip(0)", "[::2]"])
    return text


def several(rng: random.Random, make: Callable[[], str], counts: list[int]) -> str:
    return "[" + ", ".join([make() for _ in range(rng.choice(counts))]) + "]"


def argument(rng: random.Random, a: Any, kind: str, shape: tuple[int, ...]) -> str:
    """A value for an argument of a schema; the call's tensors are mostly of one dtype and shape."""
    what = str(a.type)
    if what.startswith("Optional"):
        if rng.random() < 0.5:
            return "None"
        what = what[9:-1]
    if rng.random() < 0.02:
        return rng.choice(ODD)
    usual, n = rng.random() < 0.8, len(shape)
    if what == "Tensor":
        if rng.random() < 0.05:
            return rng.choice(NUMBERS)
        if a.name in ("index", "indices", "target"):
            kind = "int64" if usual else kind
        elif a.name in ("mask", "condition"):
            kind = "bool" if usual else kind
        elif not usual:
            kind = rng.choice(DTYPES)
        return tensor(rng, shape if rng.random() < 0.75 else rng.choice(SHAPES), kind)
    if what in ("List[Tensor]", "List[Optional[Tensor]]"):
        return several(rng, lambda: tensor(rng, shape, kind), [0, 1, 2, 2, 3])
    if what in ("number", "Scalar"):
        return rng.choice(NUMBERS)
    if what == "float":
        return rng.choice(["0.5", "1.0", "2", "0.0", "-1.0", "1e-5", "2.0", "True"])
    if what in ("int", "SymInt"):
        if "dtype" in a.name:
            return "T." + rng.choice(DTYPES)
        fixed = {"layout": "T.strided", "memory_format": "T.contiguous_format"}.get(a.name)
        dims = ["0", "1", "-1", "2", "0", "1", "-1", "3", "-2", f"{n}", f"{-n}", f"{-n - 1}", "5"]
        return fixed or rng.choice(dims)
    if what in ("List[int]", "List[SymInt]"):
        if rng.random() < 0.15:
            return rng.choice(["0", "1", "2", "-1"])
        return several(
            rng, lambda: rng.choice(["0", "1", "-1", "2", "3", "1", "-2"]), [0, 1, 1, 2, 2, 3, n]
        )
    if what in ("List[float]", "List[number]"):
        return several(rng, lambda: rng.choice(["0.5", "1.0", "2.0"]), [2])
    if what == "List[bool]":
        return "[True, False]"
    if what == "bool":
        return rng.choice(["True", "False"])
    if what == "str":
        return repr(rng.choice(WORDS.get(a.name, "x sum").split()))
    return {"Device": "'cpu'", "Layout": "T.strided"}.get(what, "None")


def call(rng: random.Random, place: str, name: str, schema: Any) -> str | None:
    """The text of a call."""
    kind, shape = rng.choice(DTYPES), rng.choice(SHAPES)
    by_place: list[str] = []
    by_name: list[str] = []
    outs, me, skipped = 0, "", False
    for i, a in enumerate(schema.arguments):
        if a.is_out:
            outs += 1
        elif place == "method" and i == 0:
            if a.name != "self":
                return None
            me = tensor(rng, shape, kind)
        elif a.has_default_value() and rng.random() < (0.7 if a.kwarg_only else 0.5):
            skipped = skipped or not a.kwarg_only
        else:
            v = argument(rng, a, kind, shape)
            if a.kwarg_only or skipped:
                by_name.append(f"{'input' if a.name == 'self' else a.name}={v}")
            else:
                by_place.append(v)
    if outs and place != "method":

        def out() -> str:
            s = rng.choice(SHAPES) if rng.random() < 0.3 else shape
            k = kind if rng.random() < 0.6 else rng.choice(DTYPES)
            return f"T.zeros({', '.join(map(str, s)) or '()'}, dtype=T.{k})"

        by_name.append(
            f"out={out()}" if outs == 1 else f"out=({', '.join(out() for _ in range(outs))})"
        )
    where = me if place == "method" else place
    return f"{where}.{name}({', '.join([*by_place, *by_name])})"


LITERAL = re.compile(r"t\((\[[^()]*\]|-?[\d.]+|nan|-?inf)\)")


def with_gradient(rng: random.Random, text: str) -> str | None:
    """The text of the call's values and gradients in its float32 tensors, if it has such."""
    floats = [m for m in LITERAL.finditer(text) if re.search(r"\d\.|nan|inf", m.group(1))]
    if not floats or "out=" in text:
        return None
    some = [m for m in floats if rng.random() < 0.8] or floats[:1]
    values = [m.group(1) for m in some]
    for i, m in reversed(list(enumerate(some))):
        text = text[: m.start()] + f"x{i}" + text[m.end() :]
    own = ".clone()" if re.search(r"_\(", text) else ""
    for i in range(len(some)) if own else ():
        text = re.sub(rf"\bx{i}\b", f"x{i}.clone()", text)
    named = ", ".join([f"x{i}" for i in range(len(some))])
    return f"D(lambda {named}: {text}, {', '.join(values)})"


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and D: floating results and weighted gradients."""

    def derivatives(f: Any, *values: Any) -> Any:
        xs = [T.tensor(v, requires_grad=True) for v in values]
        out = f(*xs)
        results = [
            o for o in (out if isinstance(out, (tuple, list)) else [out]) if hasattr(o, "dtype")
        ]
        recorded = [o for o in results if o.requires_grad]
        if not recorded:
            return results, None
        weights = [
            ((T.arange(o.numel(), dtype=T.float64) * 0.37).cos().reshape(o.shape) + 0.5).to(o.dtype)
            for o in recorded
        ]
        return results, T.autograd.grad(recorded, xs, weights, allow_unused=True)

    return {**names(T), "D": derivatives}


def maker(pattern: str) -> Make:
    schemas = {k: v for k, v in public().items() if re.search(pattern, k[1])}
    keys = sorted(schemas)

    def make(rng: random.Random) -> tuple[str, str] | None:
        place, name = rng.choice(keys)
        text = call(rng, place, name, rng.choice(schemas[place, name]))
        if text is not None and rng.random() < 0.6:
            text = with_gradient(rng, text) or text
        return None if text is None else (name, text)

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__, maker, known))
