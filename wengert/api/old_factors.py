"""Factorisations under LAPACK's names, as torch had them until 1.0: they work, and say once which
function has come in their place. What was called by words of its own is in `old_names.py`.
"""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from . import functions as T
from .old_names import LeastSquares, Solution, delivered, gone, nearest, solved

__all__ = [
    "btrifact", "btrifact_with_info", "btrisolve", "btriunpack", "gels", "gesv", "potrf", "potri",
    "potrs", "trtrs",
]  # fmt: skip


def gesv(B: Tensor, A: Tensor, *, out: Any = None) -> Solution:
    """torch.solve(B, A): the X of A @ X = B, A (*, n, n), B (*, n, k), and the factors of A.

    out: the tensors to write into.

    Raises TypeError where B or A is no tensor; RuntimeError where B or A holds integers, booleans
    or complex numbers or A has a shape that does not fit.

    >>> torch.gesv(torch.tensor([[2.0]]), torch.tensor([[4.0]]))[0]
    tensor([[0.5000]])
    """
    return solved("gesv", B, A, out)


def gels(B: Tensor, A: Tensor, *, out: Any = None) -> LeastSquares:
    """torch.lstsq(B, A): the X (max(m, n), k) whose first n rows make A @ X nearest to B.

    B is of shape (m, k), A of shape (m, n). out: the tensors to write into.

    Raises TypeError where B or A is no tensor; RuntimeError where B or A has a shape that does not
    fit or B or A holds integers, booleans or complex numbers.

    >>> torch.gels(torch.tensor([[1.0], [3.0]]), torch.ones(2, 1))[0][0].round(decimals=4)
    tensor([2.])
    """
    return nearest("gels", B, A, out)


def potrf(input: Tensor, upper: bool = True, *, out: Any = None) -> Tensor:
    """The factor u, u.T @ u = input, of a symmetric positive definite matrix (n, n).

    upper: whether u is an upper triangle; False: the l of l @ l.T. out: the tensor to write into.

    Raises TypeError where input is no tensor; RuntimeError where input has a shape that does not
    fit, holds integers or booleans or is not positive definite.

    >>> torch.potrf(torch.diag(torch.tensor([4.0, 9.0])))
    tensor([[2., 0.],
            [0., 3.]])
    """
    gone("potrf", "torch.linalg.cholesky(A, upper=True)")
    return delivered("potrf", T.resolve("linalg", "cholesky")(input, upper=upper), out)


def potrs(b: Tensor, u: Tensor, upper: bool = True, *, out: Any = None) -> Tensor:
    """The x of A @ x = b, where u is the factor of the matrix A that potrf gives.

    b: of shape (n, k). u: of shape (n, n).

    upper: whether u is an upper triangle. out: the tensor to write into.

    Raises TypeError where b or u is no tensor; RuntimeError where b or u has a shape that does not
    fit or holds integers or booleans.

    >>> torch.potrs(torch.tensor([[8.0]]), torch.tensor([[2.0]]))
    tensor([[2.]])
    """
    gone("potrs", "torch.cholesky_solve(b, u, upper=True)")
    return delivered("potrs", T.cholesky_solve(b, u, upper), out)


def potri(input: Tensor, upper: bool = True, *, out: Any = None) -> Tensor:
    """The inverse of a matrix of which input (n, n) is the factor that potrf gives.

    upper: whether input is an upper triangle. out: the tensor to write into.

    Raises TypeError where input is no tensor; RuntimeError where input has a shape that does not
    fit or holds integers or booleans.

    >>> torch.potri(torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    gone("potri", "torch.cholesky_inverse(u, upper=True)")
    return delivered("potri", T.cholesky_inverse(input, upper), out)


def trtrs(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Any = None,
) -> Any:
    """The X of A @ X = b, where one triangle of the matrix A is read; and that triangle.

    b: of shape (n, k). A: of shape (n, n).

    upper: which. transpose: of A.T @ X = b. unitriangular: the diagonal is taken for 1. out: the
    tensors to write into.

    Raises TypeError where b or A is no tensor; RuntimeError where b or A has a shape that does not
    fit or holds integers or booleans.

    >>> torch.trtrs(torch.tensor([[8.0]]), torch.tensor([[2.0]]))[0]
    tensor([[4.]])
    """
    gone("trtrs", "torch.linalg.solve_triangular(A, b, upper=True), with A first")
    matrix = A.transpose(-1, -2) if transpose else A
    found = T.resolve("linalg", "solve_triangular")(
        matrix, b, upper=upper != transpose, unitriangular=unitriangular
    )
    return delivered("trtrs", (found, A.triu() if upper else A.tril()), out)


def btrifact(A: Tensor, info: Any = None, pivot: bool = True) -> tuple[Tensor, Tensor]:
    """The LU factors of matrices in one matrix each, and their pivots, (b, n), from 1.

    A: of shape (b, n, n). info: an integer tensor (b,), set to 0 where a matrix could be factored.
    pivot: exchange rows, without which PyTorch's CPU has no factors.

    Raises TypeError where A is no tensor; RuntimeError where A has a shape that does not fit or A
    holds integers or booleans.

    >>> torch.btrifact(torch.tensor([[[2.0]]]))
    (tensor([[[2.]]]), tensor([[1]], dtype=torch.int32))
    """
    gone("btrifact", "torch.linalg.lu_factor(A)")
    factors, pivots, failed = T.resolve("linalg", "lu_factor_ex")(A, pivot=pivot)
    if info is not None:
        info.resize_(failed.shape).copy_(failed)
    return factors, pivots


def btrifact_with_info(A: Tensor, pivot: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """The LU factors of matrices, their pivots, and where that failed: 0, or which diagonal element
    is 0.

    A: of shape (b, n, n). pivot: exchange rows.

    Raises TypeError where A is no tensor; RuntimeError where A has a shape that does not fit or A
    holds integers or booleans.

    >>> torch.btrifact_with_info(torch.tensor([[[0.0]]]))[2]
    tensor([1], dtype=torch.int32)
    """
    gone("btrifact_with_info", "torch.linalg.lu_factor_ex(A)")
    factors, pivots, failed = T.resolve("linalg", "lu_factor_ex")(A, pivot=pivot)
    return factors, pivots, failed


def btrisolve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Any = None) -> Tensor:
    """The x of A @ x = b for each of a batch, by what btrifact gives of the matrices A.

    b: of shape (batch, n) or (batch, n, k). LU_data: the factors, of shape (batch, n, n).
    LU_pivots: the pivots, of shape (batch, n). out: the tensor to
    write into.

    Raises TypeError where b, LU_data or LU_pivots is no tensor; RuntimeError where one of them has
    a shape that does not fit, b or LU_data holds integers or booleans or LU_pivots holds no int32.

    >>> torch.btrisolve(torch.tensor([[8.0]]), *torch.btrifact(torch.tensor([[[2.0]]])))
    tensor([[4.]])
    """
    gone("btrisolve", "torch.linalg.lu_solve(LU, pivots, b)")
    solve = T.resolve("linalg", "lu_solve")
    if b.dim() == LU_data.dim():
        found = solve(LU_data, LU_pivots, b)
    else:
        found = solve(LU_data, LU_pivots, b.unsqueeze(-1)).squeeze(-1)
    return delivered("btrisolve", found, out)


def btriunpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """P, L and U of A = P @ L @ U, from what btrifact gives of the matrices A.

    LU_data: the factors, of shape (b, n, n). LU_pivots: the pivots, of shape (b, n).
    unpack_data, unpack_pivots: whether L and U, and whether P, are wanted; else they are without
    elements.

    >>> [x.item() for x in torch.btriunpack(*torch.btrifact(torch.tensor([[[2.0]]])))]
    [1.0, 1.0, 2.0]
    """
    gone("btriunpack", "torch.lu_unpack(LU, pivots)")
    return T.lu_unpack(LU_data, LU_pivots, unpack_data, unpack_pivots)
