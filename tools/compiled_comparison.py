#!/usr/bin/env python
"""Compares compiled functions with the same functions as they stand.

    python tools/compiled_comparison.py [--filter REGEX] [--part 0/8] [--dtypes float32]
    python tools/compiled_comparison.py --programs 200 --seed 1
    python tools/compiled_comparison.py --trainings 200 --seed 1

Each operator of PyTorch's own database runs on its samples, and on the same with sizes of 1, 15,
16, 17, 33 and some 1,000 in place of the commonest one, between elementwise neighbours that a
compiler may join it with: forward, with a backward pass outside of the compiled function, and with
one within it, on one, two and three threads. With --programs, random programs over a few dozen
operations with views and changes in place, and training steps of them; with --trainings, those of
`compiled_trainings.py`. What differs is printed; exits with 1 if there was any. The operators need
PyTorch.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import wengert as w  # noqa: E402
from wengert.base.pytree import tree_flatten  # noqa: E402
from wengert.compiler import worth  # noqa: E402

TAILS = (1, 15, 16, 17, 33)
LONG = 1031
MOST = 1 << 29  # bytes that a call may take
LARGEST = 1 << 21  # elements of its arguments
THREADS = (1, 2, 3)
TOLERANCE = {"float32": 3e-5, "complex64": 3e-5, "float64": 1e-10, "complex128": 1e-10}
TOLERANCE |= {"float16": 2e-3, "bfloat16": 2e-2}
# Results that are one of several right ones, or whatever lies in memory.
FREE = re.compile(r"svd|eig|qr|lstsq|pca|empty|geqrf|ormqr|householder|^resize|new_empty")


def floats(x: Any) -> bool:
    return isinstance(x, w.Tensor) and (x.is_floating_point() or x.is_complex())


# ---- what is compiled: an operator among neighbours


def among(call: Callable[..., Any]) -> Callable[..., list[Any]]:
    """call of what elementwise ops have made, and what others make of its results."""

    def f(*xs: Any) -> list[Any]:
        made = call(*[x * 2 * 0.5 if floats(x) else x for x in xs])
        found = []
        for t in tensors(made):
            found.append(t)
            if floats(t) and t.is_contiguous():
                found.append(t * 3)
            elif t.dtype is w.bool:
                found.append(t.logical_not())
        return found

    return f


def tensors(x: Any) -> list[Any]:
    return [t for t in tree_flatten(x)[0] if isinstance(t, w.Tensor)]


def gradients(outs: list[Any], xs: Any) -> list[Any]:
    """The gradients of the recorded outputs, each weighted with other numbers, at xs."""
    live = [t for t in outs if t.requires_grad]
    ends = [x for x in xs if x.requires_grad]
    if not live or not ends:
        return []
    seeds = [(w.arange(t.numel()).reshape(t.shape) * 0.7 + 0.3).cos().to(t.dtype) for t in live]
    return list(w.autograd.grad(live, ends, seeds, allow_unused=True))


def within(f: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """f with its backward pass, as one function."""

    def step(*xs: Any) -> list[Any]:
        outs = f(*xs)
        return [*[t.detach() for t in outs], *gradients(outs, xs)]

    return step


def outside(f: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """What f gives, and its gradients."""

    def step(*xs: Any) -> list[Any]:
        outs = f(*xs)
        return [*outs, *gradients(outs, xs)]

    return step


# ---- comparing


@contextlib.contextmanager
def bounded(more: int) -> Iterator[None]:
    """MemoryError for whoever asks for so many bytes beyond what is used now, on Linux."""
    used = Path("/proc/self/statm")
    if not used.exists():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(used.read_text().split()[0]) * resource.getpagesize()
    limit = now + more if before[1] == resource.RLIM_INFINITY else min(now + more, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def read(found: list[Any]) -> list[Any]:
    """(array, dtype, whether it is recorded) of tensors."""
    out = []
    for t in found:
        if t is None:
            out.append(None)
            continue
        plain = t.detach().resolve_conj().resolve_neg()
        plain = plain.float() if t.dtype is w.bfloat16 else plain
        plain = plain.to_dense() if plain.layout is not w.strided else plain
        out.append((np.array(plain.numpy()), str(t.dtype)[6:], t.requires_grad))
    return out


def difference(want: list[Any], got: list[Any], loosen: float = 1) -> str:
    """What is unlike, or nothing."""
    if len(want) != len(got):
        return f"{len(got)} results instead of {len(want)}"
    for i, (a, b) in enumerate(zip(want, got)):
        if a is None or b is None:
            if a is not b:
                return f"result {i}: one is None"
            continue
        if a[1:] != b[1:] or a[0].shape != b[0].shape:
            return f"result {i}: {b[1:]} {b[0].shape} instead of {a[1:]} {a[0].shape}"
        x, y = a[0], b[0]
        with np.errstate(all="ignore"):
            if x.dtype.kind not in "fc":
                good = np.asarray(x == y)
            else:
                tol = loosen * TOLERANCE.get(a[1], 1e-5)
                finite = np.isfinite(x) & np.isfinite(y)
                scale = np.clip(np.abs(x[finite]).max(initial=0), 0.1, 100)
                near = np.abs(x - y) <= tol * (np.abs(x) + 0.3 * scale)
                good = np.where(finite, near, (x == y) | (np.isnan(x) & np.isnan(y)))
        if not good.all():
            at = np.unravel_index(int(np.argmin(good)), good.shape)
            wrong = int((~good).sum())
            return f"result {i}: {wrong} of {good.size} differ, {y[at]:.8g} instead of {x[at]:.8g}"
    return ""


class Tally:
    """What came of it: how many were compiled, and why others were not."""

    def __init__(self) -> None:
        self.compiled = 0
        self.reasons: Counter[str] = Counter()
        self.bad: list[str] = []


def compare(
    f: Callable[..., list[Any]], xs: list[Any], how: Callable[[Any], Any] | None, tally: Tally,
    loosen: float = 1,
) -> str:  # fmt: skip
    """What differs between f as it stands and compiled; how: what is done with f's results."""

    def call(g: Any) -> list[Any]:
        w.manual_seed(0)
        return read(g(*xs))

    whole = f if how is not outside else outside(f)
    want = call(whole)
    compiled = w.compile(f)
    g = outside(compiled) if how is outside else compiled
    try:
        for n in (1, *THREADS):  # the first call is captured
            w.set_num_threads(n)
            bad = difference(want, call(g), loosen)
            if bad:
                return f"{n} threads, call {compiled.calls.counts}: {bad}"
    except Exception as e:
        line = traceback.extract_tb(e.__traceback__)[-1]
        return f"{type(e).__name__}: {str(e)[:150]} ({Path(line.filename).name}:{line.lineno})"
    finally:
        w.set_num_threads(1)
    calls = compiled.calls
    if calls.counts["compiled"]:
        tally.compiled += 1
    else:
        tally.reasons[calls.given_up.split("\n")[0][:90] or "not kept"] += 1
    return ""


# ---- samples of operators


class Large(Exception):
    """A tensor of other sizes would have too many elements."""


def stretched(t: Any, size: int, n: int, first: int | None, rng: Any) -> Any:
    """A tensor of PyTorch's with n for each size, and `first` for its first dimension; its elements
    are drawn from those of t.
    """
    import torch

    shape = [n if k == size else k for k in t.shape]
    if first is not None and len(shape) > 1 and t.shape[0] == size:
        shape[0] = first
    if math.prod(shape) > LARGEST:
        raise Large
    if shape == list(t.shape) or t.layout is not torch.strided or not t.numel():
        return t
    flat = t.detach().resolve_conj().resolve_neg().reshape(-1)
    at = torch.from_numpy(rng.integers(0, len(flat), shape))
    return flat[at].requires_grad_(t.requires_grad)


def variants(sample: Any, torch: Any) -> Iterator[tuple[str, list[Any]]]:
    """A sample's arguments, as they are and with other sizes."""
    everything = [sample.input, list(sample.args), sample.kwargs]
    yield "as it is", everything
    found: list[Any] = []

    def each(x: Any, change: Callable[[Any], Any]) -> Any:
        if isinstance(x, torch.Tensor):
            return change(x)
        if type(x) in (list, tuple):
            return type(x)([each(y, change) for y in x])
        return {k: each(v, change) for k, v in x.items()} if type(x) is dict else x

    each(everything, found.append)
    sizes = Counter(k for t in found for k in t.shape if k > 1)
    if not sizes:
        return
    size = sizes.most_common(1)[0][0]
    for n, first in [*[(n, None) for n in TAILS], (33, LONG)]:
        rng = np.random.default_rng(n)
        shown = f"{size} -> {n}" + (f", {first} rows" if first else "")
        with contextlib.suppress(Large):
            yield shown, each(everything, lambda t: stretched(t, size, n, first, rng))  # noqa: B023


def examine(name: str, dtypes: list[str], count: int, tally: Tally) -> None:
    """Compare an operator's samples."""
    import torch
    from operator_comparison import OPERATORS, OURS, samples_of

    op = OPERATORS[name]
    f = OURS.function(op.op)
    for dtype, record, samples in samples_of(op, dtypes, count):
        for number, sample in enumerate(samples):
            for shown, everything in variants(sample, torch):
                if FREE.search(name) and (shown != "as it is" or "empty" in name):
                    continue
                try:
                    flat, spec = tree_flatten(OURS.take(everything, {}, record))
                    places = [i for i, x in enumerate(flat) if isinstance(x, w.Tensor)]
                    xs = [flat[i] for i in places]
                    call = among(calling(f, flat, spec, places))
                    w.manual_seed(0)
                    with bounded(MOST):
                        gradients(call(*xs), xs)
                except Exception:  # no call at all with these sizes, or a very large one
                    continue
                if sum(x.numel() for x in xs) > LARGEST:
                    continue
                graded = any(x.requires_grad for x in xs)
                kinds = [(call, outside), (within(call), None)] if graded else [(call, None)]
                for g, how in kinds:
                    bad = compare(g, xs, how, tally)
                    if bad:
                        side = "alone" if not graded else "outside" if how else "within"
                        text = f"{name} {str(dtype)[6:]} {number} ({shown}) {side}: {bad}"
                        tally.bad.append(text)
                        print(text, flush=True)


def calling(f: Any, flat: list[Any], spec: Any, places: list[int]) -> Callable[..., Any]:
    """f of the tensors at some places among its arguments."""

    def call(*xs: Any) -> Any:
        full = list(flat)
        for i, x in zip(places, xs):
            full[i] = x
        x, args, kwargs = spec.unflatten(full)
        return f(x, *args, **kwargs)

    return call


# ---- random programs


def program(seed: int, tally: Tally) -> None:
    """Compare one random program, three ways: with gradients outside and within, and a training
    step with an optimizer.
    """
    from transforms.test_random_graphs import BINARY, IN_PLACE, UNARY, run

    rng = np.random.default_rng(seed)
    n = int(rng.choice(TAILS))
    shapes = [(n,), (3, n), (1, n), (3, 1), (n, n), ()]
    picked = [shapes[i] for i in rng.integers(len(shapes), size=rng.integers(2, 4))]
    dtype = w.float32 if rng.random() < 0.7 else w.float64
    top = len(UNARY) + len(BINARY) + len(IN_PLACE)
    steps = rng.integers(0, 50 * top, (int(rng.integers(3, 14)), 3)).tolist()
    leaves = [w.tensor(rng.uniform(-1.2, 1.2, s), dtype=dtype).requires_grad_() for s in picked]
    seen = Seen(dtype)

    def f(*xs: Any) -> list[Any]:
        return [v.tanh() if v.dim() else v * 2 for v in run(seen, steps, xs, limit=5000)[-3:]]

    def trained(how: Callable[[Any], Any]) -> list[Any]:
        ps = [x.detach().clone().requires_grad_() for x in leaves]
        make = [w.optim.SGD, w.optim.Adam, w.optim.AdamW][seed % 3]
        opt = make(ps, lr=1e-2)

        def step() -> Any:
            opt.zero_grad()
            loss = sum((v * v).mean() for v in f(*ps))
            loss.backward()
            w.nn.utils.clip_grad_norm_(ps, 1.0)
            opt.step()
            return loss

        step = how(step)
        losses = [step() for _ in range(5)]
        return read([*losses, *[p for p in ps if p.grad is not None and p.grad.abs().min() > 1e-4]])

    try:
        want = read(outside(f)(*leaves))
    except (RuntimeError, IndexError):
        return  # a shape that does not fit
    if not all(np.isfinite(a[0]).all() for a in want if a is not None):
        return
    for label, g, how in (("outside", f, outside), ("within", within(f), None)):
        bad = compare(g, leaves, how, tally, 10)
        if bad:
            tally.bad.append(f"program {seed} {label}: {bad}")
    plain, compiled = trained(lambda s: s), trained(w.compile)
    bad = difference(plain, compiled, 100)
    if bad:
        tally.bad.append(f"program {seed} trained: {bad}")


class Seen:
    """wengert, but for floats of one type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def tensor(self, x: Any) -> Any:
        t = w.tensor(x)
        return t.to(self.dtype) if t.is_floating_point() else t

    def __getattr__(self, name: str) -> Any:
        return getattr(w, name)


@contextlib.contextmanager
def everything_compiled() -> Iterator[None]:
    """Compile functions of however little."""
    before = worth.CALL, worth.RECORDED
    worth.CALL = worth.RECORDED = -1.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        worth.CALL, worth.RECORDED = before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filter", default="", help="regular expression on names")
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--samples", type=int, default=3, help="at most so many of each dtype")
    parser.add_argument("--part", default="0/1", help="i/n: every nth operator, from the ith on")
    parser.add_argument("--programs", type=int, default=0, help="so many, instead of operators")
    parser.add_argument("--trainings", type=int, default=0, help="so many, instead of operators")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tally = Tally()
    names: list[str] = []
    with everything_compiled():
        if options.programs or options.trainings:
            for seed in range(options.seed, options.seed + options.programs):
                program(seed, tally)
            if options.trainings:
                from compiled_trainings import training

                for seed in range(options.seed, options.seed + options.trainings):
                    training(seed, tally)
            print("\n".join(tally.bad))
        else:
            from operator_comparison import OPERATORS

            names = [name for name in OPERATORS if re.search(options.filter, name)]
            start, step = map(int, options.part.split("/"))
            names = names[start::step]
            for name in names:
                try:
                    examine(name, options.dtypes.split(), options.samples, tally)
                except Exception as e:
                    print(f"{name}: no samples: {type(e).__name__}: {str(e)[:100]}", flush=True)
                gc.collect()
    for reason, n in tally.reasons.most_common():
        print(f"  as it stands {n}: {reason}")
    what = f"{len(names)} operators"
    if options.programs or options.trainings:
        what = f"{options.programs} programs, {options.trainings} trainings"
    print(f"{what}: {tally.compiled} functions compiled, {len(tally.bad)} differ")
    return bool(tally.bad)


if __name__ == "__main__":
    sys.exit(main())
