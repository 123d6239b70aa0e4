"""Compare: measurements side by side in a table."""

from __future__ import annotations

import enum
import sys
from typing import Any

from .measurement import Measurement, select_unit, trim_sigfig, unit_to_english

__all__ = ["Colorize", "Compare"]

BEST, GOOD, BAD, VERY_BAD, BOLD, RESET = (f"\033[{n}m" for n in (92, 34, 2, 31, 1, 0))


class Colorize(enum.Enum):
    """What is coloured by how it compares with its neighbours."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


def distinct(values: Any) -> list[Any]:
    """The values, each once, in order."""
    return list(dict.fromkeys(values))


class Compare:
    """Measurements as tables: a column for each description, a row for each sub_label.

    results: Measurements.

    Raises TypeError where results is of the wrong type.

    >>> from wengert.observe.benchmark.measurement import TaskSpec
    >>> spec = TaskSpec("x + 1", "pass", label="add", description="small")
    >>> "microseconds" in str(Compare([Measurement(1, [1e-5], spec)]))
    True
    >>> from wengert.utils.benchmark import Compare, Timer
    >>> timer = Timer("x + 1", globals={"x": torch.ones(2)}, label="sums", description="here")
    >>> table = Compare([timer.timeit(10)])
    >>> table.extend_results([timer.timeit(10)])
    >>> table.trim_significant_figures(), table.highlight_warnings()
    (None, None)
    >>> table.print()
    [--... sums ...
    ...
    Times are in ...
    >>> table.colorize()
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim = self._warn = False
        self._color = Colorize.NONE

    def extend_results(self, results: Any) -> None:
        """Add measurements. ValueError for anything else.

        results: Measurements.
        """
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Show only digits that mean something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour what is fast and slow, in a column or in a row.

        rowwise: colours by row.
        """
        self._color = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Mark measurements that are spread widely."""
        self._warn = True

    def print(self) -> None:
        """Write the tables to the standard output."""
        sys.stdout.write(str(self) + "\n")

    def __str__(self) -> str:
        results = Measurement.merge(self._results)
        labels = distinct([r.task_spec.label for r in results])
        return "\n".join(
            [self._table([r for r in results if r.task_spec.label == label]) for label in labels]
        )

    def _table(self, results: list[Measurement]) -> str:
        unit, scale = select_unit(min(r.median for r in results))
        columns = distinct([r.task_spec.description for r in results])
        cells = {}
        for r in results:
            spec = r.task_spec
            cells[(spec.num_threads, r.as_row_name, spec.env, spec.description)] = r
        rows = distinct([k[:3] for k in cells])
        rows.sort(key=lambda k: k[0])
        texts = {k: self._number(r, scale) for k, r in cells.items()}
        envs = len(distinct([k[2] for k in rows])) > 1
        names = {k: f"{k[1]} ({k[2]})" if envs and k[2] else k[1] for k in rows}
        left = max(len(n) for n in names.values())
        widths = [
            max(len(c or ""), *(len(t) for k, t in texts.items() if k[3] == c)) for c in columns
        ]
        head = [f"{c or '':^{w}}" for c, w in zip(columns, widths)]
        first = " " * (left + 8) + "|  " + "  |  ".join(head)
        lines, threads = [], None
        for key in rows:
            if key[0] != threads:
                threads = key[0]
                lines.append(f"{threads} threads: ".ljust(len(first), "-"))
            row = [texts.get((*key, c), "").rjust(w) for c, w in zip(columns, widths)]
            row = [self._colored(t, cells, key, c) for t, c in zip(row, columns)]
            lines.append("      " + names[key].ljust(left) + "  |  " + "  |  ".join(row))
        title = f" {results[0].task_spec.label or ''} "
        bar = "[" + title.center(len(first) - 2, "-") + "]"
        tail = f"\nTimes are in {unit_to_english(unit)}s ({unit}).\n"
        if self._warn and any(r.has_warnings for r in results):
            tail += "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n"
        return "\n".join([bar, first, *lines, tail])

    def _number(self, r: Measurement, scale: float) -> str:
        if self._trim:
            digits = r.significant_figures
            value = trim_sigfig(r.median / scale, digits)
            whole = len(str(int(value)))
            text = f"{value:.{max(digits - whole, 0)}f}"
        else:
            text = f"{r.median / scale:.1f}"
        if self._warn and r.has_warnings:
            text += f" (! {r.iqr / r.median:.0%})"
        return text

    def _colored(self, text: str, cells: Any, key: Any, column: Any) -> str:
        r = cells.get((*key, column))
        if self._color is Colorize.NONE or r is None:
            return text
        if self._color is Colorize.ROWWISE:
            group = [c.median for k, c in cells.items() if k[:3] == key]
        else:
            group = [c.median for k, c in cells.items() if k[0] == key[0] and k[3] == column]
        best, mine = min(group), r.median
        if mine <= best * 1.05:
            return f"{BEST}{BOLD}{text}{RESET}{RESET}"
        if mine <= best * 1.2:
            return f"{GOOD}{BOLD}{text}{RESET}{RESET}"
        if mine >= best * 2:
            return f"{VERY_BAD}{BOLD}{text}{RESET}{RESET}"
        return f"{BAD}{text}{RESET}{RESET}" if mine >= best * 1.5 else text
