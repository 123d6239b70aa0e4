"""What a sparse tensor shows as its raw array, and the product of a sparse matrix with a dense
one (by SciPy).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base.devices import CPU, device
from .capabilities import ON_HOST
from .lookup import NS, Namespace
from .scipy_extensions import extension

__all__ = ["sparse_product"]


class SparseArray:
    """The shape and dtype of a sparse tensor; its indices and values are tensors of their own
    (`ops/sparse/tensor.py`).
    """

    __array_ufunc__ = None
    base = None

    def __init__(self, shape: tuple[int, ...], dtype: Any, place: device = CPU) -> None:
        self.shape, self.dtype, self.ndim, self.size = shape, dtype, len(shape), math.prod(shape)
        self.place = place  # where the parts are

    @property
    def strides(self) -> Any:
        raise RuntimeError("sparse tensors do not have strides")


class SparseNamespace(Namespace):
    """No words: ops on sparse tensors are composed of ops on their parts."""

    array_type = SparseArray
    library = np

    def __init__(self) -> None:
        self.__dict__["name"] = "sparse"

    @staticmethod
    def device_of(a: Any) -> device:
        found: device = a.place
        return found

    @staticmethod
    def scalar(value: Any, dtype: Any) -> Any:
        """A number in front of a sparse operand: dense, as all numbers are."""
        return NS[np.ndarray].scalar(value, dtype)

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        raise NotImplementedError(
            f"{word}: not implemented for sparse tensors: convert with .to_dense() first"
        )


NS[SparseArray] = SparseNamespace()


def sparse_product(lib: Any, x: Any, y: Any, rows: Any, cols: Any, n: int = 0) -> Any:
    """The product (n, k) of the sparse matrix with values x at (rows, cols), summed where they
    repeat, and y (m, k).
    """
    d = x.dtype
    if lib in ON_HOST:
        if d.kind in "fc" and (found := _product_in_order(x, y, rows, cols, n)) is not None:
            return found
        from scipy.sparse import csr_matrix
    else:
        from cupyx.scipy.sparse import csr_matrix
    if d.itemsize == 2 and d.kind not in "iu" or d.kind == "b":
        return sparse_product(
            lib, x.astype(np.float32), y.astype(np.float32), rows, cols, n
        ).astype(d)
    return lib.asarray(csr_matrix((x, (rows, cols)), shape=(n, y.shape[0])) @ y)


def _product_in_order(x: Any, y: Any, rows: Any, cols: Any, n: int) -> Any:
    """The same where the elements are in the order of their places, none of which repeats, by
    scipy's loop; else None.
    """
    if not LOOPS:
        LOOPS.append(_loop())
    if (
        y.ndim != 2
        or LOOPS[0] is None
        or x.dtype.itemsize < 4
        or x.dtype is not y.dtype
        or not x.size
    ):
        return None
    m, k = y.shape
    places = rows * m + cols
    ahead = places[1:] > places[:-1]
    inside = int(rows[0]) >= 0 and int(rows[-1]) < n and int(cols.min()) >= 0
    if np.count_nonzero(ahead) != ahead.size or not inside or int(cols.max()) >= m:
        return None
    begins = rows.searchsorted(np.arange(n + 1))
    out = np.zeros((n, k), x.dtype)
    LOOPS[0](n, m, k, begins, cols, np.ascontiguousarray(x), y.reshape(-1), out.reshape(-1))
    return out


LOOPS: list[Any] = []  # what _loop() found


def _loop() -> Any:
    """The loop behind products with scipy's matrices, which takes a fraction of the way to it;
    None where this scipy has none that is called so.
    """
    try:
        loop = extension("sparse", "_sparsetools").csr_matvecs
        out = np.zeros((2, 2), np.float32)
        begins, cols = np.array([0, 1, 2]), np.array([1, 0])
        y = np.array([1, 2, 3, 4], np.float32)
        loop(2, 2, 2, begins, cols, np.array([1, 10], np.float32), y, out.reshape(-1))
        return loop if out.tolist() == [[3, 4], [10, 20]] else None
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
