"""Everything public says what it returns and raises, and raises it: arguments of its example are
spoiled, one at a time. Each error that a docstring tells with `where` has to appear, and each error
that appears has to be told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import os
import re
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from contracts.spoiling import Example, names_of, texts
from contracts.test_docstrings import USUAL, group_of_one
from contracts.test_documented import everything

ROOT = Path(__file__).parents[2]
SHARE = 12  # one of so many is tried in a run; all with PYTHONPATH=.:tests python THIS_FILE 1
TOLD = re.compile(r"\b((?:[A-Z]\w*)?(?:Error|Exception)) where")
NAMED = re.compile(r"\b(?:[A-Z]\w*)?(?:Error|Exception)\b")

# what no spoiled argument shows: the first matrix or the receiver is what is wrong, or the example
# has numbers in the place of tensors, or is of another name
# "error names: call" in each line
BY_HAND = (Path(__file__).parent / "errors_by_hand.txt").read_text(encoding="utf-8").splitlines()
# a process alone raises nothing, a device has to be missing, or text and example are another
# function's
ELSEWHERE = (
    "distributed.autograd.get_gradients",  # whether calls can be sent depends on what ran before
    "distributed.rpc.",
    "distributed.all_gather_single",
    "distributed.reduce_scatter_single",
    "distributed.checkpoint.async_save",
    "distributed.fsdp.sharded_grad_scaler.ShardedGradScaler",
    "distributed.tensor.DTensor.new_tensor",
    "vision.transforms.v2.functional.",
    "distributions.identity_transform",
    "library.impl_abstract",
    "cuda.",
    "accelerator.",
)
# what raises nothing of its own, and why: "reason: names" in each line
NONE = (Path(__file__).parent / "errors_none.txt").read_text(encoding="utf-8").splitlines()


@contextlib.contextmanager
def alone(text, names):
    """Examples of torch.distributed stand in a group of one process."""
    example = SimpleNamespace(source=text)
    with group_of_one(SimpleNamespace(examples=[example], globs=names)):
        yield


def may_be_wrong(thing):
    """Whether there is an argument that may be wrong: a record takes what it is given, and a
    question has an answer for everything.
    """
    if isinstance(thing, type):
        plain = (enum.Enum, BaseException, tuple)
        if issubclass(thing, plain) or dataclasses.is_dataclass(thing):
            return False
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return True
    if not [name for name in signature.parameters if name not in ("self", "cls")]:
        return False
    text = thing.__doc__ or ""
    text = text.partition("\n\n")[2] if hasattr(thing, "declared") else text
    yes_or_no = hasattr(thing, "declared") or signature.return_annotation in ("bool", bool)
    return not (text.lstrip().startswith("Whether ") and yes_or_no)


def told(thing):
    """The errors that a docstring tells with the arguments that lead to them, and that text."""
    own = [thing.__doc__]
    if isinstance(thing, type):
        own = [thing.__dict__.get("__doc__"), thing.__init__.__doc__]
    text = " ".join(" ".join([x for x in own if isinstance(x, str)]).split())
    _, mark, rest = text.partition("Raises ")
    return set(TOLD.findall(mark + rest)), text


def kinds(error):
    """The names of an error's class and of its bases, but for those that say nothing."""
    return {c.__name__.lstrip("_") for c in type(error).__mro__[:-1]} - {
        "Exception",
        "BaseException",
    }


def compared(entry, owners):
    """The errors told of an entry that no spoiled argument of its examples gives, and those that
    one gives and that are not told, with the argument.
    """
    errors, _ = told(entry.thing)
    name = entry.path.rpartition(".")[2]
    by_hand = [row.partition(": ")[0].split() for row in BY_HAND]
    errors -= {row[0] for row in by_hand if name in row[1:]}
    known = set(NAMED.findall(f"{entry.text} {entry.thing.__doc__}"))
    untold = set()
    module = getattr(entry.thing, "__module__", "")
    names = {**names_of(module), **USUAL, "__name__": module}
    for example in texts(entry.thing, owners.get(entry.path.rpartition(".")[0]))[:2]:
        found = Example(entry.thing, example, names, alone)
        for spoiled in found.spoiled():
            raised = found.raised(*spoiled)
            if raised is None:
                continue
            error = kinds(raised.error)
            if raised.follows:
                errors -= error
            if raised.direct and not error & known:
                kind = type(raised.error).__name__.lstrip("_")
                untold.add(f"{kind} where {raised.argument} {raised.how}")
    return set() if entry.path.startswith(ELSEWHERE) else errors, untold


def wrong(found, share):
    owners = {e.path: e.thing for e in found if isinstance(e.thing, type)}
    chosen = [e for e in found if zlib.crc32(e.path.encode()) % share == 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [(e.path, *map(sorted, compared(e, owners))) for e in chosen]
    told = [f"{path}: told, not raised: {'; '.join(errors)}" for path, errors, _ in rows if errors]
    return told + [f"{path}: not told: {'; '.join(untold)}" for path, _, untold in rows if untold]


def test_everything_says_what_it_raises(found):
    none = {name for row in NONE for name in row.partition(": ")[2].split()}
    silent = {e.path for e in found if not re.search(r"Error|Exception|Raises", e.text)}
    missing = {e.path for e in found if e.path in silent and may_be_wrong(e.thing)}
    assert sorted(missing - none) == []
    assert sorted(none - silent) == []  # no excuse for what tells, or is gone


def test_every_function_says_what_it_returns(found):
    """In its declaration, its annotation or its text; what a class makes is said by its name."""
    silent = []
    for path, thing in [(e.path, e.thing) for e in found if not isinstance(e.thing, type)]:
        with contextlib.suppress(TypeError, ValueError):  # what has no signature
            if inspect.signature(thing).return_annotation is not inspect.Signature.empty:
                continue
        said = re.search(r"\b[Rr]eturns?\b|->", thing.__doc__ or "")
        if not hasattr(thing, "declared") and said is None:
            silent.append(path)
    assert silent == []


def test_what_is_told_is_raised_and_what_is_raised_is_told(found, tmp_path):
    """In a process of their own: spoiled examples leave switches as no other test wants them."""
    done = subprocess.run(
        [sys.executable, __file__, str(SHARE)], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_errors_that_examples_do_not_show():
    for row in BY_HAND:
        told_of, _, call = row.partition(": ")
        with pytest.raises(Exception) as raised, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eval(call, {**USUAL})
        assert told_of.split()[0] in {c.__name__.lstrip("_") for c in raised.type.__mro__}, call


if __name__ == "__main__":
    import torch

    share, *paths = sys.argv[1:] or ["1"]
    entries = [e for e in everything(torch) if e.path.startswith(tuple(paths or [""]))]
    for row in wrong(entries, int(share)):
        print(row)
