#!/usr/bin/env python
"""Random reads and writes by indices, beside PyTorch.

    python tools/random_indexing.py --seconds 60 --seed 1 [--filter REGEX]

Keys of numbers, slices, None, ..., masks, lists and tensors of indices of any width, on tensors of
any strides; read, read with the gradient, written with numbers and tensors, with index_put_,
index_add, index_copy, index_fill, take, put, gather and scatter. Both libraries must give the same
or refuse with the same type of error. Needs PyTorch.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparing import Make, main

KINDS = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "uint8",
    "bool",
    "complex64",
]
WIDTHS = ["int64", "int64", "int64", "int32", "int16", "uint8"]
LAYOUTS = ["", ".transpose(0, -1).contiguous().transpose(0, -1)", ".flip(0)", "[..., ::2]",
           ".unsqueeze(1)", ".contiguous().view(-1)"]  # fmt: skip
ALONG = ("index_add", "index_copy", "index_fill", "index_select", "gather", "scatter",
         "scatter_add", "take_along_dim", "index_reduce")  # fmt: skip


def numbers(rng: random.Random, shape: list[int]) -> str:
    n = 1
    for s in shape:
        n *= s
    return f"(T.arange({n}) * 5 % 7 - 2).view({shape})"


def indices(rng: random.Random, n: int) -> str:
    """A tensor of indices of a dimension of n elements, now and then out of bounds."""
    wide, odd = rng.choice(WIDTHS), rng.random() < 0.05
    low = -n if rng.random() < 0.3 and wide != "uint8" else 0
    count = rng.choice([0, 1, 2, 2, 3])
    found = [rng.randrange(low, max(n + odd, low + 1)) for _ in range(count)]
    return f"t({found}, dtype=T.{wide})"


def item(rng: random.Random, n: int) -> str:
    kind = rng.random()
    if kind < 0.2:
        return str(rng.randrange(-n, n + (rng.random() < 0.1)) if n else 0)
    if kind < 0.45:
        ends = [rng.choice(["", str(rng.randrange(-n - 1, n + 2))]) for _ in range(2)]
        return ":".join(ends) + rng.choice(["", "", ":2"])
    if kind < 0.6:
        return rng.choice(["None", "...", "True", "False", ":"])
    if kind < 0.75:
        mask = [rng.random() < 0.5 for _ in range(n + (rng.random() < 0.05))]
        return f"t({mask})" if rng.random() < 0.7 else str(mask)
    if kind < 0.85:
        return str([rng.randrange(-n, n) for _ in range(rng.choice([1, 2, 3]))]) if n else "[]"
    text = indices(rng, n)
    return text if rng.random() < 0.7 else f"{text}[:, None]"


def maker(pattern: str) -> Make:
    groups = [g for g in ("read", "gradient", "write", "put", *ALONG) if re.search(pattern, g)]

    def make(rng: random.Random) -> tuple[str, str] | None:
        group = rng.choice(groups)
        shape = [rng.choice([0, 1, 2, 3, 4]) for _ in range(rng.choice([0, 1, 2, 2, 3]))]
        kind = rng.choice(KINDS[:4] if group == "gradient" else KINDS)
        x = f"{numbers(rng, shape)}.to(T.{kind})"
        x += rng.choice(LAYOUTS) if shape and rng.random() < 0.4 else ""
        if group in ALONG:
            d = rng.randrange(-len(shape), len(shape)) if shape else rng.choice([0, -1])
            n = shape[d] if shape else 1
            i = indices(rng, n)
            if group in ("gather", "take_along_dim", "scatter", "scatter_add"):
                i = f"{i}.view({[1] * len(shape[:d]) + [-1] + [1] * len(shape[d:][1:])})"
            source = f"T.ones_like({x}.index_select({d}, {i}.long() % {max(n, 1)}))"
            more = {
                "index_fill": ", 3", "scatter": ", 2", "index_select": "", "gather": "",
                "index_reduce": f", {source}, {rng.choice(['prod', 'mean', 'amax', 'amin'])!r}",
                "scatter_add": f", T.ones_like({i}).to(T.{kind})",
            }.get(group, f", {source}")  # fmt: skip
            args = f"{i}, {d}" if group == "take_along_dim" else f"{d}, {i}{more}"
            return group, f"({x}).{group}({args})"
        key = ", ".join(item(rng, n) for n in shape[: rng.choice([1, 2, 3])]) or "()"
        if group == "read":
            return group, f"({x})[{key}]"
        if group == "gradient":
            return group, (
                f"(lambda x: (lambda y: T.autograd.grad(y, x, T.ones_like(y)))(x[{key}]))"
                f"(({x}).requires_grad_())"
            )
        value = rng.choice(["3", "-1.5", "True", "t([2])", f"T.ones_like(({x})[{key}])", "2j",
                            "T.ones(2)", "t(float('nan'))"])  # fmt: skip
        if group == "write":
            spelled = f"np.s_[{key}]" if ":" in key or "..." in key else f"({key},)"
            return group, f"written(({x}).clone(), {spelled}, {value})"
        keys = ", ".join(indices(rng, n) for n in shape) or "t(0)"
        many = rng.random() < 0.5
        return group, f"({x}).clone().index_put_(({keys},), t(2).to(T.{kind}), {many})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker))
