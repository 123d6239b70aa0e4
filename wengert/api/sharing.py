"""Tensors in memory that several processes see: share_memory_(), and the way through queues.

The memory is an anonymous file without a name, so nothing is left behind whoever is killed.
"""

from __future__ import annotations

import gc
import mmap
import os
import sys
import tempfile
from multiprocessing import reduction
from multiprocessing.context import get_spawning_popen
from typing import Any

import numpy as np

from ..base import dtypes
from ..engine import views
from ..engine.tensor import Tensor, wrap

__all__ = ["is_shared", "register", "share_memory_"]


class SharedMap(mmap.mmap):
    """A mapped file that knows its descriptor."""

    descriptor: int

    def __del__(self, close: Any = os.close) -> None:  # at exit, names of modules are gone
        close(self.descriptor)


def _mapped(descriptor: int, size: int) -> SharedMap:
    m = SharedMap(descriptor, size)
    m.descriptor = descriptor
    return m


def _anonymous(size: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("wengert-shared")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def owner(a: Any) -> SharedMap | None:
    """The shared memory that an array looks at."""
    while a is not None and not isinstance(a, SharedMap):
        a = a.obj if isinstance(a, memoryview) else getattr(a, "base", None)
    return a


def is_shared(self: Tensor) -> bool:
    """Whether other processes see the memory of a tensor.

    The tensor has any shape.

    >>> torch.ones(2).is_shared(), torch.ones(2).share_memory_().is_shared()
    (False, True)
    """
    return isinstance(self._a, np.ndarray) and owner(self._a) is not None


def share_memory_(self: Tensor) -> Tensor:
    """Move the elements of a tensor on the CPU into shared memory, in place; returns it.

    The tensor has any shape.

    >>> torch.ones(2).share_memory_().is_shared()
    True
    """
    if self.device.type != "cpu" or is_shared(self):
        return self
    if os.name == "nt":
        raise RuntimeError("share_memory_() needs anonymous shared files: not on Windows yet")
    home = views.owner(self._a)
    if type(home) is not np.ndarray or not (home.flags.c_contiguous or home.flags.f_contiguous):
        home = self._a  # memory that is not ours stays where it is
    start, size = home.__array_interface__["data"][0], home.nbytes
    room = _mapped(_anonymous(max(size, 1)), max(size, 1))
    shared = np.frombuffer(room, dtype=np.uint8, count=size)
    shared[...] = home.reshape(-1, order="A").view(np.uint8)
    for t in _all_on(home, self):
        a, count = t._a, views.version(t)
        offset = a.__array_interface__["data"][0] - start if a.size else 0
        t._a = np.ndarray(a.shape, a.dtype, room, offset, a.strides)
        views.go_on(t, count)
    return self


ALONE = 4  # references to an array that one tensor has: its own, two names' here, the question's


def _all_on(home: np.ndarray, t: Tensor) -> list[Tensor]:
    """All tensors whose memory is that of an array, which is t's. Few have company."""
    if sys.getrefcount(home) <= ALONE and (t._a is home or sys.getrefcount(t._a) <= 2):
        return [t]
    found = [x for x in gc.get_objects() if issubclass(type(x), Tensor) and hasattr(x, "_a")]
    return [x for x in found if x is t or views.owner(x._a) is home]


def _offset(a: np.ndarray, room: SharedMap) -> int:
    start = np.frombuffer(room, dtype=np.uint8).__array_interface__["data"][0]
    return int(a.__array_interface__["data"][0] - start)


def reduce_tensor(t: Tensor) -> Any:
    """How a tensor is sent: as a place in shared memory if it lies there, or is an argument of a
    process that is being started; else as a copy, which is there even if the sender has ended.
    """
    if t.requires_grad and not t.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd "
            "does not support crossing process boundaries. If you just want to transfer the data, "
            "call detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    starting = get_spawning_popen() is not None and os.name != "nt"
    if not is_shared(t) and not (starting and t.device.type == "cpu"):
        return t.__reduce_ex__(2)
    room = owner(share_memory_(t)._a)
    assert room is not None
    a = t._a
    place = (_offset(a, room), a.shape, a.strides, t.dtype.name)
    made = (type(t) is not Tensor and type(t)) or None
    handle = reduction.DupFd(room.descriptor)
    return rebuild, (handle, len(room), place, t.requires_grad, made)


def rebuild(handle: Any, size: int, place: Any, requires_grad: bool, kind: Any) -> Any:
    """The tensor that was sent, on the same memory."""
    offset, shape, strides, name = place
    room = _mapped(handle.detach(), size)
    dtype = getattr(dtypes, name).np
    a = np.ndarray(shape, dtype, room, offset, strides)
    t = wrap(a)
    if kind is None:
        return t.requires_grad_(requires_grad)
    return kind(t, requires_grad)


def register(*kinds: type) -> None:
    """Have multiprocessing send tensors of these classes through shared memory."""
    for kind in kinds:
        reduction.ForkingPickler.register(kind, reduce_tensor)


def get_sharing_strategy() -> str:
    """How tensors are sent to other processes: always 'file_descriptor'."""
    return "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The ways in which tensors are sent to other processes."""
    return {"file_descriptor"}


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted: there is one way, which serves programs that ask for another of PyTorch's.

    new_strategy: one of get_all_sharing_strategies().
    """
    assert new_strategy in ("file_descriptor", "file_system"), f"no strategy {new_strategy!r}"
