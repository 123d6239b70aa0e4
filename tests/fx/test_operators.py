"""Graphs of operators, modules in parts, and the arguments of calls by name."""

import pytest

import wengert as torch
from wengert import fx, nn
from wengert.fx.experimental.proxy_tensor import get_proxy_mode, make_fx
from wengert.fx.operator_schemas import normalize_function, normalize_module
from wengert.fx.passes.split_module import split_module
from wengert.nn import functional as F


def test_make_fx_writes_operators_down():
    def f(a, b):
        assert get_proxy_mode() is not None
        top = (a @ b).max(0)
        return top.values.relu() + torch.ones(2)

    a, b = torch.randn(3, 2), torch.randn(2, 2)
    g = make_fx(f)(a, b)
    assert get_proxy_mode() is None
    assert [str(n.target) for n in g.graph.nodes if n.op == "call_function"][:2] == [
        "aten.mm.default", "aten.max.dim",
    ]  # fmt: skip
    assert "mm = torch.ops.aten.mm.default(a_1, b_1);  a_1 = b_1 = None" in g.code
    x = torch.randn(3, 2)
    expected = (x @ b).max(0).values.relu() + 1
    assert torch.equal(g(x, b), expected)


def test_make_fx_sees_gradients():
    def f(x):
        return torch.autograd.grad((x * x).sum(), x)[0]

    x = torch.randn(3, requires_grad=True)
    g = make_fx(f)(x)
    y = torch.randn(3)
    assert torch.allclose(g(y), 2 * y)


def test_make_fx_of_a_module():
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    x = torch.randn(4, 3)
    g = make_fx(net)(x)
    assert torch.allclose(g(x), net(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 2)
        self.p = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x)
        return self.second(torch.relu(h) * self.p) + h.sum()


def test_split_module():
    net = Net()
    traced = fx.symbolic_trace(net)
    assert ") -> torch.Tensor:" in traced.code
    seen = {}
    split = split_module(traced, net, lambda n: 0 if n.name in ("first", "relu") else 1, seen)
    assert [n for n, _ in split.named_children()] == ["submod_0", "submod_1"]
    assert seen == {"submod_0.first": "first", "submod_1.second": "second"}
    x = torch.randn(5, 2)
    assert torch.equal(split(x), net(x))
    with pytest.raises(RuntimeError, match="cycle"):
        split_module(traced, net, lambda n: 0 if n.name in ("first", "mul") else 1)


def test_arguments_by_name():
    found = normalize_function(F.relu, (1,), normalize_to_only_use_kwargs=True)
    assert found.args == () and found.kwargs == {"input": 1, "inplace": False}
    assert normalize_function(F.relu, (1,), {"inplace": True}).args == (1, True)
    assert normalize_function(F.relu, (1, 2, 3)) is None
    root = nn.Sequential(nn.Linear(1, 1))
    assert normalize_module(root, "0", (3,), {}, True).kwargs == {"input": 3}
