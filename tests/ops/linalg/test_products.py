"""Products of matrices and vectors, einsum, distances and combinations: against PyTorch,
derivatives and vmap included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.both import close, refused, same

import wengert

rng = np.random.default_rng(0)
M, N, V, U = (
    rng.standard_normal((3, 4)),
    rng.standard_normal((4, 2)),
    rng.standard_normal(4),
    rng.standard_normal(3),
)
P, Q = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 4, 2))
Z = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))

CASES: dict[str, Any] = {
    "bmm": (lambda T, x, y: T.bmm(x, y), P, Q),
    "mv": (lambda T, x, y: T.mv(x, y), M, V),
    "dot": (lambda T, x, y: T.dot(x, y), V, V * 2),
    "vdot": (lambda T, x, y: T.vdot(x, y), Z[0], Z[1]),
    "inner": (lambda T, x, y: T.inner(x, y), P, M),
    "inner of a number": (lambda T, x, y: T.inner(x.sum(), y), P, M),
    "outer": (lambda T, x, y: T.outer(x, y), V, U),
    "ger": (lambda T, x, y: x.ger(y), V, U),
    "kron": (lambda T, x, y: T.kron(x, y), M, Q),
    "addmm": (lambda T, i, x, y: T.addmm(i, x, y), M[:, :2], M, N),
    "addmm numbers": (lambda T, i, x, y: T.addmm(i, x, y, beta=0.5, alpha=-2), N[0], M, N),
    "addmm no input": (
        lambda T, i, x, y: T.addmm(i.detach() * float("nan"), x, y, beta=0),
        N[0],
        M,
        N,
    ),
    "addmm method": (lambda T, i, x, y: i.clone().addmm_(x, y, alpha=2), M[:, :2], M, N),
    "addmv": (lambda T, i, x, y: T.addmv(i, x, y, beta=3), U, M, V),
    "addmv number": (lambda T, i, x, y: T.addmv(i.sum(), x, y, alpha=0.5), U, M, V),
    "addbmm": (lambda T, i, x, y: T.addbmm(i, x, y, beta=0.5, alpha=2), N[0], P, Q),
    "baddbmm": (lambda T, i, x, y: T.baddbmm(i, x, y, beta=0.5, alpha=2), N[0], P, Q),
    "addr": (lambda T, i, x, y: T.addr(i, x, y, beta=0.5, alpha=2), M, U, V),
    "multi_dot": (lambda T, x, y, z: T.linalg.multi_dot([x, y, z]), M, N, N.T.copy()),
    "multi_dot vectors": (lambda T, x, y, z: T.linalg.multi_dot([z, x, y]), M, V, U),
    "chain_matmul": (lambda T, x, y: T.chain_matmul(x, y), M, N),
    "tensordot": (lambda T, x, y: T.tensordot(x, y, 1), P, N),
    "tensordot lists": (lambda T, x, y: T.tensordot(x, y, ([2, 0], [1, 0])), P, Q),
    "tensordot numbers": (lambda T, x, y: T.tensordot(x, y, 0), M, V),
    "cross": (lambda T, x, y: T.cross(x, y), M, M * M),
    "cross dim": (lambda T, x, y: T.cross(x, y, 1), P, P * P),
    "cdist": (lambda T, x, y: T.cdist(x, y), P, P * P),
    "cdist 1": (lambda T, x, y: T.cdist(x, y, 1), P, P[0] + 1),
    "cdist inf": (lambda T, x, y: T.cdist(x, y, float("inf")), P, P * P),
    "cdist products": (
        lambda T, x, y: T.cdist(x, y, compute_mode="use_mm_for_euclid_dist"),
        P,
        P + 1,
    ),
    "cartesian_prod": (lambda T, x, y: T.cartesian_prod(x, y), V, U),
    "combinations": (lambda T, x: T.combinations(x, 3), V),
    "combinations of none": (lambda T, x: T.combinations(x, 6), V),
    "combinations repeated": (lambda T, x: T.combinations(x, 2, True), V),
    "block_diag": (lambda T, x, y, z: T.block_diag(x, y, z.sum()), M, V, U),
    "linalg.matmul": (lambda T, x, y: T.linalg.matmul(x, y), M, N),
    "complex": (lambda T, x, y: T.complex(x, y), M, M * 2),
    "polar": (lambda T, x, y: T.polar(x, y), M * M, M),
    "real": (lambda T, x: (x.real, x.imag, T.real(x), T.imag(x) * 2), Z),
    "view_as_real": (lambda T, x: T.view_as_real(x) * 2, Z),
    "view_as_complex": (lambda T, x: T.view_as_complex(x.reshape(6, 2)) * 2, M),
    "angle": (lambda T, x: T.angle(x), Z),
    "angle of reals": (lambda T, x: T.angle(x), M),
    "conj": (lambda T, x: T.conj(x) * x * x, Z),
    "conj_physical": (lambda T, x: x.conj_physical() + x.resolve_conj(), Z),
    "isreal": (lambda T, x: T.isreal(x), Z),
    "sgn": (lambda T, x: T.sgn(x), Z),
    "stft": (lambda T, x: T.stft(x, 8, return_complex=True), rng.standard_normal((2, 30))),
    "stft window": (
        lambda T, x, w: T.stft(
            x, 8, 3, 6, w, pad_mode="constant", normalized=True, onesided=False, return_complex=True
        ),
        rng.standard_normal(30),
        rng.standard_normal(6),
    ),
    "stft pairs": (
        lambda T, x: T.stft(x, 8, center=False, return_complex=False),
        rng.standard_normal(30),
    ),
    "istft": (
        lambda T, x, w: T.istft(x, 8, 2, window=w),
        rng.standard_normal((5, 6)) + 1j * rng.standard_normal((5, 6)),
        rng.random(8) + 1,
    ),
    "istft length": (
        lambda T, x: T.istft(x, 8, 2, length=9, onesided=False, normalized=True),
        rng.standard_normal((2, 8, 6)) + 1j * rng.standard_normal((2, 8, 6)),
    ),
}
# PyTorch: no tangents with cdist's own kernel
NO_JVP = {"cdist", "cdist 1", "cdist inf", "cdist products"}
NO_SECOND = {"cdist", "cdist 1", "cdist inf", "cdist products"}

EINSUM = [
    ("ij,jk->ik", M, N),
    ("ij,jk", M, N),
    ("ij->ji", M),
    ("ii->i", M[:, :3]),
    ("ii", M[:, :3]),
    ("ij->", M),
    ("i,j->ij", U, V),
    ("bij,bjk->bik", P, Q),
    ("bij,bjk->ik", P, Q),
    ("...ij,...jk->...ik", P, N),
    ("...i->...", P),
    ("i...->...i", P),
    ("ij,ij->ij", M, M),
    ("bij,ij,jk->bk", P, M, N),
    ("abc,cd->dab", P, N),
    ("ij,j", M, V),
    ("Ab,bC->AC", M, N),
    (" i j , j k -> i k ", M, N),
    ("...,...->...", P, M),
    ("bii->bi", P[:, :, :3]),
    ("i,i,i->i", V, V, V),
    ("ijk,lm->mikjl", P, N),
    ("ij,kj->", M, M),
    ("iij->j", P[:, :2]),
    ("a,b->ba", U, V),
    ("ij,jk->", M, N),
    ("ij,jk->", N.T, M.T),  # an equation again, with other sizes
    ("iii->i", P[:, :2, :2]),
    ("iii,i->i", P[:, :2, :2], U[:2]),
]


@pytest.mark.parametrize("name", CASES)
def test_against_pytorch(torch, name):
    f, *arrays = CASES[name]
    same(torch, f, *arrays, jvp=name not in NO_JVP, second=name not in NO_SECOND)


@pytest.mark.parametrize("case", EINSUM, ids=lambda c: c[0])
def test_einsum(torch, case):
    equation, *arrays = case
    same(torch, lambda T, *xs: T.einsum(equation, *xs), *arrays)


def test_einsum_with_lists_and_ones(torch):
    same(torch, lambda T, x, y: T.einsum(x, [0, 1], y, [1, 2], [2, 0]), M, N)
    same(torch, lambda T, x, y: T.einsum(x, [..., 0, 1], y, [..., 1, 2], [..., 0, 2]), P, Q)
    same(torch, lambda T, x, y: T.einsum("ij,ij->i", x, y), M, M[:, :1])
    same(torch, lambda T, x, y: T.einsum("ij,jk->ik", x, y), M[:, :1], N)
    same(torch, lambda T, x, y: T.einsum("...i,i->...", [x, y]), P, V)
    for name in ("int64", "float16", "complex64"):
        a, b = (
            T.einsum(
                "ij,jk->ki",
                *[
                    T.arange(6).reshape(2, 3).to(getattr(T, name)),
                    T.ones(3, 2).to(getattr(T, name)),
                ],
            )
            for T in (wengert, torch)
        )
        close(a, b, name)


@pytest.mark.parametrize(
    "name", ["int64", "int32", "uint8", "float16", "bfloat16", "complex64", "float32"]
)
def test_dtypes(torch, name):
    def tensors(T):
        d = getattr(T, name)
        return (
            T.arange(12).reshape(3, 4).to(d),
            T.arange(8).reshape(4, 2).to(d),
            T.arange(4).to(d),
            T.arange(3).to(d),
        )

    for f in (
        lambda T, x, y, v, u: T.mm(x, y),
        lambda T, x, y, v, u: T.addmm(y[0], x, y, beta=2, alpha=3),
        lambda T, x, y, v, u: T.mv(x, v),
        lambda T, x, y, v, u: T.dot(v, v),
        lambda T, x, y, v, u: T.outer(u, v),
        lambda T, x, y, v, u: T.addmv(u, x, v),
        lambda T, x, y, v, u: T.bmm(x[None], y[None]),
        lambda T, x, y, v, u: T.addr(x, u, v),
        lambda T, x, y, v, u: T.kron(u, x),
        lambda T, x, y, v, u: T.inner(x, x),
        lambda T, x, y, v, u: T.tensordot(x, y, 1),
        lambda T, x, y, v, u: T.trace(x),
        lambda T, x, y, v, u: T.combinations(v),
        lambda T, x, y, v, u: T.block_diag(x, v),
        lambda T, x, y, v, u: T.cartesian_prod(u, v),
        lambda T, x, y, v, u: T.vander(u),
        lambda T, x, y, v, u: T.baddbmm(y[0], x[None], y[None]),
        lambda T, x, y, v, u: T.linalg.cross(x[:, :3], x[:, 1:]),
        lambda T, x, y, v, u: T.isreal(x),
        lambda T, x, y, v, u: T.matrix_power(x[:, :3], 2),
    ):
        close(f(wengert, *tensors(wengert)), f(torch, *tensors(torch)), name)


def test_parts_share_memory():
    x = wengert.tensor([1 + 2j, 3 - 1j])
    x.real.zero_()
    assert x.tolist() == [2j, -1j]
    wengert.view_as_real(x)[0, 1] = 7
    assert x[0].item() == 7j
    y = wengert.zeros(2, 2)
    wengert.view_as_complex(y)[1] = 1 + 1j
    assert y.tolist() == [[0, 0], [1, 1]]
    x.imag = wengert.ones(2)
    assert x.tolist() == [1j, 1j]


def test_in_place_on_a_part_is_differentiated(torch):
    def f(T, x):
        y = x * 2
        y.real.mul_(3)
        return y * y

    same(torch, f, Z, jvp=False, batch=False)


def test_distance_zero_has_gradient_zero():
    x = wengert.ones(2, 3, requires_grad=True)
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"):
        (g,) = wengert.autograd.grad(wengert.cdist(x, x.detach(), compute_mode=mode).sum(), x)
        assert not g.any()


REFUSED: dict[str, Any] = {
    "bmm dims": lambda T: T.bmm(T.ones(2, 2), T.ones(2, 2)),
    "bmm shapes": lambda T: T.bmm(T.ones(2, 2, 3), T.ones(2, 2, 3)),
    "bmm dtypes": lambda T: T.bmm(T.ones(2, 2, 2), T.ones(2, 2, 2).double()),
    "mv": lambda T: T.mv(T.ones(2, 3), T.ones(2)),
    "mv dims": lambda T: T.mv(T.ones(3), T.ones(3)),
    "dot": lambda T: T.dot(T.ones(2), T.ones(3)),
    "dot dims": lambda T: T.dot(T.ones(2, 2), T.ones(2)),
    "dot dtypes": lambda T: T.dot(T.ones(2), T.ones(2).double()),
    "inner": lambda T: T.inner(T.ones(2), T.ones(3)),
    "outer": lambda T: T.outer(T.ones(2, 2), T.ones(3)),
    "addmm": lambda T: T.addmm(T.ones(2), T.ones(2, 3), T.ones(2, 3)),
    "addmm input": lambda T: T.addmm(T.ones(5), T.ones(2, 3), T.ones(3, 2)),
    "addmm dims": lambda T: T.addmm(T.ones(2), T.ones(2), T.ones(2, 2)),
    "addmm in place": lambda T: T.ones(2).addmm_(T.ones(2, 2), T.ones(2, 2)),
    "addmv": lambda T: T.addmv(T.ones(2), T.ones(2, 3), T.ones(2)),
    "baddbmm": lambda T: T.baddbmm(T.ones(5), T.ones(1, 2, 2), T.ones(1, 2, 2)),
    "addr": lambda T: T.addr(T.ones(2, 2), T.ones(3), T.ones(2)),
    "tensordot": lambda T: T.tensordot(T.ones(2, 3), T.ones(2, 3), 1),
    "tensordot lists": lambda T: T.tensordot(T.ones(2, 3), T.ones(2, 3), ([0, 1], [0])),
    "tensordot dims": lambda T: T.tensordot(T.ones(2, 3), T.ones(2, 3), -1),
    "cdist": lambda T: T.cdist(T.ones(2, 3), T.ones(2, 2)),
    "cdist dims": lambda T: T.cdist(T.ones(3), T.ones(2, 3)),
    "cdist p": lambda T: T.cdist(T.ones(2, 3), T.ones(2, 3), -1),
    "combinations": lambda T: T.combinations(T.ones(2, 2)),
    "combinations r": lambda T: T.combinations(T.ones(2), -1),
    "cartesian_prod": lambda T: T.cartesian_prod(T.ones(2, 2), T.ones(2)),
    "block_diag": lambda T: T.block_diag(T.ones(2, 2, 2)),
    "einsum operands": lambda T: T.einsum("ij,jk", T.ones(2, 2)),
    "einsum none": lambda T: T.einsum(""),
    "einsum labels": lambda T: T.einsum("ijk", T.ones(2, 2)),
    "einsum character": lambda T: T.einsum("i1", T.ones(2, 2)),
    "einsum dots": lambda T: T.einsum("i..", T.ones(2, 2)),
    "einsum output": lambda T: T.einsum("ij->k", T.ones(2, 2)),
    "einsum output twice": lambda T: T.einsum("ij->ii", T.ones(2, 2)),
    "einsum sizes": lambda T: T.einsum("ij,jk", T.ones(2, 3), T.ones(2, 3)),
    "einsum diagonal": lambda T: T.einsum("ii", T.ones(2, 3)),
    "complex dtypes": lambda T: T.complex(T.ones(2), T.ones(2).double()),
    "complex integers": lambda T: T.complex(T.ones(2).long(), T.ones(2).long()),
    "polar": lambda T: T.polar(T.ones(2), T.ones(2).double()),
    "imag": lambda T: T.imag(T.ones(2)),
    "view_as_real": lambda T: T.view_as_real(T.ones(2)),
    "view_as_complex": lambda T: T.view_as_complex(T.ones(3)),
    "view_as_complex steps": lambda T: T.view_as_complex(T.ones(2, 2).t()),
    "stft": lambda T: T.stft(T.ones(10), 4),
    "stft size": lambda T: T.stft(T.ones(10), 40, return_complex=True, center=False),
    "stft window": lambda T: T.stft(T.ones(10), 4, window=T.ones(3), return_complex=True),
    "stft dims": lambda T: T.stft(T.ones(2, 2, 10), 4, return_complex=True),
    "istft": lambda T: T.istft(T.ones(3, 4), 4),
    "istft size": lambda T: T.istft(T.ones(3, 4) * 1j, 8),
    "istft hop": lambda T: T.istft(T.ones(3, 4) * 1j, 4, 5),
    "istft window": lambda T: T.istft(T.ones(3, 4) * 1j, 4, window=T.zeros(4)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(torch, name):
    refused(torch, REFUSED[name])


def test_recorded_values():
    a = wengert.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert wengert.einsum("ij,jk->ik", a, a).tolist() == [[7, 10], [15, 22]]
    assert wengert.addmm(a, a, a, beta=2, alpha=0.5).tolist() == [[5.5, 9], [13.5, 19]]
    assert wengert.cross(wengert.tensor([1.0, 0, 0]), wengert.tensor([0.0, 1, 0])).tolist() == [
        0,
        0,
        1,
    ]
    assert wengert.kron(wengert.tensor([1, 2]), wengert.tensor([3, 4])).tolist() == [3, 4, 6, 8]
    assert wengert.polar(wengert.tensor([2.0]), wengert.tensor([0.0])).tolist() == [2]
    assert str(wengert.addmm(a.requires_grad_(), a, a).grad_fn).startswith("<AddmmBackward0")
