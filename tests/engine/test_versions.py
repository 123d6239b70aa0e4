"""How often a tensor was changed in place, also when it gets other memory, and other marks that go
with memory and history; PyTorch's numbers.
"""

import pytest

import wengert as torch


def test_copying_a_tensor_to_itself_counts():
    x = torch.rand(3)
    assert x.copy_(x)._version == 1


def test_other_memory_goes_on_counting():
    x = torch.rand(3).add_(1)
    assert x.set_(torch.rand(3))._version == 2
    assert x.resize_(2)._version == 3
    assert x.resize_(5)._version == 4
    x.data = torch.rand(5)
    assert x._version == 4
    x.data.add_(1)
    assert x._version == 4 and x.add_(1)._version == 5


def test_a_tensor_with_other_memory_still_counts_with_its_views():
    x = torch.rand(3).add_(1)
    v = x[:2]
    x.data = torch.rand(3)
    assert x._version == v._version == 1
    x.add_(1)
    v.add_(1)
    assert x._version == v._version == 3


def test_conversion_of_a_module_keeps_the_count():
    m = torch.nn.Linear(2, 2)
    m.load_state_dict(m.state_dict())
    count = m.weight._version
    assert count and m.double().weight._version == count


def test_changed_shapes_count():
    x = torch.rand(3)
    assert x.unsqueeze_(0)._version == 1 and x.squeeze_()._version == 2


def test_larger_memory_takes_the_views_along():
    x = torch.arange(6.0)
    y, z = x[:3], x[4:]
    x.resize_(12)
    y.fill_(7)
    z.fill_(8)
    assert x[:6].tolist() == [7, 7, 7, 3, 8, 8]
    z.resize_(20)
    assert z[:2].tolist() == [8, 8] and x.storage_offset() == 0 and z.storage_offset() == 4
    x[4] = 1
    assert z[0] == 1


def test_set_of_a_recorded_source_has_no_derivative():
    x, s = torch.zeros(2), torch.rand(4, requires_grad=True) * 2
    x.set_(s)
    assert x.requires_grad and x.grad_fn.name() == "torch::autograd::NotImplemented"
    with pytest.raises(RuntimeError, match="not implemented"):
        x.sum().backward()
    with pytest.raises(RuntimeError, match="leaf Variable"):
        torch.zeros(2, requires_grad=True).set_(torch.ones(2))


def test_data_is_neither_deleted_nor_set_to_a_value_of_a_transform():
    def f(x):
        u = torch.zeros(3)
        u.data = x * 2
        return u.sum()

    with pytest.raises(RuntimeError, match="functorch"):
        torch.func.grad(f)(torch.ones(3))
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="not allowed"):
        del x.data


def test_grad_fn_can_be_taken_away_and_old_switches_are_there():
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError):
        y._grad_fn = 3
    y._grad_fn = None
    assert not y.requires_grad
    with pytest.raises(RuntimeError):
        y.requires_grad = 1
    with pytest.warns(UserWarning):
        y.volatile = True
    with pytest.warns(UserWarning):
        assert y.volatile is False


def test_hooks_of_functions_see_which_gradients_came():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * 2, y * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append((a.tolist(), b.tolist()))
            return a * 2, b * 3

    seen = []
    x, y = (torch.ones(2, requires_grad=True) for _ in range(2))
    a, _ = Two.apply(x, y)
    a.grad_fn.register_prehook(lambda came: seen.append(came[1]))
    a.grad_fn.register_hook(lambda gs, came: seen.append((gs[1].tolist(), came[1])))
    a.sum().backward()
    assert seen == [None, ([1, 1], [0, 0]), ([0, 0], None)]
