"""Every operator of PyTorch's own test database beside PyTorch: nobody chose the list.

`python benchmarks/database.py` times up to two float32 samples of each operator, forward and
forward with backward, in alternating rounds of one process; samples have a few elements, so that
this is the price of a call. `--frames` counts the Python functions that a forward call enters
instead, the same on every machine. `--only fft` takes operators with the word in their names.
"""

from __future__ import annotations

import functools
import statistics
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import rounds
from calls import entered, summary

SAMPLES = 2


def converted(value: Any, torch: Any, ours: Any) -> Any:
    """A sample's argument for wengert: tensors, dtypes and what holds them."""
    if isinstance(value, torch.Tensor):
        t = ours.tensor(value.detach().resolve_conj().resolve_neg().numpy())
        return t.requires_grad_() if value.requires_grad else t
    if isinstance(value, torch.dtype):
        return getattr(ours, str(value).removeprefix("torch."))
    if type(value) in (tuple, list):
        return type(value)([converted(v, torch, ours) for v in value])
    if type(value) is dict:
        return {k: converted(v, torch, ours) for k, v in value.items()}
    return value


def recorded(value: Any, torch: Any) -> Any:
    """The argument with gradients required wherever they can be."""
    if isinstance(value, torch.Tensor):
        return value.detach().requires_grad_(value.is_floating_point() or value.is_complex())
    if type(value) in (tuple, list):
        return type(value)([recorded(v, torch) for v in value])
    return value


def leaves(value: Any, kind: type) -> Iterator[Any]:
    """The tensors in an argument or a result."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from leaves(v, kind)
    elif isinstance(value, dict):
        yield from leaves(list(value.values()), kind)


def backward(torch: Any, call: Callable[[], Any], ins: list[Any], ones: list[Any]) -> None:
    outs = [t for t in leaves(call(), torch.Tensor) if t.requires_grad]
    torch.autograd.grad(outs, ins, ones, allow_unused=True)


def steps(torch: Any, f: Any, arguments: Any) -> tuple[Callable[[], Any], Callable[[], Any] | None]:
    """(forward, forward and backward or None) of a call."""
    x, rest, named = arguments
    forward = functools.partial(f, x, *rest, **named)
    outs = [t for t in leaves(forward(), torch.Tensor) if t.requires_grad]
    ins = [t for t in leaves(arguments, torch.Tensor) if t.requires_grad]
    if not (outs and ins) or any(t.is_complex() for t in outs):
        return forward, None
    return forward, functools.partial(
        backward, torch, forward, ins, list(map(torch.ones_like, outs))
    )


def function(ours: Any, name: str) -> Any:
    """wengert's function of an operator's name: torch.NAME or Tensor.NAME."""
    try:
        return functools.reduce(getattr, name.split("."), ours)
    except AttributeError:
        return getattr(ours.Tensor, name)


def main() -> None:
    args = rounds.options(__doc__, "only", rounds=5, seconds=0.002, frames=False)
    found: dict[str, Any] = rounds.libraries(args)
    ours, torch = found["wengert"], found.get("torch")
    if torch is None:
        return
    from torch.testing._internal.common_methods_invocations import op_db

    import wengert.nn.functional  # noqa: F401

    warnings.simplefilter("ignore")
    counts: list[int] = []
    ratios: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for op in op_db:
        title = f"{op.name} {op.variant_test_name}".strip()
        if torch.float32 not in op.dtypes or args.only and not any(w in title for w in args.only):
            continue
        try:
            f = function(ours, op.name)
            samples = list(op.sample_inputs("cpu", torch.float32, requires_grad=False))
        except Exception:
            continue
        done = 0
        for sample in samples:
            theirs = [recorded(sample.input, torch), recorded(sample.args, torch), sample.kwargs]
            if done == SAMPLES or not any(t.numel() for t in leaves(theirs, torch.Tensor)):
                continue
            try:
                mine = steps(ours, f, [converted(a, torch, ours) for a in theirs])
                pair = [*zip(mine, steps(torch, op.op, theirs))]
                for step in (s for both in pair for s in both if s is not None):
                    step()
            except Exception:  # what one of the libraries does not take is no matter of time
                continue
            done += 1
            counts.append(entered(mine[0]))
            if args.frames:
                print(f"{counts[-1]:4} {title}")
                continue
            for kind, both in zip(ratios, pair):
                if None not in both:
                    times = rounds.race(dict(zip(("wengert", "torch"), both)), args)
                    kind[f"{title} {done}"] = min(times["wengert"]) / min(times["torch"])
    summary("samples forward", ratios[0])
    summary("samples forward and backward", ratios[1])
    if counts:
        tenth = sorted(counts)[len(counts) * 9 // 10]
        print(f"\nfunctions entered: median {statistics.median(counts)}, nine tenths up to {tenth}")


if __name__ == "__main__":
    main()
