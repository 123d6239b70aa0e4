"""The examples in docs/data.md run."""

import importlib.util
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_the_page_on_data_runs_from_top_to_bottom(tmp_path, monkeypatch, keep_rng):
    for library in ("pandas", "PIL"):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 7
    for block in blocks:
        if "import pyarrow" in block and importlib.util.find_spec("pyarrow") is None:
            continue
        exec(block, names)
    assert names["batch"].shape == (40, 20) and names["features"].shape[1] in (1, 2)
    assert [len(batch) for batch in names["batches"]] == [32, 32, 32, 4]
    assert names["roots"].tolist()[81] == 9
    assert names["images"].shape == (4, 3, 32, 32)
