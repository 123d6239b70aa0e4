"""torch.fx against PyTorch's: the same graphs and code, and the same results as what was traced."""

import copy
import pickle

import pytest
from fx.networks import functions, modules

import wengert
import wengert.fx as fx
from wengert.fx.experimental.optimization import fuse, remove_dropout
from wengert.fx.passes.shape_prop import ShapeProp

nn = wengert.nn


def traced(t, thing):
    return t.fx.symbolic_trace(thing)


@pytest.mark.parametrize("name", ["arithmetic", "calls", "containers", "dtypes"])
def test_functions_give_the_graph_and_the_code_of_pytorch(torch, name):
    ours, theirs = (traced(t, functions(t)[name]) for t in (wengert, torch))
    assert str(ours.graph) == str(theirs.graph)
    assert ours.code == theirs.code


@pytest.mark.parametrize("name", ["mixed", "sequential"])
def test_modules_give_the_graph_and_the_code_of_pytorch(torch, name):
    ours, theirs = (traced(t, modules(t)[name]()) for t in (wengert, torch))
    assert str(ours.graph) == str(theirs.graph)
    assert ours.code == theirs.code
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)


def test_results_are_those_of_what_was_traced():
    x = wengert.randn(2, 4)
    for make in modules(wengert).values():
        m = make().eval()
        assert fx.symbolic_trace(m)(x).equal(m(x))
    square = wengert.randn(4, 4)
    for f in functions(wengert).values():
        flat, spec = wengert.utils._pytree.tree_flatten(f(square))
        again, other = wengert.utils._pytree.tree_flatten(fx.symbolic_trace(f)(square))
        assert spec == other
        same = [
            a.equal(b) if isinstance(a, wengert.Tensor) else a == b for a, b in zip(flat, again)
        ]
        assert all(same)


def test_gradients_reach_the_parameters():
    m = modules(wengert)["mixed"]().eval()
    gm = fx.symbolic_trace(m)
    gm(wengert.ones(1, 4)).sum().backward()
    assert gm.linear.weight is m.linear.weight and m.scale.grad is not None


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: x if x.sum() > 0 else -x, fx.proxy.TraceError),
        (lambda x: [a for a in x], fx.proxy.TraceError),
        (lambda x: len(x), RuntimeError),
        (lambda x: int(x), TypeError),
    ],
)
def test_what_needs_values_is_refused(f, error):
    before = wengert.relu.__code__, wengert.relu.__kwdefaults__
    with pytest.raises(error):
        fx.symbolic_trace(f)
    assert (wengert.relu.__code__, wengert.relu.__kwdefaults__) == before


def test_functions_bound_before_tracing_are_seen():
    from wengert.nn.functional import softmax

    gm = fx.symbolic_trace(lambda x: softmax(x, dim=0))
    assert [n.target for n in gm.graph.nodes if n.op == "call_function"] == [softmax]


@fx.wrap
def whole(x, n):
    return x * n if n > 2 else x


def test_wrapped_functions_are_one_step():
    gm = fx.symbolic_trace(lambda x: whole(x, 3) + 1)
    assert "whole(x, 3)" in gm.code
    assert gm(wengert.ones(1)).item() == 4


def test_concrete_arguments_are_checked():
    gm = fx.symbolic_trace(lambda x, flag=True: x + 1 if flag else x - 1, {"flag": False})
    assert gm(wengert.ones(1), False).item() == 0
    with pytest.raises(AssertionError, match="specialized"):
        gm(wengert.ones(1), True)


def test_stars_are_inputs():
    gm = fx.symbolic_trace(lambda *args, **kw: args[0] + kw["a"])
    assert gm(1, a=2) == 3


def test_a_graph_is_built_changed_and_checked():
    g = fx.Graph()
    x = g.placeholder("x")
    r = g.call_function(wengert.relu, (x,))
    g.output(g.call_method("add", (r, 1)))
    g.lint()
    gm = fx.GraphModule(nn.Module(), g)
    with pytest.raises(RuntimeError, match="still had 1 users"):
        g.erase_node(r)
    with g.inserting_after(r):
        s = g.call_function(wengert.sigmoid, (x,))
    r.replace_all_uses_with(s)
    assert g.eliminate_dead_code() and [n.name for n in g.nodes] == [
        "x",
        "sigmoid",
        "add",
        "output",
    ]
    gm.recompile()
    assert gm(wengert.zeros(1)).item() == 1.5
    with pytest.raises(TypeError, match="mutation"):
        g.call_function(wengert.cat, ([x],)).args[0].append(1)


def test_patterns_are_replaced():
    gm = fx.symbolic_trace(lambda a, b: wengert.relu(a) + 1 + (wengert.relu(b) + 1))
    found = fx.replace_pattern(gm, lambda x: wengert.relu(x) + 1, lambda x: wengert.sigmoid(x) - 1)
    assert len(found) == 2 and "relu" not in gm.code
    assert gm(wengert.zeros(1), wengert.zeros(1)).item() == -1
    used_twice = fx.symbolic_trace(lambda a: (lambda r: (r + 1) * r)(wengert.relu(a)))
    assert fx.replace_pattern(used_twice, lambda x: wengert.relu(x) + 1, lambda x: x) == []


def test_interpreter_and_transformer():
    class Counting(fx.Interpreter):
        calls = 0

        def call_function(self, target, args, kwargs):
            self.calls += 1
            return super().call_function(target, args, kwargs)

    class Sigmoid(fx.Transformer):
        def call_function(self, target, args, kwargs):
            target = wengert.sigmoid if target is wengert.relu else target
            return super().call_function(target, args, kwargs)

    gm = fx.symbolic_trace(lambda x: wengert.relu(x) + 1)
    run = Counting(gm)
    assert run.run(wengert.zeros(1)).item() == 1 and run.calls == 2
    assert Sigmoid(gm).transform()(wengert.zeros(1)).item() == 1.5
    with pytest.raises(RuntimeError, match="While executing"):
        fx.Interpreter(fx.symbolic_trace(lambda x: x @ x)).run(wengert.ones(2, 3))


def test_copies_and_pickles_compute_the_same():
    gm = fx.symbolic_trace(modules(wengert)["mixed"]().eval())
    x = wengert.randn(2, 4)
    for other in (copy.deepcopy(gm), copy.copy(gm), pickle.loads(pickle.dumps(gm))):
        assert other.code == gm.code and other(x).equal(gm(x))
    assert copy.deepcopy(gm).linear.weight is not gm.linear.weight


def test_shapes_are_noted():
    gm = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    ShapeProp(gm).propagate(wengert.ones(1, 2))
    shapes = [tuple(n.meta["tensor_meta"].shape) for n in gm.graph.nodes]
    assert shapes == [(1, 2), (1, 3), (1, 3), (1, 3)]


def test_norms_are_folded_and_dropout_removed():
    m = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5)).eval()
    m[1].running_mean.uniform_()
    x = wengert.randn(2, 1, 5, 5)
    folded = remove_dropout(fuse(m))
    assert [type(c).__name__ for c in folded.children()] == ["Conv2d", "ReLU"]
    wengert.testing.assert_close(folded(x), m(x))


def test_the_lines_made_of_a_graph_can_be_changed():
    traced = wengert.fx.symbolic_trace(lambda x: x + 1)
    plain = traced.code
    with traced.graph.on_generate_code(lambda former: lambda body: ["x = 2 * x\n", *body]):
        traced.recompile()
        assert traced(3) == 7
        with traced.graph.on_generate_code(lambda former: lambda b: ["x = -x\n", *former(b)]):
            traced.recompile()
            assert traced(3) == -5
    traced.recompile()
    assert traced.code == plain
