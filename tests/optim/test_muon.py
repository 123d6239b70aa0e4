"""Muon: orthogonalized momentum, in bfloat16 inside, whose every rounding is PyTorch's.

PyTorch's own results depend on the processor; ours are those with AVX-512.
"""

import numpy as np
import pytest
from optim.trajectories import train

import wengert
import wengert.optim
from wengert.arrays import bfloat16 as brainfloat
from wengert.optim.muon import COEFFICIENTS, orthogonalize

CASES = [
    {},
    {"lr": 0.01, "adjust_lr_fn": "match_rms_adamw"},
    {"lr": 0.01, "nesterov": False, "momentum": 0.8, "weight_decay": 0.2},
    {"lr": 0.01, "ns_steps": 6, "ns_coefficients": (3.4, -4.7, 2.0)},
]


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("shapes", [((4, 3), (2, 2)), ((30, 50), (64, 8))])
def test_as_pytorch(options, shapes, torch):
    ours, mine = train(wengert, "Muon", options, 20, shapes=shapes)
    theirs, other = train(torch, "Muon", options, 20, shapes=shapes)
    for x, y in zip(ours[-1], theirs[-1]):
        np.testing.assert_allclose(x, y, atol=2e-2 * 20 * options.get("lr", 1e-3))
    for p, q in zip(mine.state, other.state):
        np.testing.assert_allclose(
            mine.state[p]["momentum_buffer"].numpy(),
            other.state[q]["momentum_buffer"].numpy(),
            atol=1e-2,
        )


def same_order(torch):
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("PyTorch adds in another order on this processor")


SHAPES = [(4, 3), (1, 40), (20, 10), (8, 64), (64, 8), (17, 30), (50, 30), (64, 64), (96, 200)]


@pytest.mark.parametrize("shape", [*SHAPES, (70, 600), (450, 40)])
def test_every_bit_of_the_orthogonalized(shape, torch):
    same_order(torch)
    if max(shape) > brainfloat.CHAINED and brainfloat._chain.compile() is None:
        pytest.skip("no compiler")
    theirs = torch.optim._muon._zeropower_via_newtonschulz
    for seed in range(6):
        a = np.random.default_rng(seed).standard_normal(shape)
        x = orthogonalize(wengert.from_numpy(a), COEFFICIENTS, 5, 1e-7)
        y = theirs(torch.from_numpy(a), COEFFICIENTS, 5, 1e-7)
        np.testing.assert_array_equal(x.float().numpy(), y.float().numpy())


@pytest.mark.parametrize("options", CASES)
def test_a_hundred_steps(options, torch):
    same_order(torch)
    shapes = ((4, 3), (12, 20), (40, 17))
    ours, _ = train(wengert, "Muon", options, 100, shapes=shapes)
    theirs, _ = train(torch, "Muon", options, 100, shapes=shapes)
    for x, y in zip(ours[-1], theirs[-1]):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("shape", [(8, 8), (5, 12), (12, 5)])
def test_singular_values_come_near_one(shape):
    a = np.random.default_rng(0).standard_normal(shape)
    x = orthogonalize(wengert.from_numpy(a), COEFFICIENTS, 5, 1e-7)
    u, _, v = np.linalg.svd(a, full_matrices=False)
    found = np.linalg.svd(x.numpy(), compute_uv=False)
    assert found.min() > 0.4
    assert found.max() < 1.3
    # the singular vectors stay
    inside = u.T @ x.numpy() @ v.T
    np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=0.02)


def test_refusals(torch):
    x = wengert.ones(2, 2)
    for call in (
        lambda: orthogonalize(x, COEFFICIENTS, 100, 1e-7),
        lambda: orthogonalize(x[0], COEFFICIENTS, 5, 1e-7),
        lambda: orthogonalize(x, (1.0, 2.0), 5, 1e-7),
    ):
        with pytest.raises(ValueError):
            call()
    for library in (wengert, torch):
        p = library.zeros(2, 2, dtype=library.complex64)
        optimizer = library.optim.Muon([p])
        p.grad = library.ones_like(p)
        with pytest.raises(RuntimeError, match="does not support complex parameters"):
            optimizer.step()
