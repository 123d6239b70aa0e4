"""Quantized and back: numbers rounded to the steps of integers, with gradients as if they were not
(within the range of the integers). Quantized tensors themselves are not here.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from ...base import dtypes
from ...declare.registry import public
from ...engine.kinds import elementwise
from ...engine.op import op
from ...engine.tensor import Tensor

SINGLE = Struct("f")  # PyTorch's steps are float32 numbers


def _steps(xp: Any, x: Any, inverse: Any, zero_point: Any, whole: bool) -> Any:
    """Which integer each element becomes, before the range is looked at. whole: zero points are
    integers, which are added after rounding.
    """
    x = x * inverse
    return xp.round(x) + zero_point if whole else xp.round(x + zero_point)


def _value(
    xp: Any, x: Any, scale: Any, inverse: Any, zero_point: Any, low: int, high: int, whole: bool
) -> Any:
    q = xp.fmin(xp.fmax(_steps(xp, x, inverse, zero_point, whole), low), high)
    return (q - zero_point) * scale


def _gradient(
    xp: Any, g: Any, x: Any, inverse: Any, zero_point: Any, low: int, high: int, whole: bool
) -> Any:
    q = _steps(xp, x, inverse, zero_point, whole)
    return xp.keep(g, xp.logical_and(xp.ge(q, low), xp.le(q, high)))


def _by_numbers(name: str, node: str) -> Any:
    """An op whose scale and zero point are numbers."""

    @op(elementwise, types="any", name=name, node=f"{node}Backward0")
    def fake_quantize(xp, x, scale=1.0, inverse=1.0, zero_point=0, low=0, high=255):
        """Elements as the integers that stand for them say."""
        return _value(xp, x, scale, inverse, zero_point, low, high, True)

    return fake_quantize.vjp(
        x=lambda xp, g, x, inverse, zero_point, low, high: _gradient(
            xp, g, x, inverse, zero_point, low, high, True
        )
    )


fake_quantize_numbers = _by_numbers("fake_quantize_numbers", "FakeQuantizePerTensorAffineCachemask")
fake_quantize_tensors = _by_numbers(
    "fake_quantize_tensors", "FakeQuantizePerTensorAffineCachemaskTensorQparams"
)


@op(elementwise, node="FakeQuantizePerChannelAffineCachemaskBackward0")
def fake_quantize_channels(xp, x, scale, inverse, zero_point, low=0, high=255, whole=True):
    """Elements as the integers say, by arrays that broadcast with x."""
    return _value(xp, x, scale, inverse, zero_point, low, high, whole)


fake_quantize_channels.vjp(
    x=lambda xp, g, x, inverse, zero_point, low, high, whole: _gradient(
        xp, g, x, inverse, zero_point, low, high, whole
    )
)


def _checked(name: str, input: Tensor, quant_min: int, quant_max: int) -> None:
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f'"{name}" not implemented for {input.dtype}: it takes floating point tensors'
        )
    if quant_min > quant_max:
        raise RuntimeError(f"{name}: quant_min ({quant_min}) exceeds quant_max ({quant_max})")


@public(
    "fake_quantize_per_tensor_affine(Tensor input, float scale, int zero_point, int quant_min, "
    "int quant_max)",
    "fake_quantize_per_tensor_affine(Tensor input, Tensor scale, Tensor zero_point, "
    "int quant_min, int quant_max)",
    method=False,
)
def fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max):
    """input as it is after it was rounded to integers from quant_min to quant_max and back.

    input (*): floating point. scale: the size of a step, a number or of shape (1,). zero_point:
    the integer that stands for zero, a number or of shape (1,). quant_min, quant_max: the range of
    integers; gradients pass where the integer is in it.

    RuntimeError where quant_min exceeds quant_max or zero_point is not between them.

    >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.06, 0.97, -1.]), 0.1, 0, 0, 255)
    tensor([0.1000, 1.0000, 0.0000])
    """
    name = "fake_quantize_per_tensor_affine"
    _checked(name, input, quant_min, quant_max)
    entry, step, zero = fake_quantize_numbers.entry, scale, zero_point
    if isinstance(scale, Tensor):
        entry, step, zero = fake_quantize_tensors.entry, scale.item(), int(zero_point.item())
    step = SINGLE.unpack(SINGLE.pack(step))[0]
    if not quant_min <= zero <= quant_max:
        raise RuntimeError(f"{name}: zero_point must be between quant_min and quant_max")
    inverse = SINGLE.unpack(SINGLE.pack(1 / step))[0] if step else float("inf")
    return entry(input, step, inverse, zero, quant_min, quant_max)


@public(
    "fake_quantize_per_channel_affine(Tensor input, Tensor scale, Tensor zero_point, int axis, "
    "int quant_min, int quant_max)",
    method=False,
)
def fake_quantize_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max):
    """fake_quantize_per_tensor_affine with a scale and a zero point for each channel.

    input (*, C, *): floating point. scale (C): float32. zero_point (C): int32, float32 or float16;
    those that are not integers are added before rounding. axis: the dimension of the channels.
    quant_min, quant_max: the range of integers.

    RuntimeError for sizes or dtypes that do not fit, and for zero points out of the range;
    IndexError where there is no dimension axis.

    >>> steps = torch.tensor([0.1, 0.5])
    >>> zeros = torch.zeros(2, dtype=torch.int32)
    >>> torch.fake_quantize_per_channel_affine(torch.tensor([[0.26], [0.7]]), steps, zeros, 0, 0, 9)
    tensor([[0.3000],
            [0.5000]])
    """
    name = "fake_quantize_per_channel_affine"
    _checked(name, input, quant_min, quant_max)
    if scale.dtype not in (dtypes.float32, dtypes.bfloat16):
        raise RuntimeError(f"{name}: scale must be float32 or bfloat16, found {scale.dtype}")
    if zero_point.dtype not in (dtypes.int32, dtypes.float32, dtypes.float16):
        raise RuntimeError(
            f"{name}: zero_point must be int32, float32 or float16, found {zero_point.dtype}"
        )
    if scale.ndim != 1 or scale.shape != zero_point.shape:
        raise RuntimeError(
            f"{name}: scale and zero_point should have one dimension and the same size, got"
            f" {list(scale.shape)} and {list(zero_point.shape)}"
        )
    size = input.size(axis)
    if axis < 0:
        raise RuntimeError(f"{name}: axis must be between 0 and the number of dimensions of input")
    if scale.shape[0] != size:
        raise RuntimeError(
            f"{name}: there are {size} channels along axis {axis}, but {scale.shape[0]} scales"
        )
    whole = not zero_point.dtype.is_floating_point
    if whole and not bool(((zero_point >= quant_min) & (zero_point <= quant_max)).all()):
        raise RuntimeError(f"{name}: zero_point must be between quant_min and quant_max")
    fits = (size, *(1,) * (input.ndim - 1 - axis))
    scale, zero = [a.detach().float().reshape(fits) for a in (scale, zero_point)]
    out = fake_quantize_channels.entry(
        input, scale, scale.reciprocal(), zero, quant_min, quant_max, whole
    )
    return out if out.dtype is input.dtype else out.to(input.dtype)
