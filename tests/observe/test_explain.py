"""`explain`: what it says of operations and of tensors, and how rules are put in maths."""

import inspect
import io
import os
import sys

import pytest

import wengert as w
import wengert.nn.functional as F
from wengert.api import functions  # noqa: F401  (registers every op)
from wengert.declare.registry import FUNCTIONS, METHODS
from wengert.engine.op import OPS, Op
from wengert.engine.plan import public_name
from wengert.observe import explain_ops as telling_ops
from wengert.observe.explain import explain, text_of
from wengert.observe.rule_text import formula_of, source_of, tree_of


def told(x, output=None):
    return text_of(x, output, sys._getframe(1))


# ------------------------------------------------------------------------- operations


def test_prints_and_returns_nothing(capsys):
    assert w.explain("tanh") is None
    assert capsys.readouterr().out.startswith("tanh: an elementwise operation")
    file, x = io.StringIO(), w.ones(2)
    explain(x, file=file)
    assert file.getvalue().startswith("x: a tensor of float32 [2] on cpu") and x.dim() == 1


@pytest.mark.parametrize(
    "x", [w.tanh, w.Tensor.tanh, "tanh", "torch.tanh", "Tensor.tanh", "tanh_", OPS["tanh"]]
)
def test_an_op_in_many_forms(x):
    text = told(x)
    assert "g · (1 − out²)" in text and "saves         out" in text
    assert "TanhBackward0" in text and "wengert/ops/math/unary.py:" in text
    assert "lambda xp, g, out: xp.tanh_backward(g, out)" in text
    assert "def tanh(xp, x):" in text and "on the CPU" in text
    assert "forward mode  the gradient rules" in text and "vmap          all at once" in text


def test_a_node_tells_its_op():
    x = w.ones(2, requires_grad=True)
    assert told((x * x).grad_fn) == told("mul")


def test_where_it_is_tested():
    if not os.path.isdir(telling_ops.TESTS):
        pytest.skip("the package is not in a checkout")
    text = told("conv2d")
    assert "tests/ops/calls.py:" in text and "test_every_op.py -k '[conv]'" in text


def test_without_the_tests(monkeypatch):
    monkeypatch.setattr(telling_ops, "TESTS", "/nowhere")
    assert "tests/ops/test_every_op.py in the source distribution" in told("tanh")


def test_a_function_of_several_ops_shows_its_source_and_the_op():
    text = told(F.conv2d)
    assert "def conv2d(input, weight" in text and "conv: a bilinear operation" in text
    assert "conv_input(g, weight, input.shape, geometry)" in text
    assert "forward mode  the product rule" in text
    assert "add: an elementwise operation" in told(w.Tensor.add)


def test_a_composite_says_what_it_is_composed_of():
    op = next(o for o in OPS.values() if o.kind == "composite")
    text = told(op)
    assert "backward      that of its parts" in text and f"def {op.fwd.__name__}(" in text


class Double(w.autograd.Function):
    """Twice x."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


def test_a_function_of_the_user():
    text = told(Double)
    assert "Twice x." in text and "return g * 2" in text and "forward mode  not given" in text
    y = Double.apply(w.ones(1, requires_grad=True))
    assert told(y.grad_fn) == text


def test_everything_public_can_be_explained():
    seen = {id(f): f for table in (*FUNCTIONS.values(), METHODS, OPS) for f in table.values()}
    for f in seen.values():
        if isinstance(f, Op) or inspect.isfunction(f):
            assert told(f).count("\n") > 2, f


@pytest.mark.parametrize("wrong", [3, None, w.nn.Linear(1, 1), [1]])
def test_other_things_are_refused(wrong):
    with pytest.raises(TypeError, match="explain"):
        told(wrong)


def test_unknown_names_get_a_hint():
    with pytest.raises(ValueError, match="logsumexp"):
        told("logsumxp")
    with pytest.raises(TypeError, match="output="):
        told(w.tanh, w.ones(1))


# ------------------------------------------------------------------------- maths


@pytest.mark.parametrize(
    "op, name, expected",
    [
        ("mul", "x", "g · other"),
        ("div", "y", "−g · (input / other / other)"),
        ("rsqrt", "x", "−0.5 · g · out³"),
        ("asin", "x", "g / √(1 − input²)"),
        ("relu", "x", "g where out ≠ 0, else 0"),
        ("sigmoid", "x", "g · out · (1 − out)"),
        ("log1p", "x", "g / (input + 1)"),
        ("erf", "x", "g · (2 / √π) · exp(−input²)"),
        ("lerp", "weight", "g · (end − input)"),
    ],
)
def test_rules_in_maths(op, name, expected):
    o = OPS[op]
    assert formula_of(o.rules[name], {i: public_name(o, i) for i in o.arrays}) == expected


def twice(a):
    return a * 2


RULES = [
    (lambda x: (x + 1) * (x - 1), "(x + 1) · (x − 1)"),
    (lambda x, y: x - (y - 1), "x − (y − 1)"),
    (lambda x, y: x / (y * 2), "x / (y · 2)"),
    (lambda x: -(x * x), "−x²"),
    (lambda x: (x + 1) * (x + 1), "(x + 1)²"),
    (lambda x, y: x**y, "x^y"),
    (lambda xp, x, y: xp.where(xp.gt(x, 0), y, 0), "y where x > 0, else 0"),
    (lambda xp, x: xp.abs(x) + xp.sqrt(x + 1), "|x| + √(x + 1)"),
    (lambda x: x * x * 3, "x² · 3"),
    (lambda x: twice(x + 1), "(x + 1) · 2"),
    (lambda x, y: x @ y + 1, "x @ y + 1"),
    (lambda xp, x: xp.sum(x, (0, 1), True), "sum(x, (0, 1), True)"),
    (lambda x: [x], ""),
]  # fmt: skip


@pytest.mark.parametrize("rule, expected", RULES)
def test_maths_of_expressions(rule, expected):
    assert formula_of(rule, {}) == expected


def test_lambdas_on_one_line_are_told_apart():
    a, b, c = lambda x: x + 1, lambda x: x - 2, lambda x: x * 2
    assert [source_of(f) for f in (a, b, c)] == [
        "lambda x: x + 1", "lambda x: x - 2", "lambda x: x * 2",
    ]  # fmt: skip


def test_every_rule_has_a_source():
    for op in OPS.values():
        for name, rule in op.rules.items():
            assert tree_of(rule) is not None, (op.name, name)


# ------------------------------------------------------------------------- tensors


def test_the_chain_with_names_shapes_and_lines():
    x = w.ones(2, 3, requires_grad=True)
    h = x.exp()
    loss = (h * h).sum()  # the line of the sum
    text = told(loss)
    assert text.startswith("loss: a tensor of float32 [] on cpu, the result of SumBackward0")
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if line[:5].strip().isdigit()] == ["1", "2"]
    assert "# the line of the sum" in text and "test_explain.py:" in text
    assert "h = ExpBackward0" in text and "leaf x" in text and "float32 [2, 3]" in text
    assert "see 3" in text  # h, the second time
    assert "it is no leaf" in text and h.grad_fn is not None


def test_names_of_parameters():
    model = w.nn.Sequential(w.nn.Linear(2, 1))
    y = model(w.ones(1, 2))
    assert "leaf model.0.weight" in told(y)


def test_long_chains_are_cut_and_do_not_recurse():
    y = w.ones(1, requires_grad=True)
    for _ in range(5000):
        y = y + 1
    assert "... and 4961 more" in told(y)


def test_results_of_ops_with_several():
    values, indices = w.tensor([[1.0, 3.0]], requires_grad=True).sort()
    assert "SortBackward0" in told(values)
    assert "its dtype is int64" in told(indices)


def test_gradient_is_there():
    x = w.ones(2, requires_grad=True)
    x.sum().backward()
    assert ".grad is there: float32 [2]" in told(x)


def test_why_leaves_have_no_gradient():
    x = w.ones(2, requires_grad=True)
    assert "no operation that is still there uses it" in told(x)
    y = x * x  # used here
    text = told(x)
    text = " ".join(text.split())
    assert "MulBackward0" in text and "# used here" in text and "no backward pass has" in text
    y.sum().backward()
    x.grad = None
    assert "a backward pass has gone through MulBackward0" in " ".join(told(x).split())


def test_whether_an_output_reaches_it():
    x, other = w.ones(2, requires_grad=True), w.ones(2, requires_grad=True)
    loss = (x * 2).sum()
    assert "The output depends on it" in told(x, loss)
    text = told(other, loss)
    assert "does not depend on it" in text and "leaves that it reaches: x" in text
    assert "nothing was recorded" in told(x, w.ones(1))
    assert "x does not require grad" in told(w.ones(1), loss)
    with pytest.raises(TypeError, match="output must be"):
        told(x, 3)


def made_without_grad():
    x = w.ones(2, requires_grad=True)
    with w.no_grad():
        yield x * 2, "computed under no_grad()"
    yield w.arange(3), "its dtype is int64"
    yield w.ones(2) > 0, "its dtype is bool"
    yield x.detach(), "detached"
    yield x.data, ".data"
    yield w.ones(2).requires_grad_().requires_grad_(False), "turned off"
    yield w.ones(2), "made without requires_grad=True"
    with w.inference_mode():
        yield w.ones(2), "inference mode"
    yield w.ones(4)[1:], "It is a view (getitem) of float32 [4]"


@pytest.mark.parametrize("t, reason", [*made_without_grad()])
def test_why_tensors_outside_of_the_graph_have_none(t, reason):
    assert reason in " ".join(told(t).split())


def test_retained_gradients():
    x = w.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    assert "it will be kept (retain_grad)" in told(y)
    y.sum().backward()
    assert ".grad is there" in told(y)


def test_explaining_does_not_warn_or_record(recwarn):
    x = w.ones(2, requires_grad=True)
    y = x * 2
    told(y)
    assert not recwarn.list and y.grad_fn.hooks is None


def test_several_passes_added_into_one_gradient():
    x = w.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    assert "sum of" not in " ".join(told(x).split())
    (x * 3).sum().backward()
    assert "the sum of 2 backward passes" in " ".join(told(x).split())
    (x * 3).sum().backward(create_graph=True)
    assert "the sum of 3 backward passes" in " ".join(told(x).split())
    x.grad = None
    (x * 3).sum().backward()
    x.grad.mul_(0.5)
    assert "sum of" not in " ".join(told(x).split())
