"""What is done with nested tensors tensor by tensor: operations along dimensions that differ, and
those that give tensors of other shapes.

Each is a function of a nested tensor's parts and the arguments; dimensions count the nesting as 0.
What does the same to every row runs on all rows at once (`nested.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.formats import strided
from ..engine.tensor import Tensor
from . import functions as T

Parts = list[Tensor]


def inner(dim: int, n: int, name: str, more: int = 0) -> int:
    """A dimension of a nested tensor of n dimensions as one of its parts."""
    if not -n - more <= dim < n + more:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    d = dim % (n + more)
    if d == 0:
        said = "squeezing" if name == "squeeze" else name
        text = f"{name}(): For nested tensors, {said} dimension 0 is not supported"
        raise RuntimeError(
            "Nested tensor dimension 0 cannot be transposed" if name == "transpose" else text
        )
    return d - 1


def transpose(x: Any, dim0: int, dim1: int) -> Parts:
    n = x.dim()
    a, b = inner(dim0, n, "transpose"), inner(dim1, n, "transpose")
    return [t.transpose(a, b) for t in x.unbind()]


def reshape(x: Any, *shape: Any) -> Parts:
    """Other shapes; the first size is the number of tensors."""
    sizes = tuple(shape[0]) if shape and not isinstance(shape[0], int) else shape
    if sizes[0] not in (-1, len(x.lengths)):
        raise RuntimeError(
            f"reshape: For now nested reshape cannot change the implicit batch dimension: the first"
            f" size is {sizes[0]}, the nested tensor has {len(x.lengths)} tensors"
        )
    rest = [-1 if not isinstance(s, int) else s for s in sizes[1:]]
    return [t.reshape(rest) for t in x.unbind()]


def unsqueeze(x: Any, dim: int) -> Parts:
    d = inner(dim, x.dim(), "unsqueeze", more=1)
    return [t.unsqueeze(d) for t in x.unbind()]


def squeeze(x: Any, dim: int) -> Parts:
    d = inner(dim, x.dim(), "squeeze")
    return [t.squeeze(d) for t in x.unbind()]


def unflatten(x: Any, dim: int, sizes: Any) -> Parts:
    d = inner(dim, x.dim(), "unflatten")
    return [t.unflatten(d, sizes) for t in x.unbind()]


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Parts:
    n = x.dim()
    a, b = inner(start_dim, n, "flatten"), inner(end_dim, n, "flatten")
    return [t.flatten(a, b) for t in x.unbind()]


def narrow(x: Any, dim: int, start: int, length: int) -> Parts:
    d = inner(dim, x.dim(), "narrow")
    return [t.narrow(d, start, length) for t in x.unbind()]


def select(x: Any, dim: int, index: int) -> Any:
    if dim % x.dim() == 0:
        return x.unbind()[index]
    return [t.select(dim % x.dim() - 1, index) for t in x.unbind()]


def getitem(x: Any, key: Any) -> Any:
    """A tensor, or a part of one; slices of all tensors."""
    keys = key if isinstance(key, tuple) else (key,)
    if isinstance(keys[0], int):
        t = x.unbind()[keys[0]]
        return t[keys[1:]] if len(keys) > 1 else t
    if keys[0] == slice(None):
        return [t[keys[1:]] if len(keys) > 1 else t for t in x.unbind()]
    if isinstance(keys[0], slice):
        return [t[keys[1:]] if len(keys) > 1 else t for t in x.unbind()[keys[0]]]
    if keys[0] is Ellipsis:
        return [t[keys] for t in x.unbind()]
    return x.refuse("indexing by tensors")


def product(x: Any, y: Any) -> Parts:
    """Products of the tensors of two nested ones."""
    for one, said in (
        (x, "non-nested self and nested other"),
        (y, "nested self and non-nested other"),
    ):
        if not getattr(one, "is_nested", False):
            raise RuntimeError(f"Expected both to be nested, but got a {said}")
    return [a @ b for a, b in zip(x.unbind(), y.unbind(), strict=True)]


def chunk(x: Any, chunks: int, dim: int = 0) -> list[Parts]:
    d = inner(dim, x.dim(), "chunk")
    return [list(c) for c in zip(*[t.chunk(chunks, d) for t in x.unbind()], strict=True)]


def reduced(name: str) -> Callable[..., Any]:
    """A reduction along dimensions of the tensors."""

    def f(x: Any, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
        if dim is None:
            if x.kind is strided:
                x.refuse(name)
            return getattr(x.flat, name)(**options)
        dims = [dim] if isinstance(dim, int) else list(dim)
        if x.kind is strided and not keepdim:
            raise RuntimeError("NestedTensor always requires keepdim=True for now.")
        inside = [inner(d, x.dim(), name) for d in dims]
        parts = [getattr(t, name)(inside, keepdim, **options) for t in x.unbind()]
        return T.stack(parts) if 0 in inside and x.kind is not strided else parts

    return f


def normalized(name: str) -> Callable[..., Any]:
    """A softmax along one dimension of the tensors."""

    def f(x: Any, dim: int, _stacklevel: int = 3, dtype: Any = None) -> Parts:
        d = inner(dim, x.dim(), name)
        return [getattr(t, name)(d, dtype=dtype) for t in x.unbind()]

    return f


def attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, *args: Any, **kw: Any
) -> Any:
    """Attention of each tensor to itself."""
    f = T.resolve("nn.functional", "scaled_dot_product_attention")
    if attn_mask is not None:
        return query.refuse("attn_mask= in scaled_dot_product_attention")
    rows = zip(query.unbind(), key.unbind(), value.unbind(), strict=True)
    return [f(q, k, v, None, *args, **kw) for q, k, v in rows]


BY_PARTS: dict[str, Callable[..., Any]] = {
    "transpose": transpose, "reshape": reshape, "view": reshape, "unsqueeze": unsqueeze,
    "squeeze": squeeze, "unflatten": unflatten, "flatten": flatten, "narrow": narrow,
    "select": select, "getitem": getitem, "bmm": product, "matmul": product, "chunk": chunk,
    "sum": reduced("sum"), "mean": reduced("mean"), "softmax": normalized("softmax"),
    "log_softmax": normalized("log_softmax"), "scaled_dot_product_attention": attention,
}  # fmt: skip
