"""What nodes say of what they have saved, under PyTorch's names, and hooks of one saved tensor."""

import pytest

import wengert

CALLS = [
    "(x ** 2).grad_fn", "x.exp().grad_fn", "(x * x).grad_fn", "x.view(2).grad_fn",
    "x.expand(3, 2).grad_fn", "x.clamp(0, 1).grad_fn", "T.addmm(x, x[:, :1] * 1, x).grad_fn",
    "x.repeat(2, 2).grad_fn", "T.softmax(x, 1).grad_fn", "(x + x).grad_fn", "(x - 1).grad_fn",
    "(x @ x.t()).grad_fn", "x.mv(x[0]).grad_fn", "x[0].dot(x[0]).grad_fn", "(x ** x).grad_fn",
    "(2 ** x).grad_fn", "x.mean(1).grad_fn", "x.amax(0).grad_fn", "x.logsumexp(1).grad_fn",
    "T.bmm(x[None], x.t()[None]).grad_fn", "x.norm(2, 0).grad_fn",
]  # fmt: skip
# what our nodes have to say under PyTorch's names; the rest they compute
SAID = {
    "_saved_self", "_saved_exponent", "_saved_result", "_saved_other", "_saved_self_sym_sizes",
    "_saved_min", "_saved_max", "_saved_mat1", "_saved_mat2", "_saved_alpha", "_saved_repeats",
    "_saved_dim", "_saved_vec", "_saved_tensor", "_saved_self_sym_numel", "_saved_keepdim",
    "_saved_mat2_sym_sizes", "_raw_saved_self", "_raw_saved_result", "_raw_saved_mat1",
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_the_same_names_as_pytorch(torch, call):
    ours, theirs = (
        eval(call, {"T": T, "x": T.tensor([[1.0, 2.0]], requires_grad=True)})
        for T in (wengert, torch)
    )
    names = [n for n in dir(theirs) if n in SAID and n in dir(type(theirs))]
    assert names
    for name in names:
        mine, yours = getattr(ours, name), getattr(theirs, name)
        if isinstance(yours, torch.Tensor):
            assert mine.flatten().tolist() == pytest.approx(yours.flatten().tolist()), name
            assert mine.shape == yours.shape, name
        elif not name.startswith("_raw"):
            assert mine == yours, name


def test_hooks_of_one_saved_tensor():
    x = wengert.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    seen = []
    y.grad_fn._raw_saved_self.register_hooks(
        lambda t: seen.append("pack") or t.detach() * 2, lambda t: seen.append("unpack") or t + 1
    )
    assert seen == ["pack"] and y.grad_fn._saved_self.tolist() == [3.0, 5.0]
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 10.0] and seen == ["pack", "unpack", "unpack"]


def test_hooks_that_are_refused():
    x = wengert.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    raw = y.grad_fn._raw_saved_result
    assert raw.data.tolist() == y.tolist()
    with pytest.raises(TypeError):
        raw.register_hooks(3, lambda t: t)
    with pytest.raises(RuntimeError, match="in place"):
        raw.register_hooks(lambda t: t.mul_(2), lambda t: t)
    raw.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="already been set"):
        raw.register_hooks(lambda t: t, lambda t: t)
    z = x.sin().exp()
    raw = z.grad_fn._raw_saved_result
    z.sum().backward()
    with pytest.raises(RuntimeError, match="freed"):
        raw.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="second time"):
        z.grad_fn._saved_result


def test_facts_of_views_and_convolutions():
    x = wengert.ones(2, 3, requires_grad=True)
    assert (x[1].grad_fn._saved_dim, x[1].grad_fn._saved_index) == (0, 1)
    s = x[:, 1:3].grad_fn
    assert (s._saved_dim, s._saved_start, s._saved_end, s._saved_step) == (1, 1, 3, 1)
    assert x.sum(1).grad_fn._saved_dim == (1,)
    assert (x**2).grad_fn._saved_self is x
    conv = wengert.nn.functional.conv1d(x[None], wengert.ones(1, 2, 2), stride=2, padding=1).grad_fn
    assert (conv._saved_stride, conv._saved_padding, conv._saved_groups) == ((2,), (1,), 1)
    assert conv._saved_transposed is False
    loss = wengert.nn.functional.cross_entropy(x, wengert.tensor([0, 1]))
    assert loss.grad_fn._saved_reduction == 1


def test_a_function_is_joined_to_its_tensors_only():
    class Times(wengert.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.n = n
            return x * n

        @staticmethod
        def backward(ctx, g):
            return g * ctx.n, None

    x = wengert.ones(2, requires_grad=True)
    node = Times.apply(x, 3).grad_fn
    assert len(node.next_functions) == 1
    assert repr(node).startswith("<torch.autograd.function.TimesBackward object at 0x")
    assert repr(node.next_functions[0][0]).startswith("<AccumulateGrad object at 0x")


def test_pack_hooks_leave_the_tensor_as_it_is():
    x = wengert.ones(2, requires_grad=True)
    changing = wengert.autograd.graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t)
    with changing, pytest.raises(RuntimeError, match="modifying its input in place"):
        x.exp()
