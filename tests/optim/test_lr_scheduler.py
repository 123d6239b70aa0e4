"""Schedules give PyTorch's rates, are saved and loaded, and refuse what PyTorch refuses."""

import json
import warnings

import numpy as np
import pytest
from optim.schedules import CASES, EPOCHS, RECORDED, advance, run, two_groups

import wengert
import wengert.optim


@pytest.mark.parametrize("name", CASES)
def test_rates_and_momenta(name, torch):
    np.testing.assert_allclose(run(wengert, name), run(torch, name), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR", "StepLR"])
def test_momentum_is_the_first_beta(name, torch):
    ours, theirs = run(wengert, name, "Adam"), run(torch, name, "Adam")
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_recorded_rates(name):
    expected = json.loads(RECORDED.read_text())[name]
    ours = [epoch[:3] for epoch in run(wengert, name)]
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_a_loaded_schedule_goes_on(name):
    np.testing.assert_allclose(
        run(wengert, name, saved_at=EPOCHS // 2), run(wengert, name), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("name", CASES)
def test_state_dicts_have_pytorchs_keys(name, torch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved = []
        for library in (wengert, torch):
            o = two_groups(library)
            scheduler = CASES[name](library.optim.lr_scheduler, o)
            for epoch in range(5):
                advance(scheduler, epoch)
            saved.append(scheduler.state_dict())
    ours, theirs = saved
    assert set(ours) == set(theirs)
    for key in ours:
        if key not in ("_schedulers", "_schedule_phases"):
            assert ours[key] == pytest.approx(theirs[key]), key
    assert ours.get("_schedule_phases") == theirs.get("_schedule_phases")


def test_states_of_pytorch_can_be_loaded(torch):
    o, other = two_groups(wengert), two_groups(torch)
    ours = wengert.optim.lr_scheduler.CosineAnnealingLR(o, 10)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(other, 10)
    for _ in range(4):
        other.step()
        theirs.step()
    ours.load_state_dict(theirs.state_dict())
    for group, saved in zip(o.param_groups, other.param_groups):
        group["lr"] = saved["lr"]
    for _ in range(4):
        ours.step()
        theirs.step()
    assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr())


@pytest.mark.parametrize(
    "name", ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR"]
)
def test_steps_to_an_epoch_use_the_closed_form(name, torch):
    rates = []
    for library in (wengert, torch):
        o = two_groups(library)
        scheduler = CASES[name](library.optim.lr_scheduler, o)
        o.step()
        path = []
        for epoch in (3, 11, 2, 30):
            with pytest.warns(UserWarning, match="epoch parameter"):
                scheduler.step(epoch)
            path.append(scheduler.get_last_lr())
        rates.append(path)
    np.testing.assert_allclose(*rates, rtol=1e-12)


def test_warm_restarts_at_fractions_of_epochs(torch):
    rates = []
    for library in (wengert, torch):
        for mult in (1, 2):
            o = two_groups(library)
            make = library.optim.lr_scheduler.CosineAnnealingWarmRestarts
            scheduler = make(o, 3, mult)
            for epoch in (0.5, 1.25, 2.9, 3.1, 8.75, 9.0, 20.5):
                scheduler.step(epoch)
                rates.append(scheduler.get_last_lr() + [scheduler.T_cur, scheduler.T_i])
    np.testing.assert_allclose(rates[: len(rates) // 2], rates[len(rates) // 2 :], rtol=1e-12)


def test_rates_that_are_tensors_keep_their_identity(torch):
    values = []
    for library in (wengert, torch):
        lr = library.tensor(0.5)
        p = library.zeros(1, requires_grad=True)
        o = library.optim.SGD([p], lr=lr)
        scheduler = library.optim.lr_scheduler.ExponentialLR(o, 0.5)
        o.step()
        scheduler.step()
        assert o.param_groups[0]["lr"] is lr
        assert scheduler.get_last_lr()[0] is not lr
        assert o.param_groups[0]["initial_lr"].item() == 0.5
        values.append(lr.item())
    assert values[0] == values[1] == 0.25


def test_continuing_after_an_epoch(torch):
    rates = []
    for library in (wengert, torch):
        o = two_groups(library)
        with pytest.raises(KeyError, match="initial_lr"):
            library.optim.lr_scheduler.StepLR(o, 3, last_epoch=4)
        for group in o.param_groups:
            group["initial_lr"] = 1.0
        cosine = library.optim.lr_scheduler.CosineAnnealingLR(o, 10, last_epoch=4)
        rates.append(cosine.get_last_lr() + [cosine.last_epoch])
    assert rates[0] == pytest.approx(rates[1])


def test_a_schedule_of_ones_own(torch):
    rates = []
    for library in (wengert, torch):

        class Sawtooth(library.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                return [lr * (1 + self.last_epoch % 3) for lr in self.base_lrs]

        o = two_groups(library)
        scheduler = Sawtooth(o)
        for _ in range(4):
            o.step()
            scheduler.step()
        rates.append(scheduler.get_last_lr())
        assert issubclass(library.optim.lr_scheduler._LRScheduler, type(scheduler).__mro__[1])
    assert rates[0] == rates[1]


def test_warnings():
    o = two_groups(wengert)
    scheduler = wengert.optim.lr_scheduler.StepLR(o, 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    o = two_groups(wengert)
    scheduler = wengert.optim.lr_scheduler.StepLR(o, 3)
    o.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()
    o = two_groups(wengert)
    scheduler = wengert.optim.lr_scheduler.StepLR(o, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        o.step()
        scheduler.step()


def test_steps_that_users_have_replaced_are_called():
    o = two_groups(wengert)
    calls = []
    o.step = lambda x: calls.append(x)
    scheduler = wengert.optim.lr_scheduler.StepLR(o, 1)
    o.step(3)
    scheduler.step()
    assert calls == [3]


def test_an_optimizer_with_a_schedule_goes_away_with_its_last_reference():
    import gc
    import weakref

    o = two_groups(wengert)
    wengert.optim.lr_scheduler.StepLR(o, 3)
    gc.disable()
    try:
        ref = weakref.ref(o)
        del o
        assert ref() is None
    finally:
        gc.enable()


class Scale:
    """A function with something to save."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, epoch):
        return self.factor**epoch


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR", "CyclicLR"])
def test_callable_objects_are_saved_with_their_attributes(name):
    module = wengert.optim.lr_scheduler

    def make(factor):
        o = two_groups(wengert)
        if name == "CyclicLR":
            return module.CyclicLR(o, 0.1, 0.2, scale_fn=Scale(factor))
        return getattr(module, name)(o, Scale(factor))

    first, second = make(0.5), make(0.9)
    saved = first.state_dict()
    before = {**saved}
    second.load_state_dict(saved)
    assert saved == before
    f = second._scale_fn_custom if name == "CyclicLR" else second.lr_lambdas[0]
    assert f.factor == 0.5


ERRORS = {
    "optimizer": lambda s, o: s.StepLR(3, 1),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 1]),
    "factor": lambda s, o: s.ConstantLR(o, 2.0),
    "start": lambda s, o: s.LinearLR(o, 0.0),
    "end": lambda s, o: s.LinearLR(o, 0.5, 2.0),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 0.5),
    "negative epoch": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1).step(-1),
    "lengths": lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    "mode": lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square"),
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="best"),
    "plateau threshold mode": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x"),
    "plateau min_lr": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1, 2, 3]),
    "one cycle without length": lambda s, o: s.OneCycleLR(o, 0.1, epochs=3),
    "one cycle total_steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=-1),
    "one cycle epochs": lambda s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=2),
    "one cycle pct_start": lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=2.0),
    "one cycle strategy": lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="x"),
    "one cycle too long": lambda s, o: [
        f.step() for f in [s.OneCycleLR(o, 0.1, 2)] for _ in "abcd"
    ],
    "no schedulers": lambda s, o: s.SequentialLR(o, [], []),
    "milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]),
    "plateau in sequence": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "nothing to chain": lambda s, o: s.ChainedScheduler([]),
    "no scheduler in a chain": lambda s, o: s.ChainedScheduler([1], o),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", ERRORS)
def test_errors(what, torch):
    seen = []
    for library in (wengert, torch):
        with pytest.raises(Exception) as info:
            ERRORS[what](library.optim.lr_scheduler, two_groups(library))
        seen.append(info.value)
    assert type(seen[0]) is type(seen[1])
    assert str(seen[0]).startswith(str(seen[1])[:22])


def test_momentum_needs_an_optimizer_that_has_one(torch):
    for library in (wengert, torch):
        o = two_groups(library, "Adagrad")
        for name, values in (("CyclicLR", (0.1, 0.2)), ("OneCycleLR", (0.1, 10))):
            with pytest.raises(ValueError, match="must support momentum or beta1"):
                getattr(library.optim.lr_scheduler, name)(o, *values)


def test_schedulers_of_different_optimizers(torch):
    for library in (wengert, torch):
        s, a, b = library.optim.lr_scheduler, two_groups(library), two_groups(library)
        with pytest.raises(ValueError, match="belong to the same optimizer"):
            s.ChainedScheduler([s.StepLR(a, 1), s.StepLR(b, 1)])


def test_groups_that_join_a_plateau(torch):
    for library in (wengert, torch):
        o = two_groups(library)
        listed = library.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0.01, 0.02])
        single = library.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0)
        o.add_param_group({"params": [library.zeros(1)], "lr": 1.0})
        for scheduler in (listed, single):
            scheduler.step(1.0)
        with pytest.raises(RuntimeError, match="number of param groups"):
            listed.step(2.0)
        single.step(2.0)
        assert single.get_last_lr()[2] == pytest.approx(0.1)


def test_a_scheduler_made_after_its_optimizers_state_was_loaded_says_that_it_begins_anew():
    def made():
        return wengert.optim.SGD([wengert.ones(1, requires_grad=True)], 0.1)

    def halving(o):
        return wengert.optim.lr_scheduler.LambdaLR(o, lambda e: 0.5**e)

    o = made()
    s = halving(o)
    o.step()
    s.step()
    saved, schedule = o.state_dict(), s.state_dict()
    again = made()
    again.load_state_dict(saved)
    with pytest.warns(UserWarning, match="learning rates from .0.05."):
        halving(again)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = made()
        s = halving(other)
        other.load_state_dict(saved)
        s.load_state_dict(schedule)
        halving(made())
        fresh = made()
        fresh.load_state_dict(made().state_dict())
        halving(fresh)


@pytest.mark.parametrize("name", ["MultiStepLR", "LambdaLR"])
def test_rates_of_the_groups_at_the_start_are_too_few_for_one_added_later(name, torch):
    for library in (wengert, torch):
        o, schedules = library.optim.SGD([library.zeros(1)], lr=1.0), library.optim.lr_scheduler
        schedule = getattr(schedules, name)(o, [1] if name == "MultiStepLR" else lambda epoch: 0.5)
        o.add_param_group({"params": [library.zeros(1)], "lr": 0.5})
        o.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ValueError):
                schedule.step(0)
