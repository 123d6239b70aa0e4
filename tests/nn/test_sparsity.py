"""Sparsifiers and their schedules (nn/utils/sparsity.py, sparsity_schedules.py): masks that
PyTorch's make of the same weights, and what they do to modules.
"""

import copy
import importlib
import itertools
import pickle

import numpy as np
import pytest

import wengert
from wengert import nn
from wengert.ao import pruning

SHAPES = [(4, 8), (5, 9), (1, 7)]
BLOCKS = [(1, 4), (1, 1), (2, 2), (3, 5)]


def net_of(torch, weight):
    """A Sequential with one linear layer of that weight."""
    net = torch.nn.Sequential(torch.nn.Linear(weight.shape[1], weight.shape[0]))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(weight))
    return net


def masked(torch, module, weight, steps=2, **options):
    """The mask and the weight after some steps."""
    net = net_of(torch, weight)
    sparsifier = module.WeightNormSparsifier(**options)
    sparsifier.prepare(net, config=None)
    for _ in range(steps):
        sparsifier.step()
    mask = net[0].parametrizations.weight[0].mask
    assert sparsifier.state["0.weight"]["mask"] is mask
    return str(mask.dtype), mask.numpy(), net[0].weight.detach().numpy()


@pytest.mark.parametrize("norm", [None, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_masks_are_those_of_pytorch(torch, shape, norm):
    theirs = importlib.import_module("torch.ao.pruning")
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    if norm == 1:
        weight = np.round(weight, 1)  # equal norms
    for block, level, zeros in itertools.product(BLOCKS, (0.0, 0.1, 0.5, 0.9), (None, 0, 1, 2)):
        whole = shape[0] % block[0] == shape[1] % block[1] == 0
        if zeros is not None and (zeros > block[0] * block[1] or not whole):
            continue  # refused; PyTorch's own masks have a wrong shape
        options = {"sparsity_level": level, "sparse_block_shape": block,
                   "zeros_per_block": zeros, "norm": norm}  # fmt: skip
        for a, b in zip(masked(torch, theirs, weight, **options),
                        masked(wengert, pruning, weight, **options)):  # fmt: skip
            np.testing.assert_array_equal(a, b, err_msg=str(options))


def test_blocks_over_the_edge():
    weight = np.arange(1, 8, dtype=np.float32).reshape(1, 7)
    for level, mask in (0.5, [0, 1, 1, 1, 1, 1, 1]), (1.0, [0, 1, 1, 1, 0, 1, 1]):
        found = masked(wengert, pruning, weight, sparsity_level=level, zeros_per_block=1)[1]
        np.testing.assert_array_equal(found, [mask])


def test_what_is_refused():
    weight = np.ones((2, 4), dtype=np.float32)
    for zeros in (-1, 5):
        with pytest.raises(ValueError, match="zeros_per_block"):
            masked(wengert, pruning, weight, zeros_per_block=zeros)
    with pytest.raises(NotImplementedError, match="L-3"):
        pruning.WeightNormSparsifier(norm=3)
    sparsifier = pruning.WeightNormSparsifier()
    for config in (
        ["0.weight"],
        [{"sparsity_level": 1}],
        [{"tensor_fqn": "0.weight", "module_fqn": "1"}],
    ):
        with pytest.raises(AssertionError):
            sparsifier.prepare(net_of(wengert, weight), config)
    with pytest.raises(NotImplementedError, match="mapping"):
        sparsifier.convert(nn.Linear(1, 1))


def test_nearly_diagonal(torch):
    theirs = importlib.import_module("torch.ao.pruning")
    for shape, near in itertools.product(((4, 4), (3, 6)), (0, 1, 3, 5)):
        found = []
        for lib, module in (torch, theirs), (wengert, pruning):
            net = net_of(lib, np.ones(shape, dtype=np.float32))
            sparsifier = module.NearlyDiagonalSparsifier(near)
            sparsifier.prepare(net, config=None)
            sparsifier.step()
            found.append(net[0].weight.detach().numpy())
        np.testing.assert_array_equal(*found)
    for near in (2, 9):
        sparsifier = pruning.NearlyDiagonalSparsifier(near)
        sparsifier.prepare(nn.Sequential(nn.Linear(4, 4)), config=None)
        with pytest.raises(ValueError, match="nearliness"):
            sparsifier.step()


def prepared(**options):
    wengert.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
    sparsifier = pruning.WeightNormSparsifier(**options)
    sparsifier.prepare(net, config=None)
    return net, sparsifier


def test_layers_are_found_trained_and_left_sparse():
    net, sparsifier = prepared(sparsity_level=0.5)
    assert {g["tensor_fqn"] for g in sparsifier.groups} == {"0.weight", "1.1.weight"}
    sparsifier.step()
    x = wengert.randn(3, 8)
    net(x).sum().backward()
    hidden = net[0].parametrizations.weight.original
    assert (hidden.grad[net[0].weight == 0] == 0).all()
    before = net(x)
    sparsifier.squash_mask(("sparsity_level",), {"1.1": ("zeros_per_block",)})
    assert wengert.equal(net(x), before) and isinstance(net[0].weight, nn.Parameter)
    assert (net[0].weight == 0).float().mean() == 0.5
    assert net[0].sparse_params == {"sparsity_level": 0.5}
    assert net[1][1].sparse_params == {"sparsity_level": 0.5, "zeros_per_block": 4}


def test_state_goes_to_another_model():
    net, sparsifier = prepared()
    sparsifier.step()
    state = sparsifier.state_dict()
    assert set(state["groups"][0]) == {"tensor_fqn", "sparsity_level", "sparse_block_shape",
                                       "zeros_per_block"}  # fmt: skip
    masks = {k: v["mask"].clone() for k, v in state["state"].items()}
    other = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
    second = pruning.WeightNormSparsifier()
    second.model = other
    second.load_state_dict(copy.deepcopy(state))
    for path, mask in masks.items():
        layer = other.get_submodule(path.removesuffix(".weight"))
        assert wengert.equal(layer.weight == 0, (mask == 0))
    assert (
        set(pickle.loads(pickle.dumps(pruning.FakeSparsity(masks["0.weight"]))).state_dict())
        == set()
    )


def test_layers_are_exchanged():
    class Exchanged(nn.Module):
        @classmethod
        def from_dense(cls, layer):
            made = cls()
            made.weight = layer.weight
            return made

    net, sparsifier = prepared()
    made = sparsifier.convert(net, {nn.Linear: Exchanged})
    assert [type(m).__name__ for m in (made[0], made[1][1], net[0])] == [
        "Exchanged", "Exchanged", "ParametrizedLinear"]  # fmt: skip


@pytest.mark.parametrize("name, options", [
    ("LambdaSL", {"sl_lambda": lambda epoch: min(1.0, epoch / 3)}),
    ("CubicSL", {"init_sl": 0.1, "init_t": 1, "delta_t": 1, "total_t": 3}),
    ("CubicSL", {"init_t": 2, "delta_t": 1, "total_t": 3, "initially_zero": True}),
])  # fmt: skip
def test_schedules(torch, name, options):
    theirs = importlib.import_module("torch.ao.pruning")
    found = []
    for lib, module in (torch, theirs), (wengert, pruning):
        net = net_of(lib, np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32))
        sparsifier = module.WeightNormSparsifier(0.8)
        sparsifier.prepare(net, config=None)
        schedule = getattr(module, name)(sparsifier, **options)
        levels = [schedule.get_last_sl()]
        for _ in range(6):
            sparsifier.step()
            schedule.step()
            levels.append(schedule.get_last_sl())
        assert repr(schedule).splitlines()[0] == f"{name} ("
        found.append((levels, (net[0].weight == 0).sum().item()))
    assert found[0] == found[1]


def test_schedules_remark_and_refuse(capsys):
    _, sparsifier = prepared()
    with pytest.raises(TypeError, match="BaseSparsifier"):
        pruning.BaseScheduler(3)
    with pytest.raises(ValueError, match="Expected 2"):
        pruning.LambdaSL(sparsifier, [lambda epoch: 1])
    schedule = pruning.LambdaSL(sparsifier, lambda epoch: 1, verbose=True)
    assert "Adjusting sparsity level of group 1 to 5.0000e-01." in capsys.readouterr().out
    with pytest.warns(UserWarning, match="get_last_sl"):
        schedule.get_sl()
    with pytest.warns(UserWarning, match="BEFORE"):
        schedule.step()
    kept = schedule.state_dict()
    assert kept["last_epoch"] == 1 and "sparsifier" not in kept
    schedule.load_state_dict({"last_epoch": 7})
    assert schedule.last_epoch == 7
