"""Reading and writing elements at computed places: gather, scatter, index_put, put.

What does not live here: whole slices (`slices.py`), masks (`mask.py`), keys (`indexing.py`).
"""

from __future__ import annotations

import functools
from typing import Any

from ...arrays.lookup import HOST, HOSTED, NS, VALUES
from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ...engine import native
from ...engine.kinds import movement, opaque
from ...engine.op import op, primitive
from ...engine.tensor import Tensor, wrap
from ..creation.filled import scalar_tensor
from ..creation.to_device import beside
from ..dims import wrap_dim
from ..reduce.minmax import gather as gather_op
from ..reduce.minmax import of_source, scatter_add
from ..shape.join import stack
from .indexing import check_index, fitted, index_put, prepare, take_shape
from .keys import parse
from .mask import SCALAR

UINT64 = dtypes.uint64.np
# of an index a1 of one number at least: all from 0 to the size of dim; read as unsigned, a negative
# one is the largest
INSIDE = "a1.__class__ in HOSTED and a1.dtype is I64"
INSIDE += " and 0 <= a1.item(a1.view(U64).argmax()) < a0.shape[s_dim]"
# where many elements are read, their own pass looks at the index too
READS = "a1.size and a0.ndim == a1.ndim and "
READS += INSIDE.replace("and 0 <= ", "and (a1.size >= 32768 or 0 <= ") + ")"
INT64 = dtypes.int64.np
INDICES = frozenset([dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool])
INEXACT = frozenset([d.np for d in dtypes.ALL if d.is_inexact])
WRITES = f"a1.size and a0.ndim == a1.ndim == a2.ndim and a2.dtype is d and {INSIDE}"
WRITES += " and all(map_(le, a1.shape, a2.shape))"


def check_gather(x: Tensor, index: Tensor, dim: int, name: str, src: Tensor | None = None) -> int:
    """The checks of gather and scatter; returns the dimension."""
    d = wrap_dim(dim, x._a.ndim, name)
    if index._a.size == 0:
        return d
    if index._a.dtype is not INT64 and index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(f"{name}(): Expected dtype int64 for index")
    nx, ni = max(x._a.ndim, 1), max(index._a.ndim, 1)
    if nx != ni:
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as"
            f" {'input' if name == 'gather' else 'self'} tensor ({name}: {ni} and {nx})"
        )
    for i in range(index._a.ndim):
        if i != d and index._a.shape[i] > x._a.shape[i]:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index._a.shape)} to be"
                f" no larger than self {list(x._a.shape)} apart from dimension {d} ({name})"
            )
        if src is not None and 0 < src._a.ndim <= i:
            raise IndexError(f"Dimension out of range: {name}(): src has no dimension {i}")
        if src is not None and index._a.shape[i] > (src._a.shape[i] if src._a.ndim else 1):
            raise RuntimeError(
                f"Expected index {list(index._a.shape)} to be no larger than src"
                f" {list(src._a.shape)} ({name}, dimension {i})"
            )
    if src is not None and max(src._a.ndim, 1) != ni:
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as src tensor ({name}: {ni} and"
            f" {src._a.ndim})"
        )
    n = x._a.shape[d] if x._a.ndim else 1
    if native.inside is None or not native.within(index, 0, n):
        check_each(index, n, d, name)
    return d


def check_each(index: Tensor, n: int, d: int, name: str) -> None:
    """RuntimeError if an index is outside."""
    if not hasattr(index._a, "level"):
        raw = index._a
        plain = raw.dtype is INT64 and type(raw) in HOSTED
        if plain and 0 <= raw.item(raw.view(UINT64).argmax()) < n:
            return  # a negative one would be the largest
        if not NS[type(raw)].has(VALUES):
            return
        low, high = int(raw.min()), int(raw.max())
        if low < 0 or high >= n:
            raise RuntimeError(
                f"index {low if low < 0 else high} is out of bounds for dimension {d} with size {n}"
                f" ({name})"
            )


def check_scatter(x: Tensor, index: Tensor, dim: int, name: str, src: Tensor) -> int:
    """The checks of scatter, where what is written must have x's dtype; returns the dimension."""
    if src._a.dtype is not x._a.dtype and src.dtype is not x.dtype:
        wrap_dim(dim, x._a.ndim, name)
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype: {x.dtype} and {src.dtype}"
        )
    return check_gather(x, index, dim, name, src)


@public(
    "gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False, out)",
    lines=(line(gather_op, given="not sparse_grad", when=READS, asked=True),),
    out="exact separate input",
)
def gather(input, dim, index, *, sparse_grad=False):
    """out[i][j] = input[index[i][j]][j] for dim 0; index has input's number of dimensions.

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    d = check_gather(input, index, dim, "gather")
    if index._a.size == 0:
        return (
            input.new_empty(tuple(index.shape))
            if input._n is None
            else input.new_empty(tuple(index.shape)) + input.sum() * 0
        )
    if input._a.ndim == 0 or index._a.ndim == 0:
        flat = gather_op.entry(input.reshape(-1), index.reshape(-1), 0)
        return flat.reshape(index.shape)
    return (gather_sparse if sparse_grad else gather_op).entry(input, index, d)


@op(movement, types="any", node="GatherBackward0")
def gather_sparse(xp, x, index, dim=0):
    """Elements of x at index along dim, whose gradient is sparse."""
    return xp.gather(x, index, dim)


def _places(xp: Any, g: Any, index: Any, shape: tuple[int, ...], dim: int) -> Tensor:
    """g as a sparse tensor of a shape, at the places that gather has read."""
    from ..sparse.tensor import SparseTensor

    index, g = (t if isinstance(t, Tensor) else wrap(t) for t in (index, g))
    index = index.detach().long()
    n = index._a.ndim
    at = [
        index.new_tensor(range(s)).reshape(-1, *(1,) * (n - 1 - i))
        for i, s in enumerate(index.shape)
    ]
    at[dim] = index
    return SparseTensor(
        stack([a.expand(index.shape).reshape(-1) for a in at]), g.reshape(-1), shape
    )


gather_sparse.vjp(x=lambda xp, g, index, x_shape, dim: _places(xp, g, index, tuple(x_shape), dim))


@primitive(movement, types="any")
def scatter_set(xp, x, index, src, dim=0):
    """x with src put at index along dim."""


scatter_set.vjp(
    x=lambda xp, g, index, dim: xp.scatter_set(
        g, index, xp.zeros(tuple(index.shape), g.dtype), dim
    ),
    src=lambda xp, g, index, src_shape, dim: of_source(xp.gather(g, index, dim), src_shape),
)


@primitive(movement, types="any", node="ScatterBackward0")
def scatter_filled(xp, x, index, dim=0, value=0):
    """x with a number at index along dim."""


scatter_filled.vjp(x=lambda xp, g, index, dim: xp.scatter_filled(g, index, dim, 0))
scatter_filled.jvp(
    lambda xp, tangents, x, index, dim, value: xp.scatter_filled(tangents[0], index, dim, 0)
)


@op(movement, types="any", node="ScatterBackward0")
def scatter_nothing(xp, x, index, src):
    """x, where an index without elements says where src goes."""
    return xp.copy(x)


scatter_nothing.vjp(
    x=lambda g: g,
    src=lambda xp, g, index_shape, src_shape: of_source(
        xp.zeros(tuple(index_shape), g.dtype), src_shape
    ),
)


@op(opaque, types="any")
def scatter_join(xp, x, index, src, dim=0, how="multiply"):
    """x with src joined in at index by 'multiply', 'maximum' or 'minimum'."""
    return xp.scatter_reduce_raw(x, index, src, dim, how)


def _winners(xp: Any, win: Any, index: Any, src: Any, out: Any, dim: int) -> Any:
    """How many candidates equal the result at each place."""
    hit = xp.astype(xp.eq(src, xp.gather(out, index, dim)), win.dtype)
    return xp.scatter_add(win, index, hit, dim)  # 0 only where the result is nan


def _join_src(xp: Any, g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, how: str) -> Any:
    of_source(index, src.shape, broadcasting=True)
    if how == "multiply":
        zero = xp.astype(xp.eq(src, 0), g.dtype)
        safe = xp.where(xp.eq(src, 0), xp.ones_like(src), src)
        zeros_here = xp.gather(
            xp.scatter_add(xp.zeros(tuple(x.shape), g.dtype), index, zero, dim), index, dim
        )
        # a factor that is the only zero has the product of the others; all else comes from out,
        # whose own derivative knows of the zero
        rest = xp.scatter_join(x, index, safe, dim, how)
        alone = xp.logical_and(xp.eq(zeros_here, 1), xp.eq(src, 0))
        r = xp.where(alone, xp.gather(g * rest, index, dim), xp.gather(g * out, index, dim) / safe)
    else:
        win = xp.astype(xp.eq(x, out), g.dtype)
        hit = xp.astype(xp.eq(src, xp.gather(out, index, dim)), g.dtype)
        r = hit * xp.gather(g / _winners(xp, win, index, src, out, dim), index, dim)
    return r


def _join_self(xp: Any, g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, how: str) -> Any:
    of_source(index, src.shape, broadcasting=True)
    if how == "multiply":
        own = xp.where(xp.eq(x, 0), xp.ones_like(x), x)
        return g * xp.scatter_join(own, index, src, dim, how) / own
    win = xp.astype(xp.eq(x, out), g.dtype)
    return win * (g / _winners(xp, win, index, src, out, dim))


JOINS = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}
scatter_join.vjp(x=_join_self, src=_join_src)


@op(opaque, types="any")
def scatter_extreme(xp, x, index, src, dim=0, how="maximum", start=0):
    """scatter_join of src alone by 'maximum' or 'minimum', where nothing of x, but start, is at
    the places.
    """
    return xp.scatter_join(xp.scatter_filled(x, index, dim, start), index, src, dim, how)


# x shares the gradient where it equals what came instead of it, though its share is lost
scatter_extreme.vjp(
    x=lambda xp, g, x, index, src, out, dim, how: xp.scatter_filled(
        _join_self(xp, g, x, index, src, out, dim, how), index, dim, 0
    ),
    src=_join_src,
)
REDUCE = {
    "add": "sum",
    "sum": "sum",
    "multiply": "prod",
    "prod": "prod",
    "amax": "amax",
    "amin": "amin",
    "mean": "mean",
}


@public(
    "scatter(Tensor input, int dim, Tensor index, Tensor src, *, out)",
    "scatter(Tensor input, int dim, Tensor index, Scalar value, *, out)",
    "scatter(Tensor input, int dim, Tensor index, Tensor src, *, str reduce, out)",
    "scatter(Tensor input, int dim, Tensor index, Scalar value, *, str reduce, out)",
    inplace=True,
    lines=(
        line(scatter_set, when=WRITES, asked=True),
        line(
            scatter_filled,
            floating=True,
            given=f"({SCALAR})",
            when=f"a1.size and a0.ndim == a1.ndim and {INSIDE}",
        ),
        None,
        None,
    ),
    out="exact separate others",
)
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """input with src (a tensor or number) written at the places gather(dim, index) would read.

    reduce: 'add' or 'multiply' join instead of overwriting.

    >>> torch.zeros(2, 2).scatter(1, torch.tensor([[0], [1]]), 5.)
    tensor([[5., 0.],
            [0., 5.]])
    """
    if src is None:
        src = value
    if not isinstance(src, Tensor):
        src = scalar_tensor(src, dtype=input.dtype, device=input.device).expand(
            tuple(index._a.shape)
        )
    d = check_scatter(input, index, dim, "scatter", src)
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if index._a.size == 0:
        return scatter_nothing.entry(input, index, src)
    x, index, src, shape = at_least_1d(input, index, src)
    if reduce == "add":
        r = scatter_add.entry(x, index, src, d)
    elif reduce == "multiply":
        r = scatter_join.entry(x, index, src, d, "multiply")
    else:
        r = scatter_set.entry(x, index, src, d)
    return r.reshape(shape) if shape is not None else r


def untouched(input: Tensor, src: Tensor) -> Tensor:
    """A copy of input, recorded for src too: nothing of it was written."""
    if src._n is None:
        return input.clone()
    return input - src.reshape(-1)[:0].sum()


def at_least_1d(x: Tensor, index: Tensor, src: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
    if x._a.ndim and index._a.ndim:
        return x, index, src, None
    return x.reshape(-1), index.reshape(-1), src.reshape(-1), tuple(x._a.shape)


@public(
    "scatter_add(Tensor input, int dim, Tensor index, Tensor src, *, out)",
    inplace=True,
    lines=(line(scatter_add, when=WRITES, asked=True),),
    out="exact separate others",
)
def scatter_add_public(input, dim, index, src):
    """input with src added at the places gather(dim, index) would read.

    >>> torch.zeros(2).scatter_add(0, torch.tensor([0, 0, 1]), torch.tensor([1., 2., 3.]))
    tensor([3., 3.])
    """
    d = check_scatter(input, index, dim, "scatter_add", src)
    if index._a.size == 0:
        return scatter_nothing.entry(input, index, src)
    x, index, src, shape = at_least_1d(input, index, src)
    r = scatter_add.entry(x, index, src, d)
    return r.reshape(shape) if shape is not None else r


@public(
    "scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, "
    "bool include_self=True, out)",
    inplace=True,
    lines=(
        (
            line(scatter_add, given="reduce == 'sum' and include_self", when=WRITES),
            line(
                scatter_join,
                given="reduce in joins and include_self",
                using={"joins": JOINS},
                let={"how": "joins[reduce]"},
                when=WRITES,
            ),
        ),
    ),
    out="exact separate others",
)
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """input with src joined in at index: reduce is 'sum', 'prod', 'mean', 'amax' or 'amin'.

    >>> i = torch.tensor([0, 0, 1])
    >>> torch.zeros(2).scatter_reduce(0, i, torch.tensor([1., 2., 3.]), "amax")
    tensor([2., 3.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    d = check_scatter(input, index, dim, "scatter", src)
    if index._a.size == 0:
        return scatter_nothing.entry(input, index, src)
    x, shape = input, None
    if not (x._a.ndim and index._a.ndim):
        x, index, src, shape = at_least_1d(input, index, src)
    if not include_self:
        start = start_of(reduce, x._a.dtype)
        if reduce in ("amax", "amin"):
            r = scatter_extreme.entry(x, index, src, d, JOINS[reduce], start)
            return r.reshape(shape) if shape is not None else r
        x = scatter_filled.entry(x, index, d, start)
    if reduce in ("sum", "mean"):
        r = scatter_add.entry(x, index, src, d)
        if reduce == "mean":
            ones = src.new_ones(tuple(index._a.shape))
            counts = scatter_add.entry(
                x.new_ones(tuple(x._a.shape)) if include_self else x.new_zeros(tuple(x._a.shape)),
                index,
                ones,
                d,
            )
            counts = counts.masked_fill(counts == 0, 1)
            r = r / counts if r._a.dtype in INEXACT else r.div(counts, rounding_mode="floor")
    else:
        r = scatter_join.entry(x, index, src, d, JOINS[reduce])
    return r.reshape(shape) if shape is not None else r


@functools.cache
def start_of(reduce: str, d: Any) -> Any:
    """What changes nothing, of a reduction in a dtype."""
    return STARTS[reduce](dtypes.as_dtype(d))


def lowest(d: dtypes.dtype) -> Any:
    return (
        float("-inf")
        if d.is_floating_point
        else False
        if d.category == dtypes.BOOLEAN
        else dtypes.iinfo(d).min
    )


def highest(d: dtypes.dtype) -> Any:
    return (
        float("inf")
        if d.is_floating_point
        else True
        if d.category == dtypes.BOOLEAN
        else dtypes.iinfo(d).max
    )


STARTS: dict[str, Any] = {  # of a reduction: what changes nothing
    "sum": lambda d: 0,
    "mean": lambda d: 0,
    "prod": lambda d: 1,
    "amax": lowest,
    "amin": highest,
}


def plainly_put(a: Any, value: Any, indices: list[Any]) -> Any:
    """The key of values at indices that are plainly in bounds, and fit; None if not sure."""
    shape = indices[0].shape if indices and indices[0] is not None else None
    if shape is None or value.shape != shape + a.shape[len(indices) :] or not NS[type(a)].has(HOST):
        return None
    for i, n in zip(indices, a.shape):
        usual = type(i) is type(a) and i.dtype is INT64 and i.shape == shape and i.size and i.ndim
        if not usual or not i.flags.c_contiguous:
            return None
        unsigned = i.view(UINT64).reshape(-1)  # where a negative number is larger than any n
        if int(unsigned[unsigned.argmax()]) >= n:
            return None
    return ("array",) * len(indices)


@public(
    "index_put(Tensor input, Tensor[] indices, Tensor values, bool accumulate=False)",
    inplace="function expanded",
    out="separate",
)
def index_put_public(input, indices, values, accumulate=False):
    """input with values written (or added) at input[indices]; indices is a tuple of tensors.

    >>> i, j = torch.tensor([0, 1]), torch.tensor([1, 0])
    >>> torch.zeros(2, 2).index_put((i, j), torch.tensor([1., 2.]))
    tensor([[0., 1.],
            [2., 0.]])
    """
    if len(indices) > input._a.ndim:
        raise IndexError(
            f"too many indices for tensor of dimension {input._a.ndim} (got {len(indices)})"
        )
    for i in indices:
        if i is not None and i._a.dtype is not INT64 and i.dtype not in INDICES:
            raise IndexError(
                f"tensors used as indices must be long, int, byte or bool tensors, got {i.dtype}"
            )
    if values._a.dtype is not input._a.dtype and values.dtype is not input.dtype:
        mask = indices[0] if len(indices) == 1 and values._a.size == 1 and not accumulate else None
        if mask is not None and mask.dtype is dtypes.bool:
            return index_put_public(input, indices, values.to(input.dtype))  # as masked_fill does
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype} for the"
            f" destination and {values.dtype} for the source."
        )
    # an index without dimensions is an array of one, not part of a basic key
    indices = [i.reshape(1) if i is not None and not i._a.ndim and whole(i) else i for i in indices]
    spec = plainly_put(input._a, values._a, [None if i is None else i._a for i in indices])
    if spec:
        return index_put.entry(input, values, *indices, spec=spec, accumulate=bool(accumulate))
    _, spec, arrays = parse(input, tuple(indices))
    if not arrays:
        return input.clone() if accumulate else values.expand(tuple(input.shape)).clone()
    x, spec, idx = prepare(input, spec, arrays)
    target = take_shape(x, spec, idx)
    if not values._a.ndim:
        values = beside(values, x)
    if tuple(values._a.shape) != target:
        values = fitted(values, target)
    out = index_put.entry(x, values, *idx, spec=spec, accumulate=bool(accumulate))
    return out if x is input else out.reshape(tuple(input._a.shape))  # a bool adds a dimension


def whole(index: Tensor) -> bool:
    """Whether an index is one integer."""
    return (
        index._a.ndim == 0
        and index.dtype.category == dtypes.INTEGRAL
        and index.dtype is not dtypes.uint8
    )


@public(
    "put(Tensor input, Tensor index, Tensor source, bool accumulate=False)",
    inplace=True,
    out="separate",
)
def put(input, index, source, accumulate=False):
    """input with source written (or added) at flat positions.

    >>> torch.tensor([1., 2., 3.]).put(torch.tensor([0, 2]), torch.tensor([9., 8.]))
    tensor([9., 2., 8.])
    """
    if index.dtype.name != "int64":
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype.name}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype ="
            f" {input.dtype} and source.dtype = {source.dtype}"
        )
    if source._a.size != index._a.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got"
            f" source.numel() = {source._a.size}, index.numel() = {index._a.size}"
        )
    if index._a.size == 0:
        return untouched(input, source)
    if input._a.size == 0:
        raise IndexError("put_(): tried to put elements into an empty tensor")
    flat = input if input._a.ndim == 1 else input.reshape(-1)
    check_index(index, flat._a.shape[0], 0)
    index, source = [t if t._a.ndim == 1 else t.reshape(-1) for t in (index, source)]
    out = index_put.entry(flat, source, index, spec=("array",), accumulate=bool(accumulate))
    return out if flat is input else out.reshape(tuple(input._a.shape))
