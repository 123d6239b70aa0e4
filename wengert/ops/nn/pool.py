"""Pooling over sliding windows: maximum, average and power mean, and the reverse of max pooling.

The ops take arrays (*lead, *spatial), so that batches need no special care. Adaptive and fractional
pooling are in `adaptive_pool.py`, the kernels in `arrays/pool.py`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ...arrays.windows import pooled_size
from ...base.dtypes import BOOLEAN, COMPLEX
from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.kinds import linear, movement, opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..math.compare import where as where
from ..shape.unfold import check_tensor, per_dimension

Ints = tuple[int, ...]
SEVERAL = tuple, list


# ------------------------------------------------------------------------------------- the ops


MAXIMA = {"outputs": "out indices", "integer": "indices", "channels_last": (4, 5)}


@primitive(opaque, node="MaxPoolWithIndicesBackward0", **MAXIMA)
def max_pool(xp, x, kernel=(), stride=(), padding=(), dilation=(), ceil=False):
    """Maximum of each window of x (*lead, *spatial), and its position in its plane."""


@primitive(movement, channels_last=(4, 5))
def pool_scatter(xp, y, where, spatial=(), windows=None):
    """Zeros (*lead, *spatial) plus y at the positions `where` of each plane, which are in windows
    (kernel, stride, padding, dilation), if those are given.
    """


@primitive(movement)
def pool_gather(xp, x, where, rank=1):
    """x (*lead, *spatial) at the positions `where` of each plane."""


@primitive(movement, node="MaxUnpoolBackward0", channels_last=(4,))
def max_unpool(xp, x, where, spatial=()):
    """Zeros (*lead, *spatial) with x written at the positions `where` of each plane."""


max_pool.vjp(
    x=lambda xp, g_out, indices, x_shape, kernel, stride, padding, dilation: xp.pool_scatter(
        g_out, indices, tuple(x_shape)[-len(kernel) :], (kernel, stride, padding, dilation)
    )
)
pool_scatter.vjp(y=lambda xp, g, where, spatial: xp.pool_gather(g, where, len(spatial)))
pool_gather.vjp(
    x=lambda xp, g, where, x_shape, rank: xp.pool_scatter(g, where, tuple(x_shape)[-rank:])
)
max_unpool.vjp(x=lambda xp, g, where, spatial: xp.pool_gather(g, where, len(spatial)))


@primitive(linear, node="AvgPoolBackward0", channels_last=(4,))
def avg_pool(xp, x, kernel=(), stride=(), padding=(), ceil=False, include_pad=True, divisor=None):
    """Mean of each window of x (*lead, *spatial), or its sum over divisor."""


@primitive(linear, channels_last=(4,))
def avg_pool_input(
    xp, y, spatial=(), kernel=(), stride=(), padding=(), ceil=False, include_pad=True, divisor=None
):
    """The adjoint of avg_pool."""


avg_pool.vjp(
    x=lambda xp, g, x_shape, kernel, stride, padding, ceil, include_pad, divisor: xp.avg_pool_input(
        g, tuple(x_shape)[-len(kernel) :], kernel, stride, padding, ceil, include_pad, divisor
    )
)
avg_pool_input.vjp(
    y=lambda xp, g, kernel, stride, padding, ceil, include_pad, divisor: xp.avg_pool(
        g, kernel, stride, padding, ceil, include_pad, divisor
    )
)


def one_more_lead(o: Any) -> None:
    """A batch is one more leading dimension."""

    def rule(xp: Any, size: int, flags: Any, x: Any, /, **static: Any) -> Any:
        return getattr(xp, o.name)(x, *static.values())

    o.batch(rule)


def one_more_lead_with_positions(o: Any) -> None:
    """The same for ops whose second array has the same leading dimensions."""

    def rule(xp: Any, size: int, flags: Any, x: Any, where: Any, /, **static: Any) -> Any:
        both = [
            a if f else xp.expand(xp.reshape(a, (1, *tuple(a.shape))), (size, *tuple(a.shape)))
            for a, f in zip((x, where), flags)
        ]
        return getattr(xp, o.name)(*both, *static.values())

    o.batch(rule)


for _op in (
    max_pool,
    avg_pool,
    avg_pool_input,
):
    one_more_lead(_op)
for _op in (pool_scatter, pool_gather, max_unpool):
    one_more_lead_with_positions(_op)


# ------------------------------------------------------------------------------------- arguments


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=512)
def _pool_arguments(
    name: str,
    shape: Ints,
    rank: int,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
) -> tuple[Ints, Ints, Ints, Ints]:
    """kernel, stride, padding and dilation of a pool, checked against the input's shape."""
    spatial = shape[-rank:]
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[-rank - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got:{list(shape)}"
        )
    kernel = per_dimension(name, "kernel_size", kernel, rank)
    absent = stride is None or stride == ()
    stride = kernel if absent else per_dimension(name, "stride", stride, rank)
    padding = per_dimension(name, "padding", padding, rank)
    dilation = per_dimension(name, "dilation", dilation, rank)
    for what, values in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(values) <= 0:
            raise RuntimeError(f"{name}() {what} must be greater than zero, but got {values}")
    for p, k, d in zip(padding, kernel, dilation):
        if p < 0:
            raise RuntimeError(f"{name}: pad must be non-negative, but got pad: {p}")
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(
                f"{name}: pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation={d}"
            )
    out = tuple(
        pooled_size(*facts, ceil) for facts in zip(spatial, kernel, stride, padding, dilation)
    )
    if min(out) < 1:
        raise RuntimeError(
            f"{name}: Given input size: {'x'.join(map(str, shape[-rank - 1 :]))}. Calculated "
            f"output size: {'x'.join(map(str, (shape[-rank - 1], *out)))}. Output size is too small"
        )
    if name == "avg_pool3d" and any(n < k for n, k in zip(spatial, kernel)):
        raise RuntimeError(
            f"{name}: input image of {list(spatial)} smaller than kernel size {list(kernel)}"
        )
    return kernel, stride, padding, dilation


def check_floating(name: str, input: Tensor) -> None:
    """NotImplementedError, as PyTorch's, for other dtypes."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f'"{name}" not implemented for {input.dtype}: convert the input with .float()'
        )


# ------------------------------------------------------------------------------------- max pooling


_SIZES = {"kernel": "facts[0]", "stride": "facts[1]", "padding": "facts[2]"}


def _max_line(rank: int) -> Any:
    """The line of max_poolNd without indices: sizes given as ints or tuples."""
    given = "kernel_size, stride, padding, dilation, ceil_mode"
    return line(
        max_pool,
        floating=True,
        given="not return_indices",
        facts=f"sizes('max_pool{rank}d', a0.shape, {rank}, {given})",
        using={"sizes": _pool_arguments},
        let={**_SIZES, "dilation": "facts[3]", "ceil": "ceil_mode"},
        only=1,
    )


def _avg_line(rank: int, divisor: str = "divisor_override") -> Any:
    """The line of avg_poolNd: sizes given as ints or tuples."""
    given = "kernel_size, stride, padding, 1, ceil_mode"
    return line(
        avg_pool,
        floating=True,
        given=f"{divisor} != 0" if divisor != "None" else "",
        facts=f"sizes('avg_pool{rank}d', a0.shape, {rank}, {given})",
        using={"sizes": _pool_arguments},
        let={
            **_SIZES,
            "ceil": "ceil_mode",
            "include_pad": "count_include_pad",
            "divisor": divisor,
        },
    )


def _max_pool(
    name: str,
    rank: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    if type(input) is not Tensor:
        check_tensor(name, input)
    if input.dtype.category in (BOOLEAN, COMPLEX):
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype}')
    given = [tuple(v) if type(v) is list else v for v in (kernel_size, stride, padding, dilation)]
    ceil = bool(ceil_mode)
    arguments = _pool_arguments(name, input._a.shape, rank, *given, ceil)
    out, indices = max_pool.entry(input, *arguments, ceil)
    return (out.to(input.dtype), indices) if return_indices else out  # autocast spares these


@public(
    "nn.functional.max_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, "
    "int[1] padding=0, int[1] dilation=1, bool ceil_mode=False, bool|any return_indices=False)",
    lines=(_max_line(1),),
)
def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maximum of sliding windows of input (N, C, L) or (C, L).

    stride: the kernel's size if None. return_indices: also the positions of the maxima.

    >>> F.max_pool1d(torch.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[3., 2.]])
    """
    arguments = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool("max_pool1d", 1, input, *arguments)


@public(
    "nn.functional.max_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, "
    "int[2] padding=0, int[2] dilation=1, bool ceil_mode=False, bool|any return_indices=False)",
    lines=(_max_line(2),),
)
def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maximum of sliding windows of input (N, C, H, W) or (C, H, W).

    kernel_size, stride (the kernel's size if None), padding, dilation: an int or a pair.
    return_indices: also the positions of the maxima, counted within each plane.

    >>> F.max_pool2d(torch.arange(16.).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    arguments = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool("max_pool2d", 2, input, *arguments)


@public(
    "nn.functional.max_pool3d(Tensor input, int[3] kernel_size, int[3]? stride=None, "
    "int[3] padding=0, int[3] dilation=1, bool ceil_mode=False, bool|any return_indices=False)",
    lines=(_max_line(3),),
)
def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maximum of sliding windows of input (N, C, D, H, W) or (C, D, H, W).

    kernel_size, stride (the kernel's size if None), padding, dilation: an int or a triple.
    return_indices: also the positions of the maxima, counted within each volume.

    >>> F.max_pool3d(torch.ones(1, 2, 2, 2), 2)
    tensor([[[[1.]]]])
    """
    arguments = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max_pool("max_pool3d", 3, input, *arguments)


def _of_torch(rank: int) -> None:
    """torch.max_poolNd, without return_indices, and the forms called max_poolNd_with_indices."""
    name = f"max_pool{rank}d"

    def values(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
        return _max_pool(
            name, rank, input, kernel_size, stride, padding, dilation, ceil_mode, False
        )

    def indexed(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True
    ):
        return _max_pool(name, rank, input, kernel_size, stride, padding, dilation, ceil_mode, True)

    values.__doc__ = f"Maximum of sliding windows; see torch.nn.functional.{name}."
    indexed.__doc__ = f"(maximum of sliding windows, positions); see torch.nn.functional.{name}."
    sizes = (
        f"(Tensor input, int[{rank}] kernel_size, int[{rank}] stride=[], int[{rank}] padding=0,"
        f" int[{rank}] dilation=1, bool ceil_mode=False"
    )
    declare(values, (f"{name}{sizes})",), method=False)
    both = " -> (Tensor, Tensor)"
    text = f"nn.functional.{name}_with_indices{sizes}, bool|any return_indices=False){both}"
    declare(indexed, (text.replace("stride=[]", "stride=None").replace("] stride", "]? stride"),))
    if rank == 1:
        declare(indexed, (f"{name}_with_indices{sizes}){both}",), method=False)


for _rank in (1, 2, 3):
    _of_torch(_rank)


# ------------------------------------------------------------------------------------- unpooling


def _unpool_size(
    name: str, shape: Ints, rank: int, kernel: Ints, stride: Ints, padding: Ints, output_size: Any
) -> Ints:
    default = tuple(
        [(n - 1) * s + k - 2 * p for n, s, k, p in zip(shape[-rank:], stride, kernel, padding)]
    )
    size = default if output_size is None else tuple(output_size)
    if any([type(n) is float for n in size]):
        raise TypeError(f"{name}(): sizes must be ints, not {size}")
    if output_size is None:
        return default
    if len(size) == rank + 2:
        size = size[2:]
    if len(size) != rank:
        raise ValueError(
            f"{name}: output_size should be a sequence containing {rank} or {rank + 2} elements, "
            f"but it has a length of '{len(size)}'"
        )
    for n, d, s in zip(size, default, stride):
        if not d - s < n < d + s:
            raise ValueError(
                f"{name}: invalid output_size {size}: each must be within a stride of {default}"
            )
    return size


def _unpool(
    name: str,
    rank: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    check_tensor(name, input)
    given = kernel_size, kernel_size if stride is None else stride, padding  # only say what fits
    kernel, stride, padding = [tuple(v) if type(v) in SEVERAL else (v,) * rank for v in given]
    if min(map(len, (kernel, stride, padding))) < rank:
        raise IndexError(f"{name}: kernel_size, stride and padding: {rank} numbers, not {given}")
    shape = tuple(input._a.shape)
    size = _unpool_size(name, shape, rank, kernel, stride, padding, output_size)
    check_tensor(name, indices, "indices")
    if indices.dtype.name != "int64":
        raise RuntimeError(f"{name}: indices should be type int64, not {indices.dtype}")
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[-rank - 1 :]:
        raise RuntimeError(
            f"{name}: Input to {name} should be a {rank + 1}d or {rank + 2}d Tensor with non-zero "
            f"dimensions besides the batch, but got {list(shape)}"
        )
    if tuple(indices._a.shape) != shape:
        raise RuntimeError(
            f"{name}: Expected shape of indices to be same as that of the input tensor "
            f"({list(shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    return max_unpool.entry(input, indices, size)


@public(
    "nn.functional.max_unpool1d(Tensor input, any indices, any kernel_size, "
    "any stride=None, any padding=0, any output_size=None)"
)
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The partial inverse of max_pool1d: zeros with input written at indices.

    >>> F.max_unpool1d(torch.tensor([[3.]]), torch.tensor([[1]]), 2)
    tensor([[0., 3.]])
    """
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@public(
    "nn.functional.max_unpool2d(Tensor input, any indices, any kernel_size, "
    "any stride=None, any padding=0, any output_size=None)"
)
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The partial inverse of max_pool2d: zeros with input written at indices.

    >>> F.max_unpool2d(torch.tensor([[[3.]]]), torch.tensor([[[2]]]), 2)
    tensor([[[0., 0.],
             [3., 0.]]])
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


@public(
    "nn.functional.max_unpool3d(Tensor input, any indices, any kernel_size, "
    "any stride=None, any padding=0, any output_size=None)"
)
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The partial inverse of max_pool3d: zeros with input written at indices.

    >>> F.max_unpool3d(torch.ones(1, 1, 1, 1), torch.tensor([[[[7]]]]), 2).sum()
    tensor(1.)
    """
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


# ------------------------------------------------------------------------------------- averages


def _avg_pool(
    name: str,
    rank: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    check_tensor(name, input)
    if input.dtype.category in (BOOLEAN, COMPLEX):
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype}')
    if divisor_override == 0:
        raise RuntimeError(f"{name}: divisor must be not zero")
    given = [tuple(v) if type(v) is list else v for v in (kernel_size, stride, padding, 1)]
    ceil = bool(ceil_mode)
    kernel, stride, padding, _ = _pool_arguments(name, input._a.shape, rank, *given, ceil)
    return avg_pool.entry(
        input, kernel, stride, padding, ceil, bool(count_include_pad), divisor_override
    )


@public(
    "avg_pool1d(Tensor input, int[1] kernel_size, int[1] stride=[], int[1] padding=0, "
    "bool ceil_mode=False, bool count_include_pad=True)",
    method=False,
    aliases=("nn.functional.avg_pool1d",),
    lines=(_avg_line(1, "None"),),
)
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Mean of sliding windows of input (N, C, L) or (C, L).

    stride: the kernel's size if None. count_include_pad: padding counts as elements.

    >>> F.avg_pool1d(torch.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[2., 1.]])
    """
    arguments = (kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    return _avg_pool("avg_pool1d", 1, input, *arguments)


@public(
    "nn.functional.avg_pool2d(Tensor input, int[2] kernel_size, int[2] stride=[], "
    "int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, "
    "int? divisor_override=None, *, out)",
    foreign=True,
    lines=(_avg_line(2),),
    out="exact",
)
def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Mean of sliding windows of input (N, C, H, W) or (C, H, W).

    stride: the kernel's size if None. count_include_pad: padding counts as elements.
    divisor_override: what sums are divided by instead.

    >>> F.avg_pool2d(torch.arange(4.).reshape(1, 2, 2), 2)
    tensor([[[1.5000]]])
    """
    arguments = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _avg_pool("avg_pool2d", 2, input, *arguments)


@public(
    "nn.functional.avg_pool3d(Tensor input, int[3] kernel_size, int[3] stride=[], "
    "int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, "
    "int? divisor_override=None, *, out)",
    foreign=True,
    lines=(_avg_line(3),),
    out="exact",
)
def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Mean of sliding windows of input (N, C, D, H, W) or (C, D, H, W).

    stride: the kernel's size if None. count_include_pad: padding counts as elements.
    divisor_override: what sums are divided by instead.

    >>> F.avg_pool3d(torch.arange(8.).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    arguments = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _avg_pool("avg_pool3d", 3, input, *arguments)


def _power_mean(pooled: Tensor, norm_type: float, n: int) -> Tensor:
    """(n * mean of powers) to 1 / norm_type; `where` hides the root's infinite derivative at 0."""
    size = where(pooled.ne(0), pooled.abs(), pooled.new_zeros(()))
    return (pooled.sign() * size).mul(n).pow(1.0 / norm_type)


@public(
    "nn.functional.lp_pool1d(Tensor input, any norm_type, int kernel_size, "
    "any stride=None, bool ceil_mode=False)"
)
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The norm_type-norm of sliding windows of input (N, C, L) or (C, L).

    >>> F.lp_pool1d(torch.tensor([[3., 4.]]), 2, 2)
    tensor([[5.]])
    """
    if norm_type == math.inf:
        return max_pool1d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    pooled = avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _power_mean(
        pooled, norm_type, per_dimension("lp_pool1d", "kernel_size", kernel_size, 1)[0]
    )


@public(
    "nn.functional.lp_pool2d(Tensor input, any norm_type, any kernel_size, "
    "any stride=None, bool ceil_mode=False)"
)
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The norm_type-norm of sliding windows of input (N, C, H, W) or (C, H, W).

    >>> F.lp_pool2d(torch.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    if norm_type == math.inf:
        return max_pool2d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    pooled = avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    kh, kw = per_dimension("lp_pool2d", "kernel_size", kernel_size, 2)
    return _power_mean(pooled, norm_type, kh * kw)


@public(
    "nn.functional.lp_pool3d(Tensor input, any norm_type, any kernel_size, "
    "any stride=None, bool ceil_mode=False)"
)
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The norm_type-norm of sliding windows of input (N, C, D, H, W) or (C, D, H, W).

    >>> F.lp_pool3d(torch.ones(1, 2, 2, 1), 2, (2, 2, 1))
    tensor([[[[2.]]]])
    """
    if norm_type == math.inf:
        return max_pool3d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    pooled = avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    kd, kh, kw = per_dimension("lp_pool3d", "kernel_size", kernel_size, 3)
    return _power_mean(pooled, norm_type, kd * kh * kw)
