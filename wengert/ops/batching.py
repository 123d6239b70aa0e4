"""How structural ops take a batch dimension in front (vmap); elementwise ops and reductions
need no rule.
"""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import namespace
from ..engine.interp import run_op
from ..engine.op import OPS, Op
from .index import gather, indexing
from .linalg import matmul
from .math import unary
from .reduce import minmax as extremes
from .reduce import sum as reduce
from .shape import copies as rearrange
from .shape import join
from .shape import views as shape

# what the ops below come from
DEFINED = (extremes, gather, indexing, join, matmul, rearrange, reduce, unary)


def front(x: Any, flag: bool, size: int) -> Any:
    """x with the batch in front, repeated if it is not batched."""
    if flag:
        return x
    xp = namespace(x)
    return xp.expand(xp.reshape(x, (1, *tuple(x.shape))), (size, *tuple(x.shape)))


def whole(key: Any) -> tuple[Any, ...]:
    return (slice(None), *(key if type(key) is tuple else (key,)))


def _expand(xp, size, flags, x, shape):
    s = tuple(x.shape)
    return xp.expand(
        xp.reshape(x, (size, *(1,) * (len(shape) - len(s) + 1), *s[1:])), (size, *shape)
    )


OPS["expand"].batch(_expand)
for _name in (
    "getitem",
    "select_item",
    "unsqueeze_item",
    "alias_item",
    "split_item",
    "sizes_item",
    "unbind_item",
):
    OPS[_name].batch(lambda xp, size, flags, x, key: xp.getitem(x, whole(key)))
OPS["put_basic"].batch(
    lambda xp, size, flags, g, shape, key: xp.put_basic(g, (size, *shape), whole(key))
)
OPS["select"].batch(
    lambda xp, size, flags, x, dim, index: xp.select(x, dim % (x.ndim - 1) + 1, index)
)
OPS["unsqueeze"].batch(
    lambda xp, size, flags, x, dim: xp.unsqueeze(x, dim + 1 if dim >= 0 else dim)
)
OPS["squeeze"].batch(lambda xp, size, flags, x, dims: xp.squeeze(x, tuple([d + 1 for d in dims])))
OPS["t"].batch(lambda xp, size, flags, x: xp.transpose(x, 1, 2) if x.ndim == 3 else x)


def _movedim(xp, size, flags, x, source, destination):
    n = x.ndim - 1
    return xp.permute(x, (0, *[d + 1 for d in shape.moved(n, source, destination)]))


OPS["movedim"].batch(_movedim)
for _name in ("copy", "contiguous", "astype", "conj", "real", "imag", "neg"):
    OPS[_name].batch(
        lambda xp, size, flags, x, _name=_name, **static: getattr(xp, _name)(x, **static)
    )


def _join(word: str) -> Any:
    def rule(xp, size, flags, *arrays, dim):
        logical = next(a.ndim - f for a, f in zip(arrays, flags))
        d = dim % (logical + (word == "stack")) + 1
        return getattr(xp, word)(*[front(a, f, size) for a, f in zip(arrays, flags)], dim=d)

    return rule


OPS["cat"].batch(_join("cat"))
OPS["stack"].batch(_join("stack"))


def _at_places(op: Op) -> None:
    """Ops that read or write along a dim at the places of an index."""

    def rule(xp, size, flags, *arrays, dim, **static):
        n = arrays[0].ndim - flags[0]
        if not n:
            return NotImplemented
        values = [front(a, f, size) for a, f in zip(arrays, flags)]
        return run_op(op, values, {**op.static, **static, "dim": dim % n + 1})

    op.batch(rule)


for _name in ("gather", "scatter_add", "scatter_set", "scatter_join"):
    _at_places(OPS[_name])
for _name in ("max", "min", "median", "nanmedian", "mode", "kthvalue", "sort", "topk"):
    _at_places(OPS[_name + "_values"])


def _index_select(xp, size, flags, x, index, dim):
    n = x.ndim - flags[0]
    if flags[1] or not n:
        return NotImplemented
    return xp.index_select(x, index, dim % n + 1)


OPS["index_select"].batch(_index_select)


def together(spec: tuple[Any, ...]) -> bool:
    """Whether a key's index arrays stand side by side, so that their dimensions stay in place."""
    at = [i for i, k in enumerate(spec) if type(k) is str]
    return at == [*range(at[0], at[-1] + 1)] and all(type(k) in (str, slice) for k in spec)


def _take(xp, size, flags, x, *indices, spec):
    if flags[0] and not any(flags[1:]) and together(spec):
        return xp.take(x, *indices, spec=(slice(None), *spec))
    if not flags[0] and len(indices) == 1 and type(spec[0]) is str:
        return xp.take(x, *indices, spec=spec)
    return NotImplemented


def _put_add(xp, size, flags, g, *indices, shape, spec):
    if any(flags[1:]) or not together(spec):
        return NotImplemented
    return xp.put_add(g, *indices, shape=(size, *shape), spec=(slice(None), *spec))


OPS["take"].batch(_take)
OPS["put_add"].batch(_put_add)
for _name in ("max", "min"):
    OPS[_name + "_all"].batch(
        lambda xp, size, flags, x, _name=_name: getattr(xp, "a" + _name)(
            xp.reshape(x, (size, -1)), (1,), False
        )
    )


def _matmul(xp, size, flags, x, y):
    fx, fy = flags
    nx, ny = x.ndim - fx, y.ndim - fy
    if not fy and ny <= 2:  # one large product
        return xp.matmul(x, y)
    if not fx and nx == 2 and (ny == 1 or ny == 2 and y.shape[-1] == 1):  # likewise, transposed
        if ny == 1:
            return xp.matmul(y, xp.transpose(x, 0, 1))
        rows = xp.matmul(xp.reshape(y, (size, x.shape[1])), xp.transpose(x, 0, 1))
        return xp.reshape(rows, (size, x.shape[0], 1))
    if not fx and (nx == 2 or nx == ny == 1):
        return xp.matmul(x, y) if nx == 2 else xp.matmul(y, x)
    x, y = front(x, fx, size) if fx or nx > 1 else x, front(y, fy, size) if fy or ny > 1 else y
    if nx == 1 and ny == 1:
        return xp.sum(x * y, 1, False)
    if nx == 1:
        x = xp.unsqueeze(front(x, fx, size) if not fx else x, 1)
    if ny == 1:
        y = xp.unsqueeze(y, 2)
    batch = max(nx, ny) - 2
    x, y = spread(xp, x, batch), spread(xp, y, batch)
    out = xp.matmul(x, y)
    if nx == 1:
        return xp.select(out, out.ndim - 2, 0)
    return xp.select(out, out.ndim - 1, 0) if ny == 1 else out


def spread(xp: Any, x: Any, batch: int) -> Any:
    """A batch of matrices with ones put in after the batch, so that it has `batch` further
    dimensions.
    """
    missing = batch - (x.ndim - 3)
    s = tuple(x.shape)
    return xp.reshape(x, (s[0], *(1,) * missing, *s[1:])) if missing > 0 else x


for _name in ("matmul", "bmm", "mv", "dot", "batched_matmul"):
    OPS[_name].batch(_matmul)


def _linear(xp, size, flags, x, w, bias):
    fx, fw, fb = flags
    if not fw and not fb:
        return xp.linear(x, w, bias)
    nx = x.ndim - fx
    w2 = front(w, fw, size)
    out = _matmul(xp, size, (fx, True), x, xp.transpose(w2, 1, 2) if w2.ndim == 3 else w2)
    if bias is None:
        return out
    if fb:
        s = tuple(bias.shape)
        bias = (
            xp.reshape(bias, (s[0], *(1,) * (nx - 1), *s[1:]))
            if len(s) > 1
            else xp.reshape(bias, (s[0], *(1,) * (out.ndim - 1)))
        )
    return out + bias


OPS["linear"].batch(_linear)
