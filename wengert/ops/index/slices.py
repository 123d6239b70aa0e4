"""Whole slices of one dimension, in a row (narrow) or at computed indices:
index_select, index_add, index_copy, index_fill, index_reduce.
"""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import HOSTED, NS, VALUES
from ...base import dtypes
from ...declare.lines import PLACES, line
from ...declare.registry import public
from ...engine import native
from ...engine.kinds import movement
from ...engine.op import op
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..math.compare import where_op
from .gather import INSIDE, JOINS, start_of, untouched
from .indexing import check_index, getitem
from .mask import SCALAR, fitting
from .slice_ops import (
    slices_added,
    slices_extreme,
    slices_filled,
    slices_joined,
    slices_mean,
    slices_put,
)

INT64, UINT64 = dtypes.int64.np, dtypes.uint64.np


@op(movement, types="any", name="index_select")
def index_select_op(xp, x, index, dim=0):
    """The slices of x along dim at an index vector."""
    if x.ndim == 0:
        return xp.reshape(x, ())
    return xp.take(x, index, spec=rows(dim))


def _index_select(xp: Any, g: Any, index: Any, x_shape: Any, dim: int) -> Any:
    if not x_shape:
        return xp.reshape(g, ())
    return xp.put_add(g, index, shape=tuple(x_shape), spec=rows(dim))


index_select_op.vjp(x=_index_select)


def check_long(index: Tensor, name: str, what: str = "index") -> None:
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for {what}, got {index.dtype}: convert it with"
            " .long()"
        )


@public(
    "index_select(Tensor input, int dim, Tensor index, *, out)",
    lines=(
        line(
            index_select_op,
            when=f"a0.ndim and a1.size and a1.ndim == 1 and {INSIDE}",
            asked=True,
        ),
    ),
    out="exact separate",
)
def index_select(input, dim, index):
    """The slices along dim at the indices in a vector.

    >>> torch.index_select(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([1, 0]))
    tensor([[2, 1],
            [4, 3]])
    """
    d = wrap_dim(dim, input._a.ndim, "index_select")
    check_vector(index, "index_select")
    check_long(index, "index_select")
    shape = tuple(input._a.shape)
    if not shape and index._a.size != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {index._a.size} value(s)"
        )
    n = shape[d] if shape else 1
    if native.inside is None or not native.within(index, 0, n):
        check_selected(index, d, shape)
    if index._a.ndim == 0:
        index = index.reshape(1)
    if not shape:
        return input.clone()
    return index_select_op.entry(input, index, d)


def check_selected(index: Tensor, d: int, shape: tuple[int, ...]) -> None:
    """The refusal of an index that is outside of a shape."""
    n = shape[d] if shape else 1
    if index._a.size and not hasattr(index._a, "level") and NS[type(index._a)].has(VALUES):
        low, high = int(index._a.min()), int(index._a.max())
        if low < 0 or high >= n:
            # PyTorch's loops over rows, columns and nothing refuse in their own ways
            vector = len(shape) < 2
            raise (IndexError if vector or d != 1 and 0 not in shape else RuntimeError)(
                f"index out of range in self: index_select() got index {low if low < 0 else high}"
                f" for dimension {d} of size {n}"
            )


def check_vector(index: Tensor, name: str) -> None:
    """IndexError if an index has more than one dimension."""
    if index._a.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index._a.ndim}, shape"
            f" {list(index._a.shape)}"
        )


def rows(dim: int) -> tuple[Any, ...]:
    return (slice(None),) * dim + ("array",)


WHERE = ({0: 0, -1: 0}, *PLACES[1:])  # ndim -> dimension as given -> counted from 0


def fits(a: Any, index: Any, at: int, b: Any = None) -> bool:
    """Whether index plainly has rows of a along a dimension, and b one slice for each of them."""
    if type(index) not in HOSTED or index.dtype is not INT64:
        return False
    n, shape = index.size, a.shape
    if not n:
        return False
    if not shape:
        return n == 1 and index.ndim < 2 and not index.item() and (b is None or b.shape == ())
    if index.ndim != 1:
        return False
    if b is not None and b.shape != (*shape[:at], n, *shape[at + 1 :]):
        return False
    # read as unsigned, a negative number is larger than any size
    return 0 <= index.item(index.view(UINT64).argmax()) < shape[at]


AT: dict[str, Any] = {"where": WHERE, "fits": fits}
PLACE = "where[a0.ndim][dim]"
JOINED = "a2.dtype is d and fits(a0, a1, s_at, a2)"


def check_rows(x: Tensor, dim: int, index: Tensor, name: str) -> int:
    """The dimension, wrapped, after the checks of index that index_add and its kin share."""
    d = wrap_dim(dim, x._a.ndim, name)
    check_vector(index, name)
    check_long(index, name)
    return d


def check_bounds(x: Tensor, d: int, index: Tensor, name: str, negative: bool = False) -> None:
    """IndexError if an index is no row of x along d; negative: whether they may count from the
    end.
    """
    shape = tuple(x._a.shape)
    if 0 in shape and shape[d]:
        return  # nothing is touched
    n = shape[d] if shape else 1
    if native.within(index, -n if negative else 0, n):
        return
    check_index(index, n, d)
    known = index._a.size and not hasattr(index._a, "level")
    if not negative and known and (low := int(index._a.min())) < 0:
        raise IndexError(f"{name}(): index {low} is out of bounds for dimension {d} with size {n}")


def check_dtypes(x: Tensor, source: Tensor, name: str) -> None:
    if source.dtype is not x.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self)"
            f" {x.dtype} and (source) {source.dtype}"
        )


def check_joined(
    x: Tensor, dim: int, index: Tensor, source: Tensor, name: str, room: bool = False
) -> int:
    """check_rows for index_add and index_reduce, whose source has x's shape but along dim."""
    d = check_rows(x, dim, index, name)
    check_dtypes(x, source, name)
    shape, given, n = list(x._a.shape), list(source._a.shape), index._a.size
    if (given[d] if d < len(given) else 1) != n:
        raise (RuntimeError if given or d and name == "index_reduce" else IndexError)(
            f"{name}(): Number of indices ({n}) should be equal to source.size(dim): source has"
            f" shape {given}, dim is {d}"
        )
    if len(shape) != len(given) or shape[:d] + shape[d + 1 :] != given[:d] + given[d + 1 :]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension."
            f" Got self.shape = {shape} source.shape = {given} ({name}, dim {d})"
        )
    if room:
        check_room(x, d, index, name)
    check_bounds(x, d, index, name)
    return d


def check_copied(x: Tensor, dim: int, index: Tensor, source: Tensor) -> int:
    """The checks of index_copy, whose source may be a number in a tensor."""
    d = wrap_dim(dim, x._a.ndim, "index_copy")
    check_vector(index, "index_copy")
    shape, given, n = list(x._a.shape), list(source._a.shape), index._a.size
    if not given and n != 1:
        raise IndexError(
            f"index_copy_(): When source is scalar, index should have one element (got {n})"
        )
    if given and shape and len(given) != len(shape):
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must"
            f" match. Source dimensionality ({len(given)}), destination dimensionality"
            f" ({len(shape)})"
        )
    if index.dtype.name != "int64":
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, got {index.dtype}")
    check_dtypes(x, source, "index_copy")
    if shape[:d] + shape[d + 1 :] != given[:d] + given[d + 1 :]:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination"
            f" shape: {shape} and source shape: {given}, at dimension {d}"
        )
    if given and given[d] != n:
        raise IndexError(
            f"index_copy_(): Number of indices ({n}) should be equal to source.size(dim)"
            f" ({given[d]})"
        )
    check_room(x, d, index, "index_copy_")
    check_bounds(x, d, index, "index_copy_")
    return d


def check_room(x: Tensor, d: int, index: Tensor, name: str) -> None:
    if x._a.ndim and x._a.shape[d] == 0 and index._a.size:
        raise RuntimeError(
            f"{name}(): there is nothing to write to along dimension {d} of a tensor of shape"
            f" {list(x._a.shape)}"
        )


def lifted(f: Any, x: Tensor, index: Tensor, source: Any) -> Tensor:
    """Run with a 0-d x as a vector."""
    r = f(
        x.reshape(1),
        index.reshape(-1),
        source.reshape(-1) if isinstance(source, Tensor) and source._a.ndim == 0 else source,
    )
    return r.reshape(())


@public(
    "index_add(Tensor input, int dim, Tensor index, Tensor source, *, Scalar alpha=1, out)",
    inplace=True,
    lines=(
        line(
            slices_added,
            given="(type_(alpha) is int or type_(alpha) is float)",
            let={"at": PLACE},
            when=f"(alpha == 1 or d is F32 or d is F64) and {JOINED}",
            using=AT,
        ),
    ),
    out="exact separate others",
)
def index_add(input, dim, index, source, *, alpha=1):
    """input with alpha times the slices of source added at index along dim.

    >>> torch.zeros(3).index_add(0, torch.tensor([0, 2, 2]), torch.tensor([1., 2., 3.]))
    tensor([1., 0., 5.])
    """
    d = check_joined(input, dim, index, source, "index_add")
    if alpha != 1:
        kind = source.dtype.category
        source = source * (alpha if kind > 1 else int(alpha) if kind else bool(alpha))
    if input._a.ndim == 0:
        return lifted(lambda x, i, s: index_add(x, 0, i, s), input, index, source)
    return slices_added.entry(
        input, index.reshape(-1), source.reshape(value_shape(input, d, index)), d
    )


def value_shape(x: Tensor, d: int, index: Tensor) -> tuple[int, ...]:
    s = tuple(x._a.shape)
    return (*s[:d], index._a.size, *s[d + 1 :])


@public(
    "index_copy(Tensor input, int dim, Tensor index, Tensor source, *, out)",
    inplace=True,
    lines=(line(slices_put, let={"at": PLACE}, when=JOINED, using=AT),),
    whole=True,
    out="exact separate others",
)
def index_copy(input, dim, index, source):
    """input with the slices of source written at index along dim.

    >>> torch.zeros(3).index_copy(0, torch.tensor([2, 0]), torch.tensor([1., 2.]))
    tensor([2., 0., 1.])
    """
    d = check_copied(input, dim, index, source)
    if input._a.ndim == 0:
        return lifted(lambda x, i, s: index_copy(x, 0, i, s), input, index, source)
    return slices_put.entry(
        input, index.reshape(-1), source.reshape(value_shape(input, d, index)), d
    )


@public(
    "index_fill(Tensor input, int dim, Tensor index, Tensor|Scalar value)",
    inplace="expanded",
    lines=(
        line(
            slices_filled,
            floating=True,
            given=SCALAR,
            let={"at": PLACE},
            when="fits(a0, a1, s_at)",
            using=AT,
        ),
    ),
)
def index_fill(input, dim, index, value):
    """input with a number written to the slices at index along dim.

    >>> torch.zeros(3).index_fill(0, torch.tensor([0, 2]), 5.)
    tensor([5., 0., 5.])
    """
    if isinstance(value, Tensor) and value._a.ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with"
            f" {value._a.ndim} dimension(s)."
        )
    if index.dtype.name != "int64":
        raise IndexError(f"index_fill_(): Expected dtype int64 for index, got {index.dtype}")
    d = wrap_dim(dim, input._a.ndim, "index_fill")
    if index._a.ndim > 1:
        raise RuntimeError(
            f"Index has to be a vector/scalar: index_fill() got shape {list(index._a.shape)}"
        )
    check_room(input, d, index, "index_fill_")
    check_bounds(input, d, index, "index_fill_", negative=True)
    kind = value.dtype if isinstance(value, Tensor) else type(value)
    if not input.dtype.is_complex and (kind is complex or getattr(kind, "is_complex", False)):
        raise RuntimeError(
            "index_fill_(): Converting complex Scalar to non-complex type is not supported"
        )
    value = fitting(value, input, "index_fill")
    if 0 in input._a.shape:
        return input.clone() if value._n is None else input + value
    index = index.reshape(-1)
    if value._n is None and type(value._a) in HOSTED:
        return slices_filled.entry(input, index, d, value._a.item())
    shape = (input._a.shape[d], *[1] * (input._a.ndim - 1 - d)) if input._a.ndim else ()
    mask = input.new_zeros(shape, dtype=dtypes.bool)  # each place counts once, however often meant
    return where_op.entry(slices_filled.entry(mask, index, 0, True), value, input)


@public(
    "index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, "
    "bool include_self=True, out)",
    inplace=True,
    lines=(
        (
            line(
                slices_joined,
                given="reduce in joins and include_self",
                let={"at": PLACE, "how": "joins[reduce]"},
                when=JOINED,
                using={**AT, "joins": JOINS},
            ),
            line(
                slices_mean,
                given="reduce == 'mean' and include_self",
                floating=True,
                let={"at": PLACE},
                when=JOINED,
                using=AT,
                own=1,
            ),
        ),
    ),
    out="exact separate others",
)
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """input with the slices of source joined in at index along dim: 'prod', 'mean', 'amax' or
    'amin'.

    >>> torch.ones(2).index_reduce(0, torch.tensor([0, 0]), torch.tensor([3., 4.]), "prod")
    tensor([12.,  1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got"
            f" {reduce}."
        )
    a, i, b = input._a, index._a, source._a
    plain = type(a) is type(i) is type(b) and b.dtype is a.dtype and -a.ndim <= dim < max(a.ndim, 1)
    if plain and fits(a, i, d := WHERE[a.ndim][dim], b):
        return joined(input, d, index, source, reduce, include_self)
    d = check_joined(input, dim, index, source, "index_reduce", room=not include_self)
    if input._a.ndim:
        source, index = source.reshape(value_shape(input, d, index)), index.reshape(-1)
    return joined(input, d, index.long(), source, reduce, include_self)


def joined(x: Tensor, d: int, index: Tensor, source: Tensor, reduce: str, own: bool) -> Tensor:
    """index_reduce() of what was checked."""
    if not index._a.size:
        return untouched(x, source)
    if not own:
        start = start_of(reduce, x._a.dtype)
        if reduce in ("amax", "amin"):
            return slices_extreme.entry(x, index, source, d, JOINS[reduce], start)
        x = slices_filled.entry(x, index, d, start)
    if reduce != "mean":
        return slices_joined.entry(x, index, source, d, JOINS[reduce])
    if x.dtype.is_inexact:
        return slices_mean.entry(x, index, source, d, int(own))
    n = x._a.shape[d] if x._a.ndim else 1
    if not x._a.ndim:
        return lifted(lambda x, i, s: joined(x, 0, i, s, reduce, own), x, index, source)
    counts = (x.new_ones if own else x.new_zeros)(n)
    counts = slices_added.entry(counts, index, x.new_ones(index.shape), 0)
    counts = counts.masked_fill(counts == 0, 1).reshape((n, *[1] * (x._a.ndim - 1 - d)))
    return slices_added.entry(x, index, source, d).div(counts, rounding_mode="floor")


@public(
    "narrow(Tensor input, int dim, Tensor|int start, int length)",
    lines=(
        line(
            getitem,
            given="type_(start) is int",
            let={"key": "(slice(None),) * places[dim] + (slice(start, start + length),)"},
            when="0 <= start <= start + length <= a0.shape[dim]",
        ),
    ),
)
def narrow(input, dim, start, length):
    """The elements start to start + length of a dimension (a view).

    >>> torch.narrow(torch.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    if input._a.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, input._a.ndim, "narrow")
    n = input._a.shape[d]
    if isinstance(start, Tensor):
        if start._a.ndim or start.dtype.category != dtypes.INTEGRAL:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return getitem.entry(input, (slice(None),) * d + (slice(start, start + length),))
