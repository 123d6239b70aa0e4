"""torch.masked: reductions and normalizations over the elements that a mask selects.

Elements outside the mask are replaced by what the operation ignores (0 for a sum, -inf for a
maximum), so a slice without
any selected element gives that value. Strided tensors only.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...declare.registry import function, public
from ...engine.op import parameters
from ...engine.tensor import Tensor
from ..dims import wrap_dims
from .sum import converted as summed_in

DOC = """{}

    input: any shape. mask: broadcastable to input; True selects. dtype: converts first. {}Raises
    IndexError for a mask with
    more dimensions than input, RuntimeError for one that does not broadcast.

    >>> torch.masked.{}
    {}
    """


def all_dims(dim: Any, x: Tensor, name: str) -> tuple[int, ...]:
    """The dimensions meant: all for None and for no dimension."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(x._a.ndim))
    return wrap_dims(dim, x._a.ndim, f"masked.{name}")


def first(dim: Any, x: Tensor, name: str) -> int:
    """The one dimension of functions along one: of several the first in x."""
    return min(all_dims(dim, x, name), default=0)


def selected(x: Tensor, mask: Any, name: str) -> Tensor:
    """The mask as a bool tensor of x's shape."""
    m, a = mask._a, x._a
    if m.ndim > a.ndim:
        raise IndexError(
            f"masked.{name}: the mask has more dimensions than the input: {list(mask.shape)} "
            f"for {list(x.shape)}"
        )
    mask = mask if m.dtype is BOOL else mask != 0
    return mask if m.shape == a.shape else mask.expand(a.shape)


def filled(x: Tensor, mask: Any, value: Any, name: str) -> Tensor:
    """x with value outside the mask."""
    if mask is None:
        return x
    if mask._a.dtype is not BOOL or mask._a.shape != x._a.shape:
        mask = selected(x, mask, name)
    return x.masked_fill(~mask, value)


BOOL = dtypes.bool.np


def extreme(x: Tensor, largest: bool, name: str) -> Any:
    """The largest or smallest value of x's dtype."""
    if x.dtype.is_floating_point or x.dtype.is_complex and name == "logsumexp":
        return math.inf if largest else -math.inf
    if x.dtype.category == dtypes.INTEGRAL:
        return getattr(dtypes.iinfo(x.dtype), "max" if largest else "min")
    raise (TypeError if x.dtype.is_complex else NotImplementedError)(
        f"masked.{name}: there is no neutral element for {x.dtype} input under a mask"
    )


def converted(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype is None or x.dtype is dtype else x.to(dtype)


def text_of(f: Any) -> str:
    """The declaration of a function of masked: what its parameter list says, the mask typed."""
    names, defaults, _ = parameters(f)
    types = {"keepdim": "bool", "dtype": "ScalarType?", "mask": "Tensor?", "input": "any"}
    words = [
        f"{types.get(n, 'any')} {n}" + (f"={defaults[n]!r}" if n in defaults else "") for n in names
    ]
    words.insert(f.__code__.co_argcount, "*")
    return f"masked.{f.__name__.rstrip('_')}({', '.join(words)})"


def register(f: Any, what: str, call: str = "", shown: str = "", more: str = "") -> Any:
    f.__doc__ = DOC.format(
        what,
        more + " " if more else "",
        call or f"{f.__name__}(torch.tensor([1., 2.]), mask=torch.tensor([True, False]))",
        shown,
    )
    return public(text_of(f), foreign=False)(f)


def _sums(name: str, neutral: int, shown: str) -> Any:
    def f(input, dim=None, *, keepdim=False, dtype=None, mask=None):
        if dtype is None and not input.dtype.is_inexact:
            dtype = dtypes.int64
        x = input if dtype is None or dtype is input.dtype else summed_in(input, dtype)
        x = filled(x, mask, neutral, name)
        dims = all_dims(dim, x, name)
        if name == "sum":
            return x.sum(dims, keepdim, dtype=x.dtype) if dims else x.clone()
        if isinstance(dim, list) and not dim:  # an empty list: no product, as in PyTorch
            return x.clone()
        for d in sorted(dims, reverse=True):
            x = x.prod(d, keepdim)
        return x

    f.__name__ = name
    return register(f, f"The {name} of the selected elements over dim (default: all).", shown=shown)


_sums("sum", 0, "tensor(1.)")
_sums("prod", 1, "tensor(1.)")


def _extremes(name: str) -> Any:
    def f(input, dim=None, *, keepdim=False, dtype=None, mask=None):
        x = converted(input, dtype)
        if mask is not None:
            x = filled(x, mask, extreme(x, name == "amin", name), name)
        dims = all_dims(dim, x, name)
        return getattr(x, name)(dims, keepdim)

    f.__name__ = name
    return register(
        f,
        f"The {name[1:]}imum of the selected elements over dim (default: all).",
        shown="tensor(1.)",
    )


_extremes("amax")
_extremes("amin")


def _places(name: str) -> Any:
    def f(input, dim=None, *, keepdim=False, dtype=None, mask=None):
        x = converted(input, dtype)
        if mask is not None:
            x = filled(x, mask, extreme(x, name == "argmin", name), name)
        return getattr(x, name)(dim, keepdim).to(x.dtype)

    f.__name__ = name
    return register(
        f,
        f"The place of the {name[3:]}imum of the selected elements along dim, as a number of "
        "input's dtype.",
        shown="tensor(0.)",
    )


_places("argmax")
_places("argmin")


def count(x: Tensor, dims: tuple[int, ...], keepdim: bool, mask: Any, name: str) -> Any:
    """How many elements are selected in each slice."""
    if mask is None:
        return math.prod([x._a.shape[d] for d in dims if x._a.ndim])
    m = selected(x, mask, name)
    return m.sum(dims, keepdim) if dims else m.long()


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    dtype = dtype or input.dtype
    if not dtype.is_inexact:
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating "
            "point or complex dtype. "
            f"Got: {dtype}: pass dtype=torch.float32"
        )
    x = filled(converted(input, dtype), mask, 0, "mean")
    dims = all_dims(dim, x, "mean")
    if mask is None:
        return x.mean(dims, keepdim) if dims else x.clone()
    total = x.sum(dims, keepdim) if dims else x
    return total / count(x, dims, keepdim, mask, "mean")


register(
    mean,
    "The mean of the selected elements over dim (default: all); nan where none is.",
    shown="tensor(1.)",
)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    exact = input.dtype.is_floating_point
    x = filled(input if exact else input.to(dtypes.float32), mask, math.nan, "median")
    r = x.nanmedian(all_dims(dim, x, "median")[0] if x._a.ndim else 0, keepdim).values
    if exact:
        return r
    if bool(r.isnan().any()):
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return r.to(dtype or input.dtype)


register(median, "The median of the selected elements along one dim.", shown="tensor(1.)")


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    x = filled(converted(input, dtype), mask, math.inf if ord == -math.inf else 0, "norm")
    return function("vector_norm", "linalg")(x, ord, all_dims(dim, x, "norm") or None, keepdim)


register(norm, "The ord-norm of the selected elements over dim (default: all).", shown="tensor(1.)")


def deviation(
    root: bool,
    input: Tensor,
    dim: Any,
    unbiased: Any,
    correction: Any,
    keepdim: bool,
    dtype: Any,
    mask: Any,
) -> Tensor:
    """Variance of the selected elements, or its square root."""
    name = "std" if root else "var"
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    c = correction if correction is not None else 0 if unbiased is False else 1
    c = int(c) if isinstance(c, bool) else c
    if input.dtype.category == dtypes.BOOLEAN and dtype is None:
        raise RuntimeError(f"masked.{name}: not defined for bool tensors: pass dtype=torch.float32")
    if dtype is None and not input.dtype.is_inexact:
        dtype = dtypes.float32
    x = converted(input, dtype)
    dims = all_dims(dim, x, name)
    n = count(x, dims, True, mask, name)
    total = filled(x, mask, 0, name).sum(dims, True) if dims else filled(x, mask, 0, name)
    away = filled(x - total / n, mask, 0, name)
    square = away * away.conj() if x.dtype.is_complex else away * away
    free = (n if keepdim else count(x, dims, keepdim, mask, name)) - c
    free = free.clamp(min=0).to(x.dtype.to_real()) if isinstance(free, Tensor) else max(free, 0)
    v = (square.sum(dims, keepdim) if dims else square) / free
    return v.sqrt() if root else v


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    return deviation(False, input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    return deviation(True, input, dim, unbiased, correction, keepdim, dtype, mask)


for _f, _what in ((var, "variance"), (std, "standard deviation")):
    register(
        _f,
        f"The {_what} of the selected elements over dim (default: all), with n - correction (1).",
        f"{_f.__name__}(torch.tensor([1., 1., 5.]), mask=torch.tensor([True, True, False]))",
        "tensor(0.)",
    )


def _soft(name: str) -> Any:
    def f(input, dim, *, dtype=None, mask=None):
        x = converted(input, dtype)
        d = first(dim, x, name)
        if mask is not None:
            x = filled(x, mask, extreme(x, name == "softmin", name), name)
        return (-x).softmax(d) if name == "softmin" else getattr(x, name)(d)

    f.__name__ = name
    return register(
        f,
        f"{name} of the selected elements along dim; outside the mask it is "
        f"{'-inf' if name == 'log_softmax' else '0'}.",
        f"{name}(torch.tensor([1., 2.]), 0, mask=torch.tensor([True, False]))",
        "tensor([0., -inf])" if name == "log_softmax" else "tensor([1., 0.])",
    )


for _name in ("softmax", "log_softmax", "softmin"):
    _soft(_name)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    x = filled(converted(input, dtype), mask, 0, "normalize")
    n = norm(converted(input, dtype), ord, dim, keepdim=True, mask=mask)
    return x / n.clamp(min=eps)


register(
    normalize,
    "The selected elements divided by their ord-norm along dim (at least eps); 0 outside the mask.",
    "normalize(torch.tensor([3., 4.]), 2.0, 0, mask=torch.tensor([True, False]))",
    "tensor([1., 0.])",
)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    x = converted(input, dtype)
    if mask is not None:
        x = filled(x, mask, extreme(x, False, "logsumexp"), "logsumexp")
    dims = all_dims(dim, x, "logsumexp")
    return converted(function("logsumexp")(x, dims, keepdim), x.dtype)


register(
    logsumexp,
    "log of the sum of exp of the selected elements over dim (default: all).",
    shown="tensor(1.)",
)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    x, y = [
        t if mask is None else filled(t, mask, extreme(t, False, "logaddexp"), "logaddexp")
        for t, mask in ((input, input_mask), (other, other_mask))
    ]
    return converted(function("logaddexp")(x, y), dtype or input.dtype)


register(
    logaddexp,
    "log(exp(input) + exp(other)), each counted only where its mask selects it.",
    "logaddexp(torch.tensor([1.]), torch.tensor([9.]), other_mask=torch.tensor([False]))",
    "tensor([1.])",
)


def _scan(name: str, neutral: int, shown: str) -> Any:
    def f(input, dim, *, dtype=None, mask=None):
        x = input if dtype is None or dtype is input.dtype else summed_in(input, dtype)
        x = filled(x, mask, neutral, name)
        d = first(dim, x, name)
        kept = {} if x.dtype.is_inexact else {"dtype": x.dtype}  # integers would give int64
        return getattr(x, name)(d, **kept)

    f.__name__ = name
    return register(
        f,
        f"The cumulative {name[3:]} of the selected elements along dim.",
        f"{name}(torch.tensor([2., 3.]), 0, mask=torch.tensor([True, False]))",
        shown,
    )


_scan("cumsum", 0, "tensor([2., 2.])")
_scan("cumprod", 1, "tensor([2., 2.])")


REDUCTIONS = {
    "sum": 0,
    "prod": 0,
    "amax": 0,
    "amin": 0,
    "argmax": 0,
    "argmin": 0,
    "mean": 0,
    "median": 0,
    "var": 0,
    "std": 0,
    "logsumexp": 0,
    "norm": 1,
}  # name -> position of dim among the arguments after input


def input_mask(input: Tensor, *args: Any, mask: Any = None, **kwargs: Any) -> Tensor:
    """Which elements of input a mask selects, in input's shape.

    >>> input_mask(torch.zeros(2, 2), mask=torch.tensor([True, False]))
    tensor([[ True, False],
            [ True, False]])
    """
    if mask is None:
        raise ValueError("input_mask requires explicit mask")
    return selected(input, mask, "input_mask").expand(tuple(input._a.shape))


def output_mask(op: Any, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Where the result of a masked operation called with these arguments depends on a selected
    element.
    """
    name = op if isinstance(op, str) else op.__name__
    mask = kwargs.get("mask")
    m = (input == input) | True if mask is None else selected(input, mask, name)
    if name == "logaddexp":
        a, b = kwargs.get("input_mask"), kwargs.get("other_mask")
        both = [selected(input, v, name) for v in (a, b) if v is not None]
        return m if len(both) < 2 else both[0] | both[1]
    if name not in REDUCTIONS:
        return m
    at = REDUCTIONS[name]
    dim = args[at] if len(args) > at else kwargs.get("dim", -1 if name == "median" else None)
    dims = all_dims(dim, input, name)
    return m.any(dims, kwargs.get("keepdim", False)) if dims else m
