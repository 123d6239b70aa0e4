"""Linear algebra against PyTorch (values, derivatives), against itself under vmap, and by its own
definitions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.both import close, outputs, refused, same

import wengert

rng = np.random.default_rng(0)
A = rng.standard_normal((2, 3, 3)) + 2 * np.eye(3)
B = rng.standard_normal((2, 3, 2))
V = rng.standard_normal(3)
TALL = rng.standard_normal((2, 4, 3))
WIDE = rng.standard_normal((3, 5))
Z = A + 1j * rng.standard_normal((2, 3, 3))
ZTALL = TALL + 1j * rng.standard_normal((2, 4, 3))
ZB = B + 1j * rng.standard_normal((2, 3, 2))


def spd(T, x):
    return x @ x.mH + T.eye(3, dtype=x.dtype)


CASES: dict[str, Any] = {
    "cholesky": (lambda T, x: T.linalg.cholesky(spd(T, x)), A),
    "cholesky upper": (lambda T, x: T.linalg.cholesky(spd(T, x), upper=True), A),
    "cholesky complex": (lambda T, x: T.linalg.cholesky(spd(T, x)), Z),
    "cholesky_ex": (lambda T, x: T.linalg.cholesky_ex(spd(T, x)), A),
    "torch.cholesky": (lambda T, x: T.cholesky(spd(T, x), True), A),
    "cholesky_solve": (lambda T, b, x: T.cholesky_solve(b, x.tril()), B, A),
    "cholesky_solve upper": (lambda T, b, x: T.cholesky_solve(b, x.triu(), True), ZB, Z),
    "cholesky_inverse": (lambda T, x: T.cholesky_inverse(x.tril()), A),
    "qr": (lambda T, x: T.linalg.qr(x), TALL),
    "qr complex": (lambda T, x: T.linalg.qr(x), ZTALL),
    "qr wide": (lambda T, x: T.linalg.qr(x), WIDE),
    "qr complete": (lambda T, x: T.linalg.qr(x, "complete"), WIDE),
    "torch.qr": (lambda T, x: T.qr(x), A),
    "svd": (
        lambda T, x: (lambda u, s, vh: (u.abs(), s, vh.abs(), u @ vh))(*T.linalg.svd(x, False)),
        TALL,
    ),
    "svd complex": (
        lambda T, x: (lambda u, s, vh: (u.abs(), s, vh.abs(), u @ vh))(*T.linalg.svd(x, False)),
        ZTALL,
    ),
    "svd wide": (
        lambda T, x: (lambda u, s, vh: (u.abs(), s, vh.abs()))(*T.linalg.svd(x, False)),
        WIDE,
    ),
    "svd full": (
        lambda T, x: (lambda u, s, vh: (u[..., :3].abs(), s, vh.abs()))(*T.linalg.svd(x)),
        TALL,
    ),
    "torch.svd": (lambda T, x: (lambda u, s, v: (u.abs(), s, v.abs()))(*T.svd(x)), TALL),
    "svdvals": (lambda T, x: T.linalg.svdvals(x), TALL),
    "eigh": (lambda T, x: (lambda w, v: (w, v.abs()))(*T.linalg.eigh(x + x.mH)), A),
    "eigh upper": (lambda T, x: (lambda w, v: (w, v.abs()))(*T.linalg.eigh(x + x.mH, "U")), Z),
    "eigh unsymmetric": (lambda T, x: (lambda w, v: (w, v.abs()))(*T.linalg.eigh(x)), A),
    "eigvalsh": (lambda T, x: T.linalg.eigvalsh(x + x.mH), Z),
    "eig": (lambda T, x: (lambda w, v: (w.abs(), v.abs()))(*T.linalg.eig(x)), A),
    "eig complex": (lambda T, x: (lambda w, v: (w.abs(), v.abs()))(*T.linalg.eig(x)), Z),
    "eigvals": (lambda T, x: T.linalg.eigvals(x).abs().sum(-1), A),
    "lu": (lambda T, x: T.linalg.lu(x)[1:], A),
    "lu tall": (lambda T, x: T.linalg.lu(x), TALL),
    "lu wide": (lambda T, x: T.linalg.lu(x), WIDE),
    "lu complex": (lambda T, x: T.linalg.lu(x), Z),
    "lu_factor": (lambda T, x: T.linalg.lu_factor(x), A),
    "lu_factor_ex": (lambda T, x: T.linalg.lu_factor_ex(x), ZTALL),
    "torch.lu": (lambda T, x: T.lu(x, get_infos=True), A),
    "lu_unpack": (lambda T, x: T.lu_unpack(*T.linalg.lu_factor(x)), TALL),
    "lu_solve": (lambda T, x, b: T.linalg.lu_solve(*T.linalg.lu_factor(x), b), A, B),
    "lu_solve right": (
        lambda T, x, b: T.linalg.lu_solve(*T.linalg.lu_factor(x), b.mT, left=False),
        Z,
        ZB,
    ),
    "lu_solve adjoint": (
        lambda T, x, b: T.linalg.lu_solve(*T.linalg.lu_factor(x), b, adjoint=True),
        Z,
        ZB,
    ),
    "lu_solve both": (
        lambda T, x, b: T.linalg.lu_solve(*T.linalg.lu_factor(x), b.mT, left=False, adjoint=True),
        Z,
        ZB,
    ),
    "torch.lu_solve": (lambda T, x, b: T.lu_solve(b, *T.linalg.lu_factor(x)), A, B),
    "ldl_solve": (
        lambda T, b: T.linalg.ldl_solve(*T.linalg.ldl_factor(T.tensor(A + A.swapaxes(1, 2))), b),
        B,
    ),
    "ldl_solve symmetric": (
        lambda T, b: T.linalg.ldl_solve(*T.linalg.ldl_factor(T.tensor(Z + Z.swapaxes(1, 2))), b),
        ZB,
    ),
    "ldl_solve hermitian": (
        lambda T, b: T.linalg.ldl_solve(
            *T.linalg.ldl_factor(T.tensor(Z + Z.conj().swapaxes(1, 2)), hermitian=True),
            b,
            hermitian=True,
        ),
        ZB,
    ),
    "householder_product": (lambda T, x: T.linalg.householder_product(x, x[..., 0, :]), TALL),
    "ormqr": (lambda T, x, c: T.ormqr(x, x[..., 0, :], c), TALL, TALL),
    "ormqr complex": (lambda T, x, c: T.ormqr(x, x[..., 0, :], c.mT, False, True), ZTALL, ZTALL),
    "ormqr transposed": (lambda T, x, c: T.ormqr(x, x[..., 0, :], c, True, True), ZTALL, ZTALL),
    "inv": (lambda T, x: T.linalg.inv(x), A),
    "inv complex": (lambda T, x: T.linalg.inv_ex(x), Z),
    "inverse": (lambda T, x: x.inverse(), A),
    "solve": (lambda T, x, b: T.linalg.solve(x, b), A, B),
    "solve complex": (lambda T, x, b: T.linalg.solve_ex(x, b), Z, ZB),
    "solve vector": (lambda T, x, b: T.linalg.solve(x, b), A, V),
    "solve vectors": (lambda T, x, b: T.linalg.solve(x, b), A, B[..., 0]),
    "solve right": (lambda T, x, b: T.linalg.solve(x, b.mT, left=False), A, B),
    "solve broadcast": (lambda T, x, b: T.linalg.solve(x[0], b), A, B),
    "solve_triangular": (lambda T, x, b: T.linalg.solve_triangular(x, b, upper=False), A, B),
    "solve_triangular upper": (
        lambda T, x, b: T.linalg.solve_triangular(x, b, upper=True, unitriangular=True),
        Z,
        ZB,
    ),
    "solve_triangular right": (
        lambda T, x, b: T.linalg.solve_triangular(x, b.mT, upper=True, left=False),
        Z,
        ZB,
    ),
    "triangular_solve": (lambda T, b, x: T.triangular_solve(b, x, transpose=True), B, A),
    "pinv": (lambda T, x: T.linalg.pinv(x), TALL),
    "pinv wide": (lambda T, x: T.linalg.pinv(x), WIDE),
    "pinv complex": (lambda T, x: T.linalg.pinv(x, rtol=1e-3), ZTALL),
    "pinv hermitian": (lambda T, x: T.linalg.pinv(x + x.mH, hermitian=True), Z),
    "pinverse": (lambda T, x: T.pinverse(x), TALL),
    "lstsq": (lambda T, x, b: T.linalg.lstsq(x, b), TALL, rng.standard_normal((2, 4, 2))),
    "lstsq gelsd": (
        lambda T, x, b: T.linalg.lstsq(x, b, driver="gelsd"),
        TALL,
        rng.standard_normal((2, 4, 2)),
    ),
    "lstsq gels": (
        lambda T, x, b: T.linalg.lstsq(x, b, driver="gels"),
        ZTALL,
        ZTALL[..., :2].conj(),
    ),
    "lstsq wide": (lambda T, x, b: T.linalg.lstsq(x, b, driver="gelss"), WIDE, WIDE[:, :2]),
    "tensorinv": (lambda T, x: T.linalg.tensorinv(x.reshape(3, 2, 6)), rng.standard_normal((6, 6))),
    "tensorsolve": (
        lambda T, x, b: T.linalg.tensorsolve(x.reshape(2, 3, 6), b),
        rng.standard_normal((6, 6)),
        B[:, :, 0],
    ),
    "det": (lambda T, x: T.linalg.det(x), A),
    "det complex": (lambda T, x: T.det(x), Z),
    "slogdet": (lambda T, x: T.linalg.slogdet(x), A),
    "slogdet complex": (lambda T, x: T.slogdet(x), Z),
    "logdet": (lambda T, x: T.logdet(spd(T, x)), A),
    "logdet complex": (lambda T, x: x.logdet(), Z),
    "matrix_norm": (lambda T, x: T.linalg.matrix_norm(x), A),
    "matrix_norm nuc": (lambda T, x: T.linalg.matrix_norm(x, "nuc", (0, 1), True), A),
    "matrix_norm 1": (lambda T, x: T.linalg.matrix_norm(x, 1), A),
    "matrix_norm -1": (lambda T, x: T.linalg.matrix_norm(x, -1, keepdim=True), Z),
    "matrix_norm inf": (lambda T, x: T.linalg.matrix_norm(x, float("inf"), (0, 2)), A),
    "matrix_norm 2": (lambda T, x: T.linalg.matrix_norm(x, 2), A),
    "matrix_norm -2": (lambda T, x: T.linalg.matrix_norm(x, -2), Z),
    "norm": (lambda T, x: T.linalg.norm(x), A),
    "norm 1": (lambda T, x: T.linalg.norm(x, 1), WIDE),
    "norm vectors": (lambda T, x: T.linalg.norm(x, 3, 1), A),
    "norm matrices": (lambda T, x: T.linalg.norm(x, "fro", (1, 2), True), A),
    "cond": (lambda T, x: T.linalg.cond(x), A),
    "cond fro": (lambda T, x: T.linalg.cond(x, "fro"), A),
    "cond nuc": (lambda T, x: T.linalg.cond(x, "nuc"), A),
    "cond 1": (lambda T, x: T.linalg.cond(x, 1), Z),
    "cond -2": (lambda T, x: T.linalg.cond(x, -2), TALL),
    "matrix_rank": (lambda T, x: T.linalg.matrix_rank(x), TALL),
    "matrix_rank hermitian": (
        lambda T, x: T.linalg.matrix_rank(x + x.mH, hermitian=True, atol=0.5),
        A,
    ),
    "matrix_power": (lambda T, x: T.linalg.matrix_power(x, 3), A),
    "matrix_power -2": (lambda T, x: T.matrix_power(x, -2), A),
    "matrix_power 0": (lambda T, x: T.matrix_power(x, 0), A),
    "matrix_exp": (lambda T, x: T.linalg.matrix_exp(x), A),
    "matrix_exp complex": (lambda T, x: T.matrix_exp(x), Z),
    "trace": (lambda T, x: T.trace(x), WIDE),
    "vander": (lambda T, x: T.linalg.vander(x, N=4), A[0]),
    "torch.vander": (lambda T, x: T.vander(x), V),
    "torch.vander increasing": (lambda T, x: T.vander(x, 2, True), V),
    "vecdot": (lambda T, x, y: T.linalg.vecdot(x, y, dim=1), Z, Z * 2),
    "linalg.cross": (lambda T, x, y: T.linalg.cross(x, y), A, A * A),
    "diagonal": (lambda T, x: T.linalg.diagonal(x, offset=1), A),
    "H": (lambda T, x: (x[0].H, x.mH, x.mT, x.adjoint()), Z),
}

# where PyTorch has no derivative or no tangents, or wrong ones
NO_FIRST = {
    "cond fro",
    "cond 1",
    "torch.vander",
    "torch.vander increasing",
    "ldl_solve",
    "ldl_solve symmetric",
    "ldl_solve hermitian",
}
NO_JVP = {
    "cholesky_inverse",
    "torch.cholesky",
    "ormqr",
    "ormqr complex",
    "ormqr transposed",
    "triangular_solve",
    "eigh unsymmetric",
    "matrix_power 0",
}


@pytest.mark.parametrize("name", CASES)
def test_against_pytorch(torch, name):
    f, *arrays = CASES[name]
    torch.set_num_threads(1)
    if name in NO_FIRST:
        for ours, theirs in zip(
            outputs(f(wengert, *map(wengert.tensor, arrays))),
            outputs(f(torch, *map(torch.tensor, arrays))),
        ):
            close(ours, theirs, name)
        return
    same(torch, f, *arrays, jvp=name not in NO_JVP, second=name != "matrix_power 0")


@pytest.mark.parametrize(
    "name",
    [
        "inv",
        "solve",
        "det",
        "cholesky",
        "svdvals",
        "qr",
        "lu",
        "eigvalsh",
        "pinv",
        "slogdet",
        "matrix_exp",
    ],
)
def test_single_precision(torch, name):
    f, *arrays = CASES[name]
    same(
        torch,
        f,
        *[a.astype(np.complex64 if a.dtype.kind == "c" else np.float32) for a in arrays],
        second=False,
        jvp=False,
        batch=False,
    )


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices(torch, shape):
    for f in (
        lambda T, x: T.linalg.inv(x),
        lambda T, x: T.linalg.det(x),
        lambda T, x: T.linalg.slogdet(x),
        lambda T, x: T.linalg.cholesky(x),
        lambda T, x: T.linalg.qr(x),
        lambda T, x: T.linalg.svd(x),
        lambda T, x: T.linalg.svdvals(x),
        lambda T, x: T.linalg.solve(x, x),
        lambda T, x: T.linalg.eigh(x),
        lambda T, x: T.linalg.eig(x),
        lambda T, x: T.linalg.lu(x),
        lambda T, x: T.linalg.pinv(x),
        lambda T, x: T.linalg.matrix_exp(x),
        lambda T, x: T.linalg.lu_factor_ex(x),
        lambda T, x: T.linalg.ldl_factor(x.detach()),
        lambda T, x: T.linalg.matrix_rank(x),
        lambda T, x: T.linalg.matrix_power(x, 2),
        lambda T, x: T.geqrf(x.detach()),
    ):
        same(torch, f, np.zeros(shape), second=False, jvp=False, batch=False)


def test_many_small_matrices(torch):
    x, b = rng.standard_normal((30, 3, 3)), rng.standard_normal((30, 3, 2))
    x[3, :, 0] = 0
    z = x + 1j * rng.standard_normal((30, 3, 3))
    for a in (x, z, x[:, :2], z[:, :, :2]):
        ours, theirs = (T.linalg.lu_factor_ex(T.tensor(a)) for T in (wengert, torch))
        for s, t in zip(ours, theirs):
            close(s, t, "lu_factor_ex")
    for upper in (True, False):
        for unit in (True, False):
            ours, theirs = (
                T.linalg.solve_triangular(T.tensor(x), T.tensor(b), upper=upper, unitriangular=unit)
                for T in (wengert, torch)
            )
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


def test_results_have_names(torch):
    x = np.eye(3)
    for f in (
        lambda T, x: T.linalg.qr(x),
        lambda T, x: T.linalg.svd(x),
        lambda T, x: T.linalg.eigh(x),
        lambda T, x: T.linalg.eig(x),
        lambda T, x: T.linalg.slogdet(x),
        lambda T, x: T.slogdet(x),
        lambda T, x: T.linalg.lu(x),
        lambda T, x: T.linalg.lu_factor(x),
        lambda T, x: T.linalg.lu_factor_ex(x),
        lambda T, x: T.linalg.inv_ex(x),
        lambda T, x: T.linalg.solve_ex(x, x),
        lambda T, x: T.linalg.cholesky_ex(x),
        lambda T, x: T.linalg.lstsq(x, x),
        lambda T, x: T.linalg.ldl_factor(x),
        lambda T, x: T.linalg.ldl_factor_ex(x),
        lambda T, x: T.svd(x),
        lambda T, x: T.qr(x),
        lambda T, x: T.geqrf(x),
        lambda T, x: T.triangular_solve(x, x),
        lambda T, x: T.lu_unpack(*T.linalg.lu_factor(x)),
    ):
        ours, theirs = (f(T, T.tensor(x)) for T in (wengert, torch))
        assert type(ours).__name__ == type(theirs).__name__
        assert ours.__match_args__ == theirs.__match_args__


def test_factors_as_lapack_has_them(torch):
    x = A + A.swapaxes(1, 2)
    for f in (
        lambda T: T.linalg.ldl_factor_ex(T.tensor(x)),
        lambda T: T.geqrf(T.tensor(TALL)),
        lambda T: T.linalg.ldl_factor(T.tensor(Z + Z.conj().swapaxes(1, 2)), hermitian=True),
    ):
        for ours, theirs in zip(f(wengert), f(torch)):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)
            assert str(ours.dtype) == str(theirs.dtype)


REFUSED: dict[str, Any] = {
    "singular inv": lambda T: T.linalg.inv(T.zeros(2, 2)),
    "singular batch": lambda T: T.linalg.inv(T.stack([T.eye(2), T.ones(2, 2)])),
    "singular solve": lambda T: T.linalg.solve(T.ones(2, 2), T.ones(2)),
    "singular lu": lambda T: T.linalg.lu_factor(T.zeros(2, 2)),
    "not positive": lambda T: T.linalg.cholesky(-T.eye(3)),
    "not positive, torch": lambda T: T.cholesky(-T.eye(3)),
    "cholesky_ex checked": lambda T: T.linalg.cholesky_ex(-T.eye(3), check_errors=True),
    "inv_ex checked": lambda T: T.linalg.inv_ex(T.zeros(2, 2), check_errors=True),
    "nan eig": lambda T: T.linalg.eig(T.full((2, 2), float("nan"))),
    "nan svd": lambda T: T.linalg.svd(T.full((2, 2), float("nan"))),
    "integers": lambda T: T.linalg.inv(T.ones(2, 2, dtype=T.int64)),
    "half": lambda T: T.linalg.svd(T.ones(2, 2, dtype=T.float16)),
    "vector": lambda T: T.linalg.det(T.ones(2)),
    "not square": lambda T: T.linalg.det(T.ones(2, 3)),
    "not a tensor": lambda T: T.linalg.det(3),
    "qr mode": lambda T: T.linalg.qr(T.ones(2, 2), "full"),
    "qr r backward": lambda T: T.linalg.qr(T.ones(2, 2).requires_grad_(), "r")[1].sum().backward(),
    "qr complete tall backward": lambda T: (
        T.linalg.qr(T.ones(3, 2).requires_grad_(), "complete")[1].sum().backward()
    ),
    "UPLO": lambda T: T.linalg.eigh(T.eye(2), "X"),
    "solve shapes": lambda T: T.linalg.solve(T.eye(3), T.ones(2, 2)),
    "solve dtypes": lambda T: T.linalg.solve(T.eye(3), T.ones(3, 2).double()),
    "solve batch": lambda T: T.linalg.solve(T.eye(3).expand(2, 3, 3), T.ones(4, 3, 2)),
    "solve vector right": lambda T: T.linalg.solve(T.eye(3), T.ones(3), left=False),
    "triangular shapes": lambda T: T.linalg.solve_triangular(T.eye(3), T.ones(2, 2), upper=True),
    "lu pivot": lambda T: T.linalg.lu(T.eye(2), pivot=False),
    "lstsq driver": lambda T: T.linalg.lstsq(T.eye(2), T.eye(2), driver="gelx"),
    "lstsq shapes": lambda T: T.linalg.lstsq(T.eye(3), T.eye(2)),
    "svd driver": lambda T: T.linalg.svd(T.eye(2), driver="gesvd"),
    "matrix_norm order": lambda T: T.linalg.matrix_norm(T.eye(2), 3),
    "matrix_norm name": lambda T: T.linalg.matrix_norm(T.eye(2), "two"),
    "matrix_norm dims": lambda T: T.linalg.matrix_norm(T.eye(2), 1, (0, 0)),
    "matrix_norm range": lambda T: T.linalg.matrix_norm(T.eye(2), 1, (0, 2)),
    "norm dims": lambda T: T.linalg.norm(T.ones(2, 2, 2), dim=(0, 1, 2)),
    "norm 3d": lambda T: T.linalg.norm(T.ones(2, 2, 2), 2),
    "norm integers": lambda T: T.linalg.norm(T.ones(2, 2, dtype=T.int64)),
    "cond p": lambda T: T.linalg.cond(T.eye(2), 3),
    "cond name": lambda T: T.linalg.cond(T.eye(2), "two"),
    "multi_dot one": lambda T: T.linalg.multi_dot([T.eye(2)]),
    "multi_dot shapes": lambda T: T.linalg.multi_dot([T.eye(2), T.eye(3)]),
    "multi_dot 3d": lambda T: T.linalg.multi_dot([T.eye(2), T.ones(2, 2, 2), T.eye(2)]),
    "householder tau": lambda T: T.linalg.householder_product(T.ones(3, 2), T.ones(3)),
    "householder wide": lambda T: T.linalg.householder_product(T.ones(2, 3), T.ones(2)),
    "ormqr": lambda T: T.ormqr(T.ones(3, 2), T.ones(2), T.ones(2, 2)),
    "tensorinv": lambda T: T.linalg.tensorinv(T.ones(2, 3, 4)),
    "tensorinv ind": lambda T: T.linalg.tensorinv(T.ones(2, 2), 0),
    "tensorsolve": lambda T: T.linalg.tensorsolve(T.ones(2, 3, 4), T.ones(2, 3)),
    "vander": lambda T: T.linalg.vander(T.ones(3), N=1),
    "cross": lambda T: T.linalg.cross(T.ones(2), T.ones(2)),
    "cross ranks": lambda T: T.linalg.cross(T.ones(3), T.ones(2, 3)),
    "torch.cross": lambda T: T.cross(T.ones(2, 2), T.ones(2, 2)),
    "trace": lambda T: T.trace(T.ones(3)),
    "cholesky_solve": lambda T: T.cholesky_solve(T.ones(3), T.eye(3)),
    "lu_solve pivots": lambda T: T.linalg.lu_solve(T.eye(3), T.ones(3), T.eye(3)),
    "lu_unpack pivots": lambda T: T.lu_unpack(T.eye(3), T.ones(3)),
    "pca": lambda T: T.pca_lowrank(T.ones(3, 2), 5),
    "lobpcg": lambda T: T.lobpcg(T.eye(3), 2),
    "mT": lambda T: T.ones(2).mT,
    "H": lambda T: T.ones(2, 2, 2).H,
    "adjoint": lambda T: T.ones(2).adjoint(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(torch, name):
    refused(torch, REFUSED[name])


def test_failed_elements_are_named():
    with pytest.raises(
        wengert.linalg.LinAlgError, match=r"\(Batch element 1\): The diagonal element 2 is zero"
    ):
        wengert.linalg.inv(wengert.stack([wengert.eye(2), wengert.ones(2, 2)]))
    with pytest.raises(RuntimeError, match="leading minor of order 1"):
        wengert.linalg.cholesky(-wengert.eye(2))
    out, info = wengert.linalg.inv_ex(wengert.stack([2 * wengert.eye(2), wengert.ones(2, 2)]))
    assert info.tolist() == [0, 2]
    assert out[0].tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_singular_determinants_have_cofactors_as_gradient(torch):
    u = rng.standard_normal((3, 2)) @ rng.standard_normal((2, 3))
    same(torch, lambda T, x: T.linalg.det(x), u, jvp=False, batch=False, second=False)
    x = wengert.zeros(2, 2, requires_grad=True)
    (g,) = wengert.autograd.grad(x.det(), x)
    assert g.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_equal_singular_values_do_not_spoil_the_gradient_of_their_sum():
    x = wengert.eye(3, dtype=wengert.float64).requires_grad_()
    (g,) = wengert.autograd.grad(wengert.linalg.matrix_norm(x, "nuc"), x)
    np.testing.assert_allclose(g.numpy(), np.eye(3), atol=1e-12)
    (g,) = wengert.autograd.grad(wengert.linalg.eigvalsh(x).sum(), x)
    np.testing.assert_allclose(g.numpy(), np.eye(3), atol=1e-12)


def test_low_rank(torch):
    x = rng.standard_normal((2, 12, 4)) @ rng.standard_normal((4, 9))
    for T in (wengert, torch):
        t = T.tensor(x)
        T.manual_seed(0)
        u, s, v = T.svd_lowrank(t, 5)
        assert tuple(u.shape), tuple(v.shape) == ((2, 12, 5), (2, 9, 5))
        np.testing.assert_allclose((u * s.unsqueeze(-2) @ v.mT).numpy(), x, atol=1e-8)
        u, s, v = T.pca_lowrank(t, 4)
        np.testing.assert_allclose(
            (u * s.unsqueeze(-2) @ v.mT).numpy(), x - x.mean(-2, keepdims=True), atol=1e-8
        )


@pytest.mark.parametrize("largest", [True, False])
def test_lobpcg(largest):
    x = rng.standard_normal((30, 30))
    x = x @ x.T + np.eye(30)
    b = np.diag(np.linspace(1, 2, 30))
    wengert.manual_seed(0)
    e, v = wengert.lobpcg(wengert.tensor(x), 3, largest=largest, niter=200)
    want = np.linalg.eigvalsh(x)
    np.testing.assert_allclose(e.numpy(), want[::-1][:3] if largest else want[:3], rtol=1e-6)
    e, v = wengert.lobpcg(wengert.tensor(x), 2, wengert.tensor(b), largest=largest, niter=300)
    np.testing.assert_allclose(
        x @ v.numpy(), b @ v.numpy() * e.numpy(), atol=1e-4 * float(e.abs().max())
    )


def test_lobpcg_has_gradients():
    x = wengert.tensor(rng.standard_normal((9, 9))).requires_grad_()
    e, v = wengert.lobpcg(x @ x.mT, 2)
    (g,) = wengert.autograd.grad(e.sum() + v.abs().sum(), x)
    f, u = wengert.linalg.eigh(x @ x.mT)
    (h,) = wengert.autograd.grad(f[-2:].sum() + u[:, -2:].abs().sum(), x)
    np.testing.assert_allclose(g.numpy(), h.numpy(), atol=1e-9)


def test_out_arguments():
    q, r = wengert.empty(0), wengert.empty(0)
    result = wengert.linalg.qr(wengert.ones(3, 2), out=(q, r))
    assert result.Q is q and q.shape == (3, 2) and r.shape == (2, 2)
    out = wengert.zeros(2, 2)
    assert wengert.linalg.inv(wengert.eye(2) * 2, out=out) is out
    assert out.tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_recorded_values():
    x = wengert.tensor([[4.0, 1.0], [2.0, 3.0]])
    assert wengert.linalg.det(x).item() == pytest.approx(10)
    assert wengert.linalg.eigvals(x).real.sort().values.tolist() == pytest.approx([2, 5])
    assert wengert.linalg.matrix_norm(x, "nuc").item() == pytest.approx(7.0711, abs=1e-4)
    assert wengert.linalg.matrix_power(x, 2).tolist() == [[18, 7], [14, 11]]
    assert wengert.linalg.lu(x).L.tolist() == [[1, 0], [0.5, 1]]


def test_norms_by_the_names_of_operators():
    x = wengert.arange(24.0).reshape(2, 3, 4)
    for dim, keepdim in ((1, False), ((0, 2), True), ((), False)):
        expected = wengert.linalg.vector_norm(x, 2, dim or None, keepdim)
        assert wengert.equal(wengert.frobenius_norm(x, dim, keepdim), expected)
    expected = wengert.linalg.matrix_norm(x, "nuc", (0, 2), True)
    assert wengert.equal(wengert.nuclear_norm(x, (0, 2), True), expected)
    assert wengert.nuclear_norm(x[0], True).shape == (1, 1)
    assert wengert.nuclear_norm(x).shape == (2,)


def test_pivots_beside_the_rows_are_refused():
    """LAPACK would write outside of the matrix."""
    a, b = wengert.eye(3) + 1, wengert.ones(3, 1)
    lu, pivots = wengert.linalg.lu_factor(a)
    ld, order = wengert.linalg.ldl_factor(a)
    for wrong in (pivots + 60, pivots - 9, wengert.zeros_like(pivots)):
        with pytest.raises(RuntimeError, match="linalg.lu_solve: pivots must be between 1 and 3"):
            wengert.linalg.lu_solve(lu, wrong, b)
        with pytest.raises(RuntimeError, match="linalg.lu_solve: pivots"):
            wengert.linalg.lu_solve(lu.expand(2, 3, 3), wrong.expand(2, 3), b)
    for wrong in (order + 60, wengert.zeros_like(order)):
        with pytest.raises(RuntimeError, match="linalg.ldl_solve: pivots must be between 1 and 3"):
            wengert.linalg.ldl_solve(ld, wrong, b)
    assert wengert.allclose(a @ wengert.linalg.lu_solve(lu, pivots, b), b)
    assert wengert.allclose(a @ wengert.linalg.ldl_solve(ld, order, b), b)
