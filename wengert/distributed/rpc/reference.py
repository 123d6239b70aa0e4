"""RRef: a value that stays in the process that owns it, named from others.

The owner keeps a value as long as it has a reference to it itself, or counts one elsewhere.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ...base.futures import Future
from .agent import SHIFT, WorkerInfo, agent, running
from .functions import async_execution
from .messages import reading

T = TypeVar("T")

__all__ = ["RRef", "remote", "rpc_async", "rpc_sync"]


class Owned:
    """A value that this process owns. count: of references in other processes."""

    def __init__(self, number: int) -> None:
        self.number, self.count = number, 0
        self.value: Future[Any] = Future()


_known: weakref.WeakValueDictionary[int, Owned] = weakref.WeakValueDictionary()
_held: dict[int, Owned] = {}  # those that others count on
_named: dict[int, Owned] = {}  # those that others have named before they were made
_lock = threading.RLock()


def owned(number: int, made: bool = False) -> Owned:
    """A value by its number, which others may name before it is made."""
    with _lock:
        found = _known.get(number)
        if found is None:
            found = _known[number] = Owned(number)
            if not made:
                _named[number] = found
        if made:
            _named.pop(number, None)
        return found


def count(number: int, change: int) -> None:
    """Count a reference in another process, or one less."""
    with _lock:
        found = owned(number)
        found.count += change
        if found.count > 0:
            _held[number] = found
        else:
            _held.pop(number, None)


def forget() -> None:
    """Let go of all values, at the end of rpc."""
    with _lock:
        _known.clear()  # a reference that is kept must not be found by a later session's numbers
        _held.clear()
        _named.clear()


def create(number: int, counted: int, f: Any, args: Any, kwargs: Any) -> None:
    """Make a value."""
    with _lock:
        made = owned(number, True)
        if counted:
            count(number, counted)
    try:
        value = f(*args, **kwargs)
        if not hasattr(f, "_wrapped_async_rpc_function"):
            made.value.set_result(value)
            return
        value.add_done_callback(lambda done: follow(done, made.value))
    except BaseException as e:
        made.value.set_exception(e)


def follow(done: Future, after: Future) -> None:
    """Give the outcome of one future to another."""
    try:
        after.set_result(done.value())
    except BaseException as e:
        after.set_exception(e)


@async_execution
def fetch(number: int) -> Future:
    """A value, for a process that has a reference to it."""
    return owned(number).value


@async_execution
def invoke(ref: RRef, name: str, args: Any, kwargs: Any) -> Future:
    """A method of a value."""
    method = getattr(ref.local_value(), name)
    found = method(*args, **kwargs)
    if hasattr(method, "_wrapped_async_rpc_function"):
        return found
    done: Future[Any] = Future()
    done.set_result(found)
    return done


class RRef(Generic[T]):
    """A reference to a value that stays in one process.

    value: what this process is to own. type_hint: accepted.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> ref = rpc.remote("one", torch.add, args=(torch.ones(2), 1))
    >>> ref.to_here(), ref.owner(), ref.owner_name()
    (tensor([2., 2.]), WorkerInfo(id=0, name=one), 'one')
    >>> ref.is_owner(), ref.confirmed_by_owner() in (True, False)  # once its answer has come
    (True, True)
    >>> ref.local_value(), ref.rpc_sync().sum(), ref.rpc_async().sum().wait()
    (tensor([2., 2.]), tensor(4.), tensor(4.))
    >>> ref.remote().sum().to_here()
    tensor(4.)
    >>> rpc.shutdown()
    """

    _owned: Owned | None
    _made: Future | None  # done once the owner knows of it

    def __init__(self, value: Any, type_hint: Any = None) -> None:
        me = agent()
        self._number, self._owner = next(me.numbers), me.me
        self._owned, self._counted, self._made = owned(self._number, True), False, None
        self._owned.value.set_result(value)

    # how it travels

    def _counted_by_owner(self) -> Any:
        if self._made is not None:
            self._made.wait()  # the owner must know of it before others do
        return named, (self._owner.id, self._number)

    def __reduce__(self) -> Any:
        raise RuntimeError(
            "Can not pickle rref in python pickler, rref can only be pickled when using RPC"
        )

    def _claim(self) -> None:
        """Have the owner count this reference."""
        if self._owned is None and not self._counted:
            agent().call(self._owner, count, (self._number, 1), internal=True).wait()
            self._counted = True

    def __del__(self) -> None:
        if getattr(self, "_counted", False) and running():
            me = agent()
            me.internal.submit(drop, me, self._owner, self._number)

    # whose it is

    def owner(self) -> WorkerInfo:
        """The process that has the value."""
        return self._owner

    def owner_name(self) -> str:
        """The name of the process that has the value."""
        return self._owner.name

    def is_owner(self) -> bool:
        """Whether this process has the value."""
        return self._owned is not None

    def confirmed_by_owner(self) -> bool:
        """Whether the owner knows of this reference."""
        return self._made is None or self._made.done()

    # its value

    def to_here(self, timeout: float = -1) -> Any:
        """The value, or a copy of it from its owner; waits until it is made.

        Raises the error if making it has failed.

        timeout: seconds; -1: the default.
        """
        if self._owned is not None:
            return self._owned.value.wait()
        return agent().call(self._owner, fetch, (self._number,), timeout=timeout).wait()

    def local_value(self) -> Any:
        """The value itself, in the process that owns it; RuntimeError elsewhere."""
        if self._owned is None:
            raise RuntimeError(
                f"Can't call RRef.local_value() on a non-owner RRef: the owner is {self._owner}: "
                "write to_here() for a copy"
            )
        return self._owned.value.wait()

    def rpc_sync(self, timeout: float = -1) -> Any:
        """What calls methods of the value where it is: ref.rpc_sync().method(...).

        timeout: seconds; -1: the default.
        """
        return Methods(self, lambda to, f, args: rpc_async(to, f, args, None, timeout).wait())

    def rpc_async(self, timeout: float = -1) -> Any:
        """As rpc_sync, with futures of the results.

        timeout: seconds; -1: the default.
        """
        return Methods(self, lambda to, f, args: rpc_async(to, f, args, None, timeout))

    def remote(self, timeout: float = -1) -> Any:
        """As rpc_sync, with references to the results, which stay there.

        timeout: seconds; -1: the default. Tensors have any shape.
        """
        return Methods(self, lambda to, f, args: remote(to, f, args, None, timeout))

    def backward(self, dist_autograd_ctx_id: int = -1, retain_graph: bool = False) -> None:
        """The backward pass from the value, where it is.

        dist_autograd_ctx_id: what distributed.autograd.context() gave; -1: into .grad.
        retain_graph: keep the graph for another pass.

        >>> rpc = torch.distributed.rpc
        >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
        >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
        >>> w = torch.ones(2, requires_grad=True)
        >>> rpc.RRef((3 * w).sum()).backward()
        >>> w.grad
        tensor([3., 3.])
        >>> rpc.shutdown()
        """
        rpc_async(self._owner, backward, (self, dist_autograd_ctx_id, retain_graph)).wait()

    def __repr__(self) -> str:
        made_by, local = self._number >> SHIFT, self._number & ((1 << SHIFT) - 1)
        kind = "OwnerRRef" if self.is_owner() else "UserRRef"
        return f"{kind}(GloballyUniqueId(created_on={made_by}, local_id={local}))"


class Methods:
    """The methods of a value in another process."""

    def __init__(self, ref: RRef, how: Callable[..., Any]) -> None:
        self._ref, self._how = ref, how

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__call__":
            raise AttributeError(name)
        return self._method(name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("__call__")(*args, **kwargs)

    def _method(self, name: str) -> Any:
        return lambda *args, **kwargs: self._how(
            self._ref._owner, invoke, (self._ref, name, args, kwargs)
        )


def backward(ref: RRef, context_id: int, retain_graph: bool) -> None:
    """The backward pass of a value that this process owns."""
    from .. import autograd

    if context_id == -1:
        ref.local_value().backward(retain_graph=retain_graph)
    else:
        autograd.backward(context_id, [ref.local_value()], retain_graph)


def reference(number: int, owner: WorkerInfo) -> RRef:
    """A reference to a value by its number."""
    ref = object.__new__(RRef)
    ref._number, ref._owner, ref._counted, ref._made = number, owner, False, None
    ref._owned = owned(number) if owner == agent().me else None
    return ref


def named(owner: int, number: int) -> RRef:
    """A reference that has arrived in a message."""
    ref = reference(number, agent().workers[owner])
    reading.leaves[1].append(ref)
    return ref


def drop(me: Any, owner: WorkerInfo, number: int) -> None:
    """Tell the owner that a reference is gone."""
    if not me.closing:
        me.call(owner, count, (number, -1), internal=True)


def rpc_async(
    to: Any, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = -1
) -> Future:
    """Call a function in another process; returns a Future of its result.

    Args:
        to: the process, as name, rank or WorkerInfo.
        func: a function, class or builtin that both processes can import.
        args, kwargs: its arguments, which are copied.
        timeout: in seconds; 0 for none, by default that of the options of init_rpc.

    Raises:
        RuntimeError: rpc is not initialized, or an argument cannot be sent. What func raises is
            raised by the Future, after "On WorkerInfo(...)".
        ValueError: to is of the wrong type.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> rpc.rpc_sync("one", torch.add, args=(1, 2)), rpc.rpc_async("one", max, (1, 2)).wait()
    (tensor(3), 2)
    >>> rpc.remote("one", max, args=(1, 2)).to_here(), rpc.get_worker_info().name
    (2, 'one')
    >>> rpc.shutdown()
    """
    return agent().call(to, func, args or (), kwargs, timeout)


def rpc_sync(
    to: Any, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = -1
) -> Any:
    """Call a function in another process and return its result; see rpc_async.

    to: the process, as name, rank or WorkerInfo. func: a function, which the other process has too.
    args: its arguments. kwargs: its arguments by name. timeout: seconds; -1: the default.

    Raises RuntimeError before init_rpc, ValueError where to is of the wrong type, and what the
    function raises there.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> rpc.rpc_sync("one", torch.add, args=(1, 2)), rpc.rpc_async("one", max, (1, 2)).wait()
    (tensor(3), 2)
    >>> rpc.remote("one", max, args=(1, 2)).to_here(), rpc.get_worker_info().name
    (2, 'one')
    >>> rpc.shutdown()
    """
    return rpc_async(to, func, args, kwargs, timeout).wait()


def remote(
    to: Any, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = -1
) -> RRef:
    """Call a function in another process, where its result stays; returns a reference to it.

    to: the name, rank or WorkerInfo of a process. func: a function, which that process has too.
    args: its arguments. kwargs: its arguments by name. timeout: seconds; -1: the default.

    Raises RuntimeError before init_rpc; ValueError where to is of the wrong type.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> rpc.rpc_sync("one", torch.add, args=(1, 2)), rpc.rpc_async("one", max, (1, 2)).wait()
    (tensor(3), 2)
    >>> rpc.remote("one", max, args=(1, 2)).to_here(), rpc.get_worker_info().name
    (2, 'one')
    >>> rpc.shutdown()
    """
    me = agent()
    owner = me.worker(to)
    ref = reference(next(me.numbers), owner)
    there = owner != me.me
    ref._made = me.call(
        owner, create, (ref._number, int(there), func, tuple(args or ()), dict(kwargs or {})),
        timeout=timeout,
    )  # fmt: skip
    ref._counted = there
    return ref
