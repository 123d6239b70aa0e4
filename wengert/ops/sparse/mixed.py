"""Products of sparse and dense matrices under their older names, and copies of a sparse tensor's
parts.
"""

from __future__ import annotations

from typing import Any

from ...declare.registry import declare, function, public

__all__: list[str] = []


@public("smm(Tensor input, Tensor mat2)")
def smm(input, mat2):
    """The product of a sparse and a dense matrix, as a sparse matrix.

    >>> torch.smm(torch.eye(2).to_sparse(), torch.ones(2, 2)).to_dense()
    tensor([[1., 1.],
            [1., 1.]])
    """
    return function("mm")(input, mat2).to_sparse()


@public("spmm(Tensor input, Tensor mat2, *, out)", method=False)
def spmm(input, mat2):
    """The product of a sparse and a dense matrix, `mm` by an older name."""
    return function("mm")(input, mat2)


@public("dsmm(Tensor input, Tensor mat2, *, out)", method=False)
def dsmm(input, mat2):
    """The product of a dense and a sparse matrix, `mm` by an older name."""
    return function("mm")(input, mat2)


@public("hsmm(Tensor input, Tensor mat2, *, out)", method=False)
def hsmm(input, mat2):
    """The product of a sparse and a dense matrix, `mm` by an older name."""
    return function("mm")(input, mat2)


@public("hspmm(Tensor mat1, Tensor mat2, *, out)", method=False)
def hspmm(mat1, mat2):
    """The product of a sparse and a dense matrix, sparse by rows.

    >>> torch.hspmm(torch.eye(2).to_sparse(), torch.ones(2, 2)).to_dense()
    tensor([[1., 1.],
            [1., 1.]])
    """
    return function("mm")(mat1, mat2).to_sparse(1)


@public("sspaddmm(Tensor input, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, out)")
def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta input + alpha mat1 mat2 for sparse input and mat1, as a sparse matrix.

    >>> torch.sspaddmm(torch.eye(2).to_sparse(), torch.eye(2).to_sparse(), torch.eye(2)).to_dense()
    tensor([[2., 0.],
            [0., 2.]])
    """
    product = function("mm")(mat1, mat2)
    return (input.to_dense() * beta + product * alpha).to_sparse()


def _copy_of(name: str) -> None:
    def copied(input: Any) -> Any:
        return getattr(input, name)().clone()

    copied.__name__ = f"{name}_copy"
    kind = "csc" if name == "row_indices" else "csr" if "row" in name or "col" in name else "coo"
    copied.__doc__ = f"""A copy of what Tensor.{name} gives.

    >>> s = torch.eye(2).to_sparse_{kind}()
    >>> torch.equal(torch.{name}_copy(s), s.{name}())
    True
    """
    declare(copied, (f"{name}_copy(Tensor input, *, out)",), method=False)


for _name in ("crow_indices", "col_indices", "indices", "values"):
    _copy_of(_name)
