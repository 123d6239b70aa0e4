"""Norms for GPUs, in the language of `gpu.py`: of layers, of groups of channels, of batches, and
their gradients.

A block takes a row, which is what is normalised (layers, groups), or a plane of one channel of one
sample. They are checked on the CPU thread by thread. None of them has run on a GPU. Which words use
them: `arrays/cuda_norms.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .gpu import Kernel, Threads
from .gpu_kernels import WIDTH, row
from .lanes import Param
from .values import Pointer, Value

__all__ = ["COLUMNS", "ROWS"]

Channel = Callable[[Value], Value]


def _normalise(
    f: Threads, n: Value, channel: Channel, eps: Value, x: Pointer, w: Pointer, b: Pointer,
    y: Pointer, mean: Pointer, rstd: Pointer,
) -> None:  # fmt: skip
    """The block's row of x, with mean 0 and variance 1. channel: of a column."""
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    m, rest, var = _moments(f, n, x)
    inverse = 1.0 / (var + eps).sqrt() + (var - var)  # nan where the variance overflowed

    def give(i: Value) -> None:
        c = channel(i)
        y.store(((x.load(i) - m - rest) * inverse).fma(w.load(c), b.load(c)), i)

    row(f, n, give)
    _keep(f, (mean, m), (rstd, inverse))


def _moments(f: Threads, n: Value, x: Pointer) -> tuple[Value, Value, Value]:
    """The mean of a row, what its rounding left of it, and the variance."""
    one = 1.0 / n.cast("sitofp", "float")
    (s,) = row(f, n, lambda i, s: [s + x.load(i)], [f.zero("float")])
    mean = f.total(s) * one

    def step(i: Value, s: Value, squares: Value) -> list[Value]:
        d = x.load(i) - mean
        return [s + d, d.fma(d, squares)]

    s, squares = row(f, n, step, [f.zero("float"), f.zero("float")])
    rest = f.total(s) * one
    return mean, rest, f.total(squares) * one - rest * rest


def _keep(f: Threads, *found: tuple[Pointer, Value]) -> None:
    """Store a number of each block."""

    def keep() -> None:
        for place, v in found:
            place.store(v, f.block_index)

    f.when(f.thread.equals(0), keep)


def _back(
    f: Threads, n: Value, channel: Channel, g: Pointer, x: Pointer, w: Pointer, mean: Pointer,
    rstd: Pointer, out: Pointer,
) -> None:  # fmt: skip
    """The gradient of the block's row of x."""
    g, x, out = (p.at(f.block_index * n) for p in (g, x, out))
    m, inverse = mean.load(f.block_index), rstd.load(f.block_index)
    one = 1.0 / n.cast("sitofp", "float")

    def both(i: Value, a: Value, b: Value) -> list[Value]:
        normal, slope = (x.load(i) - m) * inverse, g.load(i) * w.load(channel(i))
        return [a + slope, slope.fma(normal, b)]

    a, b = row(f, n, both, [f.zero("float"), f.zero("float")])
    a, b = f.total(a) * one, f.total(b) * one

    def give(i: Value) -> None:
        normal = (x.load(i) - m) * inverse
        out.store((g.load(i) * w.load(channel(i)) - a - normal * b) * inverse, i)

    row(f, n, give)


def _rms_norm(
    f: Threads, n: Value, eps: Value, x: Pointer, w: Pointer, y: Pointer, r: Pointer
) -> None:
    """The block's row of x over the root of its mean square."""
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    (s,) = row(f, n, lambda i, s: [x.load(i).fma(x.load(i), s)], [f.zero("float")])
    inverse = 1.0 / (f.total(s) * (1.0 / n.cast("sitofp", "float")) + eps).sqrt()
    row(f, n, lambda i: y.store(x.load(i) * inverse * w.load(i), i))
    _keep(f, (r, inverse))


def _rms_norm_backward(
    f: Threads, n: Value, g: Pointer, x: Pointer, w: Pointer, r: Pointer, out: Pointer
) -> None:
    """The gradient of the block's row of x."""
    g, x, out = (p.at(f.block_index * n) for p in (g, x, out))
    inverse = r.load(f.block_index)
    slope = lambda i: g.load(i) * w.load(i)
    (s,) = row(f, n, lambda i, s: [slope(i).fma(x.load(i), s)], [f.zero("float")])
    s = f.total(s) * (1.0 / n.cast("sitofp", "float")) * (inverse * inverse * inverse)
    row(f, n, lambda i: out.store(slope(i) * inverse - x.load(i) * s, i))


def _of_group(f: Threads, n: Value, m: Value, groups: Value) -> Channel:
    """The channel of a column: rows are groups of channels of m numbers each."""
    first = (f.block_index % groups) * (n // m)
    return lambda i: first + i // m


def _layer_norm(f: Threads, n: Value, *rest: Any) -> None:
    _normalise(f, n, lambda i: i, *rest)


def _layer_norm_backward(f: Threads, n: Value, *rest: Any) -> None:
    _back(f, n, lambda i: i, *rest)


def _group_norm(f: Threads, n: Value, m: Value, groups: Value, *rest: Any) -> None:
    _normalise(f, n, _of_group(f, n, m, groups), *rest)


def _group_norm_backward(f: Threads, n: Value, m: Value, groups: Value, *rest: Any) -> None:
    _back(f, n, _of_group(f, n, m, groups), *rest)


def _column_sums(
    f: Threads, n: Value, count: Value, each: Value, g: Pointer, x: Pointer, mean: Pointer,
    rstd: Pointer, scaled: Pointer, plain: Pointer,
) -> None:  # fmt: skip
    """Sums of g times the normalised x, and of g, along the columns of some rows: a thread for each
    column, WIDTH columns and `each` rows for a block.
    """
    across = (n + (WIDTH - 1)) // WIDTH
    part, column = f.block_index // across, (f.block_index % across) * WIDTH + f.thread
    first = part * each

    def one() -> None:
        def step(r: Value, a: Value, b: Value) -> list[Value]:
            slope, i = g.load(r * n + column), r * n + column
            return [slope.fma((x.load(i) - mean.load(r)) * rstd.load(r), a), b + slope]

        stop = f.least(first + each, count)
        a, b = f.loop(first, stop, 1, step, [f.zero("float"), f.zero("float")])
        scaled.store(a, part * n + column)
        plain.store(b, part * n + column)

    f.when(column < n, one)


def _plane_sums(
    f: Threads, n: Value, each: Value, channels: Value, g: Pointer, x: Pointer, mean: Pointer,
    rstd: Pointer, scaled: Pointer, plain: Pointer,
) -> None:  # fmt: skip
    """The same sums over the block's plane. Statistics: `each` planes share one, of which there are
    `channels` in turn.
    """
    g, x = g.at(f.block_index * n), x.at(f.block_index * n)
    at = (f.block_index // each) % channels
    m, inverse = mean.load(at), rstd.load(at)

    def both(i: Value, a: Value, b: Value) -> list[Value]:
        return [g.load(i).fma((x.load(i) - m) * inverse, a), b + g.load(i)]

    a, b = row(f, n, both, [f.zero("float"), f.zero("float")])
    a, b = f.total(a), f.total(b)
    _keep(f, (scaled, a), (plain, b))


def _plane_moments(
    f: Threads, n: Value, x: Pointer, mean: Pointer, rest: Pointer, var: Pointer
) -> None:
    """What _moments finds of the block's plane."""
    found = _moments(f, n, x.at(f.block_index * n))
    _keep(f, *zip((mean, rest, var), found))


def _plane_scaled(
    f: Threads, n: Value, channels: Value, x: Pointer, mean: Pointer, factor: Pointer,
    shift: Pointer, y: Pointer,
) -> None:  # fmt: skip
    """(x - mean) factor + shift, by channel."""
    c = f.block_index % channels
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    m, a, b = mean.load(c), factor.load(c), shift.load(c)
    row(f, n, lambda i: y.store((x.load(i) - m).fma(a, b), i))


def _plane_back(
    f: Threads, n: Value, channels: Value, g: Pointer, x: Pointer, mean: Pointer, slope: Pointer,
    less: Pointer, factor: Pointer, out: Pointer,
) -> None:  # fmt: skip
    """(g - (x - mean) slope - less) factor, by channel."""
    c = f.block_index % channels
    g, x, out = (p.at(f.block_index * n) for p in (g, x, out))
    m, a, b, scale = mean.load(c), slope.load(c), less.load(c), factor.load(c)
    row(f, n, lambda i: out.store((g.load(i) - (x.load(i) - m) * a - b) * scale, i))


def _kernel(name: str, counts: str, numbers: str, arrays: str, body: Callable[..., None]) -> Kernel:
    params: list[Param] = [(c, "i64") for c in counts.split()]
    params += [(c, "float") for c in numbers.split()]
    return Kernel(name, params + [(a, "float*") for a in arrays.split()], WIDTH, body)


# those whose blocks share something, and those whose threads go alone
ROWS = {
    k.name: k
    for k in (
        _kernel("layer_norm", "n", "eps", "x w b y mean rstd", _layer_norm),
        _kernel("layer_norm_backward", "n", "", "g x w mean rstd out", _layer_norm_backward),
        _kernel("rms_norm", "n", "eps", "x w y r", _rms_norm),
        _kernel("rms_norm_backward", "n", "", "g x w r out", _rms_norm_backward),
        _kernel("group_norm", "n m groups", "eps", "x w b y mean rstd", _group_norm),
        _kernel("group_norm_backward", "n m groups", "", "g x w mean rstd out",
                _group_norm_backward),
        _kernel("plane_sums", "n each channels", "", "g x mean rstd scaled plain", _plane_sums),
        _kernel("plane_moments", "n", "", "x mean rest var", _plane_moments),
    )
}  # fmt: skip
COLUMNS = {
    k.name: k
    for k in (
        _kernel("column_sums", "n count each", "", "g x mean rstd scaled plain", _column_sums),
        _kernel("plane_scaled", "n channels", "", "x mean factor shift y", _plane_scaled),
        _kernel("plane_back", "n channels", "", "g x mean slope less factor out", _plane_back),
    )
}
