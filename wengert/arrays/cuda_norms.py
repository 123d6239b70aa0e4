"""Norms on CUDA by kernels of ours: of layers, groups and batches, and their gradients.

Here: how each is put together of launches, for contiguous float32. Not here: the kernels
(`kernels/gpu_norms.py`), and when one is believed (`cuda_launcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from ..kernels.gpu import Kernel
from .cuda_launcher import F32, MOST, Launcher, fits

__all__ = ["WORDS"]

Word = Callable[..., Any]
LEAST = 32  # rows of which a thread adds a column, numbers of a plane from which a block pays
PARTS = 64  # into which rows are dealt


class Launched:
    """A few launches that are one word: what they find is believed or not as a whole."""

    def __init__(self, lib: Any, *names: str) -> None:
        self.lib = lib
        self.launchers = {name: Launcher(kernel(name), lib) for name in names}

    def ready(self, device: int, blocks: int) -> bool:
        every = self.launchers.values()
        return 0 < blocks <= MOST and all([k.ready(device) for k in every])

    def run(self, name: str, device: int, blocks: int, *args: Any) -> None:
        self.launchers[name].launch(device, blocks, *args)

    def checked(
        self, device: int, ran: Sequence[str], found: Any, general: Callable[[], Any]
    ) -> Any:
        """What was found, or, the first time it does not fit, what CuPy finds. ran: the kernels
        that made it.
        """
        new = [self.launchers[k] for k in ran if device not in self.launchers[k].believed]
        if not new:
            return found
        want, all_there = general(), found
        for k in new:
            found = k.checked(device, all_there, lambda: want)
        return found

    def normalized(
        self, name: str, x: Any, count: int, sizes: Sequence[int], eps: float, weight: Any,
        bias: Any, general: Callable[[], Any],
    ) -> Any:  # fmt: skip
        """(results, means, 1 / deviations) of count groups of x's numbers, by the kernel `name`."""
        if not self.ready(device := x.device.id, count):
            return general()
        lib = self.lib
        out, mean, rstd = lib.empty(x.shape, F32), lib.empty(count, F32), lib.empty(count, F32)
        self.run(name, device, count, *sizes, eps, x, weight, bias, out, mean, rstd)
        return self.checked(device, [name], (out, mean, rstd), general)


def kernel(name: str) -> Kernel:
    from ..kernels import gpu_norms

    return gpu_norms.ROWS.get(name) or gpu_norms.COLUMNS[name]


def vectors(size: int, *arrays: Any) -> bool:
    """Whether arrays are so many numbers that a kernel can read."""
    return fits(arrays[0]) and all([fits(a) and a.size == size for a in arrays])


def layer_norm(general: Word, lib: Any) -> Word:
    """layer_norm with weight and bias: (results, means, 1 / deviations)."""
    kernels = Launched(lib, "layer_norm")

    def word(x: Any, weight: Any = None, bias: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
        def plainly() -> Any:
            return general(x, weight, bias, dims, eps)

        n = prod(x.shape[x.ndim - dims :])
        if weight is None or bias is None or not fits(x) or not vectors(n, weight, bias):
            return plainly()
        return kernels.normalized("layer_norm", x, x.size // n, [n], eps, weight, bias, plainly)

    return word


def column_sums(
    sums: Launched, g: Any, x: Any, mean: Any, rstd: Any, full: Any, general: Callable[[], Any]
) -> Any:
    """(sums of g times the normalised x, sums of g) of the columns, in the shape of a row; as many
    of them as general() gives, or None.
    """
    lib, device, count, n = sums.lib, x.device.id, mean.size, prod(full)
    each = max(LEAST, -(-count // PARTS))
    parts, across = -(-count // each), -(-n // sums.launchers["column_sums"].kernel.width)
    if not sums.ready(device, parts * across):
        return None
    found = [lib.empty((parts, n), F32) for _ in range(2)]
    sums.run("column_sums", device, parts * across, n, count, each, g, x, mean, rstd, *found)
    scaled, plain = (lib.add.reduce(a, 0).reshape(full) for a in found)
    return sums.checked(device, ["column_sums"], (scaled, plain), general)


def layer_norm_backward(general: Word, lib: Any) -> Word:
    """Gradients of x, weight and bias."""
    rows, sums = Launched(lib, "layer_norm_backward"), Launched(lib, "column_sums")

    def word(
        g: Any, x: Any, weight: Any = None, mean: Any = None, rstd: Any = None, dims: int = 1,
        eps: float = 1e-5, needs: Sequence[bool] = (True, True, True),
    ) -> Any:  # fmt: skip
        def plainly(*needs: bool) -> Any:
            return general(g, x, weight, mean, rstd, dims, eps, needs)

        full = x.shape[x.ndim - dims :]
        n = prod(full)
        if weight is None or not fits(g, x) or not vectors(n, weight):
            return plainly(*needs)
        device, count = x.device.id, x.size // n
        if not vectors(count, mean, rstd):
            return plainly(*needs)
        gx = gw = gb = None
        if needs[0]:
            if rows.ready(device, count):
                gx = lib.empty(x.shape, F32)
                rows.run("layer_norm_backward", device, count, n, g, x, weight, mean, rstd, gx)
                gx = rows.checked(
                    device, ["layer_norm_backward"], gx, lambda: plainly(True, False, False)[0]
                )
            else:
                gx = plainly(True, False, False)[0]
        if needs[1] or needs[2]:
            found = column_sums(
                sums, g, x, mean, rstd, full, lambda: plainly(False, True, True)[1:]
            )
            gw, gb = plainly(False, needs[1], needs[2])[1:] if found is None else found
        return gx, gw if needs[1] else None, gb if needs[2] else None

    return word


def rms_norm(general: Word, lib: Any) -> Word:
    """(results, 1 / roots of mean squares)."""
    kernels = Launched(lib, "rms_norm")

    def word(x: Any, weight: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
        n = prod(x.shape[x.ndim - dims :])
        known = fits(x) and (weight is None or vectors(n, weight))
        if not known or not kernels.ready(device := x.device.id, x.size // n):
            return general(x, weight, dims, eps)
        w = lib.ones(n, F32) if weight is None else weight
        out, r = lib.empty(x.shape, F32), lib.empty(x.size // n, F32)
        kernels.run("rms_norm", device, x.size // n, n, eps, x, w, out, r)
        return kernels.checked(
            device, ["rms_norm"], (out, r), lambda: general(x, weight, dims, eps)
        )

    return word


def rms_norm_backward(general: Word, lib: Any) -> Word:
    """Gradients of x and weight."""
    rows, sums = Launched(lib, "rms_norm_backward"), Launched(lib, "column_sums")

    def word(
        g: Any, x: Any, weight: Any = None, r: Any = None, dims: int = 1, eps: float = 1e-5,
        needs: Sequence[bool] = (True, True),
    ) -> Any:  # fmt: skip
        def plainly(*needs: bool) -> Any:
            return general(g, x, weight, r, dims, eps, needs)

        full = x.shape[x.ndim - dims :]
        n = prod(full)
        known = fits(g, x) and (weight is None or vectors(n, weight))
        device, count = x.device.id, x.size // max(1, n)
        if not known or not vectors(count, r) or not rows.ready(device, count):
            return plainly(*needs)
        gx = gw = None
        if needs[0]:
            w = lib.ones(n, F32) if weight is None else weight
            gx = lib.empty(x.shape, F32)
            rows.run("rms_norm_backward", device, count, n, g, x, w, r, gx)
            gx = rows.checked(device, ["rms_norm_backward"], gx, lambda: plainly(True, False)[0])
        if needs[1]:
            nothing = lib.zeros(count, F32)
            found = column_sums(sums, g, x, nothing, r, full, lambda: plainly(False, True)[1:])
            gw = plainly(False, True)[1] if found is None else found[0]
        return gx, gw

    return word


def group_norm(general: Word, lib: Any) -> Word:
    """group_norm with weight and bias: (results, means, 1 / deviations)."""
    kernels = Launched(lib, "group_norm")

    def word(
        x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5
    ) -> Any:
        def plainly() -> Any:
            return general(x, weight, bias, groups, eps)

        c, count = x.shape[1], x.shape[0] * groups
        if weight is None or bias is None or not fits(x) or not vectors(c, weight, bias):
            return plainly()
        sizes = x.size // count, x.size // (x.shape[0] * c), groups
        return kernels.normalized("group_norm", x, count, sizes, eps, weight, bias, plainly)

    return word


def group_norm_backward(general: Word, lib: Any) -> Word:
    """Gradients of x, weight and bias."""
    kernels = Launched(lib, "group_norm_backward", "plane_sums")

    def word(
        g: Any, x: Any, weight: Any = None, mean: Any = None, rstd: Any = None, groups: int = 1,
        eps: float = 1e-5, needs: Sequence[bool] = (True, True, True),
    ) -> Any:  # fmt: skip
        def plainly() -> Any:
            return general(g, x, weight, mean, rstd, groups, eps, needs)

        n, c = x.shape[:2]
        count = n * groups
        if weight is None or not fits(g, x) or not vectors(c, weight):
            return plainly()
        if not vectors(count, mean, rstd) or not kernels.ready(device := x.device.id, n * c):
            return plainly()
        m = x.size // (n * c)
        gx = gw = gb = None
        ran = []
        if needs[0]:
            ran.append("group_norm_backward")
            gx = lib.empty(x.shape, F32)
            kernels.run("group_norm_backward", device, count, x.size // count, m, groups, g, x,
                        weight, mean, rstd, gx)  # fmt: skip
        if needs[1] or needs[2]:
            ran.append("plane_sums")
            scaled, plain = (lib.empty((n, c), F32) for _ in range(2))
            kernels.run("plane_sums", device, n * c, m, c // groups, count, g, x, mean, rstd,
                        scaled, plain)  # fmt: skip
            gw = lib.add.reduce(scaled, 0) if needs[1] else None
            gb = lib.add.reduce(plain, 0) if needs[2] else None
        return kernels.checked(device, ran, (gx, gw, gb), plainly)

    return word


def batch_norm(general: Word, lib: Any) -> Word:
    """(results, mean, variance, 1 / deviation) of planes, with statistics of the batch or given."""
    kernels = Launched(lib, "plane_moments", "plane_scaled")

    def word(
        x: Any, weight: Any = None, bias: Any = None, running_mean: Any = None,
        running_var: Any = None, training: bool = True, eps: float = 1e-5,
    ) -> Any:  # fmt: skip
        def plainly() -> Any:
            return general(x, weight, bias, running_mean, running_var, training, eps)

        if x.ndim < 3 or not fits(x) or x.size // (x.shape[0] * x.shape[1]) < LEAST:
            return plainly()
        n, c = x.shape[:2]
        m = x.size // (n * c)
        given = [a for a in (weight, bias) if a is not None]
        given += [] if training else [running_mean, running_var]
        if given and not vectors(c, *given) or not kernels.ready(device := x.device.id, n * c):
            return plainly()
        ran = ["plane_scaled"]
        rest = None
        if training:
            ran.append("plane_moments")
            means, rests, parts = (lib.empty((n, c), F32) for _ in range(3))
            kernels.run("plane_moments", device, n * c, m, x, means, rests, parts)
            share = F32.type(1 / n)
            mean = lib.add.reduce(means, 0) * share
            rests += means - mean
            rest = lib.add.reduce(rests, 0) * share  # what the rounding of the mean left
            rests -= rest
            rests *= rests
            var = lib.add.reduce(parts, 0) * share
            var += lib.add.reduce(rests, 0) * share
        else:
            mean, var = running_mean.copy(), running_var
        rstd = lib.reciprocal(lib.sqrt(var + F32.type(eps)))
        factor = rstd if weight is None else rstd * weight
        shift = lib.zeros(c, F32) if bias is None else bias
        if rest is not None:
            shift = shift - rest * factor
        out = lib.empty(x.shape, F32)
        kernels.run("plane_scaled", device, n * c, m, c, x, mean, factor, shift, out)
        return kernels.checked(device, ran, (out, mean, var, rstd), plainly)

    return word


def batch_norm_backward(general: Word, lib: Any) -> Word:
    """Gradients of x, weight and bias, of planes."""
    kernels = Launched(lib, "plane_sums", "plane_back")

    def word(
        g: Any, x: Any, weight: Any = None, mean: Any = None, rstd: Any = None,
        training: bool = True, eps: float = 1e-5, needs: Sequence[bool] = (True, True, True),
    ) -> Any:  # fmt: skip
        def plainly() -> Any:
            return general(g, x, weight, mean, rstd, training, eps, needs)

        if x.ndim < 3 or not fits(g, x) or x.size // (x.shape[0] * x.shape[1]) < LEAST:
            return plainly()
        n, c = x.shape[:2]
        m = x.size // (n * c)
        given = [mean, rstd] if weight is None else [mean, rstd, weight]
        if not vectors(c, *given) or not kernels.ready(device := x.device.id, n * c):
            return plainly()
        gx = None
        gw: Any = None
        gb: Any = None
        ran = []
        if training or needs[1] or needs[2]:
            ran.append("plane_sums")
            gw, gb = (lib.empty((n, c), F32) for _ in range(2))
            kernels.run("plane_sums", device, n * c, m, 1, c, g, x, mean, rstd, gw, gb)
            gw, gb = (lib.add.reduce(a, 0) for a in (gw, gb))
        if needs[0]:
            ran.append("plane_back")
            share = F32.type(1 / (n * m)) if training else F32.type(0)
            nothing = lib.zeros(c, F32)
            slope = gw * rstd * share if training else nothing
            less = gb * share if training else nothing
            factor = rstd if weight is None else rstd * weight
            gx = lib.empty(x.shape, F32)
            kernels.run("plane_back", device, n * c, m, c, g, x, mean, slope, less, factor, gx)
        found = gx, gw if needs[1] else None, gb if needs[2] else None
        return kernels.checked(device, ran, found, plainly)

    return word


WORDS: dict[str, Callable[[Word, Any], Word]] = {
    f.__name__: f
    for f in (
        layer_norm, layer_norm_backward, rms_norm, rms_norm_backward, group_norm,
        group_norm_backward, batch_norm, batch_norm_backward,
    )
}  # fmt: skip
