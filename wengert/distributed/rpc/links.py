"""How the processes of rpc are connected: a socket for each pair and direction, and threads that do
what arrives.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["ACKNOWLEDGED", "ANSWER", "ERROR", "REQUEST", "Link", "Workers"]

REQUEST, ANSWER, ERROR, ACKNOWLEDGED = range(4)
HEADER = struct.Struct("!BQQ")  # kind, number of the message, bytes that follow


class Link:
    """A connection to another process. arrived(link, kind, number, data) is called in a thread of
    its own for each message; closed(link) once at its end.
    """

    def __init__(
        self, connection: socket.socket, peer: int,
        arrived: Callable[[Link, int, int, bytes], None], closed: Callable[[Link], None],
    ) -> None:  # fmt: skip
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.peer, self.open = connection, peer, True
        self.arrived, self.closed, self.lock = arrived, closed, threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()

    def send(self, kind: int, number: int, data: bytes = b"") -> None:
        """Send a message. OSError if the other process has ended."""
        with self.lock:
            self.socket.sendall(HEADER.pack(kind, number, len(data)))
            self.socket.sendall(data)

    def read(self) -> None:
        with suppress(OSError), self.socket.makefile("rb") as stream:
            while header := stream.read(HEADER.size):
                kind, number, size = HEADER.unpack(header)
                self.arrived(self, kind, number, stream.read(size))
        self.open = False
        self.closed(self)

    def close(self) -> None:
        """End the connection, on both sides."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Workers:
    """Threads, at most limit of them, which end with the process whatever they wait for."""

    def __init__(self, limit: int) -> None:
        self.limit, self.count, self.busy = limit, 0, 0  # busy: jobs that wait or run
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lock = threading.Lock()

    def submit(self, f: Callable[..., Any], *args: Any) -> None:
        """Call f(*args) in one of the threads."""
        with self.lock:
            self.busy += 1
            if self.count < min(self.busy, self.limit):
                self.count += 1
                threading.Thread(target=self.work, daemon=True).start()
            self.jobs.put((f, args))

    def work(self) -> None:
        while True:
            f, args = self.jobs.get()
            if f is None:
                return
            f(*args)
            del f, args
            with self.lock:
                self.busy -= 1

    def end(self) -> None:
        """Let the threads end when they have nothing left to do."""
        for _ in range(self.count):
            self.jobs.put((None, ()))
