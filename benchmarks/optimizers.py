"""Optimizers: one step over a million parameters, over many small ones, and over an MLP.

python benchmarks/optimizers.py [--rounds 7] [--seconds 0.5] [--threads 1]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rounds

MODELS = {
    "1 M in 20": [(250, 200)] * 20,
    "200 small": [(20, 20)] * 200,
    "MLP": [(256, 784), (256,), (128, 256), (128,), (10, 128), (10,)],  # 784-256-128-10
}
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("Adam", {}),
    ("AdamW", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("RMSprop", {}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("ASGD", {}),
    ("Rprop", {}),
]


def stepper(
    torch, shapes: list[tuple[int, ...]], name: str, options: dict[str, Any]
) -> Callable[[], object]:
    params = [torch.randn(*shape, requires_grad=True) for shape in shapes]
    for p in params:
        p.grad = torch.randn(*p.shape)
    step = getattr(torch.optim, name)(params, **options).step
    for _ in range(4):  # states are made, and machine code after some steps
        step()
    return step


def main() -> None:
    args = rounds.options(__doc__)
    args.clock = time.perf_counter
    found = rounds.libraries(args)
    for model, shapes in MODELS.items():
        for name, options in OPTIMIZERS:
            steps = {who: stepper(torch, shapes, name, options) for who, torch in found.items()}
            title = f"{model}: {name}" + (" momentum" if "momentum" in options else "")
            rounds.show(title, rounds.race(steps, args))


if __name__ == "__main__":
    main()
