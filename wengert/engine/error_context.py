"""Errors of array libraries, told in terms of the op: which, with what shapes and dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from opcode import opmap
from typing import Any, TypeVar

from ..arrays.lookup import NS, PACKAGES, SCALARS
from ..base.dtypes import as_dtype, dtype
from ..base.errors import DevicesDiffer, out_of_memory
from ..base.frames import INTERNAL
from .op import Op
from .plan import public_name

NAMES = {
    "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "uint8": "Byte",
    "bool": "Bool", "float16": "Half", "bfloat16": "BFloat16", "float32": "Float",
    "float64": "Double", "complex32": "ComplexHalf", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}  # fmt: skip


NO_KERNEL = ("not supported for the input types", "did not contain a loop", "numpy boolean ")
REFUSALS = (ValueError, TypeError, MemoryError)  # what libraries raise


TOLD = (RuntimeError, NotImplementedError, ValueError, IndexError)
# what public functions tell of
FAILURES = (
    RuntimeError, ValueError, LookupError, MemoryError, ArithmeticError, AttributeError, TypeError,
)  # fmt: skip
RAISE = opmap["RAISE_VARARGS"]
PLAIN = ("builtins", *PACKAGES)
FOLDERS = tuple([f"/{package}/" for package in PACKAGES])
F = TypeVar("F", bound=Callable[..., Any])
NO_NUMBER = ("could not convert string", "invalid literal for int", "complex() arg is a malformed")


def apart(op: Op, i: int, one: Any, j: int, other: Any) -> str:
    """What is said of operands i and j on two devices."""
    if op.variadic:
        a, b = f"tensors[{i}]", f"tensors[{j}]"
    else:
        a, b = (public_name(op, op.inputs[k]).removeprefix("the ") for k in (i, j))
    moved, to = (a, other) if one.type == "cpu" else (b, one)
    return (
        f"{op.name}: Expected all tensors to be on the same device, but found at least two devices,"
        f" {one} and {other}! {a} is on {one}, {b} on {other}: write {moved}.to('{to}')"
    )


def on_two_devices(op: Op, arrays: Any, error: Exception) -> Exception:
    """The error of a library for operands of two devices, with their names."""
    places = [
        (i, NS[type(a)].device_of(a))
        for i, a in enumerate(arrays)
        if a is not None and type(a) not in SCALARS and hasattr(a, "ndim")
    ]
    for j, other in places[1:]:
        i, one = places[0]
        if other != one and (op.variadic or j < len(op.inputs)):
            return RuntimeError(apart(op, i, one, j, other))
    return error


def explain(op: Op, arrays: Any, error: Exception) -> Exception:
    """PyTorch's kind of error for what a library raised."""
    if isinstance(error, DevicesDiffer):
        return on_two_devices(op, arrays, error)
    shaped = [a for a in arrays if hasattr(a, "shape") and hasattr(a, "dtype")]
    if isinstance(error, MemoryError):
        return out_of_memory(f"{op.name} of shapes {shapes(shaped)}", error)
    if isinstance(error, TypeError):
        if any([words in str(error) for words in NO_KERNEL]):
            kinds = "' and '".join(dict.fromkeys(type_name(a) for a in shaped))
            most = max([as_dtype(a.dtype).category for a in shaped], default=0)
            fix = {2: ": it takes integers, convert with .long()", 3: ": it takes real numbers"}
            return NotImplementedError(
                f"\"{op.name}_cpu\" not implemented for '{kinds}'{fix.get(most, '')}"
            )
        return error
    if op.kind == "elementwise" and len(shaped) > 1:
        clash = mismatch([tuple(a.shape) for a in shaped])
        if clash:
            return RuntimeError(f"{clash} ({op.name} of shapes {shapes(shaped)})")
    axis, ndim = getattr(error, "axis", None), getattr(error, "ndim", None)
    if axis is not None and ndim is not None:  # what array libraries say of a dim beyond the last
        n = ndim or 1
        return IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {axis})"
            f" in {op.name}()"
        )
    if "duplicate value in 'axis'" in str(error):
        return RuntimeError(f"a dim appears multiple times in the list of dims of {op.name}()")
    return RuntimeError(f"{op.name}: {error} (shapes {shapes(shaped)})")


def refuse_dtypes(op: Op, arrays: Any) -> None:
    """Raise the error of an op for real numbers, or for floating ones, that got others."""
    for a in arrays:
        d = getattr(a, "dtype", None)
        if d is None:
            continue
        name = f"\"{op.name}_cpu\" not implemented for '{type_name(a)}'"
        if op.real and as_dtype(d).is_complex:
            raise op.real(f"{name}: it takes real numbers, such as .real, .imag or .abs()")
        if op.inexact and not as_dtype(d).is_inexact or as_dtype(d) in op.lacks:
            raise NotImplementedError(f"{name}: convert with .float()")


def type_name(a: Any) -> str:
    d = as_dtype(a.dtype)
    return NAMES.get(d.name, d.name)


def shapes(arrays: Any) -> str:
    return " and ".join(str(list(a.shape)) for a in arrays)


def mismatch(given: list[tuple[int, ...]]) -> str | None:
    """PyTorch's sentence about the first dimension in which two shapes do not broadcast."""
    first = given[0]
    for other in given[1:]:
        nd = max(len(first), len(other))
        for i in range(1, min(len(first), len(other)) + 1):
            a, b = first[-i], other[-i]
            if a != b and 1 not in (a, b):
                return (
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at"
                    f" non-singleton dimension {nd - i}"
                )
    return None


def instead_of(value: Any) -> str:
    """What to add to an error about a value that stands where a tensor should."""
    if type(value) is tuple and value and hasattr(value[0], "grad_fn"):
        return (
            f": a tuple of {len(value)} results, as nn.LSTM and nn.GRU return (output, state). "
            "Take the first: output, state = lstm(x)"
        )
    return ": make one with torch.tensor(...)" if isinstance(value, (list, tuple)) else ""


def tell(name: str, error: Exception, given: dict[str, Any]) -> None:
    """Add to an error that leaves a public function what it does not say: the function's name, and
    what the tensors among its arguments were. The outermost function is the one that was called.
    """
    if isinstance(error, MemoryError):
        raise out_of_memory(name, error) from error
    if (better := meant(name, error, given)) is not None:
        try:
            raise better from error
        except Exception as raised:
            tell(name, raised, given)
            raise
    if not ours(error):
        return
    error.__suppress_context__ = True  # what a library said of it, on a short way that was tried
    told = getattr(error, "_told", None) or error.args[0]
    if name.strip("_") in told:
        return
    error._told = told  # type: ignore[attr-defined]
    what = "; ".join([f"{k}: {text}" for k, a in given.items() if (text := described(a))])
    error.args = (f"{told} (in {name}(){', ' if what else ''}{what})",)


def ours(error: Exception) -> bool:
    """Whether it has a text, and the line that raised it is the library's."""
    if type(error) not in TOLD or len(error.args) != 1 or type(error.args[0]) is not str:
        return False
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return tb is not None and INTERNAL[tb.tb_frame.f_code.co_filename]


def clear_errors(f: F) -> F:
    """f, whose errors that no line of ours raised say which argument is wrong. For plain functions
    and constructors: declared functions and calls of modules do it themselves. Costs a call.
    """

    @functools.wraps(f)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except FAILURES as error:
            name = f.__qualname__.removesuffix(".__init__").rpartition(".")[2]
            given = {**dict(zip(f.__code__.co_varnames, args)), **kwargs}
            if (better := meant(name, error, given, f.__annotations__)) is not None:
                raise better from error
            raise

    return checked  # type: ignore[return-value]


def meant(
    name: str, error: Exception, given: dict[str, Any], types: dict[str, Any] | None = None
) -> Exception | None:
    """What an error says that no line of ours raised: Python or an array library met arguments that
    nobody had looked at. PyTorch raises RuntimeError there, and TypeError where no tensor is. None:
    it stays as it is. types: what the arguments of a plain function should be.
    """
    if not accidental(error):
        return None
    text = str(error)
    if isinstance(error, AttributeError):
        value = error.obj
        at = next((k for k, a in given.items() if a is value and k != "self"), "")
        wanted = str((types or {}).get(at, "Tensor"))
        plain = not isinstance(value, type) and type(value).__module__ in PLAIN
        if not plain and (not at or type(value).__name__ in wanted):
            return None
        kind = type(value).__name__
        if wanted == "Any" or len(wanted) < 3 or not at:  # a type variable says nothing
            of = f"argument '{at}'" if at else "an argument"
            return TypeError(f"{name}(): {of} cannot be of type {kind} ({text})")
        return TypeError(
            f"{name}(): argument '{at}' must be {wanted}, not {kind}{instead_of(value)}"
        )
    if isinstance(error, ZeroDivisionError):
        return RuntimeError("a size or a number is 0 that is divided by")
    if isinstance(error, KeyError):
        known = as_name(error.args[0] if error.args else "")
        if known:
            return NotImplementedError(f'"{name}" not implemented for {known!r}')
        return None
    if types is not None and isinstance(error, (IndexError, ValueError)):
        return None  # plain functions are Python in PyTorch too
    if isinstance(error, IndexError):  # those of arrays are errors of positions
        few = text.startswith(("tuple ", "list ", "pop from empty"))
        if few and any([getattr(a, "ndim", None) == 0 for a in given.values()]):
            return IndexError(f"a dimension is specified but a tensor has no dimensions ({text})")
        return RuntimeError(f"there are too few dimensions or parts ({text})") if few else None
    if isinstance(error, ValueError):
        if text.startswith(NO_NUMBER):
            return TypeError(f"{name}(): a number is needed: {text}")
        if " values to unpack" in text:
            return RuntimeError(f"the number of dimensions or parts does not fit: {text}")
        return RuntimeError(text) if type(error) is ValueError else None
    if isinstance(error, ArithmeticError):
        return RuntimeError(f"a number is too large: {text}")
    if isinstance(error, TypeError) and type(error) is not TypeError:
        return NotImplementedError(f"{name}(): not implemented for these dtypes: {text}")
    return None


def accidental(error: Exception) -> bool:
    """Whether no `raise` of the library made an error, but a call or an operator in it."""
    tb = error.__traceback__
    if tb is None:
        return False
    while tb.tb_next is not None:
        tb = tb.tb_next
    code = tb.tb_frame.f_code
    if INTERNAL[code.co_filename]:
        return code.co_code[tb.tb_lasti] != RAISE
    return any([part in code.co_filename for part in FOLDERS])


def as_name(key: Any) -> str:
    """PyTorch's name of a dtype by which a table was asked; empty for other keys."""
    name = key if isinstance(key, str) else getattr(key, "name", "")
    return NAMES.get(name, "") if isinstance(name, str) else ""


def described(a: Any) -> str:
    """'float32 [2, 3]' of a tensor, the same of each of several, nothing of anything else."""
    if isinstance(a, (list, tuple)) and a and len(a) < 5:
        parts = [described(x) for x in a]
        return " and ".join(parts) if all(parts) else ""
    try:
        d, shape = getattr(a, "dtype", None), getattr(a, "shape", None)
    except RuntimeError:  # an uninitialized parameter has no shape
        return ""
    return f"{d.name} {list(shape)}" if isinstance(d, dtype) and shape is not None else ""
