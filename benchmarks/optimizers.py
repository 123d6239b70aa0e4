"""Time of an optimizer's step, wengert's and PyTorch's in alternating rounds of the same run.

    python benchmarks/optimizers.py [--rounds 10] [--only Adam] [--numpy]

A line per model and optimizer: the best times in microseconds and their ratio. --numpy: without
machine code. Models: 1 M parameters in 20 tensors, 200 tensors of 400, and an MLP 784-256-128-10.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy

import wengert
import wengert.optim
from wengert.optim import pieces

MODELS = {
    "1 M in 20 tensors": [(250, 200)] * 20,
    "200 small tensors": [(20, 20)] * 200,
    "MLP 784-256-128-10": [(256, 784), (256,), (128, 256), (128,), (10, 128), (10,)],
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
    library: ModuleType, shapes: list[tuple[int, ...]], name: str, options: dict[str, Any]
) -> Callable[[], Any]:
    """A step of an optimizer over parameters of some shapes, warmed up."""
    rng = numpy.random.default_rng(0)
    params = []
    for shape in shapes:
        a, g = (rng.standard_normal(shape).astype("float32") for _ in range(2))
        p = library.from_numpy(a).requires_grad_()
        p.grad = library.from_numpy(g)
        params.append(p)
    step = getattr(library.optim, name)(params, **options).step
    for _ in range(pieces.WARM + 1):
        step()
    return step


def best(f: Callable[[], Any], calls: int = 10) -> float:
    """The shortest of some calls in microseconds."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of an optimizer's step.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--numpy", action="store_true")
    args = parser.parse_args()
    import torch

    if args.numpy:
        pieces.NATIVE_BYTES = 1 << 62
    print(f"{'model':20s} {'optimizer':34s} {'wengert':>9s} {'PyTorch':>9s} {'ratio':>6s}")
    for model, shapes in MODELS.items():
        for name, options in OPTIMIZERS:
            if args.only and name != args.only:
                continue
            ours = stepper(wengert, shapes, name, options)
            theirs = stepper(torch, shapes, name, options)
            times = [(best(ours), best(theirs)) for _ in range(args.rounds)]
            a, b = (min(t) for t in zip(*times))
            text = f"{name} {', '.join(f'{k}={v}' for k, v in options.items())}"
            print(f"{model:20s} {text:34s} {a:9.0f} {b:9.0f} {a / b:6.2f}")


if __name__ == "__main__":
    main()
