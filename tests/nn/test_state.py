"""state_dict and load_state_dict: reports, strictness, assign, versions, hooks."""

from collections.abc import Iterator
from typing import Any

import pytest

import wengert


def pair(lib):
    lib.manual_seed(0)
    return lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))


def report(lib, change, **kwargs):
    """What load_state_dict says to a changed state."""
    m = pair(lib)
    state = pair(lib).state_dict()
    change(lib, state)
    try:
        return repr(m.load_state_dict(state, **kwargs))
    except (RuntimeError, TypeError) as e:
        return f"{type(e).__name__}: {e}"


def missing(lib, state):
    del state["0.bias"], state["1.weight"]


def unexpected(lib, state):
    state["2.weight"] = state["more"] = lib.ones(1)


def shape(lib, state):
    state["0.weight"] = lib.ones(3, 4)


def everything(lib, state):
    missing(lib, state)
    unexpected(lib, state)
    shape(lib, state)


def scalar(lib, state):
    state["1.num_batches_tracked"] = lib.tensor([7])


def no_tensor(lib, state):
    state["0.weight"] = 3


def nothing(lib, state):
    pass


CHANGES = [missing, unexpected, shape, everything, scalar, no_tensor, nothing]


@pytest.mark.parametrize("change", CHANGES, ids=[c.__name__ for c in CHANGES])
@pytest.mark.parametrize("strict", [True, False])
def test_report_is_pytorchs(torch, change, strict):
    got = report(wengert, change, strict=strict).replace("wengert.", "torch.")
    assert got == report(torch, change, strict=strict)


def test_report_as_recorded():
    assert report(wengert, everything) == (
        "RuntimeError: Error(s) in loading state_dict for Sequential:\n"
        '\tMissing key(s) in state_dict: "0.bias", "1.weight". \n'
        '\tUnexpected key(s) in state_dict: "2.weight", "more". \n'
        "\tsize mismatch for 0.weight: copying a param with shape torch.Size([3, 4]) from "
        "checkpoint, the shape in current model is torch.Size([3, 2])."
    )
    assert report(wengert, nothing) == "<All keys matched successfully>"


def test_not_a_mapping():
    with pytest.raises(TypeError, match="dict-like"):
        pair(wengert).load_state_dict([1])


def test_copies_in_place_or_assigns():
    m, state = pair(wengert), pair(wengert).double().state_dict()
    first = m[0].weight
    m.load_state_dict(state)
    assert m[0].weight is first
    assert first.dtype == wengert.float32
    m.load_state_dict(state, assign=True)
    assert m[0].weight is not first
    assert isinstance(m[0].weight, wengert.nn.Parameter)
    assert m[0].weight.dtype == wengert.float64
    assert m[0].weight.data_ptr() == state["0.weight"].data_ptr()
    assert m[1].running_mean is state["1.running_mean"]


def test_state_shares_storage():
    m = pair(wengert)
    state = m.state_dict()
    with wengert.no_grad():
        m[0].weight.fill_(3)
    assert float(state["0.weight"].sum()) == 18
    assert not state["0.weight"].requires_grad
    assert m.state_dict(keep_vars=True)["0.weight"] is m[0].weight


def test_batch_norm_of_version_one():
    m = pair(wengert)
    state = m.state_dict()
    del state["1.num_batches_tracked"]
    state._metadata["1"]["version"] = 1
    assert repr(m.load_state_dict(state)) == "<All keys matched successfully>"


def extras(lib):
    """Extra state and every hook, in the order they are called."""
    seen = []

    class Counter(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = lib.nn.Parameter(lib.zeros(1))
            self.count = 3

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = Counter(), Counter()
    a.count = 9
    a.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
    a.register_state_dict_post_hook(lambda m, s, prefix, meta: seen.append(("post", list(s))))
    a._register_state_dict_hook(lambda m, s, prefix, meta: {**s, "new": 1})
    state = lib.nn.ModuleDict({"in": a}).state_dict()
    seen.append((list(state), state["in._extra_state"]))
    b.register_load_state_dict_pre_hook(lambda m, s, p, *rest: seen.append((type(m).__name__, p)))
    b._register_load_state_dict_pre_hook(lambda s, p, *rest: seen.append(("old", p, len(rest))))
    b.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    seen.append(repr(b.load_state_dict({"_extra_state": {"count": 5}})))
    seen.append(b.count)
    return seen


def test_extra_state_and_hooks(torch):
    assert extras(wengert) == extras(torch)


def test_post_hook_must_not_return():
    m = wengert.nn.Linear(1, 1)
    m.register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(RuntimeError, match="must return None"):
        m.state_dict()


def test_checkpoints_move_both_ways(torch, tmp_path):
    import numpy as np

    ours, theirs = pair(wengert), pair(torch)
    theirs(torch.ones(4, 2))
    state = {k: wengert.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()}
    ours.load_state_dict(state)
    back = {k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(back)
    x = np.random.default_rng(0).standard_normal((4, 2), np.float32)
    a = ours.eval()(wengert.from_numpy(x)).detach().numpy()
    b = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_assigned_weights_that_were_tied_stay_tied():
    net = wengert.nn.Sequential(
        wengert.nn.Linear(2, 2, bias=False), wengert.nn.Linear(2, 2, bias=False)
    )
    net[1].weight = net[0].weight
    state = {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net[0].weight is net[1].weight
    state["1.weight"] = state["1.weight"] + 1
    net.load_state_dict(state, assign=True)
    assert net[0].weight is not net[1].weight


@pytest.fixture
def switches() -> Iterator[Any]:
    yield wengert.__future__
    wengert.__future__.set_swap_module_params_on_conversion(False)
    wengert.__future__.set_overwrite_module_params_on_conversion(False)


def test_conversions_that_overwrite_give_new_parameters(switches: Any) -> None:
    """The old parameter stays what it was: PyTorch's `Module.double()` with the switch."""
    net = wengert.nn.Linear(2, 2)
    weight = net.weight
    weight.grad = wengert.ones(2, 2)
    switches.set_overwrite_module_params_on_conversion(True)
    net.double()
    assert net.weight is not weight and weight.dtype == wengert.float32
    assert net.weight.grad is not None and net.weight.grad.dtype == wengert.float64


def test_parameters_that_are_swapped_stay_the_same_objects(switches: Any) -> None:
    """Also where a state dict is assigned, which otherwise gives new ones."""
    net = wengert.nn.Linear(2, 2)
    weight = net.weight
    weight.grad = wengert.ones(2, 2)
    switches.set_swap_module_params_on_conversion(True)
    net.double()
    assert net.weight is weight and weight.dtype == weight.grad.dtype == wengert.float64
    state = {"weight": wengert.ones(2, 2, dtype=wengert.float16), "bias": wengert.zeros(2)}
    net.load_state_dict(state)
    assert (net.weight is weight, weight.dtype, weight.sum().item()) == (True, wengert.float64, 4)
    net.load_state_dict(state, assign=True)
    assert (net.weight is weight, weight.dtype, weight.requires_grad) == (
        True,
        wengert.float16,
        True,
    )
