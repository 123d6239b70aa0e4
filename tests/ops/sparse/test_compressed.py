"""Compressed layouts: CSR and CSC with batches and dense values, the blocked BSR and BSC; compared
with PyTorch where it is installed.
"""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest

import wengert as w

D = [[0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 3.0, 0.0], [4.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 5.0]]
BATCH = [[[0.0, 1.0], [2.0, 0.0]], [[1.0, 0.0], [0.0, 3.0]], [[0.0, 5.0], [6.0, 0.0]]]
FORMS = {
    "csr": lambda t: t.tensor(D).to_sparse_csr(),
    "csc": lambda t: t.tensor(D).to_sparse_csc(),
    "bsr": lambda t: t.tensor(D).to_sparse_bsr((2, 2)),
    "bsr of two rows": lambda t: t.tensor(D).to_sparse_bsr((2, 1)),
    "bsc": lambda t: t.tensor(D).to_sparse_bsc((2, 2)),
    "batch": lambda t: t.tensor(BATCH).to_sparse_csr(),
    "batch by columns": lambda t: t.tensor(BATCH).to_sparse_csc(),
    "batch of blocks": lambda t: t.arange(32.0).reshape(2, 4, 4).to_sparse_bsr((2, 2)),
    "dense values": lambda t: t.tensor(BATCH).to_sparse_csr(dense_dim=1),
    "empty": lambda t: t.zeros(3, 4).to_sparse_csr(),
}


def facts(s: Any) -> Any:
    """What a compressed tensor consists of."""
    rows = str(s.layout) in ("torch.sparse_csr", "torch.sparse_bsr")
    major, minor = ("crow", "col") if rows else ("ccol", "row")
    indices = [getattr(s, f"{k}_indices")().tolist() for k in (major, minor)]
    return str(s.layout), tuple(s.shape), s._nnz(), s.dense_dim(), indices, s.values().tolist()


@pytest.mark.parametrize("form", FORMS)
def test_parts_as_pytorch(form, torch) -> None:
    s, r = FORMS[form](w), FORMS[form](torch)
    assert facts(s) == facts(r)
    assert repr(s) == repr(r)
    assert s.to_dense().tolist() == r.to_dense().tolist()
    assert facts(s * 2) == facts(r * 2)
    assert facts(s + s) == facts(r + r)
    assert facts(s.sin().neg().abs())[4] == facts(r)[4]
    assert facts(w.ones_like(s)) == facts(torch.ones_like(r))


@pytest.mark.parametrize("form", [f for f in FORMS if f != "dense values"])
def test_rows_and_columns_change_places(form, torch) -> None:
    s, r = FORMS[form](w), FORMS[form](torch)
    assert facts(s.transpose(-1, -2)) == facts(r.transpose(-1, -2))
    assert s.mT.to_dense().tolist() == s.to_dense().mT.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_copies_and_files(form) -> None:
    s = FORMS[form](w)
    file = io.BytesIO()
    w.save({"a": s}, file)
    file.seek(0)
    for t in (w.load(file)["a"], copy.deepcopy(s), pickle.loads(pickle.dumps(s)), s.clone()):
        assert facts(t) == facts(s)


def test_layouts_become_each_other() -> None:
    d = w.tensor(D)
    made = [f(d) for f in (lambda x: x, *[lambda x, n=n: getattr(x, n)() for n in
            ("to_sparse", "to_sparse_csr", "to_sparse_csc")])]  # fmt: skip
    for s in made:
        for layout in ("coo", "csr", "csc"):
            assert getattr(s, f"to_sparse_{layout}")().to_dense().tolist() == D
        for layout in ("bsr", "bsc"):
            t = getattr(s, f"to_sparse_{layout}")((2, 2))
            assert t.layout is getattr(w, f"sparse_{layout}") and t.values().shape == (4, 2, 2)
            assert t.to_dense().tolist() == t.to_sparse().to_dense().tolist() == D
            assert t.to_sparse_bsc(2).to_sparse_bsr((2, 2)).to_dense().tolist() == D


@pytest.mark.parametrize("name, args", [("csr", ()), ("csc", ()), ("bsr", (2,)), ("bsc", (2,))])
def test_gradients(name, args) -> None:
    d = w.tensor(D, requires_grad=True)
    s = getattr(d, f"to_sparse_{name}")(*args)
    s.to_dense().pow(2).sum().backward()
    assert d.grad is not None and d.grad.tolist() == (2 * w.tensor(D)).tolist()
    leaf = s.detach().requires_grad_()
    x = w.arange(8.0).reshape(4, 2).requires_grad_()
    (leaf @ x).sum().backward()
    assert leaf.grad.layout is s.layout and x.grad is not None
    assert x.grad.tolist() == (w.tensor(D).t() @ w.ones(4, 2)).tolist()
    full = (w.ones(4, 2) @ w.arange(8.0).reshape(4, 2).t()) * (s.to_dense() * 0 + 1)
    assert leaf.grad.values().sum() == sum(full[i, j] for i, j in places(s))


def places(s: Any) -> list[Any]:
    """Rows and columns of what s stores."""
    return w.ones_like(s).to_dense().nonzero().tolist()


def test_products() -> None:
    x, v = w.arange(12.0).reshape(4, 3), w.arange(4.0)
    for form in ("csr", "csc", "bsr", "bsc"):
        s, d = FORMS[form](w), w.tensor(D)
        assert (s @ x).tolist() == (d @ x).tolist() and (x.t() @ s).tolist() == (x.t() @ d).tolist()
        assert (s @ v).tolist() == (d @ v).tolist() and (v @ s).tolist() == (v @ d).tolist()
        assert w.addmv(v, s, v).tolist() == w.addmv(v, d, v).tolist()
        assert w.nn.functional.linear(x.t(), s).tolist() == (x.t() @ d.t()).tolist()
    s = FORMS["batch"](w)
    assert (s @ w.ones(3, 2, 1)).tolist() == (w.tensor(BATCH) @ w.ones(3, 2, 1)).tolist()
    assert s[1].to_dense().tolist() == BATCH[1]


def test_made_of_parts_as_pytorch(torch) -> None:
    blocks = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    batch = [[0, 1, 2], [0, 1, 2]], [[1, 0], [0, 1]], [[1.0, 2.0], [3.0, 4.0]]
    calls = [
        lambda t: t.sparse_bsr_tensor([0, 1, 2], [1, 0], blocks),
        lambda t: t.sparse_bsr_tensor([0, 1, 2], [1, 0], blocks, (4, 6)),
        lambda t: t.sparse_bsc_tensor([0, 1, 2], [1, 0], blocks, dtype=t.float64),
        lambda t: t.sparse_csr_tensor(*batch),
        lambda t: t.sparse_csc_tensor(*batch, (2, 2, 2)),
        lambda t: t.sparse_csr_tensor([0, 1, 2], [1, 0], [[1.0, 2.0], [3.0, 4.0]]),
        lambda t: t.sparse_bsr_tensor([0, 1], [0], t.ones(1, 2, 2, 3)),
        lambda t: t.sparse_csr_tensor(t.tensor([0, 1, 2], dtype=t.int32),
                                      t.tensor([1, 0], dtype=t.int32), t.tensor([1.0, 2.0])),
        lambda t: t.sparse_compressed_tensor([0, 1, 2], [1, 0], blocks, layout=t.sparse_bsr),
        lambda t: t.sparse_csr_tensor([0, 0], [], [], (1, 0)),
    ]  # fmt: skip
    for f in calls:
        s, r = f(w), f(torch)
        assert facts(s) == facts(r) and repr(s.dtype) == repr(r.dtype)
    assert calls[7](w).col_indices().dtype is calls[7](w).crow_indices().dtype is w.int32


@pytest.mark.parametrize(
    "parts",
    [
        ([0, 1, 3], [1, 0], [1.0, 2.0], (2, 2)),
        ([1, 1, 2], [1, 0], [1.0, 2.0], (2, 2)),
        ([0, 2, 1], [1, 0], [1.0, 2.0], (2, 2)),
        ([0, 1, 2], [1, 5], [1.0, 2.0], (2, 2)),
        ([0, 1, 2], [1, -1], [1.0, 2.0], (2, 2)),
        ([0, 2, 2], [1, 0], [1.0, 2.0], (2, 2)),
        ([0, 2, 2], [0, 0], [1.0, 2.0], (2, 2)),
        ([0, 1, 2], [1, 0], [1.0, 2.0, 3.0], (2, 2)),
        ([0, 1, 2], [1, 0], [1.0, 2.0], (2,)),
        ([0, 1, 2], [1, 0], [1.0, 2.0], (3, 2)),
        ([[0, 1, 2], [0, 1, 1]], [[1, 0], [0, 1]], [[1.0, 2.0], [3.0, 4.0]], (2, 2, 2)),
    ],
)
def test_parts_that_do_not_fit(parts, torch) -> None:
    for t in (w, torch):
        with pytest.raises(RuntimeError):
            t.sparse_csr_tensor(*parts, check_invariants=True)


def test_what_cannot_be_compressed() -> None:
    x = w.ones(4, 4)
    for call in (
        lambda: x.to_sparse_bsr((3, 3)),
        lambda: x.to_sparse_bsr((2, 2, 2)),
        lambda: x.to_sparse(layout=w.sparse_bsr),
        lambda: x.to_sparse(layout=w.sparse_csr, blocksize=(2, 2)),
        lambda: w.ones(4).to_sparse_csr(),
        lambda: w.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]]]).to_sparse_csr(),
        lambda: x.to_sparse_bsr(2).to_sparse_csr(),
        lambda: x.to_sparse_bsr(2).ccol_indices(),
    ):
        with pytest.raises(RuntimeError):
            call()


def test_changed_in_place() -> None:
    s = w.tensor(D).to_sparse()
    assert s.t_() is s and s.to_dense().tolist() == w.tensor(D).t().tolist()
    assert s.transpose_(0, 1).to_dense().tolist() == D
    with pytest.raises(RuntimeError, match="coalesced"):
        s.sqrt_()
    s = s.coalesce()
    assert s.sqrt_().square_() is s
    assert w.tensor([[0.0, 1.0, 2.0]]).to_sparse().t_().shape == (3, 1)
    c = w.tensor(D).to_sparse_csr().fill_(2.0)
    assert c.values().tolist() == [2.0] * 5
    with pytest.raises(NotImplementedError):
        s.fill_(2.0)
    p = w.nn.Parameter(s)
    assert isinstance(p, w.nn.Parameter) and p.requires_grad and not s.requires_grad
