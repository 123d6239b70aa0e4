"""Compares wengert with PyTorch on changed samples of PyTorch's operator database, without end.

    python tools/random_comparison.py --seconds 3600 --seed 1 [--filter REGEX] [--modes call,grad]

A sample is changed in one to three ways (dtypes, numbers for tensors, sizes of zero and one,
strides, ranks, special values, dimension numbers, one tensor given twice) and called in one of the
ways of operator_comparison.py. Both libraries must give the same or both must refuse. Each finding
is printed once for an operator and a kind, as a test that fails: put it into a file of tests/ops
beside a fixture `torch`, or its call as a line into tests/golden/edge_cases.txt.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from operator_comparison import (
    FREE,
    MODES,
    OPERATORS,
    OURS,
    PYTORCH,
    Unanswered,
    arrays,
    builtin,
    difference,
    evaluate,
    told,
    ways,
)

DTYPES = ["float32", "float64", "float16", "bfloat16", "complex64", "int64", "int32", "int16"]
DTYPES += ["uint8", "bool"]
ODD = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1.0, -1.0, 1e-30, 1e30]
# No comparison where results are random, or one of several right ones, or need a layout.
LEFT_OUT = re.compile(r"rand|normal|uniform|bernoulli|dropout|multinomial|exponential|cauchy"
                      r"|poisson|geometric|rrelu|fractional|as_strided|resize|sparse|nested|item|to_|gumbel"
                      r"|new_|_copy$|" + FREE.pattern)  # fmt: skip
# PyTorch's own gaps: what it has no kernel or rule for, wengert may answer.
GAPS = re.compile(r"not implemented|not supported|unsupported|derivative|expected scalar type|MKL"
                  r"|INTERNAL ASSERT|not differentiable|must be \w+, not bool")  # fmt: skip
# Deliberate differences, of whole classes; docs/differences.md has the reasons.
DELIBERATE = {
    "rounding of functions that PyTorch itself computes to few digits": re.compile(
        r"bessel|airy|polygamma|digamma|zeta|matrix_exp|pinv|fft|mvlgamma"
    ),
    "tangents of halves, which PyTorch gives in single precision": re.compile(r"^frexp|^renorm"),
    "names of PyTorch's inside, which are not public": re.compile(r"grid_sampler|native_|aten"),
    "determinants of singular matrices": re.compile(r"det$"),
}


TEST = """
def test_{name}(torch):  # {kind} ({mode}): {detail}
    from operator_comparison import OPERATORS, compare, ways

    T, inf, nan = torch, float("inf"), float("nan")
    op = OPERATORS[{operator!r}]
    x, args, kwargs = {text}
    sample = SimpleNamespace(input=x, args=args, kwargs=kwargs, output_process_fn_grad=lambda y: y)
    f = dict(ways(op, {dtype}, [{mode!r}])).get({mode!r}, op.op)
    assert compare(op, f, sample, {mode!r}) == ""
"""


class Finding(NamedTuple):
    """What was found: the kind, the operator, the way of calling it, and the arguments."""

    kind: str
    name: str
    mode: str
    detail: str
    text: str


def parts(x: Any, kind: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(path, value) of everything of a kind in nested arguments."""
    if isinstance(x, kind) and not (kind is int and isinstance(x, bool)):
        yield path, x
    elif isinstance(x, (list, tuple, dict)):
        for k, y in x.items() if isinstance(x, dict) else enumerate(x):
            yield from parts(y, kind, (*path, k))


def put(x: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of nested arguments with another value at a path."""
    if not path:
        return value
    if isinstance(x, dict):
        return {**x, path[0]: put(x[path[0]], path[1:], value)}
    items = [put(y, path[1:], value) if i == path[0] else y for i, y in enumerate(x)]
    return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)


# ---- changes: each takes a tensor (or number) and gives another, or None


def cast(rng: random.Random, t: Any) -> Any:
    kinds = ["int32", "int16", "uint8"] if t.dtype is torch.int64 and rng.random() < 0.5 else DTYPES
    return t.to(getattr(torch, rng.choice(kinds)))


def number(rng: random.Random, t: Any) -> Any:
    x = t.flatten()[0] if t.numel() else None
    return x if x is None or rng.random() < 0.3 else x.item()


def cut(rng: random.Random, t: Any) -> Any:
    d = rng.randrange(t.dim())
    return t.narrow(d, 0, min(rng.choice([0, 1]), t.shape[d]))


def relaid(rng: random.Random, t: Any) -> Any:
    """The same values with other strides, or one row repeated by stride 0."""
    d = rng.randrange(t.dim())
    how = rng.randrange(3)
    if how == 0:
        return (
            torch.stack([t, t], d + 1)
            .flatten(d, d + 1)
            .narrow(d, 0, 2 * t.shape[d])[(slice(None),) * d + (slice(None, None, 2),)]
        )
    if how == 1:
        return t.transpose(0, d).contiguous().transpose(0, d)
    return t.narrow(d, 0, 1).expand(t.shape) if t.shape[d] else None


def rerank(rng: random.Random, t: Any) -> Any:
    d = rng.randrange(t.dim() + 1)
    if rng.random() < 0.5 or d == t.dim():
        return t.unsqueeze(d)
    return t.select(d, 0) if t.shape[d] else None


def odd(rng: random.Random, t: Any) -> Any:
    if not (t.is_floating_point() and t.numel()):
        return None
    t = t.clone().contiguous()
    for _ in range(rng.randint(1, 3)):
        t.view(-1)[rng.randrange(t.numel())] = rng.choice(ODD)
    return t


def rounded(rng: random.Random, t: Any) -> Any:
    return t.round() if t.is_floating_point() else None


def below(rng: random.Random, t: Any) -> Any:
    return t - int(t.max()) - 1 if t.dtype is torch.int64 and t.numel() else None


TENSOR_CHANGES: list[Callable[..., Any]] = [
    cast,
    number,
    cut,
    cut,
    relaid,
    relaid,
    rerank,
    odd,
    rounded,
    below,
]


def changed(rng: random.Random, a: list[Any]) -> Any:
    """[input, args, kwargs] with one change, or None."""
    tensors = list(parts(a, torch.Tensor))
    how = rng.randrange(len(TENSOR_CHANGES) + 4)
    if how < len(TENSOR_CHANGES):
        path, t = rng.choice(tensors)
        if TENSOR_CHANGES[how] is number and path[0] == 0:
            return None  # a number for the input is refused by name
        new = TENSOR_CHANGES[how](rng, t.detach())
        return None if new is None else put(a, path, new)
    if how == len(TENSOR_CHANGES):  # every dimension of one size, of all tensors
        sizes = sorted({s for _, t in tensors for s in t.shape})
        if not sizes:
            return None
        n, to = rng.choice(sizes), rng.choice([0, 1])
        for path, t in tensors:
            for d, s in enumerate(t.shape):
                t = t.detach().narrow(d, 0, min(to, s)) if s == n else t
            a = put(a, path, t)
        return a
    if how == len(TENSOR_CHANGES) + 1 and len(tensors) > 1:
        (_, t), (path, _) = rng.sample(tensors, 2)
        return put(a, path, t)
    kind = int if how % 2 else bool
    found = [(p, v) for p, v in parts(a[1:], kind) if -9 < v < 9]
    if not found:
        return None
    (i, *path), v = rng.choice(found)
    new = not v if kind is bool else rng.choice([-v, v - 1, v + 1, 0, -1, 1, 2, float(v), None])
    return put(a, (i + 1, *path), new)


def sample(rng: random.Random, name: str) -> Any:
    """(function, mode, changed sample) of an operator, or None."""
    op = OPERATORS[name]
    dtype = getattr(torch, rng.choice(["float32", "float32", "float64", *DTYPES]))
    if dtype not in op.dtypes:
        return None
    samples = SAMPLES.get((name, dtype))
    if samples is None:
        record = op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")
        samples = list(op.sample_inputs("cpu", dtype, requires_grad=record))
        SAMPLES[name, dtype] = samples = samples[:: -(-len(samples) // 12)] if samples else []
    if not samples:
        return None
    s = rng.choice(samples)
    a = [s.input, tuple(s.args), dict(s.kwargs)]
    if not list(parts(a, torch.Tensor)) or not isinstance(s.input, (torch.Tensor, list, tuple)):
        return None
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        new = changed(rng, a) if list(parts(a, torch.Tensor)) else None
        a = a if new is None else new
    for path, t in list(parts(a, torch.Tensor)):
        record = (t.is_floating_point() or t.is_complex()) and rng.random() < 0.7
        a = put(a, path, t.detach().requires_grad_(record))
    return (
        op,
        dtype,
        types.SimpleNamespace(
            input=a[0], args=a[1], kwargs=a[2], output_process_fn_grad=lambda x: x
        ),
    )


SAMPLES: dict[Any, Any] = {}


def finding(op: Any, f: Any, mode: str, s: Any) -> tuple[str, str] | None:
    """(kind, detail) of a difference between the libraries, or None."""
    try:
        out = None
        if mode == "out":
            out = arrays(evaluate(PYTORCH, op, f, s, "call"))
        want = evaluate(PYTORCH, op, f, s, mode, out)
    except Unanswered:
        return None
    except Exception as error:
        if mode in ("vmap", "forward", "second") or GAPS.search(str(error)):
            return None
        try:
            evaluate(OURS, op, f, s, "call" if mode == "out" else mode)
        except Unanswered:
            return None
        except Exception as ours:
            same = isinstance(ours, builtin(error)) or isinstance(error, AttributeError)
            return None if same else ("error type", f"{told(ours)}; PyTorch: {told(error)}")
        return "accepted", f"PyTorch: {told(error)}"
    try:
        got = evaluate(OURS, op, f, s, mode, out)
    except Unanswered:
        return None
    except Exception as error:
        return "refused", told(error)
    bad = difference(
        want,
        got,
        10 if mode == "call" else 100,
        bool(re.search("sort|topk|mode|median|kth", op.name)),
    )
    return (bad.split("[")[0].split(":")[0], bad) if bad else None


def spelled(x: Any) -> str:
    """Arguments as Python text, of a library called T."""
    if isinstance(x, torch.Tensor):
        kind = str(x.dtype)[6:]
        text = f"T.tensor({x.detach().tolist()}, dtype=T.{kind})"
        text = re.sub(r"\b(nan|inf)\b", r"float('\1')", text)
        if 0 in x.shape:
            text = f"T.zeros({tuple(x.shape)}, dtype=T.{kind})"
        elif not x.is_contiguous() and 0 not in x.stride():
            text = f"T.empty_strided({tuple(x.shape)}, {x.stride()}).to(T.{kind}).copy_({text})"
        return text + (".requires_grad_()" if x.requires_grad else "")
    if isinstance(x, (list, tuple)):
        inside = ", ".join(map(spelled, x)) + ("," if isinstance(x, tuple) and len(x) == 1 else "")
        return f"[{inside}]" if isinstance(x, list) else f"({inside})"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{k!r}: {spelled(v)}" for k, v in x.items()) + "}"
    return re.sub(r"^torch\.", "T.", str(x)) if str(x).startswith("torch.") else repr(x)


def as_test(found: Finding) -> str:
    """A finding as a test of its own; its file needs SimpleNamespace and tools/ on the path."""
    name = re.sub(r"\W+", "_", f"{found.name}_{found.mode}_{found.kind}")
    kind = re.search(r"dtype=(T\.\w+)", found.text)
    text = re.sub(r"^(.*?), \*(\(.*\)), \*\*(\{.*\})$", r"\1, \2, \3", found.text, flags=re.S)
    return TEST.format(
        name=name, kind=found.kind, mode=found.mode, detail=found.detail, operator=found.name,
        text=text, dtype=kind.group(1) if kind else "T.float32",
    )  # fmt: skip


def search(
    seed: int, pattern: str = "", modes: str = MODES, count: int = 0, seconds: float = 0.0
) -> Iterator[Finding | None]:
    """A finding or None for each comparison, until a count of them or the time is reached."""
    warnings.simplefilter("ignore")
    names = [n for n in OPERATORS if re.search(pattern, n) and not LEFT_OUT.search(n)]
    names = [n for n in names if not any(r.search(n) for r in DELIBERATE.values())]
    begin, k, done = time.monotonic(), 0, 0
    while (done < count) if count else (time.monotonic() - begin < seconds):
        k += 1
        rng = random.Random(f"{seed} {k}")
        try:
            made = sample(rng, rng.choice(names))
        except Exception:
            continue
        if made is None:
            continue
        op, dtype, s = made
        mode, f = rng.choice(list(ways(op, dtype, modes.split())) or [("call", op.op)])
        done += 1
        found = finding(op, f, mode, s)
        if found is None:
            yield None
        else:
            text = f"{spelled(s.input)}, *{spelled(s.args)}, **{spelled(s.kwargs)}"
            yield Finding(found[0], op.full_name, mode, found[1], text)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--filter", default="", help="regular expression on names")
    parser.add_argument("--modes", default=MODES.replace(" ", ","))
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts: dict[str, int] = {"compared": 0}
    seen: set[tuple[str, str]] = set()
    for found in search(
        options.seed, options.filter, options.modes.replace(",", " "), seconds=options.seconds
    ):
        counts["compared"] += 1
        if found is None:
            continue
        counts[found.kind] = counts.get(found.kind, 0) + 1
        if (found.kind, found.name) not in seen:
            seen.add((found.kind, found.name))
            print(as_test(found), flush=True)
    print(counts)
    return int(len(counts) > 1)


if __name__ == "__main__":
    sys.exit(main())
