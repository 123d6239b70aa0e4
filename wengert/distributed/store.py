"""Stores: small key-value servers through which processes that start together find each other.

Values travel as bytes. A store of one process (HashStore), of a host's file system (FileStore), of
a network (TCPStore), and a prefix before the keys of any (PrefixStore).
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from ..engine.error_context import clear_errors
from .errors import DistNetworkError, DistStoreError

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore"]

DEFAULT_TIMEOUT = timedelta(seconds=300)
Table = dict[str, str]  # bytes as latin-1 text, which JSON can carry


def _set(table: Table, key: str, value: str) -> None:
    table[key] = value


def _add(table: Table, key: str, amount: int) -> int:
    total = int(table.get(key, "0")) + amount
    table[key] = str(total)
    return total


def _compare_set(table: Table, key: str, expected: str, desired: str) -> str:
    have = table.get(key)
    if have == expected or (have is None and expected == ""):
        table[key] = desired
        return desired
    return expected if have is None else have


def _append(table: Table, key: str, value: str) -> None:
    table[key] = table.get(key, "") + value


OPERATIONS: dict[str, Callable[..., Any]] = {
    "set": _set,
    "read": lambda table, *keys: [table.get(k) for k in keys],
    "add": _add,
    "compare_set": _compare_set,
    "append": _append,
    "delete_key": lambda table, key: table.pop(key, None) is not None,
    "num_keys": len,
    "list_keys": list,
}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("latin-1")
    raise TypeError(f"a store holds bytes or str, not {type(value).__name__}")


class Store:
    """What all stores can do.

    Its methods raise TypeError for values that are no str and no bytes.

    >>> dist = torch.distributed
    >>> store = dist.HashStore()
    >>> store.set("answer", "42")
    >>> store.get("answer")
    b'42'
    >>> store = HashStore()
    >>> store.set("steps", "1")
    >>> store.add("count", 2), store.append("steps", "2"), store.get("steps")
    (2, None, b'12')
    >>> store.check(["steps"]), store.wait(["steps"]), store.num_keys(), store.list_keys()
    (True, None, 2, ['steps', 'count'])
    >>> store.compare_set("steps", "12", "13"), store.delete_key("count")
    (b'13', True)
    >>> store.multi_set(["a", "b"], ["1", "2"]), store.multi_get(["a", "b"])
    (None, [b'1', b'2'])
    >>> import datetime
    >>> store.set_timeout(datetime.timedelta(seconds=10)), store.has_extended_api()
    (None, True)
    """

    _limit = DEFAULT_TIMEOUT

    def _do(self, operation: str, *args: Any) -> Any:
        raise NotImplementedError

    def _await(self, keys: list[str], limit: float) -> bool:
        """Whether all keys are there, at the latest after limit seconds."""
        until = time.monotonic() + limit
        while None in self._do("read", *keys):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    @property
    def timeout(self) -> timedelta:
        """How long get() and wait() wait."""
        return self._limit

    def set_timeout(self, timeout: timedelta) -> None:
        """Set how long get() and wait() wait.

        timeout: how long to wait, a timedelta; None: the default.
        """
        self._limit = timeout

    def set(self, key: str, value: str | bytes) -> None:
        """Store a value under a key.

        Raises TypeError where value is of the wrong type.
        """
        self._do("set", key, _text(value))

    def get(self, key: str) -> bytes:
        """The value of a key, waiting for it. DistStoreError if it does not come in time."""
        return self.multi_get([key])[0]

    def add(self, key: str, amount: int) -> int:
        """Add to a counter, which starts at 0; returns its new value.

        key: a str. amount: an int.

        Raises ValueError where amount is of the wrong type.
        """
        return int(self._do("add", key, int(amount)))

    def compare_set(
        self, key: str, expected_value: str | bytes, desired_value: str | bytes
    ) -> bytes:
        """Store desired_value if the key has expected_value (or none, and that is empty); returns
        what it has then.

        Raises TypeError where expected_value or desired_value is of the wrong type.
        """
        have = self._do("compare_set", key, _text(expected_value), _text(desired_value))
        return str(have).encode("latin-1")

    def append(self, key: str, value: str | bytes) -> None:
        """Add to the end of a key's value.

        Raises TypeError where value is of the wrong type.
        """
        self._do("append", key, _text(value))

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        """Wait until all keys are there. DistStoreError after the timeout."""
        limit = (self._limit if timeout is None else timeout).total_seconds()
        if not self._await(list(keys), limit):
            raise DistStoreError(
                f"wait timeout after {limit * 1000:.0f}ms, keys: {', '.join('/' + k for k in keys)}"
            )

    def check(self, keys: list[str]) -> bool:
        """Whether all keys are there now.

        Raises TypeError where keys is of the wrong type.
        """
        return None not in self._do("read", *keys)

    def delete_key(self, key: str) -> bool:
        """Remove a key; whether it was there."""
        return bool(self._do("delete_key", key))

    def num_keys(self) -> int:
        """The number of keys."""
        return int(self._do("num_keys"))

    def list_keys(self) -> list[str]:
        """The keys."""
        return list(self._do("list_keys"))

    def multi_get(self, keys: list[str]) -> list[bytes]:
        """The values of several keys, waiting for them.

        Raises TypeError where keys is of the wrong type.
        """
        self.wait(keys)
        return [(v or "").encode("latin-1") for v in self._do("read", *keys)]

    def multi_set(self, keys: list[str], values: list[str | bytes]) -> None:
        """Store several values.

        keys: several keys.

        Raises TypeError where keys or values is of the wrong type.
        """
        for key, value in zip(keys, values):
            self.set(key, value)

    def has_extended_api(self) -> bool:
        """Whether append, multi_get and multi_set work: always."""
        return True


class HashStore(Store):
    """A store inside one process, for its threads.

    Its methods raise TypeError for values that are no str and no bytes.

    >>> store = HashStore()
    >>> store.set("key", "value")
    >>> store.get("key")
    b'value'
    """

    def __init__(self) -> None:
        self._table: Table = {}
        self._changed = threading.Condition()

    def _do(self, operation: str, *args: Any) -> Any:
        with self._changed:
            result = OPERATIONS[operation](self._table, *args)
            self._changed.notify_all()
            return result

    def _await(self, keys: list[str], limit: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: all(k in self._table for k in keys), limit)


class FileStore(Store):
    """A store in a file, for processes that see the same file system.

    file_name: made if it is not there. world_size: of the processes that use it; accepted.

    Raises TypeError where file_name is of the wrong type.

    >>> store = FileStore("store", 1)
    >>> store.set("key", "value")
    >>> store.get("key")
    b'value'
    """

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        self.path = os.fspath(file_name)

    @contextmanager
    def _locked(self) -> Iterator[Any]:
        import fcntl

        with open(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # until it is closed
            yield f

    def _do(self, operation: str, *args: Any) -> Any:
        with self._locked() as file:
            text = file.read()
            table: Table = json.loads(text) if text else {}
            result = OPERATIONS[operation](table, *args)
            if operation not in ("read", "num_keys", "list_keys"):
                file.seek(0)
                file.truncate()
                json.dump(table, file)
            return result


class Listener:
    """A port, with a thread for each of its clients."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = listen(host, port)
        self.port: int = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Answer a client until it has gone."""
        raise NotImplementedError


class _Server(Listener):
    """Serves a HashStore: one line of JSON for each call, one thread for each client."""

    def __init__(self, host: str, port: int) -> None:
        self.store = HashStore()
        super().__init__(host, port)

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw", encoding="ascii") as stream:
            try:
                for line in stream:
                    name, *args = json.loads(line)
                    call = self.store._await if name == "await" else self.store._do
                    result = call(*args) if name == "await" else call(name, *args)
                    stream.write(json.dumps(result) + "\n")
                    stream.flush()
            except (OSError, ValueError):
                pass  # the client has gone


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at host:port. DistNetworkError if the port is taken."""
    try:
        try:
            return socket.create_server((host, port), backlog=1024)
        except socket.gaierror:
            raise
        except OSError as e:
            import errno

            if e.errno != errno.EADDRNOTAVAIL:
                raise
            return socket.create_server(("", port), backlog=1024)  # the name is a proxy's
    except OSError as e:
        raise DistNetworkError(
            f"The server socket has failed to listen on any local network address: port {port} of "
            f"{host}: {e}. Choose another MASTER_PORT, or let wengertrun choose one"
        ) from e


def connect(host: str, port: int, limit: float) -> socket.socket:
    """A connection to host:port, tried again for limit seconds."""
    until = time.monotonic() + limit
    while True:
        try:
            return socket.create_connection((host, port), timeout=max(limit, 0.1))
        except OSError as e:
            if time.monotonic() > until:
                raise DistNetworkError(
                    f"The client socket has failed to connect to {host}:{port} within {limit:.0f} "
                    f"s: {e}. Does rank 0 run, and do MASTER_ADDR and MASTER_PORT name its host?"
                ) from e
            time.sleep(0.02)


class TCPStore(Store):
    """A store that one process serves over the network.

    host_name, port: where the server is; port 0 lets it choose. is_master: serve it from this
    process. world_size, wait_for_workers: wait until that many processes are connected.

    timeout: how long to wait, a timedelta; None: the default. multi_tenant: accepted.
    master_listen_fd: accepted. use_libuv: accepted.

    Raises TypeError where host_name or port is of the wrong type; DistNetworkError where the host
    is not reached; OverflowError where port is negative.

    >>> store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    >>> store.set("key", "value")
    >>> store.get("key")
    b'value'
    """

    @clear_errors
    def __init__(
        self, host_name: str, port: int, world_size: int | None = None, is_master: bool = False,
        timeout: timedelta = DEFAULT_TIMEOUT, wait_for_workers: bool = True,
        multi_tenant: bool = False, master_listen_fd: int | None = None, use_libuv: bool = True,
    ) -> None:  # fmt: skip
        self._limit = timeout
        self._server = _Server(host_name, port) if is_master else None
        self.host, self.port = host_name, self._server.port if self._server else port
        self.world_size = world_size
        self._lock = threading.Lock()
        self._socket = connect(self.host, self.port, timeout.total_seconds())
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rw", encoding="ascii")
        if wait_for_workers and world_size is not None and world_size > 1:
            self.add("init/", 1)
            until = time.monotonic() + timeout.total_seconds()
            while self.add("init/", 0) < world_size:
                if time.monotonic() > until:
                    raise DistStoreError(
                        f"TCPStore: {self.add('init/', 0)} of {world_size} processes have come "
                        f"within {timeout.total_seconds():.0f} s"
                    )
                time.sleep(0.01)

    def answer_within(self, seconds: float | None) -> None:
        """How long to wait for the server; None (at first) for as long as the connection stands."""
        self._socket.settimeout(seconds)

    def _ask(self, *message: Any) -> Any:
        with self._lock:
            try:
                self._stream.write(json.dumps(message) + "\n")
                self._stream.flush()
                answer = self._stream.readline()
            except OSError as e:
                raise DistNetworkError(f"TCPStore at {self.host}:{self.port}: {e}") from e
        if not answer:
            raise DistNetworkError(f"TCPStore at {self.host}:{self.port} has closed: its process "
                                   "has ended")  # fmt: skip
        return json.loads(answer)

    def _do(self, operation: str, *args: Any) -> Any:
        return self._ask(operation, *args)

    def _await(self, keys: list[str], limit: float) -> bool:
        return bool(self._ask("await", keys, limit))

    def __del__(self) -> None:
        if getattr(self, "_server", None) is not None:
            self._server.socket.close()  # type: ignore[union-attr]


class PrefixStore(Store):
    """A store whose keys are those of another one, behind a prefix.

    Its methods raise TypeError for values that are no str and no bytes.

    >>> store = HashStore()
    >>> PrefixStore("mine", store).set("key", "value")
    >>> store.list_keys()
    ['mine/key']
    """

    @clear_errors
    def __init__(self, prefix: str, store: Store) -> None:
        self._prefix, self._store = prefix, store
        self._limit = store.timeout

    @property
    def underlying_store(self) -> Store:
        """The store behind it."""
        return self._store

    def _do(self, operation: str, *args: Any) -> Any:
        if operation in ("num_keys", "list_keys"):
            return self._store._do(operation)
        if operation == "read":
            return self._store._do(operation, *[f"{self._prefix}/{k}" for k in args])
        return self._store._do(operation, f"{self._prefix}/{args[0]}", *args[1:])

    def _await(self, keys: list[str], limit: float) -> bool:
        return self._store._await([f"{self._prefix}/{k}" for k in keys], limit)
