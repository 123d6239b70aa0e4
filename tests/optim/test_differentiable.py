"""Steps that autograd records: gradients flow through the update, as in PyTorch."""

import numpy as np
import pytest

import wengert
import wengert.optim
from wengert.optim import chunks as pieces

# (optimizer, options, steps): PyTorch itself fails on more steps of some
CASES = [
    ("SGD", {"lr": 0.1}, 3),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}, 3),
    ("Adam", {"lr": 0.1}, 1),
    ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1}, 1),
    ("AdamW", {"lr": 0.1}, 1),
    ("Adamax", {"lr": 0.1}, 1),
    ("NAdam", {"lr": 0.1}, 1),
    ("RAdam", {"lr": 0.1}, 3),
    ("Adadelta", {"lr": 0.1}, 3),
    ("Adagrad", {"lr": 0.1}, 3),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.5}, 1),
    ("Rprop", {"lr": 0.1}, 1),
    ("ASGD", {"lr": 0.1}, 3),
]


def gradients(library, name, options, steps):
    """Of a loss after some steps, by the first parameters and the gradients."""
    rng = np.random.default_rng(0)
    p0, g0 = (library.from_numpy(rng.standard_normal((3, 2))).requires_grad_() for _ in range(2))
    p = p0.clone()
    optimizer = getattr(library.optim, name)([p], differentiable=True, **options)
    for k in range(steps):
        p.grad = g0 * (k + 1)
        optimizer.step()
    loss = (p**2).sum()
    return [x.numpy() for x in library.autograd.grad(loss, [p0, g0])]


@pytest.mark.parametrize(("name", "options", "steps"), CASES)
def test_gradients_of_a_step(name, options, steps, torch):
    ours = gradients(wengert, name, options, steps)
    theirs = gradients(torch, name, options, steps)
    for x, y in zip(ours, theirs):
        # PyTorch counts steps in single precision here
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "options", "steps"), CASES)
def test_gradients_are_the_limits_of_differences(name, options, steps):
    if name == "Rprop":
        pytest.skip("its steps jump")

    def run(p0, g0):
        p = p0.clone()
        optimizer = getattr(wengert.optim, name)([p], differentiable=True, **options)
        for k in range(3):
            p.grad = g0 * (k + 1)
            optimizer.step()
        return (p**2).sum()

    rng = np.random.default_rng(0)
    p0, g0 = (wengert.from_numpy(rng.standard_normal(4)).requires_grad_() for _ in range(2))
    exact = wengert.autograd.grad(run(p0, g0), [p0, g0])
    for i, x in enumerate((p0, g0)):
        for j in range(4):
            h = np.zeros(4)
            h[j] = 1e-6
            shift = [wengert.from_numpy(h if i == k else np.zeros(4)) for k in (0, 1)]
            with wengert.no_grad():
                up, down = (run(p0 + s * shift[0], g0 + s * shift[1]).item() for s in (1, -1))
            assert exact[i][j].item() == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-6)
        assert x.grad is None


@pytest.mark.parametrize("option", ["lr", "weight_decay"])
def test_hyper_gradients(option, torch):
    found = []
    for library in (wengert, torch):
        value = library.tensor(0.3, dtype=library.float64, requires_grad=True)
        p = library.tensor([1.0, -2.0], dtype=library.float64).clone()
        optimizer = library.optim.SGD([p], differentiable=True, **{"lr": 0.1, option: value})
        p.grad = library.tensor([0.5, 0.7], dtype=library.float64)
        optimizer.step()
        (g,) = library.autograd.grad((p**2).sum(), value)
        found.append(g.item())
    assert found[0] == pytest.approx(found[1])


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "RAdam", "Rprop", "ASGD", "RMSprop"])
def test_the_recorded_step_is_the_plain_one(name):
    """One formula: on raw arrays and on Tensors, bit for bit."""
    ends = []
    for differentiable in (False, True):
        rng = np.random.default_rng(0)
        p = wengert.from_numpy(rng.standard_normal((3, 2)))
        optimizer = getattr(wengert.optim, name)([p], lr=0.1, differentiable=differentiable)
        for _ in range(8):
            p.grad = wengert.from_numpy(rng.standard_normal((3, 2)))
            optimizer.step()
        ends.append(p.numpy())
    np.testing.assert_array_equal(*ends)
    assert pieces.PIECE_BYTES > 0


def test_complex_parameters():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(3) + 1j * rng.standard_normal(3)
    ends = []
    for differentiable in (False, True):
        p = wengert.from_numpy(z.copy())
        optimizer = wengert.optim.Adam([p], lr=0.1, differentiable=differentiable)
        for _ in range(3):
            p.grad = wengert.from_numpy(z * 1j)
            optimizer.step()
        ends.append(p.numpy())
    np.testing.assert_array_equal(*ends)
