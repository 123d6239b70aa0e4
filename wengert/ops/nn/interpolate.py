"""Resampling: interpolate and its older names.

`interpolate` is linear in its input, one op with an adjoint. The kernels are in
`arrays/interpolate.py`. Not here: sampling at the points of a grid (`grid_sample.py`).
"""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

from ...base import dtypes
from ...base.advice import advise
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import linear
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..shape.unfold import check_tensor, kinds
from .adaptive_pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

MODES = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "lanczos": (4,),
    "trilinear": (5,),
}
KERNEL = {"bicubic": "cubic", "linear": "linear", "bilinear": "linear", "trilinear": "linear"}


# ------------------------------------------------------------------------------------- the ops


@primitive(linear, node="UpsampleBackward0", channels_last=(4, 5))
def resample(xp, x, size=(), mode="nearest", align_corners=False, scales=(), antialias=False):
    """x (*lead, *spatial) with other spatial sizes."""


@primitive(linear, channels_last=(4, 5))
def resample_input(
    xp, y, spatial=(), mode="nearest", align_corners=False, scales=(), antialias=False
):
    """The adjoint of resample."""


resample.vjp(
    x=lambda xp, g, x_shape, size, mode, align_corners, scales, antialias: xp.resample_input(
        g, tuple(x_shape)[-len(size) :], mode, align_corners, scales, antialias
    )
)
resample_input.vjp(
    y=lambda xp, g, y_shape, spatial, mode, align_corners, scales, antialias: xp.resample(
        g, tuple(y_shape)[-len(spatial) :], mode, align_corners, scales, antialias
    )
)


def _resample_batch(xp, batch, flags, x, /, **static):
    return xp.resample(x, *static.values())


def _resample_input_batch(xp, batch, flags, y, /, **static):
    return xp.resample_input(y, *static.values())


resample.batch(_resample_batch)
resample_input.batch(_resample_input_batch)


# ------------------------------------------------------------------------------------- interpolate


def _sizes(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """(output sizes, scale factors to use as given or None)."""
    spatial = tuple(input.shape)[2:]
    rank = len(spatial)
    if size is not None and scale_factor is not None:
        raise ValueError("interpolate: only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError(
                "interpolate: recompute_scale_factor is not meaningful with an explicit size."
            )
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * rank
        if len(sizes) != rank:
            raise ValueError(
                "interpolate: Input and output must have the same number of spatial dimensions, "
                f"but got input with spatial dimensions of {list(spatial)} and output size of "
                f"{size}: input is (N, C, d1, d2, ...) and size (o1, o2, ...)"
            )
        if sizes and isinstance(sizes[0], bool):  # PyTorch looks at the first one
            raise TypeError(f"interpolate(): size must be ints, got {size!r}")
        try:
            return tuple(s.__index__() for s in sizes), (None,) * rank
        except (AttributeError, TypeError):
            raise TypeError(f"interpolate(): size must be ints, got {size!r}") from None
    if scale_factor is None:
        raise ValueError("interpolate: either size or scale_factor should be defined")
    scales = (
        tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * rank
    )
    if len(scales) != rank:
        raise ValueError(
            "interpolate: Input and scale_factor must have the same number of spatial dimensions, "
            f"but got input with spatial dimensions of {list(spatial)} and scale_factor of shape "
            f"{scale_factor}: input is (N, C, d1, d2, ...) and scale_factor (s1, s2, ...)"
        )
    scales = tuple(float(s) for s in scales)
    sizes = tuple(math.floor(n * s) for n, s in zip(spatial, scales))
    return sizes, (None,) * rank if recompute else scales


def _check_mode(input: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    rank = input._a.ndim
    if align_corners is not None and mode in ("nearest", "area", "nearest-exact"):
        raise ValueError(
            "interpolate: align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    if antialias and (mode not in ("bilinear", "bicubic", "lanczos") or rank != 4):
        raise ValueError(
            "interpolate: Anti-alias option is restricted to bilinear, bicubic, and lanczos modes "
            f"and requires a 4-D tensor as input, got mode={mode!r} and {rank}-D input"
        )
    if mode == "lanczos" and (align_corners or not antialias):
        what = "does not support align_corners=True" if align_corners else "requires antialias=True"
        raise ValueError(f"interpolate: Lanczos mode {what}")
    if mode not in MODES or rank not in (3, 4, 5):
        raise NotImplementedError(
            "interpolate: Only 3D, 4D and 5D input Tensors supported "
            f"(got {rank}D) for the modes: {' | '.join(MODES)} (got {mode})"
        )
    if rank not in MODES[mode]:
        raise NotImplementedError(
            f"interpolate: Got {rank}D input, but {mode} mode needs {MODES[mode][0]}D input"
        )
    kinds = ("uint8",) if mode in ("nearest", "nearest-exact", "bilinear", "bicubic") else ()
    if not input.dtype.is_floating_point and input.dtype.name not in (
        *kinds,
        "uint8" * (mode == "lanczos"),
    ):
        raise NotImplementedError(
            f'interpolate: "{mode}" not implemented for {input.dtype}: convert with .float()'
        )


@functools.lru_cache(256)
def known_resampling(shape: tuple[int, ...], kinds: Any, *arguments: Any) -> tuple[Any, ...]:
    """`resampling` of floating input; LookupError where that refuses, or where it is another op."""
    like = SimpleNamespace(shape=shape, dtype=dtypes.float32, _a=SimpleNamespace(ndim=len(shape)))
    if arguments[2] == "area":
        raise LookupError
    try:
        return resampling(like, *arguments)
    except (ArithmeticError, NotImplementedError, RuntimeError, TypeError, ValueError):
        raise LookupError from None


@public(
    "nn.functional.interpolate(Tensor input, any? size=None, any scale_factor=None, "
    "str|any mode='nearest', bool? align_corners=None, bool|any? recompute_scale_factor=None, "
    "bool|any antialias=False)",
    lines=(
        line(
            resample,
            floating=True,
            facts="known(a0.shape, kinds(tuple(size) if type_(size) is list else size), "
            "tuple(size) if type_(size) is list else size, "
            "tuple(scale_factor) if type_(scale_factor) is list else scale_factor, mode, "
            "align_corners, recompute_scale_factor, antialias)",
            let={
                "size": "facts[0]",
                "mode": "facts[1]",
                "align_corners": "facts[2]",
                "scales": "facts[3]",
                "antialias": "facts[4]",
            },
            using={"known": known_resampling, "kinds": kinds},
        ),
    ),
)
def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """input (N, C, *spatial) resampled to size, or to scale_factor times its size.

    mode: nearest, nearest-exact, area, linear (3D), bilinear, bicubic, lanczos (4D), trilinear
    (5D). align_corners: the centres of the corner elements coincide. recompute_scale_factor: use
    the factor that the rounded sizes have. antialias: average where the result is smaller.

    >>> F.interpolate(torch.tensor([[[1., 3.]]]), scale_factor=2, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    check_tensor("interpolate", input)
    found = resampling(
        input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
    )
    if mode == "area":
        sizes = found[0]
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(sizes) - 1]
        return pool(input, sizes)
    return resample.entry(input, *found)


def resampling(
    input: Any,
    size: Any,
    scale_factor: Any,
    mode: str,
    align_corners: Any,
    recompute_scale_factor: Any,
    antialias: Any,
) -> tuple[Any, ...]:
    """The static arguments of `resample`, checked."""
    antialias = bool(antialias)
    for given in (size, scale_factor):
        if isinstance(given, (tuple, list)) and len(given) != input._a.ndim - 2:
            _sizes(input, size, scale_factor, recompute_scale_factor)  # refuses
    _check_mode(input, mode, align_corners, antialias)
    if mode == "area" and size is None:
        recompute_scale_factor = True
    sizes, scales = _sizes(input, size, scale_factor, recompute_scale_factor)
    shape = tuple(input.shape)
    if min(sizes) <= 0 or 0 in shape[2:]:
        raise RuntimeError(
            "interpolate: Input and output sizes should be greater than 0, but got input "
            f"{list(shape[2:])} output {list(sizes)}"
        )
    if shape[1] == 0 and (mode != "area" or len(shape) == 5):
        raise RuntimeError(
            f"interpolate: Non-empty data tensor expected but got a tensor with sizes {list(shape)}"
        )
    return sizes, KERNEL.get(mode, mode), bool(align_corners), scales, antialias


@public(
    "nn.functional.upsample(any input, any size=None, any scale_factor=None, "
    "any mode='nearest', any align_corners=None)"
)
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The former name of `interpolate`.

    Raises RuntimeError where a size would not be above 0, NotImplementedError where the mode is not
    made for the dtype or the number of dimensions.

    >>> F.upsample(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    advise("F.upsample is deprecated: use F.interpolate instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)


@public("nn.functional.upsample_nearest(any input, any size=None, any scale_factor=None)")
def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode nearest.

    Raises RuntimeError where a size would not be above 0, NotImplementedError for other than
    floating inputs of 3 to 5 dimensions.

    >>> F.upsample_nearest(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    advise("F.upsample_nearest is deprecated: use F.interpolate instead.")
    return interpolate(input, size, scale_factor, "nearest")


@public("nn.functional.upsample_bilinear(any input, any size=None, any scale_factor=None)")
def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode bilinear and align_corners.

    Raises RuntimeError where a size would not be above 0, NotImplementedError for other than
    floating images (N, C, H, W).

    >>> F.upsample_bilinear(torch.ones(1, 1, 2, 2), scale_factor=2).shape
    torch.Size([1, 1, 4, 4])
    """
    advise("F.upsample_bilinear is deprecated: use F.interpolate instead.")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
