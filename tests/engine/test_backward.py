"""The reverse pass: accumulation, cotangents, graphs kept and freed, higher orders, threads,
memory.
"""

import gc
import threading

import pytest

import wengert as W
from wengert.engine.node import Node

pytestmark = pytest.mark.smoke


def leaf(*values):
    return W.tensor(list(values), requires_grad=True)


def test_gradients_accumulate_over_passes_and_paths():
    x = leaf(1.0, 2.0)
    y = (x * x + 3 * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [10.0, 14.0]


def test_first_grad_is_not_an_alias_of_another():
    x, y = leaf(1.0), leaf(2.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0]


def test_gradient_of_a_broadcast_operand_is_summed():
    x, b = W.ones(2, 3, requires_grad=True), W.ones(3, requires_grad=True)
    (x * b).sum().backward()
    assert b.grad.tolist() == [2.0, 2.0, 2.0]


def test_gradient_arrives_in_the_dtype_of_its_tensor():
    x = W.ones(2, dtype=W.float16, requires_grad=True)
    (x * W.ones(2, dtype=W.float64)).sum().backward()
    assert x.grad.dtype is W.float16


def test_vector_jacobian_product():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2
    y.backward(W.tensor([0.1, 1.0, 0.01]))
    assert x.grad.tolist() == pytest.approx([0.2, 2.0, 0.02])


def test_only_inputs_get_their_grad():
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad is not None and y.grad is None


def test_backward_into_a_non_leaf_input():
    x = leaf(2.0)
    h = x * x
    (h * 3).sum().backward(inputs=[h])
    assert h.grad.tolist() == [3.0] and x.grad is None


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_any_order_of_derivative(order):
    import math

    x = W.tensor(0.7, dtype=W.float64, requires_grad=True)
    y = x.sin()
    for _ in range(order):
        (y,) = W.autograd.grad(y, x, create_graph=True)
    want = [math.cos(0.7), -math.sin(0.7), -math.cos(0.7), math.sin(0.7)][order - 1]
    assert y.item() == pytest.approx(want, abs=1e-12)


def test_create_graph_records_the_accumulated_grad():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (g,) = W.autograd.grad(x.grad.sum(), x)
    assert g.tolist() == [18.0]


def test_grad_of_unused_input():
    x, z = leaf(1.0), leaf(1.0)
    y = x * 2
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        W.autograd.grad(y, [x, z], W.ones(1), retain_graph=True)
    got = W.autograd.grad(y, [x, z], W.ones(1), retain_graph=True, allow_unused=True)
    assert got[1] is None
    got = W.autograd.grad(y, [x, z], W.ones(1), materialize_grads=True)
    assert got[1].tolist() == [0.0]


def test_batched_cotangents():
    x = leaf(1.0, 2.0)
    y = x * x
    (g,) = W.autograd.grad(y, x, W.eye(2), is_grads_batched=True)
    assert g.tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_errors_say_what_to_do():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        W.ones(1).backward()
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(W.ones(3))
    with pytest.raises(RuntimeError, match="Only|only Tensors of floating point"):
        W.ones(2, dtype=W.int64).requires_grad_()


def test_hooks_run_in_order_and_may_replace_the_gradient():
    x = leaf(1.0)
    h = x * 2
    seen = []
    h.register_hook(lambda g: seen.append(("a", g.item())))
    handle = h.register_hook(lambda g: g * 10)
    h.register_hook(lambda g: seen.append(("b", g.item())))
    h.sum().backward(retain_graph=True)
    assert seen == [("a", 1.0), ("b", 10.0)] and x.grad.tolist() == [20.0]
    handle.remove()
    h.sum().backward()
    assert x.grad.tolist() == [22.0]


def test_post_accumulate_hook_gets_the_tensor():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.item())))
    (x * 3).sum().backward()
    assert seen == [(True, 3.0)]


def test_retain_grad():
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    (h * 5).sum().backward()
    assert h.grad.tolist() == [5.0] and h.retains_grad


def test_modes():
    x = leaf(1.0)
    with W.no_grad():
        assert not (x * 2).requires_grad
        with W.enable_grad():
            assert (x * 2).requires_grad
    with W.inference_mode():
        y = x * 2
    with W.set_grad_enabled(False):
        assert not W.is_grad_enabled()
    assert W.is_grad_enabled()
    assert not y.requires_grad

    @W.no_grad()
    def f():
        return x * 2

    assert not f().requires_grad

    @W.no_grad()
    def gen():
        yield (x * 2).requires_grad
        yield W.is_grad_enabled()

    it = gen()
    assert next(it) is False
    assert W.is_grad_enabled()  # the switch is off between steps
    assert next(it) is False


def test_a_million_operations_and_no_recursion():
    x = W.ones(2, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del y


def test_memory_goes_when_the_graph_goes():
    gc.collect()
    gc.disable()
    try:
        w = W.ones(4, 4, requires_grad=True)

        def step():
            h = W.ones(2, 4)
            for _ in range(3):
                h = W.tanh(h @ w) + h.view(4, 2).t().reshape(2, 4)
            h = h.clone()
            h[0] = 1.0
            h.mul_(2)
            (h**2).sum().backward()
            w.grad = None

        step()

        def alive():
            return sum(isinstance(o, (Node, W.Tensor)) for o in gc.get_objects())

        before = alive()
        for _ in range(5):
            step()
        assert alive() == before
    finally:
        gc.enable()


def test_graphs_on_different_threads():
    w = W.ones(3, requires_grad=True)
    results = {}

    def work(i):
        x = W.full((3,), float(i), requires_grad=True)
        for _ in range(30):
            x.grad = None
            with W.no_grad():
                assert not (x * 2).requires_grad
            (x * x * w).sum().backward()
        results[i] = x.grad.tolist()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {i: [2.0 * i] * 3 for i in range(4)}


def test_names_of_nodes():
    x = leaf(1.0, 2.0)
    assert type(x**2).__name__ == "Tensor"
    names = {
        "PowBackward0": x**2,
        "PowBackward1": x**x,
        "MulBackward0": x * x,
        "MeanBackward0": x.mean(),
        "SumBackward0": x.sum(),
        "SumBackward1": x.sum(0),
        "AddBackward0": x + 1,
        "SubBackward0": x - 1,
        "RsubBackward1": 1 - x,
        "DivBackward0": x / 2,
        "NegBackward0": -x,
        "ViewBackward0": x.view(2, 1),
        "SelectBackward0": x[0],
        "SliceBackward0": x[:1],
        "UnsqueezeBackward0": x[None],
        "CloneBackward0": x.clone(),
        "TBackward0": x.view(1, 2).t(),
        "DotBackward0": x @ x,
        "MaxBackward0": x.max(0).values,
        "UnbindBackward0": x.unbind()[0],
        "SplitBackward0": x.split(1)[0],
        "CatBackward0": W.cat([x, x]),
    }
    for name, t in names.items():
        assert t.grad_fn.name() == name
        assert repr(t.grad_fn).startswith(f"<{name} object at 0x")
    node = (x * 2).grad_fn
    assert node.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert node.next_functions[0][0].variable is x
    assert (x * x).grad_fn._saved_self.tolist() == [1.0, 2.0]


def test_gradients_of_single_numbers_can_be_written_to():
    for f in (W.Tensor.mean, W.Tensor.sum, lambda x: x.expand(3).sum(), lambda x: x.clone().mean()):
        p = W.tensor(0.5).requires_grad_()
        f(p).backward()
        p.grad.mul_(2)
        assert p.grad in (2.0, 6.0)
