"""Reverse-mode transforms: grad, grad_and_value, vjp, jacrev."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autodiff.batched import Batched
from ..autodiff.dual import Dual, Lifted, without_history
from ..autodiff.grad_api import grad as engine_grad
from ..base.modes import Level, Recording, state
from ..base.pytree import flatten, tree_map, unflatten
from ..engine.backward import collect
from ..engine.interp import Interp
from ..engine.node import LEAF
from ..engine.tensor import Tensor, leaf, wrap
from .arguments import check_tensors, differentiable, of_picked, positions, split_aux
from .captured import Running


def fresh(values: list[Any], level: int) -> list[Tensor]:
    """Leaves of this level: same values, their own places in the graph.

    Arrays of the innermost level, without a history, can be leaves as they are. Others are lifted
    above it: what is computed from a leaf and an array of a higher level belongs to the latter.
    """
    check_tensors(values)
    for x in values:
        if not x.dtype.is_inexact:
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients, got"
                f" {x.dtype}"
            )
    if all([x._n is None and level_of(x._a) == state.top for x in values]):
        return [leaf(x._a) for x in values]
    state.top = level
    return [leaf(Lifted(level, x._a if x._n is None else x)) for x in values]


def level_of(a: Any) -> int:
    """The level of an array; 0 for those of libraries."""
    return a.level if isinstance(a, Interp) else 0


def leave(t: Any, level: int) -> Any:
    """A result without what belongs to this level."""
    a = t._a if isinstance(t, Tensor) else t
    if not isinstance(a, Interp):
        return t
    if type(a) is Lifted and a.level == level and not isinstance(a.content, (Interp, Tensor)):
        return wrap(a.content)
    return bare(t, level)


def bare(a: Any, level: int) -> Any:
    """An array without the marks of a level, nor of levels that were left before (what a vjp has
    saved keeps them), also where inner levels hold them; a Tensor that an inner level has
    recorded stays so.
    """
    if isinstance(a, Lifted):
        c = a.content
        if isinstance(c, (Interp, Tensor)):
            c = bare(c, level)
        if a.level == level or a.level not in state.open:
            return c
        return a if c is a.content else Lifted(a.level, c)
    if isinstance(a, Batched):
        c = a.content
        if isinstance(c, (Interp, Tensor)):
            c = bare(c, level)
        return a if c is a.content else Batched(a.level, c)
    if isinstance(a, Dual):
        c, d = bare(a.content, level), bare(a.tangent, level)
        return a if c is a.content and d is a.tangent else Dual(a.level, c, d)
    if isinstance(a, Tensor):
        c = bare(a._a, level)
        if c is a._a or isinstance(c, Tensor):
            return a if c is a._a else c
        marked = isinstance(a._a, Lifted) and a._a.level == level
        return wrap(c, None if marked else a._n)
    return a


def unrecorded(t: Any) -> Any:
    """A result of a transform that was called under no_grad: without the history that lower
    levels have of it.
    """
    if not isinstance(t, Tensor):
        return t
    a = without_history(t._a)
    return t if t._n is None and a is t._a else wrap(a)


def outside(outs: list[Tensor], leaves: list[Tensor]) -> bool:
    """Whether the graph of outs reaches anything but this level's leaves, so that the pass must
    be recorded.
    """
    mine = {id(x._n) for x in leaves}
    return any(
        n.role == LEAF and id(n) not in mine
        for n in collect([o._n for o in outs if o._n is not None])
    )


def gradients(
    outs: list[Tensor],
    leaves: list[Tensor],
    cotangents: list[Any] | None,
    level: int,
    retain: bool = False,
) -> list[Any]:
    """Gradients of outs at leaves; zeros where there is no dependence."""
    live = [
        (o, None if cotangents is None else c)
        for o, c in zip(outs, cotangents or outs)
        if isinstance(o, Tensor) and o._n is not None
    ]
    if not live:
        return [zeros_like(leave(x, level)) for x in leaves]
    create = outside([o for o, _ in live], leaves)
    gs = engine_grad(
        [o for o, _ in live],
        leaves,
        None if cotangents is None else [c for _, c in live],
        retain_graph=retain or create,
        create_graph=create,
        allow_unused=True,
    )
    return [
        zeros_like(leave(x, level)) if g is None else leave(g, level) for x, g in zip(leaves, gs)
    ]


def zeros_like(x: Tensor) -> Tensor:
    from ..arrays.lookup import namespace

    return wrap(namespace(x._a).zeros_like(x._a))


def strip(t: Any, level: int, leaves: list[Tensor]) -> Any:
    """An output of the function as seen from outside: without the history of this level."""
    if not isinstance(t, Tensor):
        raise RuntimeError(f"Expected tensors, got unsupported type {type(t)}")
    out = leave(t, level)
    if out is t and t._n is not None:
        mine = {id(x._n) for x in leaves}
        nodes = collect([t._n])
        if not any(n.role == LEAF and id(n) not in mine for n in nodes):
            return wrap(t._a)
    return out


def grad_and_value(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns (gradient, value) of func, a scalar function, at its argument(s)
    argnums.

    has_aux: f returns (output, something else).

    Raises RuntimeError where func returns no scalar or there is no argument argnums.

    >>> torch.func.grad_and_value(lambda x: x**2)(torch.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        below = state.grad
        nums = positions(argnums, len(args))
        with Level(False, Running(func)) as level, Recording():
            picked = [args[n] for n in nums]
            flat, structure = flatten(picked)
            leaves = fresh(flat, level)
            inner = list(args)
            for n, x in zip(nums, unflatten(leaves, structure)):
                inner[n] = x
            out = func(*inner, **kwargs)
            aux = None
            if has_aux:
                out, aux = split_aux(out, "grad_and_value(f)(*args)")
            if not isinstance(out, Tensor):
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got type"
                    f" {type(out)}"
                )
            if out.ndim:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got"
                    f" tensor with {out.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs"
                    " instead?"
                )
            gs = unflatten(gradients([out], leaves, None, level), structure)
            g = gs[0] if isinstance(argnums, int) else tuple(gs)
            value = strip(out, level, leaves)
            result = g, value
            if has_aux:
                result = g, (value, tree_map(lambda t: strip(t, level, leaves), aux))
            return result if below else tree_map(unrecorded, result)

    return wrapper


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of func, a scalar function, at its argument(s) argnums.

    has_aux: f returns (output, something else).

    Raises RuntimeError where func returns no scalar or there is no argument argnums.

    >>> grad(lambda x: x ** 3)(torch.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g, value = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return wrapper


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), a function from cotangents of the outputs to those of the primals).

    The function may be differentiated in its turn, in the cotangents and in what the primals were
    computed from.

    has_aux: f returns (output, something else).

    Tensors have any shape; cotangents have the shapes of the outputs. Raises TypeError where func
    cannot be called; ValueError where primals is of the wrong type; RuntimeError where primals
    holds integers or booleans.

    >>> y, pullback = torch.func.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]))
    >>> pullback(torch.ones(2))
    (tensor([2., 4.]),)
    """
    below = state.grad
    with Level(False, Running(func)) as level, Recording():
        flat, structure = flatten(primals)
        leaves = fresh(flat if below else [unrecorded(x) for x in flat], level)
        out = func(*unflatten(leaves, structure))
        aux = None
        if has_aux:
            out, aux = split_aux(out, "vjp(f, *primals)")
        outs, out_structure = flatten(out)
        differentiable(outs, "vjp(f, *primals)")
        for o in outs:
            if not o.dtype.is_inexact:
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got"
                    f" Tensor with dtype {o.dtype}"
                )
    shown = unflatten([strip(o, level, leaves) for o in outs], out_structure)
    if has_aux:
        aux = tree_map(lambda t: strip(t, level, leaves), aux)
    if not below:
        shown, aux = tree_map(unrecorded, shown), tree_map(unrecorded, aux) if has_aux else None

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        cots, c_structure = flatten(cotangents)
        if c_structure is not out_structure and c_structure != out_structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of"
                f" outputs to the function: got {type(cotangents).__name__} of {len(cots)} for"
                f" {type(out).__name__} of {len(outs)}"
            )
        for c in cots:
            if not isinstance(c, Tensor):
                raise TypeError(
                    f"vjp: gradients can be either Tensors or None, but got {type(c).__name__}"
                )
        below = state.grad
        with Level(arrays=False) as inner, Recording():
            if any([c._n is not None for c in cots]):  # above all else, so that they stay recorded
                cots = [wrap(Lifted(inner, c._a if c._n is None else c)) for c in cots]
            gs = [leave(g, inner) for g in gradients(outs, leaves, cots, level, retain=True)]
        return tuple(unflatten(gs if below else [unrecorded(g) for g in gs], structure))

    return (shown, pull, aux) if has_aux else (shown, pull)


def bases(values: list[Tensor]) -> list[Tensor]:
    """For each of the values a batch like it: together the unit vectors of all elements of all
    values, in their order.
    """
    from ..api import functions as T

    total = sum([x._a.size for x in values])
    found, end = [], 0
    for x in values:
        start, end = end, end + x._a.size
        units = T.eye(total, dtype=x.dtype, device=x.device)
        columns = units if len(values) == 1 else units[:, start:end]
        found.append(columns if x.ndim == 1 else columns.reshape(total, *x.shape))
    return found


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of func by reverse mode: one row per output element, all rows in one
    vectorised pass.

    The result has shape (*output shape, *input shape) for each pair of output and argument.

    argnums: which arguments, by number. has_aux: f returns (output, something else).
    chunk_size: how many at once; None: all.

    Raises RuntimeError where func returns no tensor or there is no argument argnums, ValueError
    where chunk_size is below 1.

    >>> torch.func.jacrev(lambda x: x**2)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    from ..api import functions as T
    from .vmap import vmap

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nums = positions(argnums, len(args))

        inner = of_picked(func, nums, args, kwargs)
        r = vjp(inner, *[args[n] for n in nums], has_aux=has_aux)
        out, pull = r[0], r[1]
        outs, out_structure = flatten(out)
        flat, structure = flatten([args[n] for n in nums])

        def one(*cotangents: Any) -> Any:
            given = unflatten(list(cotangents), out_structure)
            return tuple(flatten(pull(given))[0])

        sizes = [o._a.size for o in outs]
        total = sum(sizes)
        if total == 1:  # a gradient: nothing to batch
            rows = [g.reshape(1, *g.shape) for g in one(*[T.ones_like(o) for o in outs])]
        elif total:
            rows = vmap(one, chunk_size=chunk_size)(*bases(outs))
        else:
            rows = [x.new_zeros((0, *x.shape)) for x in flat]
        parts = [rows] if len(outs) == 1 else zip(*[g.split(sizes) for g in rows])
        jac = [
            [g.reshape((*o.shape, *x.shape)) for g, x in zip(part, flat)]
            for o, part in zip(outs, parts)
        ]
        per_output = []
        for row in jac:
            tree = unflatten(row, structure)
            per_output.append(tree[0] if isinstance(argnums, int) else tuple(tree))
        result = (
            unflatten(per_output, out_structure) if out_structure is not None else per_output[0]
        )
        return (result, r[2]) if has_aux else result

    return wrapper
