"""The base class as in PyTorch: groups, closures, hooks, state dicts, printing, errors."""

import copy
import importlib
import pickle

import numpy as np
import pytest
from optim.trajectories import CASES, label, parameters, set_gradients, train

import wengert
import wengert.optim
from wengert import nn

NAMES = [
    "ASGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LBFGS",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "SparseAdam",
]


def plain(x):
    """A state dict of either library as comparable data."""
    if hasattr(x, "detach"):
        return str(x.dtype), tuple(x.shape), np.round(x.detach().numpy().astype(float), 9).tolist()
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x


def base(library):
    """The module of the base class."""
    return importlib.import_module(f"{library.__name__}.optim.optimizer")


def made(library, name, **options):
    shapes = ((2, 2),) if name == "Muon" else ((2, 2), (3,))
    return getattr(library.optim, name)(parameters(library, shapes=shapes), **options)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_groups_and_repr(name, torch):
    ours, theirs = made(wengert, name), made(torch, name)
    assert list(ours.defaults.items()) == list(theirs.defaults.items())
    assert [list(g) for g in ours.param_groups] == [list(g) for g in theirs.param_groups]
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", NAMES)
def test_constructors_take_the_same_arguments(name, torch):
    import inspect

    ours = inspect.signature(getattr(wengert.optim, name).__init__).parameters
    theirs = inspect.signature(getattr(torch.optim, name).__init__).parameters
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_state_dicts_are_the_same(case, torch):
    if case[0] == "LBFGS":  # which keeps rounding errors of differences: compared by what they do
        keys = [
            [list(s) for s in train(library, *case, steps=3)[1].state_dict()["state"].values()]
            for library in (wengert, torch)
        ]
        assert sorted(keys[0][0]) == sorted(keys[1][0])
        return
    ours = train(wengert, *case, steps=3)[1].state_dict()
    theirs = train(torch, *case, steps=3)[1].state_dict()
    assert plain(ours) == plain(theirs)
    assert [list(s) for s in ours["state"].values()] == [list(s) for s in theirs["state"].values()]


@pytest.mark.parametrize("case", CASES, ids=label)
@pytest.mark.parametrize("direction", ["ours to theirs", "theirs to ours"])
def test_checkpoints_move_both_ways(case, direction, torch):
    """Train in one library, go on in the other: as if nothing had happened."""
    name, options = case
    first, second = (wengert, torch) if direction == "ours to theirs" else (torch, wengert)
    path, optimizer = train(first, name, options, 6)
    params = [second.from_numpy(a.copy()).requires_grad_() for a in path[2]]

    def carried(x):
        if hasattr(x, "detach"):
            return second.from_numpy(np.array(x.detach().numpy()))
        if isinstance(x, dict):
            return {k: carried(v) for k, v in x.items()}
        return [carried(v) for v in x] if type(x) is list else x

    _, half = train(first, name, options, 3)
    other = getattr(second.optim, name)(params, **options)
    other.load_state_dict(carried(half.state_dict()))
    for step in (3, 4, 5):
        if name == "LBFGS":
            other.step(lambda: set_gradients(second, params, 0))
        else:
            set_gradients(second, params, step)
            other.step()
    for p, expected in zip(params, path[5]):
        np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-6, atol=1e-12)


def test_loading_casts_to_the_parameter_but_not_the_step():
    half = parameters(wengert, "float16", shapes=((3,),))
    _, trained = train(wengert, "Adam", {}, 3, shapes=((3,),))
    optimizer = wengert.optim.Adam(half)
    optimizer.load_state_dict(trained.state_dict())
    state = optimizer.state[half[0]]
    assert state["exp_avg"].dtype == wengert.float16
    assert (state["step"].dtype, float(state["step"])) == (wengert.float32, 3.0)


def test_old_checkpoints():
    """Counters as numbers, and groups without the options that came later."""
    params = parameters(wengert)
    saved = train(wengert, "Adam", {}, 3)[1].state_dict()
    for state in saved["state"].values():
        state["step"] = int(state["step"])
    for group in saved["param_groups"]:
        for option in ("maximize", "foreach", "capturable", "differentiable", "fused"):
            del group[option]
    optimizer = wengert.optim.Adam(params)
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["maximize"] is False
    set_gradients(wengert, params, 0)
    optimizer.step()
    assert float(optimizer.state[params[0]]["step"]) == 4


def test_loading_what_does_not_fit(torch):
    for library in (wengert, torch):
        params = parameters(library, shapes=((2,), (3,)))
        optimizer = library.optim.SGD(params, lr=0.1)
        saved = optimizer.state_dict()
        with pytest.raises(ValueError, match="different number of parameter groups"):
            optimizer.load_state_dict({**saved, "param_groups": []})
        with pytest.raises(ValueError, match="doesn't match the size"):
            group = {**saved["param_groups"][0], "params": [0]}
            optimizer.load_state_dict({**saved, "param_groups": [group]})


def test_groups_have_options_of_their_own(torch):
    ends = []
    for library in (wengert, torch):
        p, q, r = parameters(library, shapes=((2,), (3,), (2, 2)))
        optimizer = library.optim.Adam([{"params": [p], "lr": 0.1}, {"params": q}], lr=0.01)
        optimizer.add_param_group({"params": r, "betas": (0.5, 0.9), "amsgrad": True})
        for step in range(5):
            set_gradients(library, [p, q, r], step)
            optimizer.step()
        ends.append([x.detach().numpy() for x in (p, q, r)])
        assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.01, 0.01]
        assert optimizer.state_dict()["param_groups"][2]["params"] == [2]
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_named_parameters(torch):
    for library in (wengert, torch):
        p, q = parameters(library, shapes=((2,), (3,)))
        optimizer = library.optim.SGD([("a", p), ("b", q)], lr=0.1)
        assert optimizer.param_groups[0]["param_names"] == ["a", "b"]
        saved = optimizer.state_dict()
        assert saved["param_groups"][0]["param_names"] == ["a", "b"]
        unnamed = library.optim.SGD([p, q], lr=0.1)
        unnamed.load_state_dict(saved)
        assert unnamed.param_groups[0]["param_names"] == ["a", "b"]


def test_closures_run_with_gradients_on(torch):
    for library in (wengert, torch):
        (p,) = parameters(library, shapes=((2,),))
        optimizer = library.optim.SGD([p], lr=0.1)

        def closure(library=library, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with library.no_grad():
            loss = optimizer.step(closure)
        assert loss.requires_grad
        assert p.grad is not None
        assert optimizer.step() is None


def test_zero_grad(torch):
    for library in (wengert, torch):
        (p,) = parameters(library, shapes=((2,),))
        optimizer = library.optim.SGD([p], lr=0.1)
        (g,) = library.autograd.grad((p**3).sum(), p, create_graph=True)
        p.grad = g
        optimizer.zero_grad(set_to_none=False)
        assert p.grad is g
        assert not g.requires_grad
        assert g.tolist() == [0.0, 0.0]
        optimizer.zero_grad()
        assert p.grad is None


def test_step_hooks(torch):
    logs = []
    for library in (wengert, torch):
        log, module = [], base(library)
        (p,) = parameters(library, shapes=((2,),))
        optimizer = library.optim.SGD([p], lr=0.1)
        set_gradients(library, [p], 0)
        handles = [
            module.register_optimizer_step_pre_hook(
                lambda o, a, k, log=log: log.append("all before")
            ),
            module.register_optimizer_step_post_hook(
                lambda o, a, k, log=log: log.append("all after")
            ),
            optimizer.register_step_pre_hook(
                lambda o, a, k, log=log: log.append(("before", a[1:], k))
            ),
            optimizer.register_step_post_hook(
                lambda o, a, k, log=log: log.append(("after", a[1:], k))
            ),
        ]
        optimizer.step()
        optimizer.register_step_pre_hook(lambda o, a, k: ((o, lambda: 7.0), {}))
        assert optimizer.step() == 7.0
        for handle in handles:
            handle.remove()
        optimizer.step()
        optimizer.register_step_pre_hook(lambda o, a, k: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple"):
            optimizer.step()
        logs.append([x if isinstance(x, str) else (x[0], len(x[1]), x[2]) for x in log])
    assert logs[0] == logs[1]


def test_state_dict_hooks(torch):
    logs = []
    for library in (wengert, torch):
        log = []
        optimizer = made(library, "Adam")
        optimizer.register_state_dict_pre_hook(lambda o, log=log: log.append("pre 1"))
        optimizer.register_state_dict_pre_hook(lambda o, log=log: log.append("pre 0"), prepend=True)
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "extra": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, s, log=log: log.append(sorted(s)))
        optimizer.register_load_state_dict_post_hook(lambda o, log=log: log.append("post 1"))
        optimizer.register_load_state_dict_post_hook(
            lambda o, log=log: log.append("post 0"), prepend=True
        )
        saved = optimizer.state_dict()
        assert saved["extra"] == 1
        optimizer.load_state_dict(saved)
        logs.append(log)
    assert logs[0] == logs[1]


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_copies_go_on_alone(way):
    params = parameters(wengert)
    optimizer = wengert.optim.Adam(params, lr=0.1)
    set_gradients(wengert, params, 0)
    optimizer.step()
    if way == "pickle":
        params2, optimizer2 = pickle.loads(pickle.dumps((params, optimizer)))
    else:
        params2, optimizer2 = copy.deepcopy((params, optimizer))
    assert optimizer2.param_groups[0]["params"][0] is params2[0]
    for ps, o in ((params, optimizer), (params2, optimizer2)):
        set_gradients(wengert, ps, 1)
        o.step()
    for p, q in zip(params, params2):
        assert p is not q
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


ERRORS = {
    "a tensor": lambda m, p: m.optim.SGD(p[0], lr=0.1),
    "nothing": lambda m, p: m.optim.SGD([], lr=0.1),
    "a set": lambda m, p: m.optim.SGD([{"params": set(p)}], lr=0.1),
    "a number": lambda m, p: m.optim.SGD([1.0], lr=0.1),
    "a list": lambda m, p: m.optim.SGD([[1]], lr=0.1),
    "a non-leaf": lambda m, p: m.optim.SGD([p[0] * 2], lr=0.1),
    "in two groups": lambda m, p: m.optim.SGD([{"params": p}, {"params": p[:1]}], lr=0.1),
    "group type": lambda m, p: m.optim.SGD(p, lr=0.1).add_param_group([p]),
    "some names": lambda m, p: m.optim.SGD([("a", p[0]), p[1]], lr=0.1),
    "names in one group": lambda m, p: m.optim.SGD(
        [{"params": p[:1]}, {"params": [("b", p[1])]}], lr=0.1
    ),
    "required": lambda m, p: m.optim.Optimizer(p, {"x": base(m).required}),
    "no step": lambda m, p: m.optim.Optimizer(p, {}).step(),
    "lr": lambda m, p: m.optim.SGD(p, lr=-1),
    "lr tensor": lambda m, p: m.optim.SGD(p, lr=m.ones(2)),
    "momentum": lambda m, p: m.optim.SGD(p, momentum=-1),
    "nesterov": lambda m, p: m.optim.SGD(p, nesterov=True),
    "betas": lambda m, p: m.optim.Adam(p, betas=(0.9, 1.0)),
    "mixed betas": lambda m, p: m.optim.Adam(p, betas=(0.9, m.tensor(0.99))),
    "foreach with tensors": lambda m, p: m.optim.Adam(p, lr=m.tensor(0.1), foreach=True),
    "fused and foreach": lambda m, p: m.optim.Adam(p, fused=True, foreach=True),
    "fused and differentiable": lambda m, p: m.optim.SGD(p, fused=True, differentiable=True),
    "eps": lambda m, p: m.optim.RMSprop(p, eps=-1),
    "rho": lambda m, p: m.optim.Adadelta(p, rho=2),
    "lr_decay": lambda m, p: m.optim.Adagrad(p, lr_decay=-1),
    "etas": lambda m, p: m.optim.Rprop(p, etas=(1.0, 0.5)),
    "adafactor": lambda m, p: m.optim.Adafactor(p, d=0.5),
    "adafactor eps": lambda m, p: m.optim.Adafactor(p, eps=(-1, 1)),
    "muon": lambda m, p: m.optim.Muon(p),
    "muon function": lambda m, p: m.optim.Muon(p[2:], adjust_lr_fn="best"),
    "lbfgs": lambda m, p: m.optim.LBFGS([{"params": p[:1]}, {"params": p[1:]}]),
    "sparse adam": lambda m, p: m.optim.SparseAdam(p, lr=0),
}


@pytest.mark.parametrize("what", ERRORS)
def test_errors_are_of_pytorchs_types_and_begin_as_its_messages(what, torch):
    seen = []
    for library in (wengert, torch):
        with pytest.raises(Exception) as info:
            ERRORS[what](library, parameters(library, "float32", ((2,), (3,), (2, 2))))
        seen.append(info)
    ours, theirs = seen
    assert type(ours.value) is type(theirs.value)
    begin = str(theirs.value).split(".")[0][:40]
    assert what == "no step" or str(ours.value).startswith(begin)


def test_an_optimizer_is_two_methods():
    class Lion(wengert.optim.Optimizer):
        counters = ("step",)

        def start(self, p):
            return {"step": 0.0, "mean": self.like(p, 0)}

        def update(self, p, g, state, *, lr, decay):
            mean = state["mean"]
            p.sub_(mean.lerp(g, 1 - 0.9).sign(), alpha=lr)
            mean.lerp_(g, 1 - decay)
            assert state["step"] >= 1

    params = parameters(wengert)
    optimizer = Lion(params, {"lr": 0.1, "decay": 0.99})
    expected = [p.detach().numpy().copy() for p in params]
    means = [np.zeros_like(a) for a in expected]
    for step in range(4):
        set_gradients(wengert, params, step)
        for i, p in enumerate(params):
            g = p.grad.numpy()
            expected[i] = expected[i] - 0.1 * np.sign(means[i] + (g - means[i]) * (1 - 0.9))
            means[i] = means[i] + (g - means[i]) * (1 - 0.99)
        optimizer.step()
    for p, a in zip(params, expected):
        np.testing.assert_allclose(p.detach().numpy(), a, rtol=1e-12)
    assert float(optimizer.state[params[0]]["step"]) == 4


def test_an_optimizer_may_define_step_instead(torch):
    ends = []
    for library in (wengert, torch):

        class Halve(library.optim.Optimizer):
            def __init__(self, params, library=library):
                super().__init__(params, {"factor": 0.5})
                self.library = library

            def step(self, closure=None):
                with self.library.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            self.state[p]["count"] = self.state[p].get("count", 0) + 1
                            p.mul_(group["factor"])

        params = parameters(library)
        optimizer = Halve(params)
        calls = []
        optimizer.register_step_post_hook(lambda *a, calls=calls: calls.append(1))
        optimizer.step()
        optimizer.step()
        assert calls == [1, 1]
        ends.append([p.tolist() for p in params] + [optimizer.state_dict()])
    assert ends[0] == ends[1]


def test_steps_without_states_notice_every_change(torch):
    """Plain SGD repeats its last step as long as nothing else has changed."""
    for library in (wengert, torch):
        p, q = (library.ones(3, dtype=library.float64, requires_grad=True) for _ in range(2))
        optimizer = library.optim.SGD([p, q], lr=0.5)
        group = optimizer.param_groups[0]
        seen = []

        def step(values=(1.0, 2.0), p=p, q=q, optimizer=optimizer, seen=seen, library=library):
            for t, value in zip((p, q), values):
                t.grad = None if value is None else library.full_like(t, value)
            optimizer.step()
            seen.append([p.tolist(), q.tolist(), len(optimizer.state)])

        for _ in range(3):
            step()
        step((None, 1.0))
        step()
        group["lr"] = 0.25
        step()
        group["weight_decay"] = 0.5
        step()
        group["maximize"] = True
        step()
        group["momentum"] = 0.5
        step()
        step()
        group["momentum"] = 0
        step()
        optimizer.load_state_dict(optimizer.state_dict())
        step()
        step()
        with library.no_grad():
            p.mul_(2)
            q.data = library.zeros(3, dtype=library.float64)
        step()
        step()
        q.requires_grad_(False)
        step()
        versions = p._version
        step()
        assert p._version == versions + 1
        if library is wengert:
            ours = seen
    assert ours == seen


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam"]
)
def test_what_is_no_number_is_told_by_name(name):
    make = getattr(wengert.optim, name)
    for wrong in ("a", None, [1]):
        with pytest.raises(TypeError, match="learning rate: .*must be a number, not "):
            make([wengert.ones(1, requires_grad=True)], lr=wrong)
    with pytest.raises(TypeError, match="weight_decay value: 'x'"):
        make([wengert.ones(1, requires_grad=True)], weight_decay="x")


@pytest.mark.parametrize("make", [nn.ParameterList, lambda ps: tuple(ps), lambda ps: iter(ps)])
def test_parameters_are_given_by_whatever_can_be_iterated(make):
    ps = [nn.Parameter(wengert.ones(2)), nn.Parameter(wengert.ones(1))]
    assert len(wengert.optim.Adam(make(ps)).param_groups[0]["params"]) == 2
    for p in ps:
        p.grad = wengert.ones_like(p)
    assert wengert.nn.utils.clip_grad_norm_(make(ps), 1.0).item() == pytest.approx(3**0.5)
    with pytest.raises(TypeError, match="it is a module"):
        wengert.optim.Adam(nn.Linear(1, 1))


def test_a_parameter_that_a_group_has_twice_has_its_last_number():
    p = wengert.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = wengert.optim.SGD([p, p], lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["params"] == [1, 1]
