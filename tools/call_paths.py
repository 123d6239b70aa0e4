"""Which way calls go where there is machine code: how many Python functions a call enters, which,
and why a body is not done again as a program.

    python tools/call_paths.py                          the families of tests/engine/test_frames.py
    python tools/call_paths.py "torch.kron(x, y)" ...   calls of x, y: 5 by 5; v: 5; i: 3 integers
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

import wengert as torch  # noqa: E402
from wengert import native_calls  # noqa: E402
from wengert.native_calls import replay  # noqa: E402

learners: list[replay.Learner] = []


class Learner(replay.Learner):
    """One that is noted."""

    __slots__ = ()

    def __init__(self, body: Any, table: list[Any]) -> None:
        super().__init__(body, table)
        learners.append(self)


def way(text: str, names: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(the Python functions that a call enters, why bodies are no programs)."""
    call = eval(f"lambda: {text}", names)
    for learner in learners:
        learner.why = ""
    for _ in range(replay.FIRST + 2):
        call()
    functions: list[str] = []

    def enter(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            code = frame.f_code
            functions.append(f"{Path(code.co_filename).stem}.{code.co_name}")

    sys.setprofile(enter)
    try:
        call()
    finally:
        sys.setprofile(None)
    return functions[1:], sorted({x.why for x in learners if x.why})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("calls", nargs="*")
    calls = parser.parse_args().calls
    replay.Learner = Learner  # type: ignore[misc]
    if not native_calls.start(wait=True):
        sys.exit(f"there is no machine code: {native_calls.State.said}")
    x, y, v = torch.randn(5, 5), torch.randn(5, 5), torch.randn(5)
    names = {"x": x.requires_grad_(), "y": y.requires_grad_(), "v": v, "torch": torch}
    names |= {"i": torch.tensor([0, 2, 1]), "F": torch.nn.functional}
    if not calls:
        import test_frames

        names = test_frames.NAMES
        texts = "\n".join(test_frames.FAMILIES.values()).replace("\n", ";")
        calls = [c.strip() for c in texts.split(";") if c.strip()]
    for call in calls:
        functions, why = way(call, names)
        print(f"{len(functions):4} {call}  {' '.join(functions[1:9])}")
        for reason in why:
            print(f"       no program: {reason}")


if __name__ == "__main__":
    main()
