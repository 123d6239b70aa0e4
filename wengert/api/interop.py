"""Tensors among other Python objects: NumPy, numbers, sequences, copy and pickle.

DLPack is in `dlpack.py`, how a tensor prints in `printing.py`; tensors are made from nested lists
in `ops/creation/filled.py`, files are read and written in `io/`.
"""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays.lookup import INTERPRETER, NS, RANK
from ..base import dtypes
from ..base.advice import advise
from ..base.modes import state
from ..declare.registry import public
from ..engine.tensor import Tensor, wrap
from . import functions as T
from .dlpack import DLDeviceType, Memory, attach, from_dlpack, named, plain
from .operators import tensor_like

__all__ = ["DLDeviceType", "from_dlpack", "from_numpy", "host"]


def host(a: Any) -> Any:
    """The NumPy array of a raw array's values: itself on the CPU, a copy from elsewhere."""
    if type(a) is np.ndarray:
        return a
    if RANK.get(type(a)) == INTERPRETER:
        return host(a.readable(".numpy() or .tolist()"))
    return wrap(a).to("cpu")._a


# --- NumPy -------------------------------------------------------------------------------------


@public("from_numpy(any ndarray)", method=False)
def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the memory of a NumPy array, whatever its strides.

    Args:
        ndarray: an array of a numeric dtype (or ml_dtypes' bfloat16) in the machine's byte order.

    Raises TypeError for anything but an array and for dtypes that tensors do not have, ValueError
    for a foreign byte order and for strides that fall between elements.

    >>> from_numpy(np.arange(3.0))
    tensor([0., 1., 2.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(
            f"expected np.ndarray (got {named(ndarray)}): from_numpy() takes arrays, "
            "torch.tensor(...) takes numbers and lists"
        )
    d = ndarray.dtype
    dtypes.of_array(d)
    flags = ndarray.flags
    if not flags.c_contiguous and any(s % d.itemsize for s in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size "
            f"({ndarray.strides} for elements of {d.itemsize} bytes). "
            "Copy the numpy array to reallocate the memory: from_numpy(a.copy())"
        )
    if not flags.writeable:
        advise(
            "The given NumPy array is not writable: changing this tensor in place will raise an "
            "error. Copy the array, or make it writable before converting it to a tensor.",
        )
    whole = ndarray.base
    if isinstance(whole, np.ndarray) and ndarray.nbytes < whole.nbytes:
        # Part of an array: it alone becomes the storage, so copy and pickle leave the rest behind.
        ndarray = np.asarray(Memory(ndarray, flags.writeable)).view(d)
    return wrap(plain(ndarray))


def _exported(t: Tensor) -> Any:
    """The NumPy array of t's memory, or the error that PyTorch raises when there is none."""
    a = t._a
    if t._n is not None and state.grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if type(a) is not np.ndarray:
        kind = t.device.type
        if kind == "cpu":
            return host(a)
        raise TypeError(
            f"can't convert {t.device} device type tensor to numpy. "
            "Use Tensor.cpu() to copy the tensor to host memory first."
        )
    if a.dtype is _BFLOAT16 or a.dtype is _COMPLEX32:
        name, word = ("BFloat16", "float") if a.dtype is _BFLOAT16 else ("ComplexHalf", "cfloat")
        raise TypeError(
            f"Got unsupported ScalarType {name}: NumPy has no such dtype. Use "
            f"tensor.{word}().numpy()."
        )
    return a


_BFLOAT16, _COMPLEX32 = dtypes.bfloat16.np, dtypes.complex32.np


@public("Tensor.numpy(Tensor self, *, bool force=False) -> ndarray")
def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The NumPy array that shares this tensor's memory.

    Args:
        force: detach and copy from another device first, where sharing is not possible.

    Raises RuntimeError for tensors that require grad, TypeError for other devices and bfloat16.

    >>> torch.arange(3).numpy()
    array([0, 1, 2])
    """
    if force:
        return host(self._a).view()
    return _exported(self).view()


@attach
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """What np.asarray(tensor) gives: shared memory, unless dtype or copy ask for a copy."""
    a = _exported(self)
    if dtype is not None:
        want = dtypes.as_np(dtype) if isinstance(dtype, dtypes.dtype) else np.dtype(dtype)
        if want != a.dtype:
            if copy is False:
                raise ValueError(
                    f"np.asarray(): a {self.dtype} tensor cannot become an array of {want} without "
                    "a copy: leave copy=False away"
                )
            return a.astype(want)
    return a.copy() if copy else a.view()


@attach
def __array_wrap__(
    self: Tensor, array: Any, context: Any = None, return_scalar: bool = False
) -> Any:
    """NumPy functions that work on any array call this to give back a tensor."""
    return wrap(plain(np.asarray(array)))


# Ranks tensors above arrays for libraries that still ask.
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]

# NumPy's ufunc -> the function on tensors with the same meaning. Operators between an array and a
# tensor come here too.
_UFUNCS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "true_divide",
    "true_divide": "true_divide", "floor_divide": "floor_divide", "remainder": "remainder",
    "fmod": "fmod", "power": "pow", "float_power": "float_power", "matmul": "matmul",
    "negative": "neg", "positive": "positive", "absolute": "abs", "sign": "sign", "exp": "exp",
    "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10",
    "log1p": "log1p", "sqrt": "sqrt", "square": "square", "reciprocal": "reciprocal",
    "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "arctan2": "atan2", "hypot": "hypot",
    "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "round", "conjugate": "conj",
    "isnan": "isnan", "isfinite": "isfinite", "isinf": "isinf", "signbit": "signbit",
    "maximum": "maximum", "minimum": "minimum", "fmax": "fmax", "fmin": "fmin",
    "logaddexp": "logaddexp", "logaddexp2": "logaddexp2", "copysign": "copysign",
    "heaviside": "heaviside", "nextafter": "nextafter", "gcd": "gcd", "lcm": "lcm",
    "deg2rad": "deg2rad", "rad2deg": "rad2deg", "greater": "gt", "greater_equal": "ge",
    "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor",
    "logical_not": "logical_not", "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or",
    "bitwise_xor": "bitwise_xor", "invert": "bitwise_not", "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
}  # fmt: skip
# The operator of the tensor on the right: as fast as with a Python number on the left.
_REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
    "true_divide": "__rtruediv__", "floor_divide": "__rfloordiv__", "remainder": "__rmod__",
    "power": "__rpow__", "matmul": "__rmatmul__",
}  # fmt: skip
_FUNCTIONS: dict[Any, Any] = {}
# What takes no numbers, though NumPy's functions do.
_OF_TENSORS = {
    "arctan2", "hypot", "maximum", "minimum", "fmax", "fmin", "logaddexp", "logaddexp2",
    "heaviside", "nextafter", "gcd", "lcm", "logical_and", "logical_or", "logical_xor",
}  # fmt: skip


@attach
def __array_ufunc__(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """np.sin(tensor), array + tensor, array *= tensor.

    Operators and functions that tensors have too are computed by those, so they are recorded and
    follow PyTorch's dtypes. The rest, and all that names out=, dtype= or where=, is computed by
    NumPy and becomes a tensor again, unless out= says where it goes.
    """
    if method == "__call__" and not kwargs:
        name = _REFLECTED.get(ufunc.__name__)
        if name and inputs[1] is self and not isinstance(inputs[0], Tensor):
            return getattr(self, name)(_operand(inputs[0]))
        f: Any = _FUNCTIONS.get(ufunc)
        if f is None:
            word = _UFUNCS.get(ufunc.__name__)
            f = _FUNCTIONS[ufunc] = getattr(T, word) if word else False
        # Functions of one integer or half-precision array have NumPy's result dtype, as in PyTorch.
        if f and (len(inputs) > 1 or self._n is not None or type(self._a) is not np.ndarray):
            operands = list(map(_operand, inputs))
            if ufunc.__name__ in _OF_TENSORS or not isinstance(operands[0], Tensor):
                operands = [tensor_like(x, self) for x in operands]
            return f(*operands)
    arrays = [_exported(x) if isinstance(x, Tensor) else x for x in inputs]
    out = kwargs.get("out", ())
    if any(isinstance(o, Tensor) for o in out):
        raise TypeError(
            f"np.{ufunc.__name__}: return arrays must be of ArrayType: out= cannot be a tensor; "
            "use out=tensor.numpy()"
        )
    result = getattr(ufunc, method)(*arrays, **kwargs)
    if out or result is None:
        return result
    if type(result) is tuple:
        return tuple([wrap(plain(np.asarray(r))) for r in result])
    return wrap(plain(np.asarray(result)))


def _operand(x: Any) -> Any:
    """An operand of a NumPy function as one of ours: arrays as tensors, scalars as numbers."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray):
        return wrap(plain(x))
    return x.item() if isinstance(x, np.generic) else x


# --- Python numbers ----------------------------------------------------------------------------


def _scalar(t: Tensor) -> Any:
    """The Python number in a tensor of one element."""
    a = t._a
    if type(a) is not np.ndarray:
        if t.device.type == "meta":
            raise RuntimeError(
                "Tensor.item() cannot be called on meta tensors: they have shapes, but no values"
            )
        a = (
            a if RANK.get(type(a)) == INTERPRETER else host(a)
        )  # interpreters explain why they have no value
    return a.item()


@public("Tensor.item(Tensor self) -> Scalar")
def item(self: Tensor) -> Any:
    """The Python number in a tensor of one element, of any shape.

    Raises RuntimeError where there are more, or none.

    >>> from_numpy(np.ones((1, 1))).item()
    1.0
    """
    if self._a.size != 1:
        raise RuntimeError(f"a Tensor with {self._a.size} elements cannot be converted to Scalar")
    return _scalar(self)


@public("Tensor.tolist(Tensor self) -> any")
def tolist(self: Tensor) -> Any:
    """The values as nested Python lists; a Python number for a tensor without dimensions.

    Raises NotImplementedError on the meta device.

    >>> from_numpy(np.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return host(self._a).tolist()


@attach
def __bool__(self: Tensor) -> bool:
    """Whether the only element is not zero."""
    a = self._a
    if a.size != 1:
        what = "more than one value" if a.size else "no values"
        raise RuntimeError(
            f"Boolean value of Tensor with {what} is ambiguous (shape {tuple(a.shape)}): "
            "use .any() or .all()"
        )
    return bool(a.item() if type(a) is np.ndarray else _scalar(self))


def _number(t: Tensor, convert: Callable[[Any], Any]) -> Any:
    if t._a.size != 1:
        raise ValueError(
            "only one element tensors can be converted to Python scalars; "
            f"this one has shape {tuple(t._a.shape)}"
        )
    value = _scalar(t)
    if type(value) is complex and convert is not complex:
        if value.imag:
            raise RuntimeError(
                f"value cannot be converted to type {convert.__name__} without overflow: {value} "
                "has an imaginary part; take .real first"
            )
        value = value.real
    return convert(value)


@attach
def __int__(self: Tensor) -> int:
    """The only element as an int, rounded towards zero."""
    return _number(self, int)


@attach
def __float__(self: Tensor) -> float:
    """The only element as a float."""
    if self._n is not None:
        advise(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected"
            " behavior. Consider using tensor.detach() first.",
            once=True,
        )
    return _number(self, float)


@attach
def __complex__(self: Tensor) -> complex:
    """The only element as a complex number."""
    return _number(self, complex)


@attach
def __index__(self: Tensor) -> int:
    """The only element of an integer tensor where Python wants an int: list[t], range(t)."""
    a = self._a
    if a.size != 1 or dtypes.BY_NP[a.dtype].is_inexact:
        raise TypeError(
            "only integer tensors of a single element can be converted to an index; this one is "
            f"{self.dtype} of shape {tuple(a.shape)}"
        )
    return int(_scalar(self))


# --- sequences ---------------------------------------------------------------------------------


@attach
def __len__(self: Tensor) -> int:
    """The size of the first dimension."""
    if not self._a.ndim:
        raise TypeError("len() of a 0-d tensor")
    return int(self._a.shape[0])


@attach
def __iter__(self: Tensor) -> Iterator[Tensor]:
    """The slices along the first dimension."""
    if not self._a.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(T.unbind(self, 0))


@attach
def __reversed__(self: Tensor) -> Tensor:
    """The tensor with its first dimension reversed."""
    return T.flip(self, (0,)) if self._a.ndim else self


@attach
def __contains__(self: Tensor, element: Any) -> bool:
    """Whether any element equals a number, or the part of a tensor that it is compared with.

    element: a number, or a tensor that broadcasts against this one.
    """
    if not isinstance(element, (Tensor, numbers.Number)):
        raise RuntimeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )
    return bool(T.any(T.eq(self, element)))


@attach
def __dir__(self: Tensor) -> list[str]:
    """Names for completion: without the internals."""
    return sorted(n for n in object.__dir__(self) if n not in ("_a", "_n", "_x"))


# --- copy and pickle ---------------------------------------------------------------------------


def _storage(a: np.ndarray) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    """(array that holds a's memory, how a lies in it); the second is None where a is all of it.

    Tensors that share memory give the same array, so whatever keeps track of objects (a pickle,
    deepcopy's memo) keeps them sharing.
    """
    whole = a.base if type(a.base) is np.ndarray else a
    flags = whole.flags
    if not a.size or not (flags.c_contiguous or flags.f_contiguous):
        return a.copy(order="K"), None
    if whole is a or (whole.shape, whole.strides, whole.dtype) == (a.shape, a.strides, a.dtype):
        return whole, None
    offset = a.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return whole, (a.shape, a.dtype, offset, a.strides)


def _placed(whole: np.ndarray, layout: tuple[Any, ...] | None) -> np.ndarray:
    """The array that `_storage` took apart."""
    if layout is None:
        return whole
    shape, d, offset, strides = layout
    return np.ndarray(shape, d, whole.ravel("K").view(np.uint8), offset, strides)


def rebuild(
    cls: type[Tensor] | None, whole: np.ndarray, layout: Any, requires_grad: bool, device: str
) -> Tensor:
    """What a pickled tensor is made of again; cls is None for Tensor itself."""
    t = object.__new__(cls or Tensor)
    t._a = _placed(whole, layout)
    t._n = t._x = None
    if device != "cpu":
        t._a = wrap(t._a).to(device)._a
    return t.requires_grad_() if requires_grad else t


@attach
def __reduce_ex__(self: Tensor, protocol: Any) -> Any:
    """How to pickle: values, layout, requires_grad and attributes; shared memory stays shared."""
    if hasattr(self._a, "facts"):
        return self._a.reduced(self)
    whole, layout = _storage(host(self._a))
    # Tensor calls itself torch.Tensor, where pickle would not find it.
    cls = None if type(self) is Tensor else type(self)
    facts = (cls, whole, layout, self._n is not None, str(self.device))
    return rebuild, facts, self.__dict__ or None


@attach
def __copy__(self: Tensor) -> Tensor:
    """Another tensor over the same memory, with this one's attributes and requires_grad."""
    t = object.__new__(type(self))
    t._a = self._a.view() if type(self._a) is np.ndarray else self._a
    t._n = t._x = None
    t.__dict__.update(self.__dict__)
    return t.requires_grad_() if self._n is not None else t


@attach
def __deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A tensor with copies of the values, the gradient and the attributes; only for leaves."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            f"protocol at the moment. This one was computed by {self.grad_fn.name()}: "
            "copy it with .detach().clone()."
        )
    t = object.__new__(type(self))
    memo[id(self)] = t
    a = self._a
    t._n = t._x = None
    if type(a) is np.ndarray:
        whole, layout = _storage(a)
        t._a = _placed(copy.deepcopy(whole, memo), layout)
    else:
        t._a = NS[type(a)].copy(a)
    if self._n is not None:
        t.requires_grad_()
    if self.grad is not None:
        t.grad = copy.deepcopy(self.grad, memo)
    t.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return t
