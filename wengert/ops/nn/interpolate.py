"""Resampling: interpolate and its older names, sampling at the points of a grid, affine grids.

`interpolate` is linear in its input, one op with an adjoint. `grid_sample` is written in terms of
other functions and of reading an image at given positions, so all its derivatives exist. The
kernels are in `arrays/interpolate.py`.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import warnings
from typing import Any

from ...arrays.windows import steps
from ...base import dtypes
from ...declare.registry import public
from ...engine.kinds import elementwise, linear, movement
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..math.compare import where as where
from ..math.unary import round_half
from ..shape.unfold import check_tensor
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


@primitive(linear, node="UpsampleBackward0")
def resample(xp, x, size=(), mode="nearest", align_corners=False, scales=(), antialias=False):
    """x (*lead, *spatial) with other spatial sizes."""


@primitive(linear)
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


@primitive(elementwise, types="any")
def grid_index(xp, c, n=1, pitch=1, size=1):
    """Whole-numbered coordinates as flat offsets along a dimension of n; `size` if outside."""


@primitive(movement, node="GridSamplerBackward0")
def read_points(xp, x, where):
    """x (N, C, *spatial) at flat positions `where` (N, *points); zeros past the end."""


@primitive(movement)
def add_points(xp, y, where, spatial=()):
    """Zeros (N, C, *spatial) with y (N, C, *points) added at flat positions `where`."""


read_points.vjp(
    x=lambda xp, g, where, x_shape: xp.add_points(g, where, tuple(x_shape)[2:]),
)
add_points.vjp(y=lambda xp, g, where: xp.read_points(g, where))


def _as_images(xp: Any, size: int, a: Any, batched: bool) -> Any:
    """(batch, N, ...), or (N, ...) repeated, as (batch * N, ...)."""
    if not batched:
        a = xp.expand(xp.reshape(a, (1, *tuple(a.shape))), (size, *tuple(a.shape)))
    return xp.reshape(a, (size * a.shape[1], *tuple(a.shape)[2:]))


def _read_batch(xp, size, flags, x, where):
    out = xp.read_points(_as_images(xp, size, x, flags[0]), _as_images(xp, size, where, flags[1]))
    return xp.reshape(out, (size, -1, *tuple(out.shape)[1:]))


def _add_batch(xp, size, flags, y, where, spatial):
    flat = _as_images(xp, size, y, flags[0])
    out = xp.add_points(flat, _as_images(xp, size, where, flags[1]), spatial)
    return xp.reshape(out, (size, -1, *tuple(out.shape)[1:]))


read_points.batch(_read_batch)
add_points.batch(_add_batch)


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
    if input.dtype.category != 2 and input.dtype.name not in (
        *kinds,
        "uint8" * (mode == "lanczos"),
    ):
        raise NotImplementedError(
            f'interpolate: "{mode}" not implemented for {input.dtype}: convert with .float()'
        )


@public(
    "nn.functional.interpolate(Tensor input, any? size=None, any scale_factor=None, "
    "str mode='nearest', bool? align_corners=None, bool? recompute_scale_factor=None, "
    "bool antialias=False)"
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
    if mode == "area":
        pool = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(sizes) - 1]
        return pool(input, sizes)
    kernel = KERNEL.get(mode, mode)
    return resample.entry(input, sizes, kernel, bool(align_corners), scales, antialias)


@public(
    "nn.functional.upsample(any input, any size=None, any scale_factor=None, "
    "any mode='nearest', any align_corners=None)"
)
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The former name of `interpolate`.

    >>> F.upsample(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    warnings.warn("F.upsample is deprecated: use F.interpolate instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


@public("nn.functional.upsample_nearest(any input, any size=None, any scale_factor=None)")
def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode nearest.

    >>> F.upsample_nearest(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    warnings.warn("F.upsample_nearest is deprecated: use F.interpolate instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, "nearest")


@public("nn.functional.upsample_bilinear(any input, any size=None, any scale_factor=None)")
def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode bilinear and align_corners.

    >>> F.upsample_bilinear(torch.ones(1, 1, 2, 2), scale_factor=2).shape
    torch.Size([1, 1, 4, 4])
    """
    warnings.warn("F.upsample_bilinear is deprecated: use F.interpolate instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


# ------------------------------------------------------------------------------------- grids


def _check_grid(input: Tensor, grid: Tensor, mode: str) -> None:
    shape, points = list(input.shape), list(grid.shape)
    nothing = 0 in shape[:2] or 0 in points[1:-1]
    if input.dtype is not grid.dtype and not nothing:
        raise RuntimeError(
            f"grid_sample: expected input and grid to have the same dtype, but got {input.dtype} "
            f"and {grid.dtype}"
        )
    if not shape or not points:
        raise IndexError(
            "grid_sample: Dimension specified as 0 but tensor has no dimensions: input has shape"
            f" {shape}, grid {points}"
        )
    if shape[0] != points[0]:
        raise RuntimeError(
            "grid_sample: expected grid and input to have same batch size, but got input with "
            f"sizes {shape} and grid with sizes {points}"
        )
    if len(shape) not in (4, 5) or len(points) != len(shape):
        raise RuntimeError(
            "grid_sample: expected 4D or 5D input and grid with same number of dimensions, but got "
            f"input with sizes {shape} and grid with sizes {points}"
        )
    if points[-1] != len(shape) - 2:
        raise RuntimeError(
            f"grid_sample: expected grid to have size {len(shape) - 2} in last dimension, but got "
            f"grid with sizes {points}"
        )
    if 0 in shape[2:]:
        raise RuntimeError(
            "grid_sample: expected input to have non-empty spatial dimensions, but input has sizes "
            f"{shape}"
        )
    if mode == "bicubic" and len(shape) != 4:
        raise RuntimeError("grid_sample: bicubic interpolation only supports 4D input")
    if input.dtype.category != 2 and not nothing:
        raise NotImplementedError(f'"grid_sample" not implemented for {input.dtype}')


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    """x folded back into [low, high]."""
    if low == high:
        return x * 0
    x, span = x - low, high - low
    x = where(x < 0, -x, x)
    flips = (x.detach() / span).floor()
    inside = x - flips * span
    return where(flips % 2 == 0, inside + low, (span + low) - inside)


def _padded(x: Tensor, n: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Coordinates brought into the image as the padding mode says."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0, n - 1) if align_corners else _reflected(x, -0.5, n - 0.5)
    # not clamp: its derivative at the borders themselves is 1, here it is 0
    x = where(x > 0, x, x.new_zeros(()))
    return where(x < n - 1, x, x.new_full((), n - 1))


def _flat(at: list[Tensor], spatial: tuple[int, ...]) -> Tensor:
    """Whole-numbered coordinates as flat positions in an image; past its end if outside."""
    size = math.prod(spatial)
    each = [grid_index.entry(c, n, pitch, size) for c, n, pitch in zip(at, spatial, steps(spatial))]
    return functools.reduce(operator.add, each)


def _cubic_weights(t: Tensor) -> list[Tensor]:
    """Keys's kernel with a = -0.75 at distances 1 + t, t, 1 - t, 2 - t."""
    a = -0.75

    def near(d: Tensor) -> Tensor:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


@public(
    "nn.functional.grid_sample(Tensor input, Tensor grid, str mode='bilinear', "
    "str padding_mode='zeros', bool? align_corners=None)"
)
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """input read at the points of grid, which are in [-1, 1] from border to border.

    input: (N, C, H, W) or (N, C, D, H, W); grid: (N, *out, 2) or (N, *out, 3), the last dimension
    being (x, y) or (x, y, z). mode: bilinear, nearest, or bicubic (4D). padding_mode: zeros, border
    or reflection. align_corners: -1 and 1 are the centres of the corner elements.

    >>> F.grid_sample(torch.tensor([[[[1., 3.]]]]), torch.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.]]]])
    """
    check_tensor("grid_sample", input)
    check_tensor("grid_sample", grid, "grid")
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    _check_grid(input, grid, mode)
    corners = _default_corners("grid_sample", align_corners)
    dtype = input.dtype
    spatial = tuple(input.shape)[2:]
    rank = len(spatial)
    coordinates = []
    for i, n in enumerate(spatial):
        c = grid.select(-1, rank - 1 - i) + 1
        c = c * ((n - 1) / 2) if corners else c * (n / 2) - 0.5
        coordinates.append(_padded(c, n, padding_mode, corners) if mode != "bicubic" else c)
    if mode == "nearest":
        out = read_points.entry(
            input, _flat([round_half.entry(c.detach()) for c in coordinates], spatial)
        )
        if grid.requires_grad:  # a gradient of zeros, as PyTorch's
            near = where(grid.abs() <= 1, grid, grid.new_zeros(()))
            out = out + (near.sum(-1) * 0).unsqueeze(1)
        return out.to(dtype)
    lows = [c.detach().floor() for c in coordinates]
    fractions = [c - low for c, low in zip(coordinates, lows)]
    if mode == "bilinear":
        weights, first = [[1 - t, t] for t in fractions], 0
    else:
        weights, first = [_cubic_weights(t) for t in fractions], -1
    if dtype.itemsize == 2:  # where to read, and the weights, have half precision, as PyTorch's
        input, lows = input.to(dtypes.float32), [low.to(dtypes.float32) for low in lows]
        weights = [[w.to(dtypes.float32) for w in ws] for ws in weights]
    taps = range(first, first + len(weights[0]))
    reads = []
    for low, n, pitch in zip(lows, spatial, steps(spatial)):
        at = [low + k if k else low for k in taps]
        if mode == "bicubic":
            at = [_padded(c, n, padding_mode, corners) for c in at]
        reads.append([grid_index.entry(c, n, pitch, math.prod(spatial)) for c in at])
    out = None
    for chosen in itertools.product(range(len(taps)), repeat=rank):
        index = functools.reduce(operator.add, [r[k] for r, k in zip(reads, chosen)])
        weight = math.prod(w[k] for w, k in zip(weights, chosen))
        term = read_points.entry(input, index) * weight.unsqueeze(1)
        out = term if out is None else out + term
    return out.to(dtype)


def _default_corners(name: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            f"{name}: align_corners is False where it is not given; say align_corners=True for the "
            "behaviour before PyTorch 1.3.",
            stacklevel=3,
        )
        return False
    return bool(align_corners)


@public("nn.functional.affine_grid(Tensor theta, int[] size, bool? align_corners=None)")
def affine_grid(theta, size, align_corners=None):
    """The grid for `grid_sample` that an affine map of the image gives.

    theta: (N, 2, 3) or (N, 3, 4); size: the (N, C, *spatial) to be sampled. Gives (N, *spatial, 2)
    or (N, *spatial, 3).

    >>> F.affine_grid(torch.eye(2, 3)[None], (1, 1, 1, 2), align_corners=True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    check_tensor("affine_grid", theta, "theta")
    size = [s.__index__() for s in size]
    if theta.dtype.category != 2:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta._a.ndim != 3 or tuple(theta.shape)[1:] != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size "
            f"{size}. Got {tuple(theta.shape)}."
        )
    corners = _default_corners("affine_grid", align_corners)
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if size[0] != theta.shape[0]:
        raise RuntimeError(
            f"affine_grid: theta is a batch of {theta.shape[0]} and size asks for {size[0]}"
        )
    points = theta.new_ones((*size[2:], rank + 1))
    for i, n in enumerate(size[2:]):
        line = _line(theta, n, corners).reshape(-1, *(1,) * (rank - 1 - i))
        points.select(-1, rank - 1 - i).copy_(line.expand(size[2:]))
    flat = points.reshape(1, -1, rank + 1).expand(size[0], -1, -1)
    return flat.matmul(theta.transpose(1, 2)).reshape(size[0], *size[2:], rank)


def _line(like: Tensor, n: int, align_corners: bool) -> Tensor:
    """n coordinates from -1 to 1: of the ends themselves, or of the middles of n cells."""
    from ..creation.spaced import linspace

    if n == 1:
        return like.new_zeros((1,))
    line = linspace(-1, 1, n, dtype=like.dtype, device=like.device)
    return line if align_corners else line * (n - 1) / n
