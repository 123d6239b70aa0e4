"""What the random comparers share: running a text in both libraries, comparing results, searching
in a process of its own, printing the smallest input of each kind of difference.

A comparer has `make(rng)`, which gives (group, text) or None; the text is an expression over the
names of `tests/ops/edge_cases.py` (T is the library) and of its own. Results may be anything: what
is no tensor, number or container is compared as it prints.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(1, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import torch
from ops.edge_cases import builtin, names
from shrinking import shrunk

import wengert

Make = Callable[[random.Random], "tuple[str, str] | None"]
Names = Callable[[Any], "dict[str, Any]"]
SILENT = ("values", "gradient", "dtype", "shape", "kind", "length", "text")
ORDER = (*SILENT, "crash", "refused", "accepted", "error type", "deliberate")
ODD = r"nan|inf|1e30"
# Silent differences that are meant, as (reason, groups, texts); docs/differences.md says why.
DELIBERATE = [
    ("which of several equal elements", "topk|kthvalue|mode|median", ""),
    ("nan in a recurrence, which PyTorch does not start", "polynomial", "nan"),
    ("gradients at nan, which depend on the place in memory in PyTorch",
     "hardtanh|relu6|hardshrink|softshrink|hardswish|elu", "nan"),
    ("memory that PyTorch leaves as it was", "margin_loss|MarginLoss", r"zeros\(0"),
    ("memory that PyTorch leaves as it was", "CircularPad|pad", r"[Cc]ircular.*-\d"),
    ("LAPACK's reading of factors whose diagonal is not real", "cholesky_inverse", "j"),
    ("LAPACK's and FFTs' ways with what is infinite or nan",
     r"matrix_exp|(?<!erf)inv|solve|det$|fft|matrix|cond|rank|chain|multi_dot", ODD),
    ("gradients that overflow, or of negated unsigned targets, in PyTorch",
     "soft_margin|log_ndtr|logcumsumexp|masked|nanmean|nansum", ODD + "|uint8"),
    ("results rounded to another dtype than PyTorch's", "", r"float16.*out=|out=.*float16"),
    ("gradients through view(dtype), which PyTorch does not record", "^view$", r"view\(T\."),
    ("flags by position, which PyTorch takes for others", "unique_consecutive", ""),
    ("statistics of infinities", "var|std|norm", ODD),
    ("assigned weights stay tied", "changes", "assign=True"),
    ("products of zeros and what is infinite or nan", "prod", ODD),
    ("means over no dimension, in PyTorch divided by nothing",
     "^(std|var)", r"dim=(\(\)|\[\])"),
    ("sums over a batch of divergences, in PyTorch", "Wishart", r"^K.*expand"),
    ("gradients of slices without a selected element, nan in PyTorch", "masked.(std|var)", "mask"),
    ("counts for gradients of repeated indices", "EmbeddingBag", "scale_grad"),
    ("singular values that are equal or zero, whose vectors are any", "svd", "expand"),
]  # fmt: skip
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-7, "complex128": 1e-7}
# what PyTorch refuses for want of a kernel or of memory of some order; wengert may answer
GAPS = re.compile(
    r"not implemented for '|expected scalar type|INTERNAL ASSERT|MKL|channels_last|view size is"
    r"|not supported|[Uu]nsupported|derivative for|must be contiguous|pin_memory|accelerator"
    r"|don't yet support saved tensor hooks|may have escaped|modified by an inplace"
    r"|does not support automatic diff|isFloatingType\(grad|If capturable=True|_foreach ops don't"
)
GAP = "a gap"
SHRUNK = 4  # texts of each kind and group that are made smaller
WAIT = 40.0  # seconds after which a call is taken for one that does not end


class Finding(NamedTuple):
    """A difference: its kind, the group of the text, the text, and what both libraries gave."""

    kind: str
    group: str
    text: str
    detail: str


def read(x: Any, T: Any) -> Any:
    """A result as nested tuples with NumPy arrays in them."""
    if isinstance(x, T.Tensor):
        x = x.detach()
        kind = str(x.dtype).rpartition(".")[2]
        if x.layout != T.strided:
            return "sparse", kind, tuple(x.shape), read(x.to_dense(), T)
        wide = x.to(T.float32) if kind == "bfloat16" or kind.startswith("float8") else x
        return "tensor", kind, tuple(x.shape), np.array(wide.resolve_conj().resolve_neg().numpy())
    if isinstance(x, (list, tuple)):
        name = "list" if isinstance(x, list) else "tuple"
        return "sequence", name, tuple([read(y, T) for y in x])
    if isinstance(x, dict):
        return "sequence", "dict", tuple([("text", str(k), read(v, T)) for k, v in x.items()])
    if isinstance(x, (bool, int, float, complex, type(None))):
        return "number", type(x).__name__, x
    return "text", re.sub(r"0x[0-9a-f]+|at \w+", "", str(x).replace("wengert", "torch"))


def close(want: np.ndarray, got: np.ndarray, kind: str) -> bool:
    """Whether arrays of one shape agree within the dtype's tolerance."""
    if want.dtype.kind in "biu":
        return bool(np.array_equal(want, got))
    tol = TOLERANCE.get(kind, 1e-4)
    with np.errstate(all="ignore"):
        if want.dtype.kind == "c":  # what is infinite or nan has no agreed form
            finite = np.isfinite(want)
            if not np.array_equal(finite, np.isfinite(got)):
                return False
            return bool(np.allclose(want[finite], got[finite], rtol=tol, atol=tol))
        a, b = want.astype(np.float64), got.astype(np.float64)
        scale = np.abs(a[np.isfinite(a)]).max(initial=1.0)
        return bool(np.allclose(a, b, rtol=tol, atol=tol * min(scale, 100.0), equal_nan=True))


def difference(want: Any, got: Any) -> tuple[str, str] | None:
    """(kind, both) where two read results differ first."""
    if want[1] == GAP:
        return None
    if want[0] != got[0]:
        return "kind", f"{want[:3]} | {got[:3]}"
    if want[0] == "tensor":
        for i, what in ((1, "dtype"), (2, "shape")):
            if want[i] != got[i]:
                return what, f"{want[i]} | {got[i]}"
        if not close(want[3], got[3], want[1]):
            both = [str(w[3].ravel()[:8].tolist()) for w in (want, got)]
            return "values", " | ".join(both)
        return None
    if want[0] in ("sequence", "sparse"):
        if want[1] != got[1]:
            return "kind", f"{want[1]} | {got[1]}"
        if want[0] == "sparse":
            return difference(want[3], got[3])
        if len(want[2]) != len(got[2]):
            return "length", f"{len(want[2])} | {len(got[2])}"
        return next((d for d in map(difference, want[2], got[2]) if d), None)
    if want[0] == "number":
        if want[1] != got[1]:
            return "kind", f"{want[1:]} | {got[1:]}"
        if isinstance(want[2], (float, complex)):
            same = close(np.array(want[2]), np.array(got[2]), "float32")
        else:
            same = want[2] == got[2]
        return None if same else ("values", f"{want[2]} | {got[2]}")
    if len(want) == 3:  # an entry of a dict
        if want[1] != got[1]:
            return "text", f"key {want[1]} | {got[1]}"
        found = difference(want[2], got[2])
        return found and (found[0], f"{want[1]}: {found[1]}")
    return None if want == got else ("text", f"{want[1]} | {got[1]}")


def gradients(T: Any, outs: Any, inputs: list[Any]) -> list[Any]:
    """Gradients of what is recorded among the outputs, each weighted by numbers of no pattern."""
    recorded = [o for o in outs if isinstance(o, T.Tensor) and o.requires_grad]
    weights = [
        ((T.arange(o.numel(), dtype=T.float64) * 0.37).cos() + 0.5).reshape(o.shape).to(o.dtype)
        for o in recorded
    ]
    if not recorded:
        return [None for _ in inputs]
    return list(T.autograd.grad(recorded, inputs, weights, True, allow_unused=True))


def attempt(f: Callable[[], Any]) -> Any:
    """What f gives, or the name of its error: for one of several results of a text."""
    try:
        return f()
    except Exception as error:
        return GAP if GAPS.search(str(error)) else builtin(error).__name__


def outcome(T: Any, text: str, known: Names) -> tuple[bool, Any]:
    """(True, the read result) or (False, the error)."""
    T.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return True, read(eval(text, known(T)), T)
    except Exception as error:
        return False, error


def told(error: BaseException) -> str:
    return f"{builtin(error).__name__}: {(str(error).splitlines() or [''])[0][:130]}"


def meant(group: str, text: str) -> bool:
    """Whether a difference is of a class of DELIBERATE."""
    return any(re.search(g, group) and re.search(t, text) for _, g, t in DELIBERATE)


def compare(text: str, known: Names = names, group: str = "") -> tuple[str, str] | None:
    """(kind, what both gave), or None where the libraries agree."""
    (fine, want), (well, got) = outcome(torch, text, known), outcome(wengert, text, known)
    if fine and well:
        found = difference(want, got)
        return found and ("deliberate" if meant(group, text) else found[0], found[1])
    if fine:
        return "refused", told(got)
    if GAPS.search(str(want)) or isinstance(want, AttributeError):
        return None
    if well:
        return "accepted", f"{told(want)} | {str(got[1:3])[:60]}"
    return None if isinstance(got, builtin(want)) else ("error type", f"{told(want)} | {told(got)}")


def shows(kind: str, known: Names, group: str) -> Callable[[str], bool]:
    """Whether a text shows a difference of this kind."""
    return lambda text: (compare(text, known, group) or "")[:1] == (kind,)


def search(
    make: Make, seed: str, known: Names = names, count: int = 0, seconds: float = 0.0
) -> Iterator[Finding | None]:
    """A finding or None for each text, until a count of them or the time is reached."""
    torch.set_num_threads(1)
    end, k, done = time.monotonic() + seconds, 0, 0
    seen: dict[tuple[str, str], int] = {}
    while (done < count) if count else (time.monotonic() < end):
        k += 1
        made = make(random.Random(f"{seed} {k}"))
        if made is None:
            continue
        done += 1
        found = compare(made[1], known, made[0])
        if found is None:
            yield None
            continue
        (group, text), (kind, detail) = made, found
        if kind != "deliberate" and seen.setdefault((kind, group), 0) < SHRUNK:
            seen[kind, group] += 1
            text = shrunk(text, shows(kind, known, group))
            detail = (compare(text, known, group) or found)[1]
        yield Finding(kind, group, text, detail)


def _child(pipe: Any, make: Make, seed: str, known: Names, seconds: float) -> None:
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 1), os.dup2(quiet, 2)

    def announced(rng: random.Random) -> tuple[str, str] | None:
        made = make(rng)
        if made is not None:
            pipe.send(made)
        return made

    for found in search(announced, seed, known, seconds=seconds):
        pipe.send(found)
    pipe.send("done")


def guarded(make: Make, seed: int, known: Names, seconds: float) -> Iterator[Finding | None]:
    """search() in processes of their own: one that dies or does not end is a finding."""
    context, end, part = multiprocessing.get_context("fork"), time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 1:
        here, there = context.Pipe()
        child = context.Process(target=_child, args=(there, make, f"{seed}.{part}", known, left))
        child.start()
        there.close()
        part, last = part + 1, None
        try:
            while here.poll(WAIT):
                message = here.recv()
                if message == "done":
                    return
                if message is None or isinstance(message, Finding):
                    yield message
                else:
                    last = message
        except EOFError:
            pass
        finally:
            child.kill()
            child.join()
        if last is not None:
            yield Finding("crash", *last, "died or did not end (PyTorch's own, perhaps)")


def report(found: Iterable[Finding | None], show: int = 2) -> int:
    """Print the shortest texts of each kind and group, and counts; 1 if there was a silent one."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    counts: dict[str, int] = {"compared": 0}
    for f in found:
        counts["compared"] += 1
        if f is not None:
            counts[f.kind] = counts.get(f.kind, 0) + 1
            kinds.setdefault((f.kind, f.group), []).append(f)
    for key in sorted(kinds, key=lambda k: (ORDER.index(k[0]), k[1])):
        for f in sorted(kinds[key], key=lambda f: len(f.text))[:show]:
            print(f"{f.kind}  {f.group} x{len(kinds[key])}: {f.detail}\n    {f.text}")
    print(counts)
    return int(any(k in SILENT for k in counts))


def main(doc: str, maker: Callable[[str], Make], known: Names = names) -> int:
    """The command of a comparer: --seed, --seconds, --filter, --show."""
    p = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--seconds", type=float, default=60.0)
    p.add_argument("--filter", default="", help="regular expression on groups")
    p.add_argument("--show", type=int, default=2, help="texts of each kind and group")
    a = p.parse_args()
    return report(guarded(maker(a.filter), a.seed, known, a.seconds), a.show)
