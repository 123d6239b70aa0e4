"""torch.fft: discrete Fourier transforms in one and more dimensions, and their helpers.

Three linear ops (complex to complex, real to half complex, half complex to real) carry all forms.
Short-time transforms are in `stft.py`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ...base import dtypes
from ...declare.lines import Line, line
from ...declare.registry import function, public
from ...engine.kinds import linear
from ...engine.op import Op, primitive
from ...engine.op_modes import runner
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..index.indexing import getitem, put_basic
from ..linalg.matrix import check_tensor, leading
from ..shape.turns import roll_op

# ---- ops


@primitive(linear, node="FftC2CBackward0")
def fft_c2c(xp, x, dims=(-1,), forward=True, scale=1.0):
    """Complex transform along dims (counted from the end)."""


@primitive(linear, node="FftR2CBackward0")
def fft_r2c(xp, x, dims=(-1,), forward=True, scale=1.0):
    """Transform of a real array; the last of dims keeps half the frequencies."""


@primitive(linear, node="FftC2RBackward0")
def fft_c2r(xp, x, dims=(-1,), length=1, forward=False, scale=1.0):
    """Transform of half the frequencies to a real array."""


def _r2c(xp: Any, g: Any, x_shape: Any, dims: Any, forward: bool, scale: float) -> Any:
    d = dims[-1]
    missing = x_shape[d] - g.shape[d]
    if missing:  # the other half of the spectrum does not exist for the loss
        zeros = list(g.shape)
        zeros[d] = missing
        g = xp.cat(g, xp.zeros(tuple(zeros), g.dtype), dim=d + g.ndim)
    return xp.real(xp.fft_c2c(g, dims, not forward, scale))


def _c2r(xp: Any, g: Any, dims: Any, length: int, forward: bool, scale: float) -> Any:
    d = dims[-1]
    out = xp.fft_r2c(g, dims, not forward, scale)
    middle = (length - 1) // 2  # frequencies whose mirror image was left out count twice
    at = out.ndim + d
    parts = [
        xp.getitem(out, (slice(None),) * at + (s,))
        for s in (slice(0, 1), slice(1, 1 + middle), slice(1 + middle, None))
    ]
    return xp.cat(parts[0], parts[1] * 2, parts[2], dim=at)


fft_c2c.vjp(
    complex=True, x=lambda xp, g, dims, forward, scale: xp.fft_c2c(g, dims, not forward, scale)
)
fft_r2c.vjp(complex=True, x=_r2c)
fft_c2r.vjp(complex=True, x=_c2r)
for _op in (fft_c2c, fft_r2c, fft_c2r):
    leading(_op, 0)


# ---- arguments


def _floating(name: str, x: Any, real: bool = False) -> Tensor:
    """The input as float or complex of single or double precision."""
    check_tensor(name, x, "input")
    d = x.dtype
    if not d.is_inexact:
        return x.to(dtypes.get_default_dtype())
    if d.itemsize < 4:
        if runner(fft_c2c):  # a mode such as autocast
            return x.float()
        raise RuntimeError(
            f"Unsupported dtype {'Half' if d.name == 'float16' else 'BFloat16'}: convert it with "
            ".float()"
        )
    if real and d.is_complex:
        raise RuntimeError(
            f"{name} expects a real input tensor, but got "
            f"{'ComplexFloat' if d.itemsize == 8 else 'ComplexDouble'}"
        )
    return x


def _scale(name: str, norm: Any, n: int, forward: bool) -> float:
    """The factor of a normalisation mode."""
    if norm not in (None, "forward", "backward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1 / math.sqrt(n) if n else 1.0
    whole = (norm == "forward") == forward if norm is not None else not forward
    return 1 / n if whole and n else 1.0


def resized(x: Tensor, dim: int, n: int) -> Tensor:
    """x cut, or padded with zeros, to n along a dimension counted from the end."""
    have = x._a.shape[dim]
    if n == have:
        return x
    key = (Ellipsis, slice(0, min(n, have)), *[slice(None)] * (-1 - dim))
    if n < have:
        return getitem.entry(x, key)
    shape = list(x._a.shape)
    shape[dim] = n
    return put_basic.entry(x, tuple(shape), key)


def _length(name: str, n: Any, default: int) -> int:
    if n is None:
        n = default
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _one(name: str, x: Tensor, dim: int) -> int:
    return wrap_dim(dim, x._a.ndim, name) - max(x._a.ndim, 1)


def _many(
    name: str, x: Tensor, s: Any, dim: Any, half: bool = False
) -> tuple[list[int], list[int]]:
    """(dims counted from the end, sizes along them); half: the last size is of the real side, n ->
    2 (n - 1).
    """
    s = tuple(s) if type(s) is list else s
    return _counted(name, x._a.shape, s, tuple(dim) if type(dim) is list else dim, half)


@functools.lru_cache(256)
def _counted(
    name: str, shape: tuple[int, ...], s: Any, dim: Any, half: bool
) -> tuple[list[int], list[int]]:
    """_many() of a shape."""
    nd = len(shape)
    if isinstance(dim, int):
        dim = (dim,)
    if isinstance(s, int):
        s = (s,)
    if dim is not None:
        if dim and not nd:
            raise IndexError(
                f"{name}: Dimension specified as {dim[0]} but tensor has no dimensions"
            )
        dims = [wrap_dim(d, nd, name) - nd for d in dim]
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > nd:
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {nd} dimensions."
            )
        dims = list(range(-len(s), 0))
    else:
        dims = list(range(-nd, 0))
    sizes = [shape[d] if s is None or s[i] == -1 else s[i] for i, d in enumerate(dims)]
    if half and dims and (s is None or s[-1] == -1):
        sizes[-1] = 2 * (shape[dims[-1]] - 1)
    for n in sizes:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return dims, sizes


NORMS = frozenset((None, "forward", "backward", "ortho"))


@functools.lru_cache(256)
def along(shape: Any, n: Any, dim: int, norm: Any, forward: bool, half: bool) -> Any:
    """(dims, scale, length) of a transform along one dimension whose input needs no change;
    LookupError of any other. half: the input holds half of the frequencies.
    """
    d = range(len(shape))[dim] - len(shape)
    length = n
    if n is None:
        length = 2 * (shape[d] - 1) if half else shape[d]
    if length < 1 or (length // 2 + 1 if half else length) != shape[d] or norm not in NORMS:
        raise LookupError
    return (d,), _scale("fft", norm, length, forward), length


@functools.lru_cache(256)
def over(shape: Any, s: Any, dim: Any, norm: Any, forward: bool, half: bool) -> Any:
    """(dims, scale, length of the last) of a transform along several, as `along`."""
    nd = len(shape)
    dims = tuple([range(nd)[d] - nd for d in (range(nd) if dim is None else dim)])
    if s is not None or not dims or len(set(dims)) < len(dims) or norm not in NORMS:
        raise LookupError
    sizes = [shape[d] for d in dims]
    if half:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if min(sizes) < 1:
        raise LookupError
    return dims, _scale("fft", norm, math.prod(sizes), forward), sizes[-1]


COMPLEX = frozenset([d.np for d in dtypes.ALL if d.is_complex])
OF_REAL = "d is F32 or d is F64"
OF_COMPLEX = "d is C64 or d is C128"


def plain(o: Op, forward: bool, several: bool) -> Line:
    """The line of a transform by one op."""
    half = o is fft_c2r
    of_one = f"plan_fft(a0.shape, n, dim, norm, {forward}, {half})"
    of_many = f"plan_fft(a0.shape, s, dim and tuple(dim), norm, {forward}, {half})"
    more = {"length": "facts[2]"} if half else {}
    kinds = {fft_r2c: OF_REAL, fft_c2r: OF_COMPLEX}.get(o, f"{OF_REAL} or {OF_COMPLEX}")
    return line(
        o,
        when=kinds,
        facts=of_many if several else of_one,
        let={"dims": "facts[0]", "scale": "facts[1]", **more},
        using={"plan_fft": over if several else along},
        forward=forward,
    )


# ---- the transforms

ALONG = "fft.{}(Tensor input, int? n=None, int dim=-1, str? norm=None, *, out)"
PLANE = "fft.{}(Tensor input, int[1]? s=None, int[1] dim=[-2,-1], str? norm=None, *, out)"
SPACE = "fft.{}(Tensor input, int[1]? s=None, int[1]? dim=None, str? norm=None, *, out)"


def _c2c_1d(name: str, forward: bool, what: str) -> Any:
    def f(input, n=None, dim=-1, norm=None):
        x = _floating(name, input)
        d = _one(name, x, dim)
        if x._a.ndim == 0:
            raise_scalar(name)
        n = _length(name, n, x._a.shape[d])
        return fft_c2c.entry(resized(x, d, n), (d,), forward, _scale(name, norm, n, forward))

    f.__name__ = name
    f.__doc__ = (
        f"{what} transform along dim, of n points (input is cut or padded); norm "
        "'forward', 'backward' or 'ortho'."
    )
    return public(ALONG.format(name), lines=(plain(fft_c2c, forward, False),))(f)


def raise_scalar(name: str) -> None:
    raise IndexError(f"Dimension specified as -1 but tensor has no dimensions ({name})")


def _c2c_nd(name: str, forward: bool, two: bool, what: str) -> Any:
    default = (-2, -1) if two else None

    def f(input, s=None, dim=default, norm=None):
        x = _floating(name, input)
        dims, sizes = _many(name, x, s, dim)
        for d, n in zip(dims, sizes):
            x = resized(x, d, n)
        return fft_c2c.entry(x, tuple(dims), forward, _scale(name, norm, math.prod(sizes), forward))

    f.__name__ = name
    where = "two dimensions" if two else "dim (all by default)"
    f.__doc__ = f"{what} transform along {where}, of s points each."
    text = (PLANE if two else SPACE).format(name)
    return public(text, lines=(plain(fft_c2c, forward, True),))(f)


fft = _c2c_1d("fft", True, "Fourier")
ifft = _c2c_1d("ifft", False, "Inverse Fourier")
fft2 = _c2c_nd("fft2", True, True, "Fourier")
ifft2 = _c2c_nd("ifft2", False, True, "Inverse Fourier")
fftn = _c2c_nd("fftn", True, False, "Fourier")
ifftn = _c2c_nd("ifftn", False, False, "Inverse Fourier")


def _r2c_nd(
    name: str, x: Tensor, dims: list[int], sizes: list[int], norm: Any, forward: bool
) -> Tensor:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    for d, n in zip(dims, sizes):
        x = resized(x, d, n)
    return fft_r2c.entry(x, tuple(dims), forward, _scale(name, norm, math.prod(sizes), forward))


def _c2r_nd(
    name: str, x: Tensor, dims: list[int], sizes: list[int], norm: Any, forward: bool
) -> Tensor:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    if x._a.dtype not in COMPLEX:
        real = x.dtype if x.dtype.is_inexact else dtypes.get_default_dtype()
        x = x.to(real.to_complex())
    for d, n in zip(dims[:-1], sizes):
        x = resized(x, d, n)
    x = resized(x, dims[-1], sizes[-1] // 2 + 1)
    return fft_c2r.entry(
        x, tuple(dims), sizes[-1], forward, _scale(name, norm, math.prod(sizes), forward)
    )


def _real_1d(name: str, to_real: bool, forward: bool, what: str) -> Any:
    def f(input, n=None, dim=-1, norm=None):
        x = _floating(name, input, real=not to_real)
        d = _one(name, x, dim)
        if x._a.ndim == 0:
            raise_scalar(name)
        n = _length(name, n, 2 * (x._a.shape[d] - 1) if to_real else x._a.shape[d])
        return (_c2r_nd if to_real else _r2c_nd)(name, x, [d], [n], norm, forward)

    f.__name__ = name
    f.__doc__ = what
    o = fft_c2r if to_real else fft_r2c
    kinds = "real" if to_real else ""
    return public(ALONG.format(name), lines=(plain(o, forward, False),), out=kinds)(f)


def _real_nd(name: str, to_real: bool, forward: bool, two: bool, what: str) -> Any:
    default = (-2, -1) if two else None

    def f(input, s=None, dim=default, norm=None):
        x = _floating(name, input, real=not to_real)
        dims, sizes = _many(name, x, s, dim, half=to_real)
        return (_c2r_nd if to_real else _r2c_nd)(name, x, dims, sizes, norm, forward)

    f.__name__ = name
    f.__doc__ = what
    o = fft_c2r if to_real else fft_r2c
    text = (PLANE if two else SPACE).format(name)
    kinds = "real" if to_real else ""
    return public(text, lines=(plain(o, forward, True),), out=kinds)(f)


_HALF = "n // 2 + 1 frequencies along the last dimension"
rfft = _real_1d("rfft", False, True, f"Fourier transform of a real input: {_HALF}.")
irfft = _real_1d(
    "irfft",
    True,
    False,
    "Inverse of rfft: a real output of n points, 2 (input size - 1) by default.",
)
hfft = _real_1d(
    "hfft",
    True,
    True,
    "Fourier transform of a signal with Hermitian symmetry, given its first half: real.",
)
ihfft = _real_1d("ihfft", False, False, "Inverse of hfft.")
rfft2 = _real_nd(
    "rfft2", False, True, True, f"Fourier transform of a real input in two dimensions: {_HALF}."
)
irfft2 = _real_nd("irfft2", True, False, True, "Inverse of rfft2.")
hfft2 = _real_nd("hfft2", True, True, True, "hfft in two dimensions.")
ihfft2 = _real_nd("ihfft2", False, False, True, "Inverse of hfft2.")
rfftn = _real_nd(
    "rfftn",
    False,
    True,
    False,
    f"Fourier transform of a real input along dim (all by default): {_HALF}.",
)
irfftn = _real_nd("irfftn", True, False, False, "Inverse of rfftn.")
hfftn = _real_nd("hfftn", True, True, False, "hfft along dim (all by default).")
ihfftn = _real_nd("ihfftn", False, False, False, "Inverse of hfftn.")


# ---- frequencies, shifts


def _made(values: list[int], over: float, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if not dtype.is_inexact:
        raise RuntimeError(f"frequencies are of a floating point or complex dtype, not {dtype}")
    t = (function("tensor")(values, dtype=dtypes.float64, device=device) / over).to(dtype)
    return t.requires_grad_() if requires_grad else t


@public("fft.fftfreq(int n, float d=1.0, *, out, options)")
def fftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The n frequencies of fft for samples d apart: 0, 1, ..., -2, -1 over n d.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    if n < 0:
        raise RuntimeError(f"fftfreq(): Trying to create tensor with negative dimension {n}: [{n}]")
    return _made(
        [*range((n + 1) // 2), *range(-(n // 2), 0)],
        n * d,
        dtype,
        device,
        requires_grad,
    )


@public("fft.rfftfreq(int n, float d=1.0, *, out, options)")
def rfftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The int(n / 2) + 1 frequencies of rfft for samples d apart.

    >>> torch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    if int(n / 2) + 1 < 0:
        raise RuntimeError(f"rfftfreq(): n must not be negative, got {n}")
    return _made([*range(int(n / 2) + 1)], n * d, dtype, device, requires_grad)


def _shift(x: Tensor, dim: Any, name: str, sign: int) -> Tensor:
    nd = x._a.ndim
    shape, dims, shifts = x._a.shape, [], []
    if not nd and dim not in (None, (), []):
        raise IndexError(f"{name}: dim is {dim}, but the tensor has no dimensions")
    for d in range(nd) if dim is None else (dim,) if isinstance(dim, int) else dim:
        d = d if type(d) is int and 0 <= d < nd else wrap_dim(d, nd, name)
        dims.append(d)
        shifts.append(shape[d] // 2 if sign > 0 else (shape[d] + 1) // 2)
    if not shifts:
        raise RuntimeError(f"{name}: there is no dimension to shift along")
    return roll_op.entry(x, tuple(shifts), tuple(dims))


@public("fft.fftshift(Tensor input, int[1]? dim=None)")
def fftshift(input, dim=None):
    """The zero frequency moved from the front to the middle along dim (all by default).

    >>> torch.fft.fftshift(torch.arange(5))
    tensor([3, 4, 0, 1, 2])
    """
    return _shift(input, dim, "fftshift", 1)


@public("fft.ifftshift(Tensor input, int[1]? dim=None)")
def ifftshift(input, dim=None):
    """Inverse of fftshift.

    >>> torch.fft.ifftshift(torch.tensor([3, 4, 0, 1, 2]))
    tensor([0, 1, 2, 3, 4])
    """
    return _shift(input, dim, "ifftshift", -1)
