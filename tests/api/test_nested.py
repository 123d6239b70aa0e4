"""Nested tensors: what treats rows alike goes through, everything else refuses."""

import gc

import pytest

import wengert as torch
from wengert import nn
from wengert.api import overrides


def pair():
    return torch.arange(6.0).view(2, 3), torch.ones(1, 3)


def test_facts():
    n = torch.nested.nested_tensor(list(pair()))
    assert n.is_nested and (n.dim(), n.size(0), n.size(2), n.numel(), len(n)) == (3, 2, 3, 9, 2)
    with pytest.raises(RuntimeError, match="irregular"):
        n.size(1)
    assert [t.shape for t in n.unbind()] == [(2, 3), (1, 3)]
    assert repr(n).startswith("nested_tensor([\n  tensor([[0., 1., 2.],")
    j = torch.nested.nested_tensor(list(pair()), layout=torch.jagged)
    assert "size=(2, j1, 3)" in repr(j) and j.offsets().tolist() == [0, 2, 3]
    assert isinstance(n, torch.Tensor) and not torch.ones(1).is_nested


def test_padding():
    n = torch.nested.nested_tensor([[1.0, 2.0], [3.0]])
    assert torch.nested.to_padded_tensor(n, -1.0).tolist() == [[1.0, 2.0], [3.0, -1.0]]
    assert n.to_padded_tensor(0.0, (3, 2)).tolist() == [[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]]
    with pytest.raises(RuntimeError, match="smaller"):
        n.to_padded_tensor(0.0, (2, 1))
    with pytest.raises(RuntimeError, match="not nested"):
        torch.ones(2).to_padded_tensor(0.0)


def test_rows_go_through_layers_as_they_do_alone():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Softmax(-1))
    a, b = (t.requires_grad_() for t in pair())
    out = net(torch.nested.as_nested_tensor([a, b]))
    for got, alone in zip(out.unbind(), (net(a), net(b))):
        torch.testing.assert_close(got, alone)
    (out * 2 + out).to_padded_tensor(0.0)[:, :, 0].sum().backward()
    got = a.grad.clone()
    a.grad = None
    (3 * net(a)[:, 0].sum() + 0 * net(b).sum()).backward()
    torch.testing.assert_close(got, a.grad)


def test_what_mixes_rows_is_refused():
    n = torch.nested.nested_tensor(list(pair()))
    for f in (torch.sum, torch.cumsum, lambda t: t.sum(1), lambda t: t.softmax(0)):
        with pytest.raises((NotImplementedError, TypeError, RuntimeError), match="ested|cumsum"):
            f(n)
    for odd in (torch.ones(2, 2, 3), torch.ones(3, 3), torch.ones(2, 3)):
        with pytest.raises(NotImplementedError, match="shape"):
            n + odd
    assert (n + torch.ones(1, 3)).unbind()[1].tolist() == [[2.0, 2.0, 2.0]]
    other = torch.nested.nested_tensor([torch.ones(1, 3), torch.ones(2, 3)])
    with pytest.raises(RuntimeError, match="sizes"):
        n + other
    with pytest.raises(RuntimeError, match="first dimension"):
        torch.nested.nested_tensor([torch.ones(1, 3), torch.ones(2, 2)], layout=torch.jagged)


def test_tensor_by_tensor():
    a, b = torch.arange(6.0).view(2, 3), torch.ones(4, 3)
    n = torch.nested.nested_tensor([a, b])
    assert torch.equal(n[0], a) and torch.equal(n[-1], b) and n[0, 1, 2] == 5
    assert torch.equal(n.transpose(1, 2).unbind()[0], a.t())
    products = torch.bmm(n, n.transpose(1, 2))
    assert [tuple(t.shape) for t in products.unbind()] == [(2, 2), (4, 4)]
    assert torch.equal(products.relu().unbind()[0], a @ a.t())
    assert torch.equal(n.reshape(2, -1, 3).unbind()[0], a) and n.unsqueeze(1).dim() == 4
    assert torch.equal(n.chunk(3, -1)[1].unbind()[0], a[:, 1:2])
    assert torch.equal(n.select(0, 1), b)
    with pytest.raises(RuntimeError, match="dimension 0 cannot be transposed"):
        n.transpose(0, 1)
    with pytest.raises(RuntimeError, match="Expected both to be nested"):
        torch.matmul(n, torch.ones(3, 2))
    assert torch.nested.nested_tensor([]).size(0) == 0
    n.zero_()
    assert n.unbind()[1].sum() == 0


def test_jagged():
    x = torch.nested.nested_tensor([torch.ones(2, 8), torch.ones(3, 8) * 2], layout=torch.jagged)
    assert x.shape[0] == 2 and x.shape[2] == 8 and x.shape[1] == (x * 2).shape[1]
    assert torch.equal(x.sum(1), torch.stack([torch.full((8,), 2.0), torch.full((8,), 6.0)]))
    q = x.unflatten(-1, [2, 4]).transpose(1, 2)
    out = torch.nn.functional.scaled_dot_product_attention(q, q, q).transpose(1, 2).flatten(-2)
    assert out.shape == x.shape and torch.allclose(out.values(), x.values())
    values = torch.arange(5.0, requires_grad=True)
    y = torch.nested.nested_tensor_from_jagged(values, torch.tensor([0, 2, 5]))
    (y * y).values().sum().backward()
    assert torch.equal(values.grad, 2 * values.detach())
    grid = torch.arange(10.0).view(2, 5)
    cut = torch.nested.narrow(grid, 1, torch.tensor([0, 1]), torch.tensor([2, 3]), torch.jagged)
    assert [t.tolist() for t in cut.unbind()] == [[0, 1], [6, 7, 8]]
    assert torch.nested.masked_select(grid, grid > 3).unbind()[0].tolist() == [4]


def test_attention_of_nested_sequences():
    attend = torch.nn.MultiheadAttention(4, 2, batch_first=True).eval()
    a, b = torch.randn(2, 4), torch.randn(3, 4)
    out, weights = attend(*[torch.nested.nested_tensor([a, b])] * 3, need_weights=False)
    assert weights is None and torch.allclose(out[1], attend(b, b, b)[0], atol=1e-6)


def test_functions_are_as_before_when_there_are_none():
    gc.collect()
    before = overrides._asked
    n = torch.nested.nested_tensor([[1.0], [2.0, 3.0]]) * 2
    assert overrides._asked > before
    del n
    gc.collect()
    assert overrides._asked == before


def passes(m):
    a, b = m.arange(3.0, requires_grad=True), m.arange(5.0, requires_grad=True)
    n = m.nested.as_nested_tensor([a, b])
    n.backward(m.nested.nested_tensor([m.ones(3), m.zeros(5)]))
    leaf = m.nested.nested_tensor([m.ones(2), m.ones(1)], requires_grad=True)
    (leaf * 3).backward(m.nested.nested_tensor([m.ones(2), m.ones(1)]))
    kept = [n.is_leaf, leaf.is_leaf, n.grad_fn is None, leaf.grad_fn is None]
    return kept, [t.tolist() for t in (a.grad, b.grad, *leaf.grad.unbind())]


def padded(m):
    a, b = m.ones(2, 5, requires_grad=True), m.ones(3, 4, requires_grad=True)
    out = m.nested.to_padded_tensor(m.nested.as_nested_tensor([a, b]), 0.0)
    (out * out).sum().backward()
    larger = m.nested.to_padded_tensor(m.nested.nested_tensor([a, b]), 1.0, (2, 4, 6))
    return out.tolist(), larger.tolist(), a.grad.tolist(), b.grad.tolist()


def stretches(m):
    rows = m.arange(20.0).reshape(2, 10)
    n = m.nested.narrow(rows, 1, m.tensor([1, 4]), m.tensor([3, 2]), layout=m.jagged)
    parts = [t.tolist() for t in n.unbind()]
    return parts, n.offsets().tolist(), n.is_contiguous(), n.contiguous().is_contiguous()


def shapes(m):
    n = m.nested.nested_tensor([m.ones(2, 5), m.ones(3, 5)], layout=m.jagged)
    return isinstance(n.shape, m.Size), str(n.shape)[:16], n.shape[0], n.shape[2], len(n.size())


@pytest.mark.parametrize("case", [passes, padded, stretches, shapes])
def test_as_pytorch(case, request):
    assert case(torch) == case(request.getfixturevalue("torch"))
