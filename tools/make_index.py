"""docs/modules.md: every module of wengert with the first sentence of its docstring.

`python tools/make_index.py` writes it, with --check it says whether it is current.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "modules.md"
sys.path.insert(0, str(Path(__file__).parent))
HEAD = """# Where is it?

Every module with what its docstring says first, made by `tools/make_index.py`. Layers stand in the
order in which they may import: a folder imports from itself and from those above it here.
"""


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(doc.split("\n\n")[0].split())
    return first.replace("|", "\\|")


def page() -> str:
    """The text of the page."""
    from check import LAYERS

    parts = [HEAD]
    for layer in LAYERS:
        folder = ROOT / "wengert" / layer
        rows = []
        for path in sorted(folder.rglob("*.py")):
            said = sentence(path)
            if said and (path.name != "__init__.py" or path.parent == folder):
                name = path.relative_to(ROOT / "wengert").as_posix()
                rows.append(f"| `{name.removesuffix('/__init__.py')}` | {said} |")
        parts.append("\n".join([f"## {layer}\n", "| module | |", "| --- | --- |", *rows, ""]))
    return "\n".join(parts)


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print(f"{PAGE.relative_to(ROOT)}: {'current' if current else 'run tools/make_index.py'}")
        return 0 if current else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
