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
