"""Random reductions, scans and orders of tensors of any dtype, layout and size, with their
gradients, beside PyTorch.

    python tools/random_reductions.py --seconds 60 --seed 1 [--filter REGEX]

Values have ties, zeros, nan and infinities in them; dimensions are numbers, tuples, empty tuples,
wrong now and then; dtype=, keepdim=, correction= and ord= come and go. Needs PyTorch.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparing import Make, gradients, main, names

KINDS = ["float32"] * 5 + ["float64"] * 2 + ["float16", "bfloat16", "int64", "int32", "int16",
         "int8", "uint8", "bool", "complex64", "complex128"]  # fmt: skip
LAYOUTS = [".mT", ".flip(0)", "[..., ::2]", "[:1]", ".unsqueeze(1).expand(*{s[:1]}, 2, *{s[1:]})",
           "[:0]", ".transpose(0, -1).contiguous().transpose(0, -1)"]  # fmt: skip
# name -> what dim may be (one, many, or "" for none), and further keywords by chance
ONE, MANY = "one", "many"
WHAT: dict[str, tuple[str, dict[str, list[str]]]] = {
    "sum": (MANY, {"dtype": []}), "nansum": (MANY, {"dtype": []}), "mean": (MANY, {"dtype": []}),
    "nanmean": (MANY, {"dtype": []}), "prod": (ONE, {"dtype": []}), "amax": (MANY, {}),
    "amin": (MANY, {}), "aminmax": ("keyword", {}), "max": (ONE, {}), "min": (ONE, {}),
    "argmax": (ONE, {}), "argmin": (ONE, {}), "all": (MANY, {}), "any": (MANY, {}),
    "std": (MANY, {"correction": ["0", "1", "2", "0.5", "None"]}), "logsumexp": (MANY, {}),
    "var": (MANY, {"correction": ["0", "1", "3", "1.5"], "unbiased": ["True", "False"]}),
    "std_mean": (MANY, {"correction": ["0", "1", "2"]}), "var_mean": (MANY, {}),
    "median": (ONE, {}), "nanmedian": (ONE, {}), "mode": (ONE, {}), "kthvalue": ("kth", {}),
    "quantile": ("q", {"interpolation": ["'linear'", "'lower'", "'higher'", "'midpoint'",
                                         "'nearest'"]}),
    "nanquantile": ("q", {"interpolation": ["'linear'", "'lower'", "'nearest'"]}),
    "count_nonzero": ("bare", {}), "norm": (MANY, {"p": ["1", "2", "0", "inf", "-inf", "0.5", "3",
                                                        "-1", "'fro'", "'nuc'"], "dtype": []}),
    "linalg.vector_norm": (MANY, {"ord": ["1", "2", "0", "inf", "-inf", "0.5", "3", "-2"],
                                  "dtype": []}),
    "linalg.norm": (MANY, {"ord": ["1", "2", "inf", "-inf", "'fro'", "'nuc'", "-1", "0"]}),
    "cumsum": ("scan", {"dtype": []}), "cumprod": ("scan", {"dtype": []}), "cummax": ("scan", {}),
    "cummin": ("scan", {}), "logcumsumexp": ("scan", {}), "softmax": ("scan", {"dtype": []}),
    "log_softmax": ("scan", {"dtype": []}), "special.softmax": ("scan", {"dtype": []}),
    "sort": ("scan", {"descending": ["True"], "stable": ["True"]}), "argsort": ("scan", {}),
    "msort": ("", {}), "topk": ("kth", {"largest": ["False"], "sorted": ["True"]}),
    "trace": ("", {}),
    "diff": ("scan", {"n": ["0", "1", "2"]}), "renorm": ("renorm", {}),
    "special.logsumexp": (MANY, {}),
    "nn.functional.normalize": ("scan", {"p": ["1", "2", "inf", "0.5"], "eps": ["0.5"]}),
    "nn.functional.softmin": ("scan", {}), "histc": ("", {"bins": ["3"], "min": ["-1"],
    "max": ["2"]}),
    "bincount": ("", {"minlength": ["4"]}), "unique": ("", {"return_counts": ["True"],
                                                          "return_inverse": ["True"]}),
    "cov": ("", {"correction": ["0", "1"]}), "corrcoef": ("", {}), "dist": ("other", {}),
    "trapezoid": ("scan", {"dx": ["0.5", "2"]}), "cumulative_trapezoid": ("scan", {}),
    "linalg.matrix_norm": ("", {"ord": ["1", "2", "inf", "'fro'", "'nuc'"]}),
    "nn.functional.layer_norm": ("shape", {"eps": ["0.5", "0"]}),
    "nn.functional.rms_norm": ("shape", {}), "masked.sum": (MANY, {"dtype": [], "mask": []}),
    "masked.mean": (MANY, {"mask": []}), "masked.amax": (MANY, {"mask": []}),
    "masked.prod": (MANY, {"mask": []}), "masked.var": (MANY, {"mask": []}),
    "masked.std": (MANY, {"mask": []}), "masked.softmax": ("scan", {"mask": []}),
    "masked.argmax": (ONE, {"mask": []}), "masked.logsumexp": (MANY, {"mask": []}),
    "masked.cumsum": ("scan", {"mask": []}), "masked.normalize": ("order", {"mask": []}),
    "masked.median": (ONE, {"mask": []}), "masked.norm": ("order", {"mask": []}),
}  # fmt: skip
WITHOUT_KEEPDIM = ("scan", "", "bare", "renorm", "other", "shape", "order")
NEVER_FLOAT = re.compile("^int|^uint|^bool")


def number(rng: random.Random, kind: str) -> str:
    if kind == "bool":
        return rng.choice(["0", "1"])
    if kind == "uint8":
        return rng.choice(["0", "1", "2", "3", "200"])
    if kind.startswith("int"):
        return rng.choice(["0", "1", "1", "2", "-1", "-3", "100"])
    if kind.startswith("complex"):
        return rng.choice(["0j", "1+2j", "-1.5+0j", "2j", "1+2j"])
    return rng.choice(["0.0", "1.0", "1.0", "-1.0", "0.5", "-2.5", "3.25", "0.1", "10.0", "-0.0"])


def tensor(rng: random.Random, kind: str) -> tuple[str, list[int]]:
    shape = [rng.choice([0, 1, 2, 3, 3, 4]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))]
    n = 1
    for s in shape:
        n *= s
    values = [number(rng, kind) for _ in range(n)]
    if n and not NEVER_FLOAT.search(kind) and "complex" not in kind and rng.random() < 0.2:
        for _ in range(rng.choice([1, 1, 2])):
            values[rng.randrange(n)] = rng.choice(["nan", "inf", "-inf"])
    return f"t([{', '.join(values)}], dtype=T.{kind}).reshape({shape})", shape


def dims(rng: random.Random, n: int, many: bool) -> str:
    low, high = -max(n, 1), max(n, 1)
    wide = 1 if rng.random() < 0.05 else 0
    if not many or rng.random() < 0.5:
        return str(rng.randrange(low - wide, high + wide))
    count = rng.choice([0, 1, 2, 2, n])
    if rng.random() < 0.9:
        count = min(count, n)
        return str(tuple(d - rng.choice([0, n]) for d in rng.sample(range(max(n, 1)), count)))
    return str([rng.randrange(low, high) for _ in range(count)])


def arguments(rng: random.Random, name: str, kind: str, shape: list[int]) -> list[str]:
    """Texts of arguments after the tensor."""
    way, more = WHAT[name]
    n, found = len(shape), []
    if way == "kth":
        found.append(str(rng.choice([1, 1, 2, 3, 0])))
    if way == "q":
        found.append(rng.choice(["0.5", "0.3", "0.0", "1.0", "t([0.25, 0.9])", "[0.1]", "1.5"]))
    if way == "order":
        found.append(rng.choice(["2", "1", "inf", "0"]))
    if way == "other":
        return [tensor(rng, "float32")[0], rng.choice(["2", "1", "inf", "0"])]
    if way == "shape":
        return [str(shape[rng.choice([-1, -2, 0]) :])]
    if way == "renorm":
        return [rng.choice(["1", "2", "inf"]), dims(rng, n, False), rng.choice(["1.0", "0.5"])]
    if way == "scan" or (way and rng.random() < (0.9 if way == "order" else 0.65)):
        one = way in (ONE, "kth", "q", "scan", "keyword")
        found.append(f"dim={dims(rng, n, not one)}")
        if way not in WITHOUT_KEEPDIM and name != "topk" and rng.random() < 0.4:
            found.append("keepdim=True")
    for key, values in more.items():
        if rng.random() < 0.4:
            if key == "dtype":
                alike = (
                    "complex" if "complex" in kind else ""
                )  # and half precision rounds on the way
                values = [f"T.{k}" for k in KINDS if "float16" not in k and alike in k]
            if key == "mask":
                values = ["x.real > 0" if "complex" in name else "x == 1", "T.zeros_like(x).bool()"]
            found.append(f"{key}={rng.choice(values)}")
    return found


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and R: what a reduction gives, and its gradient."""

    def reduced(f: Any, x: Any) -> Any:
        recorded = x.is_floating_point() or x.is_complex()
        x = x.requires_grad_() if recorded else x
        y = f(x)
        outs = y if isinstance(y, (tuple, list)) else (y,)
        found = gradients(T, outs, [x])[0] if recorded else None
        return y, found if found is not None or not recorded else T.zeros_like(x)

    return {**names(T), "R": reduced}


def maker(pattern: str) -> Make:
    found = [name for name in WHAT if re.search(pattern, name)]

    def make(rng: random.Random) -> tuple[str, str] | None:
        name, kind = rng.choice(found), rng.choice(KINDS)
        if name.endswith("normalize") and "float16" in kind:
            kind = "float32"  # in which eps is not zero
        text, shape = tensor(rng, kind)
        if shape and rng.random() < 0.3:
            layout = rng.choice(LAYOUTS)
            if "expand" in layout:
                layout = f".unsqueeze(1).expand({', '.join(map(str, [shape[0], 2, *shape[1:]]))})"
                shape = [shape[0], 2, *shape[1:]]
            text += layout
        given = arguments(rng, name, kind, shape)
        sep = ", " if given else ""
        method = "." not in name and rng.random() < 0.3
        call = f"x.{name}({', '.join(given)})" if method else f"T.{name}(x{sep}{', '.join(given)})"
        return name, f"R(lambda x: {call}, {text})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
