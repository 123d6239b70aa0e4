"""Where what is created goes: into a tensor given as out=, or into another layout."""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import namespace
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor, wrap

# layout -> f(shape, layout, dtype, device, requires_grad), a tensor of zeros; for sparse layouts
LAYOUTS: dict[Any, Any] = {}


def into(out: Any, t: Tensor, vector: bool = False) -> Tensor:
    """t, or out with its values. vector: out may have any shape of as many elements."""
    if out is None:
        return t
    if vector and isinstance(out, Tensor) and out._a.size == t._a.size:
        t = wrap(namespace(t._a).reshape(t._a, tuple(out._a.shape)))
    return write_out("out", t, out)
