"""What can be done with sparse tensors: products with dense ones, sums, elementwise functions
that keep zero, torch.sparse.

Everything is composed of ordinary operations on indices and values (see `tensor.py`).
"""

from __future__ import annotations

from typing import Any

from ...arrays.sparse import SparseArray
from ...base.dtypes import int64
from ...base.formats import sparse_csr
from ...declare.registry import function, public
from ...engine.implementations import COMPOSED
from ...engine.op import OPS, Op
from ...engine.op_modes import runner
from ...engine.tensor import Tensor
from ..creation.spaced import arange
from ..dims import wrap_dim, wrap_dims
from ..index.slices import joined
from ..linalg.matmul import matmul_op
from ..shape.join import cat as cat_of
from ..shape.join import stack as stack_of
from .compressed import CompressedTensor, as_coo, grid, of_grid, to_sparse
from .coordinates import flat_index
from .tensor import COO, CSC, CSR, SparseTensor, sparse_product

HANDLERS: dict[str, Any] = {}  # op name -> f(*operands, **static)
# functions that are 0 at 0, so that only the values need to be computed
KEEP_ZERO = frozenset(
    [
        "abs",
        "angle",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "conj",
        "deg2rad",
        "erf",
        "erfinv",
        "expm1",
        "floor",
        "frac",
        "log1p",
        "neg",
        "rad2deg",
        "relu",
        "round",
        "round_decimals",
        "sgn",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
        "trunc",
        "isnan",
        "isinf",
        "isposinf",
        "isneginf",
        "signbit",
        "replace_special",
        "copy",
        "astype",
        "alias_item",
        "contiguous",
    ]
)
LINEAR = frozenset(
    ["neg", "conj", "copy", "astype", "alias_item", "contiguous"]
)  # repeated indices may stay


def composed(op: Op, ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """An op with a sparse operand."""
    name = op.name
    if name in KEEP_ZERO:
        s = ins[0]
        s = s if name in LINEAR or s._layout is not COO else s.coalesce()
        return s._like(OPS[name].entry(s._values(), *static.values()))
    f = HANDLERS.get(name)
    if f is None:
        raise NotImplementedError(
            f"{name}: not implemented for sparse tensors: convert them with .to_dense() first"
        )
    return f(*ins, **static)


COMPOSED[SparseArray] = composed


def handles(*names: str) -> Any:
    def register(f: Any) -> Any:
        for n in names:
            HANDLERS[n] = f
        return f

    return register


def dense(t: Any) -> bool:
    return not isinstance(t, SparseTensor)


def relaid(s: SparseTensor, like: SparseTensor) -> SparseTensor:
    """A COO tensor in the layout of another."""
    if like._layout is COO:
        return s
    if isinstance(like, CompressedTensor) and like._block:
        return to_sparse(s, layout=like._layout, blocksize=like._block)
    return of_grid(s, like._layout, s._a.shape)


def stored(s: Any) -> SparseTensor:
    """What s stores as a COO tensor; its blocks as values."""
    return s if s._layout is COO else grid(s)


def restored(c: SparseTensor, like: Any) -> SparseTensor:
    """What `stored` gave, changed, in the layout and size of the tensor that it came from."""
    return c if like._layout is COO else of_grid(c, like._layout, like._a.shape)


# ------------------------------------------------------------------------------------- products


@handles("matmul", "mv", "bmm", "batched_matmul", "dot")
def matmul(x: Any, y: Any) -> Any:
    """Product of matrices (or a matrix and a vector) of which at least one is sparse."""
    if x._a.ndim == y._a.ndim == 3 and x._a.shape[0] == y._a.shape[0] and dense(y):
        return function("stack")([matmul(x[i], y[i]) for i in range(x._a.shape[0])])
    if {x._a.ndim, y._a.ndim} not in ({2}, {1, 2}) or any(
        isinstance(t, SparseTensor) and t.dense_dim() for t in (x, y)
    ):
        raise RuntimeError(
            f"matmul: sparse products need matrices, got shapes {list(x.shape)} and {list(y.shape)}"
        )
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"matmul: expected both to have the same dtype, but got {x.dtype} and {y.dtype}"
        )
    if x._a.shape[-1] != y._a.shape[0]:
        raise RuntimeError(
            f"matmul: sizes do not fit: {list(x.shape)} and {list(y.shape)}: expected"
            f" {x._a.shape[-1]} rows, got {y._a.shape[0]}"
        )
    if dense(x):
        return matmul(transposed(y), x.t()).t()
    if not dense(y):
        product = sparse_sparse(as_coo(x), as_coo(y))
        return of_grid(product, CSR, product._a.shape) if x._layout is CSC else relaid(product, x)
    x = as_coo(x)
    (rows, cols), values = x._indices().unbind(0), x._values()
    out = sparse_product.entry(
        values, y if y._a.ndim == 2 else y.unsqueeze(1), rows, cols, x._a.shape[0]
    )
    return out if y._a.ndim == 2 else out.squeeze(1)


def sparse_sparse(x: SparseTensor, y: SparseTensor) -> SparseTensor:
    """The sparse product of two sparse matrices: each value of x meets the row of y at its
    column.
    """
    y = y.coalesce()
    (i, k), v = x._indices().unbind(0), x._values()
    (m, j), w = y._indices().unbind(0), y._values()
    count = m.bincount(minlength=y._a.shape[0])
    start = count.cumsum(0) - count
    times = count[k]
    left = arange(v._a.shape[0], device=v.device).repeat_interleave(times)
    offset = arange(left._a.shape[0], device=v.device) - (times.cumsum(0) - times)[left]
    right = start[k][left] + offset
    indices = stack_of([i[left], j[right]], 0)
    return SparseTensor(indices, v[left] * w[right], (x._a.shape[0], y._a.shape[1])).coalesce()


@handles("addmm", "addmv")
def addmm(x: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    p = matmul(mat1, mat2)
    if alpha != 1:
        p = p * alpha
    if beta == 0:
        return p
    return (x if beta == 1 else x * beta) + p


# ------------------------------------------------------------------------------------ arithmetic


def same_shape(x: Any, y: Any, name: str) -> None:
    if tuple(x._a.shape) != tuple(y._a.shape):
        raise RuntimeError(
            f"{name}: expected 'self' and 'other' to have same sizes, but {list(x.shape)} != "
            f"{list(y.shape)}: sparse "
            "tensors do not broadcast here"
        )


@handles("add")
def add(x: Any, y: Any) -> Any:
    if not all([isinstance(t, Tensor) for t in (x, y)]):
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same sizes: a number cannot be added to a"
            " sparse tensor"
        )
    if dense(x) or dense(y) and x._layout is not COO:
        same_shape(x, y, "add")
        return x.to_dense() + y.to_dense()
    if dense(y):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    same_shape(x, y, "add")
    alike = x._layout is y._layout and (x._layout is COO or x._block == y._block)
    a, b = (stored(x), stored(y)) if alike else (as_coo(x), as_coo(y))
    v, w = a._values(), b._values()
    if v._a.shape[1:] != w._a.shape[1:]:
        raise RuntimeError(
            f"add: expected both sparse tensors to have the same dense dimensions: values of"
            f" {list(v.shape)} and {list(w.shape)}"
        )
    if x._layout is COO and a._indices() is b._indices():
        return a._like(v + w)
    s = SparseTensor(cat_of([a._indices(), b._indices()], 1), cat_of([v, w], 0), a._a.shape)
    if x._layout is COO and not (a._sorted and b._sorted):
        return s
    return restored(s.coalesce(), x) if alike else relaid(s.coalesce(), x)


@handles("sub")
def sub(x: Any, y: Any) -> Any:
    return add(x, -y)


@handles("rsub")
def rsub(x: Any, y: Any) -> Any:
    return add(y, -x)


@handles("mul")
def mul(x: Any, y: Any) -> Any:
    if dense(x):
        x, y = y, x
    if not isinstance(y, Tensor) or dense(y) and y._a.ndim == 0:
        return x._like(x._values() * y)
    if dense(y):
        c = as_coo(x)
        at = y.expand(tuple(x._a.shape))[tuple(c._indices().unbind(0))]
        return relaid(c._like(c._values() * at), x)
    same_shape(x, y, "mul")
    a, b = as_coo(x).coalesce(), as_coo(y).coalesce()
    sizes = x._a.shape[: a.sparse_dim()]
    ka, kb = flat_index(a._indices(), sizes), flat_index(b._indices(), sizes)
    if kb._a.size == 0:
        return b
    place = function("searchsorted")(kb, ka).clamp(max=kb._a.shape[0] - 1)
    both = (kb[place] == ka).nonzero().squeeze(1)
    v = a._values().index_select(0, both) * b._values().index_select(0, place[both])
    return relaid(SparseTensor(a._indices()[:, both], v, x._a.shape, COO, True), x)


@handles("div")
def div(x: Any, y: Any) -> Any:
    if dense(x) or not dense(y) or isinstance(y, Tensor) and y._a.ndim:
        raise RuntimeError(
            "div: a sparse tensor can only be divided by a number or a 0-d tensor: convert "
            "with .to_dense()"
        )
    return x._like(x._values() / y)


@handles("floor_divide")
def floor_divide(x: Any, y: Any) -> Any:
    div(x, y)
    s = x.coalesce() if x._layout is COO else x  # the floor of a sum is no sum of floors
    return s._like(s._values() // y)


@handles("pow")
def power(x: Any, y: Any) -> Any:
    if dense(x) or isinstance(y, Tensor) or y <= 0:
        raise RuntimeError(
            "pow: a sparse tensor needs a positive number as its exponent: convert with .to_dense()"
        )
    c = as_coo(x).coalesce()
    return relaid(c._like(c._values() ** y), x)


# ---------------------------------------------------------------------------------------- shapes


@handles("t", "transpose")
def transposed(x: SparseTensor, dim0: int = 0, dim1: int = 1, **more: Any) -> SparseTensor:
    """Two sparse dimensions swapped; CSR becomes CSC and the other way round."""
    a, b = wrap_dim(dim0, x._a.ndim, "transpose"), wrap_dim(dim1, x._a.ndim, "transpose")
    if isinstance(x, CompressedTensor):
        n = len(x._batch)
        if a == b:
            return x._like(x._values())
        if {a, b} != {n, n + 1}:
            raise RuntimeError(
                f"transpose: of a tensor in layout {x._layout} only rows and columns can be"
                f" exchanged, dimensions {n} and {n + 1}, got {a} and {b}"
            )
        return x._turned()
    n = x.sparse_dim()
    if max(a, b) >= n and a != b:
        raise RuntimeError(
            f"transpose: dimensions {a} and {b} must both be sparse ({n} of {x._a.ndim} are)"
        )
    order = list(range(n))
    order[a], order[b] = b, a
    size = list(x._a.shape)
    size[a], size[b] = size[b], size[a]
    return SparseTensor(x._indices()[order], x._values(), size, COO, a == b and x._sorted)


@handles("permute")
def permuted(x: SparseTensor, dims: Any) -> SparseTensor:
    """Sparse dimensions in another order, and dense ones in another."""
    if x._layout is not COO:
        raise NotImplementedError(
            f"permute: not implemented for layout {x._layout}: use transpose or .to_sparse()"
        )
    n = x.sparse_dim()
    order = wrap_dims(dims, x._a.ndim, "permute")
    if sorted(order[:n]) != list(range(n)):
        raise RuntimeError(
            f"permute: only the {n} sparse dimensions can change places with each other, and the"
            f" dense ones: got {list(dims)}"
        )
    values = x._values().permute(0, *[d - n + 1 for d in order[n:]])
    size = [x._a.shape[d] for d in order]
    kept = x._sorted and list(order[:n]) == list(range(n))
    return SparseTensor(x._indices()[list(order[:n])], values, size, COO, kept)


@handles("unsqueeze", "unsqueeze_item")
def unsqueeze(x: SparseTensor, dim: int = 0, key: Any = None) -> SparseTensor:
    if key is not None:
        return select(x, key=key)
    x = as_coo(x)
    d = wrap_dim(dim, x._a.ndim + 1, "unsqueeze")
    i, n = x._indices(), x.sparse_dim()
    if d > n:
        size = (*x._a.shape[:d], 1, *x._a.shape[d:])
        return SparseTensor(i, x._values().unsqueeze(d - n + 1), size, COO, x._sorted)
    i = cat_of([i[:d], i.new_zeros((1, i._a.shape[1])), i[d:]], 0)
    return SparseTensor(i, x._values(), (*x._a.shape[:d], 1, *x._a.shape[d:]), COO, x._sorted)


@handles("select", "select_item", "getitem", "unbind_item")
def select(x: SparseTensor, dim: int = 0, index: int = 0, key: Any = None) -> Any:
    if key is not None:
        d = 0
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            given = sum([k is not None for k in keys]) - 1
            keys[at : at + 1] = [slice(None)] * (x._a.ndim - given)
        for k in keys:
            if k is None:
                x = unsqueeze(x, d) if isinstance(x, SparseTensor) else x.unsqueeze(d)
                d += 1
                continue
            if type(k) not in (int, slice):
                raise NotImplementedError(
                    "indexing a sparse tensor takes numbers and slices only: convert with"
                    " .to_dense() first"
                )
            if not isinstance(x, SparseTensor):
                x = x[(slice(None),) * d + (k,)]
            elif type(k) is int:
                x = select(x, d, k)
            elif k != slice(None):
                x = index_select(x, arange(*k.indices(x._a.shape[d]), device=x.device), d)
            d += type(k) is slice
        return x
    d = wrap_dim(dim, x._a.ndim, "select")
    n = x._a.shape[d]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(x.shape)} at "
            f"dimension {d}"
        )
    if isinstance(x, CompressedTensor) and x._batch and d == 0:
        return x._example(index % n)
    x = as_coo(x)
    i, inner = x._indices(), d - x.sparse_dim() + 1
    if inner > 0:
        size = (*x._a.shape[:d], *x._a.shape[d + 1 :])
        return SparseTensor(i, x._values().select(inner, index), size)
    hit = (i[d] == index % n).nonzero().squeeze(1)
    values = x._values().index_select(0, hit)
    if x.sparse_dim() == 1:
        return values.sum(0, dtype=values.dtype)
    keep = [k for k in range(x.sparse_dim()) if k != d]
    return SparseTensor(i[keep][:, hit], values, (*x._a.shape[:d], *x._a.shape[d + 1 :]))


@handles("index_select")
def index_select(x: SparseTensor, index: Tensor, dim: int = 0) -> SparseTensor:
    """The slices of a dimension at the given places, in their order."""
    c = as_coo(x).coalesce()
    d, n = wrap_dim(dim, x._a.ndim, "index_select"), c.sparse_dim()
    size = list(x._a.shape)
    if index._a.size and not (-size[d] <= int(index.min()) and int(index.max()) < size[d]):
        raise IndexError(
            f"index_select(): index out of range for dimension {d} of size {size[d]}: got"
            f" {index.tolist()}"
        )
    place = (index.long() + size[d] * (index < 0)).reshape(-1)
    size[d] = place._a.shape[0]
    if d >= n:
        values = c._values().index_select(d - n + 1, place)
        return SparseTensor(c._indices(), values, size)
    new, old = (c._indices()[d] == place.unsqueeze(1)).nonzero().unbind(1)
    i = c._indices().index_select(1, old)
    i = cat_of([i[:d], new.unsqueeze(0), i[d + 1 :]], 0)
    return relaid(SparseTensor(i, c._values().index_select(0, old), size), x)


@handles("stack")
def stack(*arrays: Any, dim: int = 0) -> SparseTensor:
    s = cat(*[unsqueeze(checked(a, "stack"), dim) for a in arrays], dim=dim)
    return s.coalesce() if all(a._sorted for a in arrays) else s


@handles("linear")
def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """A layer of which the input or the weight is sparse."""
    if dense(weight):
        out = matmul(x, weight.t())
        return out if bias is None else out + bias
    rows = x.reshape(-1, x._a.shape[-1])
    out = matmul(weight, rows.t()).t().reshape(*x._a.shape[:-1], weight._a.shape[0])
    return out if bias is None else out + bias


@handles("cat")
def cat(*arrays: Any, dim: int = 0) -> SparseTensor:
    parts = [as_coo(checked(a, "cat")) for a in arrays]
    n = parts[0].sparse_dim()
    d = wrap_dim(dim, parts[0]._a.ndim, "cat")
    if d >= n:
        return cat_dense(parts, d)
    columns, start = [], 0
    for p in parts:
        shift = (arange(n, device=p.device) == d).long().unsqueeze(1) * start
        columns.append(p._indices() + shift)
        start += p._a.shape[d]
    shape = list(parts[0]._a.shape)
    shape[d] = start
    return SparseTensor(cat_of(columns, 1), cat_of([p._values() for p in parts], 0), shape)


def cat_dense(parts: list[SparseTensor], d: int) -> SparseTensor:
    """COO tensors joined along a dense dimension: each value has zeros where the others lie."""
    shape = list(parts[0]._a.shape)
    shape[d] = sum([p._a.shape[d] for p in parts])
    values, start = [], 0
    for p in parts:
        v = p._values()
        sides = [[*v._a.shape], [*v._a.shape]]
        at = d - p.sparse_dim() + 1
        sides[0][at], sides[1][at] = start, shape[d] - start - p._a.shape[d]
        values.append(cat_of([v.new_zeros(sides[0]), v, v.new_zeros(sides[1])], at))
        start += p._a.shape[d]
    indices = cat_of([p._indices() for p in parts], 1)
    return SparseTensor(indices, cat_of(values, 0), shape)


@handles("vector_norm")
def norm(x: SparseTensor, ord: Any = 2.0, dim: Any = None, keepdim: bool = False) -> Tensor:
    dims = range(x._a.ndim) if dim is None else wrap_dims(dim, x._a.ndim, "norm")
    if len(dims) < x._a.ndim or ord == 0 or ord < 0:
        raise NotImplementedError(
            "norm: of a sparse tensor only the norm of all elements is computed: use .to_dense()"
        )
    return OPS["vector_norm"].entry(as_coo(x).coalesce()._values(), ord)


# ---------------------------------------------------------------------------------- torch.sparse


@handles("any")
def some(x: SparseTensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    if dim is not None:
        raise NotImplementedError("any: of a sparse tensor only over all elements: use .to_dense()")
    return as_coo(x).coalesce()._values().any()


@handles("sum", "sum_all")
def total(x: SparseTensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Sum over everything (a dense number), or over dims (sparse if sparse dimensions remain)."""
    x = as_coo(x)
    if dim is None:
        whole = x._values().sum()
        return whole.reshape([1] * x._a.ndim) if keepdim else whole
    n, nd = x.sparse_dim(), x._a.ndim
    dims = wrap_dims(dim, nd, "sparse.sum")
    inner = [d - n + 1 for d in dims if d >= n]
    values = x._values().sum(inner) if inner else x._values()
    if keepdim:
        s = total(x, dim)
        for d in sorted(dims):
            s = unsqueeze(s, d) if isinstance(s, SparseTensor) else s.unsqueeze(d)
        return s
    keep = [d for d in range(n) if d not in dims]
    size = [s for d, s in enumerate(x._a.shape) if d not in dims]
    if not keep:
        return values.sum(0)
    return SparseTensor(x._indices()[keep], values, size).coalesce()


@public("sparse.sum(Tensor input, any dim=None, ScalarType? dtype=None)", foreign=False)
def sparse_sum(input, dim=None, dtype=None):
    """Sum of a sparse tensor: of everything a dense number, over dim (an int or a tuple) sparse.

    >>> torch.sparse.sum(torch.eye(2).to_sparse())
    tensor(2.)
    """
    return total(checked(input, "sum") if dtype is None else input.to(dtype), dim)


def checked(s: Any, name: str) -> SparseTensor:
    if dense(s):
        raise RuntimeError(
            f"sparse.{name}: expected a sparse tensor, got a strided one: convert it with "
            ".to_sparse()"
        )
    return s


@public("sparse.mm(Tensor mat1, Tensor mat2, str? reduce=None)", foreign=False)
def sparse_mm(mat1, mat2, reduce=None):
    """The product of two matrices of which at least one is sparse.

    reduce: sum, mean, max or min of the products that make an element, of those that a CSR matrix
    mat1 stores; an empty row gives zeros.

    >>> torch.sparse.mm(torch.eye(2).to_sparse(), torch.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    if reduce is None or reduce == "sum" and not runner(matmul_op):  # which autocast would cast
        return function("mm")(mat1, mat2)
    if reduce not in REDUCTIONS:
        raise RuntimeError(f"sparse.mm: reduce={reduce!r} is none of sum, mean, amax, amin")
    if checked(mat1, "mm").layout is not sparse_csr:
        raise RuntimeError(f"sparse.mm: reduce={reduce!r} takes a CSR matrix: .to_sparse_csr()")
    if mat2._a.ndim != 2 or mat1._a.shape[-1] != mat2._a.shape[0]:
        raise RuntimeError(
            f"sparse.mm: expected a matrix of {mat1._a.shape[-1]} rows, got {list(mat2.shape)}"
        )
    places = mat1._indices()
    i, j = (places if places.dtype is int64 else places.long()).unbind(0)
    products = mat1._values().unsqueeze(1) * mat2.index_select(0, j)
    zeros = products.new_zeros((mat1._a.shape[0], products._a.shape[1]))
    if reduce == "sum":
        return zeros.index_add(0, i, products)
    return joined(zeros, 0, i, products, REDUCTIONS[reduce], False)


REDUCTIONS = {
    "sum": "sum",
    "mean": "mean",
    "max": "amax",
    "amax": "amax",
    "min": "amin",
    "amin": "amin",
}


@public(
    "sparse.addmm(Tensor mat, Tensor mat1, Tensor mat2, *, Scalar beta=1., Scalar alpha=1.)",
    foreign=False,
)
def sparse_addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2) with a sparse mat1.

    >>> torch.sparse.addmm(torch.ones(2, 2), torch.eye(2).to_sparse(), torch.eye(2))
    tensor([[2., 1.],
            [1., 2.]])
    """
    return addmm(mat, checked(mat1, "addmm"), mat2, beta, alpha)
