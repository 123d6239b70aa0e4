"""Functions of three tensors: addcmul, addcdiv and lerp."""

from __future__ import annotations

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import elementwise
from ...engine.op import op, primitive
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor


@primitive(elementwise, name="addcmul", told={"tensor1": "a", "tensor2": "b"})
def addcmul_op(xp, x, a, b, value=1):
    """x + value * a * b."""


addcmul_op.vjp(
    x=lambda g: g,
    a=lambda g, b, value: g * b if value == 1 else g * (b * value),
    b=lambda g, a, value: g * a if value == 1 else g * (a * value),
)


@op(elementwise, name="addcdiv", told={"tensor1": "a", "tensor2": "b"})
def addcdiv_op(xp, x, a, b, value=1):
    """x + value * a / b."""
    return x + (a if value == 1 else a * value) / b


addcdiv_op.vjp(
    x=lambda g: g,
    a=lambda g, b, value: g * (value / b),
    b=lambda g, a, b, value: -g * (a * value / (b * b)),
)


@op(elementwise, name="lerp", node="LerpBackward0", inexact=True)
def lerp_op(xp, x, end, weight):
    """x + weight * (end - x), counted from the nearer end: exact at both."""
    way = end - x
    return xp.where(xp.lt(xp.abs(weight), 0.5), x + way * weight, end - way * (1 - weight))


lerp_op.vjp(
    x=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, x, end: g * (end - x),
)


@primitive(elementwise, node="LerpBackward0", inexact=True)
def lerp_number(xp, x, end, weight=0.5):
    """x + weight * (end - x), for a weight that is a number."""


lerp_number.vjp(x=lambda g, weight: g * (1 - weight), end=lambda g, weight: g * weight)


@public(
    "addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1, out)",
    "old: addcmul(Tensor input, Scalar value, Tensor tensor1, Tensor tensor2, *, out)",
    inplace=True,
    lines=(line(addcmul_op, floating=True),),
)
def addcmul(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 * tensor2.

    >>> torch.addcmul(torch.tensor([1.]), torch.tensor([2.]), torch.tensor([3.]), value=10)
    tensor([61.])
    """
    if max(t.dtype.category for t in (input, tensor1, tensor2)) < 2:
        value = dtypes.converted(int(value), common_dtype(input, tensor1, tensor2))
    return addcmul_op.entry(input, tensor1, tensor2, value)


@public(
    "addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Scalar value=1, out)",
    "old: addcdiv(Tensor input, Scalar value, Tensor tensor1, Tensor tensor2, *, out)",
    inplace=True,
    lines=(line(addcdiv_op, floating=True),),
)
def addcdiv(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 / tensor2; integer division is not supported.

    >>> torch.addcdiv(torch.tensor([1.]), torch.tensor([6.]), torch.tensor([2.]), value=10)
    tensor([31.])
    """
    if not tensor1.dtype.is_inexact and not tensor2.dtype.is_inexact:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported: convert tensor1 or tensor2 with"
            " .float()"
        )
    return addcdiv_op.entry(input, tensor1, tensor2, value)


@public(
    "lerp(Tensor input, Tensor end, Tensor|Scalar weight, *, out)",
    inplace=True,
    lines=(
        line(lerp_number, floating=True, given="type_(weight) in REALS and -0.5 < weight < 0.5"),
    ),
)
def lerp(input, end, weight):
    """input + weight * (end - input).

    >>> torch.lerp(torch.tensor([0., 10.]), torch.tensor([10., 20.]), 0.25)
    tensor([ 2.5000, 12.5000])
    """
    if input.dtype is not end.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    if isinstance(weight, Tensor) and weight.dtype is not input.dtype:
        if weight._a.ndim == 0 and weight.dtype.category <= input.dtype.category:
            return lerp_op.entry(input, end, weight.to(input.dtype))
        raise RuntimeError(
            f"expected dtype {input.dtype} for `weight` but got dtype {weight.dtype}"
        )
    if type(weight) is bool:
        weight = int(weight)
    if type(weight) is float or type(weight) is int:
        if not -0.5 < weight < 0.5:  # from the nearer end
            return lerp_number.entry(end, input, 1 - weight)
        return lerp_number.entry(input, end, weight)
    return lerp_op.entry(input, end, weight)
