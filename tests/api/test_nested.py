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
    for f in (torch.sum, torch.cumsum, lambda t: t.sum(1), lambda t: t @ t, lambda t: t.softmax(0)):
        with pytest.raises((NotImplementedError, TypeError), match="nested|cumsum"):
            f(n)
    for odd in (torch.ones(2, 2, 3), torch.ones(3, 3), torch.ones(2, 3)):
        with pytest.raises(NotImplementedError, match="shape"):
            n + odd
    assert (n + torch.ones(1, 3)).unbind()[1].tolist() == [[2.0, 2.0, 2.0]]
    other = torch.nested.nested_tensor([torch.ones(1, 3), torch.ones(2, 3)])
    with pytest.raises(RuntimeError, match="sizes"):
        n + other
    with pytest.raises(NotImplementedError, match="first dimension"):
        torch.nested.nested_tensor([torch.ones(1, 3), torch.ones(2, 2)])


def test_functions_are_as_before_when_there_are_none():
    gc.collect()
    before = overrides._asked
    n = torch.nested.nested_tensor([[1.0], [2.0, 3.0]]) * 2
    assert overrides._asked > before
    del n
    gc.collect()
    assert overrides._asked == before
