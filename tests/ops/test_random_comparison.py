"""A bounded slice of tools/random_comparison.py, where PyTorch is installed: changed samples of its
operator database give the same here. The tool itself goes on without end.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_changed_samples(comparison: Any, keep_rng: Any, seed: int) -> None:
    found = [f for f in comparison.search(seed, modes=MODES, count=150) if f is not None]
    text = "\n".join(f"{f.name} {f.mode}: {f.detail}\n    {f.text[:200]}" for f in found)
    kinds = Counter(f.kind for f in found)
    assert sum(kinds[k] for k in SILENT) == 0, text
    assert kinds["refused"] == 0, text
    assert len(found) <= 3, text


def test_a_finding_is_printed_as_a_test(comparison: Any, torch: Any) -> None:
    x = torch.tensor([[1.0, float("inf")], [2.0, 3.0]]).requires_grad_()
    text = f"{comparison.spelled(x)}, *{comparison.spelled((x,))}, **{{}}"
    found = comparison.Finding("values", "atan2", "grad", "1 of 4 differ", text)
    scope: dict[str, Any] = {"SimpleNamespace": SimpleNamespace}
    exec(comparison.as_test(found), scope)
    scope["test_atan2_grad_values"](torch)  # the libraries agree
