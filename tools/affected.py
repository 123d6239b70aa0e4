"""Runs the tests that a change can break first: `python tools/affected.py [--base REV]`.

Which ones is told by names: the tests of the changed files' folder, the cases of the ops that a
changed file defines, and the test files that use most of its public names. The rest is left to CI.
With --list nothing is run.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
MOST_FILES = 8  # beyond these a test file shares hardly more than common words with a change
EVERY_OP = "tests/ops/test_every_op.py"
ALWAYS = ["tests/engine/test_entry.py", "tests/engine/test_backward.py"]  # what all stands on


def changed(base: str) -> list[str]:
    """Paths that differ from a revision, those git does not know yet included."""
    git = ["git", "-C", str(ROOT)]
    differ = subprocess.check_output([*git, "diff", "--name-only", base], text=True)
    new = subprocess.check_output([*git, "ls-files", "-o", "--exclude-standard"], text=True)
    return sorted({*differ.split(), *new.split()})


def public_names(path: Path) -> set[str]:
    """What a module defines for others: functions, classes, and the names in declarations."""
    source = path.read_text(encoding="utf-8")
    found = set(re.findall(r'@?(?:public|declare)\(\s*"(?:[\w.]+\.)?(\w+)\(', source))
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
            found.add(node.name)
    return {name for name in found if len(name) > 2}


def ops_of(module: str) -> list[str]:
    """The ops that a module of wengert defines."""
    import wengert  # noqa: F401
    from wengert.engine.op import OPS

    return sorted(name for name, op in OPS.items() if op.fwd and op.fwd.__module__ == module)


def mirrored(path: str) -> list[str]:
    """The test file that stands where the module stands."""
    parts = Path(path).with_suffix("").parts[1:]
    for depth in range(len(parts), 0, -1):
        here = ROOT.joinpath("tests", *parts[: depth - 1])
        one = here / f"test_{parts[depth - 1]}.py"
        if one.exists():
            return [one.relative_to(ROOT).as_posix()]
    return []


@functools.cache
def text_of(path: Path) -> str:
    """A test file with the tables of cases that it imports from its neighbours."""
    text = path.read_text(encoding="utf-8")
    for module, names in re.findall(r"^from ([\w.]+) import (.+)", text, re.MULTILINE):
        for name in (module, *[f"{module}.{name.strip()}" for name in names.split(",")]):
            beside = ROOT / "tests" / f"{name.replace('.', '/')}.py"
            if not beside.name.startswith("test_") and beside.exists():
                text += beside.read_text(encoding="utf-8")
    return text


def users(names: set[str], folders: set[str] = frozenset()) -> list[str]:
    """The test files that use the names most, those of some folders before all others.

    A name counts the less the more files use it.
    """
    if not names:
        return []
    word = re.compile(r"\b(" + "|".join(sorted(map(re.escape, names))) + r")\b")
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        found[path.relative_to(ROOT).as_posix()] = set(word.findall(text_of(path)))
    common = Counter(name for used in found.values() for name in used)
    weight = {path: sum(common[name] ** -0.5 for name in used) for path, used in found.items()}
    near = {path: path.split("/")[1] in folders for path in found}
    first = sorted(weight, key=lambda path: (not near[path], -weight[path]))
    return [path for path in first if weight[path]][:MOST_FILES]


def affected(paths: list[str]) -> list[str]:
    """Arguments for pytest, what is nearest to the change first."""
    chosen: list[str] = []
    for path in paths:
        if path.startswith("tests/") and path.endswith(".py") and (ROOT / path).exists():
            itself = Path(path).name.startswith("test_")
            chosen += [path] if itself else users({Path(path).stem}, {path.split("/")[1]})
    own = [p for p in paths if p.startswith("wengert/") and p.endswith(".py")]
    own = [p for p in own if (ROOT / p).exists()]
    for path in own:
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if path.startswith("wengert/ops/"):
            chosen += [f"{EVERY_OP}::{name}" for name in ops_of(module)]
        chosen += mirrored(path)
    names = set().union(*[public_names(ROOT / path) for path in own])
    folders = {path.split("/")[1] for path in own}
    chosen += [path for path in users(names, folders) if path != EVERY_OP]
    if own:
        chosen += [*ALWAYS, "tests/contracts/test_structure.py"]
    return list(dict.fromkeys(chosen))


def in_turn(runs: list[list[str]]) -> int:
    """Run pytest for each list of arguments, the tests of one before the next are looked for."""
    import pytest

    for run in runs:
        status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *run])
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return int(status)
    return 0


def within(seconds: float, runs: list[list[str]]) -> int:
    """in_turn() in a process that ends when the time is over, whatever it does: no failure."""
    command = [sys.executable, str(Path(__file__).resolve()), "--runs", json.dumps(runs)]
    child = subprocess.Popen(command, start_new_session=os.name == "posix")
    try:
        return child.wait(max(seconds, 0.0))
    except subprocess.TimeoutExpired:
        print("\ntime is over: what would come next was not run", flush=True)
        return 0
    finally:
        if child.poll() is None:
            if os.name == "posix":
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()


def main() -> int:
    start = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="HEAD", help="compare with this revision")
    parser.add_argument("--seconds", type=float, default=18.5, help="how long all of it may take")
    parser.add_argument("--list", action="store_true", help="print the choice, run nothing")
    parser.add_argument("--runs", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.runs:
        return in_turn(given.runs)
    chosen = affected(changed(given.base))
    if given.list or not chosen:
        print("\n".join(chosen) or "nothing that tests could tell has changed")
        return 0
    ops = [c.partition("::")[2] for c in chosen if c.startswith(EVERY_OP)]
    runs = [[str(ROOT / c)] for c in chosen if "::" not in c]
    if ops:
        runs.insert(0, [str(ROOT / EVERY_OP), "-k", " or ".join(f"[{name}]" for name in ops)])
    return within(given.seconds - (time.monotonic() - start), runs)


if __name__ == "__main__":
    sys.exit(main())
