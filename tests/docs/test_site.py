"""The documentation's site in a browser: no errors, nothing on top of anything, at two widths."""

import subprocess
import sys
from pathlib import Path

import pytest
from browser import CATCH, looked_at, needs_browser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("<head>", "<head>" + CATCH, 1), encoding="utf-8")
    return folder


SPOILED = {  # what is wrong with a page -> what is said of it
    "<p>fine</p><p>too</p>": [],
    "<p>one</p><p style='margin-top:-20px'>two</p>": ["p one meets p two"],
    "<p style='font-size:8px'>tiny</p>": ["8px: p tiny"],
    "<p style='width:30px;white-space:nowrap'>too long</p>": ["p too long leaves its box"],
    "<p>x</p><div style='width:3000px'>y</div>": ["3008 px wide"],
    "<p>x</p><script>console.error('no')</script>": ["no"],
    "<p>x</p><script>nothing.here()</script>": ["Uncaught ReferenceError: nothing is not defined"],
}


@needs_browser
def test_what_is_wrong_with_a_page_is_found(tmp_path):
    for i, body in enumerate(SPOILED):
        head = f'<head>{CATCH}<link rel="icon" href="data:,"></head>'
        (tmp_path / f"{i}.html").write_text(f"<!doctype html>{head}<body>{body}</body>")
    found = looked_at(tmp_path, [f"{i}.html" for i in range(len(SPOILED))], 600)
    assert list(found.values()) == list(SPOILED.values())


@needs_browser
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_covers_anything(site, width):
    pages = sorted(str(p.relative_to(site)) for p in site.rglob("index.html"))
    assert len(pages) > 40
    found = {}
    for start in range(0, len(pages), 12):
        found |= looked_at(site, pages[start : start + 12], width, "article")
    assert {page: wrong[:5] for page, wrong in found.items() if wrong} == {}
