"""Configurations of every scheduler, and the rates and momenta that they give.

`python tests/optim/schedules.py` records PyTorch's in recorded_schedules.json, for where it is not.
"""

import json
import warnings
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded_schedules.json")
EPOCHS = 40


def parts(s, optimizer):
    return [
        s.ConstantLR(optimizer, factor=0.1, total_iters=5),
        s.ExponentialLR(optimizer, gamma=0.9),
    ]


def three(s, optimizer):
    return [
        s.LinearLR(optimizer, 0.1, total_iters=4),
        s.CosineAnnealingLR(optimizer, 10),
        s.StepLR(optimizer, 3, gamma=0.5),
    ]


def nested(s, optimizer):
    return [s.ChainedScheduler(parts(s, optimizer)), s.PolynomialLR(optimizer, 20, power=2.0)]


def restarts(s, optimizer):
    return [s.LinearLR(optimizer, 0.1, total_iters=4), s.CosineAnnealingWarmRestarts(optimizer, 5)]


CASES = {  # name -> a function of (lr_scheduler module, optimizer)
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 0.9**e),
    "LambdaLR of each": lambda s, o: s.LambdaLR(
        o, [lambda e: 1 / (e + 1), lambda e: 0.5 ** (e // 3)]
    ),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda s, o: s.StepLR(o, 7),
    "StepLR gamma": lambda s, o: s.StepLR(o, step_size=3, gamma=0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 9, 9, 20]),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "ConstantLR long": lambda s, o: s.ConstantLR(o, 0.5, total_iters=12),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR down": lambda s, o: s.LinearLR(o, 0.9, 0.2, total_iters=9),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o),
    "PolynomialLR power": lambda s, o: s.PolynomialLR(o, 15, power=2.5),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 10),
    "CosineAnnealingLR eta_min": lambda s, o: s.CosineAnnealingLR(o, T_max=50, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5),
    "CosineAnnealingWarmRestarts T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=4),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.97),
    "CyclicLR scale_fn": lambda s, o: s.CyclicLR(
        o, [0.01, 0.02], 0.1, 4, 7, scale_fn=lambda x: 0.8**x, scale_mode="iterations"
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=50),
    "OneCycleLR three_phase": lambda s, o: s.OneCycleLR(
        o,
        [0.5, 0.1],
        epochs=10,
        steps_per_epoch=5,
        anneal_strategy="linear",
        three_phase=True,
        pct_start=0.2,
        cycle_momentum=False,
    ),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, patience=3),
    "ReduceLROnPlateau max": lambda s, o: s.ReduceLROnPlateau(
        o, "max", 0.5, 2, cooldown=1, threshold_mode="abs"
    ),
    "ReduceLROnPlateau min_lr": lambda s, o: s.ReduceLROnPlateau(
        o, patience=0, min_lr=[0.01, 0.02], eps=1e-3
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(o, parts(s, o), [8]),
    "SequentialLR of three": lambda s, o: s.SequentialLR(o, three(s, o), [4, 20]),
    "SequentialLR nested": lambda s, o: s.SequentialLR(o, nested(s, o), [7]),
    "SequentialLR restarts": lambda s, o: s.SequentialLR(o, restarts(s, o), [4]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(parts(s, o), optimizer=o),
    "ChainedScheduler of three": lambda s, o: s.ChainedScheduler(three(s, o)),
}


def two_groups(library, name="SGD"):
    """An optimizer of two groups with rates of their own."""
    p, q = (library.zeros(2, requires_grad=True) for _ in range(2))
    groups = [{"params": [p], "lr": 0.1}, {"params": [q], "lr": 0.4}]
    return getattr(library.optim, name)(groups, **({"momentum": 0.9} if name == "SGD" else {}))


def advance(scheduler, epoch):
    """One epoch; the plateau's metric goes up and down."""
    if type(scheduler).__name__ == "ReduceLROnPlateau":
        scheduler.step(abs(5 - epoch % 13) / 10)
    else:
        scheduler.step()


def run(library, case, optimizer="SGD", saved_at=None):
    """Rates and momenta at every epoch; at one of them the scheduler may be saved and loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        o = two_groups(library, optimizer)
        make = case if callable(case) else CASES[case]
        scheduler = make(library.optim.lr_scheduler, o)
        path = []
        for epoch in range(EPOCHS):
            if epoch == saved_at:
                saved, groups = scheduler.state_dict(), [dict(g) for g in o.param_groups]
                scheduler = make(library.optim.lr_scheduler, o)
                scheduler.load_state_dict(saved)
                for group, old in zip(o.param_groups, groups):
                    group.update(old)
            momenta = [g["betas"][0] if "betas" in g else g["momentum"] for g in o.param_groups]
            path.append(
                [float(g["lr"]) for g in o.param_groups]
                + [float(m) for m in momenta]
                + [float(lr) for lr in scheduler.get_last_lr()]
            )
            o.step()
            advance(scheduler, epoch)
    return path


if __name__ == "__main__":
    import torch

    rates = {
        name: [[float(f"{x:.12g}") for x in epoch[:3]] for epoch in run(torch, name)]
        for name in CASES
    }
    RECORDED.write_text(
        "{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in rates.items()) + "\n}\n"
    )
