"""Factorisations of matrices: Cholesky, QR, SVD, eigenvalues, Householder products.

Derivatives are those of the textbook for distinct singular values or eigenvalues; terms that only
matter when vectors of equal values are used are left out. LU and LDL are in `lu.py`, solving with
factors in `solve.py`.
"""

from __future__ import annotations

from typing import Any

from ...base.advice import advise
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from .matrix import (
    SQUARE,
    adjoint,
    anywhere,
    check_info,
    check_matrix,
    column,
    differentiable,
    is_complex,
    leading,
    lower,
    row,
    safe_inverse,
)

# ---- Cholesky


@primitive(
    opaque, outputs="out info", integer="info", node="LinalgCholeskyExBackward0", name="cholesky"
)
def cholesky_op(xp, x, upper=False, checked=False):
    """(triangular factor of Hermitian positive matrices, info); checked: ValueError unless info is
    0.
    """


def _cholesky(xp: Any, g_out: Any, out: Any, upper: bool) -> Any:
    f, g = (adjoint(xp, out), adjoint(xp, g_out)) if upper else (out, g_out)
    p = lower(xp, xp.matmul(adjoint(xp, f), g))
    p = (p + adjoint(xp, lower(xp, p, -1))) * 0.5
    fh = adjoint(xp, f)
    left = xp.solve_triangular(fh, p, upper=True)
    return adjoint(xp, xp.solve_triangular(fh, adjoint(xp, left), upper=True))


leading(cholesky_op.vjp(complex=True, x=_cholesky), 2)


def _not_positive(i: int) -> str:
    return (
        "The factorization could not be completed because the input is not positive-definite (the "
        f"leading minor of order {i} is "
        "not positive-definite)."
    )


@public(
    "linalg.cholesky_ex(Tensor input, *, bool upper=False, bool check_errors=False, "
    "out) -> (Tensor L, Tensor info)",
    lines=(
        line(
            cholesky_op,
            floating=True,
            least=2,
            when=SQUARE,
            pair="linalg_cholesky_ex",
            checked=False,
        ),
    ),
    whole=True,
    out="exact",
)
def cholesky_ex(A, *, upper=False, check_errors=False):
    """(L, info): the Cholesky factor of A (*, n, n) and the order of the first minor that is not
    positive, or 0.

    >>> torch.linalg.cholesky_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    check_matrix("linalg.cholesky_ex", A, square=True)
    out, info = cholesky_op.entry(A, upper)
    if check_errors:
        check_info("linalg.cholesky_ex", info, _not_positive)
    return named("linalg_cholesky_ex", out, info)


@public(
    "linalg.cholesky(Tensor input, *, bool upper=False, out)",
    lines=(line(cholesky_op, floating=True, least=2, when=SQUARE, only=1, checked=True),),
    whole=True,
)
def linalg_cholesky(A, *, upper=False):
    """The Cholesky factor of Hermitian positive matrices A (*, n, n); LinAlgError where A is not.

    >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    check_matrix("linalg.cholesky", A, square=True)
    out, info = cholesky_op.entry(A, upper)
    check_info("linalg.cholesky", info, _not_positive)
    return out


@public("cholesky(Tensor input, bool upper=False, *, out)", whole=True)
def cholesky(input, upper=False):
    """The Cholesky factor of Hermitian positive matrices.

    >>> torch.cholesky(torch.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    advise(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a"
        " future PyTorch release.",
        once=True,
    )
    if not input._a.size:  # of whatever shape
        return input.clone()
    check_matrix("cholesky", input, square=True)
    out, info = cholesky_op.entry(input, upper)
    check_info("cholesky", info, _not_positive)
    return out


# ---- QR


@primitive(opaque, outputs="q r", node="LinalgQrBackward0", name="qr")
def qr_op(xp, x, mode="reduced"):
    """(Q, R)."""


def _qr(xp: Any, g_q: Any, g_r: Any, q: Any, r: Any, mode: str) -> Any:
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
            "use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients."
        )
    m, n = q.shape[-2], r.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    if m >= n:
        return _qr_tall(xp, g_q, g_r, q, r)
    # [X Y] = Q [U V] with a square X: V = Q^H Y hands its gradient to Q and Y
    first, last = (Ellipsis, slice(None, m)), (Ellipsis, slice(m, None))
    u, v, g_u, g_v = (
        xp.getitem(r, first),
        xp.getitem(r, last),
        xp.getitem(g_r, first),
        xp.getitem(g_r, last),
    )
    y = xp.matmul(q, v)
    g_x = _qr_tall(xp, g_q + xp.matmul(y, adjoint(xp, g_v)), g_u, q, u)
    return xp.cat(g_x, xp.matmul(q, g_v), dim=q.ndim - 1)


def _qr_tall(xp: Any, g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    s = xp.matmul(r, adjoint(xp, g_r)) - xp.matmul(adjoint(xp, g_q), q)
    half = lower(xp, s)
    half = half - xp.diag_matrix(xp.diag_vector(half)) * 0.5
    total = g_q + xp.matmul(q, half + adjoint(xp, half))
    return adjoint(xp, xp.solve_triangular(r, adjoint(xp, total), upper=True))


leading(qr_op.vjp(complex=True, x=_qr), 2)


@public(
    "linalg.qr(Tensor A, str mode='reduced', *, out) -> (Tensor Q, Tensor R)",
    lines=(
        line(
            qr_op,
            floating=True,
            least=2,
            given="mode in ('reduced', 'complete')",
            pair="linalg_qr",
        ),
    ),
    whole=True,
)
def linalg_qr(A, mode="reduced"):
    """(Q, R) with A = Q R, Q with orthonormal columns, R upper triangular.

    A: (*, m, n). mode: 'reduced' (Q has min(m, n) columns), 'complete' (m columns) or 'r' (Q is
    empty).

    >>> torch.linalg.qr(torch.ones(3, 2)).R.shape
    torch.Size([2, 2])
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    check_matrix("linalg.qr", A)
    return named("linalg_qr", *qr_op.entry(A, mode))


@public("qr(Tensor input, bool some=True, *, out) -> (Tensor Q, Tensor R)", whole=True)
def qr(input, some=True):
    """(Q, R) of matrices; some=False: a square Q.

    >>> torch.qr(torch.eye(2)).R.shape
    torch.Size([2, 2])
    """
    advise(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch"
        " release. The boolean parameter 'some' has been replaced with a string parameter 'mode'.",
        once=True,
    )
    check_matrix("qr", input)
    return named("qr", *qr_op.entry(input, "reduced" if some else "complete"))


# ---- SVD


@primitive(opaque, outputs="u s vh", node="LinalgSvdBackward0", name="svd")
def svd_op(xp, x, full=False):
    """(U, S, Vh)."""


def _skew(xp: Any, x: Any) -> Any:
    return x - adjoint(xp, x)


def _svd(xp: Any, g_u: Any, g_s: Any, g_vh: Any, u: Any, s: Any, vh: Any, full: bool) -> Any:
    k = s.shape[-1]
    if full:
        u, g_u = (xp.getitem(t, (Ellipsis, slice(None, k))) for t in (u, g_u))
        vh, g_vh = (xp.getitem(t, (Ellipsis, slice(None, k), slice(None))) for t in (vh, g_vh))
    m, n = u.shape[-2], vh.shape[-1]
    uh, v = adjoint(xp, u), adjoint(xp, vh)
    su = _skew(xp, xp.matmul(uh, g_u))
    sv = _skew(xp, xp.matmul(vh, adjoint(xp, g_vh)))
    s2 = s * s
    gap = safe_inverse(xp, row(xp, s2) - column(xp, s2))
    inner = (su * row(xp, s) + column(xp, s) * sv) * gap + xp.diag_matrix(g_s)
    inverse = safe_inverse(xp, s)
    if is_complex(u):
        inner = inner + xp.diag_matrix(xp.diag_vector(su) * (inverse * 0.5))
    if m > k:
        scaled = g_u * row(xp, inverse)
        left = xp.matmul(u, inner) + scaled - xp.matmul(u, xp.matmul(uh, scaled))
    else:
        left = xp.matmul(u, inner)
    out = xp.matmul(left, vh)
    if n > k:
        scaled = column(xp, inverse) * g_vh
        out = out + xp.matmul(u, scaled - xp.matmul(xp.matmul(scaled, v), vh))
    return out


leading(svd_op.vjp(complex=True, x=_svd), 2)


@primitive(opaque)
def svdvals(xp, x):
    """Singular values."""


leading(svdvals, 2)


def _driver(name: str, driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            f"{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
            "backend."
        )


@public(
    "linalg.svd(Tensor A, bool full_matrices=True, *, str? driver=None, "
    "out) -> (Tensor U, Tensor S, Tensor Vh)",
    whole=True,
)
def linalg_svd(A, full_matrices=True, *, driver=None):
    """(U, S, Vh) with A = U diag(S) Vh, the singular values S falling.

    A: (*, m, n). full_matrices: U (m, m) and Vh (n, n) instead of (m, k) and (k, n), k = min(m, n).

    >>> torch.linalg.svd(torch.diag(torch.tensor([3., 4.]))).S
    tensor([4., 3.])
    """
    check_matrix("linalg.svd", A)
    _driver("torch.linalg.svd", driver)
    return named("linalg_svd", *svd_op.entry(A, full_matrices))


@public("linalg.svdvals(Tensor A, *, str? driver=None, out)", whole=True, out="exact")
def linalg_svdvals(A, *, driver=None):
    """The singular values of A (*, m, n), falling.

    >>> torch.linalg.svdvals(torch.tensor([[3., 0.], [4., 5.]]))
    tensor([6.7082, 2.2361])
    """
    check_matrix("linalg.svdvals", A)
    _driver("torch.linalg.svdvals", driver)
    return svd_op.entry(A, False)[1] if differentiable(A) else svdvals.entry(A)


@public(
    "svd(Tensor input, bool some=True, bool compute_uv=True, *, out) -> (Tensor U, "
    "Tensor S, Tensor V)",
    whole=True,
)
def svd(input, some=True, compute_uv=True):
    """(U, S, V) with input = U diag(S) V^H; note that V is not transposed.

    >>> torch.svd(torch.diag(torch.tensor([3., 2.]))).S
    tensor([3., 2.])
    """
    check_matrix("svd", input)
    if not compute_uv:
        s = linalg_svdvals(input)
        m, n = input._a.shape[-2:]
        zeros = [input.new_zeros((*input.shape[:-2], i, i)) for i in (m, n)]
        return named("svd", zeros[0], s, zeros[1])
    u, s, vh = svd_op.entry(input, not some)
    return named("svd", u, s, vh.mH)


# ---- eigenvalues


@primitive(opaque, outputs="values vectors", node="LinalgEighBackward0")
def eigh(xp, x, lower=True):
    """(eigenvalues, eigenvectors) of Hermitian matrices."""


def _eigh(xp: Any, g_values: Any, g_vectors: Any, values: Any, vectors: Any) -> Any:
    vh = adjoint(xp, vectors)
    gap = safe_inverse(xp, row(xp, values) - column(xp, values))
    inner = _skew(xp, xp.matmul(vh, g_vectors)) * (gap * 0.5) + xp.diag_matrix(g_values)
    return xp.matmul(vectors, xp.matmul(inner, vh))


leading(eigh.vjp(complex=True, x=_eigh), 2)


@primitive(opaque)
def eigvalsh(xp, x, lower=True):
    """Eigenvalues of Hermitian matrices."""


@primitive(opaque, outputs="values vectors", node="LinalgEigBackward0")
def eig(xp, x):
    """(eigenvalues, eigenvectors)."""


def _eig(xp: Any, g_values: Any, g_vectors: Any, values: Any, vectors: Any) -> Any:
    vh = adjoint(xp, vectors)
    inner = xp.matmul(vh, g_vectors)
    inner = inner - xp.matmul(vh, vectors) * row(xp, xp.real(xp.diag_vector(inner)))
    gap = safe_inverse(xp, xp.conj(row(xp, values) - column(xp, values)))
    inner = inner * gap + xp.diag_matrix(g_values)
    return xp.solve(vh, xp.matmul(inner, vh))[0]


eig.vjp(complex=True, x=_eig)


@primitive(opaque)
def eigvals(xp, x):
    """Eigenvalues."""


for _op in (eigvalsh, eig, eigvals):
    leading(_op, 2)


def _triangle_read(name: str, which: str) -> bool:
    if not isinstance(which, str) or which.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {which} in {name}")
    return which.upper() == "L"


@public(
    "linalg.eigh(Tensor input, str UPLO='L', *, out) -> (Tensor eigenvalues, Tensor eigenvectors)",
    whole=True,
    out="exact",
)
def linalg_eigh(A, UPLO="L"):
    """(eigenvalues, eigenvectors) of Hermitian matrices A (*, n, n), eigenvalues rising; reads one
    triangle.

    >>> torch.linalg.eigh(torch.tensor([[2., 1.], [1., 2.]])).eigenvalues
    tensor([1., 3.])
    """
    low = _triangle_read("linalg.eigh", UPLO)
    check_matrix("linalg.eigh", A, square=True)
    return named("linalg_eigh", *eigh.entry(A, low))


@public("linalg.eigvalsh(Tensor input, str UPLO='L', *, out)", whole=True, out="exact")
def linalg_eigvalsh(A, UPLO="L"):
    """The eigenvalues of Hermitian matrices A (*, n, n), rising; reads one triangle.

    >>> torch.linalg.eigvalsh(torch.tensor([[2., 1.], [1., 2.]]))
    tensor([1., 3.])
    """
    low = _triangle_read("linalg.eigvalsh", UPLO)
    check_matrix("linalg.eigvalsh", A, square=True)
    return eigh.entry(A, low)[0] if differentiable(A) else eigvalsh.entry(A, low)


def _finite(name: str, A: Tensor) -> None:
    if anywhere(A, lambda values: ~(abs(values) < float("inf"))):
        raise RuntimeError(f"{name}: input tensor should not contain infs or NaNs.")


@public(
    "linalg.eig(Tensor input, *, out) -> (Tensor eigenvalues, Tensor eigenvectors)",
    whole=True,
    out="converted",
)
def linalg_eig(A):
    """(eigenvalues, eigenvectors) of square matrices A (*, n, n), always complex.

    >>> torch.linalg.eig(torch.eye(2)).eigenvalues
    tensor([1.+0.j, 1.+0.j])
    """
    check_matrix("linalg.eig", A, square=True)
    _finite("torch.linalg.eig", A)
    return named("linalg_eig", *eig.entry(A))


@public("linalg.eigvals(Tensor input, *, out)", whole=True)
def linalg_eigvals(A):
    """The eigenvalues of square matrices A (*, n, n), always complex.

    >>> torch.linalg.eigvals(torch.tensor([[0., 1.], [-1., 0.]])).abs()
    tensor([1., 1.])
    """
    check_matrix("linalg.eigvals", A, square=True)
    _finite("torch.linalg.eigvals", A)
    return eig.entry(A)[0] if differentiable(A) else eigvals.entry(A)
