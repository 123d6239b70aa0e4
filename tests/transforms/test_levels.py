"""Which level records what: no_grad around inner transforms, vjp's function differentiated again,
in-place changes of what a function has from outside, arguments that are refused; beside PyTorch.
"""

import pytest
from snippets import same

import wengert as torch
from wengert import func, functorch, nn

RECORDING = """
def h(x):
    with torch.no_grad():
        s = func.grad(lambda z: z**4)(x)
    return x**3 - s
func.grad(h)(tensor(2.))
---
x = tensor(2., requires_grad=True)
with torch.no_grad():
    y = func.grad(lambda x: x**3)(x)
y.requires_grad, y
---
w = tensor(2., requires_grad=True)
with torch.no_grad():
    v, f = func.vjp(lambda x: w*x**2, tensor(3.))
show(v, f(tensor(1.)))
---
w = tensor(2., requires_grad=True)
with torch.no_grad():
    show(func.jacrev(lambda x: w*x**2)(tensor([3.])), func.jacfwd(lambda x: w*x**2)(tensor([3.])))
    show(func.hessian(lambda x: (w*x**3).sum())(tensor([3.])))
---
def h(x):
    with torch.no_grad():
        s = func.vmap(func.grad(lambda z: z**4))(x)
    return (x**3 - s).sum()
func.grad(h)(tensor([2., 3.]))
---
def h(x):
    with torch.no_grad():
        s = func.jvp(lambda z: z**4, (x,), (x,))[1]
    return (x**3 - s).sum()
func.grad(h)(tensor([2., 3.]))
---
def h(x):
    with torch.no_grad():
        g = func.grad(lambda z: func.grad(lambda y: y**4)(z))(x)
    return x**3 - g
func.grad(func.grad(h))(tensor(2.)), func.jacfwd(func.grad(h))(tensor(2.))
---
def f(x):
    y = x**2
    with torch.no_grad():
        w = y.abs()
    return y + w
def twice(x):
    return func.jvp(lambda y: func.jvp(f, (y,), (y.sin(),))[1], (x,), (x.cos(),))[1]
func.grad(lambda x: twice(x).sum())(tensor([0.5, -1.5]))
---
def f(x):
    y = x**2
    with torch.no_grad():
        w = y.abs()
    return y + w
def batch(x):
    return func.vmap(lambda y: func.jvp(f, (y,), (y.sin(),))[1])(torch.stack([x, x*2]))
x = tensor([0.5, -1.5], requires_grad=True)
batch(x).sum().backward()
x.grad, func.grad(lambda x: batch(x).sum())(tensor([0.5, -1.5]))
"""

PULLS = """
def foo(x):
    _, f = func.vjp(torch.sin, x)
    return f(x)[0].sum()
func.grad(foo)(tensor([0., 1.]))
---
x = tensor(1.)
_, f = func.vjp(torch.sin, x)
func.grad(lambda y: f(y)[0])(tensor(1.))
---
def foo(x):
    _, f = func.vjp(torch.sin, x)
    return func.grad(lambda c: (f(c)[0]**2).sum())(x.cos()).sum()
func.grad(foo)(tensor([0., 1.]))
---
def f(x):
    _, pull = func.vjp(lambda y: y**3 * x, x)
    return func.vmap(lambda c: pull(c)[0])(torch.stack([x, x*x])).sum()
func.grad(f)(tensor([1., 2.])), func.grad(lambda x: func.grad(f)(x).sum())(tensor([1., 2.]))
---
def f(x):
    _, pull = func.vjp(lambda y: y**3 * x, x)
    return func.jvp(lambda c: pull(c)[0], (x,), (x*x,))[1].sum()
func.grad(f)(tensor([1., 2.])), func.jacfwd(f)(tensor([1., 2.]))
---
w = tensor(2., requires_grad=True)
_, f = func.vjp(lambda x: w*x**2, tensor(3.))
c = tensor(1., requires_grad=True)
torch.autograd.grad(f(c)[0], [w, c])
"""

ARGUMENTS = """
func.grad(lambda x, y: (x*y).sum(), argnums=(0, 0))(torch.ones(2), torch.ones(2))
---
func.jacfwd(lambda x, y: (x*y).sum(), argnums=(0, -2))(torch.ones(2), torch.ones(2))
---
func.jacrev(lambda x: x, argnums=1)(torch.ones(2))
---
func.jacrev(lambda x: x, argnums=())(torch.ones(2))
---
func.grad(lambda x: x.sum(), argnums='a')(torch.ones(2))
---
func.grad(lambda x: x.sum(), argnums=[0])(torch.ones(2))
---
func.vjp(torch.sin, 1.)
---
func.vjp(lambda x: x, torch.ones(2), has_aux=True)
---
func.vjp(lambda x: (x, 1.), torch.ones(2), has_aux=True)
---
func.jvp(torch.sin, (), ())
---
func.jvp(torch.sin, (torch.ones(2),), (1.,))
---
func.jvp(torch.sin, (torch.ones(2),), torch.ones(2))
---
func.jvp(lambda x: torch.ones(2), (torch.ones(2),), (torch.ones(2),), strict=True)
---
func.jvp(lambda x: x, (torch.ones(2),), (torch.ones(2),), has_aux=True)
---
func.jacfwd(lambda x: (x**2, {'a': x, 'b': [x*2, x*3]}), has_aux=True)(torch.ones(2))
---
func.jacfwd(lambda x: (x**2, [x]), has_aux=True)(torch.ones(2))
---
w = torch.arange(12.).reshape(4, 3)
i = tensor([0, 2])
func.jvp(lambda w: F.embedding(i, w, max_norm=1.), (w,), (torch.ones(4, 3),))
"""

CHANGES = """
y = torch.ones(2)
def f(x):
    y.mul_(x)
    return y.sum()
func.grad(f)(torch.ones(2))
---
y = torch.ones(2)
def f(x):
    y[0] = x[0]
    return y.sum()
func.grad(f)(torch.ones(2))
---
y = torch.ones(2)
def f(x):
    y.view(-1).add_(1)
    return (x*y).sum()
func.jacrev(f)(torch.ones(2))
---
y = torch.ones(2)
def f(x):
    y.mul_(x)
    return y.sum()
func.jvp(f, (torch.ones(2),), (torch.ones(2),))
---
class A:
    def __init__(self): self.t = torch.zeros(2)
    def f(self, x):
        self.t += x
        return self.t.sum()
func.grad(A().f)(torch.ones(2))
---
def f(x):
    y = x.clone()
    def g(z):
        y.add_(z)
        return y.sum()
    return func.grad(g)(x).sum()
func.grad(f)(torch.ones(2))
---
def f(x):
    out = torch.zeros(3)
    def add(v):
        out.add_(v)
    add(x); add(x*x)
    out[0] = x[1]
    return out.sum()
func.grad(f)(torch.ones(3))
---
def f(x, y):
    y.add_(1)
    return (x*y).sum()
func.grad(f)(torch.ones(2), torch.ones(2))
---
y = torch.ones(2)
def f(x):
    y.mul_(x)
    return y.sum()
func.vmap(f)(torch.ones(3, 2))
"""


@pytest.mark.parametrize(
    "text", [t for kind in (RECORDING, PULLS, ARGUMENTS, CHANGES) for t in kind.split("---\n")]
)
def test_as_pytorch(text):
    same(text)


def test_a_batch_may_be_written_into_what_was_made_inside():
    def f(x):
        out = torch.zeros(2)
        out[0] = x[1]
        return out

    assert func.vmap(f)(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[2.0, 0.0], [4.0, 0.0]]


def test_missing_tangents_of_a_function_are_zeros():
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(x, y):
            return x * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(*inputs)

        @staticmethod
        def jvp(ctx, tx, ty):
            x, y = ctx.saved_tensors
            return tx * y + x * ty

    five = torch.full((2,), 5.0)
    _, t = func.jvp(lambda x: Product.apply(x, five), (torch.ones(2),), (torch.full((2,), 3.0),))
    assert t.tolist() == [15.0, 15.0]


def test_gradcheck_moves_the_inputs_themselves():
    w = torch.ones(2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda _: w * 2, (w,))
    assert w.tolist() == [1.0, 1.0]


def test_modules_as_functions_of_their_parameters():
    x = torch.ones(3, 2)
    layer = nn.Linear(2, 1)
    f, params = functorch.make_functional(layer)
    assert torch.equal(f(params, x), layer(x))
    assert all(p is not q for p, q in zip(params, layer.parameters()))
    g, params, buffers = functorch.make_functional_with_buffers(nn.BatchNorm1d(2), True)
    assert not any(p.requires_grad for p in params) and len(buffers) == 3
    assert g(params, buffers, x).shape == (3, 2)
    with pytest.raises(RuntimeError, match="make_functional_with_buffers"):
        functorch.make_functional(nn.BatchNorm1d(2))
    two = [nn.Linear(2, 1), nn.Linear(2, 1)]
    h, params, _ = functorch.combine_state_for_ensemble(two)
    both = func.vmap(h, (0, 0, None))(params, (), x)
    assert torch.allclose(both, torch.stack([m(x) for m in two]))


def test_a_dual_is_not_made_of_a_dual():
    fw = torch.autograd.forward_ad
    with fw.dual_level():
        dual = fw.make_dual(torch.ones(2), torch.ones(2))
        with pytest.raises(RuntimeError):
            fw.make_dual(dual, torch.ones(2))


def test_all_of_func_is_exported():
    names = {}
    exec("from wengert.func import *", names)
    assert {"functional_call", "stack_module_state", "replace_all_batch_norm_modules_"} <= set(
        names
    )
    jacobian = func.jacrev(torch.sin, chunk_size=1, _preallocate_and_copy=True)(torch.zeros(2))
    assert jacobian.tolist() == [[1, 0], [0, 1]]
