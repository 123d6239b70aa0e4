"""Records what PyTorch gives for the calls of tests/ops/golden_calls.py and of edge_cases.py.

Run it with a Python that has PyTorch, after a table has changed. tests/ops/test_golden.py runs
the same calls with wengert and compares with tests/golden/operators.json.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "golden" / "operators.json"
sys.path.insert(0, str(ROOT / "tests"))

from ops import edge_cases  # noqa: E402
from ops.golden_calls import CALLS, run, written  # noqa: E402


def main() -> None:
    rows = []
    for call in CALLS:
        try:
            outs, grads = run(torch, call)
        except Exception as error:
            print(f"left out: {call}: {type(error).__name__}: {str(error).splitlines()[0]}")
            continue
        entry = {
            "out": [written(y) for y in outs],
            "grad": {name: None if g is None else written(g)[2] for name, g in grads.items()},
        }
        rows.append(f"{json.dumps(call)}: {json.dumps(entry, separators=(',', ':'))}")
    body = ",\n".join(rows)
    RECORD.write_text(f"{{\n{body}\n}}\n")
    edge_cases.record(torch)
    print(f"{len(rows)} calls, {RECORD.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main()
