"""What fully_shard does with the parameters of one call: keep a part of each, gather before they
are used, scatter their gradients after.

A parameter's part is its rows r * c to (r + 1) * c, c = ceil(rows / ranks), in one flat buffer of
the unit; during forward the module holds a whole parameter in its place. Saved values of the graph
are arrays, so what a forward pass has gathered is freed when its graph is, not before backward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...api import functions as T
from ...base.modes import no_grad
from ...engine import views
from ...engine.tensor import Tensor, wrap
from ...nn.parameter import Parameter
from ..collectives import all_gather_into_tensor, all_reduce, reduce_scatter_tensor
from ..device_mesh import DeviceMesh
from ..process_group import ProcessGroup
from ..tensor.dealt import Dealt
from ..tensor.dealt import part as part_of
from ..tensor.dtensor import DTensor, ShardedParameter, mark
from ..tensor.placement_types import Replicate, Shard, rows_of

__all__ = ["MixedPrecisionPolicy", "Unit"]


@dataclass(frozen=True)
class MixedPrecisionPolicy:
    """Dtypes of a unit: of gathered parameters, of gradients on their way, of outputs.

    None leaves a dtype as it is. cast_forward_inputs: convert floating inputs to param_dtype.

    reduce_dtype: of gradients on their way; None: as they are. output_dtype: of outputs; None: as
    they are.

    >>> MixedPrecisionPolicy(param_dtype=torch.bfloat16).param_dtype
    torch.bfloat16
    """

    param_dtype: Any = None
    reduce_dtype: Any = None
    output_dtype: Any = None
    cast_forward_inputs: bool = True


class Piece:
    """One parameter: its part, its whole form, where modules hold it."""

    def __init__(self, p: Parameter, sites: list[tuple[Any, str]], unit: Unit) -> None:
        # what tensor-parallel layers have cut already is cut once more: this rank's part of it
        self.cut = p._place() if isinstance(p, DTensor) else None
        held = p._a if self.cut is None else p._a.content
        self.shape = tuple(held.shape)
        self.sites = sites
        size = self.shape[0] if self.shape else 1
        self.each = -(-size // unit.group.n)
        self.row = math.prod(self.shape[1:])
        start, end = rows_of(size, unit.group.n, unit.group.me)
        self.padded, self.kept = self.each * self.row, (end - start) * self.row
        self.start, self.offset = start, 0
        self.local_shape = (end - start, *self.shape[1:])
        dtype = unit.policy.param_dtype or p.dtype
        self.full = Parameter(wrap(held).to(dtype))
        if self.cut is not None:
            self.full = ShardedParameter(mark(self.full.detach(), *self.cut))
        self.full.requires_grad_(p.requires_grad)
        self.full.register_post_accumulate_grad_hook(unit.arrived)
        placements = [*[Replicate()] * (unit.mesh.ndim - 1), Shard(0)]
        whole = wrap(held)
        part = (whole if self.shape else whole.reshape(1))[start:end]
        self.place: Any = None  # its array in the unit's buffer
        mesh, shape = unit.mesh, self.shape
        if self.cut is not None:
            mesh, placements = self.cut[0]._joined(mesh), [*self.cut[1], *placements]
            shape = tuple(self.cut[2])
        self.sharded = ShardedParameter(
            mark(part, mesh, placements, shape), requires_grad=p.requires_grad
        )

    def adopt(self) -> None:
        """Take what load_state_dict(assign=True) has given the modules in place of the part."""
        before = self.sharded
        for module, name in self.sites:
            held = module._parameters[name]
            if held is before:  # a tied one may be given at one of its places alone
                continue
            if not isinstance(held, ShardedParameter) or held.shape != self.sharded.shape:
                raise RuntimeError(
                    f"fully_shard: {type(module).__name__}.{name} was replaced by a "
                    f"{type(held).__name__} of shape {tuple(held.shape)}; its part here is "
                    f"{self.local_shape} of {self.shape}: give nn.Parameter(distribute_tensor(whole"
                    ", mesh, placements))"
                )
            self.sharded, self.place = held, None
        if self.sharded is not before:
            self.put(False)

    def hold(self, a: Any) -> None:
        """Give the whole parameter another array."""
        self.full._a = a if self.cut is None else Dealt(a, *self.cut)

    def gradient(self) -> Tensor | None:
        """The whole parameter's gradient."""
        g = self.full.grad
        return g if g is None or self.cut is None else wrap(part_of(g._a, *self.cut[:2]))

    def put(self, whole: bool) -> None:
        """Have the modules hold the whole parameter, or this rank's part."""
        for module, name in self.sites:
            module._parameters[name] = self.full if whole else self.sharded


class Flat:
    """The parts of a unit's parameters of one dtype, in one buffer."""

    def __init__(self, pieces: list[Piece], group: ProcessGroup) -> None:
        self.pieces, self.group = pieces, group
        self.total = 0
        for x in pieces:
            x.offset = self.total
            self.total += x.padded
        self.buffer: Tensor | None = None
        self.local()

    def local(self) -> Tensor:
        """The buffer, with what has been given another array (by loading, or on another device)
        copied into it.
        """
        first = wrap(self.pieces[0].sharded._a.content)
        if self.buffer is None or self.buffer.device != first.device:
            self.buffer = T.zeros(self.total, dtype=first.dtype, device=first.device)
            for x in self.pieces:
                x.place = None
        for x in self.pieces:
            a = x.sharded._a.content
            if a is x.place:
                continue
            place = self.buffer[x.offset : x.offset + x.kept].view(x.local_shape)
            if x.place is None or type(a) is not np.ndarray or not np.shares_memory(a, place._a):
                place.copy_(wrap(a))
                x.sharded._a.content = place._a
            x.place = x.sharded._a.content
        return self.buffer

    def gather(self, dtype: Any) -> None:
        """Give every parameter its whole value."""
        n, local = self.group.n, self.local()
        local = local if dtype is None else local.to(dtype)
        out = T.empty(n * self.total, dtype=local.dtype, device=local.device)
        all_gather_into_tensor(out, local, self.group)
        rows = out.view(n, self.total)
        for x in self.pieces:
            whole = rows[:, x.offset : x.offset + x.padded].contiguous().view(-1)
            x.hold(whole[: math.prod(x.shape)].view(x.shape)._a)

    def scatter(self, unit: Unit) -> None:
        """Average the gradients of the whole parameters over the ranks, and keep this rank's rows.

        A further element for each parameter counts the ranks that have a gradient of it.
        """
        n, k = self.group.n, len(self.pieces)
        given = [x.gradient() for x in self.pieces]
        first = next((g for g in given if g is not None), self.pieces[0].full)
        like = {"dtype": unit.policy.reduce_dtype or first.dtype, "device": self.local().device}
        rows = T.zeros((n, self.total + k), **like)
        for i, (x, g) in enumerate(zip(self.pieces, given)):
            if g is None:
                continue
            flat = T.zeros(n * x.padded, **like)
            flat[: math.prod(x.shape)] = g.detach().reshape(-1).to(like["dtype"]) / unit.ranks
            rows[:, x.offset : x.offset + x.padded] = flat.view(n, x.padded)
            rows[:, self.total + i] = 1
            x.full.grad = None
        out = T.empty(self.total + k, **like)
        reduce_scatter_tensor(out, rows.view(-1), group=self.group)
        if unit.replicas is not None:
            all_reduce(out, group=unit.replicas)
        for x, count in zip(self.pieces, out[self.total :].tolist()):
            if count == 0:
                continue
            part = out[x.offset : x.offset + x.kept].view(x.local_shape)
            grad = x.sharded.grad
            if grad is None:
                part = part.to(x.sharded.dtype, copy=True)
                x.sharded.grad = mark(part, *x.sharded._place())
            else:
                wrap(grad._a.content).add_(part)
                views.mutated(grad)


class Unit:
    """The parameters of one call of fully_shard."""

    def __init__(
        self, modules: Sequence[Any], mesh: DeviceMesh, policy: MixedPrecisionPolicy,
        reshard: bool, taken: set[int], ignored: set[int],
    ) -> None:  # fmt: skip
        self.mesh, self.policy, self.reshard_after = mesh, policy, reshard
        self.group: ProcessGroup = mesh.get_group(mesh.ndim - 1)
        self.replicas = mesh.get_group(0) if mesh.ndim == 2 else None
        self.ranks = self.group.n * (self.replicas.n if self.replicas else 1)
        self.sync, self.whole, self.armed = True, False, False
        self.root: Root | None = None
        sites: dict[int, tuple[Parameter, list[tuple[Any, str]]]] = {}
        for module in modules:
            for inner in module.modules():
                if id(inner) in taken:
                    continue
                for name, p in inner._parameters.items():
                    if p is not None and id(p) not in ignored:
                        sites.setdefault(id(p), (p, []))[1].append((inner, name))
        with no_grad():
            for p, where in sites.values():
                if p.__dict__.get("_dealt"):
                    raise RuntimeError(
                        f"fully_shard: the parameter {where[0][1]} is shared with a module that is "
                        "sharded already: give both to one call, fully_shard([a, b])"
                    )
                p.__dict__["_dealt"] = True
            self.pieces = [Piece(p, where, self) for p, where in sites.values()]
            by_dtype: dict[Any, list[Piece]] = {}
            for x in self.pieces:
                by_dtype.setdefault(x.sharded._a.dtype, []).append(x)
            self.flats = [Flat(pieces, self.group) for pieces in by_dtype.values()]
        for x in self.pieces:
            x.put(False)

    def unshard(self) -> None:
        """Have the modules hold whole parameters."""
        if self.whole:
            return
        for x in self.pieces:
            x.adopt()
        with no_grad():
            for flat in self.flats:
                flat.gather(self.policy.param_dtype)
        for x in self.pieces:
            if x.full.requires_grad != x.sharded.requires_grad:
                x.full.requires_grad_(x.sharded.requires_grad)
            x.put(True)
        self.whole = True

    def reshard(self) -> None:
        """Have the modules hold this rank's parts."""
        if not self.whole:
            return
        for x in self.pieces:
            x.put(False)
            nothing = T.zeros((), dtype=x.full.dtype, device=x.full.device)
            x.hold(nothing.expand(x.shape)._a)  # its shape, no memory
        self.whole = False

    def arrived(self, _: Tensor) -> None:
        """A whole parameter has got a gradient."""
        self.armed = True
        if self.root is not None:
            self.root.arrived()

    def reduce(self) -> None:
        """Make the gradients of the pass those of the parts."""
        self.armed = False
        with no_grad():
            for flat in self.flats:
                if any(x.full.requires_grad for x in flat.pieces):
                    flat.scatter(self)


class Root:
    """The outermost unit of a forward pass, which waits for the end of the backward pass."""

    def __init__(self, units: list[Unit]) -> None:
        self.units, self.queued = units, False
        for unit in units:
            unit.root = self

    def arrived(self) -> None:
        from ...autodiff.grad_api import queue_callback

        if not self.queued:
            self.queued = True
            queue_callback(self.finish)

    def finish(self) -> None:
        """Reduce the units that took part, in an order that all ranks share."""
        self.queued = False
        for unit in self.units:
            if unit.armed and unit.sync:
                unit.reduce()
