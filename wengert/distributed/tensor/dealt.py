"""Arrays that lie on the ranks of a mesh, each rank holding a part: what a DTensor holds.

Every operation means the whole: what can be done on the parts alone (elementwise operations, sums
and products, rearrangements that leave the cut dimensions whole) is done there, everything else on
the gathered whole, by every rank alike.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays.lookup import NS, RANK, SCALARS, namespace
from ...base import frames
from ...base.modes import state
from ...engine.interp import Interp, InterpNamespace, interpreter, run_op
from ...engine.op import Op
from ...engine.tensor import wrap
from ..collectives import all_gather_into_tensor, all_reduce, broadcast
from ..device_mesh import DeviceMesh
from ..process_group import ProcessGroup
from ..reduce_op import ReduceOp
from .placement_types import Partial, Placement, Replicate, Shard, rows_of

Placements = tuple[Placement, ...]
KEEP = frozenset((
    "neg", "conj", "real", "imag", "astype", "copy", "contiguous", "alias_item", "to_device_op",
))  # fmt: skip
ALONG = frozenset((
    "sum", "mean", "amax", "amin", "prod", "all", "any", "logsumexp", "var", "std", "softmax",
    "log_softmax", "cumsum", "cumprod", "argmax", "argmin", "vector_norm",
))  # fmt: skip
# In loss_parallel: the plain targets of a classification are the same on all ranks.
targets_may_be_plain = False
PLACED = ("/engine/", "/declare/", "/api/", "/distributed/tensor/", "<wengert")


def whole(a: Any) -> Any:
    """The whole array on this rank; constants are whole already."""
    if type(a) is not Dealt:
        return a
    found = a.content
    for d in reversed(range(len(a.placements))):
        p, group = a.placements[d], a.mesh.get_group(d)
        if isinstance(p, Shard):
            found = gathered(found, cut_shape(a.shape, a.mesh, a.placements[:d]), p.dim, group)
        elif isinstance(p, Partial):
            found = reduced(found, p.reduce_op, group)
    return found


def gathered(part: Any, shape: Sequence[int], dim: int, group: ProcessGroup) -> Any:
    """The whole array of a shape from the ranks' parts along dim."""
    if group.n == 1:
        return part
    xp = namespace(part)
    each = -(-shape[dim] // group.n)
    first = xp.transpose(part, 0, dim) if dim else part
    rest = tuple(first.shape[1:])
    padded = xp.zeros((each, *rest), part.dtype)
    xp.copy_into(padded[: first.shape[0]], first)
    out = xp.zeros((group.n * each, *rest), part.dtype)
    all_gather_into_tensor(wrap(out), wrap(padded), group)
    out = out[: shape[dim]]
    return xp.contiguous(xp.transpose(out, 0, dim)) if dim else out


def reduced(part: Any, how: str, group: ProcessGroup) -> Any:
    """The reduction of the ranks' arrays: sum, avg, max, min, product."""
    out = wrap(namespace(part).copy(part))
    name = {"avg": "SUM", "mean": "SUM"}.get(how, how.upper())
    all_reduce(out, getattr(ReduceOp, name), group=group)
    return out.div_(group.n)._a if how in ("avg", "mean") else out._a


def cut_shape(shape: Sequence[int], mesh: DeviceMesh, placements: Placements) -> list[int]:
    """The shape of this rank's part."""
    sizes = list(shape)
    for d, p in enumerate(placements):
        if isinstance(p, Shard):
            group = mesh.get_group(d)
            start, end = rows_of(sizes[p.dim], group.n, group.me)
            sizes[p.dim] = end - start
    return sizes


def cut(a: Any, mesh: DeviceMesh, placements: Placements) -> Any:
    """This rank's part of a whole array; a part that is added up is rank 0's alone."""
    for d, p in enumerate(placements):
        group = mesh.get_group(d)
        if isinstance(p, Shard):
            start, end = rows_of(a.shape[p.dim], group.n, group.me)
            a = a[(slice(None),) * p.dim + (slice(start, end),)]
        elif isinstance(p, Partial) and group.me and p.reduce_op == "sum":
            a = namespace(a).zeros(tuple(a.shape), a.dtype)
    return a


def part(a: Any, mesh: DeviceMesh, placements: Placements) -> Any:
    """This rank's part of an array in other placements."""
    if type(a) is Dealt and a.placements == placements:
        return a.content
    return cut(whole(a), mesh, placements)


# ---- what needs no whole


Sizes = dict[int, int]  # of the whole, by the dimensions of a result that are cut


def elementwise(ins: Any, mesh: DeviceMesh) -> tuple[list[Any], Placements, Sizes] | None:
    """(parts of the operands, placements of the result) of an elementwise operation."""
    arrays = [a for a in ins if a is not None and type(a) not in SCALARS]
    shape = np.broadcast_shapes(*[tuple(a.shape) for a in arrays])
    n = len(shape)
    for a in arrays:
        if type(a) is not Dealt or any(isinstance(p, Partial) for p in a.placements):
            continue
        off = n - a.ndim
        cuts = [p for p in a.placements if isinstance(p, Shard)]
        if cuts and all(a.shape[p.dim] == shape[p.dim + off] for p in cuts):
            break
    else:
        return None
    placed = tuple([Shard(p.dim + off) if isinstance(p, Shard) else p for p in a.placements])

    def brought(x: Any) -> Any:
        if x is None or type(x) in SCALARS:
            return x
        k = n - x.ndim
        wanted: list[Placement] = []
        for p in placed:
            whole_there = not isinstance(p, Shard) or p.dim < k or x.shape[p.dim - k] == 1
            wanted.append(Replicate() if whole_there else Shard(p.dim - k))  # type: ignore[attr-defined]
        return part(x, mesh, tuple(wanted))

    sizes = {p.dim: shape[p.dim] for p in placed if isinstance(p, Shard)}
    return [brought(x) for x in ins], placed, sizes


def along(a: Any, static: dict[str, Any], sums: bool) -> Any:
    """(placements of the result, its sizes, dimensions of the mesh to add up over) of what works
    along dims: those of the cuts only where it is a sum. None: the whole is needed.
    """
    dims = static.get("dim")
    if dims is None or isinstance(dims, (tuple, list)) and not len(dims):
        dims = range(a.ndim)
    gone = {d % a.ndim for d in ((dims,) if isinstance(dims, int) else dims)} if a.ndim else set()
    kept = static.get("keepdim", "keepdim" not in static)
    placed: list[Placement] = []
    over: list[int] = []
    sizes: Sizes = {}
    for i, p in enumerate(a.placements):
        if isinstance(p, Partial):
            return None
        if not isinstance(p, Shard):
            placed.append(p)
        elif p.dim not in gone:
            at = p.dim if kept else p.dim - sum(d < p.dim for d in gone)
            placed.append(Shard(at))
            sizes[at] = a.shape[p.dim]
        elif sums:
            over.append(i)
            placed.append(Replicate())
        else:
            return None
    return tuple(placed), sizes, over


def product(x: Any, y: Any, turned: bool) -> Any:
    """The same of x @ y, or of x @ y.T where y is turned."""
    rows, columns = (1, 0) if turned else (0, 1)
    placed: list[Placement] = []
    over: list[int] = []
    sizes = {d: x.shape[d] for d in range(x.ndim - 1)} | {x.ndim - 1: y.shape[columns]}
    for i, (p, q) in enumerate(zip(x.placements, y.placements)):
        if isinstance(p, Partial) or isinstance(q, Partial):
            return None
        if isinstance(p, Shard) and p.dim == x.ndim - 1:
            if q != Shard(rows):
                return None
            over.append(i)
            placed.append(Replicate())
        elif isinstance(p, Shard):
            if not isinstance(q, Replicate):
                return None
            placed.append(p)
        elif q == Shard(columns):
            placed.append(Shard(x.ndim - 1))
        elif isinstance(q, Replicate):
            placed.append(Replicate())
        else:
            return None
    return tuple(placed), sizes, over


def rearranged(op: Op, a: Any, static: dict[str, Any]) -> Any:
    """(placements, sizes, static arguments for the part) of an op that moves dimensions."""
    n, name = a.ndim, op.name
    if any(isinstance(p, Partial) for p in a.placements):
        return None
    moved: list[int]
    if name == "t":
        moved = [*range(n)][::-1]
    elif name == "transpose" and n:
        moved = [*range(n)]
        i, j = static["dim0"] % n, static["dim1"] % n
        moved[i], moved[j] = moved[j], moved[i]
    elif name == "permute":
        moved = [d % n for d in static["dims"]] if n else []
    elif name in ("view", "reshape"):
        shape = list(static["shape"])
        for p in a.placements:
            if isinstance(p, Shard) and shape[: p.dim + 1] != list(a.shape[: p.dim + 1]):
                return None
        inner = {**static, "shape": tuple(cut_shape(shape, a.mesh, a.placements))}
        return a.placements, dict(enumerate(shape)), inner
    elif name == "unsqueeze":
        at = static["dim"] % (n + 1)
        moved = [*range(n)]
        moved.insert(at, n)
    else:
        return None
    placed = [Shard(moved.index(p.dim)) if isinstance(p, Shard) else p for p in a.placements]
    return tuple(placed), {i: (*a.shape, 1)[d] for i, d in enumerate(moved)}, static


def on_parts(op: Op, ins: Any, static: dict[str, Any], mesh: DeviceMesh) -> Any:
    """(results on this rank, placements, sizes) without the whole, or None."""
    name, first = op.name, ins[0]
    if (op.kind == "elementwise" or name in KEEP) and "stream" not in static:
        found = elementwise(ins, mesh)
        return found and (run_op(op, found[0], static), *found[1:])
    if type(first) is not Dealt:
        return None
    sums = name in ("sum_all", "sum")
    if sums or name in ALONG and static.get("dim") is not None:
        found = along(first, static, sums)
        return found and (added(run_op(op, (first.content,), static), found[2], mesh), *found[:2])
    if name in ("matmul", "linear") and type(ins[1]) is Dealt and ins[1].ndim == 2:
        turned = name == "linear"
        found = product(first, ins[1], turned) if first.ndim == 2 or turned else None
        if found is None:
            return None
        rest = (None,) if turned else ()
        out = run_op(op, (first.content, ins[1].content, *rest), static)
        out = added(out, found[2], mesh)
        if turned and ins[2] is not None:
            last = first.ndim - 1
            at = [Shard(0) if p == Shard(last) else Replicate() for p in found[0]]
            out = namespace(out).add(out, part(ins[2], mesh, tuple(at)))
        return out, *found[:2]
    found = rearranged(op, first, static) if len(ins) == 1 else None
    return found and (run_op(op, (first.content,), found[2]), *found[:2])


def added(out: Any, over: list[int], mesh: DeviceMesh) -> Any:
    """The sum of the ranks' arrays over dimensions of the mesh."""
    for d in over:
        out = reduced(namespace(out).asarray(out), "sum", mesh.get_group(d))
    return out


# ---- the array


def interpret(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """An op on arrays of a mesh."""
    mesh = next(a.mesh for a in ins if type(a) is Dealt)
    for a in ins:
        if type(a) is Dealt and a.mesh != mesh:
            raise RuntimeError(f"{op.name}: DTensors of different meshes: {mesh} and {a.mesh}")
    refuse_mixed(op, ins)
    xp = namespace(next(a.content for a in ins if type(a) is Dealt))
    if xp is not NS[np.ndarray]:  # constants that a formula has made lie on the CPU
        ins = [xp.from_host(a) if type(a) is np.ndarray else a for a in ins]
    found = on_parts(op, ins, static, mesh)
    if found is None:
        outs: Any = run_op(op, [whole(a) for a in ins], static)
        placed: Placements = (Replicate(),) * mesh.ndim
        if "stream" in static:
            outs = agreed(outs, mesh)
        sizes = {}
    else:
        outs, placed, sizes = found
    if len(op.names) == 1:
        return dealt(outs, mesh, placed, sizes)
    return tuple([dealt(o, mesh, placed, sizes) for o in outs])


def agreed(outs: Any, mesh: DeviceMesh) -> Any:
    """What was drawn, as the first rank has drawn it."""
    if type(outs) is tuple:
        return tuple([agreed(o, mesh) for o in outs])
    t = wrap(namespace(outs).copy(outs))
    for d in range(mesh.ndim):
        if mesh.size(d) > 1:
            broadcast(t, group=mesh.get_group(d), group_src=0)
    return t._a


def refuse_mixed(op: Op, ins: Any) -> None:
    """Refuse plain tensors beside DTensors that come from the user's calls, or from a layer's own:
    each rank may have another. What functions and rules make on the way is the same everywhere.
    """
    plain = [a for a in ins if RANK.get(type(a), 0) == 0 and hasattr(a, "ndim") and a.ndim]
    if not plain or state.backward is not None:
        return
    if targets_may_be_plain and all(a.dtype.kind == "i" for a in plain):
        return
    called: Any = None  # the innermost function that the user or a layer called
    f: Any = sys._getframe(1)
    direct = True
    while f is not None and frames.INTERNAL[name := f.f_code.co_filename]:
        if f.f_code.co_name == "forward" and called is not None:
            break
        direct = direct and any(p in name for p in PLACED)
        called, f = f, f.f_back
    if direct or any(given(called, a) for a in plain):
        raise RuntimeError(
            f"{op.name}: got mixed torch.Tensor and DTensor, need to convert all torch.Tensor to"
            " DTensor before calling distributed operators! distribute_tensor(t, mesh) gives one"
        )


def given(f: Any, a: Any) -> bool:
    """Whether an array is a tensor's that a function was called with."""
    code = f.f_code
    count = code.co_argcount + code.co_kwonlyargcount + 2
    for name in code.co_varnames[:count]:
        value = f.f_locals.get(name)
        for x in value if isinstance(value, (list, tuple)) else (value,):
            if getattr(x, "_a", None) is a:
                return True
    return False


def dealt(a: Any, mesh: DeviceMesh, placements: Placements, sizes: Sizes) -> Any:
    """A result as an array of the mesh; sizes: of the dimensions that are cut."""
    if a is None or type(a) is Dealt:
        return a
    a = namespace(a).asarray(a)
    shape = list(a.shape)
    for p in placements:
        if isinstance(p, Shard):
            shape[p.dim] = sizes[p.dim]
    return Dealt(a, mesh, placements, shape)


@interpreter(interpret)
class Dealt(Interp):
    """A rank's part, `content`, of an array on a mesh."""

    __slots__ = ("content", "mesh", "placements", "whole_shape")
    cell = True
    base = None  # parts are never views to others: what shares their memory is told by tensors

    def __init__(self, content: Any, mesh: DeviceMesh, placements: Any, shape: Any) -> None:
        self.level, self.content, self.mesh = 0, content, mesh
        self.placements: Placements = tuple(placements)
        self.whole_shape = tuple(shape)

    @property
    def shape(self) -> Any:
        return self.whole_shape

    @property
    def strides(self) -> tuple[int, ...]:
        """Those of a whole that lies in memory as its parts do."""
        held = self.content.strides
        order = sorted(range(self.ndim), key=lambda d: -held[d])
        step, out = self.dtype.itemsize, [0] * self.ndim
        for d in reversed(order):
            if held[d] or self.content.shape[d] < 2 or not self.content.size:
                out[d], step = step, step * self.shape[d]
        return tuple(out)

    def assign(self, value: Any) -> None:
        xp = namespace(self.content)
        xp.copy_into(self.content, part(value, self.mesh, self.placements))

    def alias(self) -> Dealt:
        return Dealt(self.content, self.mesh, self.placements, self.whole_shape)

    def severed(self) -> Dealt:
        return self

    def around(self, made: Any) -> Dealt:
        """What is made like it: of a sum that is in parts, each rank has the whole."""
        places = tuple([Replicate() if p.is_partial() else p for p in self.placements])
        return Dealt(made, self.mesh, places, self.whole_shape)

    def readable(self, what: str) -> Any:
        return whole(self)

    def __repr__(self) -> str:
        return f"Dealt({self.content!r}, {self.placements}, {self.shape})"


class DealtNamespace(InterpNamespace):
    """The vocabulary over these arrays; what is made like one lies as it does."""

    def full_like(self, x: Any, value: Any = 0) -> Any:
        a = x.content
        return x.around(namespace(a).full(tuple(a.shape), value, a.dtype))

    def zeros_like(self, x: Any) -> Any:
        return self.full_like(x, 0)

    def ones_like(self, x: Any) -> Any:
        return self.full_like(x, 1)


NS[Dealt] = DealtNamespace(Dealt)
