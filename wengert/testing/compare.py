"""assert_close: nested containers, tensors and numbers compared, and a text of what differs.

What differs is told as PyTorch tells it, since people and programs read these texts. Sample
tensors are in `samples.py`.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..api import functions as T
from ..base import dtypes
from ..base.advice import advise
from ..base.formats import sparse_coo, sparse_csr, strided
from ..engine.tensor import Tensor

__all__ = ["assert_allclose", "assert_close"]

# dtype -> relative and absolute tolerance; whole numbers and bools must be equal
TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}
PYTHON = {float: dtypes.float64, complex: dtypes.complex128, int: dtypes.int64, bool: dtypes.bool}
NUMBERS = (int, float, complex, np.number)


class Mismatch(Exception):
    """Two values differ; where they stand in their containers is put together on the way out."""

    kind: type[Exception] = AssertionError
    fixed = False  # whether `msg` does not replace the text

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.path: list[str] = []

    def told(self) -> str:
        """The text, with the place where it happened."""
        if not self.path:
            return self.text
        return f"{self.text}\n\nThe failure occurred for item {''.join(self.path[::-1])}"


class Unlike(Mismatch):
    """Two containers are not built alike."""

    fixed = True


class Incomparable(Unlike):
    """Two values of which nothing is known."""

    kind = TypeError


class Comparison:
    """What assert_close was asked for."""

    def __init__(self, rtol: float | None, atol: float | None, **how: Any) -> None:
        if (rtol is None) != (atol is None):
            raise ValueError(
                "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                f"{'rtol' if rtol is None else 'atol'}."
            )
        self.given = None if rtol is None else (rtol, atol)
        self.equal_nan: bool = how["equal_nan"]
        self.how = how

    def tolerances(self, *kinds: Any) -> tuple[float, float]:
        """The tolerances given, or the widest that the dtypes have."""
        if self.given is not None:
            return self.given  # type: ignore[return-value]
        each = [TOLERANCES.get(d, (0.0, 0.0)) for d in kinds]
        return max(r for r, _ in each), max(a for _, a in each)

    def compare(self, x: Any, y: Any) -> None:
        """Compare two values; Mismatch if they differ."""
        pair = next((way for fits, way in PAIRS if fits(x, y, self.how)), None)
        if pair is not None:
            pair(self, x, y)
        elif is_sequence(x) and is_sequence(y):
            if len(x) != len(y):
                raise Unlike(f"The length of the sequences mismatch: {len(x)} != {len(y)}")
            self.items(x, y, range(len(x)))
        elif isinstance(x, Mapping) and isinstance(y, Mapping):
            missing, more = sorted_keys(y, x), sorted_keys(x, y)
            if missing or more:
                lines = ["The keys of the mappings do not match:"]
                lines += [f"Missing keys in the actual mapping: {missing}"] * bool(missing)
                lines += [f"Additional keys in the actual mapping: {more}"] * bool(more)
                raise Unlike("\n".join(lines))
            self.items(x, y, list(x))
        else:
            raise Incomparable(
                f"No comparison pair was able to handle inputs of type {type(x)} and {type(y)}."
            )

    def items(self, x: Any, y: Any, keys: Any) -> None:
        """Compare what stands under each key."""
        for k in keys:
            try:
                self.compare(x[k], y[k])
            except Mismatch as e:
                e.path.append(f"[{k!r}]")
                raise

    # ---- kinds of values

    def nothing(self, x: Any, y: Any) -> None:
        if x is not y:
            raise Mismatch(f"None mismatch: {x} is not {y}")

    def booleans(self, x: Any, y: Any) -> None:
        if bool(x) is not bool(y):
            raise Mismatch(f"Booleans mismatch: {bool(x)} is not {bool(y)}")

    def numbers(self, x: Any, y: Any) -> None:
        x, y = (v.item() if isinstance(v, np.number) else v for v in (x, y))
        if self.how["check_dtype"] and type(x) is not type(y):
            raise Mismatch(f"The (d)types do not match: {type(x)} != {type(y)}.")
        rtol, atol = self.tolerances(PYTHON[type(x)], PYTHON[type(y)])
        both_nan = x != x and y != y
        if x == y or self.equal_nan and both_nan:
            return
        gap = abs(x - y)
        if cmath.isfinite(x) and cmath.isfinite(y) and gap <= atol + rtol * abs(y):
            return
        raise self.two(x, y, rtol, atol)

    @staticmethod
    def two(x: Any, y: Any, rtol: float, atol: float) -> Mismatch:
        """What differs in two numbers."""
        gap = abs(x - y)
        relative = gap / abs(y) if y != 0 else float("inf")
        return Mismatch(
            f"Scalars are not {'close' if rtol or atol else 'equal'}!\n\n"
            f"Expected {y} but got {x}.\n"
            + difference("Absolute difference", gap, None, atol, rtol or atol)
            + "\n"
            + difference("Relative difference", relative, None, rtol, rtol or atol)
        )

    def tensors(self, x: Any, y: Any) -> None:
        x, y = (v if isinstance(v, Tensor) else T.as_tensor(v) for v in (x, y))
        self.attributes(x, y)
        rtol, atol = self.tolerances(x.dtype, y.dtype)
        if x.layout != y.layout:
            x, y = (v if v.layout is strided else v.to_dense() for v in (x, y))
        if x.layout is not strided:
            return self.sparse(x, y)
        if x.device.type == "meta":
            return None
        self.values(x, y, rtol, atol, "Tensor-likes")
        return None

    def attributes(self, x: Tensor, y: Tensor) -> None:
        """What two tensors are made of, as far as it is to be compared."""
        self.same("shape", x.shape, y.shape)
        how, layouts = self.how, (x.layout, y.layout)
        if how["check_layout"]:
            self.same("layout", *layouts)
        if how["check_device"]:
            self.same("device", x.device, y.device)
        if how["check_dtype"]:
            self.same("dtype", x.dtype, y.dtype)
        if how["check_stride"] and layouts == (strided, strided):
            self.same("stride()", x.stride(), y.stride())

    @staticmethod
    def same(name: str, a: Any, b: Any) -> None:
        if a != b:
            raise Mismatch(f"The values for attribute '{name}' do not match: {a} != {b}.")

    def sparse(self, x: Tensor, y: Tensor) -> None:
        """Sparse tensors part by part."""
        parts: tuple[str, ...]
        if x.layout is sparse_coo:
            self.same("_nnz()", x._nnz(), y._nnz())
            x, y = x.coalesce(), y.coalesce()
            parts, kind = ("indices", "values"), "COO"
        else:
            rows = x.layout is sparse_csr
            parts = ("crow_indices", "col_indices") if rows else ("ccol_indices", "row_indices")
            parts, kind = (*parts, "values"), "CSR" if rows else "CSC"
        for part in parts:
            a, b = getattr(x, part)(), getattr(y, part)()
            tolerances = self.tolerances(a.dtype, b.dtype) if part == "values" else (0.0, 0.0)
            self.values(a, b, *tolerances, f"Sparse {kind} {part}")

    def values(self, x: Tensor, y: Tensor, rtol: float, atol: float, what: str) -> None:
        """The elements of two strided tensors of one shape."""
        a, b = (np.asarray(v.detach().cpu()._a) for v in (x, y))
        common = np.dtype(dtypes.promote_types(x.dtype, y.dtype).np)
        if common.kind not in "fcVW" and common.kind != "b" and common.itemsize < 8:
            common = np.dtype(np.int64)
        a, b = a.astype(common), b.astype(common)
        exact = common.kind in "iub"
        if exact:
            a, b = (v.astype(np.int64) if common.kind == "b" else v for v in (a, b))
        ok = close(a, b, rtol, atol, self.equal_nan)
        if ok.all():
            return
        if x.ndim == 0:
            raise self.two(a.item(), b.item(), rtol, atol)
        n, total = int((~ok).sum()), ok.size
        with np.errstate(all="ignore"):
            gap = np.abs(np.where(ok, 0, a) - np.where(ok, 0, b))
            # whole numbers are divided in the default dtype, as tensors are
            whole = dtypes.get_default_dtype().np if exact else gap.dtype
            relative = np.where(gap == 0, 0, gap.astype(whole) / np.abs(b).astype(whole))
        close_, places = bool(rtol or atol), x.shape
        raise Mismatch(
            f"{what} are not {'close' if close_ else 'equal'}!\n\n"
            f"Mismatched elements: {n} / {total} ({n / total:.1%})\n"
            + difference("Greatest absolute difference", *greatest(gap, places), atol, close_)
            + "\n"
            + difference("Greatest relative difference", *greatest(relative, places), rtol, close_)
        )


def difference(name: str, value: Any, place: Any, allowed: float, close_: Any) -> str:
    """One line of a text about what differs."""
    where = "" if place in (None, ()) else f" at index {place}"
    return f"{name}: {value}{where}" + (f" (up to {allowed} allowed)" if close_ else "")


def greatest(a: np.ndarray, shape: Any) -> tuple[Any, tuple[int, ...]]:
    """The greatest element (not-a-number counts as greater than all) and where it stands."""
    at = int(np.argmax(a.astype(np.float64) if a.dtype.kind == "V" else a))
    return a.reshape(-1)[at].item(), tuple(int(i) for i in np.unravel_index(at, tuple(shape)))


def close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, nan: bool) -> np.ndarray:
    """Which elements agree."""
    same = a == b
    if rtol or atol:
        with np.errstate(all="ignore"):
            wide = np.complex128 if a.dtype.kind == "c" else np.float64
            wide_a, wide_b = a.astype(wide), b.astype(wide)
            near = np.abs(wide_a - wide_b) <= atol + rtol * np.abs(wide_b)
            same = same | near & np.isfinite(wide_a) & np.isfinite(wide_b)
    if nan and a.dtype.kind in "fcVW":
        same = same | (a != a) & (b != b)
    return np.asarray(same)


def is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def sorted_keys(of: Any, without: Any) -> list[Any]:
    keys = set(of) - set(without)
    try:
        return sorted(keys)
    except TypeError:
        return sorted(keys, key=repr)


def related(x: Any, y: Any, kind: type, how: dict[str, Any]) -> bool:
    """Whether both are of a kind and, unless subclasses are allowed, of one type."""
    if not (isinstance(x, kind) and isinstance(y, kind)):
        return False
    return type(x) is type(y) or how["allow_subclasses"]


BOOLS = (bool, np.bool_)
PAIRS: list[tuple[Callable[..., bool], Callable[..., None]]] = [
    (lambda x, y, how: x is None or y is None, Comparison.nothing),
    (lambda x, y, how: isinstance(x, BOOLS) and isinstance(y, BOOLS), Comparison.booleans),
    (lambda x, y, how: isinstance(x, NUMBERS) and isinstance(y, NUMBERS), Comparison.numbers),
    (lambda x, y, how: related(x, y, Tensor, how), Comparison.tensors),
    (lambda x, y, how: related(x, y, np.ndarray, how), Comparison.tensors),
]


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
    atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
    check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raise AssertionError unless actual is expected up to |difference| <= atol + rtol |expected|.

    actual, expected: tensors, numbers, or sequences and mappings of them. rtol, atol: both or
    neither; by default what the dtypes allow. msg: the text of the error, or what makes it.

    allow_subclasses: whether a subclass may stand for its class. equal_nan: whether nan equals nan.
    check_device: whether devices have to agree. check_dtype: whether dtypes have to agree.
    check_layout: whether layouts have to agree. check_stride: whether strides have to agree.

    Tensors have any shape, expected the same. Raises TypeError where actual or expected is no
    tensor, of the wrong type or a tensor of several numbers.

    >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    >>> torch.testing.assert_close(1.0, 2.0)
    Traceback (most recent call last):
    ...
    AssertionError: Scalars are not close!
    ...
    """
    comparison = Comparison(
        rtol, atol, equal_nan=equal_nan, allow_subclasses=allow_subclasses,
        check_device=check_device, check_dtype=check_dtype, check_layout=check_layout,
        check_stride=check_stride,
    )  # fmt: skip
    try:
        comparison.compare(actual, expected)
    except Mismatch as e:
        told = e.told()
        shown = told if msg is None or e.fixed else msg(told) if callable(msg) else msg
        raise e.kind(shown) from None


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = True, msg: str = "",
) -> None:  # fmt: skip
    """Deprecated: assert_close of anything that a tensor can be made of, of any dtype.

    actual: what there is. expected: what there should be. rtol: the relative difference that is
    allowed. atol: the absolute difference that is allowed. equal_nan: whether nan equals nan. msg:
    the text of the error, or a function of it.

    Tensors have any shape, expected the same. Raises RuntimeError where actual or expected is of
    the wrong type; AssertionError where actual or expected has a shape that does not fit or actual
    or expected holds values out of range.

    >>> torch.testing.assert_allclose(torch.ones(2), torch.ones(2))
    """
    advise(
        "`torch.testing.assert_allclose()` is deprecated, use `torch.testing.assert_close()`",
        FutureWarning,
    )
    x, y = (v if isinstance(v, Tensor) else T.as_tensor(v) for v in (actual, expected))
    if rtol is None and atol is None:
        loose = {dtypes.float16: (1e-3, 1e-3), dtypes.float32: (1e-4, 1e-5)}
        kinds = [loose.get(d, (1e-5, 1e-8)) for d in (x.dtype, y.dtype)]
        rtol, atol = max(r for r, _ in kinds), max(a for _, a in kinds)
    assert_close(
        x, y, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False,
        check_stride=False, msg=msg or None,
    )  # fmt: skip
