"""torch.FloatTensor, torch.FloatStorage and the like: a class for each dtype."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.devices import TYPES
from ...declare.registry import FUNCTIONS
from ...engine.tensor import Tensor
from .buffers import from_file
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

    is_cuda = is_sparse = False

    def __call__(cls, *args: Any, wrap_storage: Any = None, **others: Any) -> TypedStorage:
        if others:
            raise RuntimeError(f"{cls.__name__}(): {', '.join(others)} cannot be specified")
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)

    def from_buffer(cls, *args: Any, **options: Any) -> TypedStorage:
        """TypedStorage.from_buffer in the dtype of the class."""
        if "dtype" in options:
            raise RuntimeError(
                "from_buffer: 'dtype' can only be specified in UntypedStorage.from_buffer and "
                "TypedStorage.from_buffer"
            )
        return TypedStorage.from_buffer(*args, dtype=cls.dtype, **options)

    def from_file(cls, filename: Any, shared: bool, size: int) -> TypedStorage:
        """TypedStorage.from_file in the dtype of the class."""
        return TypedStorage(_memory=from_file(filename, shared, size, dtype=cls.dtype))

    def _new_shared(cls, size: int) -> TypedStorage:
        return TypedStorage([0] * size, dtype=cls.dtype).share_memory_()

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _typed(meta: type, name: str, d: Any) -> Any:
    what = "Tensors" if name.endswith("Tensor") else "Storages"
    text = f"{what} of {d} from sizes, sequences or an array; isinstance asks for the dtype."
    text += "\n\nRaises RuntimeError where a size is negative; TypeError for what is no size, no "
    text += "sequence of numbers and no array."
    tensors = what == "Tensors"
    text += "\n\ndevice: where it lies." if tensors else "\n\nwrap_storage: bytes to use."
    text += f"\n\n>>> len(torch.{name}(3))\n3\n"
    return meta(name, (), {"dtype": d, "__module__": "torch", "__doc__": text})


for _d in dtypes.ALL:
    if _d.name not in ("uint16", "uint32", "uint64"):
        FUNCTIONS[""][f"{_d._letter}Storage"] = _typed(storagetype, f"{_d._letter}Storage", _d)
        if not _d.is_complex:
            FUNCTIONS[""][f"{_d._letter}Tensor"] = _typed(tensortype, f"{_d._letter}Tensor", _d)
