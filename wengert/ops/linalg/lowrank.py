"""Some singular values or eigenvalues of large matrices, by products with them: svd_lowrank,
pca_lowrank, lobpcg.
"""

from __future__ import annotations

from typing import Any

from ...declare.registry import function, public
from ...engine.tensor import Tensor
from .decompositions import linalg_cholesky, linalg_eigh, qr_op, svd_op
from .matrix import differentiable
from .solve import linalg_solve_triangular


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span the range of A: a sample, refined by powers of A A^H."""
    sample = function("randn")(A.shape[-1], q, dtype=A.dtype, device=A.device)
    basis = qr_op.entry(A @ sample, "reduced")[0]  # which autocast casts
    for _ in range(niter):
        basis = qr_op.entry(A.mH @ basis, "reduced")[0]
        basis = qr_op.entry(A @ basis, "reduced")[0]
    return basis


@public(
    "svd_lowrank(Tensor A, int? q=6, int? niter=2, Tensor? M=None) -> any",
    method=False,
    foreign=False,
)
def svd_lowrank(A, q=6, niter=2, M=None):
    """(U, S, V): about the q largest singular values of A (*, m, n), or of A - M, from a random
    sample of its range.

    niter: refinements of the sample. U: (*, m, q), S: (*, q), V: (*, n, q).

    >>> torch.svd_lowrank(torch.ones(5, 4), 2)[1].shape
    torch.Size([2])
    """
    q = 6 if q is None else q
    if M is not None:
        A = A - M.broadcast_to(tuple(A.shape))
    wide = A.shape[-2] < A.shape[-1]
    x = A.mH if wide else A
    basis = _basis(x, q, niter)
    u, s, vh = svd_op.entry(basis.mH @ x, False)
    u, v = basis @ u, vh.mH
    return (v, s, u) if wide else (u, s, v)


@public(
    "pca_lowrank(Tensor A, int? q=None, bool center=True, int niter=2) -> any",
    method=False,
    foreign=False,
)
def pca_lowrank(A, q=None, center=True, niter=2):
    """(U, S, V) of about the first q principal components of A's rows; V's columns are their
    directions.

    q: min(6, m, n) by default. center: subtract the mean row first.

    >>> torch.pca_lowrank(torch.ones(5, 4), 2)[2].shape
    torch.Size([4, 2])
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, True) if center else A, q, niter)


@public(
    "lobpcg(Tensor A, int? k=None, Tensor? B=None, Tensor? X=None, int? n=None, "
    "Tensor? iK=None, int? niter=None, float? tol=None, bool? largest=None, "
    "str? method=None, any tracker=None, any ortho_iparams=None, "
    "any ortho_fparams=None, any ortho_bparams=None) -> Tensor[]",
    method=False,
    foreign=False,
)
def lobpcg(
    A,
    k=None,
    B=None,
    X=None,
    n=None,
    iK=None,
    niter=None,
    tol=None,
    largest=None,
    method=None,
    tracker=None,
    ortho_iparams=None,
    ortho_fparams=None,
    ortho_bparams=None,
):
    """(E, X): the k largest (or smallest) eigenvalues of A x = e B x and their vectors, by
    conjugate gradients.

    A: (*, m, m) symmetric; B: the same, positive, or None. X: a first guess (*, m, n), n >= k
    columns. iK: a preconditioner. niter, tol: when to stop; m must be at least 3 n.

    >>> torch.lobpcg(torch.diag(torch.arange(1., 10.)), 1)[1].shape
    torch.Size([9, 1])
    """
    m = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    if m < 3 * n:
        raise ValueError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than "
            "3 x the number of requested "
            f"eigenpairs (={n})"
        )
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"lobpcg: method must be 'basic' or 'ortho', not {method!r}")
    if tol is None:
        tol = {"float32": 1.2e-07, "float64": 2.23e-16}[A.dtype.name] ** 0.5
    largest = True if largest is None else largest
    niter = -1 if niter is None else niter
    if differentiable(*[t for t in (A, B) if t is not None]):
        return _by_eigh(A, B, k, largest)
    if A.ndim > 2:
        lead = tuple(A.shape[:-2])
        batches = [
            t if t is None else t.expand((*lead, *t.shape[-2:])).reshape(-1, *t.shape[-2:])
            for t in (A, B, X, iK)
        ]
        pairs = []
        for i in range(A._a.size // m**2):
            a, b, x, inverse = (t if t is None else t[i] for t in batches)
            pairs.append(lobpcg(a, k, b, x, n, inverse, niter, tol, largest))
        values, vectors = (function("stack")(list(ts)) for ts in zip(*pairs))
        return values.reshape(*lead, k), vectors.reshape(*lead, m, k)
    start = function("randn")(m, n, dtype=A.dtype, device=A.device) if X is None else X
    vectors = _iterate(A, B, start, iK, niter, tol, largest, k)[:, :k]
    return (vectors * (A @ vectors)).sum(0) / (vectors * _product(B, vectors)).sum(0), vectors


def _by_eigh(A: Tensor, B: Any, k: int, largest: bool) -> tuple[Tensor, Tensor]:
    """All eigenpairs, of which k are kept: for gradients, which an iteration does not give."""
    if B is None:
        e, v = linalg_eigh((A + A.mT) / 2)
    else:
        factor = linalg_cholesky(B)
        half = linalg_solve_triangular(factor, A, upper=False)
        whole = linalg_solve_triangular(factor.mT, half, upper=True, left=False)
        e, v = linalg_eigh((whole + whole.mT) / 2)
        v = linalg_solve_triangular(factor.mT, v, upper=True)
    if largest:
        e, v = e.flip(-1), v.flip(-1)
    return e[..., :k], v[..., :k]


def _product(A: Any, x: Tensor) -> Tensor:
    return x if A is None else A @ x


def _orthonormal(B: Any, s: Tensor) -> Tensor:
    """A B-orthonormal basis of the columns of s, those that add nothing left out."""
    s = s / s.norm(dim=0, keepdim=True).clamp(min=1e-30)
    for _ in range(2):
        gram = s.mT @ _product(B, s)
        e, v = linalg_eigh((gram + gram.mT) / 2)
        keep = e > e.amax() * (1e-14 if s.dtype.name == "float64" else 1e-6)
        s = s @ (v[:, keep] / e[keep].sqrt())
    return s


def _small(A: Tensor, s: Tensor, n: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The n extreme eigenvalues of A in the span of the basis s, with their coefficients."""
    t = s.mT @ (A @ s)
    e, z = linalg_eigh((t + t.mT) / 2)
    return (e.flip(0)[:n], z.flip(1)[:, :n]) if largest else (e[:n], z[:, :n])


def _iterate(
    A: Tensor, B: Any, x: Tensor, K: Any, niter: int, tol: float, largest: bool, k: int
) -> Tensor:
    n = x.shape[-1]
    s = _orthonormal(B, x)
    e, z = _small(A, s, n, largest)
    x, p = s @ z, None
    size = A.norm()
    step = 0
    while niter < 0 and step < 1000 or step < niter:
        residual = A @ x - _product(B, x) * e
        if float((residual[:, :k].norm(dim=0) / (size * x[:, :k].norm(dim=0))).amax()) < tol:
            break
        w = _product(K, residual)
        basis = function("cat")([t for t in (x, w, p) if t is not None], 1)
        s = _orthonormal(B, basis)
        e, z = _small(A, s, n, largest)
        new = s @ z
        p = new - x @ (x.mT @ _product(B, new))
        x = new
        step += 1
    return x
