"""Views, changes in place, out= and indices that mean a tuple: small programs beside PyTorch."""

import pytest
from snippets import same

import wengert as w

PROGRAMS = """
x = torch.arange(6.).requires_grad_()
with torch.no_grad(): show(torch.cat([x, x]), torch.cat([x[:0], x * 2]), torch.stack([x, x]))
torch.cat([x[:0], x[:0]]).requires_grad
---
x = torch.zeros(2, 4)
torch.linspace(0, 3, 4, out=x[1:2, :]), x
---
x = torch.zeros(4, 2)
torch.linspace(0, 3, 4, out=x[:, 1:]); x
---
x = torch.zeros(4, 2)
torch.linspace(0, 3, 4, out=x[:, 1]); x
---
x = torch.zeros(4, 2)
torch.add(torch.ones(4), 1, out=x[:, 1:]); x
---
x = torch.zeros(4, 2)
torch.arange(0, 4, out=x[:, 1:]); x
---
x = torch.zeros(4, 2)
torch.rand(2, 2, out=x[:, 1:]); x.shape
---
x = torch.zeros(4, 2)
torch.zeros(4, out=x[:, 1:]); x
---
x = torch.zeros(4, 2)
torch.add(torch.ones(4, 1), 1, out=x[:, 1:]); x
---
x = torch.zeros(4, 2)
torch.cat([torch.ones(2), torch.ones(2)], out=x[:, 1:]); x
---
x = torch.zeros(6)
torch.add(torch.ones(2), 1, out=x); x
---
x = torch.zeros(6); y = x[:2]
torch.add(torch.ones(4), 1, out=y); x, y
---
x = torch.zeros(6); y = x[:4]
torch.add(torch.ones(2), 1, out=y); x, y
---
x = torch.zeros(2)
torch.add(torch.ones(4), 1, out=x); x
---
x = torch.randn(2, 3, dtype=torch.cfloat).mul(0).add(1+2j).requires_grad_()
y = x * 1; v = y[:, :2]; v.transpose_(0, 1); v.mul_(2j)
y.sum().real.backward(); x.grad.real, x.grad.imag + 0., v.detach()
---
x = torch.arange(6.).reshape(2, 3).requires_grad_()
y = x * 1; v = y[:, :2]; v.t_(); v.mul_(torch.tensor([[1., 2.], [3., 4.]]))
y.sum().backward(); x.grad, v.detach()
---
x = torch.arange(6.).reshape(2, 3).requires_grad_()
y = x * 1; v = y[:]; v.t_(); v.mul_(torch.tensor([[1.], [2.], [3.]]))
y.sum().backward(); x.grad, v.detach()
---
x = torch.arange(6.).reshape(2, 3).requires_grad_()
y = x * 1; y.t_(); y.mul_(torch.tensor([[1.], [2.], [3.]]))
y.sum().backward(); x.grad, y
---
x = torch.arange(6.).reshape(2, 3).requires_grad_()
y = x * 1; w = y[0]; y.t_(); y.mul_(torch.tensor([[1.], [2.], [3.]]))
w.sum().backward(); x.grad, y.detach(), w.detach()
---
x = torch.arange(6.).reshape(2, 3).requires_grad_()
y = x * 1; v = y[0]; v.unsqueeze_(0); v.mul_(2); y.sum().backward(); x.grad, v.detach(), y.detach()
---
x = torch.arange(6.).reshape(2, 3).requires_grad_()
y = x * 1; v = y[:1]; v.squeeze_(0); v.mul_(2); y.sum().backward(); x.grad, v.detach(), y.detach()
---
y = torch.tensor([1., 2.], requires_grad=True) * 1
y.retain_grad(); y.mul_(3); y.sum().backward(); y.grad
---
x = torch.tensor([1., 2.], requires_grad=True); y = x * 1
v = y[:1]; v.retain_grad(); v.mul_(3); y.sum().backward(); v.grad, x.grad
---
x = torch.tensor([1., 2.], requires_grad=True); y = x * 1
y.retain_grad(); v = y[:1]; v.mul_(3); y.sum().backward(); y.grad, x.grad
---
x = torch.tensor([1., 2.], requires_grad=True); y = x * 1
v = y[:1]; v.retain_grad(); y.mul_(3); (y.sum() + v.sum()).backward(); v.grad, x.grad
---
p = nn.Parameter(torch.ones(2)); g = torch.ones(2)
p._grad = g; show(p.grad, p._grad is g); p._grad
---
x = torch.ones(2, requires_grad=True); x._grad = None; x.sum().backward(); x._grad
---
x = torch.arange(9.).reshape(3, 3)
x[[tensor([0, 1]), tensor([1, 0])]]
---
x = torch.arange(9.).reshape(3, 3)
x[[tensor([0, 1]), tensor([1, 0])]] = -1.; x
---
torch.eye(3)[[[0, 1], [1, 2]]]
---
x = torch.zeros(3, 3); x[[[0, 1], [1, 2]]] = 1.; x
---
torch.arange(9.).reshape(3, 3)[[0, 1]]
---
torch.arange(9.).reshape(3, 3)[[slice(0, 1), 1]]
---
torch.arange(9.).reshape(3, 3)[[[0, 1], 1]]
---
torch.arange(9.).reshape(3, 3)[[Ellipsis, 1]]
---
torch.arange(9.).reshape(3, 3)[[None, 1]]
---
torch.arange(9.).reshape(3, 3)[..., ...]
---
torch.arange(9.).reshape(3, 3)[..., 0, ...]
---
torch.arange(9.).reshape(3, 3)[[True, False, True]]
---
torch.arange(27.).reshape(3, 3, 3)[[[0, 1], [1, 2]], [[0], [1]]]
---
torch.arange(9.).reshape(3, 3)[([0, 1], [1, 2])]
---
torch.arange(9.).reshape(3, 3)[[(0, 1), (1, 2)]]
---
torch.arange(9.).reshape(3, 3)[[np.array([0, 1]), np.array([1, 2])]]
---
torch.arange(9.).reshape(3, 3)[np.array([[0, 1], [1, 2]])]
---
x = torch.arange(9.).reshape(3, 3); x[1.5]
---
x = torch.arange(9.).reshape(3, 3); x[[1.5]]
---
x = torch.arange(9.).reshape(3, 3); x[tensor(1.)]
---
x = torch.arange(9.).reshape(3, 3)
x[()], x[True].shape, x[False].shape, x[tensor(True)].shape, x[[]].shape
---
x = torch.arange(9.).reshape(3, 3); x[tensor(1, dtype=torch.uint8)]
---
m = nn.LeakyReLU(-0.1, inplace=True); x = torch.ones(2, requires_grad=True)
m(x * 1).sum().backward()
---
x = torch.ones(2, requires_grad=True)
F.leaky_relu_(x * 1, -0.2).sum().backward()
---
x = torch.zeros(3); x[1:].add_(x[:-1]); x
---
x = torch.zeros(3); x[1:].copy_(x[:-1]); x
---
x = torch.arange(6.); torch.add(x[1:], 1, out=x[:-1]); x
---
x = torch.arange(6.); torch.exp(x[1:], out=x[:-1]); x
---
x = torch.arange(4.); x.expand(2, 4).add_(1)
---
x = torch.arange(4.); torch.add(torch.ones(2, 4), 1, out=x.expand(2, 4))
---
x = torch.arange(4.); x.expand(2, 4).copy_(torch.ones(2, 4))
---
x = torch.arange(4.); x.expand(2, 4).fill_(1); x
---
x = torch.arange(9.).reshape(3, 3); x.transpose(0, 1).add_(x); x
---
x = torch.arange(9.).reshape(3, 3); x.add_(x.t())
---
x = torch.arange(9.).reshape(3, 3); torch.mul(x, 2, out=x.t())
---
x = torch.ones(3, requires_grad=True); y = x * 1
with torch.no_grad(): v = y[:2]
y.mul_(2)
v.mul_(3)
---
x = torch.ones(3, requires_grad=True); y = x * 1
with torch.no_grad(): v = y[:2]
v.mul_(3)
y.sum().backward(); x.grad
---
x = torch.arange(4.).requires_grad_(); y = (x*1).reshape(2, 2).t().expand(3, 2, 2)
b = x * 1; v = b.reshape(2, 2).t(); e = v.expand(1, 2, 2); e.mul_(2); b.sum().backward(); x.grad
---
x = torch.ones(2, 2, requires_grad=True); y = x * 1
e = y.t().expand(3, 2, 2); y.mul_(4); e.sum().backward(); x.grad
---
torch.ones(2) == None
---
torch.arange(4.).reshape((tensor(2), tensor(2)))
---
x = torch.ones(3, requires_grad=True); y = x * 2
with torch.no_grad(): y.unsqueeze_(0)
y.sum().backward(); x.grad, y.shape, y.requires_grad
---
x = torch.ones(2, 3, requires_grad=True); y = x * 2; v = y[0]
with torch.no_grad(): v.unsqueeze_(0)
v.sum().backward(); x.grad, v.shape
---
x = torch.ones(3, requires_grad=True); y = x * 2
with torch.no_grad(): v = y[:2]
y.mul_(3); show(v.requires_grad)
with torch.no_grad(): show(v * 2)
v.sum().backward()
---
x = torch.ones(3, requires_grad=True); y = x * 2
y.eq_(2); y.sum().backward(); y.detach(), y.requires_grad, x.grad, y.grad_fn
---
x = torch.ones(3, requires_grad=True); y = x * 2
v = y[:2]; v.ne_(1.); (y * 3).sum().backward(); y.detach(), v.requires_grad, x.grad
---
x = torch.ones(3, requires_grad=True); y = torch.zeros(3)
y.lt_(x); y.sum().backward(); y.detach(), x.grad
---
x = torch.ones(3, requires_grad=True); y = x * 2
y.logical_and_(torch.ones(3)); y.sum().backward(); y.detach(), x.grad
---
v = torch.arange(4.).reshape(2, 2).requires_grad_(); v.diagonal().fill_(2)
---
v = torch.arange(4.).reshape(2, 2).requires_grad_(); v[0] = 1.
---
v = torch.arange(4.).reshape(2, 2).requires_grad_(); w = v[0]; (w * w).sum().backward(); v.grad
---
a = torch.arange(4.); v = a.reshape(2, 2).requires_grad_(); y = (v * v).sum()
a.add_(1); y.backward()
---
x = torch.ones(2, requires_grad=True); x.logical_not_(); x, x.is_leaf
---
x = torch.zeros(2); x[...] = tensor([1j, 2]); x[0] = tensor(3+1j); x
---
x = torch.zeros(2); x[0] = 1j
---
x = torch.zeros(2); x[tensor([0])] = tensor(1j)
---
x = torch.arange(36.).reshape((2, 2, 3, 3)).transpose(0, -1)
y = x[tensor([0, 1]), :, tensor([1, 0])]; torch.clamp(x, 0, 1, out=y); y
---
x = torch.arange(24.).reshape(2, 3, 4).transpose(0, -1)
y = x[tensor([0, 1]), :, tensor([1, 0])]; y.storage()[0] = 77.; (y == 77).sum()
---
x = torch.ones(1, 3, requires_grad=True) * -1
F.celu(x, -0.2, inplace=True).sum().backward()
"""


@pytest.mark.parametrize("text", PROGRAMS.split("---\n"))
def test_as_pytorch(text):
    same(text)


def test_a_history_is_kept_by_new_forms_also_where_nothing_is_recorded():
    x = w.ones(2, 3, requires_grad=True)
    y = x * w.arange(3.0)
    with w.no_grad():
        y.t_()
    assert y.shape == (3, 2) and y.requires_grad
    (y * w.arange(6.0).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 8.0], [0.0, 3.0, 10.0]]


def test_a_view_takes_the_place_of_one_that_is_gone():
    x = w.ones(3, requires_grad=True) * 1
    kept = []
    for _ in range(20):
        x[:2]
        kept.append(x[1:])
        x.view(3)
    x.mul_(2)
    for v in kept:  # all that live have the new history
        assert v.tolist() == [2.0, 2.0] and v.grad_fn.next_functions[0][0] is x.grad_fn


def test_slices_are_read_as_others_are():
    x = w.arange(6.0).view(3, 2)
    read = [x[1:], x[:2], x[-2:-1], x[2:2], x[:], x[0:3:2], x[w.tensor(1) :]]
    assert [len(v) for v in read] == [2, 2, 1, 0, 3, 2, 2]
    assert read[0].grad_fn is None and all(v._base is x._base for v in read)
    with pytest.raises(IndexError, match="0-dim"):
        w.tensor(1.0)[:1]
    with pytest.raises(TypeError):
        x["a":]


def test_views_that_are_gone_are_forgotten():
    x = w.rand(5, 5)
    for _ in range(1000):
        x[0]
    assert len(x._x.views) <= 64
    kept = [x[i % 5] for i in range(200)]
    known = {id(r()) for r in x._x.views}
    assert {id(v) for v in kept} <= known


@pytest.mark.parametrize("n", [3, 300])
def test_copies_of_what_is_in_order_are_copies(n):
    """Much that lies in order is not copied on the way to order, which is no copy."""
    x = w.ones(n, n)
    for f in (
        lambda: x.clone(memory_format=w.contiguous_format), lambda: w.alias_copy(x),
        lambda: w.as_strided_copy(x, (n, n), (n, 1)), lambda: w.view_copy(x, (n * n,)),
        lambda: w.unbind_copy(x)[0], lambda: w.split_copy(x, n)[0],
        lambda: w.permute_copy(x, (1, 0)), lambda: w.expand_copy(x, (n, n)),
    ):  # fmt: skip
        f().zero_()
        assert x.eq(1).all()


def test_sizes_are_sizes_however_often_they_are_asked():
    x, y = w.ones(2, 3), w.ones(2, 3)
    assert type(x.shape) is type(y.size()) is w.Size and x.shape == y.shape
    assert type(x.shape[:1]) is w.Size and x.shape[-1] == 3 and type(x.shape[True]) is int
    for n in range(5000):
        assert w.empty(n, 0).shape == (n, 0)
