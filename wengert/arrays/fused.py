"""Which words of the CPU have a loop of their own, for float32.

Here: their table, and `wrap`, which puts a loop in front of the general word. That one still runs
for other dtypes and options, without llvmlite, and until making an exact loop pays. Not here: the
loops (`kernels/formulas.py`, `kernels/functions.py`, `kernels/simd.py`) and when they stand for a
word (`fused_elements.py`, `fused_functions.py`, `fused_rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.halves import KINDS as HALVES
from ..kernels.halves import LEAST, converted
from .fused_elements import (  # fmt: skip
    Word,
    above,
    binary,
    clamped,
    elus,
    extremes,
    gelus,
    half_pass,
    keep,
    leaky,
    limited,
    limits,
    linear,
    masked_fill,
    pair,
    planned,
    power,
    quotient_added,
    replaced,
    replaced_special,
    shrinking,
    softpluses,
    ternary,
    unary,
    where,
)
from .fused_folds import WORDS as FOLDS
from .fused_functions import WORDS as FUNCTIONS
from .fused_rows import (  # fmt: skip
    bce_logits_backward,
    between,
    cross_entropy,
    cross_entropy_backward,
    group_norm,
    group_norm_backward,
    layer_norm,
    layer_norm_backward,
    logsumexp,
    row_word,
)
from .grid_sample import grid_sampler, grid_sampler_backward
from .loss import multi_margin
from .numpy_fast_paths import (  # fmt: skip
    add,
    along,
    amax,
    amin,
    argmax,
    argmin,
    matmul,
    sort_along,
    subtract,
)
from .polynomial_loops import WORDS as POLYNOMIALS
from .sorting import topk_along
from .weighted import scaled

F32 = np.dtype(np.float32)
WORDS: dict[str, Callable[[Word], Word]] = {
    **FUNCTIONS,
    **FOLDS,
    **POLYNOMIALS,
    **{
        name: unary(name)
        for name in (
            "sigmoid", "rsqrt", "reciprocal", "sign", "relu", "silu", "erf", "mish", "logsigmoid",
            "hardsigmoid", "hardswish", "angle",
        )
    },
    **{
        name: binary(name)
        for name in (
            "sigmoid_backward", "tanh_backward", "silu_backward", "logsigmoid_backward",
            "relu_backward", "hardswish_backward", "prelu",
        )
    },
    "prelu_backward": ternary("prelu_backward"),
    "lerp": ternary("lerp_op"),
    "clamp_between": ternary("clamp_between"),
    "replace_special": planned(1, replaced_special),
    "frac": unary("frac"),
    "logical_not": unary("logical_not", kinds="f?"),
    **{name: pair(name, "ff?") for name in ("logical_and", "logical_or", "logical_xor")},
    **{
        name: pair(name)
        for name in (
            "trunc_divide", "copysign", "heaviside", "nextafter", "logaddexp", "logaddexp2",
        )
    },
    "addcdiv": quotient_added,
    "multi_margin_loss": multi_margin,
    **dict.fromkeys(("mv", "dot", "bmm", "batched_matmul"), lambda general: matmul),
    "maximum": extremes("maximum"),
    "minimum": extremes("minimum"),
    "hardtanh": planned(1, limited),
    "threshold": planned(1, replaced),
    "hardshrink": planned(1, shrinking("hardshrink")),
    "hardshrink_backward": planned(2, shrinking("hardshrink_backward")),
    "softshrink": planned(1, shrinking("softshrink")),
    "leaky_relu": planned(1, leaky("leaky_relu")),
    "leaky_relu_backward": planned(2, leaky("leaky_relu_backward")),
    "elu": planned(1, elus("elu")),
    "elu_backward": planned(2, elus("elu_backward")),
    "softplus": planned(1, softpluses("softplus")),
    "softplus_backward": planned(2, softpluses("softplus_backward")),
    "gelu": planned(1, gelus("")),
    "gelu_backward": planned(2, gelus("_backward")),
    "clamp": planned(1, clamped),
    "hardtanh_backward": planned(2, limits),
    "threshold_backward": planned(2, above),
    "add_scaled": scaled(add),
    "sub_scaled": scaled(subtract),
    "where": where,
    "keep": keep,
    "masked_fill": masked_fill,
    "max_along": along(amax, argmax),
    "min_along": along(amin, argmin),
    "topk_along": topk_along,
    "sort_along": sort_along,
    "round": unary("round", "nearest"),
    "pow": power,
    "softmax": row_word("softmax", 1),
    "log_softmax": row_word("log_softmax", 1),
    "softmax_backward": row_word("softmax_backward", 2),
    "log_softmax_backward": row_word("log_softmax_backward", 2),
    "logsumexp": logsumexp,
    "layer_norm": layer_norm,
    "layer_norm_backward": layer_norm_backward,
    "group_norm": group_norm,
    "group_norm_backward": group_norm_backward,
    "linear": linear,
    "smooth_l1_loss": between("smooth_l1", 1),
    "huber_loss": between("huber", 1),
    "bce_logits": between("bce_logits", 0),
    "bce_logits_backward": bce_logits_backward,
    "cross_entropy": cross_entropy,
    "cross_entropy_backward": cross_entropy_backward,
    "grid_sampler_2d": grid_sampler,
    "grid_sampler_3d": grid_sampler,
    "grid_sampler_backward": grid_sampler_backward,
}  # fmt: skip


def wrap(word: str, general: Word) -> Word:
    """A word of NumPy's, with its loop in front if it has one."""
    make = WORDS.get(word)
    if make is None:
        return general
    f: Any = make(from_single(general, lambda: f, word))
    f.__name__ = word
    return f


# words that NumPy, too, computes in float32, of whatever half precision
SINGLE = frozenset(("logaddexp", "logaddexp2", "hypot", "fmod", "remainder", "floor_divide"))


def from_single(general: Word, f: Word, word: str) -> Word:
    """general, which takes half precision to its loop f in float32 where it would go there itself:
    within the loop where that is for elements, else by arrays of float32.

    Of several results the first is rounded back.
    """
    if word not in SINGLE and not hasattr(getattr(general, "func", None), "single"):
        return general
    prepare: Any = None

    def to_single(x: Any, *rest: Any, **static: Any) -> Any:
        nonlocal prepare
        d = getattr(x, "dtype", None)
        if d not in HALVES or x.size < LEAST:
            return general(x, *rest, **static)
        if prepare is None:
            prepare = getattr(f(), "prepare", False)
        if prepare and not static:
            arrays = [a for a in (x, *rest) if hasattr(a, "dtype")]
            out = half_pass(prepare, arrays, rest[len(arrays) - 1 :])
            if out is not None:
                return out
        wide = [converted(a, F32) if getattr(a, "dtype", None) in HALVES else a for a in rest]
        out = f()(converted(x, F32), *wide, **static)
        if type(out) is tuple:
            return (None if out[0] is None else converted(out[0], d), *out[1:])
        return out if out is None else converted(out, d)

    return to_single
