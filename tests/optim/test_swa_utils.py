"""Averaged models, their batch statistics, and the schedule that goes with them."""

import copy
import warnings

import numpy as np
import pytest
from optim.schedules import run

import wengert
import wengert.optim


def model(library, norm=False):
    layers = [library.nn.Linear(3, 4)]
    if norm:
        layers.append(library.nn.BatchNorm1d(4))
    net = library.nn.Sequential(*layers)
    rng = np.random.default_rng(0)
    for p in net.parameters():
        p.data.copy_(library.from_numpy(rng.standard_normal(tuple(p.shape)).astype("float32")))
    return net


def move(library, net, step):
    rng = np.random.default_rng(step)
    for p in net.parameters():
        p.data.add_(library.from_numpy(rng.standard_normal(tuple(p.shape)).astype("float32")))
    for b in net.buffers():
        if b.is_floating_point():
            b.add_(step)


def averaging(swa):
    return {
        "equal": {},
        "ema": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        "ema one by one": {"avg_fn": swa.get_ema_avg_fn(0.9)},
        "swa": {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
        "swa one by one": {"avg_fn": swa.get_swa_avg_fn()},
        "own": {"avg_fn": lambda mean, new, count: mean + new * count},
        "buffers": {"use_buffers": True, "multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
    }


@pytest.mark.parametrize("how", averaging(wengert.optim.swa_utils))
def test_averages(how, torch):
    ends = []
    for library in (wengert, torch):
        swa = library.optim.swa_utils
        net = model(library, norm=True)
        averaged = swa.AveragedModel(net, **averaging(swa)[how])
        for step in range(1, 5):
            move(library, net, step)
            averaged.update_parameters(net)
        saved = averaged.state_dict()
        ends.append({k: v.numpy().copy() for k, v in saved.items()})
        x = library.ones(2, 3)
        np.testing.assert_allclose(
            averaged.eval()(x).detach().numpy(), averaged.module(x).detach().numpy()
        )
    assert list(ends[0]) == list(ends[1])
    for key, value in ends[1].items():
        np.testing.assert_allclose(ends[0][key], value, rtol=1e-5, err_msg=key)


def test_averaged_models_are_saved_and_loaded():
    net = model(wengert)
    averaged = wengert.optim.swa_utils.AveragedModel(net)
    averaged.update_parameters(net)
    other = wengert.optim.swa_utils.AveragedModel(copy.deepcopy(net))
    other.load_state_dict(averaged.state_dict())
    assert other.n_averaged == 1


def test_refusals(torch):
    for library in (wengert, torch):
        swa = library.optim.swa_utils
        with pytest.raises(AssertionError, match="Only one of avg_fn"):
            swa.AveragedModel(
                model(library), avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn()
            )
        for get in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
            with pytest.raises(ValueError, match="Invalid decay value 2"):
                get(2)
        o = library.optim.SGD([library.zeros(1)], lr=0.1)
        with pytest.raises(ValueError, match="anneal_strategy must be"):
            swa.SWALR(o, 0.1, anneal_strategy="x")
        with pytest.raises(ValueError, match="anneal_epochs must be"):
            swa.SWALR(o, 0.1, anneal_epochs=-1)


def test_update_bn(torch):
    ends = []
    for library in (wengert, torch):
        net = model(library, norm=True)
        rng = np.random.default_rng(0)
        batches = [library.from_numpy(rng.standard_normal((5, 3)).astype("float32")) for _ in "abc"]
        net.eval()
        library.optim.swa_utils.update_bn([(b, 0) for b in batches], net)
        assert not net.training
        assert net[1].momentum == 0.1
        ends.append([b.numpy().copy() for b in net.buffers()])
    for x, y in zip(*ends):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"swa_lr": 0.01},
        {"swa_lr": [0.01, 0.5], "anneal_epochs": 5, "anneal_strategy": "linear"},
        {"swa_lr": 0.02, "anneal_epochs": 0},
    ],
)
def test_swalr(options, torch):
    def make(library):
        return lambda s, o: library.optim.swa_utils.SWALR(o, **options)

    ours, theirs = run(wengert, make(wengert)), run(torch, make(torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    again = run(wengert, make(wengert), saved_at=7)
    np.testing.assert_allclose(again, ours, rtol=1e-9)


def test_swalr_after_another_schedule(torch):
    rates = []
    for library in (wengert, torch):
        o = library.optim.SGD([library.zeros(1, requires_grad=True)], lr=1.0)
        first = library.optim.lr_scheduler.ExponentialLR(o, 0.9)
        second = library.optim.swa_utils.SWALR(o, 0.05, anneal_epochs=4)
        path = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in range(12):
                o.step()
                (second if epoch > 5 else first).step()
                path.append(o.param_groups[0]["lr"])
        rates.append(path)
    np.testing.assert_allclose(*rates, rtol=1e-9)
