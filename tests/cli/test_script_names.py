"""The names and paths that public scripts use are there, or docs/differences.md says why not."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import wengert as torch

HERE = Path(__file__).parents[1]
NAMES, PATHS = (
    part.split("\n")
    for part in (HERE / "golden" / "script_names.txt")
    .read_text()
    .partition("[names]\n")[2]
    .strip()
    .split("\n[paths]\n")
)
DIFFERENCES = (HERE.parent / "docs" / "differences.md").read_text()
LISTED = [
    name
    for line in DIFFERENCES.splitlines()
    if line.startswith("| `")
    for name in re.findall(r"`([\w.]+)`", line.split("|")[1])
]

OWNERS = {
    "Tensor": lambda: torch.Tensor,
    "Tensor.attr": lambda: torch.ones(2, 2),
    "nn.Module": torch.nn.Module,
    "Optimizer": lambda: torch.optim.Optimizer,
}


def listed(name: str) -> bool:
    return any(name == known or name.startswith(known + ".") for known in LISTED)


def there(namespace: str, name: str) -> bool:
    try:
        if namespace in OWNERS:
            owner = OWNERS[namespace]()
        else:
            try:
                owner = importlib.import_module(namespace.replace("torch", "wengert", 1))
            except ModuleNotFoundError:  # torch.ops.NAMESPACE and such are values
                owner = torch
                for part in namespace.split(".")[1:]:
                    owner = getattr(owner, part)
        return hasattr(owner, name)
    except AttributeError:
        return False


def test_names_are_there_or_listed():
    missing = [line for line in NAMES if line[0] != "-" and not there(*line.split())]
    full = lambda namespace, name: f"{namespace.removesuffix('.attr')}.{name}"
    names = [full(*line.split()) for line in missing]
    unknown = [n for n in names if not listed(n) and not listed(f"torch.{n}")]
    assert unknown == []


def unexplained(paths: list[str]) -> list[str]:
    """The paths that cannot be imported and whose error does not say what to do."""
    bad = []
    for path in paths:
        try:
            importlib.import_module(path)
        except ModuleNotFoundError as error:
            if not re.search(r"No module named '[\w.]+': .{15}", str(error)):
                bad.append(f"{path}: {error}")
    return bad


CODE = """
import sys
sys.path[:0] = [{tests!r}]
from wengert.cli.alias import install
install()
from cli.test_script_names import PATHS, unexplained
print(unexplained([p.lstrip("-") for p in PATHS]))
"""


def test_paths_are_there_or_say_what_to_do():
    code = CODE.format(tests=str(HERE))
    words = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(words, capture_output=True, text=True, cwd=HERE.parent)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


def test_recorded_paths_are_those_of_torch():
    assert len(NAMES) > 1100 and len(PATHS) == 210
