"""What the user called: the function behind a node, from the line of the program that made it."""

from __future__ import annotations

import ast
import functools
import linecache
import re
import textwrap
from typing import Any

from ..declare.registry import FUNCTIONS, METHODS
from ..engine.node import Node
from ..engine.views import CopySlices

__all__ = ["call_at", "title_of"]

ENDINGS = (
    "_all", "_along", "_values", "_op", "_layer", "_tensor", "_base", "_of", "_loss2", "_at",
)  # fmt: skip
PLAIN = {
    "conv": "convolution", "batched_matmul": "matmul", "nll_loss": "nll_loss", "astype": "to",
    "overwrite": "setitem", "put_basic": "setitem", "write_view": "setitem",
    "conv_input": "conv_transpose", "bce_loss": "binary_cross_entropy",
    "bce_logits": "binary_cross_entropy_with_logits", "attention": "scaled_dot_product_attention",
    "resample": "interpolate", "read_points": "grid_sample", "grid_sampler_2d": "grid_sample",
    "grid_sampler_3d": "grid_sample", "rnn_layer": "rnn", "im2col": "unfold",
    "col2im": "fold", "euclidean": "cdist", "lerp_number": "lerp", "trunc_divide": "div",
    "diag_vector": "diag", "diag_matrix": "diag",
}  # fmt: skip


def title_of(n: Node) -> str:
    """What a node's card is called: the public function at its line, else the op's own name."""
    called = call_at(n.code, n.lasti) if n.code is not None else ""
    if known(called):
        return called
    if isinstance(n, CopySlices):  # x[key] = values, or a view of x was changed in place
        return "setitem"
    if n.op is None:
        return n.name().rstrip("0123456789").removesuffix("Backward") or n.name()
    name = str(n.op.name).strip("_")
    if name in PLAIN:
        return PLAIN[name]
    if name.endswith("_item"):
        return "getitem"
    if "_pad" in name:
        return "pad"
    if name.startswith(("clamp_", "add_", "sub_", "fft_")):
        return name.partition("_")[0]
    if not known(name):
        for ending in ENDINGS:
            if name.endswith(ending) and known(name.removesuffix(ending)):
                return name.removesuffix(ending)
    return name


def known(name: str) -> bool:
    """Whether torch has a function or method of a name."""
    return bool(name) and (name in METHODS or any(name in table for table in FUNCTIONS.values()))


@functools.lru_cache(maxsize=4096)
def call_at(code: Any, lasti: int) -> str:
    """The name of the function that an instruction calls, as it is written; "" for operators.

    Python tells the place of an instruction since 3.11; before that nothing is known.
    """
    if not hasattr(code, "co_positions"):
        return ""
    places = list(code.co_positions())
    first, last, start, end = places[lasti // 2] if lasti // 2 < len(places) else (None,) * 4
    if first is None or last is None or start is None or end is None:
        return ""
    lines = [linecache.getline(code.co_filename, i) for i in range(first, last + 1)]
    if not all(lines):
        return ""
    lines[-1] = lines[-1].encode()[:end].decode(errors="ignore")
    lines[0] = lines[0].encode()[start:].decode(errors="ignore")
    try:
        tree = ast.parse(textwrap.dedent("(" + "".join(lines) + ")"), mode="eval")
    except (SyntaxError, ValueError):
        return ""
    if not isinstance(tree.body, ast.Call):
        return ""
    f = tree.body.func
    if isinstance(f, ast.Name):  # what the file gives this name to, such as a module, is its own
        own = re.compile(rf"\s*{f.id}\s*(:[^=]+)?=[^=]")
        return "" if any(map(own.match, linecache.getlines(code.co_filename))) else f.id
    return f.attr if isinstance(f, ast.Attribute) else ""
