"""Measurement: how long a statement took, again and again, and the text that says it."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["Measurement", "TaskSpec", "select_unit", "trim_sigfig", "unit_to_english"]

MAX_DIGITS = 4
MINUTELY, BROADLY = 0.025, 0.1  # spread of the middle half in parts of the median: warn above
UNITS = {"ns": ("nanosecond", 1e-9), "us": ("microsecond", 1e-6), "ms": ("millisecond", 1e-3),
         "s": ("second", 1.0)}  # fmt: skip


@dataclasses.dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    r"""What was timed.

    stmt: the code. setup: code that runs before. global_setup: accepted. label: what it belongs to.
    sub_label: which variant. description: a text. env: where it ran. num_threads: how many threads.

    Raises TypeError where stmt or setup is of the wrong type.

    >>> spec = torch.utils.benchmark.TaskSpec("x + 1", "x = 1")
    >>> spec.setup_str()
    'setup: x = 1'
    >>> print(spec.summarize())
    x + 1
    setup: x = 1
    """

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt
        below = f"\n{textwrap.indent(self.sub_label, '  ')}" if self.sub_label else ""
        return f"stmt:{below}\n{textwrap.indent(self.stmt, '  ')}"

    def setup_str(self) -> str:
        """The setup as it is shown: nothing for `pass`."""
        if self.setup == "pass" or not self.setup:
            return ""
        return (
            f"setup:\n{textwrap.indent(self.setup, '  ')}"
            if "\n" in self.setup
            else f"setup: {self.setup}"
        )

    def summarize(self) -> str:
        """Title, description and setup in lines."""
        lines = [self.title, self.description or "", self.setup_str()]
        return "\n".join([line for line in lines if line])


@dataclasses.dataclass(init=True, repr=False)
class Measurement:
    """What timing gave: seconds of blocks of `number_per_run` runs.

    raw_times: seconds. task_spec: what was measured. metadata: a dict.

    >>> m = Measurement(10, [1e-3, 2e-3], TaskSpec("x + 1", "pass"))
    >>> round(m.median * 1e6)
    150
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "task_spec":
            raise AttributeError(name)
        return getattr(self.task_spec, name)

    @property
    def times(self) -> list[float]:
        """Seconds of one run, one number for each block."""
        return [t / self.number_per_run for t in self.raw_times]

    def _quantile(self, q: float) -> float:
        return float(np.quantile(self.times, q)) if self.raw_times else 0.0

    @property
    def median(self) -> float:
        """Seconds of one run, in the middle."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """Seconds of one run, on average."""
        return float(np.mean(self.times)) if self.raw_times else 0.0

    @property
    def iqr(self) -> float:
        """How wide the middle half of the times is, in seconds."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something."""
        n = len(self.raw_times)
        width = max(1.5 * self.iqr / math.sqrt(n), self.median * 1e-4) if n else 0.0
        if not width or not self.median:
            return MAX_DIGITS
        low, high = self.median - width, self.median + width
        lost = math.ceil(math.log10(high - low)) if high > low else -99
        return min(max(math.floor(math.log10(self.median)) - lost + 1, 1), 5)

    @property
    def has_warnings(self) -> bool:
        """Whether the times are spread widely."""
        return not self.meets_confidence()

    def meets_confidence(self, threshold: float = BROADLY) -> bool:
        """Whether the middle half of the times is within a part of the median.

        threshold: the largest spread, as a part of the median.

        >>> m = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(2)}).timeit(10)
        >>> m.meets_confidence() in (True, False)
        True
        """
        return self.iqr / self.median < threshold if self.median else True

    @property
    def title(self) -> str:
        """What was timed."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """Where it was timed."""
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """How a row of a table is called."""
        spec = self.task_spec
        return spec.sub_label or spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        n, per = len(self.raw_times), self.number_per_run
        unit, scale = select_unit(self.median)
        lines = [object.__repr__(self)]
        lines += [line for line in (self.task_spec.summarize(),) if line]
        shown = f"{self.median / scale:.2f} {unit}"
        if n == 1:
            lines.append(f"  {shown}")
            lines.append(f"  1 measurement, {per} runs , {self._threads()}")
            return "\n".join(lines)
        low, high = self._quantile(0.25) / scale, self._quantile(0.75) / scale
        lines.append(f"  Median: {shown}")
        if n > 2:
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(f"  {n} measurements, {per} runs per measurement, {self._threads()}")
        spread = self.iqr / self.median if self.median else 0.0
        if spread > MINUTELY and n > 2 and not self.meets_confidence():
            lines.append(
                f"  WARNING: Interquartile range is {spread:.1%} of the median measurement."
            )
            wide = "suggests significant environmental influence."
            lines.append(
                f"           This {wide if spread > 0.25 else 'could indicate system fluctuation.'}"
            )
        return "\n".join(lines)

    def _threads(self) -> str:
        n = self.task_spec.num_threads
        return f"{n} thread{'s' if n > 1 else ''}"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement for each thing that was timed.

        measurements: several.

        Raises TypeError where measurements is of the wrong type.

        >>> m = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(2)}).timeit(10)
        >>> len(torch.utils.benchmark.Measurement.merge([m, m])[0].times)
        2
        """
        groups: dict[TaskSpec, list[Measurement]] = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).append(m)

        def joint(group: list[Measurement]) -> Measurement:
            times = [t for m in group for t in m.times]
            return Measurement(1, times, group[0].task_spec, None)

        return [joint(g) for g in groups.values()]


def select_unit(t: float) -> tuple[str, float]:
    """The unit that suits a time in seconds, and how many seconds it is.

    t: seconds.

    Raises TypeError where t is of the wrong type; RuntimeError where t is a tensor of several
    numbers.

    >>> select_unit(2e-5)
    ('us', 1e-06)
    >>> torch.utils.benchmark.select_unit(2e-6)
    ('us', 1e-06)
    """
    power = math.floor(math.log10(t) / 3) * 3 if t > 0 else 0
    found = next((u for u, (_, s) in UNITS.items() if round(math.log10(s)) == power), None)
    unit = found or ("ns" if power < -9 else "s")
    return unit, UNITS[unit][1]


def unit_to_english(u: str) -> str:
    """The word for a unit.

    u: a unit.

    Raises KeyError where u is none of these units.

    >>> torch.utils.benchmark.unit_to_english("us")
    'microsecond'
    """
    return UNITS[u][0]


def trim_sigfig(x: float, n: int) -> float:
    """x with n digits that mean something.

    Raises TypeError where x or n is of the wrong type; RuntimeError where x is a tensor of several
    numbers.

    >>> torch.utils.benchmark.trim_sigfig(123.456, 2)
    120.0
    """
    if x == 0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(x))) + 1 - n)
    return float(np.float32(round(x / scale) * scale))
