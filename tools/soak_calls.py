"""Many calls of all kinds, and what they leave behind: references to operands and to objects that
everybody shares, memory, objects that the collector knows.

    python tools/soak_calls.py --millions 10

Says nothing and ends with 0 if all is as it was; for both forms of calls, with WENGERT_NATIVE=0
for the Python texts.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
from native_calls import calls  # noqa: E402

import wengert as torch  # noqa: E402
from wengert import native_calls  # noqa: E402

SHARED: list[Any] = [None, True, False, 0, 1, (), torch.Tensor, np.ndarray, np.dtype("float32")]
SLACK = 200  # references to shared objects come and go with caches of the interpreter


def watched(names: dict[str, Any]) -> list[Any]:
    """What is counted."""
    tensors = [t for t in names.values() if isinstance(t, torch.Tensor)]
    return [*SHARED, *[o for t in tensors for o in (t, t._a, t._n)]]


def clean(names: dict[str, Any]) -> None:
    """Take away what calls have left on operands on purpose."""
    for t in names.values():
        if isinstance(t, torch.Tensor):
            t._x = None
            if t.is_leaf:
                t.grad = None
    gc.collect()


def memory() -> float:
    """The most memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--millions", type=float, default=10.0)
    millions = parser.parse_args().millions
    native_calls.start(wait=True)
    every = []
    for recorded in (True, False):
        names = calls.operands(recorded)
        texts = calls.FAMILIES + calls.PASSES * recorded
        every.append((names, [eval(f"lambda: {text}", names) for text in texts]))
    turns = int(millions * 1e6 / sum(len(functions) for _, functions in every) / 100) + 1

    def run(times: int) -> None:
        for names, functions in every:
            for _ in range(times):
                for f in functions:
                    for _ in range(100):
                        f()
            clean(names)

    run(3)
    before = [[sys.getrefcount(o) for o in watched(names)] for names, _ in every]
    objects, start, began = len(gc.get_objects()), memory(), time.perf_counter()
    run(turns)
    wrong = 0
    after = [[sys.getrefcount(o) for o in watched(names)] for names, _ in every]
    for (names, _), was, now in zip(every, before, after):
        for i, (o, a, b) in enumerate(zip(watched(names), was, now)):
            if abs(b - a) > (SLACK if i < len(SHARED) or o is None else 0):
                wrong += 1
                print(f"references to {str(o)[:60]!r}: {a} before, {b} after")
    grown, more = memory() - start, len(gc.get_objects()) - objects
    if grown > 2 or more > SLACK:
        wrong += 1
        print(f"{grown:.1f} MiB and {more} objects more than before")
    n = turns * 100 * sum(len(functions) for _, functions in every)
    seconds = time.perf_counter() - began
    said = native_calls.State.said
    print(
        f"{n:,} calls, {seconds / n * 1e6:.2f} us each; {grown:+.1f} MiB, {more:+} objects; {said}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
