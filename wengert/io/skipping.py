"""skip_data: files whose tensors have their places, and no numbers yet."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["skip_data", "skipping"]

_state = threading.local()


class skip_data:
    """Within it torch.save leaves the numbers out and torch.load does not read them.

    A file that is saved so has the size and layout of a whole one, with zeros where numbers
    belong: they can be written into it later. Tensors that are loaded so are zeros.

    Args:
        materialize_fake_tensors: accepted; files are as large as what they describe.

    >>> with torch.serialization.skip_data():
    ...     torch.save({"w": torch.ones(2)}, "empty.pt")
    >>> torch.load("empty.pt")
    {'w': tensor([0., 0.])}
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self.before = skipping()
        _state.on = True

    def __exit__(self, *exc: Any) -> None:
        _state.on = self.before


def skipping() -> bool:
    """Whether this thread is within skip_data."""
    return getattr(_state, "on", False)
