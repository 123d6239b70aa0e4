"""Module: attributes, registration, walks, modes, conversion, copies; one story told to both."""

import copy
import pickle

import numpy as np
import pytest

import wengert


def net(lib):
    """A small tree with a shared layer, buffers and a None."""

    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = lib.nn.Linear(2, 3)
            self.b = lib.nn.Sequential(lib.nn.ReLU(), lib.nn.BatchNorm1d(3))
            self.again = self.a
            self.nothing = None
            self.register_buffer("kept", lib.zeros(2))
            self.register_buffer("dropped", lib.ones(1), persistent=False)
            self.register_parameter("absent", None)
            self.scale = lib.nn.Parameter(lib.ones(1))

        def forward(self, x):
            return self.b(self.a(x)) * self.scale

    lib.manual_seed(0)
    return Net()


def raised(f):
    """The exception's type and text, or the result."""
    try:
        return f()
    except Exception as e:
        return type(e).__name__


def walks(lib):
    m = net(lib)
    return {
        "modules": [k for k, _ in m.named_modules()],
        "all": [k for k, _ in m.named_modules(prefix="p", remove_duplicate=False)],
        "children": [k for k, _ in m.named_children()],
        "parameters": [k for k, _ in m.named_parameters()],
        "own": [k for k, _ in m.named_parameters(prefix="x", recurse=False)],
        "doubled": [k for k, _ in m.named_parameters(remove_duplicate=False)],
        "buffers": [k for k, _ in m.named_buffers()],
        "state": list(m.state_dict(prefix="q.")),
        "repr": repr(m),
        "applied": (lambda seen: (m.apply(lambda x: seen.append(type(x).__name__)), seen)[1])([]),
        "found": type(m.get_submodule("b.1")).__name__,
        "parameter": tuple(m.get_parameter("a.bias").shape),
        "buffer": tuple(m.get_buffer("b.1.running_mean").shape),
        "version": dict(m.state_dict()._metadata),
    }


def errors(lib):
    m = net(lib)
    nn = lib.nn

    class Late(nn.Module):
        def __init__(self):
            self.p = nn.Parameter(lib.ones(1))

    class LateModule(nn.Module):
        def __init__(self):
            self.p = nn.ReLU()

    def put(name, value):
        return raised(lambda: setattr(m, name, value))

    p = nn.Parameter(lib.ones(1))
    return [
        raised(Late), raised(LateModule), put("a", 3), put("scale", lib.ones(1)), put("kept", 3),
        put("scale", nn.ReLU()), raised(lambda: m.nowhere), raised(lambda: m.get_submodule("a.b")),
        raised(lambda: m.get_parameter("kept")), raised(lambda: m.get_buffer("scale")),
        raised(lambda: m.register_buffer("a.b", None)), raised(lambda: m.register_buffer("", None)),
        raised(lambda: m.register_buffer("a", None)), raised(lambda: m.register_buffer(1, None)),
        raised(lambda: m.register_buffer("new", 3)), raised(lambda: m.register_parameter("a.b", p)),
        raised(lambda: m.register_parameter("a", p)), raised(lambda: m.register_parameter("n", 1)),
        raised(lambda: m.register_parameter("n", p * 2)), raised(lambda: m.add_module("a.b", None)),
        raised(lambda: m.add_module("scale", nn.ReLU())), raised(lambda: m.add_module("n", 3)),
        raised(lambda: m.train(3)), raised(lambda: m.to(lib.int32)), raised(lambda: m.to("nope")),
        raised(lambda: nn.Module(1)), raised(lambda: nn.Module()(1)),
        raised(lambda: m.set_submodule("", nn.ReLU())), raised(lambda: delattr(m, "nowhere")),
        raised(lambda: nn.Parameter(lib.ones(2, dtype=lib.int64))),
    ]  # fmt: skip


def attributes(lib):
    m = net(lib)
    seen = []
    m.a = None
    seen.append((list(m._modules), m.a))
    m.scale = None
    seen.append((list(m._parameters), m.scale))
    m.kept = lib.full((2,), 5.0)
    seen.append((list(m.state_dict()), m.kept.tolist()))
    m.plain = lib.ones(1)
    seen.append("plain" in m.state_dict())
    m.kept = lib.nn.Parameter(lib.ones(1))
    seen.append((list(m._buffers), list(m._parameters)))
    m.flag = lib.nn.Buffer(lib.ones(1), persistent=False)
    seen.append(([k for k, _ in m.named_buffers()], list(m.state_dict())))
    m.flag = lib.nn.ReLU()
    seen.append(([k for k, _ in m.named_buffers()], list(m._modules)))
    del m.flag, m.kept
    seen.append((hasattr(m, "flag"), sorted(n for n in dir(m) if n in ("b", "again", "dropped"))))
    m.set_submodule("b.0", lib.nn.Tanh())
    m.b.add_module("9", lib.nn.Tanh())
    seen.append(repr(m))
    return seen


def modes(lib):
    m = net(lib)
    out = [m.eval().training, m.b[1].training, m.train().b[1].training]
    m.requires_grad_(False)
    out.append([p.requires_grad for p in m.parameters()])
    m.requires_grad_(True)
    m(lib.ones(4, 2)).sum().backward()
    out.append([p.grad is not None for p in m.parameters()])
    m.zero_grad(set_to_none=False)
    out.append([float(p.grad.abs().sum()) for p in m.parameters()])
    m.zero_grad()
    out.append([p.grad for p in m.parameters()])
    return out


def conversions(lib):
    m = net(lib)
    first = m.a.weight
    m(lib.ones(4, 2)).sum().backward()
    out = []
    for convert in (
        lambda: m.double(), lambda: m.to(lib.float16), lambda: m.float(), lambda: m.bfloat16(),
        lambda: m.to("cpu", lib.float64), lambda: m.to(lib.ones(1)), lambda: m.half(),
        lambda: m.to(device="cpu", dtype=lib.float32, non_blocking=True), lambda: m.cpu(),
        lambda: m.type(lib.float64),
    ):  # fmt: skip
        convert()
        kinds = [str(t.dtype) for t in (*m.parameters(), *m.buffers())]
        out.append((kinds, str(m.a.weight.grad.dtype), m.a.weight is first, first.requires_grad))
    return out


STORIES = [walks, errors, attributes, modes, conversions]


@pytest.mark.parametrize("story", STORIES, ids=[s.__name__ for s in STORIES])
def test_as_pytorch(torch, story):
    got, want = story(wengert), story(torch)
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        for k in want:
            assert got[k] == want[k], k
    else:
        assert len(got) == len(want)
        for i, (a, b) in enumerate(zip(got, want)):
            assert a == b, i


def test_names_and_order():
    m = net(wengert)
    assert list(m.state_dict()) == [
        "scale", "kept", "a.weight", "a.bias", "b.1.weight", "b.1.bias", "b.1.running_mean",
        "b.1.running_var", "b.1.num_batches_tracked", "again.weight", "again.bias",
    ]  # fmt: skip
    assert repr(m.b) == (
        "Sequential(\n  (0): ReLU()\n  (1): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, "
        "bias=True, track_running_stats=True)\n)"
    )


def test_parameter_shares_storage_and_prints():
    data = wengert.zeros(2)
    p = wengert.nn.Parameter(data)
    with wengert.no_grad():
        p += 1
    assert data.tolist() == [1.0, 1.0]
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert not wengert.nn.Parameter(wengert.ones(1, dtype=wengert.int64), False).requires_grad


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_apart(way):
    m = wengert.nn.Sequential(wengert.nn.Linear(2, 2), wengert.nn.BatchNorm1d(2))
    m.append(m[0])
    m.eval()
    c = way(m)
    x = wengert.ones(3, 2)
    assert wengert.equal(m(x), c(x))
    assert c[0].weight is c[2].weight
    assert isinstance(c[0].weight, wengert.nn.Parameter)
    with wengert.no_grad():
        c[0].weight.zero_()
    assert float(m[0].weight.detach().abs().sum()) > 0


def test_shared_parameters_count_once():
    a, b = wengert.nn.Linear(2, 2), wengert.nn.Linear(2, 2)
    b.weight = a.weight
    both = wengert.nn.ModuleList([a, b])
    assert len(list(both.parameters())) == 3
    assert list(both.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_lazy_parameter_refuses_and_materialises():
    p = wengert.nn.UninitializedParameter(dtype=wengert.float64)
    with pytest.raises(ValueError, match="uninitialized"):
        p + 1
    with pytest.raises(RuntimeError, match="shape"):
        _ = p.shape
    assert copy.deepcopy(p).dtype == wengert.float64
    p.materialize((2, 3))
    assert type(p) is wengert.nn.Parameter
    p.data.fill_(1)
    (p * 2).sum().backward()
    assert p.grad.tolist() == [[2.0] * 3] * 2


def test_lazy_layers_load_and_report(torch):
    source = torch.nn.Linear(4, 3)
    m = wengert.nn.LazyLinear(3)
    state = {k: wengert.from_numpy(v.numpy()) for k, v in source.state_dict().items()}
    m.load_state_dict(state)
    x = np.ones((2, 4), np.float32)
    got = m(wengert.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(got, source(torch.from_numpy(x)).detach().numpy(), rtol=1e-6)
    assert type(m) is wengert.nn.Linear
    assert m.in_features == 4
    with pytest.raises(RuntimeError):
        wengert.nn.LazyConv2d(2, 3)(wengert.ones(5))


def test_call_costs_no_more_than_a_function_call_without_hooks():
    """What a call does: forward, and nothing that allocates per call."""
    calls = []

    class Probe(wengert.nn.Module):
        def forward(self, *args, **kwargs):
            calls.append((args, kwargs))
            return 7

    assert Probe()(1, key=2) == 7
    assert calls == [((1,), {"key": 2})]


def test_functions_that_a_class_holds_are_no_methods():
    class Scaled(wengert.nn.Module):
        act, scale, forward = wengert.relu, wengert.mul, wengert.nn.functional.softplus

        def score(self, x):
            return self.scale(self.act(x), other=x)

    x = wengert.tensor([-1.0, 2.0])
    m = Scaled()
    assert m.score(x).tolist() == [0.0, 4.0]
    assert Scaled.act is wengert.relu and m.act is wengert.relu
    wengert.testing.assert_close(m(x), wengert.nn.functional.softplus(x))

    class Named(Scaled):
        act = wengert.abs

    assert Named().act(x).tolist() == [1.0, 2.0]


def test_a_parameter_without_shape_takes_one_without_shape():
    a, b = wengert.nn.Module(), wengert.nn.Module()
    a.weight, b.weight = (wengert.nn.UninitializedParameter() for _ in range(2))
    keys = b.load_state_dict(a.state_dict(keep_vars=True))
    assert not keys.missing_keys and wengert.nn.parameter.is_lazy(b.weight)
    b.weight.materialize((2,))
    with pytest.raises((RuntimeError, ValueError)):
        b.load_state_dict(a.state_dict(keep_vars=True))
