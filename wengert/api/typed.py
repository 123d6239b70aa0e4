"""Typed constructors of other places: torch.cuda.FloatTensor, torch.cuda.FloatStorage,
torch.sparse.FloatTensor.

Those of the CPU (torch.FloatTensor) are in `ops/creation/storage.py`.
"""

from __future__ import annotations

from typing import Any

from ..base import dtypes
from ..base.devices import STANDS_FOR
from ..base.errors import NoDeviceError
from ..declare.registry import FUNCTIONS
from ..engine.tensor import Tensor
from ..ops.creation.storage import TypedStorage

_LETTERS = {f"{d._letter}Tensor": d for d in dtypes.ALL if not d.is_complex}
_made: dict[str, Any] = {}


def _kind(place: str) -> str:
    """The type of device of a place such as cuda.sparse."""
    name = place.removesuffix("sparse").rstrip(".")
    return STANDS_FOR.get(name, name)


class elsewhere(type):
    """The type of constructors of one dtype in one place; isinstance asks for both."""

    dtype: Any
    place: str

    def __instancecheck__(cls, x: object) -> bool:
        if not isinstance(x, Tensor) or x.dtype is not cls.dtype:
            return False
        kind = _kind(cls.place)
        return bool(x.is_sparse) == cls.place.endswith("sparse") and kind in ("", x.device.type)

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        if cls.place.endswith("sparse"):
            kwargs.setdefault("device", _kind(cls.place) or None)
            made: Tensor = FUNCTIONS[""]["sparse_coo_tensor"](*args, dtype=cls.dtype, **kwargs)
            return made
        made = FUNCTIONS[""][cls.__name__](*args)
        try:
            return made.to(kwargs.get("device", cls.place))
        except NoDeviceError as e:
            raise TypeError(f"type {cls!r} not available: {e}") from None

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.place}.{cls.__name__}'>"


class storage_elsewhere(type):
    """The type of storages of one dtype on one kind of device."""

    dtype: Any
    place: str

    def __instancecheck__(cls, x: object) -> bool:
        mine = isinstance(x, FUNCTIONS[""][cls.__name__])
        return mine and x.device.type == _kind(cls.place)  # type: ignore[attr-defined]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "wrap_storage" not in kwargs:  # which lies where it lies
            kwargs.setdefault("device", cls.place)
        return TypedStorage(*args, dtype=cls.dtype, **kwargs)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.place}.{cls.__name__}'>"


def typed(place: str, name: str) -> Any:
    """torch.PLACE.NAME, or AttributeError."""
    full = f"torch.{place}.{name}"
    if full not in _made:
        storage = name.endswith("Storage") and place == "cuda" and name in FUNCTIONS[""]
        if name not in _LETTERS and not storage:
            raise AttributeError(f"module 'torch.{place}' has no attribute {name!r}")
        kind: Any = storage_elsewhere if storage else elsewhere
        d = FUNCTIONS[""][name].dtype if storage else _LETTERS[name]
        facts = {"dtype": d, "place": place, "__module__": f"torch.{place}"}
        _made[full] = kind(name, (), facts)
    return _made[full]


def cuda_type(name: str) -> Any:
    """torch.cuda.NAME for a name such as FloatTensor or FloatStorage."""
    return typed("cuda", name)


def sparse_type(name: str) -> Any:
    """torch.sparse.NAME for a name such as FloatTensor."""
    return typed("sparse", name)
