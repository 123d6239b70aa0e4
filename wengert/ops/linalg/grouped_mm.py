"""Products of groups of matrices whose sizes differ along one dimension (mixtures of experts)."""

from __future__ import annotations

from typing import Any

from ...declare.registry import public
from ...engine.tensor import Tensor
from ..nn.padding import constant_pad
from ..shape.join import cat, stack

FLOATS = ("float32", "bfloat16", "float16")


@public(
    "nn.functional.grouped_mm(Tensor mat_a, Tensor mat_b, *, Tensor? offs=None, "
    "Tensor? bias=None, ScalarType? out_dtype=None)"
)
def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """A matrix product for each group, with groups in dimension 0 or ending at offs.

    mat_a (G, M, K) and mat_b (G, K, N) give (G, M, N). With offs (G,), int32: mat_a (rows, K) with
    mat_b (G, K, N) gives (rows, N); mat_a (G, M, K) with mat_b (K, columns) gives (M, columns);
    mat_a (M, inner) with mat_b (inner, N) gives (G, M, N). RuntimeError for other dtypes than
    float32, bfloat16 and float16, for a bias, and for shapes that do not fit.

    >>> ends = torch.tensor([1, 3], dtype=torch.int32)
    >>> F.grouped_mm(torch.ones(3, 4), torch.ones(2, 4, 5), offs=ends).shape
    torch.Size([3, 5])
    """
    check_operands(mat_a, mat_b, offs, bias, out_dtype)
    if offs is None:
        return mat_a @ mat_b
    parts = bounds(offs)
    flat_a, flat_b = mat_a._a.ndim == 2, mat_b._a.ndim == 2
    if flat_a and flat_b:
        return stack([mat_a[:, i:j] @ mat_b[i:j] for i, j in parts])
    if flat_a:
        rows = cat([mat_a[i:j] @ mat_b[n] for n, (i, j) in enumerate(parts)])
        return constant_pad.entry(rows, (0, 0, 0, mat_a._a.shape[0] - rows._a.shape[0]), 0)
    columns = cat([mat_a[n] @ mat_b[:, i:j] for n, (i, j) in enumerate(parts)], 1)
    return constant_pad.entry(columns, (0, mat_b._a.shape[1] - columns._a.shape[1]), 0)


def bounds(offs: Tensor) -> list[tuple[int, int]]:
    """(start, end) of each group."""
    ends = offs.tolist()
    return list(zip([0, *ends[:-1]], ends))


def check_operands(a: Tensor, b: Tensor, offs: Any, bias: Any, out_dtype: Any) -> None:
    for t, what in ((a, "mat_a"), (b, "mat_b")):
        if t.dtype.name not in FLOATS:
            raise RuntimeError(
                f"Expected {what} to be Float32, BFloat16 or Float16 matrix, got {t.dtype}"
            )
        if t._a.ndim not in (2, 3):
            raise RuntimeError(f"{what} has to be 2 or 3d: got shape {list(t._a.shape)}")
    s, t = a._a.shape, b._a.shape
    if s[-1] != t[-2]:
        raise RuntimeError(
            "contraction dimension of mat_a and mat_b must match: the shapes are "
            f"{list(s)} and {list(t)}"
        )
    if (offs is None) != (len(s) == len(t) == 3):
        raise RuntimeError(
            "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if bias is not None:
        raise RuntimeError("Bias not supported yet: add it to the result")
    if out_dtype is not None and out_dtype is not a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    if offs is None:
        if s[0] != t[0]:
            raise RuntimeError(f"batched dimension has to match: got {s[0]} and {t[0]} groups")
        return
    if offs.dtype.name != "int32":
        raise RuntimeError(f"Offsets have to be int32: got {offs.dtype}")
    for shape, what in ((s, "mat_a"), (t, "mat_b")):
        if len(shape) == 3 and shape[0] != offs._a.size:
            raise RuntimeError(
                f"matrix batch sizes have to match: {what} has {shape[0]} groups, offs "
                f"{offs._a.size}"
            )
