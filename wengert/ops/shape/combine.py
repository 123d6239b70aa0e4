"""Tensors made of combinations: cartesian_prod, combinations, block_diag."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.binding import only_tensors, stood_in
from ...declare.registry import function, public
from ...engine.kinds import movement
from ...engine.op import primitive
from ...engine.promotion import common_dtype


@public("cartesian_prod(*any tensors)", method=False, foreign=False)
def cartesian_prod(*tensors):
    """All combinations of one element of each vector, one row each (of one vector: itself).
    RuntimeError for what is no vector.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    try:
        only_tensors(tensors)
    except TypeError:
        return stood_in("cartesian_prod", tensors)
    for t in tensors:
        if t._a.ndim != 1:
            raise RuntimeError(
                f"meshgrid: Expected a 1D vector, but got shape {list(t.shape)} in cartesian_prod"
            )
        if t._a.dtype is not tensors[0]._a.dtype and t.dtype is not tensors[0].dtype:
            raise RuntimeError(
                "meshgrid expects all tensors to have the same dtype: cartesian_prod got"
                f" {tensors[0].dtype} and {t.dtype}"
            )
    if len(tensors) == 1:
        return tensors[0]
    sizes = [t._a.shape[0] for t in tensors]
    columns = [
        t.reshape([-1 if j == i else 1 for j in range(len(tensors))]).expand(sizes).reshape(-1)
        for i, t in enumerate(tensors)
    ]
    return function("stack")(columns, 1)


@public("combinations(Tensor input, int r=2, bool with_replacement=False)", method=False)
def combinations(input, r=2, with_replacement=False):
    """All ways to choose r elements of a vector in order, one row each.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    import itertools

    if input._a.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    n = input._a.shape[0]
    if r == 1:
        return input.unsqueeze(1).clone()
    if r == 2:
        pairs = function("triu_indices")(n, n, 0 if with_replacement else 1, device=input.device)
        return input[pairs.T]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(n), r))
    if r == 0:
        return input.new_empty(0)
    index = function("tensor")(
        [i for row in rows for i in row], dtype=dtypes.int64, device=input.device
    )
    return input[index].reshape(len(rows), r)


@primitive(movement, types="promote", name="block_diag")
def block_diag_op(xp, *matrices):
    """Matrices along the diagonal of a matrix of zeros."""


def _blocks(xp: Any, g: Any, matrices_shape: Any) -> list[Any]:
    out, i, j = [], 0, 0
    for n, k in matrices_shape:
        out.append(xp.getitem(g, (slice(i, i + n), slice(j, j + k))))
        i, j = i + n, j + k
    return out


block_diag_op.vjp(matrices=_blocks)


@public("block_diag(*any tensors)", method=False, foreign=False)
def block_diag(*tensors):
    """Matrices (or vectors as rows, or numbers) along the diagonal of a matrix of zeros.

    RuntimeError for tensors of more than two dimensions.

    >>> torch.block_diag(torch.ones(1, 2), torch.tensor(3.))
    tensor([[1., 1., 0.],
            [0., 0., 3.]])
    """
    try:
        only_tensors(tensors)
    except TypeError:
        return stood_in("block_diag", tensors)
    if not tensors:
        return function("zeros")(1, 0)
    mats, d = [], common_dtype(*tensors)  # of the tensors as they came: numbers weigh less
    for i, t in enumerate(tensors):
        if t._a.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
                f"{t._a.ndim} dimensions"
            )
        t = t if t._a.ndim == 2 else t.reshape(1, -1)
        mats.append(t if t.dtype is d else t.to(d))
    return block_diag_op.entry(*mats)
