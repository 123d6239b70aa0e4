"""Timer: runs a statement many times and measures it."""

from __future__ import annotations

import contextlib
import enum
import textwrap
import timeit
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ...api import cuda_api
from ...api import functions as T
from .measurement import Measurement, TaskSpec

__all__ = ["CallgrindStats", "FunctionCount", "FunctionCounts", "Language", "Timer", "timer"]


class Language(enum.Enum):
    """The language of a statement; Python's is the one that can be timed here."""

    PYTHON = 0
    CPP = 1


def timer() -> float:
    """Seconds by the clock that measures best, after what runs on a GPU has ended.

    >>> torch.utils.benchmark.timer() > 0
    True
    """
    if cuda_api.is_available():
        cuda_api.synchronize()
    return timeit.default_timer()


@contextlib.contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """Work with this many threads for a block.

    n: how many threads.

    Raises TypeError where n is no int.

    >>> with torch.utils.benchmark.set_torch_threads(1):
    ...     print(torch.get_num_threads())
    1
    """
    before = T.get_num_threads()
    try:
        T.set_num_threads(n)
        yield
    finally:
        T.set_num_threads(before)


NO_VALGRIND = (
    "{} counts instructions with Valgrind, which wengert has no way into: use Timer.timeit, or "
    "torch.profiler for where the time goes"
)


class CallgrindStats:
    """Not available: instructions counted by Valgrind.

    >>> torch.utils.benchmark.CallgrindStats()
    Traceback (most recent call last):
        ...
    RuntimeError: CallgrindStats counts instructions with Valgrind, which wengert ...
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(NO_VALGRIND.format("CallgrindStats"))


class FunctionCounts(CallgrindStats):
    """Not available: instructions counted by Valgrind, for each function.

    >>> torch.utils.benchmark.FunctionCounts()
    Traceback (most recent call last):
        ...
    RuntimeError: CallgrindStats counts instructions with Valgrind, which wengert ...
    """


class FunctionCount(CallgrindStats):
    """Not available: instructions counted by Valgrind, for one function.

    >>> torch.utils.benchmark.FunctionCount()
    Traceback (most recent call last):
        ...
    RuntimeError: CallgrindStats counts instructions with Valgrind, which wengert ...
    """


class Timer:
    """Measures a statement: Timer("x + x", globals={"x": x}).timeit(100).

    stmt, setup: Python code; globals: the names that it uses; label, sub_label, description, env:
    what Compare sorts by; num_threads: how many threads to use meanwhile.

    global_setup: accepted. timer: gives seconds. language: Python.

    Tensors have any shape. Raises ValueError where stmt is of the wrong type; TypeError where setup
    or globals is of the wrong type.

    >>> m = Timer("x + x", setup="x = 1").timeit(10)
    >>> m.number_per_run, len(m.raw_times)
    (10, 1)
    >>> timer = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(2)})
    >>> timer.timeit(3).number_per_run, timer.blocked_autorange(min_run_time=0.001).median > 0
    (3, True)
    >>> timer.repeat(repeat=1, number=1), timer.autorange()
    Traceback (most recent call last):
        ...
    NotImplementedError: See `Timer.blocked_autorange.`
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "",
        timer: Callable[[], float] = timer, globals: dict[str, Any] | None = None,
        label: str | None = None, sub_label: str | None = None, description: str | None = None,
        env: str | None = None, num_threads: int = 1, language: Language | str = Language.PYTHON,
    ) -> None:  # fmt: skip
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            raise RuntimeError("only Python can be timed: wengert has no C++ compiler")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply "
                "be moved to `setup`."
            )
        stmt, setup = (textwrap.dedent(code).strip("\n").rstrip() for code in (stmt, setup))
        self._globals = dict(globals or {})
        self._task_spec = TaskSpec(stmt, setup, "", label, sub_label, description, env, num_threads)
        import sys

        names = {"torch": sys.modules["wengert"], **self._globals}
        self._timer = timeit.Timer(stmt, setup, timer, names)

    def _run(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self._task_spec)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Run the statement `number` times, after a hundredth of that to warm up.

        Raises TypeError where number is of the wrong type; RuntimeError where number is a tensor of
        several numbers.
        """
        with set_torch_threads(self._task_spec.num_threads):
            self._run(max(number // 100, 2))
            return self._measured(number, [self._run(number)])

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        """See `Timer.blocked_autorange`.

        repeat: how often. number: runs a time.

        Raises NotImplementedError where repeat or number is of the wrong type or repeat or number
        is out of range.
        """
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], NoReturn] | None = None) -> None:
        """See `Timer.blocked_autorange`.

        callback: told after each block.
        """
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time: float) -> int:
        """How many runs make a block long enough to read the clock around it."""
        overhead = min(self._run(0) for _ in range(5))
        number = 1
        while True:
            took = self._run(number)
            if overhead / took <= 1e-4 and took >= min_run_time / 1000 or took > min_run_time:
                return number
            number *= 10

    def blocked_autorange(
        self, callback: Callable[[int, float], NoReturn] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Run the statement for min_run_time seconds at least, in blocks of a size that suits.

        callback: told after each block.

        Raises TypeError where min_run_time is of the wrong type; RuntimeError where min_run_time is
        a tensor of several numbers.
        """
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block_size(min_run_time)
            times: list[float] = []
            while sum(times) < min_run_time:
                times.append(self._run(number))
                if callback is not None:
                    callback(number, times[-1])
            return self._measured(number, times)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0,
        callback: Callable[[int, float], NoReturn] | None = None,
    ) -> Measurement:  # fmt: skip
        """Run the statement until the middle half of the times is within `threshold` of the
        median, or max_run_time seconds are over.

        min_run_time: seconds. callback: told after each block.

        Raises TypeError where min_run_time or max_run_time is of the wrong type; RuntimeError where
        min_run_time or max_run_time is a tensor of several numbers.

        >>> timer = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(2)})
        >>> timer.adaptive_autorange(min_run_time=0.001, max_run_time=0.002).median > 0
        True
        """
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block_size(0.05)
            times: list[float] = []
            while True:
                times.append(self._run(number))
                if callback is not None:
                    callback(number, times[-1])
                spent, m = sum(times), self._measured(number, times)
                enough = spent >= min_run_time and len(times) > 3 and m.meets_confidence(threshold)
                if enough or spent > max_run_time:
                    return m

    def collect_callgrind(
        self, number: int = 100, *, repeats: int | None = None, collect_baseline: bool = True,
        retain_out_file: bool = False,
    ) -> Any:  # fmt: skip
        """Not available: raises RuntimeError.

        number: runs a time. repeats: how often. collect_baseline: accepted. retain_out_file:
        accepted.

        >>> torch.utils.benchmark.Timer("x + 1").collect_callgrind()
        Traceback (most recent call last):
            ...
        RuntimeError: Timer.collect_callgrind counts instructions with Valgrind, which ...
        """
        raise RuntimeError(NO_VALGRIND.format("Timer.collect_callgrind"))
