"""Transforms of images that are tensors (..., C, H, W): colours, geometry, filters.

Arguments have been checked and completed by `functional.py`, which chooses between these and the
functions of the same names for Pillow's images in `_functional_pil.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...api import functions as T
from ...api.interop import from_numpy
from ...base.dtypes import dtype as Dtype
from ...base.dtypes import float32, float64, int32, int64, uint8
from ...engine.tensor import Tensor
from ...nn import functional as F

Fill = float | Sequence[float] | None
LARGEST = {"uint8": 255, "int8": 127, "int16": 32767, "uint16": 65535, "int32": 2**31 - 1,
           "int64": 2**63 - 1}  # fmt: skip


def largest(dtype: Dtype) -> int:
    """The value of white in an image of this dtype; 1 for floating point."""
    return LARGEST.get(str(dtype).removeprefix("torch."), 1)


def check_image(img: Any) -> None:
    if not isinstance(img, Tensor) or img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def check_channels(img: Tensor, *permitted: int) -> None:
    if (c := get_dimensions(img)[0]) not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {permitted}, got {c}")


def get_dimensions(img: Tensor) -> list[int]:
    check_image(img)
    return [1 if img.ndim == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]


def get_image_size(img: Tensor) -> list[int]:
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Tensor) -> int:
    return get_dimensions(img)[0]


def convert_image_dtype(image: Tensor, dtype: Dtype = float32) -> Tensor:
    if image.dtype == dtype:
        return image
    top, new_top = largest(image.dtype), largest(dtype)
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if image.dtype == float32 and dtype in (int32, int64) or dtype == int64:
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        return image.mul(new_top + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / top
    if top > new_top:
        return T.div(image, (top + 1) // (new_top + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((new_top + 1) // (top + 1))


def hflip(img: Tensor) -> Tensor:
    check_image(img)
    return img.flip(-1)


def vflip(img: Tensor) -> Tensor:
    check_image(img)
    return img.flip(-2)


def crop(img: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    _, h, w = get_dimensions(img)
    right, bottom = left + width, top + height
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left < 0 or top < 0 or right > w or bottom > h:
        lacking = [max(-left + min(0, right), 0), max(right - max(w, left), 0),
                   max(-top + min(0, bottom), 0), max(bottom - max(h, top), 0)]  # fmt: skip
        return F.pad(inside, lacking)
    return inside


# Colours. `blend` clamps to the range of the dtype, as all of these do.


def blend(img: Tensor, other: Tensor, ratio: float) -> Tensor:
    ratio = float(ratio)  # a whole number would keep uint8, and overflow
    mixed = ratio * img + (1.0 - ratio) * other
    return mixed.clamp(0, largest(img.dtype)).to(img.dtype)


def rgb_to_grayscale(img: Tensor, num_output_channels: int = 1) -> Tensor:
    if img.ndim < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.ndim}"
        )
    check_channels(img, 1, 3)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img
    if img.shape[-3] == 3:
        r, g, b = img.unbind(dim=-3)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    if num_output_channels == 3:
        return grey.expand(*img.shape[:-3], 3, *img.shape[-2:]).clone()
    return grey.clone() if grey is img else grey


def adjust_brightness(img: Tensor, brightness_factor: float) -> Tensor:
    check_factor("brightness_factor", brightness_factor)
    check_channels(img, 1, 3)
    return blend(img, T.zeros_like(img), brightness_factor)


def adjust_contrast(img: Tensor, contrast_factor: float) -> Tensor:
    check_factor("contrast_factor", contrast_factor)
    check_channels(img, 1, 3)
    dtype = img.dtype if img.is_floating_point() else float32
    grey = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    return blend(img, grey.to(dtype).mean(dim=(-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Tensor, saturation_factor: float) -> Tensor:
    check_factor("saturation_factor", saturation_factor)
    check_channels(img, 1, 3)
    if get_dimensions(img)[0] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def adjust_hue(img: Tensor, hue_factor: float) -> Tensor:
    check_channels(img, 1, 3)
    if get_dimensions(img)[0] == 1:
        return img
    h, s, v = rgb_to_hsv(convert_image_dtype(img, float32)).unbind(dim=-3)
    shifted = (h + hue_factor) % 1.0
    return convert_image_dtype(hsv_to_rgb(T.stack((shifted, s, v), dim=-3)), img.dtype)


def rgb_to_hsv(img: Tensor) -> Tensor:
    r, g, b = img.unbind(dim=-3)
    highest, lowest = img.amax(dim=-3), img.amin(dim=-3)
    grey = highest == lowest
    spread = highest - lowest
    one = T.ones_like(highest)
    saturation = spread / T.where(grey, one, highest)
    divisor = T.where(grey, one, spread)
    rc, gc, bc = ((highest - c) / divisor for c in (r, g, b))
    is_r = highest == r
    is_g = ~is_r & (highest == g)
    is_b = ~is_r & (highest != g)
    hue = is_r * (bc - gc) + is_g * (2.0 + rc - bc) + is_b * (4.0 + gc - rc)
    return T.stack((T.fmod(hue / 6.0 + 1.0, 1.0), saturation, highest), dim=-3)


def hsv_to_rgb(img: Tensor) -> Tensor:
    h, s, v = img.unbind(dim=-3)
    sector = T.floor(h * 6.0)
    f = h * 6.0 - sector
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    index = sector.to(int64) % 6
    channels = [(v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q)]
    pick = index.unsqueeze(0)
    return T.stack([T.stack(c).gather(0, pick).squeeze(0) for c in channels], dim=-3)


def adjust_gamma(img: Tensor, gamma: float, gain: float = 1) -> Tensor:
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    real = img if img.is_floating_point() else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * real**gamma).clamp(0, 1), img.dtype)


def invert(img: Tensor) -> Tensor:
    check_channels(img, 1, 3)
    return largest(img.dtype) - img


def posterize(img: Tensor, bits: int) -> Tensor:
    check_channels(img, 1, 3)
    if img.is_floating_point():
        levels = 1 << bits
        return (img * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    check_levels(img)
    return img & (256 - 2 ** (8 - bits))


def check_levels(img: Tensor) -> None:
    if img.dtype != uint8:
        raise TypeError(
            f"Only floating point and torch.uint8 images are supported, but found {img.dtype}"
        )


def solarize(img: Tensor, threshold: float) -> Tensor:
    check_channels(img, 1, 3)
    if threshold > largest(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return T.where(img >= threshold, invert(img), img)


def autocontrast(img: Tensor) -> Tensor:
    check_channels(img, 1, 3)
    bound = largest(img.dtype)
    dtype = img.dtype if img.is_floating_point() else float32
    low = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    high = img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    flat = high == low
    scale = T.where(flat, T.ones_like(low), bound / T.where(flat, T.ones_like(low), high - low))
    low = T.where(flat, T.zeros_like(low), low)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


def equalize(img: Tensor) -> Tensor:
    check_channels(img, 1, 3)
    if img.is_floating_point():
        return convert_image_dtype(equalize(convert_image_dtype(img, uint8)), img.dtype)
    check_levels(img)
    planes = img.numpy().reshape(-1, img.shape[-2] * img.shape[-1])
    return from_numpy(np.stack([equalized(p) for p in planes]).reshape(tuple(img.shape)))


def equalized(plane: np.ndarray) -> np.ndarray:
    """A plane of uint8 values whose cumulative histogram is as straight as Pillow makes it."""
    histogram = np.bincount(plane, minlength=256)
    used = histogram[histogram != 0]
    step = int(used[:-1].sum()) // 255
    if step == 0:
        return plane
    table = (np.cumsum(histogram) + step // 2) // step
    return np.concatenate([[0], table])[:-1].clip(0, 255).astype(np.uint8)[plane]


def adjust_sharpness(img: Tensor, sharpness_factor: float) -> Tensor:
    check_factor("sharpness_factor", sharpness_factor)
    check_channels(img, 1, 3)
    if min(img.shape[-2:]) <= 2:
        return img
    return blend(img, smoothed(img), sharpness_factor)


def smoothed(img: Tensor) -> Tensor:
    """img under a 3 x 3 smoothing filter, with the border as it was."""
    dtype = img.dtype if img.is_floating_point() else float32
    kernel = T.ones((3, 3), dtype=dtype)
    kernel[1, 1] = 5.0
    kernel = (kernel / kernel.sum()).expand(img.shape[-3], 1, 3, 3)
    inside = apply_as(dtype, lambda x: F.conv2d(x, kernel, groups=x.shape[-3]), img)
    result = img.clone()
    result[..., 1:-1, 1:-1] = inside
    return result


def apply_as(dtype: Dtype, f: Callable[[Tensor], Tensor], img: Tensor) -> Tensor:
    """f of the images as one batch (N, C, H, W) of dtype, in the shape and dtype of img again."""
    batch = img.reshape(-1, *img.shape[-3:]) if img.ndim > 2 else img[None, None]
    out = f(batch.to(dtype))
    out = out.reshape(*img.shape[:-3], *out.shape[-3:]) if img.ndim > 2 else out[0, 0]
    if out.dtype == img.dtype:
        return out
    return (out if img.is_floating_point() else out.round()).to(img.dtype)


# Filters and geometry


def gaussian_kernel(size: int, sigma: float, dtype: Dtype) -> Tensor:
    half = (size - 1) * 0.5
    bell = T.exp(-0.5 * (T.linspace(-half, half, size, dtype=dtype) / sigma) ** 2)
    return bell / bell.sum()


def gaussian_blur(img: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Tensor:
    check_image(img)
    dtype = img.dtype if img.is_floating_point() else float32
    (kx, ky), (sx, sy) = kernel_size, sigma
    kernel = gaussian_kernel(ky, sy, dtype)[:, None] * gaussian_kernel(kx, sx, dtype)[None]
    edges = [kx // 2, kx // 2, ky // 2, ky // 2]

    def blur(x: Tensor) -> Tensor:
        c = x.shape[-3]
        return F.conv2d(F.pad(x, edges, mode="reflect"), kernel.expand(c, 1, ky, kx), groups=c)

    return apply_as(dtype, blur, img)


def pad(
    img: Tensor, padding: Sequence[int], fill: Any = 0, padding_mode: str = "constant"
) -> Tensor:
    check_image(img)
    left, top, right, bottom = padding
    if padding_mode == "constant":
        if not isinstance(fill, (int, float)) and fill is not None:
            if len(fill) != 1 and len(fill) != img.shape[-3]:
                raise TypeError("Got inappropriate fill arg")
            padded = F.pad(img, [left, right, top, bottom])
            inside = F.pad(T.ones(img.shape[-2:], dtype=uint8), [left, right, top, bottom]) != 0
            colour = T.tensor(fill, dtype=img.dtype).reshape(-1, 1, 1)
            return T.where(inside, padded, colour.expand(padded.shape))
        return F.pad(img, [left, right, top, bottom], value=fill or 0)
    h, w = img.shape[-2:]
    rows = from_numpy(mirrored(h, top, bottom, padding_mode))
    columns = from_numpy(mirrored(w, left, right, padding_mode))
    return img[..., rows[:, None], columns]


def mirrored(size: int, before: int, after: int, padding_mode: str) -> np.ndarray:
    """For each position of a padded side the position of the image that is shown there."""
    at = np.arange(-before, size + after)
    if padding_mode == "edge":
        return at.clip(0, size - 1)
    if padding_mode == "reflect":
        if max(before, after) >= size:
            raise RuntimeError(
                f"pad: a padding of {max(before, after)} with padding_mode='reflect' needs a side "
                f"longer than that, got {size}"
            )
        at = np.abs(at)
        return np.where(at >= size, 2 * size - 2 - at, at)
    at = at % (2 * size)
    return np.where(at >= size, 2 * size - 1 - at, at)


def resize(
    img: Tensor, size: Sequence[int], interpolation: str = "bilinear", antialias: bool | None = True
) -> Tensor:
    check_image(img)
    smooth = interpolation in ("bilinear", "bicubic")
    if not smooth and interpolation not in ("nearest", "nearest-exact"):
        raise ValueError(
            f"This interpolation mode is unsupported with Tensor input: {interpolation!r}; use "
            "nearest, nearest-exact, bilinear or bicubic, or an image of Pillow"
        )
    dtype = img.dtype if img.dtype in (float32, float64) else float32
    more: dict[str, Any] = dict(align_corners=False, antialias=bool(antialias)) if smooth else {}

    def change(x: Tensor) -> Tensor:
        out = F.interpolate(x, size=list(size), mode=interpolation, **more)
        return out.clamp(0, 255) if interpolation == "bicubic" and img.dtype == uint8 else out

    return apply_as(dtype, change, img)


def affine_grid(
    matrix: Sequence[float], size: Sequence[int], out_size: Sequence[int], dtype: Dtype
) -> Tensor:
    """Where affine's and rotate's outputs (H, W) look in an image, in the units of grid_sample."""
    (h, w), (oh, ow) = size, out_size
    x = T.linspace(-ow * 0.5 + 0.5, ow * 0.5 - 0.5, ow, dtype=dtype)
    y = T.linspace(-oh * 0.5 + 0.5, oh * 0.5 - 0.5, oh, dtype=dtype)
    base = T.stack([x.expand(oh, ow), y[:, None].expand(oh, ow), T.ones(oh, ow, dtype=dtype)], -1)
    theta = T.tensor(matrix, dtype=dtype).reshape(2, 3).T / T.tensor(
        [w * 0.5, h * 0.5], dtype=dtype
    )
    return (base.reshape(oh * ow, 3) @ theta).reshape(1, oh, ow, 2)


def sample(img: Tensor, grid: Tensor, mode: str, fill: Fill) -> Tensor:
    """img read at the positions of grid (1, H, W, 2); what lies outside of it becomes fill."""
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")
    channels = get_dimensions(img)[0]
    colours = None if fill is None else [fill] if isinstance(fill, (int, float)) else list(fill)
    if colours is not None and len(colours) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of "
            f"channels of the image ({len(colours)} != {channels})"
        )

    def read(x: Tensor) -> Tensor:
        where = grid.expand(x.shape[0], *grid.shape[1:]).to(x.dtype)
        out = F.grid_sample(x, where, mode=mode, padding_mode="zeros", align_corners=False)
        if colours is None:
            return out
        inside = F.grid_sample(T.ones_like(x[:, :1]), where, mode=mode, padding_mode="zeros",
                               align_corners=False)  # fmt: skip
        colour = T.tensor(colours, dtype=x.dtype).reshape(1, -1, 1, 1)
        if mode == "nearest":
            return T.where(inside < 0.5, colour.expand(out.shape), out)
        return out * inside + (1.0 - inside) * colour

    return apply_as(img.dtype if img.is_floating_point() else float32, read, img)


def real_dtype(img: Tensor) -> Dtype:
    return img.dtype if img.is_floating_point() else float32


def affine(
    img: Tensor, matrix: Sequence[float], interpolation: str = "nearest", fill: Fill = None
) -> Tensor:
    check_image(img)
    size = img.shape[-2:]
    return sample(img, affine_grid(matrix, size, size, real_dtype(img)), interpolation, fill)


def expanded_size(matrix: Sequence[float], width: int, height: int) -> tuple[int, int]:
    """Width and height of an image that holds all of one that has been turned by matrix."""
    corners = np.array([[-width, -height], [-width, height], [width, height], [width, -height]])
    turn = np.array(matrix, np.float32).reshape(2, 3)
    moved = (corners * np.float32(0.5)) @ turn[:, :2].T + turn[:, 2]
    middle = np.array([width, height], np.float32) * np.float32(0.5)
    # cut at the fourth digit, or rounding errors would add a pixel
    cut = lambda x: np.trunc((x + middle).astype(np.float32) / np.float32(1e-4)) * np.float32(1e-4)
    size = np.ceil(cut(moved.max(0))) - np.floor(cut(moved.min(0)))
    return int(size[0]), int(size[1])


def rotate(
    img: Tensor,
    matrix: Sequence[float],
    interpolation: str = "nearest",
    expand: bool = False,
    fill: Fill = None,
) -> Tensor:
    _, h, w = get_dimensions(img)
    ow, oh = expanded_size(matrix, w, h) if expand else (w, h)
    return sample(img, affine_grid(matrix, (h, w), (oh, ow), real_dtype(img)), interpolation, fill)


def perspective(
    img: Tensor, coeffs: Sequence[float], interpolation: str = "bilinear", fill: Fill = None
) -> Tensor:
    _, h, w = get_dimensions(img)
    dtype = real_dtype(img)
    x = T.linspace(0.5, w - 0.5, w, dtype=dtype)
    y = T.linspace(0.5, h - 0.5, h, dtype=dtype)[:, None]
    a, b, c, d, e, f, g, i = coeffs
    below = g * x + i * y + 1.0
    grid = T.stack(
        [(a * x + b * y + c) / (0.5 * w * below), (d * x + e * y + f) / (0.5 * h * below)], -1
    )
    return sample(img, (grid - 1.0).unsqueeze(0), interpolation, fill)


def elastic_transform(
    img: Tensor, displacement: Tensor, interpolation: str = "bilinear", fill: Fill = None
) -> Tensor:
    size = get_dimensions(img)[1:]
    axes = [T.linspace((1 - s) / s, (s - 1) / s, s) for s in size]
    identity = T.stack(list(reversed(T.meshgrid(*axes, indexing="ij"))), -1).unsqueeze(0)
    return sample(img, identity + displacement, interpolation, fill)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    check_image(img)
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    check_image(tensor)
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tuple(tensor.shape)}"
        )
    centre, spread = (T.as_tensor(x, dtype=tensor.dtype, device=tensor.device) for x in (mean, std))
    if bool((spread == 0).any()):
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to "
                         "division by zero.")  # fmt: skip
    centre, spread = (x.view(-1, 1, 1) if x.ndim == 1 else x for x in (centre, spread))
    # in place, which also refuses a mean of three numbers for a picture of one channel
    return (tensor if inplace else tensor.clone()).sub_(centre).div_(spread)
