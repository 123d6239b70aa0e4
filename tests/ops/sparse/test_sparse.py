"""Sparse tensors: what they hold, how they print, and products and gradients against dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as w

I, V = [[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0]
DENSE = [[0.0, 0.0, 3.0], [4.0, 0.0, 5.0]]


def coo(lib: Any = w, **kw: Any) -> Any:
    return lib.sparse_coo_tensor(lib.tensor(I), lib.tensor(V), (2, 3), **kw)


def csr(lib: Any = w, **kw: Any) -> Any:
    return lib.sparse_csr_tensor(
        lib.tensor([0, 1, 3]), lib.tensor([2, 0, 2]), lib.tensor(V), (2, 3), **kw
    )


@pytest.mark.parametrize("make", [coo, csr])
def test_conversions_round_trip(make: Any) -> None:
    s = make()
    assert s.to_dense().tolist() == DENSE
    assert s.to_sparse().to_dense().tolist() == DENSE
    assert s.to_sparse_csr().to_dense().tolist() == DENSE
    assert s.to_sparse_csc().to_dense().tolist() == DENSE
    assert s._nnz() == 3 and s.shape == (2, 3) and s.sparse_dim() == 2 and s.dense_dim() == 0
    d = w.tensor(DENSE)
    assert d.to_sparse().indices().tolist() == I
    assert d.to_sparse_csr().crow_indices().tolist() == [0, 1, 3]
    assert d.to_sparse_csc().ccol_indices().tolist() == [0, 1, 1, 3]


def test_layouts() -> None:
    assert coo().is_sparse and coo().layout is w.sparse_coo
    assert csr().is_sparse_csr and not csr().is_sparse and csr().layout is w.sparse_csr
    assert not w.ones(1).is_sparse and w.ones(1).layout is w.strided
    assert csr().t().layout is w.sparse_csc


def test_repeated_indices_are_summed() -> None:
    s = w.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0], (3,))
    assert not s.is_coalesced()
    with pytest.raises(RuntimeError, match="coalesce"):
        s.values()
    c = s.coalesce()
    assert (
        c.is_coalesced() and c.indices().tolist() == [[0, 1]] and c.values().tolist() == [2.0, 4.0]
    )
    assert s.to_dense().tolist() == [2.0, 4.0, 0.0]


def test_printed_form() -> None:
    assert repr(coo()) == (
        "tensor(indices=tensor([[0, 1, 1],\n                       [2, 0, 2]]),\n"
        "       values=tensor([3., 4., 5.]),\n       size=(2, 3), nnz=3, layout=torch.sparse_coo)"
    )
    torch = pytest.importorskip("torch")
    assert repr(csr()) == repr(csr(torch))
    assert repr(coo().double()) == repr(coo(torch).double())


def test_arithmetic_matches_dense() -> None:
    s, d = coo(), w.tensor(DENSE)
    full = w.arange(6.0).reshape(2, 3)
    for got, want in [
        (s + s, d + d),
        (s - s * 2, -d),
        (s * 3, d * 3),
        (s / 2, d / 2),
        (-s, -d),
        (s * s, d * d),
        (s * full, d * full),
        (s.t(), d.t()),
        (s.sqrt(), d.sqrt()),
        (s.abs(), d.abs()),
        (s.pow(2), d.pow(2)),
        (s.sum(0), d.sum(0)),
        (w.cat([s, s], 1), w.cat([d, d], 1)),
        (s[1], d[1]),
    ]:
        assert got.to_dense().tolist() == want.tolist()
    assert (full + s).tolist() == (full + d).tolist()
    assert float(s.sum()) == 12.0
    assert float(s[1, 2]) == 5.0
    s.mul_(2)
    assert s.to_dense().tolist() == (d * 2).tolist()


@pytest.mark.parametrize("make", [coo, csr])
def test_products_match_dense(make: Any) -> None:
    s, d = make(), w.tensor(DENSE)
    y = w.arange(12.0).reshape(3, 4)
    assert (s @ y).tolist() == (d @ y).tolist()
    assert w.sparse.mm(s, y).tolist() == (d @ y).tolist()
    assert (s @ y[:, 0]).tolist() == (d @ y[:, 0]).tolist()
    assert (y.t() @ s.t()).tolist() == (y.t() @ d.t()).tolist()
    assert (s @ s.t()).to_dense().tolist() == (d @ d.t()).tolist()
    bias = w.ones(2, 4)
    assert (
        w.addmm(bias, s, y, beta=2, alpha=3).tolist()
        == w.addmm(bias, d, y, beta=2, alpha=3).tolist()
    )


def test_gradients_flow_to_values_and_to_the_dense_operand() -> None:
    v = w.tensor(V, requires_grad=True)
    y = w.arange(12.0).reshape(3, 4).requires_grad_()
    s = w.sparse_coo_tensor(w.tensor(I), v, (2, 3))
    (s @ y).pow(2).sum().backward()
    d = w.tensor(DENSE, requires_grad=True)
    z = w.arange(12.0).reshape(3, 4).requires_grad_()
    (d @ z).pow(2).sum().backward()
    assert y.grad.tolist() == z.grad.tolist()
    assert v.grad.tolist() == [d.grad[i, j].item() for i, j in zip(*I)]


def test_second_derivatives() -> None:
    v = w.tensor(V, dtype=w.float64, requires_grad=True)
    y = w.arange(6.0, dtype=w.float64).reshape(3, 2).requires_grad_()

    def f(v: Any, y: Any) -> Any:
        return (w.sparse_coo_tensor(w.tensor(I), v, (2, 3)) @ y).pow(2).sum()

    (g,) = w.autograd.grad(f(v, y), v, create_graph=True)
    (h,) = w.autograd.grad(g[0], y)
    e = 1e-6
    up = y.detach().clone()
    up[2, 0] += e
    down = y.detach().clone()
    down[2, 0] -= e
    slopes = [w.autograd.grad(f(v, t), v)[0][0] for t in (up, down)]
    assert float(h[2, 0]) == pytest.approx(float((slopes[0] - slopes[1]) / (2 * e)), rel=1e-5)


def test_gradients_of_sparse_leaves_are_sparse() -> None:
    s = coo(requires_grad=True)
    assert s.is_leaf and s.requires_grad
    w.sparse.mm(s, w.ones(3, 2)).sum().backward()
    assert s.grad.is_sparse and s.grad.to_dense().tolist() == [[0.0, 0.0, 2.0], [2.0, 0.0, 2.0]]
    s.grad = None
    (w.sparse.sum(s * 3, 0).to_dense()).sum().backward()
    assert s.grad.coalesce().values().tolist() == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_over_stored_elements(name: str) -> None:
    torch = pytest.importorskip("torch")
    for dim in (0, 1):
        got = getattr(w.sparse, name)(coo(), dim).to_dense()
        want = getattr(torch.sparse, name)(coo(torch), dim).to_dense()
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5)


def test_diagonals_masks_and_samples() -> None:
    s = w.sparse.spdiags(w.ones(2, 3), w.tensor([0, 1]), (3, 3))
    assert s.to_dense().tolist() == [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    assert w.ones(2, 3).sparse_mask(coo().coalesce()).values().tolist() == [1.0, 1.0, 1.0]
    a, b = w.ones(2, 2), w.ones(2, 3)
    assert w.sparse.sampled_addmm(csr(), a, b, beta=0.0).values().tolist() == [2.0, 2.0, 2.0]


def test_what_is_not_supported_says_so() -> None:
    s = coo()
    for f in (s.exp, s.max, s.mean, lambda: s.reshape(3, 2), lambda: s == s):
        with pytest.raises(NotImplementedError, match="to_dense"):
            f()
    with pytest.raises(RuntimeError, match="add"):
        s + w.ones(2, 3)
    with pytest.raises(TypeError, match="to_dense"):
        s.numpy()
    with pytest.raises(RuntimeError, match="layout"):
        w.eye(2).to_sparse(layout=w.sparse_bsr)  # without a blocksize
    with pytest.raises(RuntimeError, match="index 5"):
        w.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (2,))
    with pytest.raises(RuntimeError, match="nnz"):
        w.sparse_coo_tensor([[0, 1]], [1.0], (2,))
    with pytest.raises(RuntimeError, match="Strided"):
        w.ones(2).indices()


def test_ones_own_tensor_is_left_alone() -> None:
    v = w.tensor(V)
    w.sparse_coo_tensor(w.tensor(I), v, (2, 3)).requires_grad_()
    assert not v.requires_grad


@pytest.mark.parametrize("reduce", ["mean", "amax", "amin", "max", "min"])
def test_products_of_rows_are_reduced(reduce):
    d = w.tensor([[0.0, -2.0, 3.0], [0.0, 0.0, 0.0], [0.0, 1.5, 0.0], [4.0, -1.0, 2.0]])
    x = w.tensor([[1.0, -1.0], [0.5, 2.0], [-3.0, 0.25]], requires_grad=True)
    s = d.to_sparse_csr().requires_grad_()
    g = w.arange(8.0).reshape(4, 2)
    found = w.sparse.mm(s, x, reduce)
    of_s, of_x = w.autograd.grad((found * g).sum(), (s, x))

    dense = d.clone().requires_grad_()
    rows = []
    for row in dense:
        kept = [row[j] * x[j] for j in range(3) if row[j] != 0] or [x.new_zeros(2)]
        all_of_them = w.stack(kept)
        rows.append(
            all_of_them.mean(0) if reduce == "mean" else getattr(all_of_them, "a" + reduce[-3:])(0)
        )
    expected = w.stack(rows)
    w.testing.assert_close(found, expected)
    a, b = w.autograd.grad((expected * g).sum(), (dense, x))
    w.testing.assert_close(of_s.to_dense(), a * (d != 0))
    w.testing.assert_close(of_x, b)


def test_which_products_are_not_reduced():
    d, x = w.eye(2), w.ones(2, 2)
    with pytest.raises(RuntimeError, match="none of sum"):
        w.sparse.mm(d.to_sparse_csr(), x, "prod")
    with pytest.raises(RuntimeError, match="CSR"):
        w.sparse.mm(d.to_sparse(), x, "mean")
