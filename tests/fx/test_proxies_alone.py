"""Graphs that are made with proxies, without tracing a function."""

import gc

import wengert as torch
from wengert import fx, nn
from wengert.api import overrides


def test_functions_and_modules_take_proxies_as_long_as_there_are_some():
    graph = fx.Graph()
    gc.collect()  # classes of other tests
    before = overrides._asked
    x = fx.Proxy(graph.placeholder("x"))
    y = torch.cat([torch.relu(x), nn.LeakyReLU()(x)])
    graph.output(y.node)
    del x, y
    gc.collect()
    assert overrides._asked == before
    graph.lint()
    out = fx.GraphModule(nn.Module(), graph)(torch.tensor([-1.0, 2.0]))
    assert out.tolist() == [0, 2, torch.tensor(-0.01).item(), 2]


def test_operators_in_place_are_plain_ones_in_a_graph():
    def f(x):
        x += 1
        x *= 2
        return x

    names = [n.name for n in fx.symbolic_trace(f).graph.nodes]
    assert names == ["x", "add", "mul", "output"]
