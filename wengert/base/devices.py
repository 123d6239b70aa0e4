"""The device object: a type (cpu, cuda, meta, sim) and an index."""

from __future__ import annotations

from typing import Any

from .modes import place, state

STANDS_FOR: dict[str, str] = {}  # a type of device -> the one that is meant (cuda_as_cpu)
DTYPES = ("float", "double", "half", "bfloat", "int", "long", "uint", "bool", "complex")
TYPES = ("cpu", "cuda", "meta", "sim", "mps", "xpu")


class device:
    """Where a tensor lives: `device("cuda:1")`, `device("cuda", 1)`, `device(1)`.

    As a context manager it is the default device of the tensors made inside.

    type: 'cpu', 'cuda', ..., with or without ':0'. index: which of them.

    Raises TypeError where index is of the wrong type; RuntimeError where type is unknown or index
    is negative.

    >>> torch.device("cpu"), torch.device("cuda", 1).index
    (device(type='cpu'), 1)
    """

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        self.type: str
        self.index: int | None
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int):
            index, type = type, "cuda"  # noqa: A001
        if not isinstance(type, str):
            raise TypeError(
                f"device(): argument 'type' must be str or int, not {type.__class__.__name__}"
            )
        name, colon, number = type.partition(":")
        if colon and index is not None:
            raise RuntimeError(
                f"device(): type must not include an index because index was passed too: {type}"
            )
        if name not in TYPES:
            dtype = name.rstrip("0123456789") in DTYPES
            raise RuntimeError(
                f"Expected one of {', '.join(TYPES)} device type at start of device string: {name}"
                + f" (a dtype is written torch.{name}, without quotes)" * dtype
            )
        if colon:
            if not number.isdigit() or number != str(int(number)):
                raise RuntimeError(
                    f"Invalid device string: '{type}': write the index as a number, such as"
                    f" '{name}:0'"
                )
            index = int(number)
        if index is not None and index < 0:
            raise RuntimeError(f"Device index must not be negative, got {index}")
        if name in STANDS_FOR:
            name, index = STANDS_FOR[name], None
        self.type = name
        self.index = index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (
            ")" if self.index is None else f", index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __enter__(self) -> device:
        self._prev = state.default_device
        place("default_device", self)
        return self

    def __exit__(self, *exc: object) -> None:
        place("default_device", self._prev)


CPU = device("cpu")


def default_device() -> device:
    """The device of new tensors that name none."""
    return state.default_device or CPU


def set_default_device(d: device | str | int | None) -> None:
    """Make d the device of new tensors that name none.

    Raises TypeError where device names none.

    >>> torch.set_default_device(None)
    """
    place("default_device", None if d is None else device(d))
