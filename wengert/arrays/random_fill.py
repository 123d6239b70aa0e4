"""Random numbers in arrays: whose stream, in which order of the elements.

What lives here: the default stream of each device, and the filling of arrays of any library and any
strides. What does not: the numbers themselves (`random_stream.py`, `rejection_sampling.py`).

Every device draws on the CPU and copies, but for what a namespace can `draw`. CUDA's generators
have PyTorch's numbers on CUDA
(`philox_stream.py`), all others those on the CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lookup import VALUES
from .numpy_direct import library
from .random_stream import DEFAULT_SEED, Stream

__all__ = [
    "chosen", "default_stream", "default_streams", "draw", "fill", "fresh", "new_stream", "normals",
    "overwritten", "plain_layout", "refill", "sampled", "seed_all", "with_parameters",
]  # fmt: skip

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
_defaults: dict[tuple[str, int], Stream] = {}
_seed_for_new: list[int] = []  # the last seed given to all, for devices that come later


def default_stream(device_type: str = "cpu", index: int = 0) -> Stream:
    """The stream of a device that is used where no generator is given.

    The CPU's starts from a seed of the operating system, others from PyTorch's constant.
    """
    key = (device_type, index)
    stream = _defaults.get(key)
    if stream is None:
        seed = _seed_for_new[0] if _seed_for_new else DEFAULT_SEED
        stream = _defaults[key] = new_stream(seed, device_type, index)
        if device_type == "cpu" and not _seed_for_new:
            stream.seed_freshly()
    return stream


def new_stream(seed: int, device_type: str, index: int | None = None) -> Stream:
    """A stream as a kind of device has it."""
    if device_type != "cuda":
        return Stream(seed)
    from .cuda import blocks_at_a_time  # only where such a device is used
    from .philox_stream import PhiloxStream

    return PhiloxStream(seed, blocks_at_a_time(index))


def default_streams() -> dict[tuple[str, int], Stream]:
    """The default streams in use so far, by type and index of their device."""
    return dict(_defaults)


def seed_all(seed: int) -> None:
    """Start every default stream again from a seed, also those of devices first used later."""
    _seed_for_new[:] = [seed]
    for stream in _defaults.values():
        stream.seed(seed)


def _memory_order(a: np.ndarray) -> tuple[int, ...]:
    """The dimensions of an array, the one with the largest steps in memory first."""
    if a.flags.c_contiguous:
        return tuple(range(a.ndim))
    return tuple(sorted(range(a.ndim), key=lambda d: -abs(a.strides[d])))


def fill(target: np.ndarray, values: np.ndarray) -> None:
    """Write values into an array of any strides, in the order of its memory.

    Args:
        target: the array to overwrite.
        values: as many values, contiguous, of any shape; cast to the target's dtype.

    Example:
        >>> a = np.zeros((2, 3)).T
        >>> fill(a, np.arange(6))
        >>> a.T.tolist()
        [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    if not target.flags.c_contiguous:
        target = target.transpose(_memory_order(target))
    target[...] = values.reshape(target.shape)


def draw(stream: Stream, kind: str, target: np.ndarray, args: tuple[Any, ...]) -> np.ndarray:
    """Random numbers for a target of NumPy, in the order of its memory.

    Args:
        stream: the source.
        kind: a distribution: a method of Stream.
        target: gives the shape, the dtype and the strides.
        args: the parameters of the distribution.
    """
    if kind == "bernoulli":
        return stream.bernoulli(target.shape, args[0], target.dtype)
    if kind == "dropout":
        return stream.dropout(target.shape, args[0], target.dtype)
    if kind == "bernoulli_each":
        each = args[0]
        if each.shape != target.shape:
            each = np.broadcast_to(each, target.shape)
        return stream.bernoulli_each(each.transpose(_memory_order(target)))
    if kind == "normal":
        whole = bool(target.flags.c_contiguous)
        mean, std = args or (0.0, 1.0)
        return stream.normal(target.shape, target.dtype, mean, std, contiguous=whole)
    return getattr(stream, kind)(target.shape, target.dtype, *args)


def plain_layout(a: Any) -> bool:
    """Whether an array is NumPy's and its elements follow each other in memory."""
    return type(a) is np.ndarray and a.flags.c_contiguous


def overwritten(a: Any, kind: str, x: float, y: float, stream: Stream | None = None) -> bool:
    """Overwrite an array with normal or uniform numbers by a kernel, if that can be done."""
    if not plain_layout(a) or (a.dtype is not F32 and a.dtype is not F64):
        return False
    if stream is None:
        stream = default_stream()
    return stream.fill_normal(a, x, y) if kind == "normal" else stream.fill_uniform(a, x, y)


def refill(xp: Any, target: Any, stream: Stream, kind: str, args: tuple[Any, ...]) -> None:
    """Overwrite an array of the namespace xp with random numbers."""
    if type(target) is np.ndarray:
        if kind == "normal" or kind == "uniform":
            x, y = args or (0.0, 1.0)
            if overwritten(target, kind, x, y, stream):
                return
        fill(target, draw(stream, kind, target, args))
    else:
        xp.copy_into(target, fresh(xp, target, stream, kind, args))


SHAPED = frozenset(("bernoulli", "dropout"))  # draw() gives new arrays of the target's shape


def fresh(
    xp: Any, like: Any, stream: Stream, kind: str, args: tuple[Any, ...], dtype: Any = None
) -> Any:
    """A new array of the namespace xp, laid out like another one, with random numbers."""
    if type(like) is np.ndarray:  # what is expanded gets memory in the order of its dimensions
        if kind in SHAPED and dtype is None and like.flags.c_contiguous:
            values = draw(stream, kind, like, args)
            return values if values.dtype == like.dtype else values.astype(like.dtype)
        host = library.empty_like(like, dtype, "C" if 0 in like.strides else "K")
    elif not xp.has(VALUES):
        return xp.empty(tuple(like.shape), like.dtype if dtype is None else dtype)
    else:
        shape, d = tuple(like.shape), like.dtype if dtype is None else dtype
        if (found := xp.draw(like, stream, kind, shape, d, args)) is not None:
            return found
        host = np.empty(shape, d)
        args = tuple([_host(xp, a) if hasattr(a, "dtype") else a for a in args])
    fill(host, draw(stream, kind, host, args))
    return host if type(like) is np.ndarray else xp.asarray(host)


def normals(xp: Any, stream: Stream, mean: Any, std: Any, dtype: Any = None) -> Any:
    """Normal numbers for arrays (or one array and one number) that broadcast together.

    The result has the dtype given, or else that of the first array.
    """
    first = mean if hasattr(mean, "dtype") else std
    d = first.dtype if dtype is None else dtype
    means = _host(xp, mean) if hasattr(mean, "dtype") else float(mean)
    if hasattr(std, "dtype"):
        stds = _host(xp, std)
        out = stream.normal(np.broadcast_shapes(np.shape(means), stds.shape), d)
        np.multiply(out, stds, out, casting="same_kind")
    else:
        out = stream.normal(np.shape(means), d, 0.0, float(std))
    np.add(out, means, out, casting="same_kind")
    return out if type(first) is np.ndarray else xp.asarray(out)


def chosen(xp: Any, stream: Stream, weights: Any, samples: int, replacement: bool) -> Any:
    """Indices drawn with weights (classes) or (rows, classes)."""
    host = _host(xp, weights)
    out = stream.multinomial(np.atleast_2d(host), samples, replacement)
    out = out[0] if host.ndim == 1 else out
    return out if type(weights) is np.ndarray else xp.asarray(out)


def sampled(xp: Any, kind: str, stream: Stream, *arrays: Any) -> Any:
    """Numbers with parameter arrays, by a sampler of `rejection_sampling.py`."""
    from . import rejection_sampling as rejection

    return _through(xp, getattr(rejection, kind), (stream,), arrays)


def with_parameters(xp: Any, kind: str, *arrays: Any) -> Any:
    """A function of `rejection_sampling.py` of arrays alone."""
    from . import rejection_sampling as rejection

    return _through(xp, getattr(rejection, kind), (), arrays)


def _through(xp: Any, f: Any, first: tuple[Any, ...], arrays: tuple[Any, ...]) -> Any:
    host = np.broadcast_arrays(*(_host(xp, a) for a in arrays))
    out = f(*first, *host)
    return out if type(arrays[0]) is np.ndarray else xp.asarray(out)


def _host(xp: Any, a: Any) -> np.ndarray:
    return a if type(a) is np.ndarray else xp.to_host(a)
