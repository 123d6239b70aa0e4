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
    if lib in ON_HOST:
        from scipy.sparse import csr_matrix
    else:
        from cupyx.scipy.sparse import csr_matrix
    d = x.dtype
    if d.itemsize == 2 and d.kind not in "iu" or d.kind == "b":
        return sparse_product(
            lib, x.astype(np.float32), y.astype(np.float32), rows, cols, n
        ).astype(d)
    return lib.asarray(csr_matrix((x, (rows, cols)), shape=(n, y.shape[0])) @ y)
