"""Words of Fourier transforms, and of complex arrays as pairs of reals. First argument: the
library.

Transforms are unnormalised sums times a scale; single precision stays single.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from .capabilities import ON_HOST
from .elementwise import C32, halves
from .scipy_extensions import extension

__all__ = ["fft_c2c", "fft_r2c", "fft_c2r", "join_parts", "parts_view", "complex_view"]


def transforms(lib: Any) -> Any:
    """The module of transforms that goes with a library."""
    if lib.__name__ == "cupy":
        import cupyx.scipy.fft

        return cupyx.scipy.fft
    import scipy.fft

    return scipy.fft


def _direct() -> Any:
    """The loops behind scipy.fft, which take a fraction of the way to them; None where this scipy
    has none that are called so.
    """
    try:
        loops = extension("fft", "_pocketfft", "pypocketfft")
        x = np.ones(4, np.float32)
        half = loops.r2c(x, (0,), True, 0, None, 1)
        back = loops.c2r(half, (0,), 4, False, 0, None, 1)
        whole = loops.c2c(x, (0,), True, 0, None, 1)
        fine = half[0] == whole[0] == 4 and not half[1:].any() and (back == 4).all()
        return loops if fine and half.dtype == whole.dtype == np.complex64 else None
    except (ImportError, AttributeError, TypeError, ValueError):
        return None


LOOPS: list[Any] = []  # what _direct() found
TAKEN = {np.dtype(t) for t in (np.float32, np.float64, np.complex64, np.complex128)}


def loops_for(lib: Any, x: Any) -> Any:
    """The loops that transform x, or None."""
    if lib not in ON_HOST or x.dtype not in TAKEN:
        return None
    if not LOOPS:
        LOOPS.append(_direct())
    return LOOPS[0]


def _scaled(x: Any, scale: float) -> Any:
    """x, which is nobody else's, times a number: the parts each, so that infinities and the signs
    of zeros stay.
    """
    if scale != 1:
        if x.flags.c_contiguous:
            parts = x.view(x.real.dtype)
            parts *= scale
        else:
            for part in (x.real, x.imag) if x.dtype.kind == "c" else (x,):
                part *= scale
    return x


def _settled(x: Any, dims: tuple[int, ...], sizes: Any, first: float, rest: float) -> Any:
    """The transform x of real numbers with the imaginary zeros it has where a frequency is its own
    opposite, at frequency 0 and elsewhere: they decide the sign of an angle of pi.
    """
    parts = x.imag
    for index in _own_opposites(x.ndim, dims, tuple(sizes)):
        parts[index], first = first, rest
    return x


@functools.lru_cache(256)
def _own_opposites(ndim: int, dims: tuple[int, ...], sizes: tuple[int, ...]) -> list[Any]:
    """The indices of the frequencies that are their own opposites, frequency 0 first."""
    found = []
    for place in itertools.product(*[(0,) if n % 2 else (0, n // 2) for n in sizes]):
        index: list[Any] = [slice(None)] * ndim
        for d, k in zip(dims, place):
            index[d] = k
        found.append(tuple(index))
    return found


def fft_c2c(
    lib: Any, x: Any, dims: tuple[int, ...] = (-1,), forward: bool = True, scale: float = 1.0
) -> Any:
    """Complex transform along dims (x may be real): exp(-2 pi i jk / n) if forward, the conjugate
    if not.
    """
    if x.dtype == C32:
        raise NotImplementedError("fft: complex32 is not transformed: convert with .cfloat()")
    if not x.size:
        return x.astype(np.result_type(x.dtype, np.complex64))
    if not dims:
        return _scaled(x.astype(np.result_type(x.dtype, np.complex64)), scale)
    if (loops := loops_for(lib, x)) is not None:
        out = loops.c2c(x, dims, forward, 0, None, 1)
    elif len(dims) == 1:  # the plain transform has half the overhead
        f = transforms(lib)
        out = f.fft(x, axis=dims[0]) if forward else f.ifft(x, axis=dims[0], norm="forward")
    else:
        f = transforms(lib)
        out = f.fftn(x, axes=dims) if forward else f.ifftn(x, axes=dims, norm="forward")
    out = _scaled(out, scale)
    if x.dtype.kind == "c":
        return out
    zero = 0.0 if forward or len(dims) > 1 else -0.0
    return _settled(out, dims, map(x.shape.__getitem__, dims), zero, zero)


def fft_r2c(
    lib: Any, x: Any, dims: tuple[int, ...] = (-1,), forward: bool = True, scale: float = 1.0
) -> Any:
    """Transform of a real array; the last of dims keeps n // 2 + 1 frequencies."""
    if not x.size:
        shape = list(x.shape)
        shape[dims[-1]] = shape[dims[-1]] // 2 + 1
        return lib.zeros(shape, np.result_type(x.dtype, np.complex64))
    if x.dtype.kind == "f" and (loops := loops_for(lib, x)) is not None:
        out = loops.r2c(x, dims, forward, 0, None, 1)
    else:
        f = transforms(lib)
        out = f.rfft(x, axis=dims[0]) if len(dims) == 1 else f.rfftn(x, axes=dims)
        out = out if forward else out.conj()
    out = _scaled(out, scale)
    if forward:
        return out
    rest = 0.0 if len(dims) > 1 else -0.0
    return _settled(out, dims, map(x.shape.__getitem__, dims), -0.0, rest)


def fft_c2r(
    lib: Any,
    x: Any,
    dims: tuple[int, ...] = (-1,),
    length: int = 1,
    forward: bool = False,
    scale: float = 1.0,
) -> Any:
    """Transform to a real array of `length` elements along the last of dims, given half of its
    frequencies.
    """
    if not x.size:
        shape = list(x.shape)
        shape[dims[-1]] = length
        return lib.zeros(shape, x.real.dtype)
    half = x.dtype.kind == "c" and x.shape[dims[-1]] == length // 2 + 1
    if half and (loops := loops_for(lib, x)) is not None:
        return _scaled(loops.c2r(x, dims, length, forward, 0, None, 1), scale)
    f = transforms(lib)
    x = x.conj() if forward else x
    if len(dims) > 1:
        x = f.ifftn(x, axes=dims[:-1], norm="forward")
    return _scaled(f.irfft(x, length, axis=dims[-1], norm="forward"), scale)


# ---- complex and pairs of reals


def join_parts(lib: Any, x: Any, y: Any) -> Any:
    """x + iy."""
    shape = x.shape
    if y.shape != shape:
        shape = np.broadcast_shapes(shape, y.shape)
    if x.dtype == np.float16:
        out = lib.empty((*shape, 2), x.dtype)
        out[..., 0], out[..., 1] = x, y
        return out.view(C32)[..., 0]
    out = lib.empty(shape, np.complex64 if x.dtype.itemsize <= 4 else np.complex128)
    out.real, out.imag = x, y
    return out


def parts_view(lib: Any, x: Any) -> Any:
    """Real and imaginary parts in a last dimension, over the same memory."""
    if x.dtype == C32:
        return halves(x)
    real = x.real  # a view with the steps of x
    step = real.dtype.itemsize
    return lib.lib.stride_tricks.as_strided(real, (*x.shape, 2), (*x.strides, step))


def complex_view(lib: Any, x: Any) -> Any:
    """Complex numbers of the pairs in the last dimension, over the same memory where their layout
    allows.
    """
    if x.strides[-1] != x.dtype.itemsize and x.size:
        x = lib.ascontiguousarray(x)
    d = C32 if x.dtype.itemsize == 2 else np.result_type(x.dtype, np.complex64)
    return lib.asarray(x.view(d)[..., 0])
