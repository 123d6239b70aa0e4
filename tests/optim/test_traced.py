"""A step that is traced once serves for all later steps: nothing was read while tracing."""

import numpy as np
import pytest

import wengert
import wengert.optim
from wengert.autodiff.traced import Program, Traced, replay

CASES = [
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1}),  # which changes its formula after five steps
    ("Adadelta", {}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("RMSprop", {"centered": True}),
    ("Rprop", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 3}),
    ("Adafactor", {"lr": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_replayed_steps_are_steps(name, options):
    start = np.array([[1.0, -2.0], [0.5, 3.0]])

    def begun():
        p = wengert.from_numpy(start.copy()).requires_grad_()
        optimizer = getattr(wengert.optim, name)([p], **options)
        p.grad = wengert.from_numpy(np.ones_like(start))
        optimizer.step()  # states are born
        return p, optimizer

    (p, traced), (q, plain) = begun(), begun()
    program = Program()
    tensors = [p, p.grad, *traced.state[p].values()]
    values = [t._a for t in tensors]
    for t in tensors:
        t._a = Traced(1, program, t._a)
    before = [t._a.slot for t in tensors]
    traced.step()
    after = [t._a.slot for t in tensors]
    for k in range(8):
        values[1] = np.random.default_rng(k).standard_normal(start.shape)
        q.grad = wengert.from_numpy(values[1])
        values = list(replay(program, dict(zip(before, values)), after))
        plain.step()
        # counters are in single precision while tracing
        np.testing.assert_allclose(values[0], q.detach().numpy(), rtol=1e-5)
        for value, t in zip(values[2:], plain.state[q].values()):
            np.testing.assert_allclose(value, t.numpy(), rtol=1e-5)
