"""A report as HTML: what a compiled function runs, one bar for each kernel and call of the library.

Not here: what there is to say (`reports.py`).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reports import Report, Row

STYLE = """
.wengert-report { font: 14px/1.45 system-ui, sans-serif; color: #1b2733; max-width: 1100px }
.wengert-report table { border-collapse: collapse; width: 100%; table-layout: fixed }
.wengert-report th, .wengert-report td { text-align: left; padding: 4px 10px 4px 0;
  border-bottom: 1px solid #d9e0e7; vertical-align: top; overflow-wrap: anywhere; color: inherit;
  background: none }
.wengert-report th { font-weight: 600 }
.wengert-report .number { text-align: right; white-space: nowrap; overflow-wrap: normal }
.wengert-report code { font: 12.5px/1.5 ui-monospace, monospace; color: inherit; background: none }
.wengert-report .bar { height: 5px; border-radius: 2px; margin-top: 5px; background: #2a78c2 }
.wengert-report .library .bar { background: #c27a1a }
.wengert-report .about { color: #51606e }
@media (prefers-color-scheme: dark) {
  .wengert-report { color: #e2e8ee } .wengert-report .about { color: #a3b1be }
  .wengert-report th, .wengert-report td { border-color: #37424d }
  .wengert-report .bar { background: #62a8ec } .wengert-report .library .bar { background: #e3a552 }
}
.wengert-report td.line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
@media (max-width: 640px) { .wengert-report .wide { display: none } }
"""
LEGEND = (
    "A view touches no memory. A kernel is machine code made for this function, for the ops beside "
    "it in one pass; a section is several of them, and products, one after the other without going "
    "back to Python; library: a call of the library that computes the op in eager mode, too."
)


def amount(n: int) -> str:
    """Bytes, short."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"


def ops_text(r: Row) -> str:
    """The ops of a row, those that repeat with how often."""
    names = [(op, len(list(same))) for op, same in groupby(r.ops)]
    ops = " ".join(op + (f"×{n}" if n > 1 else "") for op, n in names[:40])
    return ops + f" and {len(names) - 40} more" * (len(names) > 40)


def longest(rows: Sequence[Row]) -> str:
    """What takes most of the time, in a sentence."""
    spent: dict[str, list[float]] = {}
    for r in rows:
        spent.setdefault(ops_text(r), []).append(r.seconds or 0)
    whole = sum(map(sum, spent.values())) or 1
    first = sorted(spent.items(), key=lambda each: -sum(each[1]))[:6]
    parts = [
        f"<code>{html.escape(ops if len(ops) < 40 else ops[:38] + '…')}</code>"
        f"{f' ({len(each)} times)' * (len(each) > 1)} {100 * sum(each) / whole:.0f} %"
        for ops, each in first
    ]
    return "Most of the time: " + ", ".join(parts) + "."


def row_text(r: Row, most: float) -> str:
    """One row of the table; most: what the longest bar stands for."""
    size = r.seconds if r.seconds is not None else r.bytes
    spent = "" if r.seconds is None else f"{1e6 * r.seconds:,.1f} µs"
    line = html.escape(r.line)
    shape = "×".join(map(str, r.shape)) or "scalar"
    size_text = amount(r.bytes) if r.bytes else ""
    inner = f"<br><span class=about>{amount(r.inner)} kept inside</span>" if r.inner else ""
    return (
        f'<tr class="{r.kind}"><td>{r.kind}<div class=bar style="width:{100 * size / most:.0f}%">'
        f"</div></td><td><code>{html.escape(ops_text(r))}</code></td>"
        f'<td class="wide">{shape}</td><td class="number wide">{size_text}{inner}</td>'
        f"<td class=number>{spent}</td>"
        f'<td class="wide line" title="{line}"><code>{line}</code></td></tr>'
    )


def table(report: Report) -> str:
    """The part of a page that a notebook shows."""
    lines = [f"<style>{STYLE}</style>", "<div class=wengert-report>"]
    lines.append(f"<p><strong>{html.escape(report.about or str(report))}</strong></p>")
    lines += [f"<p class=about>{html.escape(note)}</p>" for note in report.notes]
    found: dict[tuple[int, str], list[Row]] = {}
    for r in report.rows:
        found.setdefault((r.plan, r.program), []).append(r)
    for (plan, name), rows in found.items():
        timed = any(r.seconds is not None for r in rows)
        most = max((r.seconds or 0) if timed else r.bytes for r in rows) or 1
        whole = f", {1e6 * sum(r.seconds or 0 for r in rows):,.1f} µs" * timed
        lines += [
            f"<h4>plan {plan}, {name}: {len(rows)} parts{whole}</h4>",
            f"<p>{longest(rows)}</p>" if timed else "",
            "<table><thead><tr><th style='width:9%'>what</th><th>ops</th>",
            "<th class=wide style='width:12%'>shape</th>",
            "<th class='number wide' style='width:11%'>memory touched</th>",
            f"<th class=number style='width:10%'>{'time' * timed}</th>",
            "<th class=wide style='width:27%'>first line</th></tr></thead><tbody>",
            *[row_text(r, most) for r in rows],
            "</tbody></table>",
        ]
    if report.rows:
        said = "time" if any(r.seconds is not None for r in report.rows) else "memory touched"
        lines.append(f"<p class=about>Bars: {said}. {LEGEND}</p>")
    return "\n".join([*lines, "</div>"])


def page(report: Report) -> str:
    """A whole page."""
    title = html.escape(report.about.partition(":")[0] or "compiled function")
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        f"<title>{title}, compiled</title><style>body {{ margin: 24px }} "
        "@media (prefers-color-scheme: dark) { body { background: #14191f } }</style></head>"
        f"<body>{table(report)}</body></html>\n"
    )
