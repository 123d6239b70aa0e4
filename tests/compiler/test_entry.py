"""torch.compile: a working callable at once, with PyTorch's forms and refusals; control flow."""

import pytest

import wengert as w

nn = w.nn


def test_functions_and_decorators():
    @w.compile
    def f(x):
        """Doubles."""
        return 2 * x

    @w.compile(fullgraph=True, dynamic=False, mode="max-autotune")
    def g(x):
        return x + 1

    assert f(w.ones(1)).item() == 2 and g(w.ones(1)).item() == 2
    assert f.__name__ == "f" and f.__doc__ == "Doubles."
    assert w.compile(f, disable=True) is f


def test_modules_share_everything_with_the_original():
    m = nn.Sequential(nn.Linear(2, 1), nn.Dropout())
    c = w.compile(m)
    assert list(c.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    c.eval()
    assert not m.training and not c.training
    c.note = 3
    assert m.note == 3 and c(w.ones(1, 2)).equal(m(w.ones(1, 2)))
    assert set(c.parameters()) == set(m.parameters())
    m.compile()
    assert m(w.ones(1, 2)).shape == (1, 1)


@pytest.mark.parametrize(
    "options", [{"mode": "fast"}, {"backend": "nope"}, {"mode": "default", "options": {}}]
)
def test_refusals(options):
    with pytest.raises(RuntimeError):
        w.compile(nn.Linear(1, 1), **options)


def test_what_scripts_tell_the_compiler():
    assert w.compiler.disable(len) is len and not w.compiler.is_compiling()
    with w.compiler.set_stance("force_eager"):
        pass
    w._dynamo.config.suppress_errors = True
    w._inductor.config.coordinate_descent_tuning = True
    with w._inductor.config.patch(epilogue_fusion=False):
        assert w._inductor.config.epilogue_fusion is False
    assert w._inductor.config.epilogue_fusion is True
    assert "inductor" in w.compiler.list_backends()
    assert str(w._dynamo.explain(lambda x: x)(1)).startswith("Graph Count")


def test_control_flow():
    x = w.ones(1)
    assert w.cond(w.tensor(False), lambda x: x + 1, lambda x: x - 1, (x,)).item() == 0
    i, y = w.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (w.tensor(0), x))
    assert (i.item(), y.item()) == (3, 8)
    assert w._higher_order_ops.map(lambda a, b: a + b, w.arange(3), 1).tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError, match="single-element"):
        w.cond(w.ones(2), lambda: 1, lambda: 2)


def test_scans():
    xs = w.randn(6, 3, requires_grad=True)
    f = lambda c, x: (c * 0.5 + x, {"y": c + x})
    for g in (w.compiler.scan, w.compile(lambda *a, **k: w.compiler.scan(*a, **k))):
        for reverse in (False, True):
            for _ in range(2):
                carry, ys = g(f, w.ones(3), xs, reverse=reverse)
                c, want = w.ones(3), []
                for x in xs.flip(0) if reverse else xs:
                    want.append(c + x)
                    c = c * 0.5 + x
                want = w.stack(want[::-1] if reverse else want)
                assert carry.allclose(c) and ys["y"].allclose(want)
                (a,) = w.autograd.grad(ys["y"].sum() + carry.sum(), xs)
                (b,) = w.autograd.grad(want.sum() + c.sum(), xs)
                assert a.allclose(b)
    x = w.rand(2, 7) + 0.5
    for n in (1, 2, 5, 7):
        y = x[:, :n]
        assert w.compiler.associative_scan(w.mul, y, 1).allclose(y.cumprod(1))
        back = w.compiler.associative_scan(w.add, y, 1, reverse=True)
        assert back.allclose(y.flip(1).cumsum(1).flip(1))
    with pytest.raises(RuntimeError, match="one size"):
        w.compiler.scan(f, w.ones(3), (w.ones(2), w.ones(3)))
    with pytest.raises(RuntimeError, match="structure"):
        w.compiler.scan(lambda c, x: ((c, c), x), w.ones(3), xs)
