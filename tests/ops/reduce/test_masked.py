"""torch.masked against PyTorch and against the selected elements alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as w

X = [[1.0, -2.0, 3.0], [4.0, 5.0, 6.0]]
M = [[True, False, True], [False, True, True]]
REDUCTIONS = [
    "sum",
    "prod",
    "mean",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "var",
    "std",
    "logsumexp",
    "median",
    "norm",
]
ALONG = ["softmax", "log_softmax", "softmin", "cumsum", "cumprod"]


def call(lib: Any, name: str, x: Any, **kw: Any) -> Any:
    args = {"norm": (2.0,), "normalize": (2.0,)}.get(name, ())
    return getattr(lib.masked, name)(x, *args, **kw)


@pytest.mark.parametrize("name", [*REDUCTIONS, *ALONG, "normalize"])
@pytest.mark.parametrize("empty", [False, True])
def test_values_and_gradients_match_pytorch(name: str, empty: bool) -> None:
    torch = pytest.importorskip("torch")
    mask = [[False] * 3, M[1]] if empty else M
    x, y = torch.tensor(X, requires_grad=True), w.tensor(X, requires_grad=True)
    a = call(torch, name, x, dim=1, mask=torch.tensor(mask))
    b = call(w, name, y, dim=1, mask=w.tensor(mask))
    assert str(a.dtype) == str(b.dtype)
    np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-5)
    if b.requires_grad and not empty:
        finite = torch.isfinite(a.detach())
        a[finite].sum().backward()
        b[w.tensor(finite.tolist())].sum().backward()
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "prod", "var", "logsumexp"])
def test_a_reduction_sees_only_what_is_selected(name: str) -> None:
    x, m = w.tensor(X), w.tensor(M)
    got = call(w, name, x, mask=m)
    want = call(w, name, x[m])
    assert float(got) == pytest.approx(float(want))
    poisoned = x.masked_fill(~m, float("nan"))
    assert float(call(w, name, poisoned, mask=m)) == pytest.approx(float(want))


def test_integers_and_shapes() -> None:
    x, m = w.tensor([[1, 2], [3, 4]]), w.tensor([True, False])
    assert w.masked.sum(x, 1, mask=m).tolist() == [1, 3]
    assert w.masked.sum(x, 1, keepdim=True, mask=m).shape == (2, 1)
    assert w.masked.amax(x, 0, mask=m).tolist() == [3, -(2**63)]
    a, b = w.tensor([1.0]), w.tensor([1.0])
    assert w.masked.logaddexp(a, b, other_mask=w.tensor([False])).tolist() == [1.0]


def test_errors() -> None:
    x = w.ones(2, 3)
    with pytest.raises(IndexError, match="dimensions"):
        w.masked.sum(x, mask=w.ones(1, 2, 3, dtype=w.bool))
    with pytest.raises(RuntimeError):
        w.masked.sum(x, mask=w.ones(4, dtype=w.bool))
    with pytest.raises(ValueError, match="mean"):
        w.masked.mean(x.long())
    with pytest.raises(RuntimeError, match="multiple"):
        w.masked.sum(x, (0, 0))
