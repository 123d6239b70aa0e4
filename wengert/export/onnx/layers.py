"""Converters of products, convolutions, normalisations, pooling, attention, losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..capture import Value
from .builder import Builder, NoConversion, converts, dtype_of, rank
from .dims import Size
from .elementwise import number

__all__: list[str] = []


# --- products ------------------------------------------------------------------------------------


@converts("matmul", "bmm", "batched_matmul", "mv", "dot")
def _matmul(b: Builder, x: Value, y: Value) -> str:
    return b.add("MatMul", [x, y])


@converts("linear")
def _linear(b: Builder, x: Value, w: Value, bias: Value | None = None) -> str:
    if rank(x) == 2 and rank(w) == 2:
        return b.add("Gemm", [x, w, bias], transB=1)
    turned = b.add("Transpose", [w], perm=[1, 0]) if rank(w) == 2 else b.name(w)
    product = b.add("MatMul", [x, turned])
    return product if bias is None else b.add("Add", [product, bias])


@converts("addmm")
def _addmm(b: Builder, x: Value, a: Value, c: Value, beta: float = 1, alpha: float = 1) -> str:
    return b.add("Gemm", [a, c, x], alpha=float(alpha), beta=float(beta))


@converts("baddbmm", "addmv")
def _baddbmm(b: Builder, x: Value, a: Value, c: Value, beta: float = 1, alpha: float = 1) -> str:
    product: Any = b.add("MatMul", [a, c])
    if alpha != 1:
        product = b.add("Mul", [product, number(b, alpha, x)])
    if beta == 0:
        return product
    scaled = x if beta == 1 else b.add("Mul", [x, number(b, beta, x)])
    return b.add("Add", [product, scaled])


# --- convolutions and pooling --------------------------------------------------------------------


def pads_of(padding: Any) -> list[int]:
    """((before, after), ...) in ONNX's order: all that come before, then all after."""
    return [lo for lo, _ in padding] + [hi for _, hi in padding]


@converts("conv")
def _conv(b: Builder, x: Value, w: Value, bias: Value | None = None, geometry: Any = None) -> str:
    return b.add(
        "Conv",
        [x, w, bias],
        strides=list(geometry.stride),
        dilations=list(geometry.dilation),
        pads=pads_of(geometry.padding),
        group=geometry.groups,
    )


@converts("conv_input")
def _conv_transpose(b: Builder, y: Value, w: Value, x_shape: Any = (), geometry: Any = None) -> str:
    """What makes a plane of size x_shape out of y. output_padding is in the geometry's pads."""
    spatial = rank(y) - 2
    kernel = w.shape[2:]
    # ONNX computes stride (n - 1) + dilation (k - 1) + 1 - pads + output_padding.
    extra = []
    for d in range(spatial):
        lo, hi = geometry.padding[d]
        n, size = y.shape[2 + d], x_shape[2 + d]
        n, size = (v.first if isinstance(v, Size) else v for v in (n, size))
        whole = geometry.stride[d] * (n - 1) + geometry.dilation[d] * (kernel[d] - 1) + 1
        extra.append(size - (whole - lo - hi))
    return b.add(
        "ConvTranspose",
        [y, w],
        strides=list(geometry.stride),
        dilations=list(geometry.dilation),
        pads=pads_of(geometry.padding),
        output_padding=extra if any(extra) else None,
        group=geometry.groups,
    )


def with_planes(b: Builder, x: Value, spatial: int, convert: Any) -> Any:
    """Run what needs a batch and channels on a value whose leading dims may be others."""
    lead = rank(x) - spatial
    if lead == 2:
        return convert(b.name(x))
    if lead > 2:
        raise NoConversion(f"pooling of {rank(x)} dims")
    more = b.ints(list(range(2 - lead)))
    found = convert(b.add("Unsqueeze", [x, more]))
    if isinstance(found, list):
        return [b.add("Squeeze", [f, more]) for f in found]
    return b.add("Squeeze", [found, more])


@converts("max_pool")
def _max_pool(
    b: Builder,
    x: Value,
    kernel: Any = (),
    stride: Any = (),
    padding: Any = (),
    dilation: Any = (),
    ceil: bool = False,
) -> Any:
    pads = [p for pair in padding for p in ([pair] if isinstance(pair, int) else pair)]
    pads = [*pads, *pads] if len(pads) == len(kernel) else pads_of(padding)

    def convert(name: str) -> str:
        return b.add(
            "MaxPool",
            [name],
            kernel_shape=list(kernel),
            strides=list(stride or kernel),
            dilations=list(dilation),
            pads=pads,
            ceil_mode=int(ceil),
        )

    return [with_planes(b, x, len(kernel), convert), None]


@converts("avg_pool")
def _avg_pool(
    b: Builder,
    x: Value,
    kernel: Any = (),
    stride: Any = (),
    padding: Any = (),
    ceil: bool = False,
    include_pad: bool = True,
    divisor: int | None = None,
) -> str:
    def convert(name: str) -> str:
        return b.add(
            "AveragePool",
            [name],
            kernel_shape=list(kernel),
            strides=list(stride or kernel),
            pads=[*padding, *padding],
            ceil_mode=int(ceil),
            count_include_pad=int(include_pad or divisor is not None),
        )

    mean = with_planes(b, x, len(kernel), convert)
    if divisor is None:
        return mean
    return b.add("Mul", [mean, number(b, math.prod(kernel) / divisor, x)])


def _adaptive(kind: str) -> Any:
    def convert(b: Builder, x: Value, size: Any = ()) -> Any:
        spatial = x.shape[-len(size) :]
        if all(n == 1 for n in size):
            return with_planes(b, x, len(size), lambda name: b.add(f"Global{kind}", [name]))
        if any(isinstance(n, Size) for n in spatial):
            raise NoConversion("adaptive pooling to more than one element of a dynamic axis")
        if any(n % m for n, m in zip(spatial, size)):
            return uneven(b, x, size, "ReduceMean" if kind == "AveragePool" else "ReduceMax")
        window = [n // m for n, m in zip(spatial, size)]
        return with_planes(
            b, x, len(size), lambda name: b.add(kind, [name], kernel_shape=window, strides=window)
        )

    return convert


def uneven(b: Builder, x: Value, size: Any, kind: str) -> Any:
    """Windows of different sizes, dim by dim: their mean, or maximum, is that of the dims' ones."""
    found: Any = x
    for dim, m in enumerate(size, rank(x) - len(size)):
        n = x.shape[dim]
        before = [slice(None)] * dim
        pieces = [
            b.add(
                kind,
                [
                    b.sliced(found, [*before, slice(i * n // m, -(-(i + 1) * n // m))]),
                    b.ints([dim]),
                ],
                keepdims=1,
            )
            for i in range(m)
        ]
        found = b.add("Concat", pieces, axis=dim)
    return found


converts("adaptive_avg_pool")(_adaptive("AveragePool"))


@converts("adaptive_max_pool")
def _adaptive_max_pool(b: Builder, x: Value, size: Any = ()) -> Any:
    return [_adaptive("MaxPool")(b, x, size), None]


MODES = {"nearest": "nearest", "nearest-exact": "nearest", "linear": "linear", "bilinear": "linear",
         "trilinear": "linear", "cubic": "cubic", "bicubic": "cubic"}  # fmt: skip


@converts("resample")
def _resample(
    b: Builder,
    x: Value,
    size: Any = (),
    mode: str = "nearest",
    align_corners: bool = False,
    scales: Any = (),
    antialias: bool = False,
) -> str:
    if mode not in MODES:
        raise NoConversion(f"interpolation of mode {mode}")
    known = bool(scales) and all(s for s in scales)
    where: dict[str, Any]
    if mode == "nearest":
        where = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    elif align_corners:
        where = {"coordinate_transformation_mode": "align_corners"}
    else:
        where = {"coordinate_transformation_mode": "half_pixel"}
        if mode == "nearest-exact":
            where["nearest_mode"] = "round_prefer_ceil"
    if MODES[mode] == "cubic":
        where["cubic_coeff_a"] = -0.75 if not antialias else -0.5
    if antialias:
        where["antialias"] = 1
    lead = rank(x) - len(size)
    if known:
        factors = np.array([1.0] * lead + [float(s) for s in scales], np.float32)
        return b.add("Resize", [x, None, b.constant(factors)], mode=MODES[mode], **where)
    target = b.ints([*x.shape[:lead], *size], x)
    return b.add("Resize", [x, None, None, target], mode=MODES[mode], **where)


# --- normalisation -------------------------------------------------------------------------------


@converts("batch_norm")
def _batch_norm(
    b: Builder,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool = True,
    eps: float = 1e-5,
) -> Any:
    channels = x.shape[1]
    ones, zeros = (np.full(channels, v, dtype_of(x)) for v in (1, 0))
    given = [b.constant(ones) if weight is None else b.name(weight),
             b.constant(zeros) if bias is None else b.name(bias)]  # fmt: skip
    if not training and running_mean is not None and running_var is not None:
        inputs = [x, *given, running_mean, running_var]
        return [b.add("BatchNormalization", inputs, epsilon=eps), None, None]
    dims = b.ints([0, *range(2, rank(x))])
    shape = b.ints([1, -1, *[1] * (rank(x) - 2)])
    scale, shift = (b.add("Reshape", [v, shape]) for v in given)
    return [standardised(b, x, dims, eps, scale, shift), None, None]


def standardised(
    b: Builder, x: Value, dims: str, eps: float, scale: str | None, shift: str | None
) -> str:
    """x with mean 0 and variance 1 over dims, times scale, plus shift."""
    away = b.add("Sub", [x, b.add("ReduceMean", [x, dims], keepdims=1)])
    variance = b.add("ReduceMean", [b.add("Mul", [away, away]), dims], keepdims=1)
    root = b.add("Sqrt", [b.add("Add", [variance, number(b, eps, x)])])
    found = b.add("Div", [away, root])
    if scale is not None:
        found = b.add("Mul", [found, scale])
    return found if shift is None else b.add("Add", [found, shift])


@converts("layer_norm")
def _layer_norm(
    b: Builder, x: Value, weight: Value | None, bias: Value | None, dims: int = 1, eps: float = 1e-5
) -> str:
    if weight is None:
        scale = b.constant(np.ones(x.shape[-dims:], dtype_of(x)))
    else:
        scale = b.name(weight)
    return b.add("LayerNormalization", [x, scale, bias], axis=-dims, epsilon=eps)


@converts("group_norm")
def _group_norm(
    b: Builder,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    groups: int = 1,
    eps: float = 1e-5,
) -> str:
    grouped = b.add("Reshape", [x, b.ints([0, groups, -1])])
    ones, zeros = (b.constant(np.full(groups, v, dtype_of(x))) for v in (1, 0))
    found = b.add("InstanceNormalization", [grouped, ones, zeros], epsilon=eps)
    found = b.add("Reshape", [found, b.target(x.shape, x)])
    shape = b.ints([-1, *[1] * (rank(x) - 2)])
    for kind, v in (("Mul", weight), ("Add", bias)):
        if v is not None:
            found = b.add(kind, [found, b.add("Reshape", [v, shape])])
    return found


@converts("rms_norm")
def _rms_norm(
    b: Builder, x: Value, weight: Value | None, dims: int = 1, eps: float | None = 1e-5
) -> str:
    over = b.ints(list(range(-dims, 0)))
    eps = float(np.finfo(dtype_of(x)).eps) if eps is None else eps
    mean = b.add("ReduceMean", [b.add("Mul", [x, x]), over], keepdims=1)
    root = b.add("Sqrt", [b.add("Add", [mean, number(b, eps, x)])])
    found = b.add("Div", [x, root])
    return found if weight is None else b.add("Mul", [found, weight])


# --- attention -----------------------------------------------------------------------------------


@converts("attention")
def _attention(
    b: Builder,
    q: Value,
    k: Value,
    v: Value,
    mask: Value | None,
    noise: Value | None,
    causal: bool = False,
    scale: float = 1.0,
) -> str:
    dims = list(range(rank(k)))
    dims[-1], dims[-2] = dims[-2], dims[-1]
    turned = b.add("Transpose", [k], perm=dims)
    scores = b.add("MatMul", [b.add("Mul", [q, number(b, scale, q)]), turned])
    never = number(b, -math.inf, q)
    if causal:
        shape = b.ints([q.shape[-2], k.shape[-2]], q) if q.shape[-2] == k.shape[-2] else b.add(
            "Concat", [b.dim(q, rank(q) - 2), b.dim(k, rank(k) - 2)], axis=0
        )  # fmt: skip
        ones = b.add("Expand", [b.constant(np.int64(1)), shape])
        seen = b.cast(b.add("Trilu", [ones], upper=0), np.bool_)
        scores = b.add("Where", [seen, scores, never])
    if mask is not None and mask.dtype == "bool":
        scores = b.add("Where", [mask, scores, never])
    elif mask is not None:
        scores = b.add("Add", [scores, mask])
    shares = b.add("Softmax", [scores], axis=-1)
    if mask is not None and mask.dtype == "bool":  # a row of which nothing is left is zero
        shares = b.add("Where", [b.add("IsNaN", [shares]), number(b, 0, q), shares])
    if noise is not None:
        shares = b.add("Mul", [shares, noise])
    return b.add("MatMul", [shares, v])


# --- losses --------------------------------------------------------------------------------------


@converts("cross_entropy")
def _cross_entropy(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None,
    reduction: str = "mean",
    ignore: int = -100,
    smoothing: float = 0.0,
) -> str:
    if smoothing:
        raise NoConversion("cross_entropy with label_smoothing")
    return b.add(
        "SoftmaxCrossEntropyLoss", [x, target, weight], reduction=reduction, ignore_index=ignore
    )


@converts("nll_loss")
def _nll_loss(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None,
    reduction: str = "mean",
    ignore: int = -100,
) -> str:
    return b.add(
        "NegativeLogLikelihoodLoss", [x, target, weight], reduction=reduction, ignore_index=ignore
    )


@converts("mse_loss")
def _mse_loss(b: Builder, x: Value, y: Value, reduction: str = "mean") -> str:
    away = b.add("Sub", [x, y])
    square = b.add("Mul", [away, away])
    kind = {"none": "Identity", "mean": "ReduceMean", "sum": "ReduceSum"}[reduction]
    return b.add(kind, [square], keepdims=None if reduction == "none" else 0)
