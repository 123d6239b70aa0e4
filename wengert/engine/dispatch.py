"""The long way through an op: dtype promotion, scalars, devices, interpreters, any number of
arrays, out=.

The eager entry comes here for everything that is not plain arrays of one dtype on one device.
"""

from __future__ import annotations

from types import FunctionType
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
)
from ..base import dtypes
from ..base.modes import state
from . import op_modes, views
from .error_context import explain
from .implementations import COMPOSED
from .interp import Interp, narrowed, run_op
from .op import Op
from .op_modes import ACTIVE
from .plan import public_name
from .recording import record
from .tensor import Tensor, wrap

FLOAT32, FLOAT64 = dtypes.float32.np, dtypes.float64.np
FLOAT16, BFLOAT16 = dtypes.float16.np, dtypes.bfloat16.np


def slow(
    op: Op, ins: tuple[Any, ...], static: dict[str, Any], out: Any = None, hidden: bool = False
) -> Any:
    """Run op on any operands; the general form of every entry.

    hidden: return the hidden outputs too, as interpreters that hold Tensors need them.
    """
    if out is not None:
        if op.kind == "elementwise" and isinstance(out, Tensor):
            views.check_operands(out, op.name, ins)
        return write_out(op.name, slow(op, ins, static), out)
    if ACTIVE and (mode := op_modes.runner(op)) is not None:

        def proceed(ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
            return slow(op, ins, static, None, hidden)

        return op_modes.run(mode, op, ins, static, proceed)
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
        raws = promoted(op, raws, ins) if op.types != "same" else agreed(op, raws, ins)
    xp = namespace_of(op, raws)
    t = xp.array_type
    if RANK.get(t, LIBRARY) == LIBRARY:
        single, low = in_single(xp, op, raws)
        check_devices(op, raws)
        if single is None:
            result = call_library(op, xp, raws, static)
        else:
            result = xp.astype(call_library(op, xp, single, static), low)
    else:
        raws = [a.value if type(a) is _Typed else a for a in raws]
        result = getattr(xp, op.name)(*raws, **static)
    return finish(op, ins, raws, nodes, static, result, hidden)


def in_single(xp: Any, op: Op, raws: list[Any]) -> tuple[Any, Any]:
    """(operands in float32, dtype) for half precision beside a number that it does not hold: the
    number is not rounded before the result is. (None, None) where that makes no difference.
    """
    if op.exact_numbers and any(type(a) is _Typed and type(a.value) is float for a in raws):
        low = next(a.dtype for a in raws if type(a) is not _Typed)
        if low in (FLOAT16, BFLOAT16):
            return [a.value if type(a) is _Typed else xp.astype(a, FLOAT32) for a in raws], low
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


def call_library(op: Op, xp: Any, raws: list[Any], static: dict[str, Any]) -> Any:
    """The op's implementation on a library's arrays."""
    f = op.impl.get(xp.array_type) or op.impl.callable(xp.array_type)
    try:
        out = f(*raws, **static) if op.variadic else f(*raws, *static.values())
    except (ValueError, TypeError) as e:
        raise explain(op, raws, e) from e
    return narrowed(op, xp, raws, out)


def slow_operator(op: Op, ins: tuple[Any, ...], static: dict[str, Any], out: Any = None) -> Any:
    """The long way from a Python operator: operands that are not ours get their own turn."""
    for x in ins:
        if not isinstance(x, Tensor) and type(x) not in SCALARS and not is_array(x):
            return NotImplemented
    return slow(op, ins, static)


def as_operator(f: Any) -> Any:
    """An entry as Python's operator method."""
    g = FunctionType(
        f.__code__,
        {**f.__globals__, "slow": slow_operator},
        f.__name__,
        f.__defaults__,
        f.__closure__,
    )
    g.__kwdefaults__ = f.__kwdefaults__
    return g


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
    if level >= 0:
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
        if (
            getattr(x, "shape", None) == ()
            and hasattr(x, "item")
            and RANK.get(type(x), LIBRARY) == LIBRARY
        ):
            return x.item() if not hasattr(x, "base") or type(x).__name__ != "ndarray" else x
        return x
    shown = public_name(op, op.plan.input_name(i))
    raise TypeError(
        f"{op.name}(): argument '{shown}' (position {i + 1}) must be Tensor, not {type(x).__name__}"
        + (": make one with torch.tensor(...)" if isinstance(x, (list, tuple)) else "")
    )


def result_dtype(operands: Any) -> dtypes.dtype:
    """PyTorch's promotion: dimensioned tensors first, then 0-d tensors, then Python numbers, by
    category.
    """
    dim = zero = scalar = None
    for x in operands:
        if x is None:
            continue
        t = type(x)
        if t in SCALARS:
            d = dtypes.BY_PYTHON[t]
            if t is float:
                d = dtypes.get_default_dtype()
            elif t is complex:
                d = dtypes.get_default_dtype().to_complex()
            scalar = d if scalar is None else dtypes.promote_types(scalar, d)
        else:
            d = dtypes.as_dtype(x.dtype)
            if x.ndim:
                dim = d if dim is None else dtypes.promote_types(dim, d)
            else:
                zero = d if zero is None else dtypes.promote_types(zero, d)
    best = dim
    for other in (zero, scalar):
        if other is None:
            continue
        if best is None:
            best = other
        elif other.category > best.category:
            # only the category of the weaker operand counts
            if other is scalar and other.category == 3 and best.category == 2:
                best = best.to_complex()
            elif other is scalar or best.category < 2 or dim is None:
                best = dtypes.promote_types(best, other)
            else:
                best = dtypes.promote_types(best, other)
    assert best is not None
    return best


def promoted(op: Op, raws: list[Any], ins: tuple[Any, ...]) -> list[Any]:
    """The operands cast to their common dtype."""
    target = result_dtype(raws)
    if op.types == "float" and target.category < 2:
        target = dtypes.get_default_dtype()
    return [cast(a, target) for a in raws]


def cast(a: Any, target: dtypes.dtype) -> Any:
    """An operand in a dtype; Python numbers become 0-d arrays only where they would not be weak."""
    t = type(a)
    if a is None:
        return None
    if t in SCALARS:
        if t is bool:
            a = int(a) if target.category else a
        return (
            a
            if target.name in ("float32", "float64", "complex64", "complex128")
            else _Typed(a, target)
        )
    if dtypes.as_dtype(a.dtype) is target:
        return a
    return NS[t].astype(a, target.np)


class _Typed:
    """A Python number waiting for a namespace to become a 0-d array of a dtype."""

    def __init__(self, value: Any, dtype: dtypes.dtype) -> None:
        self.value, self.dtype = value, dtype


def agreed(op: Op, raws: list[Any], ins: tuple[Any, ...]) -> list[Any]:
    """The operands, which must have one dtype."""
    found = [a.dtype for a in raws if a is not None and type(a) not in SCALARS]
    for d in found[1:]:
        if dtypes.as_np(d) != dtypes.as_np(found[0]):
            shown = " and ".join(str(dtypes.as_dtype(x)) for x in dict.fromkeys(found))
            raise RuntimeError(
                f"{op.name}: expected all tensors to have the same dtype, but got {shown}: convert"
                " one with .to(dtype)"
            )
    return raws


def check_devices(op: Op, raws: list[Any]) -> None:
    """Refuse operands of different devices, and make 0-d arrays of the numbers that need a
    dtype.
    """
    main = None
    for a in raws:
        if a is None or type(a) in SCALARS or type(a) is _Typed:
            continue
        dev = NS[type(a)].device_of(a)
        if main is None or (main.type == "cpu" and raws[0].ndim == 0):
            main = dev
        elif dev != main and not (dev.type == "cpu" and a.ndim == 0):
            raise RuntimeError(
                f"{op.name}: Expected all tensors to be on the same device, but found at least two"
                f" devices, {main} and {dev}! Move one with .to(device)."
            )
    for i, a in enumerate(raws):
        if type(a) is _Typed:
            arrays = [b for b in raws if type(b) is not _Typed]
            raws[i] = namespace(*arrays).scalar(a.value, a.dtype.np)


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
            result = wrap(result if t is ns.array_type else ns.asarray(result))
        if op.differentiable and state.grad and nodes.count(None) < len(nodes):
            record(op, (result,), nodes, raws, (result._a,), static)
        if op.view:
            views.register(ins[0], result, op, *static.values())
        return result
    visible = max(1, len(op.outputs))
    tensors = [a if isinstance(a, Tensor) else wrap(a) for a in result]
    if op.differentiable and state.grad and nodes.count(None) < len(nodes):
        record(op, tensors[:visible], nodes, raws, result, static)
    if not hidden:
        del tensors[visible:]
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


def write_out(name: str, result: Any, out: Any) -> Any:
    """Put results into the tensors given as out=, resizing them as PyTorch does; returns out."""
    if isinstance(result, (tuple, list)):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): out must be a tuple of {len(result)} tensors")
        for r, o in zip(result, out):
            write_out(name, r, o)
        return type(result)(*out) if hasattr(result, "_fields") else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if state.grad and (result._n is not None or out._n is not None):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation,"
            " but one of the arguments requires grad: leave out= away, or work under"
            " torch.no_grad()."
        )
    if not can_store(result.dtype, out.dtype):
        raise RuntimeError(
            f"{name}(): result type {result.dtype} can't be cast to the desired output type"
            f" {out.dtype}"
        )
    if result.device != out.device:
        raise RuntimeError(
            f"{name}(): Expected out tensor to be on {result.device}, but it is on {out.device}"
        )
    if tuple(out._a.shape) != tuple(result._a.shape):
        if out._a.size:
            import warnings

            warnings.warn(
                "An output with one or more elements was resized since it had shape"
                f" {list(out._a.shape)}, which does not match the required output shape"
                f" {list(result._a.shape)}. This behavior is deprecated: resize it to 0 elements"
                " first.",
                stacklevel=4,
            )
        resize(out, tuple(result._a.shape))
    views.check_overlap(out, name)
    views.store(out, result._a)
    return out


def resize(t: Tensor, shape: tuple[int, ...]) -> None:
    """Give t another shape, in the memory that it has if that suffices."""
    a = t._a
    xp = NS[type(a)]
    library = not RANK.get(type(a), 0)
    t._a = xp.resized(a, shape) if library else xp.empty(shape, a.dtype)
    if t._x is not None and t._x.base is not None:
        t._x = None  # no longer the view it was


def can_store(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether in-place and out= accept a result of one dtype in a tensor of another."""
    return from_.category <= to.category or (from_.category == 0)
