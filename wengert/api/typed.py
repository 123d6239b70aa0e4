"""Typed constructors of other places: torch.cuda.FloatTensor, torch.sparse.FloatTensor.

Those of the CPU (torch.FloatTensor) are in `ops/creation/storage.py`.
"""

from __future__ import annotations

from typing import Any

from ..base import dtypes
from ..base.devices import STANDS_FOR
from ..base.errors import NoDeviceError
from ..declare.registry import FUNCTIONS
from ..engine.tensor import Tensor

_LETTERS = {f"{d._letter}Tensor": d for d in dtypes.ALL if not d.is_complex}
_made: dict[str, Any] = {}


class elsewhere(type):
    """The type of constructors of one dtype in one place; isinstance asks for both."""

    dtype: Any
    place: str

    def __instancecheck__(cls, x: object) -> bool:
        if not isinstance(x, Tensor) or x.dtype is not cls.dtype:
            return False
        if cls.place == "sparse":
            return bool(x.is_sparse)
        return x.device.type == STANDS_FOR.get(cls.place, cls.place)

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        if cls.place == "sparse":
            made: Tensor = FUNCTIONS[""]["sparse_coo_tensor"](*args, dtype=cls.dtype, **kwargs)
            return made
        made = FUNCTIONS[""][cls.__name__](*args)
        try:
            return made.to(kwargs.get("device", cls.place))
        except NoDeviceError as e:
            raise TypeError(f"type {cls!r} not available: {e}") from None

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.place}.{cls.__name__}'>"


def typed(place: str, name: str) -> Any:
    """torch.PLACE.NAME, or AttributeError."""
    full = f"torch.{place}.{name}"
    if name not in _LETTERS:
        raise AttributeError(f"module 'torch.{place}' has no attribute {name!r}")
    if full not in _made:
        facts = {"dtype": _LETTERS[name], "place": place, "__module__": f"torch.{place}"}
        _made[full] = elsewhere(name, (), facts)
    return _made[full]


def cuda_type(name: str) -> Any:
    """torch.cuda.NAME for a name such as FloatTensor."""
    return typed("cuda", name)


def sparse_type(name: str) -> Any:
    """torch.sparse.NAME for a name such as FloatTensor."""
    return typed("sparse", name)
