"""addr: the outer product of two vectors, added to a matrix.

What lives here: the function and its op. What does not: matrix products (`products.py`).
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import op
from .matrix import check_tensor
from .products import expandable, outer


def scaled(xp: Any, x: Any, factor: Any) -> Any:
    """x times a number, rounded once to the dtype of x."""
    if factor == 1:
        return x
    d = dtypes.as_dtype(x.dtype)
    if d.itemsize == 2 and d.is_floating_point:
        return xp.astype(xp.astype(x, dtypes.float32) * factor, x.dtype)
    return x * factor


@op(opaque, types="promote", name="addr")
def addr_op(xp, x, v, w, beta=1, alpha=1, v_dtype=None, w_dtype=None):
    """beta * x + alpha * outer(v, w); the dtypes of v and w as they were given."""
    p = xp.unsqueeze(scaled(xp, v, alpha), 1) * xp.unsqueeze(w, 0)
    return p if beta == 0 else p + scaled(xp, x, beta)


def conjugate(factor: Any) -> Any:
    return factor.conjugate() if isinstance(factor, complex) else factor


def of_one_dtype(g: Any, given: dtypes.dtype) -> Any:
    """g, if the vector that it is multiplied by was given in its dtype; else RuntimeError."""
    if given is not dtypes.as_dtype(g.dtype):
        raise RuntimeError(
            f"addr: there is no gradient where a vector is {given} and the result "
            f"{dtypes.as_dtype(g.dtype)}: convert it with .to()"
        )
    return g


addr_op.vjp(
    x=lambda xp, g, beta: scaled(xp, g, conjugate(beta)),
    v=lambda xp, g, w, alpha, w_dtype: scaled(
        xp, xp.mv(of_one_dtype(g, w_dtype), xp.conj(w)), conjugate(alpha)
    ),
    w=lambda xp, g, v, alpha, v_dtype: scaled(
        xp, xp.mv(xp.transpose(of_one_dtype(g, v_dtype), 0, 1), xp.conj(v)), conjugate(alpha)
    ),
    complex=True,
)


@public(
    "addr(Tensor input, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1, out)",
    "old: addr(Scalar beta, Tensor input, Scalar alpha, Tensor vec1, Tensor vec2, *, out)",
    "old: addr(Scalar beta, Tensor input, Tensor vec1, Tensor vec2, *, out)",
    inplace=True,
    out="apart",
)
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2).

    >>> torch.addr(torch.zeros(2), torch.ones(2), torch.ones(2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    for t, what in ((vec1, "vec1"), (vec2, "vec2")):
        check_tensor("addr", t, what)
        if t._a.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {what}, but got {t._a.ndim}-D")
    expandable("addr", input, (vec1._a.shape[0], vec2._a.shape[0]))
    target = dtypes.promote_types(dtypes.promote_types(vec1.dtype, vec2.dtype), input.dtype)
    _numbers_promoted("addr", target, beta, alpha)
    if target.category == dtypes.BOOLEAN:
        p = outer(vec1, vec2) if alpha else outer(vec1, vec2) & False
        return p if not beta else p | input
    if target.category == dtypes.INTEGRAL:
        beta, alpha = [dtypes.converted(n, target) for n in (beta, alpha)]
    x = input if input.dtype is target else input.to(target)
    x = x if x._a.ndim else x.reshape(1)
    return addr_op.entry(x, vec1, vec2, beta, alpha, vec1.dtype, vec2.dtype)


def _numbers_promoted(name: str, target: Any, beta: Any, alpha: Any) -> None:
    for v, what in ((beta, "beta"), (alpha, "alpha")):
        if not target.is_inexact and isinstance(v, float):
            raise RuntimeError(
                f"{name}: For integral input tensors, argument {what} must not be a floating point "
                "number."
            )
        if not target.is_complex and isinstance(v, complex):
            raise RuntimeError(
                f"{name}: For non-complex input tensors, argument {what} must not be a complex "
                "number."
            )
