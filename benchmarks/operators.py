"""A hundred common operators at 16, 4 Ki and 4 Mi elements: `python benchmarks/operators.py`.

Each is timed forward, and forward with backward, on wengert and PyTorch in alternating rounds of
one process; at the end stand the median ratio of each size and pass and the ten worst.
`--only sum softmax` times the operators whose expressions contain one of the words, `--sizes 16`
one size, `--passes forward` one pass. See `rounds.py` for how times are taken.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import rounds
from operators_list import OPERATORS, SHAPES, tensors

PASSES = ("forward", "both")


def forward(torch: Any, size: int, expression: str) -> Callable[[], object]:
    scope = {"T": torch, "F": torch.nn.functional, **tensors(torch, size, expression)}
    return eval(f"lambda: {expression}", scope)


def both(torch: Any, size: int, expression: str) -> Callable[[], object] | None:
    """Forward and backward; None if the operator has no gradient."""
    made = tensors(torch, size, expression)
    leaves = [t.requires_grad_() for n, t in made.items() if t.is_floating_point()]
    if not leaves or "scratch" in made:
        return None
    call = eval(f"lambda: {expression}", {"T": torch, "F": torch.nn.functional, **made})
    out = first(call())
    if not out.requires_grad:
        return None
    seed = torch.ones_like(out)

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        first(call()).backward(seed)

    return step


def first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def main() -> None:
    args = rounds.options(__doc__, "only", "sizes", "passes", rounds=5, seconds=0.02)
    found = rounds.libraries(args)
    ratios: dict[tuple[int, str], dict[str, float]] = {}
    for size in [int(s) for s in args.sizes] or SHAPES:
        for way in args.passes or PASSES:
            for expression in OPERATORS:
                if args.only and not any(word in expression for word in args.only):
                    continue
                make = forward if way == "forward" else both
                steps = {name: make(torch, size, expression) for name, torch in found.items()}
                if None in steps.values():
                    continue
                times = rounds.race(steps, args)
                rounds.show(f"{size:<8}{way:<8} {expression}", times)
                if "torch" in times:
                    pairs = zip(times["wengert"], times["torch"])
                    ratio = statistics.median(a / b for a, b in pairs)
                    ratios.setdefault((size, way), {})[expression] = ratio
    for (size, way), some in ratios.items():
        worst = sorted(some, key=lambda e: -some[e])[:10]
        print(f"\n{size} elements, {way}: median {statistics.median(some.values()):.2f}", end="")
        print(f" of {len(some)} operators; the worst: ", end="")
        print("; ".join(f"{e} {some[e]:.2f}" for e in worst))


if __name__ == "__main__":
    main()
