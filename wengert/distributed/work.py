"""Operations that have been posted: waiting for them with a deadline, and their futures.

No thread runs for them: whoever waits, or asks, drives them. So Ctrl-C, deadlines and the board's
mismatches all come out of the same loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..base.futures import Future
from .errors import DistBackendError

if TYPE_CHECKING:
    from .process_group import ProcessGroup

__all__ = ["Call", "Pending", "Steps", "Work"]

SPIN = 2e-5  # seconds for which one only looks; others may need this core


class Call(tuple[Any, ...]):
    """An operation as all ranks must have called it: its name, dtype, shape, and what else has to
    be equal. Printed only for errors and, once, for the board.
    """

    __slots__ = ()

    def __str__(self) -> str:
        name, *rest = self
        if len(rest) > 1 and isinstance(rest[1], tuple):
            rest[:2] = [f"{rest[0]}{list(rest[1])}"]
        return f"{name}({', '.join(map(str, rest))})"


class Work:
    """An operation that has been posted.

    finish: called once it is complete, to copy or scale results. kept: buffers that must live as
    long as MPI may write to them.

    group: the processes that take part; None: all. request: MPI's request. result: the tensors that
    it fills. call: what was called. number: of the operation in its group. expected: what other
    ranks have to have called.

    >>> x = torch.ones(2)
    >>> work = dist.all_reduce(x, async_op=True)
    >>> work.wait(), work.is_completed(), work.is_success()
    (True, True, True)
    >>> work.exception() is None, work.get_future().wait()
    (True, [tensor([1., 1.])])
    """

    __slots__ = (
        "group", "request", "finish", "result", "call", "number", "expected", "done", "kept",
        "future", "error",
    )  # fmt: skip

    def __init__(
        self, group: ProcessGroup, request: Any, finish: Callable[[], None] | None, result: Any,
        call: Any, number: int = 0, expected: bytes | None = None, kept: Any = None,
    ) -> None:  # fmt: skip
        self.group, self.request, self.finish, self.result = group, request, finish, result
        self.call, self.number, self.expected, self.kept = call, number, expected, kept
        self.done = False
        self.future: Pending | None = None
        self.error: Exception | None = None

    def is_completed(self) -> bool:
        """Whether the result is there."""
        if not self.done and self.request.Test():
            self._complete()
        return self.done

    def is_success(self) -> bool:
        """Whether it is complete without an error."""
        return self.is_completed() and self.error is None

    def exception(self) -> Exception | None:
        """The error it ended with, if any."""
        return self.error

    def _complete(self) -> None:
        expected = self.expected
        if expected is not None and not self.group.board.agrees(self.number, expected):
            self._check()
        self.done = True
        if self.finish is not None:
            self.finish()
        self.kept = None
        if self.future is not None:
            self.future.settle()

    def _fail(self, reason: str, cause: BaseException | None = None) -> DistBackendError:
        """The error that this operation ends with. Its buffers stay: MPI may still write there."""
        self.group.abandoned.append(self)
        where = f"operation {self.number} of group {self.group.name()}" if self.number else "p2p"
        error = DistBackendError(f"rank {self.group.global_rank}: {self.call} ({where}) {reason}")
        error.__cause__ = cause
        self.error = error
        return error

    def _check(self) -> None:
        """Raise if another rank calls something else in the place of this operation."""
        if self.expected is None:
            return
        others = self.group.board.others_say(self.number, self.expected)
        if others:
            said = ", ".join(f"rank {self.group.ranks[r]} called {text}" for r, text in others)
            raise self._fail(f"does not fit what other ranks have called: {said}")

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Wait for the result. DistBackendError if other ranks have called something else, or at
        the deadline (of the group, or timeout), naming the ranks that have not come.
        """
        if self.done:
            return True
        if self.error is not None:
            raise self.error
        if self.group.board is not None:
            self.group.board.signals.ring()  # others may have waited for this to be posted
        test = self.request.Test
        try:
            if not test():
                self._poll(test, timeout)
        except self.group.mpi_error as e:
            self._check()
            raise self._fail(f"failed: {e}", e) from e
        self._complete()
        return True

    def _poll(self, test: Callable[[], bool], timeout: timedelta | None) -> None:
        clock, start = time.perf_counter, time.perf_counter()
        limit = self.group.seconds if timeout is None else timeout.total_seconds()
        waited, board = 0.0, self.group.board
        while waited < SPIN:
            for _ in range(16):
                if test():
                    return
            waited = clock() - start
        while not test():  # who sleeps gets the core back soonest
            self._check()
            if waited > limit:
                raise self._late(waited)
            if board is None:  # nobody wakes us
                time.sleep(min(max(2e-5, waited / 32), 1e-3))
            elif board.signals.sleep(min(max(5e-5, waited / 8), 1e-3), test):
                return
            waited = clock() - start

    def _late(self, waited: float) -> DistBackendError:
        text = f"is not complete after {waited:.1f} s"
        if self.expected is not None:
            ranks = [self.group.ranks[r] for r in self.group.board.behind(self.number)]
            text += (
                f"; ranks that have not called it: {ranks}" if ranks else
                "; all ranks have called it"
            )  # fmt: skip
        return self._fail(text)

    def result_list(self) -> list[Any]:
        """The tensors that hold the result."""
        result = self.result
        return list(result) if isinstance(result, (list, tuple)) else [result]

    def get_future(self) -> Future:
        """A future of the list of the result's tensors; waiting for it drives the operation."""
        if self.future is None:
            self.future = Pending(self.is_completed, self.wait, self.result_list)
            if self.done:
                self.future.settle()
        return self.future

    def source_rank(self) -> int:
        """The rank a message came from: of a recv alone, else RuntimeError.

        >>> dist.all_reduce(torch.ones(1), async_op=True).source_rank()
        Traceback (most recent call last):
            ...
        RuntimeError: sourceRank() may only be called on work objects that correspond to a recv ...
        """
        status = getattr(self.request, "status", None)
        if status is not None:
            return int(self.group.ranks[status.Get_source()])
        raise RuntimeError(
            "sourceRank() may only be called on work objects that correspond to a recv or "
            "recv-from-any call."
        )


class Steps:
    """A request of several operations, each posted when the one before it is complete.

    steps: a generator of requests, whose operations are on the group's communicator for such. What
    has been started first comes first there, however ranks wait: so all post the same.
    """

    def __init__(self, group: ProcessGroup, steps: Iterator[Any]) -> None:
        self.group, self.steps, self.line, self.done = group, steps, group.line, False
        self.request: Any = None
        self.line.append(self)
        self.Test()

    def Test(self) -> bool:
        """Go on; whether all is complete."""
        while not self.done:
            first = self.line[0]
            while first.request is None or first.request.Test():
                first.request = next(first.steps, None)
                if self.group.board is not None:
                    self.group.board.signals.ring()
                if first.request is None:
                    first.done = True
                    self.line.popleft()
                    break
            else:
                return False
        return True


class Pending(Future):
    """A future of something that goes on only while somebody waits for it."""

    def __init__(
        self, poll: Callable[[], bool], drive: Callable[[], Any], value: Callable[[], Any]
    ) -> None:
        super().__init__()
        self._poll, self._drive, self._get = poll, drive, value

    def settle(self) -> None:
        """Set the value, as the operation is complete."""
        if not self._ready.is_set():
            self.set_result(self._get())

    def done(self) -> bool:
        """Whether the value is there."""
        return self._ready.is_set() or (self._poll() and self._ready.is_set())

    def wait(self) -> Any:
        """Wait for the value and return it."""
        if not self._ready.is_set():
            self._drive()
        return super().wait()

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of callback(this future)."""
        after = Pending(self.done, self.wait, lambda: None)

        def run(done: Future) -> None:
            try:
                after.set_result(callback(done))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after
