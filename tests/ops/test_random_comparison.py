"""A bounded slice of tools/random_comparison.py, where PyTorch is installed: changed samples of its
operator database give the same here. The tool itself goes on without end.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"
SILENT = ("values", "kind", "structure")
MODES = "call grad second forward vmap method operator out view"


@pytest.fixture
def comparison(torch: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for needed in ("expecttest", "torch.testing._internal.common_methods_invocations"):
        pytest.importorskip(needed)
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    return importlib.import_module("random_comparison")


@pytest.mark.parametrize("seed", [1, 2])
def test_changed_samples(comparison: Any, keep_rng: Any, seed: int) -> None:
    found = [f for f in comparison.search(seed, modes=MODES, count=150) if f is not None]
    text = "\n".join(f"{f.name} {f.mode}: {f.detail}\n    {f.text[:200]}" for f in found)
    kinds = Counter(f.kind for f in found)
    assert sum(kinds[k] for k in SILENT) <= 1, text
    assert kinds["refused"] <= 2, text
    assert len(found) <= 8, text
