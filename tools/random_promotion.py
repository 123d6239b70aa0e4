"""Binary operations of random pairs of dtypes, vectors, single elements and Python numbers, in all
their forms (function, operator, in place, out=), beside PyTorch, without end.

    python tools/random_promotion.py --seconds 60 --seed 1 [--filter REGEX]
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from comparing import Make, main

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
NUMBERS = ["2", "2.5", "True", "2j", "-1", "300", "0"]
FUNCTIONS = (
    "add sub mul div true_divide floor_divide remainder fmod pow maximum minimum fmax fmin eq ne lt"
    " le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor"
    " bitwise_left_shift bitwise_right_shift atan2 hypot copysign logaddexp logaddexp2 xlogy gcd"
    " lcm nextafter float_power heaviside rsub dist result_type can_cast promote_types matmul outer"
    " dot isclose complex polar mse_loss l1_loss"
)
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "==", "<", ">="]
OTHERS = {
    "where": "T.where(t([True, False]), {a}, {b})", "lerp": "T.lerp({a}, {b}, 0.5)",
    "addcmul": "T.addcmul({a}, {b}, {b}, value=2)", "addcdiv": "T.addcdiv({a}, {b}, {b})",
    "masked_fill": "{a}.masked_fill(t([True, False]), {b})", "clamp": "T.clamp({a}, {b})",
    "clamp max": "T.clamp({a}, max={b})", "cat": "T.cat([{a}, {b}])",
    "stack": "T.stack([{a}, {b}])",
    "einsum": "T.einsum('i,i', {a}, {b})", "copy_": "{a}.copy_({b})",
    "index_put_": "{a}.index_put_((t([0]),), {b})", "scatter": "{a}.scatter(0, t([0, 1]), {b})",
    "linear": "F.linear({a}, {b})", "set": "written({a}, 0, {b})", "fill": "T.fill({a}, {b})",
    "full_like": "T.full_like({a}, {b})", "div floor": "T.div({a}, {b}, rounding_mode='floor')",
    "div trunc": "T.div({a}, {b}, rounding_mode='trunc')", "add alpha": "T.add({a}, {b}, alpha=2)",
    "searchsorted": "T.searchsorted({a}, {b})", "bucketize": "T.bucketize({a}, {b})",
    "bce": "F.binary_cross_entropy_with_logits({a}, {b})", "huber": "F.huber_loss({a}, {b})",
    "addmv": "T.addmv({a}, T.eye(2), {b})", "cumsum": "T.cumsum({a}, 0, dtype={b}.dtype)",
    "sum": "T.sum({a}, dtype={b}.dtype)", "mean": "T.mean({a}, dtype={b}.dtype)",
    "prod": "T.prod({a}, dtype={b}.dtype)", "softmax": "T.softmax({a}, 0, dtype={b}.dtype)",
    "norm": "T.linalg.vector_norm({a}, dtype={b}.dtype)", "to": "{a}.to({b}.dtype)",
    "type_as": "{a}.type_as({b})", "cross_entropy": "F.cross_entropy({a}, {b})",
    "layer_norm": "F.layer_norm({a}, (2,), {b})", "cosine": "F.cosine_similarity({a}, {b}, 0)",
}  # fmt: skip


SOME = {"bool": ["True", "False"], "uint8": ["3", "2", "200"], "int8": ["2", "-3", "100"]}


def operand(rng: random.Random, kind: str) -> str:
    """A vector of two elements or one element."""
    usual = ["2", "3", "-2", "0"] if "int" in kind else ["1.5", "2.5", "-0.5", "0.0"]
    some = SOME.get(kind, usual)
    if kind.startswith("c"):
        some = ["1+2j", "2-1j", "-0.5+0j"]
    one = rng.random() < 0.3
    text = rng.choice(some) if one else f"[{rng.choice(some)}, {rng.choice(some)}]"
    return f"t({text}, dtype=T.{kind})"


def maker(pattern: str) -> Make:
    groups = [g for g in [*FUNCTIONS.split(), *OPERATORS, *OTHERS] if re.search(pattern, g)]

    def make(rng: random.Random) -> tuple[str, str] | None:
        group, kinds = rng.choice(groups), DTYPES.split()
        a = operand(rng, rng.choice(kinds))
        b = rng.choice(NUMBERS) if rng.random() < 0.15 else operand(rng, rng.choice(kinds))
        if group in OTHERS:
            return group, OTHERS[group].format(a=a, b=b)
        if rng.random() < 0.1 and not b.startswith("t"):
            a, b = b, a
        if group in OPERATORS:
            return group, f"({a} {group} {b})"
        if group in ("can_cast", "promote_types"):
            return group, f"T.{group}(T.{rng.choice(kinds)}, T.{rng.choice(kinds)})"
        if group.endswith("_loss"):
            return group, f"F.{group}({a}, {b})"
        if rng.random() < 0.25 and hasattr(torch.Tensor, group + "_") and a.startswith("t"):
            return group, f"{a}.{group}_({b})"
        if rng.random() < 0.15 and group not in ("result_type", "dist", "isclose"):
            return group, f"T.{group}({a}, {b}, out=T.zeros(2, dtype=T.{rng.choice(kinds)}))"
        return group, f"T.{group}({a}, {b})"

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__, maker))
