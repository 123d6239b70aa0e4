"""The general way through an op: modes, interpreters, operands that are no plain arrays of one
dtype on one device, any number of arrays, out=.

The eager entry comes here for all of that. How operands are brought together is in `promotion.py`,
how results are recorded in `recording.py`.
"""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import (
    HOST,
    INTERPRETER,
    LIBRARY,
    NS,
    RANK,
    SCALARS,
    TENSOR,
    is_array,
    namespace,
    on_device,
)
from ..base import dtypes
from ..base.modes import state
from . import op_modes, views
from .error_context import REFUSALS, explain, instead_of, refuse_dtypes
from .implementations import COMPOSED
from .interp import Interp, narrowed, run_op
from .op import Op
from .op_modes import ACTIVE
from .out_argument import write_out
from .overlap import check_operands
from .plan import public_name
from .promotion import Typed, agreed, check_devices, promoted
from .recording import record
from .tensor import DRESS, Tensor, tensor_of, wrap

FLOAT32, FLOAT64 = dtypes.float32.np, dtypes.float64.np
HALVES = FLOAT16, BFLOAT16 = dtypes.float16.np, dtypes.bfloat16.np


def slow(
    op: Op, ins: tuple[Any, ...], static: dict[str, Any], out: Any = None, hidden: bool = False
) -> Any:
    """Run op on any operands; the general form of every entry.

    hidden: return the hidden outputs too, as interpreters that hold Tensors need them.
    """
    if out is not None:
        if op.kind == "elementwise" and isinstance(out, Tensor):
            check_operands(out, op.name, ins)
        return write_out(op.name, slow(op, ins, static), out, op.out)
    if ACTIVE and (mode := op_modes.runner(op)) is not None:

        def proceed(ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
            return slow(op, ins, static, None, hidden)

        return op_modes.run(mode, op, ins, static, proceed)
    if ACTIVE and (compute := op_modes.computer(op)) is not None:
        raws, nodes = unwrap(op, ins)
        result = compute(op, raws, static)
        if result is not NotImplemented:
            return finish(op, ins, raws, nodes, static, result, hidden)
    if state.levels:
        ready = interpreted(op, ins)
        if ready is not None:
            raws, nodes = ready
            return finish(op, ins, raws, nodes, static, run_op(op, raws, static), hidden)
    if op.variadic and not (hidden or state.levels):
        plain = alike(ins, op.types == "any")
        if plain and len(op.names) == 1:
            return wrap(call_library(op, NS[type(plain[0])], plain, static))
    if state.levels and any(RANK.get(type(x)) == INTERPRETER for x in ins):
        return getattr(namespace(*ins), op.name)(
            *ins, **static
        )  # within a rule: interpreters' arrays stay raw
    if COMPOSED:
        for x in ins:
            if isinstance(x, Tensor) and type(x._a) in COMPOSED:
                return COMPOSED[type(x._a)](op, ins, static)
    raws, nodes = unwrap(op, ins)
    if any([isinstance(a, Interp) and a.mixes for a in raws]):
        return finish(op, ins, raws, nodes, static, run_op(op, raws, static), hidden)
    if op.types != "any":
        if type(raws[0]) in SCALARS and op.kind == "elementwise" and not op.number_first:
            raise TypeError(
                f"{op.name}(): argument 'input' (position 1) must be Tensor, not"
                f" {type(raws[0]).__name__}: swap the operands, or make a tensor of it with"
                " torch.tensor(...)"
            )
        if op.tensors_only and any(type(a) in SCALARS for a in raws):
            raise TypeError(
                f"{op.name}(): argument 'other' (position 2) must be Tensor, not"
                f" {type(raws[-1]).__name__}: make a tensor of it with torch.tensor(...)"
            )
        given = raws
        raws = promoted(op, raws, ins) if op.types != "same" else agreed(op, raws, ins)
    if (op.real or op.inexact or op.lacks) and not state.levels:
        refuse_dtypes(op, raws)
    xp = namespace_of(op, raws)
    t = xp.array_type
    if RANK.get(t, LIBRARY) == LIBRARY:
        single = low = None
        if op.exact_numbers:
            single, low = in_single(xp, op, given, raws)
            if single is not None and type(raws[1]) is Typed:
                value = raws[1].value
                if float(raws[0].dtype.type(value)) != value:  # rules do not round it either
                    raws[1] = Typed(value, dtypes.float32)
        elif (
            op.types == "float"
            and len(raws) == 1
            and op.kind == "elementwise"
            and op.primitive
            and not op.static  # whose numbers are as they are in the operand's dtype
        ):
            single, low = widened(xp, raws[0])
        if (where := check_devices(op, raws)) is not None:
            return slow(op, tuple([brought(x, where) for x in ins]), static, None, hidden)
        if single is None:
            result = call_library(op, xp, raws, static)
        else:
            result = call_library(op, xp, single, static, low)
    else:
        raws = [a.value if type(a) is Typed else a for a in raws]
        result = getattr(xp, op.name)(*raws, **static)
    return finish(op, ins, raws, nodes, static, result, hidden)


def brought(x: Any, where: Any) -> Any:
    """An operand; a number of the CPU as a tensor on another device."""
    a = x._a if isinstance(x, Tensor) else x
    if a is None or type(a) in SCALARS or a.ndim or NS[type(a)].device_of(a) == where:
        return x
    return x.to(where) if isinstance(x, Tensor) else on_device(where).from_host(x)


def widened(xp: Any, x: Any) -> tuple[Any, Any]:
    """([x in float32], its dtype) for half precision: functions of one operand round once."""
    low = getattr(x, "dtype", None)
    return ([xp.astype(x, FLOAT32)], low) if low in (FLOAT16, BFLOAT16) else (None, None)


def in_single(xp: Any, op: Op, given: list[Any], raws: list[Any]) -> tuple[Any, Any]:
    """(operands in float32, dtype) for half precision beside a number or 0-d array that it does
    not hold: that is not rounded before the result is. (None, None) where it makes no difference.
    """
    x, y = raws
    low = getattr(x, "dtype", None)
    if low not in (FLOAT16, BFLOAT16):
        return None, None
    if type(y) is Typed:
        if type(y.value) in (float, int):
            return [xp.astype(x, FLOAT32), y.value], low
    elif not y.ndim and given[1].dtype != low:
        return [xp.astype(x, FLOAT32), xp.astype(given[1], FLOAT32)], low
    return None, None


def interpreted(op: Op, ins: tuple[Any, ...]) -> Any:
    """(raw arrays, nodes) of operands that interpreters can have as they are: at least one array
    of an interpreter, and no dtypes to bring together. None for all others.
    """
    level, d, top = -1, None, Interp
    free = op.types == "any"
    numbers = () if op.tensors_only or op.types == "same" else (float, int)
    for x in ins:
        if isinstance(x, Tensor):
            a = x._a
            if d is None:
                d = a.dtype
            elif not free and a.dtype is not d:
                return None
            if isinstance(a, Interp) and a.level > level:
                level, top = a.level, type(a)
        elif x is not None and (d is None or type(x) not in numbers):
            return None
    if level < 0 or not free and d is not FLOAT32 and d is not FLOAT64:
        return None
    raws: list[Any] = []
    nodes: list[Any] = []
    for x in ins:
        n = None
        if isinstance(x, Tensor):
            n = x._n
            if n is not None and (not isinstance(x._a, Interp) or x._a.level < level):
                if not top.joins:
                    n = None  # what it records stays recorded at its own level
            else:
                x = x._a
        raws.append(x)
        nodes.append(n)
    return raws, nodes


def alike(ins: tuple[Any, ...], mixed: bool) -> list[Any]:
    """The arrays of operands that leave nothing to prepare: unrecorded, on the CPU, and of one
    dtype unless dtypes may be mixed; else an empty list.
    """
    raws: list[Any] = []
    for x in ins:
        if type(x) is not Tensor or x._n is not None:
            return []
        raws.append(x._a)
    kind = type(raws[0])
    if not NS[kind].has(HOST):
        return []
    for a in raws:
        if type(a) is not kind or not (mixed or a.dtype == raws[0].dtype):
            return []
    return raws


def namespace_of(op: Op, raws: list[Any]) -> Any:
    try:
        return namespace(*raws)
    except TypeError:
        raise TypeError(
            f"{op.name}(): argument '{public_name(op, op.plan.input_name(0))}' must be Tensor, not "
            + (type(raws[0]).__name__ if raws else "nothing")
        ) from None


def call_library(op: Op, xp: Any, raws: list[Any], static: dict[str, Any], low: Any = None) -> Any:
    """The op's implementation on a library's arrays; its result rounded to the dtype low."""
    t = xp.array_type
    f = not op.rounds and low is None and op.impl.get(t) or op.impl.callable(t, low=low)
    options = () if op.variadic else static.values()
    try:
        if op.kind == "elementwise" and getattr(raws[0], "dtype", None) in HALVES:
            out = xp.in_half(f, *raws, *options)
        else:
            out = f(*raws, **static) if op.variadic else f(*raws, *options)
    except REFUSALS as e:
        raise explain(op, raws, e) from None
    return narrowed(op, xp, raws, out)


def unwrap(op: Op, ins: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """(raw arrays, nodes) of the operands at the highest interpreter level among them.

    Operands of a lower level go in whole, so that what they record stays recorded at their own
    level; beside an array that joins (a Dual), it is recorded at the higher level too.
    """
    raws: list[Any] = []
    nodes: list[Any] = []
    level, top = -1, Interp
    for i, x in enumerate(ins):
        if isinstance(x, Tensor):
            a = x._a
            raws.append(a)
            nodes.append(x._n)
            if isinstance(a, Interp) and a.level > level:
                level, top = a.level, type(a)
        elif x is None or type(x) in SCALARS:
            raws.append(x)
            nodes.append(None)
        else:
            raws.append(constant(op, i, x))
            nodes.append(None)
    if level >= 0 and not top.mixes:
        for i, x in enumerate(ins):
            if not isinstance(x, Tensor) or x._n is None:
                continue
            if not isinstance(x._a, Interp) or x._a.level < level:
                raws[i], nodes[i] = x, x._n if top.joins else None
    return raws, nodes


def constant(op: Op, i: int, x: Any) -> Any:
    """An operand that is neither Tensor nor Python number: a library's array or scalar."""
    if isinstance(x, (bool, int, float, complex)):  # numpy.float64 is a float
        if state.levels and hasattr(x, "dtype"):  # in a rule: what NumPy makes of 0-d arrays
            return NS[type(x)].library.asarray(x)
        return x.item() if hasattr(x, "item") else x
    if is_array(x):
        library = RANK.get(type(x), LIBRARY) == LIBRARY
        scalar = library and x.shape == () and type(x) is not NS[type(x)].array_type
        return x.item() if scalar else x
    shown = public_name(op, op.plan.input_name(i))
    raise TypeError(
        f"{op.name}(): argument '{shown}' (position {i + 1}) must be Tensor, not {type(x).__name__}"
        + instead_of(x)
    )


def finish(
    op: Op,
    ins: tuple[Any, ...],
    raws: list[Any],
    nodes: list[Any],
    static: dict[str, Any],
    result: Any,
    hidden: bool = False,
) -> Any:
    """Wrap an op's results as Tensors and record the node."""
    if len(op.names) == 1:
        t = type(result)
        if RANK.get(t) != TENSOR:  # libraries return scalars for 0-d arrays
            ns = NS[t]
            if t in DRESS:
                result = DRESS[t](result)
            else:
                result = wrap(result if t is ns.array_type else ns.asarray(result))
        if op.differentiable and state.grad and nodes.count(None) < len(nodes):
            record(op, (result,), nodes, raws, (result._a,), static)
        if op.view:
            views.register(ins[0], result, op, *static.values())
        return result
    visible = max(1, len(op.outputs))
    tensors = [a if isinstance(a, Tensor) else tensor_of(a) for a in result]
    if op.differentiable and state.grad and nodes.count(None) < len(nodes):
        record(op, tensors[:visible], nodes, raws, result, static)
    if not hidden:
        del tensors[visible:]
    return tensors[0] if len(tensors) == 1 else tuple(tensors)
