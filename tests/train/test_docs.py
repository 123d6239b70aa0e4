"""The examples of docs/sklearn.md run, top to bottom."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sklearn.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")
def test_the_page_runs_from_top_to_bottom(keep_rng):
    for library in ("sklearn", "pandas"):
        pytest.importorskip(library)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 7
    names = {"__name__": "page"}
    for block in blocks:
        exec(block, names)
    assert names["accuracy"] > 0.9 and names["probabilities"].shape == (38, 3)
    assert names["share"] > 0.8
    assert names["best"] > 0.9
    assert names["r2"] > 0.4
    assert names["epochs"] < 200
