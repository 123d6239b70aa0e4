"""What is done with operands before an op runs: one dtype (PyTorch's promotion), one device."""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import NS, SCALARS, VALUES, namespace
from ..base import dtypes
from .error_context import apart
from .op import Op


def common_dtype(*operands: Any) -> dtypes.dtype:
    """result_dtype() of Tensors, arrays and numbers."""
    return result_dtype([getattr(x, "_a", x) for x in operands])


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
            if other.is_complex:
                best = best.to_complex() if best.is_floating_point else other
            else:
                best = dtypes.promote_types(best, other)
    assert best is not None
    return best


def promoted(op: Op, raws: list[Any], ins: tuple[Any, ...]) -> list[Any]:
    """The operands cast to their common dtype."""
    target = result_dtype(raws)
    if op.types == "float" and not target.is_inexact:
        target = dtypes.get_default_dtype()
    for a in raws:
        if a is None and not op.optional:  # which conversions take for a nan
            raise TypeError(f"{op.name}(): arguments must be tensors or numbers, not None")
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
            else Typed(a, target)
        )
    if dtypes.as_dtype(a.dtype) is target:
        return a
    return NS[t].astype(a, target.np)


class Typed:
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


def check_devices(op: Op, raws: list[Any]) -> Any:
    """Refuse operands of different devices, and make 0-d arrays of the numbers that need a dtype.

    Returns the device where 0-d arrays of the CPU have to be copied first; None if there are none.
    """
    main = None
    first, mixed = 0, False
    for i, a in enumerate(raws):
        if a is None or type(a) in SCALARS or type(a) is Typed:
            continue
        dev = NS[type(a)].device_of(a)
        if main is None:
            main, first = dev, i
        elif dev is not main and dev != main:
            mixed = True
            if dev.type == "cpu" and a.ndim == 0:
                continue
            if main.type != "cpu" or raws[first].ndim:
                raise RuntimeError(apart(op, first, main, i, dev))
            main, first = dev, i
    if mixed and NS[type(raws[first])].has(VALUES):
        return main
    for i, a in enumerate(raws):
        if type(a) is Typed:
            arrays = [b for b in raws if type(b) is not Typed]
            raws[i] = namespace(*arrays).scalar(a.value, a.dtype.np)
    return None
