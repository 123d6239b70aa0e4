"""`.grad` has memory that nothing else sees: the arriving gradient's own where that is so."""

from __future__ import annotations

import pytest

import wengert as torch


def leaf():
    return torch.ones(6, requires_grad=True)


def seen(t):
    """Whether writing to the leaf's .grad shows in t."""

    def check(x):
        before = t.clone()
        x.grad.fill_(123.0)
        return not torch.equal(before, t)

    return check


def test_the_users_gradient_is_copied():
    x = leaf()
    for result, g in (
        (x, torch.ones(6)),
        (x * 1, torch.ones(6)),
        (x + 0, torch.ones(6)),
        (x.reshape(2, 3), torch.ones(2, 3)),
        (x.view(3, 2), torch.ones(6).view(3, 2)),
        (x[:], torch.ones(6)),
    ):
        x.grad = None
        result.backward(g)
        assert not seen(g)(x)


def test_two_leaves_do_not_share():
    x, y = leaf(), leaf()
    for result in (x + y, (x + y).reshape(2, 3), x.reshape(2, 3) + y.reshape(2, 3)):
        x.grad = y.grad = None
        result.backward(torch.ones(result.shape))
        assert not seen(y.grad)(x)


@pytest.mark.parametrize("steps", [1, 2])
def test_what_hooks_keep_stays(steps):
    x, kept = leaf(), []
    x.register_hook(kept.append)
    z = x * 2
    z.register_hook(kept.append)
    z = z.reshape(2, 3) if steps == 2 else z
    z.retain_grad()
    (z * 3).sum().backward()
    for t in (*kept, z.grad):
        assert not seen(t)(x)


def test_retained_graph_gives_the_same_again():
    x = leaf()
    y = (x.reshape(2, 3) * x.reshape(2, 3)).sum()
    y.backward(retain_graph=True)
    first = x.grad.clone()
    x.grad.fill_(-1.0)
    x.grad = None
    y.backward()
    assert torch.equal(x.grad, first)


def test_a_reshaped_gradient_is_not_copied():
    x = leaf()
    x.reshape(2, 3).exp().sum().backward()
    assert x.grad._a.base is not None and x.grad._a.base.nbytes == x.grad._a.nbytes


def test_the_gradient_of_a_single_element_can_be_written():
    x = torch.ones(1, requires_grad=True)
    (x.sum() * 3).backward()
    x.grad.mul_(2)
    assert x.grad.tolist() == [6.0]


def test_parts_are_added_where_they_belong():
    x = torch.randn(6, 3000, requires_grad=True)
    a, b, c = x.split(2)
    (a.sum() * 2 + b[1].sum() * 3 + c.sum() + x[0].sum() + x[:, 5].sum()).backward()
    want = torch.zeros(6, 3000)
    want[0:2] += 2
    want[3] += 3
    want[4:6] += 1
    want[0] += 1
    want[:, 5] += 1
    assert torch.equal(x.grad, want)


def test_a_waiting_gradient_that_others_see_is_left_alone():
    x = torch.randn(4, 4000, requires_grad=True)
    z = torch.randn(4, 4000, requires_grad=True)
    g = torch.randn(4, 4000)
    kept = g.clone()
    y = x + z  # both get g itself
    out = y[1] * 2
    whole = x * 1.0
    torch.autograd.backward([y, out, x[2], whole], [g, kept[1], kept[2], kept])
    assert torch.equal(g, kept)
    want = 2 * kept
    want[1] += 2 * kept[1]
    want[2] += kept[2]
    assert torch.allclose(x.grad, want)
    want = kept.clone()
    want[1] += 2 * kept[1]
    assert torch.allclose(z.grad, want)


def test_hooks_see_gradients_that_later_ones_do_not_change():
    x = torch.randn(3, 4000, requires_grad=True)
    y = x * 1.0
    seen = []
    a, b = y[0] * 2, y[1] * 3
    for t in (a, b):
        t.register_hook(lambda g: seen.append(g) or None)
    y.retain_grad()
    (a.sum() + b.sum() + (y * y).sum()).backward()
    assert all(torch.equal(g, torch.ones(4000)) for g in seen)
    want = 2 * y.detach()
    want[0] += 2
    want[1] += 3
    assert torch.allclose(y.grad, want) and torch.allclose(x.grad, want)


@pytest.mark.parametrize("later", [False, True])
def test_a_leaf_takes_what_a_function_made(later):
    where = []

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            g = g * 2
            where.append(g.data_ptr())
            return g

    x, y = leaf(), leaf()
    out = (Doubled.apply(x) * (torch.exp(y) if later else 1)).sum()
    out.backward()
    assert x.grad.data_ptr() == where[0]
