"""A bounded slice of each random comparer in tools/, where PyTorch is installed: what they make is
the same in both libraries. The tools themselves go on without end.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def tools(torch: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    return importlib.import_module


@pytest.mark.parametrize(
    ("tool", "count", "loud"),
    [
        ("random_calls", 500, 12),
        ("random_functions", 300, 12),
        ("random_transforms", 60, 3),
        ("random_modules", 150, 3),
        ("random_printing", 150, 0),
        ("random_promotion", 700, 3),
        ("random_indexing", 300, 3),
        ("random_reductions", 500, 4),
        ("random_streams", 200, 0),
        ("random_distributions", 150, 2),
        ("random_optimizers", 80, 2),
        ("random_loading", 30, 0),
        ("random_module_changes", 100, 2),
    ],
)
def test_both_give_the_same(
    tools: Any, keep_rng: Any, monkeypatch: pytest.MonkeyPatch, tool: str, count: int, loud: int
) -> None:
    """No silent difference; few refusals that differ (loud of them at most)."""
    comparing, module = tools("comparing"), tools(tool)
    known = getattr(module, "known", comparing.names)
    found = [f for f in comparing.search(module.maker(""), "3", known, count=count) if f]
    text = "\n".join(f"{f.kind} {f.group}: {f.detail}\n    {f.text}" for f in found)
    assert not [f for f in found if f.kind in comparing.SILENT], text
    assert len([f for f in found if f.kind in ("refused", "accepted")]) <= loud, text


def test_a_difference_is_found(tools: Any, keep_rng: Any) -> None:
    """Values, dtypes, shapes, refusals and kinds of errors are told apart."""
    compare = tools("comparing").compare
    told = {
        "[t(1.), 2][T.__name__ == 'wengert']": "kind",
        "t([1., 2.]) + (T.__name__ == 'wengert')": "values",
        "t([1., 2.], dtype=T.float64 if T.__name__ == 'wengert' else None)": "dtype",
        "t([1., 2.]).reshape(*[[2], [1, 2]][T.__name__ == 'wengert'])": "shape",
        "t([1, 2])[0 if T.__name__ == 'torch' else 7]": "refused",
        "t([1, 2])[7 if T.__name__ == 'torch' else 0]": "accepted",
        "t([1, 2])[7 if T.__name__ == 'torch' else 'a'].nothing": "error type",
    }
    assert {text: (compare(text) or [""])[0] for text in told} == told
    assert compare("t([1., float('nan')]).sum()") is None
