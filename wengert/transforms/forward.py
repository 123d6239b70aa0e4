"""Forward-mode transforms: jvp, jacfwd, hessian, linearize."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autodiff.dual import Dual
from ..autodiff.traced import Program, Traced, replay
from ..base.modes import Level
from ..base.pytree import flatten, tree_map, unflatten
from ..engine import views
from ..engine.interp import whole
from ..engine.node import tick
from ..engine.tensor import Tensor, wrap
from .arguments import check_tensors, differentiable, of_picked, positions, split_aux
from .captured import Running
from .reverse import bases, jacrev, zeros_like


def make_dual(x: Tensor, t: Tensor, level: int) -> Tensor:
    """A Tensor of x with tangent t at a level."""
    return wrap(Dual(level, lowered(x), lowered(t)))


def lowered(x: Tensor) -> Any:
    """What the interpreter holds of x: x itself where it has a history, else its array."""
    return x if x._n is not None else x._a


def split(t: Any, level: int) -> tuple[Any, Any]:
    """(primal, tangent or None) of a result."""
    if not isinstance(t, Tensor):
        return t, None
    a = t._a
    if isinstance(a, Dual) and a.level == level:
        return up(a.content), up(a.tangent)
    return t, None


def up(v: Any) -> Tensor:
    """What an interpreter holds as a Tensor."""
    return v if isinstance(v, Tensor) else wrap(whole(v))


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """(func(*primals), the derivative of that along tangents).

    strict: raise an error for inputs that are not used. has_aux: f returns (output, something
    else).

    Each of the tangents has the shape of its primal. Raises TypeError where func cannot be called;
    RuntimeError where primals or tangents is of the wrong type or primals or tangents has another
    length.

    >>> jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(1.0),))
    (tensor(0.), tensor(1.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to"
            f" call f(*primals). Got {type(primals).__name__}"
        )
    flat, structure = flatten(primals)
    tans, t_structure = flatten(tangents)
    if structure is not t_structure and structure != t_structure:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python"
            f" structure: a tuple of {len(flat)} for a tuple of {len(flat)}; got"
            f" {type(primals).__name__} of {len(flat)} and {type(tangents).__name__} of {len(tans)}"
        )
    if not flat:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to contain at least one Tensor."
        )
    for what, values in (("primals", flat), ("tangents", tans)):
        for x in values:
            if not isinstance(x, Tensor):
                raise RuntimeError(
                    f"jvp(f, primals, tangents): Expected {what} to only contain Tensors, got"
                    f" {type(x)}"
                )
    for x, t in zip(flat, tans):
        check_floating(x)
        if x._a.shape != t._a.shape:
            raise RuntimeError(
                f"jvp: the primal has shape {tuple(x.shape)}, its tangent {tuple(t.shape)}: they"
                " must be equal"
            )
    with Level(running=Running(func)) as level:
        duals = [make_dual(x, t, level) for x, t in zip(flat, tans)]
        out = func(*unflatten(duals, structure))
        aux = None
        if has_aux:
            out, aux = split_aux(out, "jvp(f, primals, tangents)")
        outs, out_structure = flatten(out)
        differentiable(outs, "jvp(f, primals, tangents)")
        pairs = [split(o, level) for o in outs]
        if strict and any(t is None for _, t in pairs):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the"
                " inputs. This is not allowed with strict=True."
            )
        value = unflatten([p for p, _ in pairs], out_structure)
        tangent = unflatten([zeros_like(p) if t is None else t for p, t in pairs], out_structure)
        if has_aux:
            return value, tangent, tree_map(lambda t: primal(t, level), aux)
        return value, tangent


def primal(t: Any, level: int) -> Tensor:
    """An auxiliary output without what belongs to a level."""
    if not isinstance(t, Tensor):
        raise RuntimeError(f"Expected tensors, got unsupported type {type(t)}")
    return split(t, level)[0]


def check_floating(x: Tensor) -> None:
    """ValueError for a primal without derivatives."""
    if not x.dtype.is_inexact:
        raise ValueError(f"Expected primal to be floating point or complex, but got: {x.dtype}")


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The Jacobian of func by forward mode: one column per input element, all in one vectorised
    pass.

    argnums: which arguments, by number. has_aux: f returns (output, something else).
    randomness: 'error', 'same' or 'different'.

    Raises RuntimeError where func returns no tensor or there is no argument argnums.

    >>> torch.func.jacfwd(lambda x: x**2)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    from .vmap import vmap

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nums = positions(argnums, len(args))

        inner = of_picked(func, nums, args, kwargs)
        primals = tuple([args[n] for n in nums])
        flat, structure = flatten(list(primals))
        check_tensors(flat)
        out_structure: Any = None
        aux_structure: Any = None
        n_out = 0

        def one(*tangents: Any) -> Any:
            nonlocal out_structure, aux_structure, n_out
            tans = tuple(unflatten(list(tangents), structure))
            r = jvp(inner, primals, tans, has_aux=has_aux)
            leaves, out_structure = flatten(r[1])
            n_out = len(leaves)
            aux, aux_structure = flatten(r[2]) if has_aux else ([], None)
            return (*leaves, *aux)

        got = vmap(one, randomness=randomness)(*bases(flat))
        sizes = [x.numel() for x in flat]
        moved = [c.movedim(0, -1) for c in got[:n_out]]
        columns = [
            [
                part.reshape((*part.shape[:-1], *x.shape))
                for part, x in zip(c.split(sizes, -1) if len(flat) > 1 else (c,), flat)
            ]
            for c in moved
        ]
        per_output = []
        for row in columns:
            tree = unflatten(row, structure)
            per_output.append(tree[0] if isinstance(argnums, int) else tuple(tree))
        result = (
            unflatten(per_output, out_structure) if out_structure is not None else per_output[0]
        )
        if not has_aux:
            return result
        return result, unflatten([a.select(0, 0) for a in got[n_out:]], aux_structure)

    return wrapper


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The matrix of second derivatives: forward mode over reverse mode.

    argnums: which arguments, by number. func: the function.

    Raises RuntimeError where func returns no tensor or there is no argument argnums.

    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), the linear function that maps tangents to the derivative there).

    func runs once: what its derivative does to the tangents is written down, and the linear
    function repeats that. Each of the tangents has the shape of its primal. Raises ValueError for
    primals without derivatives, RuntimeError for tangents unlike the primals, and if an array that
    the derivative needs was changed in place; TypeError where func cannot be called or primals is
    no tensor.

    >>> value, push = linearize(torch.sin, torch.zeros(2))
    >>> push(torch.ones(2))
    tensor([1., 1.])
    """
    flat, structure = flatten(primals)
    for x in flat:
        if not isinstance(x, Tensor):
            raise TypeError(f"linearize: primals must be Tensors, got {type(x).__name__}")
        check_floating(x)
    program = Program()
    with Level() as outer:
        entries = [Traced(outer, program, lowered(zeros_like(x))) for x in flat]
        with Level() as level:
            duals = [wrap(Dual(level, lowered(x), t)) for x, t in zip(flat, entries)]
            outs, out_structure = flatten(func(*unflatten(duals, structure)))
            pairs = [split(o, level) for o in outs]
    value = unflatten([p for p, _ in pairs], out_structure)
    found = [t._a if t is not None and isinstance(t._a, Traced) else None for _, t in pairs]
    wanted = [t.slot for t in found if t is not None]
    program.keep(wanted)
    when, constants = tick(), program.constants()

    def push(*tangents: Any) -> Any:
        given, t_structure = flatten(tangents)
        if t_structure != structure:
            raise RuntimeError(
                "linearize: Expected the tangents to have the same structure as the primals: got"
                f" {len(given)} tensors for {len(flat)}"
            )
        for i, (x, t) in enumerate(zip(flat, given)):
            for what in ("shape", "dtype"):
                if getattr(t, what) != getattr(x, what):
                    raise RuntimeError(
                        f"linearize: tangent {i} with {what} {getattr(t, what)} doesn't match the"
                        f" {what} {getattr(x, what)} of its primal"
                    )
        if views.last_change[0] > when:
            for a in constants:
                if views.changed_since(a, when) is not None:
                    raise RuntimeError(
                        f"linearize: an array of shape {tuple(a.shape)} that the derivative needs"
                        " has been modified by an inplace operation since: linearize again"
                    )
        slots = {e.slot: lowered(t) for e, t in zip(entries, given)}
        got = iter(replay(program, slots, wanted))
        results = [zeros_like(p) if f is None else up(next(got)) for f, (p, _) in zip(found, pairs)]
        return unflatten(results, out_structure)

    return value, push
