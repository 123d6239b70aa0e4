"""How modules look in notebooks: a tree to open, with shapes and counts of parameters."""

from __future__ import annotations

import html
from typing import Any

__all__ = ["module_html"]

OPEN = 12  # children of a module that are shown at once


def count(module: Any) -> int:
    """The parameters of a module and of all below, each once; lazy ones count as none."""
    return sum(
        p.numel() for p in module.parameters() if type(p).__name__ != "UninitializedParameter"
    )


def head(name: str, module: Any) -> str:
    """A module in a line."""
    extra = " ".join(module.extra_repr().split())
    extra = extra if len(extra) <= 90 else extra[:89] + "…"
    n = count(module)
    soft = "color:rgba(128,128,128,.95)"
    parts = [f"<b>{html.escape(module._get_name())}</b>"]
    if name:
        parts.insert(0, f'<span style="{soft}">{html.escape(name)}</span>')
    if extra:
        parts.append(html.escape(f"({extra})"))
    if n:
        fixed = not any(p.requires_grad for p in module.parameters())
        told = f"{n:,} parameter{'s' * (n > 1)}" + (", fixed" if fixed else "")
        parts.append(f'<span style="{soft}">· {told}</span>')
    return " ".join(parts)


def tree(name: str, module: Any, opened: bool) -> str:
    """A module with what is in it."""
    children = list(module.named_children())
    if not children:
        return f'<div style="margin-left:16px">{head(name, module)}</div>'
    few = opened and len(children) <= OPEN
    inner = "".join(tree(n, m, False) for n, m in children)
    state = " open" if few else ""
    return (
        f'<details style="margin-left:16px"{state}><summary>{head(name, module)}</summary>'
        f"{inner}</details>"
    )


def module_html(module: Any) -> str:
    """A module for a notebook."""
    mode = "training" if module.training else "eval"
    return (
        '<div style="font:13px/1.6 ui-monospace,Menlo,Consolas,monospace;margin-left:-16px">'
        f"{tree('', module, True)}"
        f'<div style="margin-left:16px;color:rgba(128,128,128,.95)">in {mode} mode</div></div>'
    )
