"""Random tensors printed with random options, beside PyTorch, without end.

python tools/random_printing.py --seconds 60 --seed 1
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from comparing import Make, main, names

DTYPES = "float32 float64 float16 bfloat16 int64 int32 int16 uint8 int8 bool complex64 complex128"
DTYPES += " uint16 uint32 uint64"
OPTIONS = {
    "precision": [0, 1, 2, 6, 8], "threshold": [0, 5, 100, 10000], "edgeitems": [0, 1, 2, 5],
    "linewidth": [20, 40, 120], "sci_mode": [True, False, None],
    "profile": ["short", "full", "default"],
}  # fmt: skip
FORMS = ["repr(x)", "str(x)", "f'{x}'", "str([x, {'a': x}])", "f'{x:.3f}' if x.dim() == 0 else x"]
WAYS = ["x", "x", "x.transpose(0, 1) if x.dim() > 1 else x", "x[::2] if x.dim() else x"]
FLOATING = ["T.nn.Parameter(x)", "x.requires_grad_()", "x.requires_grad_() * 1"]


def values(kind: str, seed: int) -> np.ndarray:
    """Numbers of all magnitudes, now and then odd ones."""
    rng, npr = random.Random(seed), np.random.default_rng(seed)
    few = rng.choice([0, 1, 1, 2, 2, 3, 4])
    sizes = [0, 1, 2, 3, 4, 5, 7, 12, 40] if few < 3 else [0, 1, 2, 3, 7]
    shape = tuple(rng.choice(sizes) for _ in range(few))
    if kind == "bool":
        return npr.random(shape) < 0.5
    if "int" in kind:
        wide = 10**9 if kind.endswith(("32", "64")) else 100
        high = {"int8": 127, "uint8": 255}.get(kind, rng.choice([5, 100, 30000, wide]))
        return npr.integers(0 if kind[0] == "u" else -high, high + 1, shape)
    a = np.asarray(
        npr.standard_normal(shape) * 10.0 ** rng.choice([0, 0, -3, -6, 3, 5, 8, -10, 20])
    )
    way = rng.random()
    if way < 0.3:
        a = np.asarray(np.round(a))
    elif way > 0.8:
        a = np.asarray(a * 10.0 ** npr.integers(-3, 4, shape))
    if a.size and rng.random() < 0.25:
        for _ in range(2):
            odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 1e38]
            a.reshape(-1)[rng.randrange(a.size)] = rng.choice(odd)
    return a + 1j * npr.standard_normal(shape) if kind.startswith("c") else a


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and P: how a tensor prints."""

    def printed(kind: str, seed: int, way: str, form: str, options: dict[str, Any]) -> str:
        a = values(kind, seed)
        d = getattr(T, kind)
        x = T.tensor(a.tolist(), dtype=d) if a.size else T.zeros(a.shape, dtype=d)
        x = eval(way, {"T": T, "x": x})
        T.set_printoptions(profile="default")
        try:
            T.set_printoptions(**options)
            return str(eval(form, {"x": x})).replace("\n", "\\n")
        finally:
            T.set_printoptions(profile="default")

    return {**names(T), "P": printed}


def maker(pattern: str) -> Make:
    def make(rng: random.Random) -> tuple[str, str] | None:
        kind = rng.choice(DTYPES.split())
        if not re.search(pattern, kind):
            return None
        floating = kind.startswith(("float", "bfloat", "complex"))
        way = rng.choice(WAYS + FLOATING * floating)
        options = {k: rng.choice(v) for k, v in OPTIONS.items() if rng.random() < 0.12}
        seed = rng.randrange(10**6)
        return kind, f"P({kind!r}, {seed}, {way!r}, {rng.choice(FORMS)!r}, {options!r})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__, maker, known))
