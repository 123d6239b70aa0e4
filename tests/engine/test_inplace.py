"""In-place operations and views: aliasing, version counters, rewritten histories, and the
errors.
"""

import pytest

import wengert as W

SCRIPTS = {
    "base then view": (
        """
a = T.ones(2, requires_grad=True)
w = T.zeros(3)
v = w[1:]
v.add_(a * 2)
out = w * w
"""
    ),
    "view seen through an older sibling": (
        """
a = T.ones(3, requires_grad=True)
b = a * 1.0
first, second = b[0:2], b[1:3]
first.mul_(3.0)
out = second * T.tensor([1.0, 10.0])
"""
    ),
    "in place on the base, then its view": (
        """
a = T.tensor([1.0, 2.0, 3.0], requires_grad=True)
b = a * 2
v = b.view(3, 1)
b.mul_(a)
out = v * v
"""
    ),
    "assignment of a row": (
        """
a = T.tensor([1.0, 2.0], requires_grad=True)
m = T.zeros(2, 2)
m[0] = a * 3
m[1, 0] = a[1] ** 2
out = m.sum(0) * T.tensor([1.0, 2.0])
"""
    ),
    "assignment by mask and index": (
        """
a = T.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
b = a * 1.0
b[T.tensor([True, False, True, False])] = 0.0
b[T.tensor([1, 1])] = b[T.tensor([3, 3])] * 2
out = b * b
"""
    ),
    "chain of in-place operations": (
        """
a = T.tensor([0.3, 0.5], requires_grad=True)
b = a * 2
b.add_(1).sqrt_()
out = b
"""
    ),
    "transposed view": (
        """
a = T.ones(2, 3, requires_grad=True)
b = a * 1.0
b.t()[0] *= 5
out = b.view(-1)
"""
    ),
    "zero_ cuts the flow": (
        """
a = T.ones(2, requires_grad=True)
b = a * 2
c = b * 3
b.zero_()
out = b + c
"""
    ),
    "copy_": (
        """
a = T.ones(2, requires_grad=True)
b = T.zeros(2, 2)
b.copy_(a * 4)
out = b
"""
    ),
    "clamp_ and relu_": (
        """
a = T.tensor([-1.0, 0.5, 2.0], requires_grad=True)
b = a * 1.0
b.clamp_(max=1.0)
b.relu_()
out = b * T.tensor([1.0, 2.0, 3.0])
"""
    ),
}


def run(T, script):
    env = {"T": T}
    exec(script, env)
    out = env["out"]
    (g,) = T.autograd.grad(out, env["a"], T.ones_like(out))
    return out.tolist(), g.tolist(), type(out.grad_fn).__name__


@pytest.mark.parametrize("name", SCRIPTS)
def test_same_as_pytorch(name, torch):
    assert run(W, SCRIPTS[name]) == run(torch, SCRIPTS[name])


def test_recorded_histories():
    assert run(W, SCRIPTS["base then view"])[:2] == ([0.0, 4.0, 4.0], [8.0, 8.0])
    assert run(W, SCRIPTS["view seen through an older sibling"])[:2] == (
        [3.0, 10.0],
        [0.0, 3.0, 10.0],
    )


def test_views_share_memory():
    x = W.zeros(2, 3)
    for view in (
        x.view(6),
        x[0],
        x[:, 1],
        x.t(),
        x.diagonal(),
        x[None],
        x.expand(2, 2, 3)[0],
        x.transpose(0, 1),
        x.unfold(1, 2, 1),
        x.squeeze(),
        x.detach(),
        x.data,
        x.reshape(3, 2),
    ):
        x.zero_()
        view.fill_(1.0)
        assert x.sum().item() > 0


def test_version_counts_changes_of_all_who_share():
    x = W.zeros(4)
    assert x._version == 0
    x.add_(1)
    x[1:3].mul_(2)
    assert x._version == 2 and x.view(2, 2)._version == 2 and x.detach()._version == 2
    x.data.add_(1)
    assert x._version == 2  # .data is invisible to the engine


def test_stale_saved_tensor_names_both_lines():
    x = W.ones(3, requires_grad=True)
    h = x.exp()
    y = h * h  # saved here
    h.add_(1)  # changed here
    with pytest.raises(RuntimeError) as e:
        y.sum().backward()
    text = str(e.value)
    assert "modified by an inplace operation" in text
    assert "saved here" in text and "changed here" in text


def test_change_after_use_that_saved_nothing_is_fine():
    x = W.ones(3, requires_grad=True)
    h = x * 2
    y = h + 1
    h.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_optimizer_like_update_between_passes():
    w = W.ones(2, requires_grad=True)
    for _ in range(3):
        (w * w).sum().backward()
        with W.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    assert w.tolist() == pytest.approx([0.512, 0.512])


def test_forbidden_changes():
    x = W.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x[0] = 2.0
    with pytest.raises(RuntimeError, match="a single memory location"):
        W.ones(3).expand(2, 3).add_(1)
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        W.ones(3).add_(W.ones(2, 3))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        W.ones(3, dtype=W.int64).add_(1.5)
    with W.inference_mode():
        t = W.ones(2)
    with pytest.raises(RuntimeError, match="inference"):
        t.add_(1)


def test_data_changes_the_leaf_unseen():
    x = W.ones(1, requires_grad=True)
    y = 2 * x
    x.data *= 100
    y.backward()
    assert x.tolist() == [100.0] and x.grad.tolist() == [2.0]


def test_a_changed_view_of_a_number() -> None:
    """Of one element, changed twice: nothing of the old value is left outside the view."""
    a = W.tensor(0.7, dtype=W.float64, requires_grad=True)
    x = a + 0.3
    x[None].mul_(0.5).sub_(1.0)
    x.backward()
    assert a.grad.item() == 0.5


def test_changed_views_that_go_by_memory() -> None:
    """Whatever the layout of the gradient that arrives."""
    weights = W.arange(6.0).reshape(3, 2)
    for take in (lambda x: x.view(-1), lambda x: x.as_strided((2, 2), (3, 1), 1)):
        a = W.arange(6.0).reshape(2, 3).requires_grad_()
        b = W.arange(6.0).reshape(2, 3).requires_grad_()
        x = a * 2
        take(x).mul_(3)
        (x.t() * weights).sum().backward()
        mask = W.ones(2, 3)
        take(mask).mul_(3)
        (b * 2 * mask * weights.t()).sum().backward()
        assert W.equal(a.grad, b.grad)


def test_a_reshape_that_copied_is_no_view() -> None:
    a = W.arange(12.0).reshape(2, 2, 3).requires_grad_()
    for _ in range(2):
        a.grad = None
        x = a.transpose(0, -1) * 0.5
        flat = x.reshape(-1)
        assert flat._base is None
        x[0] = a.mean()
        flat[:2].sum().backward()
        assert a.grad.count_nonzero() == 2


def test_backward_through_a_changed_view_while_saved_tensors_are_packed():
    x = W.ones(3, requires_grad=True)
    with W.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        h = x * 1
        h[:2].mul_(2)
        h.sum().backward()
    assert x.grad.tolist() == [2, 2, 1]


def test_one_number_may_fill_shared_memory():
    x = W.zeros(1).expand(3)
    assert x.fill_(2).tolist() == [2, 2, 2] and x.zero_().tolist() == [0, 0, 0]
    for change in (lambda: x.copy_(W.ones(3)), lambda: x.add_(1), lambda: x.uniform_()):
        with pytest.raises(RuntimeError, match="single memory location"):
            change()
    assert x.tolist() == [0, 0, 0]
