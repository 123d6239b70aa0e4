"""Values, dtypes, shapes and gradients of operators against what PyTorch recorded, without PyTorch;
and, where it is installed, a sample of the record against PyTorch itself.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ops.golden_calls import CALLS, run, written

import wengert

RECORD = json.loads((Path(__file__).parent.parent / "golden" / "operators.json").read_text("utf-8"))
TOLERANCE = {
    "float64": 1e-8,
    "complex128": 1e-8,
    "float32": 2e-5,
    "complex64": 2e-5,
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
}


def close(got: list[float], want: list[float], tol: float, what: str) -> None:
    scale = max([1.0, *(abs(a) for a in want if math.isfinite(a))])
    np.testing.assert_allclose(got, want, rtol=tol, atol=tol * scale, err_msg=what)


def compare(torch: Any, call: str, factor: float = 1) -> None:
    with np.errstate(all="ignore"):
        outs, grads = run(torch, call)
    want = RECORD[call]
    assert len(outs) == len(want["out"])
    lowest = 0.0
    for number, (y, expected) in enumerate(zip(outs, want["out"])):
        got = written(y)
        if isinstance(expected, str):
            assert got == expected
            continue
        assert got[:2] == expected[:2], f"output {number}"
        tol = TOLERANCE.get(expected[0], 0) * factor
        lowest = max(lowest, tol)
        close(got[2], expected[2], tol, f"output {number}")
    assert list(grads) == list(want["grad"])
    for name, expected in want["grad"].items():
        grad = grads[name]
        if grad is None or expected is None:
            some = written(grad)[2] if expected is None and grad is not None else expected
            assert not some or not any(some), f"gradient of {name}: {grad}, not {expected}"
            continue
        dtype, _, numbers = written(grad)
        close(numbers, expected, max(lowest, TOLERANCE[dtype] * factor), f"gradient of {name}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", RECORD)
def test_call(call: str) -> None:
    compare(wengert, call)


def test_record_is_of_the_table() -> None:
    assert set(RECORD) <= set(CALLS)
    assert len(RECORD) > 500


@pytest.mark.filterwarnings("ignore")
def test_record_is_what_pytorch_gives(torch: Any) -> None:
    for call in list(RECORD)[::7]:
        compare(torch, call)
