"""Functions of sampled data: finite differences, histograms, Vandermonde matrices, fixed-size
nonzero, hashes.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...base.returns import named
from ...declare.registry import public
from ...engine.kinds import opaque, reduction
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..creation.filled import full
from ..creation.spaced import linspace, stepwise
from ..dims import wrap_dim, wrap_dims
from ..reduce.minmax import amax, amin
from ..reduce.sum import reduced
from ..shape.join import cat, stack

# --------------------------------------------------------------------------------------- gradient


@public(
    "gradient(Tensor input, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]",
    "gradient(Tensor input, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]",
    "gradient(Tensor input, *, int[] dim, int edge_order=1) -> Tensor[]",
    "gradient(Tensor input, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
    "gradient(Tensor input, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    "gradient(Tensor input, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
    "gradient(Tensor input, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    method=False,
)
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """Estimates of the derivative along each of dim (default: all): central differences,
    one-sided at the edges.

    spacing: the distance of samples (a number, or one for each dim), or for each dim a tensor
    with their coordinates.
    edge_order: 1 or 2, the accuracy at the edges; a dimension needs edge_order + 1 samples.
    Returns a tuple of tensors.

    >>> torch.gradient(torch.tensor([1., 4., 9.]))
    (tensor([3., 4., 5.]),)
    """
    nd = input._a.ndim
    spacing = 1 if spacing is None else spacing
    dims = tuple(range(nd)) if dim is None else wrap_dims(dim, nd, "gradient")
    several = isinstance(spacing, (list, tuple))
    if isinstance(spacing, Tensor):
        raise TypeError(
            "gradient(): argument 'spacing' must be a number, or a list of numbers or of "
            "tensors, not Tensor: write [spacing]"
        )
    if several and len(spacing) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            "equal to the number of "
            f"dimensions, {len(dims)}, but got a list of length {len(spacing)}"
        )
    if edge_order not in (1, 2):
        raise RuntimeError(
            f"torch.gradient only supports edge_order=1 and edge_order=2, got {edge_order}."
        )
    if input.dtype is dtypes.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if input.dtype.category == dtypes.BOOLEAN:
        raise RuntimeError("torch.gradient does not support bool input: convert it with .float()")
    steps = list(spacing) if several else [spacing] * len(dims)
    for d, h in zip(dims, steps):
        n = input._a.shape[d] if nd else 1
        if n < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1, got "
                f"{n} in dimension {d}"
            )
        if isinstance(h, Tensor):
            if h._a.ndim != 1:
                raise RuntimeError(
                    "torch.gradient expected each element of spacing to have one dimension, "
                    "but got an element with "
                    f"{h._a.ndim} dimensions!"
                )
            if h._a.shape[0] != n:
                raise RuntimeError(
                    f"torch.gradient: the coordinates of dimension {d} have {h._a.shape[0]} "
                    f"elements, the input has {n} "
                    "samples there"
                )
    return tuple([_slope(input, d, h, edge_order) for d, h in zip(dims, steps)])


def _slope(x: Tensor, d: int, h: Any, order: int) -> Tensor:
    n = x._a.shape[d]

    def part(start: int, length: int) -> Tensor:
        return x.narrow(d, start, length)

    left, mid, right = part(0, n - 2), part(1, n - 2), part(2, n - 2)
    if isinstance(h, Tensor):
        shape = [-1 if i == d else 1 for i in range(x._a.ndim)]
        gaps = (h[1:] - h[:-1]).reshape(shape)
        g = [gaps.narrow(d, i % (n - 1), 1) for i in (0, 1 % (n - 1), -2 % (n - 1), -1)]
        a, b = gaps.narrow(d, 0, n - 2), gaps.narrow(d, 1, n - 2)
        inner = (
            left * (-b / (a * (a + b))) + mid * ((b - a) / (a * b)) + right * (a / (b * (a + b)))
        )
    else:
        g = [h] * 4
        inner = (right - left) / (2 * h)
    if order == 1:
        first, last = (part(1, 1) - part(0, 1)) / g[0], (part(n - 1, 1) - part(n - 2, 1)) / g[3]
    else:
        first = _three(part(0, 1), part(1, 1), part(2, 1), g[0], g[1])
        last = -_three(part(n - 1, 1), part(n - 2, 1), part(n - 3, 1), g[3], g[2])
    return cat([first, inner, last], d)


def _three(x0: Any, x1: Any, x2: Any, a: Any, b: Any) -> Any:
    """The derivative at x0 of the parabola through samples a and then b apart."""
    return x0 * (-(2 * a + b) / (a * (a + b))) + x1 * ((a + b) / (a * b)) - x2 * (a / (b * (a + b)))


# ------------------------------------------------------------------------------------- histograms


@primitive(opaque)
def histogram_counts(xp, x, *edges, weighted=False):
    """Weights of the points in each bin; weighted: whether they are the last of edges."""


def _edges(x: Tensor, bins: Any, limits: Any, given: bool, d: int, name: str) -> Tensor:
    """The bin edges of one dimension of points x (n, d); limits: of equal bins, as given or met."""
    if isinstance(bins, Tensor):
        if bins._a.ndim != 1:
            raise RuntimeError(
                f"torch.{name}: bins tensor should have one dimension, but got {bins._a.ndim} "
                "dimensions in the bins "
                f"tensor for dimension {d}"
            )
        if bins.dtype is not x.dtype:
            raise RuntimeError(
                f"torch.{name}: input tensor and bins tensors should have the same dtype, but "
                "got input with dtype "
                f"{x.dtype} and bins for dimension {d} with dtype {bins.dtype}"
            )
        if bins._a.shape[0] == 0:
            raise RuntimeError(
                f"torch.{name}: bins tensor should have at least 1 element, but got 0 elements "
                "in the bins tensor for "
                f"dimension {d}"
            )
    number = bins._a.shape[0] - 1 if isinstance(bins, Tensor) else bins
    if number <= 0:
        raise RuntimeError(f"torch.{name}(): bins must be > 0, but got {number} for dimension {d}")
    if isinstance(bins, Tensor):
        return bins
    low, high = limits
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}: dimension {d}'s range [{low}, {high}] is not finite")
    if given and low > high:
        raise RuntimeError(
            f"torch.{name}: min should not exceed max, but got min {low} max {high} for "
            f"dimension {d}"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return evenly(low, high, bins + 1, dtype=x.dtype, device=x.device)


evenly = stepwise(linspace)


def _histogram(
    x: Tensor, bins: list[Any], limits: Any, weight: Any, density: bool, name: str
) -> tuple[Tensor, list[Tensor]]:
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"{name}: not implemented for {x.dtype}; floating tensors only")
    if weight is not None:
        if tuple(weight._a.shape) != tuple(x._a.shape[:-1]):
            raise RuntimeError(
                f"torch.{name}: if weight tensor is provided it should have the same shape as "
                "the input tensor excluding "
                f"its innermost dimension, but got input with shape {list(x.shape)} and weight "
                "with shape "
                f"{list(weight.shape)}"
            )
        if weight.dtype is not x.dtype:
            raise RuntimeError(
                f"torch.{name}: if weight tensor is provided, input tensor and weight tensor "
                "should have the same dtype, "
                f"but got input(dtype={x.dtype}), and weight(dtype={weight.dtype})"
            )
        weight = weight.detach().reshape(-1)
    d = x._a.shape[-1]
    if limits is not None and len(limits) != 2 * d:
        raise RuntimeError(
            f"torch.{name}: for a {d}-dimensional histogram range should have {2 * d} "
            f"elements, but got {len(limits)}"
        )
    if not d:  # one bin, to which nothing belongs
        nothing = x.detach().new_zeros(())
        return nothing / nothing if density else nothing, []
    points = x.detach()
    if points._a.ndim != 2:
        points = points.reshape(-1, d)
    given = limits is not None
    if given:
        limits = list(zip(limits[::2], limits[1::2]))
    elif points._a.shape[0] and any([not isinstance(b, Tensor) for b in bins]):
        limits = list(zip(*[o.entry(points, 0, False).tolist() for o in (amin, amax)]))
    else:
        limits = [(0.0, 1.0)] * d
    edges = [_edges(points, b, limits[i], given, i, name) for i, b in enumerate(bins)]
    if weight is None:
        h = histogram_counts.entry(points, *edges)
    else:
        h = histogram_counts.entry(points, *edges, weight, weighted=True)
    if density:
        h = h / h.sum()
        for i, e in enumerate(edges):
            h = h / (e[1:] - e[:-1]).reshape([-1 if j == i else 1 for j in range(d)])
    return h, edges


@public(
    "histogram(Tensor input, Tensor bins, *, Tensor? weight=None, bool density=False, "
    "out) -> (Tensor hist, Tensor bin_edges)",
    "histogram(Tensor input, int bins=100, *, float[]? range=None, "
    "Tensor? weight=None, bool density=False, out) -> (Tensor hist, Tensor bin_edges)",
)
def histogram(input, bins, *, range=None, weight=None, density=False):
    """(hist, bin_edges): how many elements fall into each bin.

    bins: their number, or a tensor of increasing edges. range: (low, high) of equal bins, default
    input's extremes.
    weight: like input. density: makes the integral 1. Floating tensors only.

    >>> torch.histogram(torch.tensor([1., 2., 1.]), bins=2, range=(0., 4.)).hist
    tensor([2., 1.])
    """
    x = input.reshape(-1, 1)
    w = weight
    if w is not None:
        if tuple(w._a.shape) != tuple(input._a.shape):
            raise RuntimeError(
                "torch.histogram: if weight tensor is provided it should have the same shape "
                "as the input tensor, but got "
                f"input with shape {list(input.shape)} and weight with shape {list(w.shape)}"
            )
        w = w.reshape(-1)
    h, edges = _histogram(x, [bins], range, w, density, "histogram")
    return named("histogram", h, edges[0])


@public(
    "histogramdd(Tensor input, int|int[] bins, float[]? range=None, "
    "Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)",
    "histogramdd(Tensor input, Tensor[] bins, float[]? range=None, "
    "Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)",
    method=False,
)
def histogramdd(input, bins, range=None, weight=None, density=False):
    """(hist, bin_edges) of points in d dimensions: input has the shape (..., d).

    bins: a number, d numbers, or d tensors of edges. range: 2 d numbers, low and high of each
    dimension.

    >>> torch.histogramdd(torch.tensor([[0., 1.], [1., 0.]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    if input._a.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    d = input._a.shape[-1]
    bins = [bins] * d if isinstance(bins, int) else list(bins)
    if len(bins) != d:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the "
            "input: got "
            f"{len(bins)} for {d}."
        )
    h, edges = _histogram(input, bins, range, weight, density, "histogramdd")
    return named("histogramdd", h, tuple(edges))


# ------------------------------------------------------------------------------------------ others


@public("unravel_index(Tensor indices, any shape) -> Tensor[]", method=False, foreign=False)
def unravel_index(indices, shape):
    """Coordinates, one tensor for each dimension, of positions in a flattened tensor of this shape.

    >>> torch.unravel_index(torch.tensor(5), (2, 3))
    (tensor(1), tensor(2))
    """
    if not isinstance(indices, Tensor) or indices.dtype.category != dtypes.INTEGRAL:
        raise TypeError(
            "expected 'indices' to be integer dtype, but got "
            f"{indices.dtype if isinstance(indices, Tensor) else type(indices).__name__}"
        )
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if wrong := [s for s in sizes if not isinstance(s, int)]:
        raise TypeError(
            f"expected 'shape' sequence to only contain ints, but got {type(wrong[0]).__name__}"
        )
    if any(s < 0 for s in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    out, step = [], 1
    indices = indices.long()
    for s in reversed(sizes):
        out.append((indices // step) % s if indices._a.size else indices.clone())
        step *= s
    return tuple(out[::-1])


@primitive(opaque)
def some_nonzero(xp, x, size=0, fill=-1):
    """Coordinates of a fixed number of non-zero elements."""


@public("nonzero_static(Tensor input, *, int size, int fill_value=-1, out)", out="exact")
def nonzero_static(input, *, size, fill_value=-1):
    """Coordinates of the non-zero elements like nonzero(), cut or filled up with fill_value to
    `size` rows.

    >>> torch.nonzero_static(torch.tensor([0, 3, 4]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    return some_nonzero.entry(input, size, fill_value)


@primitive(reduction)
def xor_bits(xp, x, dim=None, keepdim=False):
    """Exclusive or of bit patterns."""


@public(
    "hash_tensor(Tensor input, int[1]? dim=[], *, bool keepdim=False, int mode=0, out)", out="exact"
)
def hash_tensor(input, dim=None, *, keepdim=False, mode=0):
    """A hash of all elements, or along dim: the exclusive or of their 64-bit patterns, as uint64.
    mode: only 0.

    >>> torch.hash_tensor(torch.tensor([1, 2, 4]))
    tensor(7, dtype=torch.uint64)
    >>> torch.tensor([1, 2, 4]).hash_tensor()
    tensor(7, dtype=torch.uint64)
    """
    if mode != 0:
        raise RuntimeError(f"hash_tensor: Unknown mode: {mode}; only 0 exists")
    if input.dtype.is_complex:
        raise NotImplementedError(f"hash_tensor: not implemented for {input.dtype}")
    d = reduced(dim, input._a.ndim, "hash_tensor")
    if input._a.size == 0 and d is None:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with "
            "the 'dim' argument."
        )
    for i in () if d is None else (d,) if isinstance(d, int) else d:
        if input._a.shape[i] == 0:
            raise IndexError(f"hash_tensor: Expected reduction dim {i} to have non-zero size.")
    return xor_bits.entry(input, d, keepdim)


@public(
    "segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, "
    "Tensor? indices=None, Tensor? offsets=None, int axis=0, bool unsafe=False, "
    "Scalar? initial=None)",
    method=False,
)
def segment_reduce(
    data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None
):
    """sum, mean, max, min or prod of consecutive stretches of data along axis.

    lengths: how many elements each stretch has (or offsets: where they start, and the end). Empty
    stretches give initial.

    >>> torch.segment_reduce(torch.tensor([1., 2., 3.]), "sum", lengths=torch.tensor([1, 2]))
    tensor([1., 5.])
    """
    if indices is not None:
        raise RuntimeError(
            "segment_reduce(): indices based reduction is not supported yet: pass lengths or "
            "offsets"
        )
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    reduce = reduce[1:] if reduce in ("amax", "amin") else reduce
    if reduce not in ("sum", "mean", "max", "min", "prod"):
        raise RuntimeError(
            f"segment_reduce(): reduction {reduce!r} is none of sum, mean, max, min, prod"
        )
    axis = wrap_dim(axis, data._a.ndim, "segment_reduce")
    where = lengths if lengths is not None else offsets
    if where._a.ndim - 1 != axis:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}."
        )
    if axis:
        parts = [
            segment_reduce(
                row,
                reduce,
                lengths=None if lengths is None else lengths[i],
                offsets=None if offsets is None else offsets[i],
                axis=axis - 1,
                unsafe=unsafe,
                initial=initial,
            )
            for i, row in enumerate(data.unbind(0))
        ]
        return stack(parts, 0)
    if lengths is not None:
        sizes = lengths.tolist()
        starts = [0]
        for n in sizes:
            starts.append(starts[-1] + n)
        if not unsafe and (any(n < 0 for n in sizes) or starts[-1] != data._a.shape[0]):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1), "
                f"{data._a.shape[0]}, got {sizes}."
            )
    else:
        starts = offsets.tolist()
    return stack([_segment(data[a:b], reduce, initial) for a, b in zip(starts, starts[1:])], 0)


def _segment(part: Tensor, how: str, initial: Any) -> Tensor:
    empty = (
        {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}[how]
        if initial is None
        else initial
    )
    if part._a.shape[0] == 0:
        return full(tuple(part._a.shape[1:]), empty, dtype=part.dtype, device=part.device)
    if how in ("max", "min"):
        nan = part.isnan() if part.dtype.is_floating_point else None
        if nan is not None and bool(nan.any()):  # nan in equal parts of all that are nan
            lost = nan.any(0)
            kept = part.masked_fill(lost, 0)
            r = kept.amax(0) if how == "max" else kept.amin(0)
            r = ((part * nan.to(part.dtype)).sum(0) / nan.sum(0).clamp(min=1)).where(lost, r)
        else:
            r = part.amax(0) if how == "max" else part.amin(0)
        return (
            r if initial is None else r.clamp(min=initial) if how == "max" else r.clamp(max=initial)
        )
    if how == "prod":
        return part.prod(0) if initial is None else part.prod(0) * initial
    total = part.sum(0) if initial is None else part.sum(0) + initial
    return total if how == "sum" else total / part._a.shape[0]
