"""Pages in headless Chromium: what it prints of them, and what is wrong with how they look.

Geometry, not pixels: errors on the console, boxes over boxes, text that leaves its box, pages wider
than their window, pictures that did not load, letters too small to read.
"""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--window-size=1400,900",
]  # fmt: skip
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")

# goes first into a page: keeps what goes wrong while it loads
CATCH = """<script>window.errors = [];
  addEventListener("error", e => errors.push(e.message
    || "not loaded: " + (e.target.src || e.target.href)), true);
  console.error = (...words) => errors.push(words.join(" "));</script>"""

# wrong(window, root): what is wrong with the elements below root
WRONG = """
const LEAVES = "p,li,td,th,pre,h1,h2,h3,h4,dt,dd,summary,img,svg,button,figcaption";
function wrong(view, root) {
  const found = [...(view.errors || [])], tell = el => el.tagName.toLowerCase() + " "
    + (el.textContent.trim() || el.src || "").slice(0, 40);
  const rect = el => {  // what is seen of an element: its box, cut by those that scroll
    let {left, right, top, bottom, width, height} = el.getBoundingClientRect();
    for (let up = el.parentElement; up && up !== root; up = up.parentElement) {
      const style = view.getComputedStyle(up), box = up.getBoundingClientRect();
      if (style.overflowX !== "visible")
        [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
      if (style.overflowY !== "visible")
        [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
    }
    return {left, right, top, bottom, width, height};
  };
  const shown = el => { const r = rect(el); return r.width > 0 && r.height > 0
    && view.getComputedStyle(el).visibility !== "hidden"; };
  const all = [...root.querySelectorAll(LEAVES)].filter(shown);
  const leaves = all.filter(el => !el.parentElement.closest("svg,pre,button")
    && ![...el.querySelectorAll(LEAVES)].some(shown)).map(el => [el, rect(el)]);
  leaves.sort((a, b) => a[1].top - b[1].top);
  leaves.forEach(([el, r], i) => {
    for (let j = i + 1; j < leaves.length && leaves[j][1].top < r.bottom - 2; j++) {
      const [other, q] = leaves[j];
      if (!el.contains(other) && !other.contains(el) && Math.min(r.right, q.right)
        - Math.max(r.left, q.left) > 2) found.push(`${tell(el)} meets ${tell(other)}`);
    }
    const style = view.getComputedStyle(el);
    if (style.overflowX === "visible" && el.scrollWidth > el.clientWidth + 4 && el.clientWidth)
      found.push(`${tell(el)} leaves its box`);
    if (parseFloat(style.fontSize) < 10.99 && el.textContent.trim())
      found.push(`${style.fontSize}: ${tell(el)}`);
    if (el.tagName === "IMG" && !el.naturalWidth) found.push(`no picture: ${tell(el)}`);
  });
  if (view.document.documentElement.scrollWidth > view.innerWidth + 1)
    found.push(`${view.document.documentElement.scrollWidth} px wide`);
  return found;
}
"""


def dumped(folder: Path, address: str, *options: str) -> str:
    """What Chromium prints for an address; folder is where it may keep its profile."""
    assert CHROMIUM is not None
    profile = f"--user-data-dir={folder / 'profile'}"
    words = [CHROMIUM, *FLAGS, profile, *options, address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def chromium(folder: Path, page: str, address: str, *options: str) -> str:
    """What Chromium prints for a page."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    return dumped(folder, f"{path.as_uri()}#{address}", *options)


def answers(dom: str, name: str = "answers") -> Any:
    """What a script has written as JSON into the element of that id."""
    found = re.search(rf'<pre id="{name}"[^>]*>(.*?)</pre>', dom, re.DOTALL)
    assert found and found.group(1), "a script in the page failed"
    return json.loads(unescape(found.group(1)))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *args: Any) -> None:
        pass


def looked_at(
    folder: Path, pages: list[str], width: int, root: str = "body"
) -> dict[str, list[str]]:
    """What is wrong with each of some pages (paths below folder, which is served) in a window of
    a width; root: a selector of the element whose content is looked at. Pages begin with CATCH."""
    frames = "\n".join(
        f'<iframe src="{escape(page)}" width="{width}" height="900" style="border:0"></iframe>'
        for page in pages
    )
    (folder / "look.html").write_text(f"""<!doctype html>
      <head><link rel="icon" href="data:,"></head><body>{frames}<pre id="answers"></pre>
      <script>{WRONG}
      addEventListener("load", () => {{
        const found = {{}};
        document.querySelectorAll("iframe").forEach(frame => {{
          const view = frame.contentWindow, name = frame.getAttribute("src");
          const root = view.document.querySelector({json.dumps(root)});
          found[name] = root ? wrong(view, root) : ["not there"];
        }});
        document.getElementById("answers").textContent = JSON.stringify(found);
      }});</script>""", encoding="utf-8")  # fmt: skip
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            dom = dumped(folder, f"http://127.0.0.1:{server.server_port}/look.html", "--dump-dom")
        finally:
            server.shutdown()
    return answers(dom)
