"""Products of more than two matrices in the cheapest order: multi_dot, chain_matmul."""

from __future__ import annotations

from ...base.advice import advise
from ...declare.binding import only_tensors
from ...declare.registry import public
from ...engine.tensor import Tensor
from .matmul import matmul as matmul_of
from .matrix import check_tensor


def _chain_order(sizes: list[int]) -> list[list[int]]:
    """Where to split each product of matrices sizes[i] x sizes[i + 1] for the fewest
    multiplications.
    """
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], split[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return split


def _chained(ts: list[Tensor], split: list[list[int]], i: int, j: int) -> Tensor:
    if i == j:
        return ts[i]
    k = split[i][j]
    return matmul_of(_chained(ts, split, i, k), _chained(ts, split, k + 1, j))


@public("linalg.multi_dot(Tensor[] tensors, *, out)", out="exact")
def multi_dot(tensors):
    """Product of several matrices in the cheapest order; the first and last may be vectors.

    >>> torch.linalg.multi_dot([torch.ones(1, 2), torch.ones(2, 3), torch.ones(3)])
    tensor([6.])
    """
    ts = list(tensors)
    if len(ts) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(ts)}")
    for i, t in enumerate(ts):
        check_tensor("linalg.multi_dot", t, "tensors")
        if t._a.ndim != 2 and not (i in (0, len(ts) - 1) and t._a.ndim == 1):
            what = "1D or 2D" if i in (0, len(ts) - 1) else "2D"
            raise RuntimeError(f"multi_dot(): tensor {i} must be {what} but got {t._a.ndim}D")
        _same_multi(ts[0], t)
    first, last = ts[0]._a.ndim == 1, ts[-1]._a.ndim == 1
    ts[0] = ts[0].unsqueeze(0) if first else ts[0]
    ts[-1] = ts[-1].unsqueeze(1) if last else ts[-1]
    for i in range(len(ts) - 1):
        a, b = ts[i]._a.shape, ts[i + 1]._a.shape
        if a[1] != b[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a)} and {list(b)} cannot "
                "be multiplied"
            )
    split = _chain_order([ts[0]._a.shape[0], *[t._a.shape[1] for t in ts]])
    r = _chained(ts, split, 0, len(ts) - 1)
    r = r.squeeze(-1) if last else r
    return r.squeeze(0) if first else r


def _same_multi(x: Tensor, y: Tensor) -> None:
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"multi_dot(): all tensors must have be the same dtype but got {x.dtype} and {y.dtype}"
        )


@public("chain_matmul(*any matrices, out)", method=False, foreign=False)
def chain_matmul(*matrices):
    """Product of several matrices in the cheapest order; RuntimeError where sizes do not fit.

    >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).shape
    torch.Size([2, 1])
    """
    advise(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use"
        " torch.linalg.multi_dot instead, which accepts a list of two or more tensors."
    )
    for t in only_tensors(matrices):
        if t._a.ndim != 2:
            raise RuntimeError(
                f"chain_matmul: Tensor dimension is {t._a.ndim}, expected 2 instead."
            )
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)
