"""Arrays handed from a worker process to its parent through shared memory.

Here: anonymous shared files (no name, so nothing can be left behind whoever is killed), the writer
that places arrays in them, and the reader that gives the same memory to the parent without a copy.
Not here: processes, pipes and the order of batches (workers.py).

A writer grows its file in large sparse chunks and cuts blocks out of them. A block is used again
once every array that looks at it is gone on both sides, so a loop that lets go of its batches
touches the same few pages all epoch.
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from multiprocessing import reduction
from multiprocessing.context import assert_spawning
from typing import Any, NamedTuple

import numpy as np

from ..engine.tensor import Tensor, wrap

CHUNK = 64 << 20  # first chunk; sparse, so only touched pages cost memory
SMALL = 1024  # arrays below this travel inside the message
ALIGN = 64


class SharedFile:
    """Memory without a name that a parent and the workers it starts can both map.

    It travels to a worker by fork or in the arguments of a spawned process, and in no other way.
    """

    def __init__(self) -> None:
        self.size = 0
        self.sparse = True
        self.descriptor = -1
        self.name = ""
        if sys.platform == "win32":
            self.name = f"wengert-{os.getpid()}-{os.urandom(8).hex()}"
            return
        try:
            self.descriptor = os.memfd_create("wengert-batches")
        except (AttributeError, OSError):
            folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
            with tempfile.TemporaryFile(dir=folder) as file:
                self.descriptor = os.dup(file.fileno())
            self.sparse = False

    def __getstate__(self) -> dict[str, Any]:
        assert_spawning(self)
        state = dict(self.__dict__)
        if self.descriptor >= 0:
            state["descriptor"] = reduction.DupFd(self.descriptor)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.descriptor != -1:
            self.descriptor = state["descriptor"].detach()

    def grow(self, size: int) -> int:
        """Make the file `size` bytes longer and return where the new part begins."""
        start = self.size
        self.size += -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        if self.descriptor >= 0:
            os.ftruncate(self.descriptor, self.size)
        return start

    def reserve(self, start: int, size: int) -> None:
        """Claim real space, where lack of it would show as a fatal SIGBUS on first touch."""
        if not self.sparse and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.descriptor, start, size)

    def map(self, start: int, size: int, private: bool = False) -> mmap.mmap:
        """Map one part; `private` writes stay in this process."""
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
        if self.descriptor < 0:
            return mmap.mmap(-1, size, tagname=f"{self.name}-{start}", access=access)  # type: ignore[call-arg]
        return mmap.mmap(self.descriptor, size, offset=start, access=access)

    def close(self) -> None:
        """Drop this process's handle; maps made from it stay valid."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()


class Piece(NamedTuple):
    """Where bytes lie: enough for another process to map them."""

    block: int
    chunk: int
    chunk_size: int
    offset: int
    size: int


class Writer:
    """Places arrays in a shared file and pickles objects around them."""

    def __init__(self, file: SharedFile) -> None:
        self.file = file
        self.chunk = self.length = self.used = (
            0  # where the last chunk begins, its size, and how much is cut from it
        )
        self.chunks: dict[int, mmap.mmap] = {}
        self.places: list[tuple[int, int, int, int]] = []  # block -> chunk, its size, offset, size
        self.holders: dict[int, int] = {}
        self.free: list[int] = []
        self.watch: dict[int, weakref.ref[np.ndarray]] = {}
        self.owner: dict[int, int] = {}  # id of a live block array -> block

    def empty(self, size: int) -> np.ndarray:
        """A block of at least one byte as a uint8 array of `size` elements, uninitialised."""
        block = self._reuse(size)
        if block is None:
            block = self._cut(size)
        chunk, _, offset, _ = self.places[block]
        array = np.frombuffer(self.chunks[chunk], np.uint8, size, offset)
        self.holders[block] = 1
        key = id(array)
        self.owner[key] = block
        self.watch[key] = weakref.ref(array, lambda _: self._forget(key))
        return array

    def array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An uninitialised array; in shared memory unless it is small or holds Python objects."""
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if size < SMALL or dtype.hasobject:
            return np.empty(shape, dtype)
        return self.empty(size).view(dtype).reshape(shape)

    def _reuse(self, size: int) -> int | None:
        sizes = ((self.places[block][3], block) for block in self.free)
        fitting = [pair for pair in sizes if size <= pair[0] <= 4 * size]
        if not fitting:
            return None
        block = min(fitting)[1]
        self.free.remove(block)
        return block

    def _cut(self, size: int) -> int:
        size = max(size, SMALL)
        quarter = max(ALIGN, 1 << max(size.bit_length() - 3, 0))
        size = (
            -(-size // quarter) * quarter
        )  # four sizes to the octave, so that nearly equal batches share blocks
        if self.used + size > self.length:
            self.chunk = self.file.grow(max(CHUNK, self.file.size, size))
            self.length = self.file.size - self.chunk
            self.used = 0
            self.chunks[self.chunk] = self.file.map(self.chunk, self.length)
        self.file.reserve(self.chunk + self.used, size)
        self.places.append((self.chunk, self.length, self.used, size))
        self.used += size
        return len(self.places) - 1

    def _forget(self, key: int) -> None:
        block = self.owner.pop(key)
        self.watch.pop(key, None)
        self.release((block,))

    def release(self, blocks: tuple[int, ...] | list[int]) -> None:
        """Note that one holder of each block is gone: an array here, or one the reader reported."""
        for block in blocks:
            self.holders[block] -= 1
            if not self.holders[block]:
                self.free.append(block)

    def share(self, array: np.ndarray) -> tuple[Piece, np.ndarray]:
        """The piece and bytes that hold an array's data, which is copied if it lies elsewhere.

        The piece counts as one more holder of its block, until `release` says that the reader let
        go.
        """
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        block = self.owner.get(id(base))
        if block is None or not array.flags.c_contiguous:
            base = self.empty(array.nbytes)
            base.view(array.dtype).reshape(array.shape)[...] = array
            block = self.owner[id(base)]
            start = 0
        else:
            start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        self.holders[block] += 1
        chunk, length, offset, _ = self.places[block]
        return Piece(block, chunk, length, offset + start, array.nbytes), base[
            start : start + array.nbytes
        ]

    def dump(self, value: Any) -> tuple[list[Piece], bytes]:
        """Pickle `value`: the shared pieces its arrays became, and the rest as bytes."""
        stream = BytesIO()
        pickler = _Pickler(stream, self)
        try:
            pickler.dump(value)
        except BaseException:
            self.release([piece.block for piece in pickler.pieces])
            raise
        return pickler.pieces, stream.getvalue()


class _Pickler(pickle.Pickler):
    """Pickles tensors and arrays as pieces of shared memory, everything else as usual."""

    def __init__(self, stream: BytesIO, writer: Writer) -> None:
        self.pieces: list[Piece] = []
        self.writer = writer
        super().__init__(stream, protocol=5, buffer_callback=lambda buffer: False)

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind is np.ndarray and not value.dtype.hasobject:
            return restore_array, self._parts(value)
        if kind is Tensor and isinstance(value._a, np.ndarray):
            if value.grad_fn is not None:
                raise RuntimeError(
                    f"a worker cannot send a tensor of shape {tuple(value.shape)} that is part of "
                    "an autograd graph: graphs do not cross processes; call .detach() in the "
                    "dataset or collate_fn"
                )
            return restore_tensor, (*self._parts(value._a), value.requires_grad)
        return NotImplemented

    def _parts(self, array: np.ndarray) -> tuple[Any, Any, tuple[int, ...]]:
        if array.nbytes < SMALL:
            # A bytearray, because an array over bytes would be read-only on the other side.
            return bytearray(array.tobytes()), _dtype_code(array.dtype), array.shape
        piece, memory = self.writer.share(array)
        self.pieces.append(
            piece
        )  # saved next, so pieces and out-of-band buffers keep the same order
        buffer: Any = memory
        return pickle.PickleBuffer(buffer), _dtype_code(array.dtype), array.shape


def _dtype_code(dtype: np.dtype) -> Any:
    """Something short that np.dtype() turns back into `dtype`."""
    if dtype.kind != "V":
        return dtype.str
    return dtype if dtype.names is not None or dtype.name.startswith("void") else dtype.name


def restore_array(buffer: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The array whose bytes are `buffer`, without a copy."""
    return np.frombuffer(buffer, np.uint8).view(np.dtype(dtype)).reshape(shape)


def restore_tensor(buffer: Any, dtype: Any, shape: tuple[int, ...], requires_grad: bool) -> Tensor:
    """The tensor whose bytes are `buffer`, without a copy."""
    tensor = wrap(restore_array(buffer, dtype, shape))
    return tensor.requires_grad_() if requires_grad else tensor


class Reader:
    """Maps what a writer placed in a shared file, and collects blocks that nothing looks at.

    `private` maps copy on write: for objects many readers share, each of which may change its own
    view.
    """

    def __init__(self, file: SharedFile, private: bool = False) -> None:
        self.file = file
        self.private = private
        self.chunks: dict[int, mmap.mmap] = {}
        self.watch: dict[int, weakref.ref[np.ndarray]] = {}
        self.released: deque[int] = deque()
        _readers.add(self)

    def memory(self, piece: Piece) -> np.ndarray:
        """The bytes of a piece; its block counts as released when no array over them is left."""
        if piece.chunk not in self.chunks:
            self.chunks[piece.chunk] = self.file.map(piece.chunk, piece.chunk_size, self.private)
        array = np.frombuffer(self.chunks[piece.chunk], np.uint8, piece.size, piece.offset)
        key = id(array)
        block, watch, released = piece.block, self.watch, self.released

        def gone(_: Any) -> None:
            if watch.pop(key, None) is not None:
                released.append(block)

        watch[key] = weakref.ref(array, gone)
        return array

    def load(self, pieces: list[Piece], data: Any) -> Any:
        """The object a writer dumped."""
        return pickle.loads(data, buffers=[self.memory(piece) for piece in pieces])

    def drain(self) -> list[int]:
        """Blocks released since the last call, for the writer's `release`."""
        blocks = []
        while self.released:
            blocks.append(self.released.popleft())
        return blocks


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()
_forking = threading.local()  # .workers: this thread forks a worker of ours


@contextmanager
def fork_of_worker() -> Iterator[list[np.ndarray]]:
    """For the start of a worker: gives the blocks in use, to be held for as long as it lives."""
    _forking.workers = True
    try:
        references = [ref for reader in _readers for ref in list(reader.watch.values())]
        yield [block for reference in references if (block := reference()) is not None]
    finally:
        _forking.workers = False


def _keep_after_fork() -> None:
    # A forked child may go on reading batches that the parent has let go of. Blocks alive now are
    # therefore never reported as released: they are not used again, and vanish with the file.
    if not getattr(_forking, "workers", False):
        for reader in _readers:
            reader.watch.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_keep_after_fork)


worker_store: Writer | None = None  # where a worker collates batches; None in other processes
