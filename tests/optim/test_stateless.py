"""Steps on parameters and state that are swapped in for a while."""

import numpy as np
import pytest
from optim.trajectories import parameters, set_gradients

import wengert
import wengert.optim


def swapped(library):
    """What a step on swapped-in parameters leaves behind, everywhere."""
    p, q = parameters(library, shapes=((3,), (2, 2)))
    optimizer = library.optim.Adam([p, q], lr=0.1)
    set_gradients(library, [p, q], 0)
    optimizer.step()
    saved = optimizer.state_dict()
    other = {
        "state": {k: {n: t.clone() for n, t in s.items()} for k, s in saved["state"].items()},
        "param_groups": [{**saved["param_groups"][0], "lr": 0.5}],
    }
    x, y = (t.detach().clone().requires_grad_() for t in (p, q))
    set_gradients(library, [x, y], 3)
    params = optimizer.param_groups[0]["params"]
    with library.optim.swap_in_optimizer_params_and_state(optimizer, {"x": x, "y": y}, other):
        assert optimizer.param_groups[0]["lr"] == 0.5
        optimizer.step()
    assert optimizer.param_groups[0]["params"] is params
    assert optimizer.param_groups[0]["lr"] == 0.1
    tensors = [
        p,
        q,
        x,
        y,
        *(t for s in (saved, other) for v in s["state"].values() for t in v.values()),
    ]
    return [t.detach().numpy().copy() for t in tensors]


def test_the_given_tensors_change_and_the_own_do_not(torch):
    for a, b in zip(swapped(wengert), swapped(torch)):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_restored_after_an_error():
    (p,) = parameters(wengert, shapes=((3,),))
    optimizer = wengert.optim.Adam([p])
    set_gradients(wengert, [p], 0)
    optimizer.step()
    state, saved = optimizer.state, optimizer.state_dict()
    with (
        pytest.raises(ZeroDivisionError),
        wengert.optim.swap_in_optimizer_params_and_state(optimizer, {"x": p.clone()}, saved),
    ):
        raise ZeroDivisionError
    assert optimizer.state is state
    assert optimizer.param_groups[0]["params"][0] is p


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: 3,
        lambda s: {**s, "state": [1]},
        lambda s: {**s, "state": {0: 1}},
        lambda s: {**s, "state": {**s["state"], 7: {}}},
        lambda s: {**s, "param_groups": {}},
        lambda s: {**s, "param_groups": []},
        lambda s: {**s, "param_groups": [1]},
        lambda s: {**s, "param_groups": [{**s["param_groups"][0], "params": ["a"]}]},
        lambda s: {**s, "param_groups": [{**s["param_groups"][0], "params": [0, 1]}]},
        lambda s: {**s, "param_groups": [{**s["param_groups"][0], "new": 1}]},
    ],
)
def test_what_does_not_fit_is_refused(spoil, torch):
    for library in (wengert, torch):
        (p,) = parameters(library, shapes=((3,),))
        optimizer = library.optim.Adam([p])
        swap = library.optim.swap_in_optimizer_params_and_state
        with pytest.raises(RuntimeError), swap(optimizer, {"p": p}, optimizer.state_dict()):
            pass  # no state yet
        set_gradients(library, [p], 0)
        optimizer.step()
        saved = optimizer.state_dict()
        with pytest.raises(RuntimeError), swap(optimizer, {"p": p}, spoil(saved)):
            pass
        with pytest.raises(RuntimeError), swap(optimizer, {}, saved):
            pass
