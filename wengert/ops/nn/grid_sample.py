"""Images and volumes read at the points of a grid, and grids that affine maps give.

What lives here: `grid_sample` as an op for images and one for volumes, with one backward word. Both
are written over reading and adding at given positions (`read_points`, `add_points`), so that all
derivatives exist; half precision is computed by these parts, which round one by one. What does not:
the kernels (`kernels/grid_sample.py`; of the parts `arrays/interpolate.py`).
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

from ...arrays.windows import steps
from ...base import dtypes
from ...base.advice import advise
from ...declare.registry import public
from ...engine.interp import run_op
from ...engine.kinds import composite, elementwise, movement, opaque
from ...engine.op import Op, op, primitive
from ...engine.tensor import Tensor
from ..shape.unfold import check_tensor

Ints = tuple[int, ...]


# ------------------------------------------------------------------------------------- the parts


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


# ------------------------------------------------------------------------------------- the ops


class Tap(NamedTuple):
    """What is read along a dimension: flat offsets, weights, and their slopes where wanted."""

    at: Any
    weight: Any
    slope: Any


def _brought(xp: Any, c: Any, n: int, padding: str, corners: bool) -> tuple[Any, Any]:
    """Coordinates brought into the image as the padding mode says, and the derivative of that."""
    slope, zero = xp.ones_like(c), xp.zeros_like(c)
    if padding == "reflection" and n == 1 and corners:
        c, slope = c * 0, zero
    elif padding == "reflection":
        low, span = (0, n - 1) if corners else (-0.5, n)
        c = c - low
        turned = xp.lt(c, 0)
        c, slope = xp.where(turned, -c, c), xp.where(turned, -slope, slope)
        flips = xp.floor(c / span)
        inside = c - flips * span
        even = xp.eq(flips - xp.floor(flips / 2) * 2, 0)
        c = xp.where(even, inside + low, (span + low) - inside)
        slope = xp.where(even, slope, -slope)
    # not clamp: its derivative at the borders themselves is 1, here it is 0
    above, below = xp.gt(c, 0), xp.lt(c, n - 1)
    c = xp.where(below, xp.where(above, c, zero), zero + (n - 1))
    return c, xp.where(below, xp.where(above, slope, zero), zero)


def _cubic(t: Any) -> list[Any]:
    """Keys's kernel with a = -0.75 at distances 1 + t, t, 1 - t, 2 - t."""
    a = -0.75

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic_slopes(t: Any) -> list[Any]:
    """The derivatives of _cubic's numbers."""
    a = -0.75

    def near(d: Any) -> Any:
        return (3 * (a + 2) * d - 2 * (a + 3)) * d

    def far(d: Any) -> Any:
        return (3 * a * d - 10 * a) * d + 8 * a

    return [far(t + 1), near(t), -near(1 - t), -far(2 - t)]


def _taps(
    xp: Any, c: Any, spatial: Ints, axis: int, mode: str, padding: str, corners: bool, slopes: bool
) -> list[Tap]:
    """What is read along a dimension at the grid's numbers c, which are from -1 to 1."""
    n, pitch, size = spatial[axis], steps(spatial)[axis], math.prod(spatial)
    scale = (n - 1) / 2 if corners else n / 2
    c = (c + 1) * scale if corners else (c + 1) * scale - 0.5
    own = None
    if mode != "bicubic" and padding != "zeros":
        c, own = _brought(xp, c, n, padding, corners)
    if mode == "nearest":
        return [Tap(xp.grid_index(xp.round(c), n, pitch, size), None, None)]
    low = xp.floor(c)
    t = c - low
    weights = [1 - t, t] if mode == "bilinear" else _cubic(t)
    if c.dtype.itemsize == 2:  # weights have half precision, what is done with them has not
        low, *weights = [xp.astype(a, dtypes.float32.np) for a in (low, *weights)]
    changes: list[Any] = [None] * len(weights)
    if slopes:
        one = xp.ones_like(t)
        changes = [-one, one] if mode == "bilinear" else _cubic_slopes(t)
        changes = [s * scale if own is None else s * (own * scale) for s in changes]
    taps = []
    for i, (weight, change) in enumerate(zip(weights, changes), -(len(weights) // 4)):
        at = low + i if i else low
        if mode == "bicubic" and padding != "zeros":
            at, _ = _brought(xp, at, n, padding, corners)
        taps.append(Tap(xp.grid_index(at, n, pitch, size), weight, change))
    return taps


def _read(
    xp: Any, x: Any, grid: Any, options: tuple[str, str, bool], slopes: bool
) -> list[tuple[Any, tuple[Tap, ...]]]:
    """The flat positions that are read for the points, and the taps along the dimensions."""
    spatial = tuple(x.shape)[2:]
    rank = len(spatial)
    along = [
        _taps(xp, xp.select(grid, rank + 1, rank - 1 - axis), spatial, axis, *options, slopes)
        for axis in range(rank)
    ]
    return [(sum([t.at for t in taps[1:]], taps[0].at), taps) for taps in itertools.product(*along)]


def sampled(xp, x, grid, mode="bilinear", padding="zeros", corners=False):
    """x (N, C, *spatial) at the points of grid (N, *out, rank)."""
    dtype = x.dtype
    if dtype.itemsize == 2 and mode != "nearest":
        x = xp.astype(x, dtypes.float32.np)
    out: Any = None
    for at, taps in _read(xp, x, grid, (mode, padding, corners), False):
        term = xp.read_points(x, at)
        if mode != "nearest":
            term = term * xp.unsqueeze(math.prod([t.weight for t in taps]), 1)
        out = term if out is None else out + term
    if dtype.itemsize == 2 and mode == "nearest":  # these parts do not know of grid
        rank = len(x.shape) - 2
        zero = xp.select(xp.keep(grid, xp.lt(grid, -math.inf)), rank + 1, 0)
        zero = xp.unsqueeze(zero, 1)
        out = xp.where(xp.eq(zero, 0), out, zero)
    return out if out.dtype == dtype else xp.astype(out, dtype)


@op(composite)
def grid_sampler_backward(
    xp, g, x, grid, mode="bilinear", padding="zeros", corners=False, needs=(True, True)
):
    """Gradients of x and of grid."""
    spatial = tuple(x.shape)[2:]
    gx, along = None, [0] * len(spatial)
    for at, taps in _read(xp, x, grid, (mode, padding, corners), needs[1]):
        weights = [t.weight for t in taps]
        if needs[0]:
            part = g if mode == "nearest" else g * xp.unsqueeze(math.prod(weights), 1)
            part = xp.add_points(part, at, spatial)
            gx = part if gx is None else gx + part
        if needs[1] and mode != "nearest":
            v = xp.sum(g * xp.read_points(x, at), 1)
            for axis, t in enumerate(taps):
                others = math.prod(weights[:axis] + weights[axis + 1 :])
                along[axis] = along[axis] + v * (t.slope * others)
    if not needs[1]:
        return gx, None
    if mode == "nearest":
        return gx, xp.keep(grid, xp.lt(grid, -math.inf))  # zeros that are recorded
    return gx, xp.stack(*along[::-1], dim=len(spatial) + 1)


def _batch(operation: Op) -> Any:
    """vmap: the batch joins the images."""

    def rule(xp: Any, size: int, flags: list[bool], x: Any, grid: Any, **static: Any) -> Any:
        x, grid = (_as_images(xp, size, a, f) for a, f in zip((x, grid), flags))
        out = run_op(operation, (x, grid), static)
        return xp.reshape(out, (size, -1, *tuple(out.shape)[1:]))

    return rule


def _backward(xp, g, x, grid, mode, padding, corners, needs):
    return xp.grid_sampler_backward(g, x, grid, mode, padding, corners, needs)


def _sampler(rank: int) -> Op:
    name = f"grid_sampler_{rank}d"
    made = op(opaque, name=name, node=f"GridSampler{rank}DBackward0")(sampled)
    made.vjp_all(_backward)
    return made.batch(_batch(made))


SAMPLERS = {4: _sampler(2), 5: _sampler(3)}  # by the dimensions of what is read
PARTS = op(composite, name="grid_sampler")(sampled)


# ------------------------------------------------------------------------------------- grid_sample


def _check_grid(input: Tensor, grid: Tensor, mode: str) -> None:
    x, p = input._a, grid._a
    if x.ndim == p.ndim in (4, 5 - (mode == "bicubic")) and x.dtype is p.dtype:
        fits = p.shape[-1] == x.ndim - 2 and x.shape[0] == p.shape[0] and 0 not in x.shape
        if fits and x.dtype.kind == "f":
            return
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
    if not input.dtype.is_floating_point and not nothing:
        raise NotImplementedError(f'"grid_sample" not implemented for {input.dtype}')


@public(
    "nn.functional.grid_sample(Tensor input, Tensor grid, str|any mode='bilinear', "
    "str|any padding_mode='zeros', bool? align_corners=None)",
    whole=True,
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
    if mode not in MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    _check_grid(input, grid, mode)
    corners = _default_corners("grid_sample", align_corners)
    run = PARTS if input._a.dtype.itemsize == 2 else SAMPLERS[input._a.ndim]
    return run.entry(input, grid, mode, padding_mode, corners)


MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


@public(
    "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
    "bool align_corners)",
    method=False,
    whole=True,
)
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sample` with its words as numbers.

    input, grid, align_corners: as there. interpolation_mode: 0 bilinear, 1 nearest, 2 bicubic.
    padding_mode: 0 zeros, 1 border, 2 reflection.

    >>> torch.grid_sampler(torch.tensor([[[[1., 3.]]]]), torch.zeros(1, 1, 1, 2), 0, 0, False)
    tensor([[[[2.]]]])
    """
    for name, n in (("interpolation_mode", interpolation_mode), ("padding_mode", padding_mode)):
        if n not in range(3):
            raise RuntimeError(f"grid_sampler(): {name} is 0, 1 or 2, got {n}")
    mode, padding = MODES[interpolation_mode], PADDINGS[padding_mode]
    return grid_sample(input, grid, mode, padding, align_corners)


@public(
    "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
    "bool align_corners)",
    method=False,
)
def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sampler` of images (N, C, H, W).

    input, grid, interpolation_mode, padding_mode, align_corners: as there.

    >>> torch.grid_sampler_2d(torch.tensor([[[[1., 3.]]]]), torch.zeros(1, 1, 1, 2), 1, 0, True)
    tensor([[[[1.]]]])
    """
    return _of_rank(2, input, grid, interpolation_mode, padding_mode, align_corners)


@public(
    "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
    "bool align_corners)",
    method=False,
)
def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sampler` of volumes (N, C, D, H, W).

    input, grid, interpolation_mode, padding_mode, align_corners: as there.

    >>> torch.grid_sampler_3d(torch.ones(1, 1, 1, 1, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, False)
    tensor([[[[[1.]]]]])
    """
    return _of_rank(3, input, grid, interpolation_mode, padding_mode, align_corners)


def _of_rank(rank: int, input: Tensor, *rest: Any) -> Any:
    if input._a.ndim != rank + 2:
        raise RuntimeError(
            f"grid_sampler_{rank}d(): expected {rank + 2}D input, but got {input._a.ndim}D"
        )
    return grid_sampler(input, *rest)


def _default_corners(name: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        advise(
            f"{name}: align_corners is False where it is not given; say align_corners=True for the "
            "behaviour before PyTorch 1.3.",
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
    if not theta.dtype.is_floating_point:
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


@public("affine_grid_generator(Tensor theta, int[] size, bool align_corners)", method=False)
def affine_grid_generator(theta, size, align_corners):
    """`nn.functional.affine_grid`, by the name of PyTorch's operator.

    theta, size, align_corners: as there.

    >>> torch.affine_grid_generator(torch.eye(2, 3)[None], (1, 1, 1, 2), True).shape
    torch.Size([1, 1, 2, 2])
    """
    return affine_grid(theta, size, align_corners)


def _line(like: Tensor, n: int, align_corners: bool) -> Tensor:
    """n coordinates from -1 to 1: of the ends themselves, or of the middles of n cells."""
    from ..creation.spaced import linspace

    if n == 1:
        return like.new_zeros((1,))
    line = linspace(-1, 1, n, dtype=like.dtype, device=like.device)
    return line if align_corners else line * (n - 1) / n
