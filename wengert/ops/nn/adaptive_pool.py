"""Pooling over a given number of windows: adaptive, and at pseudo-random places (fractional).

Sliding windows are in `pool.py`, the kernels in `arrays/pool.py`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.kinds import linear, opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..random.rand import uniform_beside
from ..reduce.sum import mean, mean_op
from ..shape.unfold import check_tensor, kinds, per_dimension
from .pool import check_floating, one_more_lead, one_more_lead_with_positions

Ints = tuple[int, ...]


# ------------------------------------------------------------------------------------- the ops


@primitive(opaque, outputs="out indices", integer="indices", channels_last=(4,))
def adaptive_max_pool(xp, x, size=()):
    """Maximum of each of size windows that cover x (*lead, *spatial), and its position."""


@primitive(opaque, outputs="out indices", integer="indices")
def fractional_max_pool(xp, x, samples, kernel=(), size=()):
    """Maximum of windows of x that begin at places set by samples, and its position."""


@primitive(linear, node="AdaptiveAvgPoolBackward0", channels_last=(4,))
def adaptive_avg_pool(xp, x, size=()):
    """Mean of each of size windows that cover x (*lead, *spatial)."""


@primitive(linear, channels_last=(4,))
def adaptive_avg_pool_input(xp, y, spatial=()):
    """The adjoint of adaptive_avg_pool."""


adaptive_max_pool.vjp(
    x=lambda xp, g_out, indices, x_shape, size: xp.pool_scatter(
        g_out, indices, tuple(x_shape)[-len(size) :]
    )
)
fractional_max_pool.vjp(
    x=lambda xp, g_out, indices, x_shape, size: xp.pool_scatter(
        g_out, indices, tuple(x_shape)[-len(size) :]
    )
)


def _adaptive_avg_pool(xp: Any, g: Any, x_shape: Any, size: Any) -> Any:
    n = len(size)
    if 0 in g.shape[1:]:
        raise RuntimeError(
            f"adaptive_avg_pool{n}d: there is no gradient of a result without channels or elements,"
            f" which has shape {list(g.shape)}"
        )
    return xp.adaptive_avg_pool_input(g, tuple(x_shape)[-n:])


adaptive_avg_pool.vjp(x=_adaptive_avg_pool)
adaptive_avg_pool_input.vjp(
    y=lambda xp, g, y_shape, spatial: xp.adaptive_avg_pool(g, tuple(y_shape)[-len(spatial) :])
)


for _op in (adaptive_max_pool, adaptive_avg_pool, adaptive_avg_pool_input):
    one_more_lead(_op)
one_more_lead_with_positions(fractional_max_pool)


# ------------------------------------------------------------------------------------- adaptive


def _adaptive_size(name: str, input: Any, output_size: Any, rank: int) -> Ints:
    check_tensor(name, input)
    given = tuple(output_size) if isinstance(output_size, list) else output_size
    sizes = _sizes(name, tuple(input._a.shape), given, rank, kinds(given))
    check_floating(name, input)
    return sizes


@lru_cache(maxsize=512)
def _sizes(name: str, shape: Ints, output_size: Any, rank: int, kinds: Any) -> Ints:
    """The sizes of an adaptive pool, checked against the input's shape."""
    if len(shape) < rank + 1:
        listed = rank > 1 and isinstance(output_size, tuple)
        raise (ValueError if listed else RuntimeError)(
            f"{name}: Input dimension should be at least {rank + 1}, got shape {list(shape)}"
        )
    if len(shape) > rank + 2 or 0 in shape[1:][-rank:]:
        raise RuntimeError(
            f"{name}: Expected {rank + 1}D or {rank + 2}D tensor with non-zero spatial dimensions, "
            f"but got {list(shape)}"
        )
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * rank
    if given and isinstance(given[0], bool):
        raise TypeError(f"{name}(): argument 'output_size' must be int or tuple of ints, not bool")
    if len(given) != rank:
        raise RuntimeError(f"{name}: output_size must be {rank} ints, got {list(given)}")
    try:
        sizes = tuple(n if s is None else s.__index__() for s, n in zip(given, shape[-rank:]))
    except AttributeError:
        raise TypeError(f"{name}(): output_size must be ints, not {output_size!r}") from None
    if min(sizes) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{list(sizes)}"
        )
    return sizes


def _line(op: Any, kind: str, rank: int, **more: Any) -> Any:
    """The line of an adaptive pool without indices: the size given as an int or a tuple."""
    return line(
        op,
        floating=True,
        using={"sizes": _sizes, "kinds": kinds},
        let={
            "size": f"sizes('adaptive_{kind}_pool{rank}d', a0.shape, output_size, {rank}, "
            "kinds(output_size))"
        },
        **more,
    )


def _one_window(rank: int) -> Any:
    """The line of an average over everything, which is a mean."""
    one = (1,) * rank
    number = "type_(output_size) is int and output_size == 1"  # a bool equals it too
    ints = " is ".join([f"type_(output_size[{i}])" for i in range(rank)]) + " is int"
    places = tuple(range(-rank, 0))
    return line(
        mean_op,
        floating=True,
        given=f"({number} or output_size == {one} and {ints})",
        when=f"{rank} < a0.ndim < {rank + 3} and 0 not in a0.shape",
        dim=places,
        keepdim=True,
    )


def _max_line(rank: int) -> Any:
    given = "output_size is not None and not return_indices"
    when = "0 not in a0.shape[1:]"
    return _line(adaptive_max_pool, "max", rank, given=given, when=when, only=1)


@public(
    "adaptive_avg_pool1d(Tensor input, int[1] output_size)",
    method=False,
    aliases=("nn.functional.adaptive_avg_pool1d",),
    lines=((_one_window(1), _line(adaptive_avg_pool, "avg", 1)),),
)
def adaptive_avg_pool1d(input, output_size):
    """Mean of output_size windows that cover input (N, C, L) or (C, L).

    >>> F.adaptive_avg_pool1d(torch.arange(4.).reshape(1, 4), 2)
    tensor([[0.5000, 2.5000]])
    """
    return _adaptive_avg(1, input, output_size)


@public(
    "nn.functional.adaptive_avg_pool2d(Tensor input, any output_size)",
    lines=((_one_window(2), _line(adaptive_avg_pool, "avg", 2)),),
)
def adaptive_avg_pool2d(input, output_size):
    """Mean of the windows, output_size of them, that cover input (N, C, H, W) or (C, H, W).

    output_size: an int or a pair; None keeps a dimension.

    >>> F.adaptive_avg_pool2d(torch.arange(4.).reshape(1, 2, 2), 1)
    tensor([[[1.5000]]])
    """
    return _adaptive_avg(2, input, output_size)


@public(
    "nn.functional.adaptive_avg_pool3d(Tensor input, any output_size)",
    lines=((_one_window(3), _line(adaptive_avg_pool, "avg", 3, when="0 not in a0.shape[1:]")),),
)
def adaptive_avg_pool3d(input, output_size):
    """Mean of the windows, output_size of them, that cover input (N, C, D, H, W) or (C, D, H, W).

    output_size: an int or a triple; None keeps a dimension.

    >>> F.adaptive_avg_pool3d(torch.arange(8.).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return _adaptive_avg(3, input, output_size)


def _adaptive_avg(rank: int, input: Any, output_size: Any) -> Any:
    name, given = f"adaptive_avg_pool{rank}d", output_size
    one = given == 1 if isinstance(given, int) else given is not None and set(given) == {1}
    if one and isinstance(input, Tensor):
        shape = tuple(input.shape)
        many = len(shape) > rank + 2
        if len(shape) > rank and (
            many and rank > 1 or not many and (0 in shape or not input.dtype.is_floating_point)
        ):  # one window: of anything
            return mean(input, tuple(range(-rank, 0)), True)
    if rank == 3:
        _not_empty(name, input)
    shape = tuple(input._a.shape) if isinstance(input, Tensor) else (1,)
    if rank < 3 and not one and not shape[0] and not input.dtype.is_inexact:
        pair = tuple(given) if isinstance(given, list) else given
        return input.new_empty((*shape[:-rank], *_sizes(name, shape, pair, rank, kinds(pair))))
    return adaptive_avg_pool.entry(input, _adaptive_size(name, input, output_size, rank))


def _not_empty(name: str, input: Any) -> None:
    """RuntimeError if a dimension other than the first is empty."""
    if 0 in input._a.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input"
            f" has sizes {list(input._a.shape)}"
        )


def _adaptive_max(rank: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    if output_size is None:
        raise TypeError(
            f"adaptive_max_pool{rank}d(): argument 'output_size' (position 2) must be tuple of"
            " ints, not NoneType"
        )
    size = _adaptive_size(f"adaptive_max_pool{rank}d", input, output_size, rank)
    _not_empty(f"adaptive_max_pool{rank}d", input)
    out, indices = adaptive_max_pool.entry(input, size)
    return (out, indices) if return_indices else out


@public(
    "nn.functional.adaptive_max_pool1d(Tensor input, any output_size, "
    "bool|any return_indices=False)",
    lines=(_max_line(1),),
)
def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maximum of output_size windows that cover input (N, C, L) or (C, L).

    >>> F.adaptive_max_pool1d(torch.arange(4.).reshape(1, 4), 2)
    tensor([[1., 3.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


@public(
    "nn.functional.adaptive_max_pool2d(Tensor input, any output_size, "
    "bool|any return_indices=False)",
    lines=(_max_line(2),),
)
def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maximum of the windows, output_size of them, that cover input (N, C, H, W) or (C, H, W).

    >>> F.adaptive_max_pool2d(torch.arange(4.).reshape(1, 2, 2), 1)
    tensor([[[3.]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


@public(
    "nn.functional.adaptive_max_pool3d(Tensor input, any output_size, "
    "bool|any return_indices=False)",
    lines=(_max_line(3),),
)
def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maximum of output_size windows that cover input (N, C, D, H, W) or (C, D, H, W).

    >>> F.adaptive_max_pool3d(torch.arange(8.).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return _adaptive_max(3, input, output_size, return_indices)


def _adaptive_with_indices(rank: int) -> None:
    def indexed(input, output_size, return_indices=True):
        return _adaptive_max(rank, input, output_size, True)

    name = f"adaptive_max_pool{rank}d"
    indexed.__doc__ = f"(maximum of adaptive windows, positions); see torch.nn.functional.{name}."
    both = "bool|any return_indices=False) -> (Tensor, Tensor)"
    text = f"nn.functional.{name}_with_indices(Tensor input, any output_size, {both}"
    declare(indexed, (text,))
    if rank == 1:
        text = f"{name}(Tensor input, int[1] output_size) -> (Tensor, Tensor)"
        declare(indexed, (text,), method=False)


for _rank in (1, 2, 3):
    _adaptive_with_indices(_rank)


# ------------------------------------------------------------------------------------- fractional


def _fractional(
    rank: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Tensor | None,
) -> Any:
    name = f"fractional_max_pool{rank}d"
    check_tensor(name, input)
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    shape = input._a.shape
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[1:]:
        raise RuntimeError(
            f"{name}: Expected {rank + 1}D or {rank + 2}D tensor with non-zero dimensions besides "
            f"the batch, but got {list(shape)}"
        )
    check_floating(name, input)
    kernel = per_dimension(name, "kernel_size", kernel_size, rank)
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * rank
        if len(ratios) != rank or not all([0 < r < 1 for r in ratios]):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio}")
        size = tuple([int(n * r) for n, r in zip(shape[-rank:], ratios)])
    else:
        size = per_dimension(name, "output_size", output_size, rank)
    for n, k, o in zip(shape[-rank:], kernel, size):
        if o < 1 or k < 1 or o + k - 1 > n:
            raise RuntimeError(
                f"{name}: pool size {kernel} too large relative to input size {shape[-rank:]} for "
                f"output size {size}"
            )
    if samples is None:
        lead = shape[:-rank] if len(shape) == rank + 2 else (1, *shape[:-rank])
        samples = uniform_beside(input, (*lead, rank))
    lead = shape[:-rank]
    if len(lead) == 1 and samples.dim() == 3:  # no batch: the first sample's windows
        samples = samples[0]
    if samples._a.shape != (*lead, rank):
        samples = samples.reshape(*lead, rank)
    out, indices = fractional_max_pool.entry(input, samples, kernel, size)
    return (out, indices) if return_indices else out


@public(
    "nn.functional.fractional_max_pool2d(Tensor input, any kernel_size, any output_size=None, "
    "any output_ratio=None, bool|any return_indices=False, Tensor? _random_samples=None)"
)
def fractional_max_pool2d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maximum of windows of kernel_size that begin at pseudo-random places.

    input: (N, C, H, W) or (C, H, W). output_size, or output_ratio of the input's size. ValueError
    if neither is given.

    >>> F.fractional_max_pool2d(torch.ones(1, 5, 5), 2, 3).shape
    torch.Size([1, 3, 3])
    """
    arguments = (output_size, output_ratio, return_indices, _random_samples)
    return _fractional(2, input, kernel_size, *arguments)


@public(
    "nn.functional.fractional_max_pool3d(Tensor input, any kernel_size, any output_size=None, "
    "any output_ratio=None, bool|any return_indices=False, Tensor? _random_samples=None)"
)
def fractional_max_pool3d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maximum of windows of kernel_size that begin at pseudo-random places.

    input: (N, C, D, H, W) or (C, D, H, W). output_size, or output_ratio of the input's size.
    ValueError if neither is given.

    >>> F.fractional_max_pool3d(torch.ones(1, 5, 5, 5), 2, 3).shape
    torch.Size([1, 3, 3, 3])
    """
    arguments = (output_size, output_ratio, return_indices, _random_samples)
    return _fractional(3, input, kernel_size, *arguments)


def _fractional_with_indices(rank: int) -> None:
    def indexed(
        input,
        kernel_size,
        output_size=None,
        output_ratio=None,
        return_indices=True,
        _random_samples=None,
    ):
        arguments = (output_size, output_ratio, True, _random_samples)
        return _fractional(rank, input, kernel_size, *arguments)

    name = f"fractional_max_pool{rank}d"
    indexed.__doc__ = f"(maximum of fractional windows, positions); see torch.nn.functional.{name}."
    text = (
        f"nn.functional.{name}_with_indices(Tensor input, any kernel_size, any output_size=None, "
        "any output_ratio=None, bool|any return_indices=False, Tensor? _random_samples=None)"
        " -> (Tensor, Tensor)"
    )
    declare(indexed, (text,))


for _rank in (2, 3):
    _fractional_with_indices(_rank)
