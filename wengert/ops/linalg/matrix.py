"""What the linear algebra files share: checks, transposes, triangles, diagonals as ops and helpers
of rules.

Factorisations are in `decompositions.py`, equations in `solve.py`, numbers that describe a matrix
in `properties.py`, products in `products.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.lookup import HOST, INTERPRETER, NS, RANK, VALUES
from ...base import dtypes
from ...base.errors import LinAlgError
from ...base.modes import state
from ...engine import native
from ...engine.kinds import movement
from ...engine.op import Op, primitive
from ...engine.tensor import Tensor
from ..batching import front

NAMES = {
    "float16": "Half",
    "bfloat16": "BFloat16",
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
}


# ---- checks

SQUARE = "a0.shape[-1] == a0.shape[-2]"  # what a straight line asks of its first operand


def check_tensor(name: str, x: Any, argument: str = "A", position: int = 1) -> None:
    """TypeError unless x is a Tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not "
            f"{type(x).__name__}"
        )


# PyTorch says RuntimeError to half precision here, elsewhere NotImplementedError; and the other way
# round for integers
LOW_IS_REFUSED = {
    "linalg.inv",
    "linalg.inv_ex",
    "linalg.slogdet",
    "logdet",
    "torch.linalg.lstsq",
    "linalg.pinv",
    "linalg.matrix_rank",
    "tensorinv",
}
INTEGERS_NOT_IMPLEMENTED = {
    "linalg.eigh",
    "linalg.eigvalsh",
    "cholesky",
    "linalg.solve_triangular",
    "triangular_solve",
    "cholesky_solve",
    "cholesky_inverse",
    "lu",
    "linalg.lu",
    "torch.linalg.lu_factor",
    "torch.linalg.lu_factor_ex",
    "torch.geqrf",
    "torch.linalg.householder_product",
    "torch.ormqr",
}


# Where no kernel is asked for matrices without elements, half precision is taken.
EMPTY_IS_TAKEN = {
    "linalg.cholesky", "linalg.cholesky_ex", "linalg.svd", "linalg.det", "linalg.solve",
    "linalg.lu", "torch.linalg.lu_factor", "torch.linalg.ldl_factor",
}  # fmt: skip
PLAIN = {dtypes.float32.np, dtypes.float64.np}  # what nothing refuses


def check_floating(name: str, x: Tensor, low: bool = False) -> None:
    """RuntimeError unless x is floating or complex (of at least single precision unless low)."""
    if x._a.dtype in PLAIN:
        return
    d = x.dtype
    shown = NAMES.get(d.name, d.name)
    if not d.is_inexact:
        if name in INTEGERS_NOT_IMPLEMENTED:
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{shown}': convert it with .float()"
            )
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {shown}: convert "
            "it with .float()"
        )
    if not low and d.itemsize < 4:
        if name in LOW_IS_REFUSED:
            raise RuntimeError(
                f"{name}: Low precision dtypes not supported. Got {shown}: convert it with .float()"
            )
        if name in EMPTY_IS_TAKEN and 0 in x._a.shape:
            return
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{shown}': convert it with .float()"
        )


def check_matrix(
    name: str, x: Any, argument: str = "A", square: bool = False, floating: bool = True
) -> None:
    """The checks of an argument that is a batch of (square) floating matrices."""
    a: Any = x._a if type(x) is Tensor else None
    plain = a is not None and a.ndim > 1 and a.dtype in PLAIN
    if plain and (not square or a.shape[-1] == a.shape[-2]):
        return
    check_tensor(name, x, argument)
    if x._a.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions, but it has "
            f"shape {list(x.shape)}."
        )
    if square and x._a.shape[-1] != x._a.shape[-2]:
        m, n = x._a.shape[-2:]
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {m} by {n} "
            "matrices"
        )
    if floating:
        check_floating(name, x)


def check_same_dtype(name: str, x: Tensor, y: Tensor, first: str = "A", second: str = "B") -> None:
    """RuntimeError unless both have one dtype."""
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of "
            f"type {x.dtype} and "
            f"{second} of type {y.dtype} instead"
        )


def bottom(x: Any) -> Any:
    """The array below Tensors and interpreters; None where there is none (tracing)."""
    while True:
        if isinstance(x, Tensor):
            x = x._a
        elif RANK.get(type(x)) == INTERPRETER:
            x = getattr(x, "content", None)
        else:
            return x


def anywhere(x: Any, test: Callable[[Any], Any] | None = None) -> bool | None:
    """Whether test holds for a number of the array below x, or one is not zero; None where there
    are no numbers. It is asked where the array lies, and one bool comes back.
    """
    a = bottom(x)
    if a is None:
        return None
    xp = NS[type(a)]
    if xp.has(HOST):
        return bool((a if test is None else test(a)).any())
    if not xp.has(VALUES):
        return None
    with xp.of(a).current():
        return bool(xp.any(a if test is None else test(a), None, False).item())


def check_info(name: str, info: Any, what: Callable[[int], str]) -> None:
    """LinAlgError with what(first non-zero value of info) where LAPACK reported a failure."""
    if native.within(info, 0, 1) or not anywhere(info):
        return
    values = bottom(info)
    flat = NS[type(values)].to_host(values).reshape(-1)
    first = next(i for i, v in enumerate(flat) if v)
    where = f"(Batch element {first}): " if values.ndim else ""
    raise LinAlgError(f"{name}: {where}{what(int(flat[first]))}")


def singular(action: str) -> Callable[[int], str]:
    """The text of check_info for a zero pivot."""
    return lambda i: (
        f"The diagonal element {i} is zero, the {action} could not be completed because the input "
        "matrix is "
        "singular."
    )


def differentiable(*tensors: Tensor) -> bool:
    """Whether a derivative of these may be asked for."""
    for t in tensors:
        if t._n is not None and state.grad or RANK.get(type(t._a)) == INTERPRETER:
            return True
    return False


# ---- for rules


def is_complex(x: Any) -> bool:
    return dtypes.as_dtype(x.dtype).is_complex


def conj(xp: Any, x: Any) -> Any:
    """The conjugate; real arrays as they are."""
    return xp.conj(x) if is_complex(x) else x


def adjoint(xp: Any, x: Any) -> Any:
    """The conjugate transpose of matrices."""
    return conj(xp, xp.transpose(x, -2, -1))


def column(xp: Any, x: Any) -> Any:
    """Vectors as matrices of one column."""
    return xp.unsqueeze(x, x.ndim)


def row(xp: Any, x: Any) -> Any:
    """Vectors as matrices of one row."""
    return xp.unsqueeze(x, x.ndim - 1)


def safe_inverse(xp: Any, x: Any) -> Any:
    """1 / x, and 0 where x is 0: what makes equal singular values harmless to whoever only uses the
    values.
    """
    zero = xp.eq(x, 0)
    return xp.where(zero, xp.zeros_like(x), 1 / xp.where(zero, xp.ones_like(x), x))


def no_derivative(name: str) -> Any:
    """The rule of an op that PyTorch has no derivative of."""

    def rule(xp: Any, x_shape: Any) -> Any:
        raise NotImplementedError(f"derivative for {name} is not implemented")

    return rule


# ---- vmap


def leading(o: Op, *cores: int) -> Op:
    """Give o the vmap rule of an op whose arrays have core dimensions last and any batch dimensions
    before.
    """

    def rule(xp: Any, size: int, flags: Any, *arrays: Any, **static: Any) -> Any:
        if o.many:  # results that depend on one array only have the batch in front too
            arrays = tuple([front(a, f, size) for a, f in zip(arrays, flags)])
            flags = [True] * len(arrays)
        batch = max(a.ndim - f - c for a, f, c in zip(arrays, flags, cores))
        out = []
        for a, f, c in zip(arrays, flags, cores):
            missing = batch - (a.ndim - f - c)
            if f and missing:
                s = tuple(a.shape)
                a = xp.reshape(a, (s[0], *(1,) * missing, *s[1:]))
            out.append(a)
        return getattr(xp, o.name)(*out, **static)

    return o.batch(rule)


# ---- parts


@primitive(movement, node="TrilBackward0")
def triangle(xp, x, diagonal=0, upper=False):
    """The lower (or upper) triangle of matrices, zero elsewhere."""


triangle.vjp(x=lambda xp, g, diagonal, upper: xp.triangle(g, diagonal, upper))


@primitive(movement, node="DiagonalBackward0")
def diag_vector(xp, x):
    """The main diagonals of matrices."""


@primitive(movement, node="DiagEmbedBackward0")
def diag_matrix(xp, x, rows=None, columns=None):
    """Matrices with x on the main diagonal."""


diag_vector.vjp(x=lambda xp, g, x_shape: xp.diag_matrix(g, x_shape[-2], x_shape[-1]))
diag_matrix.vjp(x=lambda xp, g: xp.diag_vector(g))
leading(triangle, 2)
leading(diag_vector, 2)
leading(diag_matrix, 1)


def lower(xp: Any, x: Any, diagonal: int = 0) -> Any:
    return xp.triangle(x, diagonal, False)


def upper(xp: Any, x: Any, diagonal: int = 0) -> Any:
    return xp.triangle(x, diagonal, True)
