"""Every optimizer takes PyTorch's path: live over 100 steps, and against recorded end points."""

import json
import warnings

import numpy as np
import pytest
from optim.trajectories import CASES, COMPLEX, RECORDED, label, parameters, set_gradients, train

import wengert
import wengert.optim
from wengert.optim import chunks as pieces


@pytest.mark.parametrize("case", CASES, ids=label)
def test_100_steps_as_pytorch(case, torch):
    ours, _ = train(wengert, *case, steps=100)
    theirs, _ = train(torch, *case, steps=100)
    for step, (a, b) in enumerate(zip(ours, theirs)):
        for x, y in zip(a, b):
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-12, err_msg=f"step {step}")


@pytest.mark.parametrize("case", CASES, ids=label)
def test_recorded_end_points(case):
    expected = json.loads(RECORDED.read_text())["after 30 steps"][label(case)]
    ours, _ = train(wengert, *case, steps=30)
    for x, y in zip(ours[-1], expected):
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_float32(case, torch):
    name, options = case
    steps = 3 if name == "LBFGS" else 20
    ours, _ = train(wengert, name, options, steps, dtype="float32")
    theirs, _ = train(torch, name, options, steps, dtype="float32")
    for x, y in zip(ours[-1], theirs[-1]):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters_are_pairs_of_real_ones(name, torch):
    options = {"lr": 0.01, "momentum": 0.9} if name == "SGD" else {}
    ours, mine = train(wengert, name, options, 20, dtype="complex128")
    theirs, other = train(torch, name, options, 20, dtype="complex128")
    for x, y in zip(ours[-1], theirs[-1]):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-12)
    for p, q in zip(mine.state, other.state):
        for key, value in other.state[q].items():
            np.testing.assert_allclose(mine.state[p][key].numpy(), value.numpy(), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adagrad"])
def test_half_precision_computes_in_single(name, dtype, torch):
    ends = []
    for library in (wengert, torch):
        rng = np.random.default_rng(0)
        start = library.from_numpy(rng.standard_normal((7, 5)).astype("float32"))
        p = start.to(getattr(library, dtype)).requires_grad_()
        optimizer = getattr(library.optim, name)([p], lr=0.01, eps=1e-3, fused=True)
        for _ in range(20):
            g = library.from_numpy(rng.standard_normal((7, 5)).astype("float32"))
            p.grad = g.to(p.dtype)
            optimizer.step()
        assert str(p.dtype) == f"torch.{dtype}"
        ends.append(p.detach().float().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-2 if dtype == "bfloat16" else 2e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] not in ("Adafactor", "LBFGS")], ids=label
)
def test_machine_code_is_numpy_bit_for_bit(case, dtype, monkeypatch):
    pytest.importorskip("llvmlite")
    shapes = ((4, 3), (5,), (100, 107), (333, 1, 99))
    monkeypatch.setattr(pieces, "NATIVE_BYTES", 0)
    ends = []
    for first in (1, 10**9):  # the step from which machine code is used
        monkeypatch.setattr(pieces, "WARM", first)
        path, optimizer = train(wengert, *case, steps=4, dtype=dtype, shapes=shapes)
        states = [v.numpy() for s in optimizer.state.values() for v in s.values() if v is not None]
        ends.append(path[-1] + states)
    for x, y in zip(*ends):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Rprop"])
def test_cuts_and_packs_change_nothing(name, monkeypatch):
    """One parameter at a time, all together, or in many pieces: the same bits."""
    shapes = [(s,) for s in range(1, 40)] + [(50, 60)]
    options = {"momentum": 0.9} if name == "SGD" else {}
    whole, _ = train(wengert, name, options, 3, shapes=shapes)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 8 * 97)
    monkeypatch.setattr(pieces, "SMALL", 10)
    cut, _ = train(wengert, name, options, 3, shapes=shapes)
    for x, y in zip(whole[-1], cut[-1]):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("layout", ["transposed", "strided", "gradient", "expanded gradient"])
def test_any_memory_layout(layout):
    shape = (130, 120)
    rng = np.random.default_rng(0)
    a, g = rng.standard_normal(shape), rng.standard_normal(shape)
    if layout == "expanded gradient":
        g = np.broadcast_to(g[:, :1], shape)
    ends = []
    for plain in (True, False):
        x = a.copy()
        if layout == "transposed" and not plain:
            x = np.asfortranarray(x)
        if layout == "strided" and not plain:
            x = np.repeat(x, 2, axis=1)[:, ::2]
        p = wengert.from_numpy(x).requires_grad_()
        before = p.detach().numpy()
        optimizer = wengert.optim.Adam([p], lr=0.1)
        for _ in range(4):
            p.grad = wengert.from_numpy(g.copy())
            if layout == "gradient" and not plain:
                p.grad = wengert.from_numpy(np.asfortranarray(g))
            if layout == "expanded gradient" and not plain:
                p.grad = wengert.from_numpy(g[:, :1].copy()).expand(shape)
            optimizer.step()
        assert p.detach().numpy().__array_interface__["data"] == before.__array_interface__["data"]
        np.testing.assert_array_equal(before, p.detach().numpy())  # aliases see the step
        ends.append(before.copy())
    np.testing.assert_array_equal(*ends)


def test_empty_parameters_and_missing_gradients():
    p, q, r = parameters(wengert, shapes=((0, 3), (2,), (3,)))
    optimizer = wengert.optim.Adam([p, q, r])
    before = r.detach().clone()
    p.grad, q.grad = wengert.zeros(0, 3, dtype=p.dtype), wengert.ones(2, dtype=q.dtype)
    optimizer.step()
    assert optimizer.state[p]["step"] == 1
    assert r not in optimizer.state
    assert (r == before).all()


def test_gradients_that_come_and_go(torch):
    """Counters drift apart; every parameter keeps its own."""
    ends = []
    for library in (wengert, torch):
        params = parameters(library, shapes=((3,), (2, 2), (4,)))
        optimizer = library.optim.Adam(params, lr=0.1)
        for step in range(12):
            set_gradients(library, params, step)
            for i, p in enumerate(params):
                if step % (i + 1):
                    p.grad = None
            optimizer.step()
        ends.append([p.detach().numpy() for p in params])
        assert [float(optimizer.state[p]["step"]) for p in params] == [12, 6, 4]
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_a_parameter_that_is_listed_twice_moves_twice(torch):
    ends = []
    for library in (wengert, torch):
        (p,) = parameters(library, shapes=((3,),))
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = library.optim.Adam([p, p], lr=0.1)
        for step in range(3):
            set_gradients(library, [p], step)
            optimizer.step()
        assert float(optimizer.state[p]["step"]) == 6
        ends.append(p.detach().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-9)


def test_hyper_parameters_are_read_at_every_step(torch):
    ends = []
    for library in (wengert, torch):
        params = parameters(library)
        optimizer = library.optim.Adam(params)
        for step in range(8):
            group = optimizer.param_groups[0]
            group["lr"], group["weight_decay"] = 0.1 / (step + 1), 0.1 * (step % 2)
            group["betas"] = (0.9 - 0.01 * step, 0.99)
            set_gradients(library, params, step)
            optimizer.step()
        ends.append([p.detach().numpy() for p in params])
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-9)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad", "LBFGS"])
def test_learning_rates_may_be_tensors(name, torch):
    ends = []
    for library in (wengert, torch):
        lr = library.tensor([0.05], dtype=library.float64)
        path, _ = train(library, name, {"lr": lr}, 5)
        ends.append(path[-1])
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-6)


@pytest.mark.parametrize("replaced", ["data", "state", "counter"])
def test_what_users_replace_between_steps_is_used(replaced, torch):
    ends = []
    for library in (wengert, torch):
        params = parameters(library, shapes=((3,), (4, 2)))
        optimizer = library.optim.Adam(params, lr=0.1)
        for step in range(6):
            set_gradients(library, params, step)
            optimizer.step()
            p = params[0]
            if replaced == "data":
                p.data = p.data.clone() + 1
            elif replaced == "state":
                optimizer.state[p]["exp_avg"] = library.ones_like(p)
            else:
                optimizer.state[p]["step"] += 5
        ends.append([q.detach().numpy() for q in params])
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_states_of_another_model_are_refused():
    a, b = parameters(wengert, shapes=((3,), (4,)))
    one, other = wengert.optim.Adam([a]), wengert.optim.Adam([b])
    a.grad, b.grad = wengert.ones_like(a), wengert.ones_like(b)
    one.step()
    other.load_state_dict(one.state_dict())
    with pytest.raises(RuntimeError, match=r"shape \(4,\), but its state exp_avg has \(3,\)"):
        other.step()


def test_users_may_keep_things_in_states(torch):
    """Names, numbers, tensors of any shape, nothing: all of it stays."""
    ends = []
    for library in (wengert, torch):
        params = parameters(library, shapes=((3,), (4, 2)))
        optimizer = library.optim.Adam(params, lr=0.1)
        mean = library.ones(7)
        for step in range(4):
            set_gradients(library, params, step)
            optimizer.step()
            for p in params:
                optimizer.state[p].update(name="a", mean=mean, none=None, slow=p.detach().clone())
        for p in params:
            kept = optimizer.state[p]
            assert (kept["name"], kept["none"]) == ("a", None)
            assert kept["mean"] is mean
            assert (kept["slow"] == p).all()
        ends.append([p.detach().numpy() for p in params])
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_steps_are_announced_to_autograd():
    (p,) = parameters(wengert, shapes=((3,),))
    optimizer = wengert.optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = wengert.ones_like(p)
    version = p._version
    optimizer.step()
    assert p._version == version + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("size", [10, 100_000])
def test_memory_that_may_not_be_written(size, tmp_path):
    np.save(tmp_path / "a.npy", np.ones(size))
    memory = np.load(tmp_path / "a.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = wengert.from_numpy(memory)
    optimizer = wengert.optim.SGD([p], lr=0.1)
    p.grad = wengert.ones(size, dtype=p.dtype)
    for _ in range(pieces.WARM + 1):
        with pytest.raises(ValueError, match="read-only"):
            optimizer.step()


@pytest.mark.parametrize("device", ["sim:0", "meta"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "RAdam", "Rprop", "ASGD", "Adafactor"])
def test_devices_that_are_no_library(name, device):
    def run(device):
        p = wengert.tensor([[1.0, -2.0], [0.5, 3.0]]).to(device).requires_grad_()
        optimizer = getattr(wengert.optim, name)([p], lr=0.1)
        for step in range(8):
            p.grad = wengert.tensor([[1.0, 2.0], [-1.0, step]]).to(device)
            optimizer.step()
        return p

    p = run(device)
    assert str(p.device) == device
    if device != "meta":
        np.testing.assert_allclose(
            p.detach().cpu().numpy(), run("cpu").detach().numpy(), rtol=1e-5, atol=1e-6
        )
