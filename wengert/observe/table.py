"""Events as text: the table that profiles print. Knows columns and widths, not where events come
from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}
COLUMNS = (
    "cpu_time", "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage",
    "self_cpu_memory_usage", "device_time", "device_time_total", "self_device_time_total",
    "device_memory_usage", "self_device_memory_usage", "count", "flops",
)  # fmt: skip
WIDE = 12  # of columns with numbers


def microseconds(t: float, unit: str | None = None) -> str:
    """A time with its unit.

    >>> microseconds(2.5), microseconds(12345.0), microseconds(2.5, "ms")
    ('2.500us', '12.345ms', '0.003ms')
    """
    if unit is None:
        unit = "s" if abs(t) >= 1e6 else "ms" if abs(t) >= 1e3 else "us"
    return f"{t / UNITS[unit]:.3f}{unit}"


def amount(n: float) -> str:
    """Bytes with their unit.

    >>> amount(500), amount(-2048)
    ('500 B', '-2.00 KB')
    """
    for power, name in ((3, "GB"), (2, "MB"), (1, "KB")):
        if abs(n) >= 1024**power:
            return f"{n / 1024**power:.2f} {name}"
    return f"{int(n)} B"


def percent(part: float, whole: float) -> str:
    return "NaN" if whole == 0 else f"{100 * part / whole:.2f}%"


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def sort_key(sort_by: str) -> str:
    """The attribute that a column name means."""
    name = sort_by.replace("cuda", "device")
    if name not in COLUMNS:
        raise AttributeError(
            f"a profile has no column {sort_by!r} to sort by; there are {', '.join(COLUMNS)}"
        )
    return name


def table(
    events: Sequence[Any],
    *,
    sort_by: str | None,
    row_limit: int,
    widths: tuple[int, int, int],
    header: str | None,
    top_level_only: bool,
    unit: str | None,
    total: float,
    memory: bool,
    flops: bool,
) -> str:
    """The table of events or averages. widths: of the columns for names, shapes and places."""
    if not events:
        return ""
    if sort_by is not None:
        name = sort_key(sort_by)
        events = sorted(events, key=lambda e: getattr(e, name), reverse=True)
    if top_level_only:
        events = [e for e in events if e.cpu_parent is None]
    events = events if row_limit < 0 else events[:row_limit]
    name_width = min(widths[0], 4 + max((len(e.key) for e in events), default=0))
    columns: list[tuple[str, int, list[str]]] = [
        ("Name", max(name_width, 4), [cut(e.key, widths[0]) for e in events]),
        ("Self CPU %", WIDE, [percent(e.self_cpu_time_total, total) for e in events]),
        ("Self CPU", WIDE, [microseconds(e.self_cpu_time_total, unit) for e in events]),
        ("CPU total %", WIDE, [percent(e.cpu_time_total, total) for e in events]),
        ("CPU total", WIDE, [microseconds(e.cpu_time_total, unit) for e in events]),
        ("CPU time avg", WIDE, [microseconds(e.cpu_time, unit) for e in events]),
    ]
    if memory:
        columns.append(("CPU Mem", WIDE, [amount(e.cpu_memory_usage) for e in events]))
        columns.append(("Self CPU Mem", WIDE, [amount(e.self_cpu_memory_usage) for e in events]))
    columns.append(("# of Calls", WIDE, [str(e.count) for e in events]))
    if any(e.input_shapes for e in events):
        texts = [cut(str(e.input_shapes), widths[1]) for e in events]
        columns.append(("Input Shapes", max(12, *map(len, texts)), texts))
    if any(e.stack for e in events):
        texts = [cut(e.stack[0] if e.stack else "", widths[2]) for e in events]
        columns.append(("Source Location", max(15, *map(len, texts)), texts))
    if flops:
        columns.append(operations_column(events))
    rule = "  ".join("-" * width for _, width, _ in columns)
    lines = []
    if header is not None:
        lines += ["=" * len(rule), header]
    if top_level_only:
        lines += ["=" * len(rule), "Only events that no other event contains"]
    lines += [rule, "  ".join(title.rjust(width) for title, width, _ in columns), rule]
    for i, e in enumerate(events):
        lines.append("  ".join(texts[i].rjust(width) for _, width, texts in columns))
        for place in e.stack[1:5]:
            lines.append(place_line(columns, cut(place, widths[2])))
    lines += [rule, f"Self CPU time total: {microseconds(total, unit)}"]
    return "\n".join(lines) + "\n"


def place_line(columns: list[tuple[str, int, list[str]]], place: str) -> str:
    """A line with only a place of the program, for the outer ones of a stack."""
    return "  ".join(
        (place if title == "Source Location" else "").rjust(width) for title, width, _ in columns
    )


def operations_column(events: Sequence[Any]) -> tuple[str, int, list[str]]:
    """The column of floating-point operations, in a unit that fits the largest."""
    most = max((e.flops for e in events), default=0)
    power = min(int(math.log10(most)) // 3, 5) if most > 0 else 0
    title = f"Total {('', 'K', 'M', 'G', 'T', 'P')[power]}FLOPs"
    texts = [f"{e.flops / 1000**power:.3f}" if e.flops > 0 else "--" for e in events]
    return title, WIDE, texts
