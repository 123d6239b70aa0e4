"""Worker processes of the DataLoader.

Here: what a worker does from start to stop, the parent's handle of one, and the iterator that
gives out tasks and puts results in order. Not here: how arrays travel (shared.py) and what
fetching means (loader.py).

Each worker has a pipe for tasks, a pipe for results and a shared file of its own, so one that dies
cannot hold a lock or garble a queue that others use. The end of its results pipe is how the parent
learns of its death.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import random
import signal
import sys
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from ..api.generator import manual_seed
from ..kernels import threads
from . import shared
from .iterators import EndOfStream, Fetch, Job, LoaderIterator, add_note
from .shared import Piece, Reader, SharedFile, Writer

if TYPE_CHECKING:
    from .loader import DataLoader

LARGE = 2048  # messages above this travel in shared memory, so that many small ones fit into a pipe
PIPE = 32 << 10  # unread tasks a worker may have, in bytes that a pipe holds: sending never blocks
GRACE = 2.0  # seconds a worker may take to finish what it is doing when it is told to stop
PLUMBING = (__name__, "wengert.data.iterators")  # modules whose frames say nothing about an error
LOOK_UP = 1.0  # seconds after which an idle worker looks whether its parent still lives


@dataclass(frozen=True)
class WorkerInfo:
    """This worker's number, how many there are, its seed, and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Facts about this worker process, or None outside of workers.

    Example:
        >>> get_worker_info() is None
        True
    """
    return _worker_info


# ---- in the worker


@dataclass
class Setup:
    """All a worker is started with."""

    job: Job | tuple[SharedFile, list[Piece], bytes]
    init_fn: Callable[[int], None] | None
    number: int
    count: int
    base_seed: int
    tasks: Connection
    results: Connection
    file: SharedFile


def run_worker(setup: Setup) -> None:
    """Fetch batches until told to stop, or until the parent is gone."""
    _leave_signals_to_parent()
    for worker in list(_workers):
        # Inherited by fork. Held open here, they would hide the end of the parent.
        worker.close_handles(keep=setup.file)
    writer = shared.worker_store = Writer(setup.file)
    try:
        fetcher = _prepare(setup)
    except Exception as error:
        fetcher = _failing(error)
    try:
        _serve(setup, writer, fetcher)
    except (BrokenPipeError, ConnectionResetError, EOFError):
        pass  # the parent no longer listens


def _leave_signals_to_parent() -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means and stops the
    # workers. A handler, unlike SIG_IGN, is not passed on to programs that a dataset starts.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def seed_worker(base_seed: int, number: int) -> None:
    """Seed the three sources of randomness as PyTorch does: each differs, in each worker."""
    random.seed(base_seed + number)
    manual_seed(base_seed + number)
    words = [number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))


def _prepare(setup: Setup) -> Callable[[], Fetch]:
    """Make this process a worker; returns what begins a pass over its copy of the dataset."""
    global _worker_info
    job = setup.job
    if not isinstance(job, Job):
        file, pieces, data = job
        job = Reader(file, private=True).load(pieces, data)
    threads.set_count(1)
    seed_worker(setup.base_seed, setup.number)
    seed = setup.base_seed + setup.number
    _worker_info = WorkerInfo(setup.number, setup.count, seed, job.dataset)
    if setup.init_fn is not None:
        setup.init_fn(setup.number)
    return job.fetcher


def _failing(error: Exception) -> Callable[[], Fetch]:
    def fetcher() -> Fetch:
        raise error

    return fetcher


def _serve(setup: Setup, writer: Writer, fetcher: Callable[[], Fetch]) -> None:
    parent = os.getppid()
    inbox: deque[Task] = deque()
    fetch: Fetch | None = None
    current = -1
    read = 0  # bytes of tasks
    while True:
        # Everything there is gets read before work goes on, so that a stop overtakes it. What is
        # left of a pass that was broken off is done: it moves the worker's random streams on by
        # as much in each run.
        while setup.tasks.poll(0 if inbox else LOOK_UP):
            message = setup.tasks.recv_bytes()
            read += len(message)
            task = pickle.loads(message)
            if task is None:
                return
            writer.release(task.released)
            inbox.append(task)
        if not inbox:
            if os.getppid() != parent:
                return
            continue
        task = inbox.popleft()
        if task.epoch != current:
            current, fetch = task.epoch, None
        answer: tuple[str, Any]
        try:
            if fetch is None:
                fetch = fetcher()
            answer = "batch", fetch(task.indices)
        except EndOfStream:
            answer = "end", None
            # those of the next pass may have come by now
            inbox = deque([t for t in inbox if t.epoch != task.epoch])
        except Exception as error:
            answer = "error", Failure.of(error, setup.number, task.number)
        _send(setup, writer, task, read, *answer)
        del answer  # or this batch would keep its memory while the next one is made


def _send(setup: Setup, writer: Writer, task: Task, read: int, status: str, value: Any) -> None:
    try:
        pieces, data = writer.dump(value)
    except Exception as error:
        add_note(error, "the batch could not be sent to the parent process")
        status = "error"
        pieces, data = writer.dump(Failure.of(error, setup.number, task.number))
    rest: bytes | None = data
    if len(data) > LARGE:
        memory = writer.empty(len(data))
        memory[:] = np.frombuffer(data, np.uint8)
        pieces.append(writer.share(memory)[0])
        rest = None
    result = Result(task.epoch, task.number, read, status, pieces, rest)
    setup.results.send_bytes(pickle.dumps(result))


# ---- between the two


class Task(NamedTuple):
    """What the parent sends: a batch to fetch, and the blocks that may be used again."""

    epoch: int
    number: int
    indices: Any
    released: list[int]


class Result(NamedTuple):
    """What a worker sends: `data` is a pickle, or None where the last piece holds it.

    `read` is how many bytes of tasks the worker has taken out of its pipe so far.
    """

    epoch: int
    number: int
    read: int
    status: str
    pieces: list[Piece]
    data: bytes | None


@dataclass
class Failure:
    """An exception on its way to the parent: its type if that can be pickled, and its text."""

    kind: type[Exception]
    text: str

    @classmethod
    def of(cls, error: Exception, worker: int, number: int) -> Failure:
        """Describe an exception caught in a worker while it made a batch."""
        frames = error.__traceback__
        while frames and frames.tb_next and frames.tb_frame.f_globals["__name__"] in PLUMBING:
            frames = frames.tb_next
        trace = "".join(traceback.format_exception(type(error), error, frames))
        if sys.version_info < (3, 11):
            trace += "".join(f"{note}\n" for note in getattr(error, "__notes__", ()))
        text = (
            f"Caught {type(error).__name__} in DataLoader worker process {worker}, in batch "
            f"{number} of this pass.\nOriginal {trace}"
        )
        kind = type(error)
        try:
            pickle.dumps(kind)
        except Exception:
            kind = RuntimeError
        return cls(kind, text)

    def error(self) -> Exception:
        """The exception to raise in the parent: of the same type if that takes just a message."""
        try:
            if issubclass(self.kind, KeyError):
                return self.kind(Shown(self.text))
            return self.kind(self.text)
        except Exception:
            return RuntimeError(self.text)


class Shown(str):
    """A text whose repr is itself: KeyError prints the repr of its argument."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


# ---- in the parent


class Worker:
    """The parent's handle of one worker process."""

    def __init__(self, context: Any, setup: dict[str, Any]) -> None:
        self.number = setup["number"]
        self.file = SharedFile()
        self.reader = Reader(self.file)
        self.backlog: deque[bytes] = deque()
        self.sent = self.read = 0  # bytes of tasks, and how many the worker is known to have read
        self.finished = False
        tasks, self.tasks = context.Pipe(duplex=False)
        self.results, results = context.Pipe(duplex=False)
        _workers.add(self)
        try:
            own = Setup(tasks=tasks, results=results, file=self.file, **setup)
            self.process = context.Process(target=run_worker, args=(own,), daemon=True)
            with shared.fork_of_worker() as self.inherited:
                self.process.start()
        except BaseException:
            self.close_handles()
            raise
        finally:
            # The worker's ends: as long as they are open here, its death does not show.
            tasks.close()
            results.close()

    def give(self, task: Task) -> None:
        """Queue a task, and send as much of the queue as the pipe surely holds."""
        self.backlog.append(pickle.dumps(task._replace(released=self.reader.drain())))
        self.send()

    def send(self) -> None:
        """Send queued tasks. A worker that waits reads at once, so one task may always go."""
        while self.backlog:
            unread = self.sent - self.read
            if unread and unread + len(self.backlog[0]) > PIPE:
                return
            message = self.backlog.popleft()
            self.sent += len(message)
            self.tasks.send_bytes(message)

    def receive(self) -> Result:
        """Read one result; EOFError if the worker is dead."""
        result = pickle.loads(self.results.recv_bytes())
        self.read = result.read
        return result

    def load(self, result: Result) -> Any:
        """What a result carries, over shared memory."""
        pieces, data = result.pieces, result.data
        if data is None:
            return self.reader.load(pieces[:-1], self.reader.memory(pieces[-1]))
        return self.reader.load(pieces, data)

    def drop(self, result: Result) -> None:
        """Let the worker use the memory of a result nobody waits for."""
        self.reader.released.extend(piece.block for piece in result.pieces)

    def stop(self) -> None:
        """Tell the worker to stop after what it is doing."""
        self.finished = True
        try:
            self.tasks.send_bytes(pickle.dumps(None))
        except OSError:
            pass  # it has stopped
        self.results.close()  # a worker that waits for room in this pipe gets an error instead

    def close_handles(self, keep: SharedFile | None = None) -> None:
        """Close our ends of the pipes, and the file unless it is to be kept.

        Arrays in hand stay valid.
        """
        self.tasks.close()
        self.results.close()
        if self.file is not keep:
            self.file.close()

    def death(self) -> str:
        """How the worker died."""
        self.process.join(1)
        code = self.process.exitcode
        who = f"DataLoader worker {self.number} (pid {self.process.pid})"
        if code is None:
            return f"{who} closed its pipe to this process"
        if code >= 0:
            return (
                f"{who} exited unexpectedly with exit code {code}; what it printed is above. With "
                "a start method other than fork, the script's own work must stand under if "
                "__name__ == '__main__'"
            )
        name = signal.Signals(-code).name
        text = f"{who} is killed by signal: {signal.strsignal(-code)} ({name}, {-code})"
        if name == "SIGKILL":
            text += (
                "; if nobody killed it, memory ran out: lower num_workers, prefetch_factor or "
                "batch_size"
            )
        return text


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def dismiss(crew: list[Worker], owner: int, grace: float = GRACE) -> None:
    """Stop workers: politely, after `grace` seconds by SIGTERM, and at last by SIGKILL."""
    if os.getpid() != owner:
        return  # in a fork of the process that owns them
    try:
        for worker in crew:
            worker.stop()
        deadline = time.monotonic() + grace
        for worker in crew:
            worker.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for worker in crew:
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join(1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.close_handles()
        crew.clear()


def _pickled(job: Job) -> Any:
    """A job pickled once for all workers, its arrays in memory they share; else the job."""
    file = SharedFile()
    try:
        return (file, *Writer(file).dump(job))
    except RuntimeError:
        # It holds a lock, queue or shared value, which can only be pickled while a process starts.
        return job


class WorkerIterator(LoaderIterator):
    """Fetches in worker processes: gives tasks to each in turn, and results in task order."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError(
                "DataLoader: prefetch_factor must be greater than 0 with workers, or they never "
                "get a task"
            )
        self._ahead = loader.prefetch_factor * self._num_workers
        self._timeout = loader.timeout
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._epoch = 0
        self._crew: list[Worker] = []
        self._process = os.getpid()
        self._finalizer = weakref.finalize(self, dismiss, self._crew, self._process)
        try:
            self._hire(loader)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _hire(self, loader: DataLoader[Any]) -> None:
        context = loader.multiprocessing_context or multiprocessing.get_context()
        job: Any = loader._job()
        method = context.get_start_method()
        try:
            if method != "fork":
                job = _pickled(job)
            for number in range(self._num_workers):
                setup = {
                    "job": job,
                    "init_fn": loader.worker_init_fn,
                    "number": number,
                    "count": self._num_workers,
                    "base_seed": self._base_seed,
                }
                self._crew.append(Worker(context, setup))
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            if method == "fork":
                raise
            raise type(error)(
                f"DataLoader: start method {method!r} sends the dataset, collate_fn and "
                f"worker_init_fn to the workers by pickle, which failed: {error}. Define functions "
                "and classes at the top level of a module, or pass multiprocessing_context='fork'"
            ) from error

    def _reset(self, loader: DataLoader[Any]) -> None:
        super()._reset(loader)
        self._epoch += 1
        self._begin()

    def _begin(self) -> None:
        self._next_number = 0
        self._turns = itertools.cycle(range(self._num_workers))
        self._active = [True] * self._num_workers
        self._owners: dict[int, int] = {}  # batches given out and not yet taken, in order
        self._arrived: dict[int, Result] = {}
        for _ in range(self._ahead):
            self._assign()

    def _assign(self) -> None:
        """Give the next batch, if there is one, to the worker whose turn it is."""
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        for _ in range(self._num_workers):
            number = next(self._turns)
            if self._active[number] and (self._in_order or self._has_room(number)):
                break
        else:
            return
        worker = self._crew[number]
        self._owners[self._next_number] = number
        try:
            worker.give(Task(self._epoch, self._next_number, indices, []))
        except OSError:
            self._fail(worker)
        self._next_number += 1

    def _has_room(self, number: int) -> bool:
        busy = sum(owner == number for owner in self._owners.values())
        return busy < self._ahead // sum(self._active)

    def _next_data(self) -> Any:
        while self._owners:
            first = next(iter(self._owners if self._in_order else self._arrived), None)
            if first in self._arrived:
                return self._take(first)
            self._receive()
        if not self._persistent:
            self.close()
        raise StopIteration

    def _take(self, number: int) -> Any:
        worker = self._crew[self._owners.pop(number)]
        result = self._arrived.pop(number)
        self._assign()
        value = worker.load(result)
        if result.status == "error":
            raise value.error()
        return value

    def _receive(self) -> None:
        """Wait for results, and note all that have come."""
        waiting = {worker.results: worker for worker in self._crew if not worker.finished}
        ready = wait(list(waiting), self._timeout or None)
        if not ready:
            batch, owner = next(iter(self._owners.items()))
            raise RuntimeError(
                f"DataLoader timed out after {self._timeout} seconds: worker {owner} (pid "
                f"{self._crew[owner].process.pid}) is not done with batch {batch}"
            )
        for pipe in ready:
            worker = waiting[pipe]
            try:
                result = worker.receive()
                worker.send()
            except (EOFError, OSError):
                self._fail(worker)
            except BaseException:
                self.close()  # half a message may have been read
                raise
            self._note(worker, result)

    def _note(self, worker: Worker, result: Result) -> None:
        if result.epoch != self._epoch:
            worker.drop(result)
        elif result.status == "end":
            if not self._active[worker.number]:
                return  # the answer to a task it was given before its stream ended
            self._active[worker.number] = False
            for number, owner in list(self._owners.items()):
                if owner == worker.number and number not in self._arrived:
                    del self._owners[number]
            worker.backlog.clear()
            if not self._persistent:
                worker.stop()
            self._assign()
        else:
            self._arrived[result.number] = result

    def _fail(self, worker: Worker) -> NoReturn:
        death = worker.death()
        self.close(grace=0)
        raise RuntimeError(death)

    def close(self, grace: float = GRACE) -> None:
        """Stop the workers. Batches already given stay valid."""
        self.closed = True
        self._owners = {}
        self._arrived = {}
        self._finalizer.detach()
        dismiss(self._crew, self._process, grace)
