"""Sequential, lists and dictionaries of modules and parameters: PyTorch's behaviour and repr."""

from collections import OrderedDict

import pytest

import wengert


def raised(f):
    try:
        return repr(f())
    except Exception as e:
        return type(e).__name__


def sequential(lib):
    nn = lib.nn
    m = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
    named = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
    out = [repr(m), repr(named), repr(m[1:]), repr(m[-1]), len(m), repr(named[0]), repr(named.b)]
    m[0] = nn.GELU()
    m.append(nn.ELU())
    m.insert(1, nn.Mish())
    m.extend(nn.Sequential(nn.SiLU()))
    out += [repr(m), repr(m.pop(0)), repr(m), repr(m + named), repr(named * 2), repr(2 * named)]
    m += nn.Sequential(nn.GLU())
    m *= 2
    del m[0], m[-1], m[1:3]
    out += [repr(m), list(m._modules), repr(list(m)[0])]
    bad = [
        lambda: m[20], lambda: m["a"], lambda: m.insert(99, nn.ReLU()), lambda: m.insert(0, 3),
        lambda: m * 0, lambda: m * 1.5, lambda: m + 3, lambda: m.append(3),
    ]  # fmt: skip
    return out + [raised(b) for b in bad]


def module_list(lib):
    nn = lib.nn
    m = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    m.append(nn.ReLU())
    m.extend(x for x in (nn.ReLU(), nn.Tanh()))
    m.insert(0, nn.Identity())
    out = [repr(m), len(m), repr(m[1:4]), repr(m[-1]), repr(m + [nn.GELU()])]
    m += [nn.Sigmoid()]
    m[0] = nn.ReLU()
    del m[1], m[2:4]
    out += [repr(m), repr(m.pop(-1)), list(m._modules), repr(nn.ModuleList())]
    bad = [lambda: m[99], lambda: m.extend(3), lambda: m(1), lambda: m.append(3)]
    return out + [raised(b) for b in bad]


def module_dict(lib):
    nn = lib.nn
    m = nn.ModuleDict({"z": nn.ReLU(), "a": nn.Tanh()})
    m["new"] = nn.GELU()
    m.update([["x", nn.Mish()]])
    m.update(nn.ModuleDict({"a": nn.ELU()}))
    out = [repr(m), list(m), list(m.keys()), len(m), "z" in m, [repr(v) for v in m.values()]]
    del m["z"]
    out += [repr(m.pop("x")), [(k, repr(v)) for k, v in m.items()]]
    bad = [
        lambda: m["nothing"], lambda: m.update(3), lambda: m.update([3]), lambda: m.update([[1]]),
        lambda: m.__setitem__("a.b", nn.ReLU()), lambda: m.__setitem__(3, nn.ReLU()),
    ]  # fmt: skip
    out += [raised(b) for b in bad]
    m.clear()
    return [*out, repr(m)]


def parameter_list(lib):
    nn = lib.nn
    m = nn.ParameterList([lib.ones(2), nn.Parameter(lib.ones(2, 3), requires_grad=False), 3])
    m.append(lib.zeros(1))
    m.extend([lib.ones(1)])
    m += [lib.ones(4, dtype=lib.float64)]
    m[0] = lib.ones(7)
    out = [repr(m), len(m), [k for k, _ in m.named_parameters()], m[2], tuple(m[-1].shape)]
    out += [repr(m[1:3]), [type(x).__name__ for x in m], list(m.state_dict())]
    bad = [lambda: m[99], lambda: m(1), lambda: m.extend(3), lambda: m.extend(lib.ones(2))]
    return out + [raised(b) for b in bad]


def parameter_dict(lib):
    nn = lib.nn
    m = nn.ParameterDict({"b": lib.ones(2), "a": lib.zeros(3), "text": "hi"})
    m["c"] = lib.ones(1)
    out = [repr(m), list(m), len(m), "a" in m, list(reversed(m)), m.get("no", 5), m["text"]]
    m.update([("d", lib.ones(1))])
    m.update(OrderedDict(z=lib.ones(1), y=lib.ones(1)))
    out += [list(m.keys()), m.setdefault("e", 4), m.popitem(), tuple(m.pop("d").shape)]
    other = m | nn.ParameterDict({"q": lib.ones(1)})
    out += [list(other), list(m.copy()), [k for k, _ in m.items()], list(m.fromkeys(["k"], 2))]
    del m["c"]
    out += [list(m), list(m.state_dict())]
    bad = [
        lambda: m["no"],
        lambda: m(1),
        lambda: nn.ParameterDict({3: m}),
        lambda: m.pop("no"),
    ]
    out += [raised(b) for b in bad]
    m.clear()
    return [*out, repr(m)]


STORIES = [sequential, module_list, module_dict, parameter_list, parameter_dict]


@pytest.mark.parametrize("story", STORIES, ids=[s.__name__ for s in STORIES])
def test_as_pytorch(torch, story):
    got, want = story(wengert), story(torch)
    assert len(got) == len(want)
    for i, (a, b) in enumerate(zip(got, want)):
        assert a == b, i


def test_repr_counts_equal_neighbours():
    nn = wengert.nn
    assert repr(nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Tanh()])) == (
        "ModuleList(\n  (0): ReLU()\n  (1-2): 2 x Tanh()\n)"
    )
    assert repr(nn.ParameterList([wengert.ones(2)])) == (
        "ParameterList(  (0): Parameter containing: [torch.float32 of size 2])"
    )


def test_sequential_runs_in_order():
    m = wengert.nn.Sequential(wengert.nn.Flatten(), wengert.nn.ReLU())
    assert m(-wengert.ones(2, 3, 4)).abs().sum() == 0
    assert m(wengert.ones(2, 3, 4)).shape == (2, 12)
