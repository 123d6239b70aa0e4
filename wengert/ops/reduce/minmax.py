"""Largest, smallest, sorted: max, min, argmax, sort, topk, median, kthvalue, mode, unique."""

from __future__ import annotations

import functools
import math
from typing import Any

from ...base import dtypes
from ...base.returns import named
from ...engine.kinds import movement, opaque, reduction
from ...engine.lines import line
from ...engine.op import op, primitive
from ...engine.registry import public
from ...engine.tensor import Tensor, wrap
from ..batching import at_places
from ..dims import restore, wrap_dim
from .selection import max_along, min_along, sort_along, topk_along
from .sum import reduced


@primitive(reduction)
def amax(xp, x, dim=None, keepdim=False):
    """Largest element along dim; ties share the gradient."""


@primitive(reduction)
def amin(xp, x, dim=None, keepdim=False):
    """Smallest element along dim; ties share the gradient."""


def _shared(xp: Any, g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    hit = xp.astype(xp.eq(x, restore(xp, out, shape, dim, keepdim)), g.dtype)
    return hit * (restore(xp, g, shape, dim, keepdim) / (xp.sum(hit, dim, True) if shape else hit))


def share(xp: Any, g: Any, x: Any, hit: Any, dim: Any) -> Any:
    """g in equal parts for the elements that were hit."""
    n = xp.astype(hit, g.dtype)
    return xp.keep(g / (xp.sum(n, dim, True) if x.ndim else n), hit)


def shared_by_all(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """g in equal parts for the elements equal to out; for those that are nan, if it is."""
    same = xp.logical_or(xp.eq(x, out), xp.logical_and(xp.isnan(x), xp.isnan(out)))
    return share(xp, g, x, same, None)


amax.vjp(x=_shared)
amin.vjp(x=_shared)


@op(reduction, node="MaxBackward1")
def max_all(xp, x):
    """Largest element of all."""
    return xp.amax(x, None, False)


@op(reduction, node="MinBackward1")
def min_all(xp, x):
    """Smallest element of all."""
    return xp.amin(x, None, False)


for _all in (max_all, min_all):
    _all.vjp(x=shared_by_all)
max_all.batch(lambda xp, size, flags, x: xp.amax(xp.reshape(x, (size, -1)), (1,), False))
min_all.batch(lambda xp, size, flags, x: xp.amin(xp.reshape(x, (size, -1)), (1,), False))


@primitive(reduction)
def argmax(xp, x, dim=None, keepdim=False):
    """Index of the largest element."""


@primitive(reduction)
def argmin(xp, x, dim=None, keepdim=False):
    """Index of the smallest element."""


def _batched_place(word: str) -> Any:
    def rule(xp, size, flags, x, dim, keepdim):
        n = x.ndim - 1
        if dim is not None and n:
            return getattr(xp, word)(x, dim % n + 1, keepdim)
        out = getattr(xp, word)(xp.reshape(x, (size, math.prod(tuple(x.shape)[1:]))), 1, False)
        return xp.reshape(out, (size, *(1,) * n)) if keepdim else out

    return rule


argmax.batch(_batched_place("argmax"))
argmin.batch(_batched_place("argmin"))


@primitive(movement, types="any")
def gather(xp, x, index, dim=0):
    """Elements of x at index along dim."""


gather.vjp(
    x=lambda xp, g, index, x_shape, dim: xp.scatter_add(
        xp.zeros(tuple(x_shape), g.dtype), index, g, dim
    )
)


@primitive(movement, types="any", name="scatter_add")
def scatter_add(xp, x, index, src, dim=0):
    """x with src added at index along dim."""


scatter_add.vjp(
    x=lambda g: g,
    src=lambda xp, g, index, src_shape, dim: cut(xp, xp.gather(g, index, dim), src_shape),
)


def cut(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of a source that may be larger than its index: zeros beyond."""
    if tuple(g.shape) == tuple(shape):
        return g
    return xp.put_basic(g, tuple(shape), tuple([slice(0, s) for s in g.shape]))


@functools.cache
def picked(name: str) -> Any:
    """The op that reads values at indices along dim, under the name of the function it serves."""

    @op(
        movement,
        name=f"{name}_values",
        node="".join([p.capitalize() for p in name.split("_")]) + "Backward0",
    )
    def f(xp, x, index, dim=0, keepdim=True):
        v = xp.gather(x, index, dim)
        return v if keepdim else xp.squeeze(v, (dim,))

    f.vjp(
        x=lambda xp, g, index, x_shape, dim, keepdim: xp.scatter_add(
            xp.zeros(tuple(x_shape), g.dtype), index, g if keepdim else xp.unsqueeze(g, dim), dim
        )
    )
    at_places(f)
    return f


for _n in ("max", "min", "median", "nanmedian", "mode", "kthvalue", "sort", "topk"):
    picked(_n)


def by_index(name: str, input: Tensor, dim: int, keepdim: bool, word: str, **static: Any) -> Any:
    """values, indices of a selection along dim by a word that gives indices (dim removed)."""
    from ...arrays.lookup import namespace

    d = wrap_dim(dim, input._a.ndim, name)
    if input._a.ndim == 0:
        i = wrap(namespace(input._a).zeros((), "int64"))
        return named(name, input.clone() if input._n is not None else input.clone(), i)
    if input._a.shape[d] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    i = OPS_call(word, input, d, static)
    k = i.unsqueeze(d)
    return named(name, picked(name).entry(input, k, d, keepdim), k if keepdim else i)


def OPS_call(word: str, x: Tensor, d: int, static: dict[str, Any]) -> Tensor:
    from ...engine.op import OPS

    return OPS[word].entry(x, dim=d, **static)


def _extreme(name: str, all_op: Any, arg: Any, pair: Any) -> Any:
    def f(input, dim=None, keepdim=False, *, other=None, out=None):
        if other is not None:
            return pair.entry(input, other, out=out)
        if dim is None:
            if input._a.size == 0:
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                    " Specify the reduction dim with the 'dim' argument."
                )
            return all_op.entry(input, out=out)
        r = by_index(name, input, dim, keepdim, arg)
        if out is not None:
            from ...engine.out_argument import write_out

            return named(name, *write_out(name, tuple(r), tuple(out)))
        return r

    f.__name__ = name
    f.__doc__ = (
        f"The {name}imum of all elements; with dim, (values, indices) along it; with another"
        " tensor, elementwise."
    )
    return public(
        f"{name}(Tensor input, int dim, bool keepdim=False, *, out)"
        " -> (Tensor values, Tensor indices)",
        f"{name}(Tensor input, *, out)",
        f"{name}(Tensor input, Tensor other, *, out)",
        lines=(
            line(max_along if name == "max" else min_along, floating=True, pair=name),
            line(all_op, floating=True, least=1),
            line(pair, floating=True),
        ),
    )(f)


from ..math.compare import maximum, minimum  # noqa: E402

max = _extreme("max", max_all, "argmax", maximum)
min = _extreme("min", min_all, "argmin", minimum)


def _am(name: str, o: Any) -> Any:
    def f(input, dim=(), keepdim=False):
        d = reduced(dim, input._a.ndim, name)
        dims = range(input._a.ndim) if d is None else (d,) if type(d) is int else d
        if any(input._a.shape[i] == 0 for i in dims):
            error = RuntimeError if d is None else IndexError
            raise error(f"{name}(): Expected reduction dim to have non-zero size.")
        return o.entry(input, d, keepdim)

    f.__name__ = name
    f.__doc__ = f"{name[1:]}imum along dims; equal elements share the gradient."
    text = f"{name}(Tensor input, int[1] dim=[], bool keepdim=False, *, out)"
    return public(text, lines=(line(o),))(f)


_am("amax", amax)
_am("amin", amin)


@public(
    "aminmax(Tensor input, *, int? dim=None, bool keepdim=False, out) -> (Tensor min, Tensor max)"
)
def aminmax(input, *, dim=None, keepdim=False):
    """(min, max) of all elements, or along dim."""
    d = reduced(dim, input._a.ndim, "aminmax")
    if input._a.size == 0 and d is not None and input._a.shape[d] == 0:
        raise IndexError(f"aminmax: Expected reduction dim {dim} to have non-zero size.")
    if input._a.size == 0 and d is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no"
            " identity."
        )
    return named(
        "aminmax", amin.entry(input, d, keepdim), amax.entry(input, d, keepdim), fields="min max"
    )


def _arg(name: str, o: Any) -> Any:
    def f(input, dim=None, keepdim=False):
        d = None if dim is None else wrap_dim(dim, input._a.ndim, name)
        if input._a.size == 0 and (d is None or input._a.shape[d] == 0):
            raise (
                IndexError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                    " Specify the reduction dim with the 'dim' argument."
                )
                if d is None
                else IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
            )
        if input.dtype.category in (0, 3):
            raise NotImplementedError(
                f"\"{name}_cpu\" not implemented for '{input.dtype.name.capitalize()}'"
            )
        return o.entry(input, d, keepdim)

    f.__name__ = name
    f.__doc__ = f"Index of the {name[3:]}imum of all elements (flattened), or along dim."
    text = f"{name}(Tensor input, int? dim=None, bool keepdim=False, *, out)"
    return public(text, lines=(line(o, floating=True),))(f)


_arg("argmax", argmax)
_arg("argmin", argmin)


@primitive(opaque, name="argsort")
def argsort_op(xp, x, dim=-1, descending=False):
    """Indices that sort x along dim, stably."""


@public(
    "argsort(Tensor input, int dim=-1, bool descending=False)",
    "argsort(Tensor input, *, bool stable, int dim=-1, bool descending=False, out)",
)
def argsort(input, dim=-1, descending=False, stable=False):
    """Indices that sort input along dim."""
    return argsort_op.entry(input, wrap_dim(dim, input._a.ndim, "argsort"), bool(descending))


@public(
    "sort(Tensor input, int dim=-1, bool descending=False, *, out) -> (Tensor values, "
    "Tensor indices)",
    "sort(Tensor input, *, bool? stable, int dim=-1, bool descending=False, "
    "out) -> (Tensor values, Tensor indices)",
    lines=(line(sort_along, floating=True, pair="sort"),),
)
def sort(input, dim=-1, descending=False, *, stable=False):
    """(values, indices) sorted along dim; stable.

    >>> torch.sort(torch.tensor([3., 1., 2.])).values
    tensor([1., 2., 3.])
    """
    if isinstance(dim, bool):
        dim = -1  # sort(True): the stable flag came first
    if input.dtype.category == 3:
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    d = wrap_dim(dim, input._a.ndim, "sort")
    i = argsort_op.entry(input, d, bool(descending))
    return named("sort", picked("sort").entry(input, i, d) if input._a.ndim else input.clone(), i)


@public("msort(Tensor input, *, out)")
def msort(input):
    """input sorted along its first dimension."""
    return sort(input, 0)[0] if input._a.ndim else input.clone()


@primitive(opaque)
def topk_indices(xp, x, k=1, dim=-1, largest=True):
    """Indices of the k largest elements along dim."""


@public(
    "topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True, *, "
    "out) -> (Tensor values, Tensor indices)",
    lines=(line(topk_along, floating=True, pair="topk", within="k"),),
)
def topk(input, k, dim=-1, largest=True, sorted=True):
    """(values, indices) of the k largest (or smallest) elements along dim."""
    d = wrap_dim(dim, input._a.ndim, "topk")
    n = input._a.shape[d] if input._a.ndim else 1
    if input.dtype.category == 3:
        raise RuntimeError("topk does not support complex dtypes on CPU")
    if isinstance(k, Tensor):
        k = int(k)
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k is {k}, dimension {d} has size {n}")
    if input._a.ndim == 0:
        return named("topk", input.clone(), argsort_op.entry(input, 0, False))
    i = topk_indices.entry(input, k, d, bool(largest))
    return named("topk", picked("topk").entry(input, i, d), i)


@primitive(opaque)
def kth_index(xp, x, k=0, dim=-1):
    """Index of the k-th smallest element along dim."""


@primitive(opaque)
def nanmedian_index(xp, x, dim=-1):
    """Index of the median that ignores nan."""


@primitive(opaque)
def mode_index(xp, x, dim=-1):
    """Index of the most frequent element."""


@public(
    "kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False, *, "
    "out) -> (Tensor values, Tensor indices)"
)
def kthvalue(input, k, dim=-1, keepdim=False):
    """(value, index) of the k-th smallest element along dim."""
    d = wrap_dim(dim, input._a.ndim, "kthvalue")
    n = input._a.shape[d] if input._a.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {dim}: k is {k}, the"
            f" size {n}"
        )
    return by_index("kthvalue", input, dim, keepdim, "kth_index", k=k - 1)


@public(
    "mode(Tensor input, int dim=-1, bool keepdim=False, *, out) -> (Tensor values, Tensor indices)"
)
def mode(input, dim=-1, keepdim=False):
    """(value, index) of the most frequent element along dim."""
    return by_index("mode", input, dim, keepdim, "mode_index")


def _median(name: str, skip: bool) -> Any:
    def f(input, dim=None, keepdim=False):
        if dim is None:
            if input._a.size == 0:
                empty = wrap(input.new_full((), float("nan"))._a)
                return empty if input._n is None else empty + input.sum()
            return middle.entry(input)
        d = wrap_dim(dim, input._a.ndim, name)
        if input._a.ndim == 0:
            return by_index(name, input, dim, keepdim, "kth_index", k=0)
        if skip and input.dtype.category == 2:
            return by_index(name, input, dim, keepdim, "nanmedian_index")
        if input.dtype.category == 2:
            return by_index(name, input, dim, keepdim, "median_index")
        n = input._a.shape[d]
        return by_index(name, input, dim, keepdim, "kth_index", k=(n - 1) // 2)

    @op(opaque, name=f"{name}_all", node=f"{name.capitalize()}Backward0")
    def middle(xp, x):
        flat = xp.reshape(x, (-1,))
        if dtypes.as_dtype(x.dtype).category < 2:
            place = xp.kth_index(flat, (flat.shape[0] - 1) // 2, 0)
        else:
            place = xp.nanmedian_index(flat, 0) if skip else xp.median_index(flat, 0)
        return xp.reshape(xp.gather(flat, xp.reshape(place, (1,)), 0), ())

    middle.vjp(x=shared_by_all)
    f.__name__ = name
    f.__doc__ = "The lower median of all elements; with dim, (values, indices) along it; nan " + (
        "is ignored." if skip else "wins."
    )
    return public(
        f"{name}(Tensor input)",
        f"{name}(Tensor input, int dim, bool keepdim=False, *, out)"
        " -> (Tensor values, Tensor indices)",
    )(f)


@op(opaque)
def median_index(xp, x, dim=-1):
    """Index of the lower median; of the first nan if there is one."""
    has = xp.any(xp.isnan(x), dim, False)
    first = xp.argmax(xp.astype(xp.isnan(x), "uint8"), dim, False)
    return xp.where(has, first, xp.kth_index(x, (x.shape[dim] - 1) // 2, dim))


_median("median", False)
_median("nanmedian", True)


@op(opaque, name="unique_of", node="Unique2Backward0", types="any")
def distinct(xp, x, values=None):
    """The values found in x, as its result."""
    return values


def _distinct(g: Any) -> Any:
    raise NotImplementedError("the derivative for 'unique' is not implemented: detach the input")


distinct.vjp(x=_distinct)


@public(
    "unique(Tensor input, bool sorted=True, bool return_inverse=False, "
    "bool return_counts=False, int? dim=None)",
    foreign=False,
)
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements in order (or slices along dim); with their inverse indices and
    counts if asked.
    """
    from ...arrays.lookup import namespace

    xp = namespace(input._a)
    if dim is None:
        v, inverse, counts = xp.unique_values(input._a)
    else:
        v, inverse, counts = xp.unique_rows(input._a, wrap_dim(dim, input._a.ndim, "unique"))
    out = (
        wrap(v) if input._n is None else distinct.entry(input, v),
        *((wrap(inverse),) if return_inverse else ()),
        *((wrap(counts),) if return_counts else ()),
    )
    return out if len(out) > 1 else out[0]


@public(
    "unique_consecutive(Tensor input, bool return_inverse=False, "
    "bool return_counts=False, int? dim=None)",
    foreign=False,
)
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """input without immediate repetitions."""
    from ...arrays.lookup import namespace

    xp = namespace(input._a)
    d = 0 if dim is None else wrap_dim(dim, input._a.ndim, "unique_consecutive")
    x = input.reshape(-1) if dim is None else input.movedim(d, 0)
    if dim is not None and 0 in x.shape[1:]:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    n = x._a.shape[0]
    if n == 0:
        none = wrap(xp.zeros((0,), "int64"))
        x = x if dim is None else x.movedim(0, d)
        out = [x, *[none] * (bool(return_inverse) + bool(return_counts))]
        return tuple(out) if len(out) > 1 else x
    rows = x.reshape(n, -1)
    new = xp.ones((n,), "bool")
    if n > 1:
        new[1:] = xp.any(xp.ne(rows._a[1:], rows._a[:-1]), 1, False)
    starts = new.nonzero()[0]
    v = wrap(x._a[starts])
    v = v if dim is None else v.movedim(0, d)
    inverse = xp.cumsum(new, 0) - 1
    ends = xp.library.append(starts[1:], n)
    out = [v]
    if return_inverse:
        out.append(wrap(inverse.reshape(input._a.shape) if dim is None else inverse))
    if return_counts:
        out.append(wrap(xp.astype(ends - starts, "int64")))
    return tuple(out) if len(out) > 1 else v
