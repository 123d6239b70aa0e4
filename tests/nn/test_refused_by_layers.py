"""What dropout and hooks of modules refuse, and which numbers go together, as in PyTorch."""

import pytest

import wengert as torch
from wengert import nn
from wengert.nn import functional as F


@pytest.mark.parametrize(
    "shape, kept",
    [((3,), [0, 0, 1]), ((2, 2, 2, 2, 2), [0, 0, 1, 0])],
)
def test_dropout3d_drops_what_it_counts_as_channels(shape, kept):
    """A tensor without a batch is one example; its first dimension is the channels."""
    torch.manual_seed(0)
    out = F.dropout3d(torch.ones(shape))
    assert (out.reshape(len(kept), -1) == 2 * torch.tensor(kept)[:, None]).all()


@pytest.mark.parametrize("f", [F.alpha_dropout, F.feature_alpha_dropout])
def test_integers_cannot_be_scaled(f):
    whole = torch.ones(3, 2, dtype=torch.int32)
    assert f(whole) is not None  # not in training: nothing happens
    with pytest.raises(RuntimeError, match="can't be cast"):
        f(whole, training=True)


def test_backward_hooks_give_a_gradient_for_each_input():
    def grad(hook):
        layer = nn.Linear(2, 2)
        layer.register_full_backward_hook(hook)
        x = torch.ones(1, 2, requires_grad=True)
        layer(x).sum().backward()
        return x.grad, layer.weight.sum(0)

    found, plain = grad(lambda module, given, out: [given[0] * 2])
    assert torch.equal(found[0], 2 * plain)
    with pytest.raises(RuntimeError, match="invalid number of grad_input"):
        grad(lambda module, given, out: given[0] * 2)


def test_steps_that_are_differentiated_take_one_tensor_at_a_time():
    p = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([p], foreach=True, differentiable=True)
    p.sum().backward()
    with pytest.raises(AssertionError, match="autograd"):
        optimizer.step()
