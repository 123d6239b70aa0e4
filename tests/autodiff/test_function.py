"""User-defined functions."""

import pytest

import wengert as W
from wengert.autograd import Function
from wengert.autograd.function import once_differentiable


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Exp(Function):
    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y

    @staticmethod
    def jvp(ctx, t):
        (y,) = ctx.saved_tensors
        return t * y


def test_any_order():
    x = W.tensor(2.0, requires_grad=True)
    y = Cube.apply(x)
    assert type(y.grad_fn).__name__ == "CubeBackward"
    (a,) = W.autograd.grad(y, x, create_graph=True)
    (b,) = W.autograd.grad(a, x, create_graph=True)
    (c,) = W.autograd.grad(b, x)
    assert (a.item(), b.item(), c.item()) == (12.0, 12.0, 6.0)


def test_saved_output_and_setup_context():
    x = W.tensor([0.0, 1.0], requires_grad=True)
    y = Exp.apply(x)
    (g,) = W.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = W.autograd.grad(g.sum(), x)
    assert h.tolist() == pytest.approx(y.tolist())


def test_forward_mode_uses_jvp():
    value, tangent = W.func.jvp(Exp.apply, (W.tensor(1.0),), (W.tensor(2.0),))
    assert tangent.item() == pytest.approx(2 * value.item())
    with pytest.raises(RuntimeError, match="jvp"):
        W.func.jvp(Cube.apply, (W.tensor(1.0),), (W.tensor(2.0),))


def test_needs_input_grad_and_non_tensor_arguments():
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, k, y):
            ctx.k = k
            return x * k + y

        @staticmethod
        def backward(ctx, g):
            assert ctx.needs_input_grad == (True, False, False)
            return g * ctx.k, None, None

    x = W.ones(2, requires_grad=True)
    Scale.apply(x, 3, W.ones(2)).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_several_outputs_and_missing_gradients():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            assert b.tolist() == [0.0]  # zeros, unless set_materialize_grads(False)
            return a * 2 + b * 3

    x = W.ones(1, requires_grad=True)
    a, _ = Two.apply(x)
    a.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_mark_dirty_and_non_differentiable():
    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            flags = x > 0
            ctx.mark_non_differentiable(flags)
            return x, flags

        @staticmethod
        def backward(ctx, g, _):
            return g * 7

    x = W.zeros(2, requires_grad=True)
    h = x * 1.0
    out, flags = AddOne.apply(h)
    assert out is h and not flags.requires_grad
    out.sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = W.tensor(3.0, requires_grad=True)
    c = W.tensor(1.0, requires_grad=True)
    y = Once.apply(x) * c
    (g,) = W.autograd.grad(y, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


def test_wrong_backward():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g

    x = W.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"incorrect number of gradients \(expected 2, got 1\)"):
        Bad.apply(x, W.ones(1)).backward()
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        Bad()


def test_freed_saved_tensors():
    x = W.tensor(2.0, requires_grad=True)
    y = Cube.apply(x)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


@pytest.mark.parametrize(
    "name", ["shape", "dtype", "saved", "parents", "seq", "hooks", "code", "role", "function", "x"]
)
def test_a_function_may_call_what_it_keeps_as_it_likes(name):
    class First(W.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            setattr(ctx, name, tuple(x.shape))
            ctx.save_for_backward(x)
            return x[:1] * 2

        @staticmethod
        def backward(ctx, g):
            assert getattr(ctx, name) == (3,)
            (x,) = ctx.saved_tensors
            return W.cat([g * 2, W.zeros(getattr(ctx, name)[0] - 1)]) + 0 * x

    x = W.ones(3, requires_grad=True)
    y = First.apply(x)
    if name == "x":
        assert y.grad_fn.x == (3,)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]
    with pytest.raises(AttributeError, match="nothing"):
        y.grad_fn.nothing


class Handed(W.autograd.Function):
    """Gives its argument's memory on."""

    @staticmethod
    def forward(ctx, x, how):
        return how(x)

    @staticmethod
    def backward(ctx, g):
        return 10 * g, None


@pytest.mark.parametrize("how", [lambda x: x, lambda x: x.view(-1), lambda x: x.view_as(x)])
def test_memory_handed_on_is_not_changed_in_place(how):
    """PyTorch's errors: the change would go round the Function's backward."""
    x = W.ones(2, requires_grad=True)
    y = Handed.apply(x * 1, how)
    with pytest.raises(RuntimeError, match="custom Function"):
        y.mul_(2)
    with pytest.raises(RuntimeError, match="custom Function"):
        y[0].mul_(2)
    with W.no_grad():
        y.mul_(2)
    z = x * 1
    y = Handed.apply(z, how)
    z.mul_(2)
    with pytest.raises(RuntimeError, match="custom Function"):
        W.autograd.grad(y.sum(), x)


def test_memory_of_its_own_may_be_changed():
    x = W.ones(2, requires_grad=True)
    for how in (lambda x: x.clone(), lambda x: x.detach()):
        y = Handed.apply(x * 1, how).mul_(2)
        assert W.autograd.grad(y.sum(), x)[0].tolist() == [20, 20]


def test_outputs_of_modules_with_backward_hooks_are_not_changed_in_place():
    m = W.nn.Sequential(W.nn.Linear(2, 2), W.nn.ReLU(inplace=True))
    m[0].register_full_backward_hook(lambda *given: None)
    with pytest.raises(RuntimeError, match="custom Function"):
        m(W.ones(1, 2))


def test_what_is_marked_dirty_is_returned():
    class Doubled(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 2

    for x in (W.ones(2), W.ones(2, requires_grad=True) * 1):
        with pytest.raises(RuntimeError, match="dirty"):
            Doubled.apply(x)


def test_forward_mode_without_jvp_is_not_implemented():
    x = W.ones(2)
    with W.autograd.forward_ad.dual_level(), pytest.raises(NotImplementedError, match="jvp"):
        Cube.apply(W.autograd.forward_ad.make_dual(x, x))


def test_the_cotangent_may_come_in_a_list():
    x = W.ones(2, requires_grad=True)
    (x * 2).backward([W.tensor([1.0, 3.0])])
    assert x.grad is not None and x.grad.tolist() == [2, 6]
    for wrong in ([], [W.ones(2), W.ones(2)]):
        with pytest.raises(RuntimeError):
            (x * 2).backward(wrong)


def test_flags_of_results_and_modes_are_not_set_to_anything():
    y = W.ones(2, requires_grad=True) * 2
    for flag in (True, False):
        with pytest.raises(RuntimeError, match="leaf"):
            y.requires_grad = flag
    assert y.requires_grad_() is y
    with pytest.raises(TypeError):
        W.set_grad_enabled(1)
    assert W.is_grad_enabled()
