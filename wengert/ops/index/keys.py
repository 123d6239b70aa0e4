"""Keys of `x[key]`: what each of their parts means, and whether it fits the tensor."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

from ...arrays.lookup import RANK
from ...base import dtypes
from ...base.advice import advise
from ...engine.tensor import Tensor


def parse(self: Tensor, key: Any) -> tuple[str, Any, list[Tensor]]:
    """(form, key or spec, index tensors): form is 'basic' or 'advanced'."""
    keys = tuple(key) if isinstance(key, tuple) else (key,)
    if as_tuple(key):
        keys = tuple(key)
        advise(
            "Using a non-tuple sequence for multidimensional indexing is deprecated: use"
            " x[tuple(seq)] instead of x[seq], or x[torch.tensor(seq)] if one index is meant"
        )
    out: list[Any] = []
    arrays: list[Tensor] = []
    consumed = 0
    for k in keys:
        t = type(k)
        if t is int:
            out.append(k)
            consumed += 1
        elif t is slice:
            out.append(plain_slice(k))
            consumed += 1
        elif k is None or k is Ellipsis:
            out.append(k)
        elif t is bool:
            arrays.append(tensor_of(k, self))
            out.append("array")
        elif isinstance(k, Tensor):
            d = k.dtype
            single = k._a.ndim == 0 and d.category == dtypes.INTEGRAL and d is not dtypes.uint8
            if single and not RANK.get(type(k._a)):  # an interpreter's index may be many
                out.append(int(k))
                consumed += 1
                continue
            consumed += index_dims(k)
            arrays.append(k)
            out.append("array")
        elif (number := whole_number(k)) is not None:
            out.append(number)
            consumed += 1
        elif is_sequence(k):
            k = tensor_of(k, self)
            consumed += index_dims(k)
            arrays.append(k)
            out.append("array")
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables"
                f" are valid indices (got {t.__name__})"
            )
    nd = self._a.ndim
    first = next((i for i, k in enumerate(out) if k is Ellipsis), len(out))
    if Ellipsis in [k for k in out[first + 1 :] if type(k) is not slice]:
        out = single_ellipsis(out, first)
    if consumed > nd:
        if nd == 0:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or"
                " `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {nd}")
    check_bounds(self, out, arrays, consumed)
    return ("advanced" if arrays else "basic"), tuple(out), arrays


def whole_number(k: Any) -> int | None:
    """The int that k stands for, also as a number or a 0-d array of another library; else None."""
    if not hasattr(k, "__index__") or getattr(k, "ndim", None):
        return None
    try:
        return int(k.__index__())
    except TypeError:
        return None


def is_sequence(k: Any) -> bool:
    """Whether k has elements in order: a list, an array, a deque, text, but no dict."""
    t = type(k)
    return hasattr(t, "__getitem__") and hasattr(t, "__len__") and not isinstance(k, Mapping)


def as_tuple(key: Any) -> bool:
    """Whether a sequence as an index means a tuple: if it is short and holds something else than
    numbers (as in NumPy's first versions, which programs still count on).
    """
    if isinstance(key, (tuple, Tensor)) or hasattr(key, "dtype") or not is_sequence(key):
        return False
    return len(key) < 32 and any(
        k is None or k is Ellipsis or isinstance(k, (slice, Tensor)) or is_sequence(k) for k in key
    )


def single_ellipsis(keys: list[Any], first: int) -> list[Any]:
    """keys without the Ellipsis objects after the first one, which already stands for all
    dimensions that are left; IndexError if one of those is indexed again.
    """
    last = max(i for i, k in enumerate(keys) if k is Ellipsis)
    if any(k is not None for k in keys[last + 1 :]):
        raise IndexError("an index can only have a single ellipsis ('...') before its last numbers")
    return [k for i, k in enumerate(keys) if i <= first or k is not Ellipsis]


def index_is_mask(k: Tensor) -> bool:
    return k.dtype is dtypes.bool or k.dtype is dtypes.uint8


def index_dims(k: Tensor) -> int:
    """How many dimensions an index tensor consumes."""
    d = k.dtype
    if d.name == "uint8":
        advise(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool"
            " instead."
        )
    if index_is_mask(k):
        return k._a.ndim
    if d.name not in ("int64", "int32"):
        raise IndexError(
            f"tensors used as indices must be long, int, byte or bool tensors, not {d}"
        )
    return 1


def tensor_of(k: Any, like: Tensor) -> Tensor:
    """An index given as a list, an array or a bool, as a tensor."""
    from ..creation.tensor import tensor

    if type(k) is not bool and not hasattr(k, "dtype") and not isinstance(k, (str, bytes)):
        k = [v.tolist() if isinstance(v, Tensor) else v for v in k]
        if not k:
            return tensor([], dtype=int)
    t = tensor(k)
    if t.dtype.is_complex and isinstance(k, list):
        raise TypeError(
            "'complex' object cannot be interpreted as an integer: an index must be one"
        )
    return t if index_is_mask(t) else t.to(dtypes.int64)


def plain_slice(s: slice) -> slice:
    if s.step is not None and index(s.step) <= 0:
        raise ValueError("step must be greater than zero: use .flip(dim) to reverse a dimension")
    parts = (s.start, s.stop, s.step)
    if all([v is None or type(v) is int for v in parts]):
        return s
    return slice(*[None if v is None else int(index(v)) for v in parts])


def beyond(k: int, d: int, n: int) -> Exception:
    """The error for a number as an index that is none of the n of dimension d."""
    if not -(2**63) <= k < 2**63:
        return ValueError(f"Overflow when unpacking long long: the index {k}")
    return IndexError(f"index {k} is out of bounds for dimension {d} with size {n}")


def check_bounds(self: Tensor, out: list[Any], arrays: list[Tensor], consumed: int) -> None:
    """IndexError with PyTorch's words for an index beyond its dimension."""
    shape = self._a.shape
    d = 0
    it = iter(arrays)
    for k in out:
        if k is Ellipsis:
            d = len(shape) - (consumed - d)
        elif type(k) is int:
            n = shape[d]
            if not -n <= k < n:
                raise beyond(k, d, n)
            d += 1
        elif k == "array" if type(k) is str else False:
            a = next(it)
            if index_is_mask(a):
                for j, s in enumerate(a._a.shape):
                    if s != shape[d + j]:
                        raise IndexError(
                            f"The shape of the mask {list(a._a.shape)} at index {j} does not match"
                            f" the shape of the indexed tensor {list(shape)} at index {d + j}"
                        )
                d += a._a.ndim
            else:
                d += 1
        elif k is not None:
            d += 1
