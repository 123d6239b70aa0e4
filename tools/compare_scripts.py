"""Runs scripts of public repositories under PyTorch and under wengert, and compares their losses.

    python tools/compare_scripts.py CHECKOUTS [--only WORD] [--steps 6]
        [--markdown FILE] [--list FILE] [--compiled]

CHECKOUTS is a folder with checkouts, each named owner+name, as tools/scripts.txt lists them. Needs
PyTorch and torchvision. Scripts are not changed: each runs in a copy of its repository, seeded, on
small made data (`made_data.py`), until it ends or has begun one backward pass more than --steps.
What is compared are the values that backward was called on, to 1e-3 relative, or, in a script
without any, the numbers it printed. With --compiled, wengert is compared with itself, to 1e-4, with
every outermost call of a module compiled.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import re
import resource
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
import weakref
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tools" / "scripts.txt"
TOLERANCE = 1e-3
CPU_SECONDS = 150


class Enough(SystemExit):
    """Raised where a script has shown enough."""


def entries(listed: Path, only: str | None) -> list[dict[str, Any]]:
    """The lines of the list: repository, script in its folder, arguments, options."""
    found = []
    repository = ""
    for line in listed.read_text("utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            repository = line.strip()
            continue
        script, arguments, options = [*re.split(r"\s*::\s*", line.strip()), "", ""][:3]
        entry = {"repository": repository, "script": script, "arguments": shlex.split(arguments),
                 "options": dict(o.split("=", 1) for o in options.split())}  # fmt: skip
        if only is None or only in f"{repository}/{script}":
            found.append(entry)
    return found


def name_of(entry: dict[str, Any]) -> str:
    """The file of a script's results."""
    words = [entry["repository"], entry["script"], *entry["arguments"]]
    name = re.sub(r"\W+", "-", " ".join(words)).strip("-")
    if len(name) > 200:  # file systems allow 255 bytes
        name = f"{name[:180]}-{zlib.crc32(name.encode()):08x}"
    return name + ".json"


def patch_data(torchvision: Any, data: Path) -> None:
    """Make the data sets of torchvision read the small files in data, whatever root they get."""
    for name in ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN", "STL10"):
        kind = getattr(torchvision.datasets, name)
        kind._check_integrity = lambda self: True
        sys.modules[kind.__module__].check_integrity = lambda *args: True  # type: ignore[attr-defined]
        own = kind.__init__

        def start(self: Any, root: Any = None, *args: Any, own: Any = own, **kwargs: Any) -> None:
            kwargs["download"] = False
            own(self, str(data), *args[:3], **kwargs)

        if "__init__" in vars(kind):
            kind.__init__ = start


def patch_weights(torch: Any, torchvision: Any) -> None:
    """Make models keep the weights they start from where a script asks for published ones."""
    load = torch.nn.Module.load_state_dict
    torchvision.models.WeightsEnum.get_state_dict = lambda self, *args, **kwargs: None
    torch.nn.Module.load_state_dict = lambda self, state, *args, **kwargs: (
        None if state is None else load(self, state, *args, **kwargs)
    )


def stand_in_for_tensorflow() -> None:
    """Give scripts that only read MNIST through TensorFlow the reader that they ask for."""
    import types

    import numpy as np

    class Part:
        def __init__(self, count: int) -> None:
            labels = np.arange(count) % 10
            noise = np.random.RandomState(0).rand(count, 784)
            bright = np.arange(784) % 10 == labels[:, None]
            self.images = (0.5 * noise + 0.5 * bright).astype(np.float32)
            self.labels = np.eye(10)[labels]
            self.num_examples = count
            self.at = 0

        def next_batch(self, size: int) -> Any:
            rows = (self.at + np.arange(size)) % self.num_examples
            self.at += size
            return self.images[rows], self.labels[rows]

    path = "tensorflow.examples.tutorials.mnist"
    for end in [i for i, c in enumerate(path + ".") if c == "."]:
        sys.modules[path[:end]] = types.ModuleType(path[:end])
    reader = types.SimpleNamespace(
        read_data_sets=lambda *args, **kwargs: types.SimpleNamespace(
            train=Part(256), test=Part(64), validation=Part(64)
        )
    )
    sys.modules[path].input_data = reader  # type: ignore[attr-defined]


def stand_in_for_keras() -> None:
    """Give scripts that only read MNIST through Keras arrays like its own."""
    import types

    import numpy as np

    def load_data(path: str = "mnist.npz") -> Any:
        rng = np.random.RandomState(0)
        labels = np.arange(256, dtype=np.uint8) % 10
        bright = (np.arange(28) % 10 == labels[:, None])[:, None] * 127
        images = (bright + rng.randint(0, 128, (256, 28, 28))).astype(np.uint8)
        return (images, labels), (images[:64], labels[:64])

    for path in ("keras", "keras.datasets", "keras.datasets.mnist"):
        sys.modules[path] = types.ModuleType(path)
    sys.modules["keras.datasets.mnist"].load_data = load_data  # type: ignore[attr-defined]
    sys.modules["keras.datasets"].mnist = sys.modules["keras.datasets.mnist"]  # type: ignore[attr-defined]


def patch_environments(old: bool) -> None:
    """Make environments start from a seed; old: with the calls that gym had before 0.26."""
    try:
        import gymnasium
    except ModuleNotFoundError:
        return
    make = gymnasium.make

    class Old(gymnasium.Wrapper):
        def reset(self, **kwargs: Any) -> Any:
            return self.env.reset(**kwargs)[0]

        def step(self, action: Any) -> Any:
            state, reward, ended, cut, info = self.env.step(action)
            return state, reward, ended or cut, info

        def seed(self, seed: int = 0) -> None:
            self.env.reset(seed=seed)

        @property
        def unwrapped(self) -> Any:
            return self

        @property
        def _max_episode_steps(self) -> int | None:
            return self.env.spec.max_episode_steps

        def __getattr__(self, name: str) -> Any:
            return getattr(self.env.unwrapped, name)

    def seeded(name: Any, *args: Any, **kwargs: Any) -> Any:
        if old and name in ("CartPole-v0", "Pendulum-v0"):  # gone from newer gymnasium
            name = name.replace("v0", "v1")
        env = make(name, *args, **kwargs)
        env.reset(seed=0)
        env.action_space.seed(0)
        return Old(env) if old else env

    gymnasium.make = seeded
    sys.modules.setdefault("gym", gymnasium)


def use_cpu(torch: Any) -> None:
    """Have "cuda" mean the CPU: for wengert its own switch, for PyTorch a mode that says so."""
    if hasattr(torch.version, "wengert"):
        from wengert.api.cuda_as_cpu import use_cpu_for_cuda

        use_cpu_for_cuda(torch.cuda)
        return

    def on_cpu(value: Any) -> Any:
        return "cpu" if str(value).startswith("cuda") else value

    class OnCPU(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, f: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if f in (torch.Tensor.cuda, torch.Tensor.pin_memory):
                return args[0]
            if "device" in kwargs:
                kwargs["device"] = on_cpu(kwargs["device"])
            if f is torch.Tensor.to:
                args = (args[0], *map(on_cpu, args[1:]))
            return f(*args, **kwargs)

    torch.nn.Module.cuda = lambda self, device=None: self
    for name in ("set_device", "synchronize", "empty_cache"):
        setattr(torch.cuda, name, lambda *args: None)
    torch.cuda.current_device = lambda: 0
    OnCPU().__enter__()


def record(torch: Any, steps: int) -> list[float]:
    """Note the value of every backward pass; the one after `steps` ends the script."""
    losses: list[float] = []
    inside: list[bool] = []  # Tensor.backward calls autograd.backward

    def noting(function: Any, pick: Any) -> Any:
        @functools.wraps(function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            if inside:
                return function(*args, **kwargs)
            if len(losses) >= steps:
                raise Enough(0)
            losses.append(float(pick(*args, **kwargs).detach().sum()))
            inside.append(True)
            try:
                return function(*args, **kwargs)
            finally:
                inside.clear()

        return noted

    first = lambda value: value if isinstance(value, torch.Tensor) else value[0]
    own = torch.autograd.backward
    torch.Tensor.backward = noting(torch.Tensor.backward, lambda self, *a, **k: self)
    torch.autograd.backward = noting(own, lambda tensors, *a, **k: first(tensors))
    return losses


def compile_everything(torch: Any) -> list[Any]:
    """Have outermost calls of modules be those of compiled functions; the list of these."""
    from wengert.compiler import worth

    worth.CALL = worth.RECORDED = -1.0  # of however little
    own, inside, made = torch.nn.Module.__call__, [], []
    functions: Any = weakref.WeakKeyDictionary()

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if inside:
            return own(self, *args, **kwargs)
        if self not in functions:
            made.append(torch.compile(functools.partial(own, self)))
            functions[self] = made[-1]
        inside.append(True)
        try:
            return functions[self](*args, **kwargs)
        finally:
            inside.clear()

    torch.nn.Module.__call__ = call
    return made


def run_one(
    entry: dict[str, Any], where: Path, data: Path, out: Path, steps: int, compiled: bool
) -> None:
    """Run a script in this process and write what it did to out."""
    import numpy as np

    torch, torchvision = sys.modules["torch"], sys.modules["torchvision"]
    options = entry["options"]
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    folder, script = options.get("in"), where / entry["repository"] / entry["script"]
    start = where / entry["repository"] / folder if folder else script.parent
    os.chdir(start)
    sys.path.insert(0, str(script.parent))
    sys.argv = [str(script), *entry["arguments"]]
    with open(out.with_suffix(".txt"), "w", buffering=1) as text, open(os.devnull) as nothing:
        sys.stdin = nothing
        os.dup2(text.fileno(), 1)
        os.dup2(text.fileno(), 2)
        sys.stdout = sys.stderr = text
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        torch.set_num_threads(1)
        patch_data(torchvision, data)
        patch_weights(torch, torchvision)
        patch_environments(options.get("gym") == "old")
        sys.path[1:1] = [
            str(where / entry["repository"] / p) for p in options.get("path", "").split()
        ]
        text_of_script = script.read_text("utf-8", errors="replace")
        if "tensorflow.examples" in text_of_script:
            stand_in_for_tensorflow()
        if "keras.datasets" in text_of_script:
            stand_in_for_keras()
        if options.get("cuda") == "cpu":
            use_cpu(torch)
        losses = record(torch, int(options.get("steps", steps)))
        made = compile_everything(torch) if compiled else []
        ended, kinds = "ended", []
        try:
            runpy.run_path(str(script), run_name="__main__")
        except Enough:
            ended = "stopped"
        except SystemExit as stop:
            ended = "ended" if stop.code in (0, None) else f"exit {stop.code}"
        except BaseException as error:
            traceback.print_exc()
            ended = f"{type(error).__name__}: {str(error)[:200]}"
            kinds = [kind.__name__ for kind in type(error).__mro__]
    told = {"ended": ended, "kinds": kinds, "losses": losses}
    for f in made:
        calls = getattr(f, "calls", None)
        for how, n in ({} if calls is None else calls.counts).items():
            told[how] = told.get(how, 0) + n
    out.write_text(json.dumps(told))


def run_all(
    under: str, checkouts: Path, work: Path, chosen: list[dict[str, Any]], steps: int, again: bool
) -> None:
    """Run all scripts under PyTorch or wengert: each in a child, so that imports are paid once."""
    if under != "torch":
        sys.path.insert(0, str(ROOT))
        from wengert.cli.alias import install

        install()
    import torch  # noqa: F401
    import torchvision  # noqa: F401

    data, results = work / "data", work / under
    results.mkdir(parents=True, exist_ok=True)
    for entry in chosen:
        where = work / f"copies-{under}"
        target = where / entry["repository"]
        if not target.exists():
            shutil.copytree(checkouts / entry["repository"], target, symlinks=True)
        prepare(entry, target, data)
        out = results / name_of(entry)
        if again or not out.exists():
            out.unlink(missing_ok=True)
        else:
            continue
        child = os.fork()
        if child == 0:
            try:
                run_one(entry, where, data, out, steps, under == "compiled")
            finally:
                os._exit(0)
        end = time.monotonic() + 6 * CPU_SECONDS
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.05)
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
        if not out.exists():
            out.write_text(json.dumps({"ended": "killed", "losses": []}))


def prepare(entry: dict[str, Any], target: Path, data: Path) -> None:
    """Put made files where the script looks for them: the option data=KIND:PATH[,KIND:PATH]."""
    from made_data import MAKERS

    for pair in filter(None, entry["options"].get("data", "").split(",")):
        kind, _, path = pair.partition(":")
        MAKERS[kind](target / path)


def numbers(path: Path) -> list[float]:
    """The numbers that a script printed."""
    text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    text = text.partition("Traceback (most recent")[0]
    text = re.sub(r"\d+\.\d+ ?m?s\b|\d+\.\d+\.\d+\S*", "", text)  # times, and versions
    return [float(word) for word in re.findall(r"-?\d+\.\d*(?:e[+-]?\d+)?", text)]


def apart(a: list[float], b: list[float]) -> float:
    """The largest relative difference; infinite where the lengths differ."""
    if len(a) != len(b):
        return float("inf")
    pairs = [(x, y) for x, y in zip(a, b) if not (x != x and y != y) and x != y]
    return max((abs(x - y) / max(abs(x), abs(y), 1e-3) for x, y in pairs), default=0.0)


def outcome_of(theirs: Any, ours: Any, distance: float, most: float = TOLERANCE) -> str:
    """What to say of a script: whether it ended in the same way with the same numbers."""
    done = ("ended", "stopped")
    if theirs["ended"] in done and ours["ended"] not in done:
        return f"FAILS: {ours['ended'][:160]}"
    if theirs["ended"] not in done:
        kind = theirs["ended"].split(":")[0]
        if kind not in (ours["ended"].split(":")[0], *ours.get("kinds", ())):
            return f"fails with PyTorch ({theirs['ended'][:90]}), not here ({ours['ended'][:90]})"
        if kind in ("ModuleNotFoundError", "killed"):
            return f"not run: {theirs['ended'][:90]}"
        return f"same, up to {kind}" if distance <= most else "DIFFERS"
    return "same" if distance <= most else "DIFFERS"


def compared(
    work: Path, chosen: list[dict[str, Any]], sides: list[str]
) -> list[tuple[str, str, str, str, str]]:
    """Repository, script, what was compared, the difference, and the outcome, of each script."""
    rows = []
    for entry in chosen:
        paths = [work / under / name_of(entry) for under in sides]
        if not all(path.exists() for path in paths):
            continue
        theirs, ours = (json.loads(path.read_text()) for path in paths)
        if theirs["losses"]:
            kind = f"{len(theirs['losses'])} losses"
            distance = apart(theirs["losses"], ours["losses"])
        else:
            printed = [numbers(path.with_suffix(".txt"))[:100] for path in paths]
            kind, distance = f"{len(printed[0])} numbers", apart(*printed)
        script = f"{entry['script']} {' '.join(entry['arguments'])}".strip()
        most = TOLERANCE if sides[0] == "torch" else TOLERANCE / 10
        outcome = outcome_of(theirs, ours, distance, most)
        if sides[1] == "compiled":
            kind += f", {ours.get('compiled', 0)} calls compiled"
        rows.append((entry["repository"], script, kind, f"{distance:.1e}", outcome))
    return rows


def table(rows: list[tuple[str, str, str, str, str]]) -> str:
    """A line of Markdown for each repository and outcome, with its scripts."""
    groups: dict[tuple[str, str], list[str]] = {}
    largest: dict[tuple[str, str], float] = {}
    for repository, script, _, distance, outcome in rows:
        key = repository.replace("+", "/"), outcome
        groups.setdefault(key, []).append(f"`{script}`")
        largest[key] = max(largest.get(key, 0.0), float(distance))
    lines = ["| repository | outcome | difference | scripts |", "| --- | --- | --- | --- |"]
    for (repository, outcome), scripts in sorted(groups.items()):
        shown = f"{largest[repository, outcome]:.0e}" if "same" in outcome else ""
        lines.append(f"| {repository} | {outcome} | {shown} | {', '.join(scripts)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--only", help="a part of repository/script")
    parser.add_argument("--list", type=Path, default=LIST, help="another list than the tool's own")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--work", type=Path, default=Path("compare-scripts"))
    parser.add_argument("--under", choices=("torch", "wengert", "compiled"), help="run one only")
    parser.add_argument("--compiled", action="store_true", help="compare compiled with eager")
    parser.add_argument("--again", action="store_true", help="run those that were run before too")
    parser.add_argument("--markdown", type=Path, help="write the table there")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    work, chosen = args.work.resolve(), entries(args.list, args.only)
    if args.inside:
        run_all(args.under, args.checkouts.resolve(), work, chosen, args.steps, args.again)
        return 0
    from made_data import MAKERS

    if not (work / "data").exists():
        MAKERS["torchvision"](work / "data")
    environment = {**os.environ, "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1",
                   "WANDB_MODE": "disabled", "PYTHONPATH": str(ROOT)}  # fmt: skip
    sides = ["wengert", "compiled"] if args.compiled else ["torch", "wengert"]
    for under in [args.under] if args.under else sides:
        words = [sys.executable, "-W", "ignore", __file__, str(args.checkouts), "--inside",
                 "--under", under, "--work", str(work), "--steps", str(args.steps),
                 "--list", str(args.list)]  # fmt: skip
        words += ["--only", args.only] if args.only else []
        words += ["--again"] if args.again else []
        subprocess.run(words, env=environment, check=True)
    rows = compared(work, chosen, sides)
    for row in rows:
        print(" | ".join(row))
    good = sum(row[4].startswith("same") for row in rows)
    print(f"{good} of {len(rows)} the same, {len({row[0] for row in rows})} repositories")
    if args.markdown:
        args.markdown.write_text(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
