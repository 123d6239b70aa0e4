"""Box-Muller over blocks of sixteen, rounded the way PyTorch rounds.

What lives here: the transform from uniforms to normals that `torch.randn` applies to sixteen and
more contiguous elements. The first eight numbers of a block give radii, the last eight angles; the
eight cosines come out first, the eight sines second. Which uniforms go in, and everything about
generators, is in `random_stream.py`.

PyTorch's float32 kernel uses the Cephes single precision logarithm and sine with fused
multiply-adds. NumPy has no fused multiply-add, but the product of two float32 numbers is exact in
float64, so `float64(a) * b + c` rounded once to float32 is the fused result (short of a tie
that appears only after the float64 rounding, about once in 2**28). Every place where float32
rounding alone is exact stays in float32. The result agrees with PyTorch bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy import multiply, sqrt, subtract

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["blocks32", "blocks64"]

_f32 = np.float32

# Elements per pass: the dozen work arrays of a pass stay in the second level cache.
_PASS = 32768


def _single(value: float) -> NDArray[np.float32]:
    """A float32 constant as a 0-d array: ufuncs take those faster than scalars."""
    return np.array(value, np.float32)


def _widened(value: float) -> NDArray[np.float64]:
    """A float32 constant, held in float64."""
    return np.array(_f32(value), np.float64)


def _integer(value: int) -> NDArray[np.int32]:
    return np.array(value, np.int32)


def _pair(cosine: float, sine: float) -> NDArray[np.float64]:
    """Coefficients of the cosine and the sine polynomial, as a column."""
    return np.array([[_f32(cosine)], [_f32(sine)]], np.float64)


LOG = [
    _widened(c)
    for c in (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )
]  # fmt: skip
LN2_LOW, LN2_HIGH = _single(-2.12194440e-4), _single(0.693359375)
FOUR_OVER_PI = _single(1.27323954473516)
# pi/4 in three parts; the products of the first two with 0, 2, 4, 6, 8 are exact in float32.
PI4_A, PI4_B = _single(0.78515625), _single(2.4187564849853515625e-4)
PI4_C = _widened(3.77489497744594108e-8)
TRIG_0 = _pair(2.443315711809948e-5, -1.9515295891e-4)
TRIG_1 = _pair(-1.388731625493765e-3, 8.3321608736e-3)
TRIG_2 = _pair(4.166664568298827e-2, -1.6666654611e-1)
TWO_PI = _single(2 * np.pi)
_ONE, _HALF, _MINUS_TWO = _single(1.0), _single(0.5), _single(-2.0)
_I1, _I2, _I4, _I29, _I30, _I31 = (_integer(v) for v in (1, 2, 4, 29, 30, 31))
_EVEN, _MANTISSA_BITS = _integer(-2), _integer(23)
_SQRT_HALF_BITS = _integer(0x3F3504F3)


def _radius(u: NDArray[np.float32]) -> NDArray[np.float32]:
    """sqrt(-2 log(1 - u)) for u of shape (blocks, 8); flat."""
    n = u.size
    x = np.empty(n, np.float32)
    y, z = np.empty_like(x), np.empty_like(x)
    wide, acc = np.empty(n), np.empty(n)

    # 1 - u = 2**e * (1 + x) with 1 + x in [sqrt(1/2), sqrt(2)), by the bits of the float.
    subtract(_ONE, u, x.reshape(-1, 8))
    bits = x.view(np.int32)
    exponent = bits - _SQRT_HALF_BITS
    exponent >>= _MANTISSA_BITS
    bits -= exponent << _MANTISSA_BITS
    e = exponent.astype(np.float32)
    x -= _ONE

    multiply(x, x, z)
    wide[...] = x
    multiply(wide, LOG[0], acc)
    acc += LOG[1]
    y[...] = acc
    for c in LOG[2:]:
        acc[...] = y
        acc *= wide
        acc += c
        y[...] = acc
    y *= x
    acc[...] = y
    wide[...] = z
    acc *= wide
    multiply(e, LN2_LOW, y)
    wide[...] = y
    acc += wide
    y[...] = acc
    z *= _HALF
    y -= z
    e *= LN2_HIGH
    x += y
    x += e
    x *= _MINUS_TWO
    return sqrt(x, x)


def _cos_sin(u: NDArray[np.float32]) -> NDArray[np.float32]:
    """cos(2 pi u) and sin(2 pi u) for u of shape (blocks, 8); shape (2, u.size)."""
    x = (u * TWO_PI).reshape(-1)
    n = x.size
    y, z = np.empty_like(x), np.empty_like(x)
    wide, square = np.empty(n), np.empty(n)

    # x - octant * pi/4 lies in [-pi/4, pi/4]; octant is 0, 2, 4, 6 or 8.
    multiply(x, FOUR_OVER_PI, y)
    octant = y.astype(np.int32)
    octant += _I1
    octant &= _EVEN
    y[...] = octant
    multiply(y, PI4_A, z)
    x -= z
    multiply(y, PI4_B, z)
    x -= z
    square[...] = y
    square *= PI4_C
    wide[...] = x
    wide -= square
    x[...] = wide
    wide[...] = x

    # Both polynomials together: row 0 the cosine's, row 1 the sine's.
    multiply(x, x, z)
    square[...] = z
    both = np.empty((2, n), np.float32)
    acc = square * TRIG_0
    acc += TRIG_1
    both[...] = acc
    acc[...] = both
    acc *= square
    acc += TRIG_2
    both[...] = acc
    both *= z
    acc[...] = both
    acc[0] *= square
    acc[1] *= wide
    square *= 0.5
    acc[0] -= square
    acc[1] += wide
    both[...] = acc
    both[0] += _ONE

    # Quadrants: exchange the two where bit 1 of the octant is set, then set the signs.
    cos_bits, sin_bits = both.view(np.int32)
    change = octant << _I30
    change >>= _I31
    change &= cos_bits ^ sin_bits
    cos_bits ^= change
    sin_bits ^= change
    sign = octant & _I4
    sign <<= _I29
    sin_bits ^= sign
    octant += _I2
    octant &= _I4
    octant <<= _I29
    cos_bits ^= octant
    return both


def blocks32(u: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard normals from float32 uniforms in [0, 1).

    Args:
        u: flat array; its length must be a multiple of 16.

    Example:
        >>> blocks32(np.zeros(16, np.float32)).shape
        (16,)
    """
    blocks = u.reshape(-1, 2, 8)
    out = np.empty_like(blocks)
    for start in range(0, len(blocks), _PASS // 16):
        part = blocks[start : start + _PASS // 16]
        target = out[start : start + _PASS // 16]
        radius = _radius(part[:, 0]).reshape(-1, 8)
        cos, sin = _cos_sin(part[:, 1]).reshape(2, -1, 8)
        multiply(radius, cos, target[:, 0])
        multiply(radius, sin, target[:, 1])
    return out.reshape(-1)


def blocks64(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normals from float64 uniforms in [0, 1); PyTorch's to the last place.

    Args:
        u: flat array; its length must be a multiple of 16.

    Example:
        >>> blocks64(np.zeros(16)).shape
        (16,)
    """
    blocks = u.reshape(-1, 2, 8)
    out = np.empty_like(blocks)
    radius = sqrt(-2.0 * np.log(1.0 - blocks[:, 0]))
    angle = blocks[:, 1] * (2 * np.pi)
    multiply(radius, np.cos(angle), out[:, 0])
    multiply(radius, np.sin(angle), out[:, 1])
    return out.reshape(-1)
