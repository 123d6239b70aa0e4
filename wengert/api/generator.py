"""Generators and seeds: `torch.Generator`, `manual_seed`, saved states, `fork_rng`.

What lives here: what users hold and call. What does not: the streams of numbers
(`arrays/random_stream.py`), the default ones (`arrays/random_fill.py`), random functions
(`ops/random/rand.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from ..arrays import lookup
from ..arrays import random_fill as streams
from ..arrays.random_stream import DEFAULT_SEED, Stream
from ..base import dtypes
from ..base.devices import device as device_
from ..engine.tensor import Tensor, wrap
from .interop import host

__all__ = [
    "Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed",
    "seed", "set_rng_state",
]  # fmt: skip


class Generator:
    """A source of random numbers of its own.

    Args:
        device: where its numbers are used. CUDA's have PyTorch's numbers on CUDA, all others
            those on the CPU.

    Raises RuntimeError for a device that there is not.

    >>> g = Generator().manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    >>> state = g.get_state()
    >>> g.set_state(state).initial_seed(), g.clone_state().initial_seed()
    (0, 0)
    >>> isinstance(g.seed(), int)
    True
    >>> g.get_offset()
    Traceback (most recent call last):
        ...
    RuntimeError: get_offset: this Generator does not use offset: see get_state()
    >>> g.set_offset(0)
    Traceback (most recent call last):
        ...
    RuntimeError: set_offset: this Generator does not use offset: see set_state()
    """

    __slots__ = ("_device", "_stream", "__weakref__")

    def __init__(self, device: Any = "cpu") -> None:
        d = device_(device)
        if d.type == "meta":
            raise RuntimeError("Generator(): the meta device has no random numbers: use 'cpu'")
        lookup.on_device(d)
        self._device = d
        self._stream = streams.new_stream(DEFAULT_SEED, d.type, d.index)

    @property
    def device(self) -> Any:
        """The device of the tensors it is for."""
        return self._device

    def manual_seed(self, seed: int) -> Generator:
        """Start again from a seed: an int from -2**63 to 2**64 - 1; returns the generator.

        RuntimeError for other types, ValueError for numbers outside.
        """
        if type(seed) is not int:
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self._stream.seed(_checked(seed))
        return self

    def seed(self) -> int:
        """Start again from a seed of the operating system; returns it."""
        return self._stream.seed_freshly()

    def initial_seed(self) -> int:
        """The seed it started from."""
        return self._stream.initial_seed

    def get_state(self) -> Tensor:
        """Its position as a uint8 tensor, the same bytes as PyTorch's."""
        return _bytes(self._stream)

    def set_state(self, new_state: Tensor) -> Generator:
        """Continue from a position that get_state returned, here or in PyTorch.

        TypeError unless it is a uint8 tensor, RuntimeError unless it is a position.

        new_state: from get_state(). A position is of shape (n,).
        """
        self._stream.set_state(_raw(new_state))
        return self

    def clone_state(self) -> Generator:
        """Another generator at the same position."""
        g = Generator(self._device)
        g._stream = self._stream.clone()
        return g

    def get_offset(self) -> int:
        """How far a generator of CUDA's has come; RuntimeError for others."""
        offset = getattr(self._stream, "offset", None)
        if offset is None:
            raise RuntimeError("get_offset: this Generator does not use offset: see get_state()")
        return int(offset)

    def set_offset(self, offset: int) -> Generator:
        """Continue a generator of CUDA's from a place; RuntimeError for others.

        offset: a multiple of 4.
        """
        if not hasattr(self._stream, "offset"):
            raise RuntimeError("set_offset: this Generator does not use offset: see set_state()")
        self._stream.offset = offset
        return self

    def __reduce__(self) -> Any:
        return _restored, (self._device, self._stream.state())

    def __repr__(self) -> str:
        return f"<torch.Generator on {self._device}, seed {self.initial_seed()}>"


def _restored(device: Any, state: bytes) -> Generator:
    g = Generator(device)
    g._stream.set_state(state)
    return g


def _checked(seed: int) -> int:
    if not -(2**63) <= seed < 2**64:
        raise ValueError(
            f"manual_seed: Overflow when unpacking long long: {seed} is not in -2**63 to 2**64 - 1"
        )
    return seed


def _bytes(stream: Stream) -> Tensor:
    xp = lookup.default_namespace()
    return wrap(xp.library.frombuffer(bytearray(stream.state()), dtype=dtypes.uint8.np))


def _raw(state: Any) -> bytes:
    if not isinstance(state, Tensor):
        raise TypeError(f"set_state: expected a torch.ByteTensor, but got {type(state).__name__}")
    if state.dtype is not dtypes.uint8:
        raise TypeError(f"set_state: RNG state must be a torch.ByteTensor, got {state.dtype}")
    return host(state._a).tobytes()


def _of_device(device_type: str, index: int = 0) -> Generator:
    """The default generator of a device."""
    g = object.__new__(Generator)
    g._device = device_(device_type) if device_type == "cpu" else device_(device_type, index)
    g._stream = streams.default_stream(device_type, index)
    return g


default_generator = _of_device("cpu")


def manual_seed(seed: Any) -> Generator:
    """Seed every device's default generator; returns the CPU's.

    Args:
        seed: whatever int() takes, from -2**63 to 2**64 - 1; ValueError outside.

    >>> torch.manual_seed(0).initial_seed()
    0
    """
    streams.seed_all(_checked(int(seed)))
    return default_generator


def seed() -> int:
    """Seed every device's default generator from the operating system; returns the seed.

    >>> isinstance(torch.seed(), int)
    True
    """
    fresh = default_generator.seed()
    streams.seed_all(fresh)
    return fresh


def initial_seed() -> int:
    """The seed of the default generator.

    >>> generator = torch.manual_seed(3)
    >>> torch.initial_seed()
    3
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The position of the default generator as a uint8 tensor, the same bytes as PyTorch's.

    >>> state = torch.get_rng_state()
    >>> x = torch.rand(1)
    >>> torch.set_rng_state(state)
    >>> torch.equal(torch.rand(1), x)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator continue from a position that get_rng_state returned.

    TypeError unless it is a uint8 tensor, RuntimeError unless it is a position.

    new_state: from get_rng_state(). A position is of shape (n,).

    >>> torch.set_rng_state(torch.get_rng_state())
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    device_type: str = "cuda",
    **ignored: Any,
) -> Iterator[None]:
    """On leaving, put the default generators back to where they were on entering.

    Args:
        devices: indices of devices besides the CPU; all in use if None.
        enabled: False does nothing.
        device_type: of those devices.

    Raises TypeError where devices is no sequence.

    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    """
    if not enabled:
        yield
        return
    found = streams.default_streams()
    if devices is not None:
        wanted = {device_(d).index or 0 if isinstance(d, str) else int(d) for d in devices}
        keys = [("cpu", 0), *((device_type, i) for i in wanted)]
        found = {key: streams.default_stream(*key) for key in keys}
    saved = {key: stream.state() for key, stream in found.items()}
    try:
        yield
    finally:
        for key, state in saved.items():
            found[key].set_state(state)
