"""Largest and smallest: max, min, amax, amin, aminmax, argmax, argmin."""

from __future__ import annotations

import functools
import math
from typing import Any

from ...arrays.lookup import namespace
from ...base.dtypes import BOOLEAN, COMPLEX
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import movement, reduction
from ...engine.op import OPS, op, primitive
from ...engine.tensor import Tensor, wrap
from ..batching import at_places
from ..dims import restore, wrap_dim
from ..node_facts import DIMS
from .selection import max_along, min_along
from .sum import reduced


@primitive(reduction, real=True, told=DIMS)
def amax(xp, x, dim=None, keepdim=False):
    """Largest element along dim; ties share the gradient."""


@primitive(reduction, real=True, told=DIMS)
def amin(xp, x, dim=None, keepdim=False):
    """Smallest element along dim; ties share the gradient."""


def _shared(xp: Any, g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    hit = xp.astype(xp.eq(x, restore(xp, out, shape, dim, keepdim)), g.dtype)
    return hit * (restore(xp, g, shape, dim, keepdim) / (xp.sum(hit, dim, True) if shape else hit))


def shared_by_all(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """g in equal parts for the elements equal to out; for those that are nan, if it is."""
    # isnan(x) and isnan(out), in a loop that NumPy has for one number beside many
    nan = xp.gt(xp.isnan(x), xp.logical_not(xp.isnan(out)))
    same = xp.logical_or(xp.eq(x, out), nan)
    n = xp.sum(same, None, True) if x.ndim else same
    return xp.keep(g / xp.astype(n, g.dtype), same)


amax.vjp(x=_shared)
amin.vjp(x=_shared)


@op(reduction, node="MaxBackward1", real=True)
def max_all(xp, x):
    """Largest element of all."""
    return xp.amax(x, None, False)


@op(reduction, node="MinBackward1", real=True)
def min_all(xp, x):
    """Smallest element of all."""
    return xp.amin(x, None, False)


for _all in (max_all, min_all):
    _all.vjp(x=shared_by_all)
max_all.batch(lambda xp, size, flags, x: xp.amax(xp.reshape(x, (size, -1)), (1,), False))
min_all.batch(lambda xp, size, flags, x: xp.amin(xp.reshape(x, (size, -1)), (1,), False))


@primitive(reduction, real=RuntimeError)
def argmax(xp, x, dim=None, keepdim=False):
    """Index of the largest element."""


@primitive(reduction, real=RuntimeError)
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
    src=lambda xp, g, index, src_shape, dim: of_source(xp.gather(g, index, dim), src_shape),
)


def of_source(g: Any, src_shape: tuple[int, ...], broadcasting: bool = False) -> Any:
    """What has the index's shape, if a source can have it for a gradient; else RuntimeError.

    broadcasting: the rule compares the two, so that either may be expanded to the other.
    """
    n = len(src_shape)
    fits = [
        m in (k, 1) or broadcasting and k == 1 for m, k in zip(src_shape, g.shape[g.ndim - n :])
    ]
    if n > g.ndim or not all(fits):
        raise RuntimeError(
            f"scatter: there is no gradient where src, of shape {list(src_shape)}, is larger than "
            f"index, of shape {list(g.shape)}: narrow src to the index's shape"
        )
    return g


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
    d = wrap_dim(dim, input._a.ndim, name)
    if input._a.ndim == 0:
        if input.dtype.is_complex and name in ("max", "min"):
            raise RuntimeError(f"{name}(): does not support complex input")
        i = wrap(namespace(input._a).zeros((), "int64"))
        return named(name, input.clone() if input._n is not None else input.clone(), i)
    if input._a.shape[d] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    i = OPS[word].entry(input, dim=d, **static)
    k = i.unsqueeze(d)
    return named(name, picked(name).entry(input, k, d, keepdim), k if keepdim else i)


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

            return write_out(name, r, tuple(out))
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
    text = f"{name}(Tensor input, int[1]? dim=[], bool keepdim=False, *, out)"
    return public(text, lines=(line(o),), out="exact")(f)


_am("amax", amax)
_am("amin", amin)


@public(
    "aminmax(Tensor input, *, int? dim=None, bool keepdim=False, out) -> (Tensor min, Tensor max)",
    out="exact",
)
def aminmax(input, *, dim=None, keepdim=False):
    """(min, max) of all elements, or along dim.

    >>> torch.aminmax(torch.tensor([1., 5., 3.]))
    torch.return_types.aminmax(
    min=tensor(1.),
    max=tensor(5.))
    """
    d = reduced(dim, input._a.ndim, "aminmax")
    if input._a.size == 0 and d is not None and input._a.shape[d] == 0:
        raise IndexError(f"aminmax: Expected reduction dim {dim} to have non-zero size.")
    if input._a.size == 0 and d is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no"
            " identity."
        )
    return named("aminmax", amin.entry(input, d, keepdim), amax.entry(input, d, keepdim))


def _arg(name: str, o: Any) -> Any:
    def f(input, dim=None, keepdim=False):
        d = None if dim is None else wrap_dim(dim, input._a.ndim, name)
        if input.dtype.category in (BOOLEAN, COMPLEX):
            kind = "complex" if input.dtype.category else "bool"
            raise RuntimeError(f"{name}(): does not support {kind} input")
        if input._a.size == 0 and (d is None or input._a.shape[d] == 0):
            raise (
                IndexError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                    " Specify the reduction dim with the 'dim' argument."
                )
                if d is None
                else IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
            )
        if input.dtype.category == BOOLEAN:
            raise RuntimeError(f"{name}(): does not support bool input: convert with .int()")
        return o.entry(input, d, keepdim)

    f.__name__ = name
    f.__doc__ = f"Index of the {name[3:]}imum of all elements (flattened), or along dim."
    text = f"{name}(Tensor input, int? dim=None, bool keepdim=False, *, out)"
    return public(text, lines=(line(o, floating=True),), out="exact")(f)


_arg("argmax", argmax)
_arg("argmin", argmin)
