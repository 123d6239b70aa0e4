"""The examples of docs/explain.md run, top to bottom."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"


def test_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "g · (1 − out²)" in printed and "The output depends on it" in printed
    assert "aten::exp" in printed and "log gave nan" in printed
