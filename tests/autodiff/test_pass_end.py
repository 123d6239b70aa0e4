"""What distributed training asks of a backward pass: a callback at its end, and saved values that
are made when they are needed.
"""

import numpy as np
import pytest

import wengert as w
from wengert.autodiff.saved_hooks import Deferred, defer
from wengert.engine.op_modes import Mode

queue = w.autograd.Variable._execution_engine.queue_callback


def test_a_callback_at_the_end():
    x, y, seen = w.ones(2, requires_grad=True), w.ones(2, requires_grad=True), []

    def last():
        seen.append(("last", w.is_grad_enabled(), x.grad.tolist(), y.grad.tolist()))

    def hook(p):
        seen.append("hook")
        queue(last)

    x.register_post_accumulate_grad_hook(hook)
    for _ in range(2):
        (x * 2 + y * 3).sum().backward()
    first = ("last", False, [2.0, 2.0], [3.0, 3.0])
    second = ("last", False, [4.0, 4.0], [6.0, 6.0])
    assert seen == ["hook", first, "hook", second]


def test_callbacks_queue_others_in_order():
    x, seen = w.ones(2, requires_grad=True), []

    def first():
        seen.append(1)
        queue(lambda: seen.append(3))

    x.register_hook(lambda g: (queue(first), queue(lambda: seen.append(2)))[0])
    w.autograd.grad(x.sum(), x)
    assert seen == [1, 2, 3]


def test_callbacks_of_the_pass_that_runs():
    x, inner, seen = w.ones(2, requires_grad=True), w.ones(2, requires_grad=True), []
    inner.register_hook(lambda g: queue(lambda: seen.append("inner")))

    def hook(g):
        queue(lambda: seen.append("outer"))
        with w.enable_grad():
            (inner * 2).sum().backward()
        seen.append("hook done")

    x.register_hook(hook)
    x.sum().backward()
    assert seen == ["inner", "hook done", "outer"]


def test_no_callback_outside_or_after_a_failure():
    with pytest.raises(RuntimeError, match="during backward pass"):
        queue(print)
    x, seen = w.ones(2, requires_grad=True), []
    y = x * 1
    y.register_hook(lambda g: queue(lambda: seen.append("called")))
    x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    assert not seen


class Shard(Deferred):
    """An array that is put together again when it is needed."""

    gathered = 0

    def __init__(self, array):
        self.parts = np.array_split(array.reshape(-1).copy(), 2)
        self.shape = array.shape

    def array(self):
        Shard.gathered += 1
        return np.concatenate(self.parts).reshape(self.shape)


class Sharding(Mode):
    """Nodes save shards of one parameter instead of its array."""

    def __init__(self, parameter):
        self.mine = parameter._a

    def recorded(self, node):
        defer(node, lambda a, _: Shard(a) if a is self.mine else a)


@pytest.mark.parametrize("create", [False, True])
def test_deferred_values(create):
    p = w.rand(3, 3, requires_grad=True)
    q = p.detach().clone().requires_grad_()
    x = w.rand(2, 3)
    with Sharding(p):
        loss = ((x @ p).tanh() * (p * p).sum()).sum()
    Shard.gathered = 0
    p.data.zero_()  # what the nodes need is not there any more
    (got,) = w.autograd.grad(loss, p, create_graph=create)
    (want,) = w.autograd.grad(((x @ q).tanh() * (q * q).sum()).sum(), q)
    assert Shard.gathered >= 2
    np.testing.assert_allclose(got.detach().numpy(), want.numpy(), rtol=1e-5)
