"""Sliding windows as data: Tensor.unfold, and the columns of images (unfold and fold).

Convolution is in `ops/nn/conv.py`, pooling in `ops/nn/pool.py`; the checks of their common
arguments are here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from operator import index
from typing import Any

from ...arrays.windows import Geometry, output_size
from ...base.formats import contiguous_format
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import linear, movement
from ...engine.op import primitive
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor
from ..dims import wrap_dim

Ints = tuple[int, ...]


def check_tensor(name: str, x: Any, argument: str = "input") -> None:
    """TypeError unless x is a Tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(x).__name__}")


def kinds(*values: Any) -> tuple[Any, ...]:
    """The types of numbers and of those in tuples. Part of the keys under which what was made of
    checked arguments is kept: 2.0 and True equal ints, and are refused where these are not.
    """
    return tuple([tuple(map(type, v)) if type(v) is tuple else type(v) for v in values])


def per_dimension(name: str, argument: str, value: Any, rank: int, exact: bool = True) -> Ints:
    """An int for all dimensions, or one for each, as a tuple; a sequence of one is for all."""
    if type(value) is int:
        return (value,) * rank
    try:
        several = type(value) in (tuple, list) or isinstance(value, Sequence)
        values = value if several else (value,)
        if values and type(values[0]) is bool:  # the first one tells the type
            raise TypeError
        items = tuple(map(index, values))
    except (AttributeError, TypeError):
        raise TypeError(
            f"{name}(): argument '{argument}' must be int or tuple of ints, not {value!r}"
        ) from None
    if len(items) == 1:
        return items * rank
    if exact and len(items) != rank:
        raise RuntimeError(
            f"{name}: {argument} must be a single int or {rank} of them, got {list(items)}"
        )
    return items


# ------------------------------------------------------------------------------------- slices


@primitive(movement, view=True, name="unfold")
def window_slices(xp, x, dim=0, size=1, step=1):
    """All slices of a size along dim, step apart, in a new last dimension."""


@primitive(movement)
def unfold_input(xp, y, shape=(), dim=0, step=1):
    """Zeros of shape with the slices of y added at their places."""


window_slices.vjp(x=lambda xp, g, x_shape, dim, step: xp.unfold_input(g, tuple(x_shape), dim, step))
unfold_input.vjp(y=lambda xp, g, y_shape, dim, step: xp.unfold(g, dim, y_shape[-1], step))


def _unfold_batch(xp, size_, flags, x, dim, size, step):
    if x.ndim == 1:
        return xp.reshape(x, (*tuple(x.shape), 1))
    return xp.unfold(x, dim % (x.ndim - 1) + 1, size, step)


def _unfold_input_batch(xp, size_, flags, g, shape, dim, step):
    if not shape:
        return xp.reshape(g, (size_,))
    return xp.unfold_input(g, (size_, *shape), dim + 1, step)


window_slices.batch(_unfold_batch)
unfold_input.batch(_unfold_input_batch)


@public("Tensor.unfold(Tensor self, int dimension, int size, int step)")
def unfold(self, dimension, size, step):
    """All slices of `size` elements along dimension, `step` apart, in a new last dimension: a view.

    RuntimeError where size exceeds the dimension or step is not positive.

    >>> torch.arange(5.).unfold(0, 2, 2)
    tensor([[0., 1.],
            [2., 3.]])
    """
    shape = tuple(self.shape)
    dim = wrap_dim(dimension, len(shape), "unfold")
    length = shape[dim] if shape else 1
    if size < 0:
        raise RuntimeError(f"unfold: size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(
            f"unfold: maximum size for tensor at dimension {dim} is {length} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"unfold: step is {step} but must be > 0")
    if not shape and not size:
        return self.reshape(1).narrow(0, 0, 0)
    return window_slices.entry(self, dim, size, step)


@public(
    "unfold_copy(Tensor input, int dimension, int size, int step, *, out)",
    method=False,
    out="exact",
)
def unfold_copy(input, dimension, size, step, *, out=None):
    """`Tensor.unfold` as a copy.

    >>> torch.unfold_copy(torch.tensor([1, 2, 3]), 0, 2, 1)
    tensor([[1, 2],
            [2, 3]])
    """
    r = unfold(input, dimension, size, step).clone(memory_format=contiguous_format)
    if out is None:
        return r
    return write_out("unfold_copy", r, out, "exact")


# ------------------------------------------------------------------------------------- columns


@primitive(linear, node="Im2ColBackward0")
def im2col(xp, x, kernel=(), geometry=None):
    """The windows of images (N, C, *spatial) as columns (N, C * taps, windows)."""


@primitive(linear, node="Col2ImBackward0")
def col2im(xp, y, x_shape=(), kernel=(), geometry=None):
    """Images of x_shape, every position the sum of its copies in the columns."""


im2col.vjp(
    x=lambda xp, g, x_shape, kernel, geometry: xp.col2im(g, tuple(x_shape), kernel, geometry)
)
col2im.vjp(y=lambda xp, g, kernel, geometry: xp.im2col(g, kernel, geometry))


def _im2col_batch(xp, size, flags, x, kernel, geometry):
    n = x.shape[1]
    cols = xp.im2col(xp.reshape(x, (size * n, *tuple(x.shape)[2:])), kernel, geometry)
    return xp.reshape(cols, (size, n, *tuple(cols.shape)[1:]))


def _col2im_batch(xp, size, flags, g, x_shape, kernel, geometry):
    n = x_shape[0]
    flat = xp.reshape(g, (size * n, *tuple(g.shape)[2:]))
    x = xp.col2im(flat, (size * n, *x_shape[1:]), kernel, geometry)
    return xp.reshape(x, (size, *x_shape))


im2col.batch(_im2col_batch)
col2im.batch(_col2im_batch)


def _pair(name: str, argument: str, value: Any) -> Ints:
    """An int for both dimensions, or two; unlike elsewhere a sequence of one is refused."""
    if isinstance(value, str):
        raise TypeError(f"{name}(): argument '{argument}' must be tuple of ints, not str")
    if isinstance(value, Sequence) and len(value) != 2:
        raise RuntimeError(f"{name}: expected {argument} to be an int or 2 of them, got {value}")
    return per_dimension(name, argument, value, 2)


def _column_arguments(
    name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Ints, Geometry]:
    kernel = _pair(name, "kernel_size", kernel_size)
    geometry = Geometry(
        _pair(name, "stride", stride),
        tuple((p, p) for p in _pair(name, "padding", padding)),
        _pair(name, "dilation", dilation),
    )
    for what, values in (
        ("kernel size", kernel),
        ("dilation", geometry.dilation),
        ("stride", geometry.stride),
    ):
        if min(values) <= 0:
            raise RuntimeError(f"{name}: {what} should be greater than zero, but got {values}")
    if min(geometry.padding) < (0, 0):
        raise RuntimeError(f"{name}: padding should be non-negative, but got {geometry.padding}")
    return kernel, geometry


def _window_counts(spatial: Ints, kernel: Ints, geometry: Geometry) -> Ints:
    stride, padding, dilation, _ = geometry
    each = zip(spatial, kernel, stride, padding, dilation)
    return tuple(output_size(n, k, s, lo, hi, d) for n, k, s, (lo, hi), d in each)


@functools.lru_cache(512)
def _unfolding(
    shape: Ints, kernel_size: Any, dilation: Any, padding: Any, stride: Any, kinds: Any
) -> tuple[Ints, Geometry]:
    """The kernel and the geometry of an unfold of a shape; or the error."""
    kernel, geometry = _column_arguments("unfold", kernel_size, dilation, padding, stride)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    out = _window_counts(shape[-2:], kernel, geometry)
    if min(out) < 1:
        raise RuntimeError(
            f"unfold: Given input with spatial size {shape[-2:]}, kernel_size={kernel}, "
            f"dilation={geometry.dilation}, padding={padding}, calculated shape of the array of "
            f"sliding blocks as {out}, but its components must be at least one"
        )
    return kernel, geometry


@public(
    "nn.functional.unfold(Tensor input, any kernel_size, any dilation=1, "
    "any padding=0, any stride=1)",
    lines=(
        line(
            im2col,
            facts="plan(a0.shape, kernel_size, dilation, padding, stride, "
            "kinds(kernel_size, dilation, padding, stride))",
            using={"plan": _unfolding, "kinds": kinds},
            let={"kernel": "facts[0]", "geometry": "facts[1]"},
            when="a0.ndim == 4",
        ),
    ),
)
def unfold_(input, kernel_size, dilation=1, padding=0, stride=1):
    """The sliding windows of images as columns.

    input: (N, C, H, W) or (C, H, W); gives (N, C * taps, windows). Of kernel_size, dilation,
    padding and stride, each is an int or a pair.

    >>> F.unfold(torch.ones(1, 2, 3, 3), 2).shape
    torch.Size([1, 8, 4])
    """
    check_tensor("unfold", input)
    given = [tuple(a) if isinstance(a, list) else a for a in (kernel_size, dilation, padding)]
    stride = tuple(stride) if isinstance(stride, list) else stride
    kernel, geometry = _unfolding(tuple(input._a.shape), *given, stride, kinds(*given, stride))
    if input._a.ndim == 3:
        return im2col.entry(input.unsqueeze(0), kernel, geometry).squeeze(0)
    return im2col.entry(input, kernel, geometry)


@public(
    "nn.functional.fold(Tensor input, any output_size, any kernel_size, "
    "any dilation=1, any padding=0, any stride=1)"
)
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images summed from columns: the adjoint of `unfold`.

    input: (N, C * taps, windows) or (C * taps, windows); gives (N, C, *output_size).

    >>> F.fold(torch.ones(1, 8, 4), 3, 2)[0, 0, 1]
    tensor([2., 4., 2.])
    """
    check_tensor("fold", input)
    size = _pair("fold", "output_size", output_size)
    kernel, geometry = _column_arguments("fold", kernel_size, dilation, padding, stride)
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "fold: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    taps = kernel[0] * kernel[1]
    if shape[-2] % taps:
        raise RuntimeError(
            "fold: Expected size of input's dimension 1 to be divisible by the product of "
            f"kernel_size, but got input.size(1)={shape[-2]} and kernel_size={kernel}"
        )
    out = _window_counts(size, kernel, geometry)
    if min(out) < 1 or out[0] * out[1] != shape[-1]:
        raise RuntimeError(
            f"fold: Given output_size={size}, kernel_size={kernel}, dilation={geometry.dilation}, "
            f"padding={padding}, stride={geometry.stride}, expected size of input's dimension 2 to "
            f"match the calculated number of sliding blocks {out[0]} * {out[1]} = "
            f"{out[0] * out[1]}, but got input.size(2)={shape[-1]}"
        )
    images = (1 if len(shape) == 2 else shape[0], shape[-2] // taps, *size)
    if len(shape) == 2:
        return col2im.entry(input.unsqueeze(0), images, kernel, geometry).squeeze(0)
    return col2im.entry(input, images, kernel, geometry)
