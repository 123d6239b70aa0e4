"""Tensors from data (numbers, lists, arrays), and conversion of dtype and device."""

from __future__ import annotations

from numbers import Integral
from operator import index
from typing import Any

from ...arrays.lookup import NS, is_array
from ...base import dtypes
from ...base.advice import advise
from ...base.devices import device
from ...base.modes import state
from ...declare.registry import FUNCTIONS, public
from ...engine.tensor import Tensor, wrap
from ..math.unary import astype
from .filled import empty, finish, scalar_dtype, space

READERS: dict[str, Any] = {}  # name of a type -> f(object), for asarray; entered by the interop


def infer(data: Any) -> Any:
    """The dtype of nested Python data."""
    best = None
    stack = [data]
    while stack:
        v = stack.pop()
        if isinstance(v, (list, tuple)):
            stack.extend(v)
            continue
        if hasattr(v, "dtype"):  # numbers of NumPy's have their dtypes, too
            d = dtypes.as_dtype(v.dtype)
            if not isinstance(v, Tensor) and v is not data and is_array(v) and v.ndim:
                advise(
                    "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please"
                    " consider converting the list to a single numpy.ndarray with numpy.array()"
                    " before converting to a tensor.",
                    once=True,
                )
        elif isinstance(v, (bool, int, float, complex)):
            d = scalar_dtype(v)
        else:
            return None
        best = d if best is None else dtypes.promote_types(best, d)
    return best or dtypes.get_default_dtype()


def plain(data: Any) -> Any:
    """Nested data with tensors replaced by their values."""
    if isinstance(data, Tensor):
        if data._a.size != 1:
            whole = data.dtype.category == dtypes.INTEGRAL
            raise (TypeError if whole else ValueError)(  # as PyTorch's
                "only one element tensors can be converted to Python scalars"
            )
        return data.item()
    if isinstance(data, (list, tuple)):
        return (
            [plain(v) for v in data]
            if any(isinstance(v, (Tensor, list, tuple)) for v in data)
            else data
        )
    return data


FLOATS = {dtypes.float32, dtypes.float64}
HOST: list[Any] = []  # the CPU's function that makes arrays, once it was asked for


def of_numbers(data: Any, dtype: Any) -> Any:
    """The CPU array of a number, a list of numbers, or a list of lists of one length, in the dtype
    that these alone decide, or in a plain float dtype; None for all else.
    """
    t = type(data)
    if t is list or t is tuple:
        if not data:
            return None
        kinds = {*map(type, data)}
        if kinds == LISTS:
            if len({*map(len, data)}) > 1 or not data[0]:
                return None
            kinds = set()
            for row in data:
                kinds.update(map(type, row))
    else:
        kinds = {t}
    if float in kinds and kinds <= NUMBERS:
        d = dtypes.get_default_dtype() if dtype is None else dtype
    elif kinds == INTS:
        d = dtypes.int64 if dtype is None else dtype
    else:
        return None
    if d not in FLOATS and (d is not dtypes.int64 or float in kinds):
        return None
    if not HOST:
        HOST.append(space("cpu").library.array)
    try:
        return HOST[0](data, d.np)
    except (OverflowError, ValueError, TypeError):
        return None


NUMBERS, INTS, LISTS = {float, int}, {int}, {list}


@public(
    "tensor(any data, *, ScalarType? dtype=None, Device? device=None, "
    "bool requires_grad=False, bool pin_memory=False)",
    method=False,
)
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of data: a number, nested lists, an array.

    Raises ValueError for nested lists of unequal lengths, RuntimeError where no dtype follows from
    data.

    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if device is None and state.default_device is None:
        a = of_numbers(data, dtype)
        if a is not None:
            return finish(a, requires_grad)
    if isinstance(data, Tensor):
        advise(
            "To copy construct from a tensor, it is recommended to use"
            " sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True),"
            " rather than torch.tensor(sourceTensor).",
        )
        t = data.detach().clone()
        return t.to(device=device, dtype=dtype).requires_grad_(requires_grad)
    if hasattr(data, "read_as"):  # a storage: PyTorch shares its memory here too
        return data.read_as(dtype).to(device=device).requires_grad_(requires_grad)
    xp = space(device)
    a = from_data(xp, data, dtype)
    return finish(a if type(a) is xp.array_type else xp.from_host(a), requires_grad)


def from_data(xp: Any, data: Any, dtype: Any) -> Any:
    """A raw array with a copy of data."""
    if (
        hasattr(data, "dtype")
        and is_array(data)
        or hasattr(data, "__array__")
        and not isinstance(data, Tensor)
    ):
        a = xp.library.array(data)
        if a.dtype not in dtypes.BY_NP:
            from ...base.columns import strangers

            if wrong := strangers(data):
                raise TypeError(f"tensor(): {wrong}")
        dtypes.of_array(a.dtype)
        if dtype is not None and not hasattr(data, "__setitem__"):  # a NumPy number
            convertible(data, dtypes.as_dtype(dtype))
        if state.capture is not None:
            state.capture.stop("data of another library becomes a tensor", "pass it as an argument")
        return a if dtype is None else xp.astype(a, dtypes.as_np(dtype))
    given = data
    data = listed(data)
    if dtype is None:
        d = infer(given if isinstance(given, (list, tuple)) else data) or infer(data)
        if d is None:
            refuse(data)
    else:
        d = dtypes.as_dtype(dtype)
    if isinstance(data, (list, tuple)):
        check_nesting(data)
    if dtype is not None:
        convertible(data, d)
    if isinstance(data, (list, tuple)):
        data = plain(data)
    elif not isinstance(data, (bool, int, float, complex)):
        if not hasattr(data, "__len__"):
            refuse(data)
        data = list(data)
    if isinstance(data, int) and d.category == dtypes.INTEGRAL:
        if d.name != "uint64" and not -(2**63) <= data < 2**63:
            raise ValueError("Overflow when unpacking long long")
        return xp.scalar(dtypes.converted(data, d), d.np)
    try:
        given = infer(data) if d.category in (dtypes.INTEGRAL, dtypes.FLOATING) else None
        if given is not None and given.is_complex:
            wanted = "real number" if d.is_floating_point else "int"
            raise TypeError(f"must be {wanted}, not complex")
        if d.category == dtypes.INTEGRAL:
            a = xp.library.array(data)
            if a.dtype.kind == "f" and a.size == 0:
                return a.astype(d.np)
            if a.dtype.kind == "O" or (a.dtype.kind == "u" and d.name != "uint64"):
                raise OverflowError
            if a.size and a.dtype.kind in "iuf" and not fits(a, d):
                raise RuntimeError(f"value cannot be converted to type {d.name} without overflow")
            return xp.astype(a, d.np)
        a = xp.library.array(data, dtype=d.np if d.itemsize > 2 else None)
        return a if a.dtype == d.np else xp.astype(a, d.np)  # ints need not fit in int64
    except OverflowError:
        raise ValueError("Overflow when unpacking long long") from None
    except ValueError as error:
        if "Overflow" in str(error):
            raise
        refuse(data)


def fits(a: Any, d: dtypes.dtype) -> bool:
    """Whether all numbers of an array can become integers of a dtype. Negative integers count from
    the top of an unsigned one; negative floats do not.
    """
    info = dtypes.iinfo(d)
    if a.dtype.kind == "f":
        return bool((a >= info.min).all() and (a <= info.max).all() and a.max() < float(2**64))
    return int(a.max()) <= info.max and int(a.min()) >= lowest(d)


def convertible(data: Any, d: dtypes.dtype) -> None:
    """TypeError where an element is of a type that Python would not convert to such a number."""
    if isinstance(data, (list, tuple)):
        if data and isinstance(data[0], str):
            raise ValueError(f"too many dimensions 'str': got the text {data[0]!r} in a sequence")
        for v in data:
            if type(v) not in NUMERIC:
                convertible(v, d)
        return
    if isinstance(data, NUMERIC) or is_row(data):
        return
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}': got {data!r}")
    if isinstance(data, Tensor) and data.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    if d.is_complex:
        complex(data)
    elif d.is_floating_point:
        float(data)
    elif d is not dtypes.bool or type(data).__name__ not in ("bool", "bool_"):  # NumPy's
        index(data)


def listed(data: Any) -> Any:
    """Nested data with all sequences (ranges, deques, buffers, arrays, classes of the user) as
    lists; texts, numbers, tensors and what is no sequence as they are.
    """
    if isinstance(data, (list, tuple)):
        odd = any([not isinstance(v, NUMERIC) for v in data])
        return [listed(v) for v in data] if odd else data
    if isinstance(data, (*NUMERIC, Tensor, str, bytes, dict, set)) or data is None:
        return data
    if hasattr(data, "dtype") and is_array(data):
        return data
    if not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        return data
    return [listed(data[i]) for i in range(len(data))]


NUMERIC = (bool, int, float, complex)


def lowest(d: dtypes.dtype) -> int:
    """The smallest number that an integer dtype takes: unsigned ones count it from the top."""
    info = dtypes.iinfo(d)
    return info.min or -info.max


def is_row(x: Any) -> bool:
    """Whether x counts as a list of numbers inside of a list: arrays with dimensions do."""
    return isinstance(x, (list, tuple)) or (
        getattr(x, "ndim", 0) > 0 and is_array(x) and not isinstance(x, Tensor)
    )


def check_nesting(data: Any, depth: int = 0) -> None:
    """ValueError with PyTorch's words for ragged lists."""
    if not isinstance(data, (list, tuple)) or not data:
        return
    first = data[0]
    if is_row(first):
        for v in data:
            got = len(v) if hasattr(v, "__len__") else -1
            if got not in (-1, len(first)):
                raise ValueError(
                    f"expected sequence of length {len(first)} at dim {depth + 1} (got {got})"
                )
            if not is_row(v):
                raise TypeError(
                    f"expected sequence of length {len(first)} at dim {depth + 1}, got"
                    f" {type(v).__name__}"
                )
            check_nesting(v, depth + 1)
    elif not isinstance(first, Tensor):
        for v in data:
            if is_row(v):
                raise TypeError(
                    f"not a sequence: {type(first).__name__} beside a {type(v).__name__} at dim"
                    f" {depth}"
                )


def written(value: Any, into: Tensor) -> Any:
    """A number as a tensor, for into[key] = value. TypeError for what is no number, ValueError for
    integers beyond 64 bits, RuntimeError for numbers beyond the dtype.
    """
    d = into.dtype
    if not isinstance(value, (float, complex, Integral)):
        t = type(value)
        name = (
            t.__qualname__
            if t.__module__ in ("builtins", "__main__")
            else (f"{t.__module__}.{t.__qualname__}")
        )
        raise TypeError(f"can't assign a {name} to a {into.type()}: write torch.as_tensor(value)")
    if isinstance(value, Integral) and not isinstance(value, bool):
        value = int(value)
        if not -(2**63) <= value < (2**64 if d is dtypes.uint64 else 2**63):
            raise ValueError(f"Overflow when unpacking long long: {value}")
    if d.itemsize > 2 or not d.is_floating_point:  # half precision becomes infinite
        value = dtypes.converted(value, d)
    return tensor(value, dtype=d)


def refuse(data: Any) -> Any:
    """The error for data that cannot become a tensor."""
    if isinstance(data, (list, tuple)):
        stack, first = list(data), True
        while stack:
            v = stack.pop(0)
            if isinstance(v, (list, tuple)):
                stack = list(v) + stack
                continue
            if isinstance(v, (str, bytes)):
                if first and isinstance(v, str):
                    raise ValueError(f"too many dimensions 'str': tensor() got the text {v!r}")
                raise TypeError(f"new(): invalid data type '{type(v).__name__}': got {v!r}")
            first = False
            if not isinstance(v, (int, float, complex)):
                raise RuntimeError(
                    f"Could not infer dtype of {type(v).__name__}: an element must be a number or"
                    " a list"
                )
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if data is None or not isinstance(data, (list, tuple)):
        raise RuntimeError(
            f"Could not infer dtype of {type(data).__name__}: pass numbers, nested lists or an"
            " array"
        )
    raise TypeError(f"tensor(): can't convert {type(data).__name__}")


@public("as_tensor(any data, ScalarType? dtype=None, Device? device=None)", method=False)
def as_tensor(data, dtype=None, device=None):
    """data as a tensor, sharing its memory where possible.

    Raises RuntimeError where no dtype follows from data, ValueError for nested lists of unequal
    lengths.

    >>> torch.as_tensor([1., 2.])
    tensor([1., 2.])
    """
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    if hasattr(data, "__setitem__") and hasattr(data, "dtype") and is_array(data):
        dtypes.of_array(data.dtype)
        return wrap(NS[type(data)].asarray(data)).to(device=device, dtype=dtype)
    return tensor(data, dtype=dtype, device=device)


@public(
    "asarray(any obj, *, ScalarType? dtype=None, Device? device=None, bool? copy=None, "
    "bool? requires_grad=None)",
    method=False,
)
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """obj as a tensor; copy=True forces a copy, False forbids one. requires_grad: None keeps obj's.

    Raises RuntimeError where no dtype follows from obj, ValueError where copy=False cannot be kept.

    >>> torch.asarray([1, 2])
    tensor([1, 2])
    """
    if isinstance(obj, Tensor):
        t = obj
    elif hasattr(obj, "read_as"):
        t = obj.read_as(dtype)
    elif type(obj).__name__ in READERS:
        t = READERS[type(obj).__name__](obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)):  # numbers as they lie in memory
        d = dtype or dtypes.get_default_dtype()
        t = FUNCTIONS[""]["frombuffer"](obj, dtype=d)
    elif hasattr(obj, "__setitem__") and hasattr(obj, "dtype"):
        t = as_tensor(obj)
    elif copy is False:
        if hasattr(obj, "dtype"):
            raise RuntimeError("asarray: can't alias NumPy scalars: leave copy=False out")
        raise ValueError("asarray: can't alias a number or a sequence: leave copy=False out")
    else:
        t = as_tensor(obj, dtype=dtype)
    out = t.to(device=device, dtype=dtype)
    if copy and out._a is t._a:
        out = out.clone()
    if copy is False and out._a is not t._a:
        raise ValueError(
            "asarray: can't alias the object (copy=False) with another dtype or device"
        )
    if requires_grad is None:
        if t._n is not None:
            advise(
                "torch.asarray: requires_grad is by default that of the object: pass"
                " requires_grad=False for a tensor off the graph.",
                once=True,
            )
        return out
    if not requires_grad:
        return out.detach() if out._n is not None else out
    return out if out._n is not None else out.requires_grad_()


def legacy_tensor(*args: Any, size: Any = None, device: Any = None, dtype: Any = None) -> Tensor:
    """torch.Tensor(2, 3) (arbitrary contents) and torch.Tensor([1, 2]) in the default dtype."""
    d = dtypes.as_dtype(dtype) if dtype is not None else dtypes.get_default_dtype()
    if size is not None:
        args = tuple(size)
    if not args:
        return empty(0, dtype=d, device=device)
    x = args[0]
    name = type(x).__name__
    if len(args) == 1:
        if isinstance(x, Tensor):
            if dtype is not None and x.dtype is not d:
                raise TypeError(f"new(): expected a tensor of {d}, got {x.dtype}: use .to({d})")
            return x.detach()
        if hasattr(x, "read_as"):  # a storage
            return x.read_as(d)
        if isinstance(x, (list, tuple)) and name != "Size":
            if any([v is None for v in x]):
                raise TypeError("must be real number, not NoneType")
            return tensor(x, dtype=d, device=device)
        if hasattr(x, "ndim") and (
            x.ndim or hasattr(x, "__setitem__") and x.dtype.kind not in "iu"
        ):
            return tensor(
                x, dtype=d, device=device
            )  # arrays; integers without dimensions are sizes
        row = hasattr(x, "__len__") and hasattr(x, "__getitem__")  # a range, for one
        if row and not (isinstance(x, (str, dict)) or hasattr(x, "ndim") or name == "Size"):
            return tensor(list(x), dtype=d, device=device)
    if name == "Size":
        args = tuple(x)
    try:
        if any([isinstance(v, bool) for v in args]):
            raise TypeError("a bool is no size")
        sizes = [index(v) for v in args]  # NumPy's integers are sizes, too
    except TypeError:
        raise TypeError(
            f"new(): data must be a sequence (got {name}): use torch.tensor(...)"
        ) from None
    return empty(*sizes, dtype=d, device=device)


def convert(t: Tensor, dtype: Any = None, dev: Any = None, copy: bool = False) -> Tensor:
    """t in a dtype on a device; t itself if nothing changes and no copy is asked for."""
    out = t
    if dtype is not None and (d := dtypes.as_dtype(dtype)).np is not t._a.dtype:
        whole = not d.is_inexact and t._n is not None
        out = astype.entry(t.detach() if whole else t, d.np)
    if dev is not None:
        here, target = out.device, dev if type(dev) is device else device(dev)
        if target is not here and target != here:
            from .to_device import to_device

            out = to_device(out, target)
    if copy and out is t:
        return t.clone()
    return out


def view_dtype(self: Tensor, dtype: Any) -> Tensor:
    """The same memory read as another dtype."""
    d = dtypes.as_np(dtype)
    a = self._a
    if d == a.dtype:
        return self.view(self.shape)
    if a.ndim == 0 and d.itemsize != a.dtype.itemsize:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {dtypes.BY_NP[a.dtype].name} as {dtypes.BY_NP[d].name}"
            " (different element sizes)"
        )
    try:
        return wrap(a.view(d))
    except ValueError:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {d.itemsize // a.dtype.itemsize} to view "
            f"{self.dtype} as {dtypes.BY_NP[d]} (different element sizes), but got {a.shape[-1]}"
        ) from None


@public(
    "Tensor.new_tensor(Tensor self, any data, *, ScalarType? dtype=None, "
    "Device? device=None, bool requires_grad=False, Layout? layout=None, "
    "bool pin_memory=False)"
)
def new_tensor(
    self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
):
    """tensor(data) with the dtype and device of self.

    Raises ValueError for nested lists of unequal lengths, RuntimeError where no dtype follows from
    data.

    >>> torch.ones(2).new_tensor([3, 4])
    tensor([3., 4.])
    """
    return tensor(
        data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad
    )
