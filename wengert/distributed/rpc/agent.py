"""The part of a process in rpc: it calls functions in others, and lets them call its own.

init_rpc lets the processes find each other through a store, and each listens at a port of its own.
What they send each other is in `messages.py`, values that stay where they are in `reference.py`,
gradients in `../autograd.py`.
"""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from ...base.futures import Future
from ..store import Store, TCPStore, connect
from . import links
from .contexts import context_of, current, entered, noted, received
from .links import Link, Workers
from .messages import Packed, unpack
from .options import TensorPipeRpcBackendOptions

__all__ = ["Agent", "WorkerInfo", "agent", "running"]

SHIFT = 48  # numbers of messages and values: the rank that made it, then a counter
REPLY = 1 << 63  # in the number of an answer, beside that of its request


class WorkerInfo(NamedTuple):
    """A process of rpc: its name and rank.

    id: the rank.

    >>> dist.rpc.WorkerInfo("one", 0).name
    'one'
    """

    name: str
    id: int

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, name={self.name})"


class Waiting(NamedTuple):
    """A call that has no answer yet."""

    future: Future
    link: Link
    until: float
    seconds: float
    context: Any


class Agent:
    """One process among those of rpc."""

    def __init__(
        self, name: str, rank: int, size: int, store: Store, host: str,
        options: TensorPipeRpcBackendOptions,
    ) -> None:  # fmt: skip
        self.me, self.size, self.store, self.options = WorkerInfo(name, rank), size, store, options
        self.numbers = itertools.count(rank << SHIFT)
        self.requests = Workers(options.num_worker_threads)
        self.internal = Workers(1 << 12)  # must never wait for those of requests
        self.waiting: dict[int, Waiting] = {}
        self.changed = threading.Condition()
        self.sent: dict[int, list[Any]] = {}  # references of messages on their way
        self.calls = self.handled = self.active = 0
        self.links: dict[int, Link] = {}
        self.incoming: list[Link] = []
        self.closing = False
        self.lost: set[int] = set()  # processes that have ended
        self.meet(host)
        threading.Thread(target=self.watch, daemon=True).start()

    # processes ----------------------------------------------------------------------------------

    def meet(self, host: str) -> None:
        """Say where this process listens, and learn it of the others."""
        local = host in ("localhost", "127.0.0.1", "::1")
        self.socket = socket.create_server(("127.0.0.1" if local else "", 0), backlog=self.size)
        port = self.socket.getsockname()[1]
        if self.me.id == 0:
            self.store.set("rpc/token", secrets.token_hex(16))
        self.token = self.store.get("rpc/token")  # who does not know it is not listened to
        where = "127.0.0.1" if local else own_address(host)
        self.store.set(f"rpc/{self.me.id}", f"{where} {port} {self.me.name}")
        found = self.store.multi_get([f"rpc/{r}" for r in range(self.size)])
        rows = [row.decode().split(" ", 2) for row in found]
        self.addresses = [(a, int(p)) for a, p, _ in rows]
        self.workers = [WorkerInfo(n, r) for r, (_, _, n) in enumerate(rows)]
        self.by_name = {w.name: w for w in self.workers}
        if len(self.by_name) != self.size:
            raise RuntimeError(f"init_rpc: names must differ: {[w.name for w in self.workers]}")
        threading.Thread(target=self.accept, daemon=True).start()
        if self.me.id:
            self.link(0)  # by which the first process, who has the store, sees this one end

    def accept(self) -> None:
        while not self.closing:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with suppress(OSError, ValueError):
                connection.settimeout(10)
                hello = connection.recv(64, socket.MSG_WAITALL)
                token, rank = hello.split(b" ")[:2]
                if secrets.compare_digest(token, self.token):
                    self.incoming.append(Link(connection, int(rank), self.arrived, self.closed))

    def worker(self, to: Any) -> WorkerInfo:
        """The process that a name, a rank or a WorkerInfo means."""
        if isinstance(to, WorkerInfo):
            return to
        if isinstance(to, str):
            if to not in self.by_name:
                raise RuntimeError(
                    f"Unknown destination worker {to}: there are {', '.join(self.by_name)}"
                )
            return self.by_name[to]
        if isinstance(to, int) and 0 <= to < self.size:
            return self.workers[to]
        raise ValueError(f"rpc: {to!r} is no process: give a name, a rank or a WorkerInfo")

    def link(self, rank: int) -> Link:
        """The connection for requests to another process."""
        with self.changed:
            found = self.links.get(rank)
            if found is None:
                connection = connect(*self.addresses[rank], 10)
                connection.sendall(self.token + f" {self.me.id} ".encode().ljust(32))
                found = self.links[rank] = Link(connection, rank, self.arrived, self.closed)
            return found

    # calls --------------------------------------------------------------------------------------

    def call(
        self, to: Any, f: Callable[..., Any], args: Any = (), kwargs: Any = None,
        timeout: float = -1, internal: bool = False,
    ) -> Future:  # fmt: skip
        """A future of f(*args, **kwargs) in another process.

        timeout: in seconds; 0 for none, -1 for that of the options. internal: of rpc's own.
        """
        worker = self.worker(to)
        context = None if internal else current()
        number = next(self.numbers)
        body = (f, tuple(args), dict(kwargs or {}), None if context is None else context.id)
        packed = Packed(body, context is not None)
        noted(context, number, packed, worker.id)
        seconds = self.options.rpc_timeout if timeout == -1 else float(timeout)
        future: Future[Any] = Future()
        try:
            link = self.link(worker.id)
            with self.changed:
                until = time.monotonic() + seconds if seconds else float("inf")
                self.waiting[number] = Waiting(future, link, until, seconds, context)
                self.calls += not internal
                self.changed.notify_all()
            self.deliver(link, links.REQUEST, number, packed, internal)
            if not link.open:
                self.closed(link)
        except OSError as e:
            self.fail(number, RuntimeError(f"rpc to {worker}: {e}: has its process ended?"))
        return future

    def deliver(self, link: Link, kind: int, number: int, packed: Packed, internal: bool) -> None:
        """Send a message; its references are kept until it has arrived."""
        if packed.references:
            self.sent[number | (0 if kind == links.REQUEST else REPLY)] = packed.references
        link.send(kind, number, bytes([internal, bool(packed.references)]) + packed.bytes)

    def arrived(self, link: Link, kind: int, number: int, data: bytes) -> None:
        if kind == links.REQUEST:
            workers = self.internal if data[0] else self.requests
            if not data[0]:
                with self.changed:
                    self.active += 1
            workers.submit(self.serve, link, number, data)
        elif kind == links.ACKNOWLEDGED:
            self.sent.pop(number, None)
        else:
            self.internal.submit(self.answered, link, kind, number, data)

    def opened(self, link: Link, number: int, data: bytes) -> tuple[Any, Any]:
        """(the object of a message, its leaves whose gradients go back)."""
        value, leaves, references = unpack(memoryview(data)[2:])
        if data[1]:
            for reference in references:
                reference._claim()
            link.send(links.ACKNOWLEDGED, number)
        return value, leaves

    def serve(self, link: Link, number: int, data: bytes) -> None:
        """Run a function for another process."""
        internal = bool(data[0])
        context = None

        def answer(done: Future) -> None:
            try:
                packed = Packed(done.value(), context is not None)
                noted(context, number | REPLY, packed, link.peer)
                kind = links.ANSWER
            except BaseException as e:
                packed, kind = Packed(described(self.me, e)), links.ERROR
            with suppress(OSError):
                self.deliver(link, kind, number, packed, internal)
            if not internal:
                with self.changed:
                    self.active -= 1
                    self.handled += 1

        result: Future[Any] = Future()
        try:
            (f, args, kwargs, context_id), leaves = self.opened(link, number, data)
            context = None if context_id is None else context_of(context_id)
            received(context, number, leaves, link.peer)
            with entered(context):
                value = f(*args, **kwargs)
            if hasattr(f, "_wrapped_async_rpc_function"):
                if not isinstance(value, Future):
                    raise RuntimeError(
                        "Functions decorated with @rpc.async_function must return a "
                        f"torch.futures.Future object, but got {type(value)}"
                    )
                value.add_done_callback(answer)
                return
            result.set_result(value)
        except BaseException as e:
            result.set_exception(e)
        answer(result)

    def answered(self, link: Link, kind: int, number: int, data: bytes) -> None:
        with self.changed:
            waiting = self.waiting.pop(number, None)
            self.changed.notify_all()
        if waiting is None:
            return  # it came too late
        try:
            value, leaves = self.opened(link, number | REPLY, data)
            received(waiting.context, number | REPLY, leaves, link.peer)
        except Exception as e:
            waiting.future.set_exception(e)
            return
        if kind == links.ERROR:
            waiting.future.set_exception(error_of(*value))
        else:
            waiting.future.set_result(value)

    # what goes wrong ----------------------------------------------------------------------------

    def fail(self, number: int, error: BaseException) -> None:
        with self.changed:
            waiting = self.waiting.pop(number, None)
            self.changed.notify_all()
        if waiting is not None:
            waiting.future.set_exception(error)

    def closed(self, link: Link) -> None:
        """The other process has ended: it will answer nothing more."""
        with self.changed:
            self.lost.add(link.peer)
            lost = [n for n, w in self.waiting.items() if w.link is link]
        for number in lost:
            self.fail(number, RuntimeError(
                f"rpc to {self.workers[link.peer]}: the connection has closed before the answer: "
                "its process has ended"
            ))  # fmt: skip

    def watch(self) -> None:
        """Give up calls whose time is over."""
        while not self.closing:
            with self.changed:
                now = time.monotonic()
                late = [(n, w) for n, w in self.waiting.items() if w.until <= now]
                if not late:
                    first = min((w.until for w in self.waiting.values()), default=float("inf"))
                    self.changed.wait(min(first - now, 3600))
            for number, w in late:
                self.fail(number, RuntimeError(
                    f"RPC ran for more than set timeout ({w.seconds * 1000:.0f} ms) and will now be"
                    f" marked with an error: {self.workers[w.link.peer]} has not answered"
                ))  # fmt: skip

    # the end ------------------------------------------------------------------------------------

    def idle(self) -> None:
        """Wait until this process has no call under way, of its own or of others."""
        while True:
            with self.changed:
                if not self.waiting and not self.active:
                    return
                self.changed.wait(0.05)

    def all_there(self, keys: list[str], timeout: float) -> None:
        """Wait for a key of every process. RuntimeError names those that will not come."""
        until = time.monotonic() + (timeout or float("inf"))
        while not self.store._await(keys, 0.5):
            missing = [r for r, k in enumerate(keys) if not self.store.check([k])]
            gone = [self.workers[r] for r in missing if r in self.lost]
            late = [self.workers[r] for r in missing] if time.monotonic() > until else []
            if gone or late:
                what = "has ended before" if gone else f"not called within {timeout} s by"
                names = ", ".join(map(str, gone or late))
                text = f"{names} {what} it" if gone else f"{what} {names}"
                raise RuntimeError(f"rpc.shutdown: {text}")

    def finish(self, timeout: float) -> None:
        """Wait until no process has a call under way: twice, as many were handled as were made, and
        none in between (Mattern, 1987).
        """
        before = None
        for turn in itertools.count():
            self.idle()
            self.store.set(f"rpc/end/{turn}/{self.me.id}", f"{self.calls} {self.handled}")
            keys = [f"rpc/end/{turn}/{r}" for r in range(self.size)]
            self.all_there(keys, timeout)
            pairs = [[int(x) for x in v.split()] for v in self.store.multi_get(keys)]
            now = [sum(column) for column in zip(*pairs)]
            if now == before and now[0] == now[1]:
                return
            before = now

    def close(self) -> None:
        """Close all connections."""
        self.closing = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for link in [*self.links.values(), *self.incoming]:
            link.close()
        with self.changed:
            self.changed.notify_all()
        self.requests.end()
        self.internal.end()


def own_address(host: str) -> str:
    """The address of this machine as one sees it on the way to host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((host, 9))
        return str(s.getsockname()[0])


def described(me: WorkerInfo, e: BaseException) -> tuple[Any, str]:
    """An error as it travels: its class, and a text with the place where it happened."""
    lines = "".join(traceback.format_exception(e))
    return type(e), f"On {me}:\n{e!r}\n{lines}"


def error_of(kind: Any, text: str) -> BaseException:
    """The error of another process."""
    try:
        made: BaseException = kind(text)
        return made
    except Exception:
        return RuntimeError(text)


_running: list[Agent] = []


def running() -> bool:
    """Whether this process takes part in rpc."""
    return bool(_running)


def agent() -> Agent:
    """This process's part. RuntimeError before init_rpc."""
    if not _running:
        raise RuntimeError(
            "RPC has not been initialized. Call torch.distributed.rpc.init_rpc first."
        )
    return _running[0]


def start(
    name: str, rank: int, size: int | None, options: TensorPipeRpcBackendOptions
) -> Agent:  # fmt: skip
    """Join the processes of rpc."""
    from .. import process_group

    if _running:
        raise RuntimeError("RPC is already initialized")
    if process_group.is_initialized():
        rank = process_group.get_rank() if rank < 0 else rank
        size = process_group.get_world_size() if size is None else size
    rank = process_group._from_environment("RANK", rank)
    size = process_group._from_environment("WORLD_SIZE", -1 if size is None else size)
    if not 0 <= rank < size:
        raise ValueError(f"init_rpc: rank {rank} is not between 0 and {size - 1}")
    store, host = meeting(rank, size, options)
    made = Agent(name, rank, size, store, host, options)
    _running.append(made)  # before others know of it: their calls may ask for it
    try:
        store.add("rpc/met", 1)
        while int(store.add("rpc/met", 0)) < size:
            time.sleep(0.005)
    except BaseException:
        _running.clear()
        raise
    if isinstance(store, TCPStore) and store._server is not None:
        store._server.socket.close()  # all have come: the port is free for others
    return made


def meeting(rank: int, size: int, options: TensorPipeRpcBackendOptions) -> tuple[Store, str]:
    """(the store through which processes find each other, the host that serves it)."""
    from urllib.parse import urlparse

    from .. import objects, process_group

    url = urlparse(options.init_method or "env://")
    limit = timedelta(seconds=max(options.rpc_timeout, 60))
    if url.scheme == "tcp":
        host, port = str(url.hostname), int(url.port or 0)
    else:
        host, port = os.environ.get("MASTER_ADDR", "localhost"), -1
        if not process_group.is_initialized():
            if size > 1:
                port = int(process_group._from_environment("MASTER_PORT", -1))
            else:
                port = 0
    if port >= 0:
        return TCPStore(host, port, None, rank == 0, limit), host
    # the process group has met at that port: it tells the one of rpc
    if rank == 0:
        store = TCPStore(host, 0, None, True, limit)
        objects.broadcast_object_list([store.port], 0)
        return store, host
    box: list[Any] = [None]
    objects.broadcast_object_list(box, 0)
    return TCPStore(host, box[0], None, False, limit), host


def stop(graceful: bool, timeout: float) -> None:
    """Leave rpc. graceful: once no process has a call under way."""
    if not _running:
        return
    mine = _running[0]
    if graceful:
        mine.finish(timeout)
        # the store's process must be the last to go
        mine.store.add("rpc/left", 1)
        if mine.me.id == 0:
            while int(mine.store.add("rpc/left", 0)) < mine.size:
                time.sleep(0.005)
    _running.clear()
    mine.close()
