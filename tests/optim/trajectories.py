"""What the optimizer tests run in both libraries: configurations, and a training loop.

`python tests/optim/trajectories.py` records PyTorch's results in recorded.json, for where PyTorch
is not.
"""

import json
from pathlib import Path

import numpy as np

RECORDED = Path(__file__).with_name("recorded.json")
SHAPES = ((4, 3), (5,), (2, 2), ())

CASES = [
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.5), "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    ("AdamW", {"amsgrad": True}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"weight_decay": 0.1, "momentum_decay": 6e-3}),
    ("RAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"betas": (0.9, 0.6)}),
    ("Adadelta", {"lr": 1.0, "rho": 0.95, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.5, "initial_accumulator_value": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.1, "weight_decay": 0.1}),
    ("Rprop", {}),
    ("Rprop", {"etas": (0.5, 1.5), "step_sizes": (2e-6, 0.1), "maximize": True}),
    ("ASGD", {"lr": 0.02, "t0": 10, "lambd": 0.1, "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.1}),
    ("Adafactor", {"weight_decay": 0.1, "beta2_decay": -1.0, "d": 1.5, "maximize": True}),
    ("LBFGS", {"max_iter": 3}),
    ("LBFGS", {"max_iter": 4, "lr": 0.1, "history_size": 3}),
    ("LBFGS", {"max_iter": 3, "line_search_fn": "strong_wolfe"}),
]
COMPLEX = [
    "SGD",
    "Adam",
    "Adamax",
    "NAdam",
    "RAdam",
    "Adadelta",
    "Adagrad",
    "RMSprop",
    "Rprop",
    "ASGD",
]


def label(case):
    name, options = case
    return " ".join([name, *(f"{k}={v}" for k, v in options.items())])


def parameters(library, dtype="float64", shapes=SHAPES):
    """The same parameters in either library."""
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.standard_normal(s)) for s in shapes]
    if dtype.startswith("complex"):
        arrays = [np.asarray(a + 1j * rng.standard_normal(a.shape)) for a in arrays]
    return [library.from_numpy(a.astype(dtype)).requires_grad_() for a in arrays]


def set_gradients(library, params, step):
    """Gradients of a fixed objective at params, and its value."""
    loss = 0.0
    for i, p in enumerate(params):
        a = np.array(p.detach().numpy())
        w = np.random.default_rng(100 + i).uniform(0.5, 2, a.shape)
        g = np.asarray((w * a + np.sin(a) + 0.1 * np.sin(step)).astype(a.dtype))
        loss += float((w * a.real**2 / 2 - np.cos(a.real)).sum())
        p.grad = library.from_numpy(g)
    return library.tensor(loss, dtype=library.float64)


def train(library, name, options, steps, dtype="float64", shapes=SHAPES, params=None):
    """Parameters after each step, and the optimizer."""
    params = params or parameters(library, dtype, shapes)
    optimizer = getattr(library.optim, name)(params, **options)
    path = []
    for step in range(steps):
        optimizer.zero_grad()
        if name == "LBFGS":
            optimizer.step(lambda: set_gradients(library, params, 0))
        else:
            set_gradients(library, params, step)
            optimizer.step()
        path.append([np.array(p.detach().numpy()) for p in params])
    return path, optimizer


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    steps = {
        label(case): [p.tolist() for p in train(torch, *case, steps=30)[0][-1]] for case in CASES
    }
    RECORDED.write_text(json.dumps({"torch": torch.__version__, "after 30 steps": steps}, indent=0))
