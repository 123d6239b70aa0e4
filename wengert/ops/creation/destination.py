"""Where what is created goes: into a tensor given as out=, or into another layout."""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import namespace
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor, wrap

# layout -> f(shape, layout, dtype, device, requires_grad), a tensor of zeros; for sparse layouts
LAYOUTS: dict[Any, Any] = {}


def into(out: Any, t: Tensor, vector: bool = False, words: str = "quiet") -> Tensor:
    """t, or out with its values, which requires grad if t does; out may have any size before.
    vector: out may have any shape of as many elements.
    """
    if out is None:
        return t
    leaf = t.requires_grad
    if isinstance(out, Tensor) and t.dtype is not out.dtype:
        raise RuntimeError(f"dtype {t.dtype} does not match dtype of out parameter ({out.dtype})")
    if vector and isinstance(out, Tensor) and out._a.size == t._a.size:
        t = wrap(namespace(t._a).reshape(t._a, tuple(out._a.shape)))
    elif leaf:
        t = t.detach()
    write_out("out", t, out, words)
    return out.requires_grad_() if leaf else out
