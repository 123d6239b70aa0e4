"""progress: a bar around a loop, in a terminal and in a notebook."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Generic, TextIO, TypeVar

from ..engine.error_context import clear_errors

__all__ = ["Progress", "in_notebook", "progress"]

Item = TypeVar("Item")
WIDTH = 24  # characters of a bar in a terminal
PAUSE = 0.1  # seconds between two drawings


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def seconds(t: float) -> str:
    """A time for people.

    >>> seconds(0.25), seconds(42), seconds(3700)
    ('0.2 s', '42 s', '1:01:40')
    """
    if t < 10:
        return f"{t:.1f} s"
    if t < 60:
        return f"{t:.0f} s"
    minutes, rest = divmod(int(t), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress(Generic[Item]):
    """A bar for a loop: iterate over it, or call `step`; `show(loss=0.1)` adds facts at its end.

    In a terminal it is one line that is written anew, in a notebook a bar, in a file (where nobody
    watches) one line at the end. An exception, Ctrl-C among them, leaves the line as it stood.
    """

    def __init__(
        self,
        items: Iterable[Item] = (),
        label: str = "",
        total: int | None = None,
        file: TextIO | None = None,
    ) -> None:
        self.items, self.label = items, label
        self.total = len(items) if total is None and isinstance(items, Sized) else total
        self.file = sys.stderr if file is None else file
        self.done, self.facts = 0, ""
        self.start, self.drawn = time.monotonic(), 0.0
        self.length, self.closed = 0, False
        self.cell: Any = None  # the place in a notebook that is drawn anew
        self.notebook = file is None and in_notebook()
        self.live = self.notebook or self.file.isatty()

    def __iter__(self) -> Iterator[Item]:
        self.start = time.monotonic()
        self.draw()
        try:
            for item in self.items:
                yield item
                self.step()
        finally:
            self.close()

    def __len__(self) -> int:
        return self.total or 0

    def step(self, n: int = 1, **facts: Any) -> None:
        """n more are done."""
        self.done += n
        if facts:
            self.show(**facts)
        if self.live and time.monotonic() - self.drawn >= PAUSE:
            self.draw()

    def show(self, **facts: Any) -> None:
        """Say facts after the bar: show(loss=0.25, accuracy=0.9)."""
        self.facts = "  ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in facts.items()
        )

    def close(self) -> None:
        """The last drawing, and the end of the line."""
        if self.closed:
            return
        self.closed = True
        self.draw(last=True)
        if not self.notebook:
            self.file.write("\n")
            self.file.flush()

    def text(self) -> str:
        """The line of a terminal."""
        took = time.monotonic() - self.start
        parts = [self.label] if self.label else []
        if self.total:
            share = min(self.done / self.total, 1.0)
            full = round(share * WIDTH)
            parts.append("━" * full + "─" * (WIDTH - full))
            parts.append(f"{self.done}/{self.total}")
        else:
            parts.append(str(self.done))
        if self.total and 0 < self.done < self.total and not self.closed:
            left = took / self.done * (self.total - self.done)
            parts.append(f"{seconds(took)}, {seconds(left)} left")
        else:
            parts.append(seconds(took))
        return "  ".join([*parts, self.facts] if self.facts else parts)

    def _repr_html_(self) -> str:
        share = 100 * min(self.done / self.total, 1.0) if self.total else 0
        rest = html.escape(self.text().replace("━", "").replace("─", "").strip())
        shape = "height:8px;border-radius:4px;"
        bar = (
            f"<div style='width:200px;{shape}background:rgba(128,128,128,.25)'>"
            f"<div style='width:{share:.1f}%;{shape}background:#3b82f6'></div></div>"
            if self.total
            else ""
        )
        return (
            "<div style='display:flex;gap:12px;align-items:center;font:13px/1.6 monospace'>"
            f"{bar}<span>{rest}</span></div>"
        )

    def __repr__(self) -> str:
        return self.text()

    def draw(self, last: bool = False) -> None:
        """Write the bar as it stands."""
        self.drawn = time.monotonic()
        if self.notebook:
            from IPython.display import display

            if self.cell is None:
                self.cell = display(self, display_id=True)
            elif self.cell is not None:
                self.cell.update(self)
            return
        if not self.live and not last:
            return
        line = self.text()
        start = "\r" if self.live else ""
        self.file.write(start + line.ljust(self.length if self.live else 0))
        self.file.flush()
        self.length = len(line)


@clear_errors
def progress(
    items: Iterable[Item] = (),
    label: str = "",
    total: int | None = None,
    file: TextIO | None = None,
) -> Progress[Item]:
    """A bar around a loop, in a terminal or a notebook.

    Args:
        items: what to loop over; without any, call `step()` on the result, and `close()`.
        label: what stands before the bar. total: how many there are, if items has no length.
        file: where to write instead of standard error.

    Raises TypeError where file is of the wrong type.

    >>> import io
    >>> for batch in progress([1, 2, 3], "reading", file=io.StringIO()):
    ...     pass
    """
    return Progress(items, label, total, file)
