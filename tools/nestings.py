#!/usr/bin/env python
"""Second derivatives in every nesting, for PyTorch's own list of operators and its sample inputs.

What lives here: for each differentiable operator, on a few small float64 samples, a scalar s (the
outputs weighted with random numbers) goes through

    grad(grad)  jvp(grad)  grad(jvp)    against central differences of grad(s) along a direction
    jvp(jvp)                            against those, times the direction
    vmap(grad)  grad(vmap)              against a loop over two inputs

and grad(s) itself is held against differences of s. What does not: values, dtypes and first
derivatives beside PyTorch's. Needs PyTorch, and a folder with a module `bridge` that turns
PyTorch's objects into another library's (class Bridge) and a list of names (split.json).

    python tools/nestings.py --bridge DIR [--filter REGEX] [--jobs 2] [-v]

An operator passes a column if each of its samples does. A sample leaves a column, with a reason,
where differences do not apply (PyTorch has the same number: a kink, a tie) and where PyTorch
itself refuses. Random results are made the same each time by a seed.
"""

from __future__ import annotations

import argparse
import collections
import functools
import json
import multiprocessing
import os
import re
import signal
import sys
import warnings
from typing import Any

import numpy as np

COLUMNS = ("grad", "grad(grad)", "jvp(grad)", "grad(jvp)", "jvp(jvp)", "vmap(grad)", "grad(vmap)")
LARGEST = 200  # elements in all tensors of a sample
STEP, TOLERANCE, LOOP_TOLERANCE = 1e-5, 2e-5, 1e-8


class Excluded(Exception):
    """The sample says nothing in this column."""


class Late(BaseException):
    """Time is up."""


class Itself:
    """The bridge from PyTorch to PyTorch: puts in the inputs, leaves the rest as it is."""

    def __init__(self) -> None:
        import torch

        self.m = torch

    def fn(self, f: Any) -> Any:
        return f

    def conv(self, x: Any, memo: dict[int, Any], grad: bool) -> Any:
        if id(x) in memo:
            return memo[id(x)]
        if isinstance(x, (list, tuple)):
            y = [self.conv(v, memo, grad) for v in x]
            return type(x)(*y) if hasattr(x, "_fields") else type(x)(y)
        if isinstance(x, dict):
            return {k: self.conv(v, memo, grad) for k, v in x.items()}
        return x.detach() if isinstance(x, self.m.Tensor) else x

    def floats(self, x: Any) -> list[Any]:
        if isinstance(x, self.m.Tensor):
            return [x] if x.is_floating_point() or x.is_complex() else []
        inside = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
        return [t for y in inside for t in self.floats(y)]


class Sample:
    """One sample of one operator, as a scalar function of arrays in either library."""

    def __init__(self, bridge: Any, op: Any, sample: Any, leaves: list[Any]) -> None:
        self.b, self.op, self.sample, self.leaves = bridge, op, sample, leaves
        self.m = bridge.m
        self.call = bridge.fn(op.op)
        self.wrapper = bridge.fn(op.gradcheck_wrapper)
        self.process = bridge.fn(sample.output_process_fn_grad)

    def arrays(self) -> list[np.ndarray]:
        return [t.detach().numpy().copy() for t in self.leaves]

    def tensors(self, arrays: list[np.ndarray]) -> list[Any]:
        return [self.m.from_numpy(np.array(a)) for a in arrays]

    def scalar(self, *xs: Any) -> Any:
        """The outputs for inputs xs, each times its own random numbers, added up."""
        memo = {id(t): x for t, x in zip(self.leaves, xs)}
        s = self.sample
        self.m.manual_seed(0)  # what is random is the same each time
        x, args, kwargs = self.b.conv([s.input, s.args, s.kwargs], memo, False)
        out = self.process(self.wrapper(self.call, x, *args, **kwargs))
        rng = np.random.default_rng(1)
        total = None
        for o in self.b.floats(out):
            for part in (o.real, o.imag) if o.is_complex() else (o,):
                w = np.asarray(rng.standard_normal(tuple(part.shape)))
                term = (part * self.m.from_numpy(w).to(part.dtype)).sum()
                total = term if total is None else total + term
        if total is None:
            raise Excluded("no floating output")
        return total

    def every(self) -> tuple[int, ...]:
        return tuple(range(len(self.leaves)))

    def grad(self, xs: list[Any]) -> tuple[Any, ...]:
        return self.m.func.grad(self.scalar, self.every())(*xs)

    def along(self, grads: tuple[Any, ...], ds: list[Any]) -> Any:
        total = None
        for g, d in zip(grads, ds):
            total = (g * d).sum() if total is None else total + (g * d).sum()
        return total

    def column(self, name: str, arrays: list[np.ndarray], ds: list[np.ndarray]) -> list[np.ndarray]:
        """What a nesting gives: one array per input."""
        func, n = self.m.func, self.every()
        xs, ds = self.tensors(arrays), self.tensors(ds)
        g = func.grad(self.scalar, n)
        if name == "grad":
            out = self.grad(xs)
        elif name == "grad(grad)":
            out = func.grad(lambda *v: self.along(g(*v), ds), n)(*xs)
        elif name == "jvp(grad)":
            out = func.jvp(g, tuple(xs), tuple(ds))[1]
        elif name == "grad(jvp)":
            out = func.grad(lambda *v: func.jvp(self.scalar, v, tuple(ds))[1], n)(*xs)
        elif name == "jvp(jvp)":
            first = functools.partial(func.jvp, self.scalar, tangents=tuple(ds))
            out = func.jvp(lambda *v: first(v)[1], tuple(xs), tuple(ds))[1:]
        else:
            both = self.tensors([np.stack([a, b]) for a, b in zip(arrays, self.second(arrays))])
            if name == "vmap(grad)":
                out = func.vmap(g)(*both)
            else:
                out = func.grad(lambda *v: func.vmap(self.scalar)(*v).sum(), n)(*both)
        return [np.array(o.detach().numpy()) for o in out]

    def second(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The other element of a batch: near the first, so that it is in the op's domain too."""
        rng = np.random.default_rng(3)
        return [a * (1 + 0.01 * rng.random(a.shape)) for a in arrays]

    def read_grad(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return [np.array(g.detach().numpy()) for g in self.grad(self.tensors(arrays))]

    def read_scalar(self, arrays: list[np.ndarray]) -> float:
        return float(self.scalar(*self.tensors(arrays)).detach())

    def want(self, name: str, arrays: list[np.ndarray], ds: list[np.ndarray]) -> Any:
        """The same by differences or by a loop."""
        if name in ("vmap(grad)", "grad(vmap)"):
            pairs = zip(self.read_grad(arrays), self.read_grad(self.second(arrays)))
            return [np.stack(p) for p in pairs]
        if name == "grad":
            return differences(lambda a: [np.asarray(self.read_scalar(a))], arrays, ds)
        hessian = differences(self.read_grad, arrays, ds)
        return along(hessian, ds) if name == "jvp(jvp)" else hessian


def differences(f: Any, arrays: list[np.ndarray], ds: list[np.ndarray]) -> list[np.ndarray]:
    """The derivative of f along ds, of fourth order."""

    def at(k: int) -> list[np.ndarray]:
        return f([a + k * STEP * d for a, d in zip(arrays, ds)])

    return [
        (8 * (b - a) - (d - c)) / (12 * STEP) for a, b, c, d in zip(at(-1), at(1), at(-2), at(2))
    ]


def differ(got: list[np.ndarray], want: list[np.ndarray], tol: float) -> str:
    """Why two results differ, or nothing."""
    for i, (a, b) in enumerate(zip(got, want)):
        if a.shape != b.shape:
            return f"gradient {i} has shape {a.shape}, not {b.shape}"
        scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0.0)))
        close = np.isclose(a, b, rtol=tol, atol=tol * scale, equal_nan=True)
        if not close.all():
            j = np.unravel_index(int(np.argmin(close)), close.shape)
            return f"gradient {i}: {a[j]:.8g}, not {b[j]:.8g} ({int((~close).sum())}/{close.size})"
    return ""


def tangents(s: Sample, arrays: list[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [np.asarray(rng.standard_normal(a.shape)) for a in arrays]


def project(name: str, got: list[np.ndarray], ds: list[np.ndarray]) -> list[np.ndarray]:
    if name == "grad":
        return along(got, ds)
    return got


def along(gradients: list[np.ndarray], ds: list[np.ndarray]) -> list[np.ndarray]:
    return [np.asarray(sum(float((g * d).sum()) for g, d in zip(gradients, ds)))]


def judge(name: str, ours: Sample, theirs: Sample) -> str:
    """Nothing if the column holds for the sample, else why not. Raises Excluded."""
    arrays = ours.arrays()
    ds = tangents(ours, arrays)
    tol = LOOP_TOLERANCE if "vmap" in name else TOLERANCE
    got = None
    try:
        got = ours.column(name, arrays, ds)
        want = ours.want(name, arrays, ds)
        bad = differ(project(name, got, ds), want, tol)
    except Exception as e:
        bad = f"{type(e).__name__}: {(str(e).splitlines() or [''])[0]}"[:200]
    if not bad:
        return ""
    try:
        reference = theirs.column(name, arrays, ds)
    except Exception as e:
        text = (str(e).splitlines() or [""])[0]
        raise Excluded(f"PyTorch refuses: {text[:90]} [ours: {bad[:90]}]") from None
    if got is not None and not differ(got, reference, 1e-7):
        raise Excluded(f"PyTorch has the same numbers, differences do not [{bad[:80]}]")
    if got is not None:
        bad += "; PyTorch: " + (differ(got, reference, 1e-7) or "same")
    return bad


def choose(op: Any, count: int) -> list[Any]:
    """A few small samples that have something to differentiate, evenly spread."""
    import bridge
    import torch

    found = []
    for s in op.sample_inputs("cpu", torch.float64, requires_grad=True):
        ts = bridge.tensors([s.input, s.args, s.kwargs])
        live = [t for t in ts if t.requires_grad and t.dtype is torch.float64]
        plain = all(t.layout is torch.strided for t in ts)
        if live and plain and 0 < sum(t.numel() for t in ts) <= LARGEST:
            found.append((s, live))
    if len(found) <= count:
        return found
    return [found[round(i * (len(found) - 1) / max(1, count - 1))] for i in range(count)]


def examine(name: str, count: int, limit: int) -> dict[str, list[tuple[str, str]]]:
    """column -> (status, reason) of each sample of an operator."""
    import bridge

    import wengert

    op = OPERATORS[name]
    out: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)

    def late(*_: Any) -> None:
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    column = "grad"
    try:
        for sample, leaves in choose(op, count):
            ours = Sample(bridge.Bridge(wengert), op, sample, leaves)
            theirs = Sample(Itself(), op, sample, leaves)
            for column in COLUMNS:
                try:
                    bad = judge(column, ours, theirs)
                    out[column].append(("fail" if bad else "pass", bad))
                except Excluded as e:
                    out[column].append(("excluded", str(e)))
    except Late:
        out[column].append(("fail", f"not done after {limit} s"))
    finally:
        signal.alarm(0)
    return out


OPERATORS: dict[str, Any] = {}


def work(task: tuple[str, int, int]) -> tuple[str, Any]:
    name, count, limit = task
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        try:
            return name, dict(examine(name, count, limit))
        except Exception as e:  # the bridge does not know the operator's name, or no samples
            return name, {c: [("fail", f"{type(e).__name__}: {e}"[:200])] for c in COLUMNS}


def documented(name: str, known: set[str]) -> bool:
    """Whether an operator counts: on the list, and no internal of PyTorch's."""
    return name in known and not re.search(r"(^|\.)_[^_]|^torch\.|^jiterator", name)


def prepare(folder: str, pattern: str) -> list[str]:
    """Load the operators; the names to examine, in order."""
    sys.path[1:1] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__))), folder]
    import torch
    from operator_samples import op_db

    import wengert  # noqa: F401  (a failure ends the run here, not once for each operator)

    torch.set_num_threads(1)
    with open(os.path.join(folder, "split.json")) as f:
        shared = set(json.load(f)["ops"]["shared"])
    names = []
    for op in op_db:
        OPERATORS[op.full_name] = op
        real = torch.float64 in op.dtypes and torch.float64 in op.supported_backward_dtypes("cpu")
        wanted = documented(op.name, shared)
        if wanted and real and op.supports_autograd and re.search(pattern, op.full_name):
            names.append(op.full_name)
    return names


def status(results: list[tuple[str, str]]) -> str:
    kinds = {s for s, _ in results}
    return "fail" if "fail" in kinds else "pass" if "pass" in kinds else "excluded"


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--bridge", required=True, help="folder of bridge.py and split.json")
    p.add_argument("--filter", default="", help="regular expression on names")
    p.add_argument("--samples", type=int, default=3, help="of one operator")
    p.add_argument("--limit", type=int, default=30, help="seconds for one operator")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("-v", "--verbose", action="store_true", help="also what is excluded, and why")
    a = p.parse_args()
    names = prepare(os.path.abspath(a.bridge), a.filter)
    tasks = [(n, a.samples, a.limit) for n in names]
    with multiprocessing.get_context("fork").Pool(a.jobs, maxtasksperchild=40) as pool:
        results = dict(pool.imap_unordered(work, tasks))
    for name in names:
        seen: dict[tuple[str, str], list[str]] = {}
        for column in COLUMNS:
            for r in dict.fromkeys(results[name].get(column, [])):
                seen.setdefault(r, []).append(column)
        for (how, why), columns in seen.items():
            if how == "fail" or a.verbose and how == "excluded":
                where = "all" if len(columns) == len(COLUMNS) else ", ".join(columns)
                print(f"{how:<9}{name} [{where}]: {why}")
    print(f"\n{'column':<12}{'pass':>6}{'fail':>6}{'%':>8}{'excluded':>10}{'samples':>9}")
    for column in COLUMNS:
        every = [r.get(column, []) for r in results.values()]
        count = collections.Counter(status(r) for r in every if r)
        held, failed = count["pass"], count["fail"]
        share = 100 * held / max(1, held + failed)
        ran = sum(s != "excluded" for r in every for s, _ in r)
        print(f"{column:<12}{held:>6}{failed:>6}{share:>8.1f}{count['excluded']:>10}{ran:>9}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
