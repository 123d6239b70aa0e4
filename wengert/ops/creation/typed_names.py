"""torch.FloatTensor, torch.FloatStorage and the like: a class for each dtype."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.devices import TYPES
from ...declare.registry import FUNCTIONS
from ...engine.tensor import Tensor
from .storage import TypedStorage
from .tensor import legacy_tensor


class tensortype(type):
    """The type of torch.FloatTensor and its kin: isinstance asks for the dtype."""

    dtype: Any

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, Tensor) and x.dtype is cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        return legacy_tensor(*args, device=device, dtype=cls.dtype)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def type_named(t: Any) -> tuple[Any, str | None]:
    """The dtype and the kind of device of `torch.cuda.FloatTensor` or its name; of a dtype itself,
    with no device. `torch.Tensor` has the default dtype.
    """
    if isinstance(t, dtypes.dtype):
        return t, None
    if t is Tensor:
        return dtypes.get_default_dtype(), "cpu"
    named = t
    if isinstance(t, str):
        path, _, name = t.rpartition(".")
        place = path.removeprefix("torch").removeprefix(".") or "cpu"
        t = FUNCTIONS[""].get(name)
    else:
        place = getattr(t, "place", "cpu")
    if not isinstance(getattr(t, "dtype", None), dtypes.dtype) or place not in TYPES:
        raise ValueError(f"type(): invalid type {named!r}: write 'torch.FloatTensor' or a dtype")
    return t.dtype, place


class storagetype(type):
    """The type of torch.FloatStorage and its kin."""

    dtype: Any

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, TypedStorage) and x.dtype is cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> TypedStorage:
        return TypedStorage(*args, dtype=cls.dtype, device=device)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _typed(meta: type, name: str, d: Any) -> Any:
    what = "Tensors" if name.endswith("Tensor") else "Storages"
    text = f"{what} of {d} from sizes, sequences or an array; isinstance asks for the dtype."
    text += "\n\nRaises RuntimeError where a size is negative; TypeError for what is no size, no "
    text += "sequence of numbers and no array."
    text += f"\n\ndevice: where it lies.\n\n>>> len(torch.{name}(3))\n3\n"
    text += "\n\ndevice: where the memory is; None: the CPU."
    return meta(name, (), {"dtype": d, "__module__": "torch", "__doc__": text})


for _d in dtypes.ALL:
    if _d.name not in ("uint16", "uint32", "uint64"):
        FUNCTIONS[""][f"{_d._letter}Storage"] = _typed(storagetype, f"{_d._letter}Storage", _d)
        if not _d.is_complex:
            FUNCTIONS[""][f"{_d._letter}Tensor"] = _typed(tensortype, f"{_d._letter}Tensor", _d)
