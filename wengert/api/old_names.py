"""Functions that PyTorch has taken away: they work, and say once which one has come in their place.

PyTorch 2.13 raises where these are called, or lacks them, so that no program of today is changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..base.hints import hint
from ..engine.out_argument import write_out
from ..engine.tensor import Tensor
from . import functions as T

__all__ = [
    "eig", "fft", "ifft", "irfft", "is_deterministic", "lstsq", "masked_copy_", "matrix_rank",
    "reinforce", "rfft", "set_deterministic", "solve", "symeig", "zero_gradients",
]  # fmt: skip


class Solution(NamedTuple):
    """The solution of equations, and the factors of their matrix."""

    solution: Tensor
    LU: Tensor


class LeastSquares(NamedTuple):
    """The solution of equations, and the rest of what LAPACK leaves there."""

    solution: Tensor
    QR: Tensor


class Eigen(NamedTuple):
    """Eigenvalues and, if asked for, eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def gone(name: str, instead: str) -> None:
    """Tell the new name, once for each."""
    hint(f"old name {name}", f"torch.{name} is gone from PyTorch: write {instead}")


def delivered(name: str, result: Any, out: Any) -> Any:
    """A result, in the tensors given as out= if there are any."""
    return result if out is None else write_out(name, result, out)


def solve(input: Tensor, A: Tensor, *, out: Any = None) -> Solution:
    """The X of A @ X = input, A (*, n, n), input (*, n, k), and the factors of A in one matrix.

    out: the tensors to write into.

    Raises TypeError where input or A is no tensor; RuntimeError where input or A holds integers,
    booleans or complex numbers or A has a shape that does not fit.

    >>> torch.solve(torch.tensor([[2.0]]), torch.tensor([[4.0]])).solution
    tensor([[0.5000]])
    """
    return solved("solve", input, A, out)


def solved(name: str, input: Tensor, A: Tensor, out: Any) -> Solution:
    """What solve gives, which had another name before."""
    gone(name, "torch.linalg.solve(A, B), with A first")
    x, lu = T.resolve("linalg", "solve")(A, input), T.resolve("linalg", "lu_factor")(A)[0]
    return delivered(name, Solution(x, lu), out)


def lstsq(input: Tensor, A: Tensor, *, out: Any = None) -> LeastSquares:
    """The X (max(m, n), k) whose first n rows make A @ X nearest to input; A (m, n), input (m, k).

    out: the tensors to write into.

    A is of shape (m, n), input of shape (m, k). Raises TypeError where input or A is no tensor;
    RuntimeError where input or A has a shape that does not fit or input or A holds integers,
    booleans or complex numbers.

    >>> torch.lstsq(torch.tensor([[1.0], [3.0]]), torch.ones(2, 1)).solution[0].round(decimals=4)
    tensor([2.])
    """
    return nearest("lstsq", input, A, out)


def nearest(name: str, input: Tensor, A: Tensor, out: Any) -> LeastSquares:
    """What lstsq gives, which had another name before."""
    gone(name, "torch.linalg.lstsq(A, B), with A first")
    found = T.resolve("linalg", "lstsq")(A, input).solution
    q, r = T.resolve("linalg", "qr")(A, "complete")
    rest = (q.transpose(-1, -2) @ input)[A.shape[-1] :]
    result = LeastSquares(T.cat([found, rest]), r)
    return delivered(name, result, out)


def solve_method(self: Tensor, other: Tensor) -> Solution:
    """torch.solve(self, other).

    self is the right side, of shape (*, n, k), other the matrix, of shape (*, n, n). Raises
    TypeError where other is no tensor; RuntimeError where other has a shape that does not fit or
    other holds integers, booleans or complex numbers.

    >>> torch.tensor([[2.0]]).solve(torch.tensor([[4.0]])).solution
    tensor([[0.5000]])
    """
    return solve(self, other)


def lstsq_method(self: Tensor, other: Tensor) -> LeastSquares:
    """torch.lstsq(self, other).

    self is the right side, of shape (m, k), other the matrix, of shape (m, n). Raises TypeError
    where other is no tensor; RuntimeError where other has a shape that does not fit or other holds
    integers, booleans or complex numbers.

    >>> torch.tensor([[1.0], [3.0]]).lstsq(torch.ones(2, 1)).solution[0].round(decimals=4)
    tensor([2.])
    """
    return lstsq(self, other)


solve_method.__name__ = solve_method.__qualname__ = "solve"  # what errors call them
lstsq_method.__name__ = lstsq_method.__qualname__ = "lstsq"


def symeig(
    input: Tensor, eigenvectors: bool = False, upper: bool = True, *, out: Any = None
) -> Eigen:
    """Eigenvalues, rising, of symmetric matrices (*, n, n), and eigenvectors if asked for.

    input: symmetric matrices. upper: which triangle is read. out: the tensors to write into.

    Raises TypeError where input is no tensor; RuntimeError where input has a shape that does not
    fit; NotImplementedError where input holds integers or booleans.

    >>> torch.symeig(torch.diag(torch.tensor([2.0, 1.0]))).eigenvalues
    tensor([1., 2.])
    """
    gone("symeig", "torch.linalg.eigh(A), or torch.linalg.eigvalsh(A)")
    half = "U" if upper else "L"
    if eigenvectors:
        found = T.resolve("linalg", "eigh")(input, UPLO=half)
    else:
        values = T.resolve("linalg", "eigvalsh")(input, UPLO=half)
        found = values, T.empty(0, dtype=input.dtype)
    return delivered("symeig", Eigen(*found), out)


def eig(self: Tensor, eigenvectors: bool = False, *, e: Any = None, v: Any = None) -> Eigen:
    """Eigenvalues of a square matrix, real and imaginary parts (n, 2), and eigenvectors (n, n) if
    asked for: of a pair of conjugates, its real part and then its imaginary part. e, v: where to
    put them, both or none.

    Raises TypeError where self is no tensor; RuntimeError where self has a shape that does not fit
    or self holds integers or booleans.

    >>> torch.eig(torch.diag(torch.tensor([2.0, 2.0]))).eigenvalues
    tensor([[2., 0.],
            [2., 0.]])
    """
    gone("eig", "torch.linalg.eig(A), which is complex")
    values, vectors = T.resolve("linalg", "eig")(self)
    parts, shown = T.view_as_real(values), T.empty(0, dtype=self.dtype)
    if eigenvectors:
        real, imaginary = T.view_as_real(vectors).unbind(-1)
        shown = T.where(parts[:, 1] < 0, -imaginary, real)
    out = None if e is None and v is None else (e, v)
    return delivered("eig", Eigen(parts, shown), out)


def matrix_rank(
    input: Tensor, tol: float | None = None, symmetric: bool = False, *, out: Any = None
) -> Tensor:
    """How many singular values of a matrix are larger than tol.

    input: matrices. symmetric: whether they are symmetric. out: the tensor to write into.

    Raises TypeError where input is no tensor; RuntimeError where input has a shape that does not
    fit or input holds integers or booleans.

    >>> torch.matrix_rank(torch.ones(2, 2))
    tensor(1)
    """
    gone("matrix_rank", "torch.linalg.matrix_rank(A)")
    limit = {} if tol is None else {"tol": tol}
    found = T.resolve("linalg", "matrix_rank")(input, hermitian=symmetric, **limit)
    return delivered("matrix_rank", found, out)


def set_deterministic(d: bool) -> None:
    """What use_deterministic_algorithms does.

    d: whether.

    >>> torch.set_deterministic(False)
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    gone("set_deterministic", "torch.use_deterministic_algorithms(mode)")
    T.use_deterministic_algorithms(d)


def is_deterministic() -> bool:
    """What are_deterministic_algorithms_enabled says.

    >>> torch.is_deterministic()
    False
    """
    gone("is_deterministic", "torch.are_deterministic_algorithms_enabled()")
    return bool(T.are_deterministic_algorithms_enabled())


def complex_transform(name: str, input: Tensor, signal_ndim: int, normalized: bool) -> Tensor:
    """fftn or ifftn over the last signal_ndim dimensions of pairs of real numbers."""
    gone(name, f"torch.fft.{name}n(x, dim=...), of complex numbers")
    dims = tuple(range(-signal_ndim, 0))
    norm = "ortho" if normalized else None
    numbers = T.view_as_complex(input.contiguous())
    return T.view_as_real(T.resolve("fft", f"{name}n")(numbers, dim=dims, norm=norm))


def fft(input: Tensor, signal_ndim: int, normalized: bool = False) -> Tensor:
    """The Fourier transform over the last signal_ndim dimensions of complex numbers, which are
    pairs of real ones in one more dimension of size 2. Modules cannot be functions in Python:
    torch.fft is a module that can be called like this.

    input: (..., 2). normalized: divide by the root of the sizes.

    Raises RuntimeError where the last dimension of input is not 2.

    >>> torch.fft(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), 1)
    tensor([[ 4.,  0.],
            [-2.,  0.]])
    """
    return complex_transform("fft", input, signal_ndim, normalized)


def ifft(input: Tensor, signal_ndim: int, normalized: bool = False) -> Tensor:
    """What fft came from: complex numbers as pairs of real ones, (..., 2).

    input: what fft gives. signal_ndim: how many dimensions are transformed. normalized: multiply
    by the root of their sizes, not divide by their product.

    Raises RuntimeError where the last dimension of input is not 2.

    >>> torch.ifft(torch.tensor([[4.0, 0.0], [-2.0, 0.0]]), 1)
    tensor([[1., 0.],
            [3., 0.]])
    """
    return complex_transform("ifft", input, signal_ndim, normalized)


def rfft(
    input: Tensor, signal_ndim: int, normalized: bool = False, onesided: bool = True
) -> Tensor:
    """The Fourier transform over the last signal_ndim dimensions, its real and imaginary parts in
    one more dimension of size 2; onesided: half of the last, which says all.

    input: a real tensor. normalized: divide by the root of the sizes.

    input has any shape of at least signal_ndim dims. Raises TypeError where input is no tensor or
    signal_ndim is of the wrong type; IndexError where input has a shape that does not fit or
    signal_ndim is out of range; RuntimeError where input holds complex numbers or signal_ndim is
    below 1.

    >>> torch.rfft(torch.ones(4), 1)
    tensor([[4., 0.],
            [0., 0.],
            [0., 0.]])
    """
    gone("rfft", "torch.fft.rfftn(x, dim=...), which is complex")
    kind = "rfftn" if onesided else "fftn"
    dims = tuple(range(-signal_ndim, 0))
    found = T.resolve("fft", kind)(input, dim=dims, norm="ortho" if normalized else None)
    return T.view_as_real(found)


def irfft(
    input: Tensor,
    signal_ndim: int,
    normalized: bool = False,
    onesided: bool = True,
    signal_sizes: Any = None,
) -> Tensor:
    """What rfft came from; signal_sizes: its sizes, needed where the last is odd.

    input: (..., 2), real and imaginary parts. signal_ndim: how many dimensions are transformed.
    normalized: divide by the root of their sizes. onesided: only the frequencies that are not
    negative.

    Raises RuntimeError where the last dimension of input is not 2 or signal_sizes has another
    length.

    >>> torch.irfft(torch.rfft(torch.ones(4), 1), 1)
    tensor([1., 1., 1., 1.])
    """
    gone("irfft", "torch.fft.irfftn(x, s=..., dim=...), of complex numbers")
    dims = tuple(range(-signal_ndim, 0))
    options = {"dim": dims, "norm": "ortho" if normalized else None}
    whole = T.view_as_complex(input.contiguous())
    if onesided:
        return T.resolve("fft", "irfftn")(whole, s=signal_sizes or None, **options)
    return T.resolve("fft", "ifftn")(whole, **options).real


def reinforce(self: Tensor, reward: Any) -> None:
    """Gone: draws know nothing of their rewards. RuntimeError tells how to write it today.

    reward: not used. self and reward have any shape.

    >>> torch.ones(1).reinforce(1.0)
    Traceback (most recent call last):
        ...
    RuntimeError: reinforce() is gone from PyTorch: draw with ...
    """
    raise RuntimeError(
        "reinforce() is gone from PyTorch: draw with m = torch.distributions.Categorical(probs), "
        "action = m.sample(), and let (-m.log_prob(action) * reward).backward() do the rest"
    )


def masked_copy_(self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """masked_scatter_ under its first name: write elements of source where mask is true.

    self and mask have shapes that broadcast, source as many elements as mask is true. Raises
    TypeError where mask or source is no tensor; RuntimeError where source has too few elements or
    another dtype or mask holds no booleans.

    >>> torch.zeros(2).masked_copy_(torch.tensor([False, True]), torch.ones(1))
    tensor([0., 1.])
    """
    gone("Tensor.masked_copy_", "Tensor.masked_scatter_(mask, source)")
    return self.masked_scatter_(mask, source)


def zero_gradients(x: Any) -> None:
    """Set the gradient of a tensor, or those of all in nested lists, to zero.

    x: a tensor of any shape, or some of them; what has no gradient is left as it is.

    >>> x = torch.ones(2, requires_grad=True)
    >>> x.sum().backward()
    >>> from wengert.autograd.gradcheck import zero_gradients
    >>> zero_gradients(x)
    >>> x.grad
    tensor([0., 0.])
    """
    gone("autograd.gradcheck.zero_gradients", "x.grad = None, or optimizer.zero_grad()")
    if not isinstance(x, Tensor):
        for each in x:
            zero_gradients(each)
    elif x.grad is not None:
        x.grad.detach_()
        x.grad.zero_()


def _softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: int, input_dtype: Any
) -> Tensor:
    """The gradient of softmax from its result, which libraries with a softmax of their own call."""
    product = grad_output * output
    return (product - output * product.sum(dim, keepdim=True)).to(input_dtype)


def _segment_reduce(data: Tensor, reduce: str, **options: Any) -> Tensor:
    """torch.segment_reduce under the name that it had first."""
    reduced: Tensor = T.resolve("", "segment_reduce")(data, reduce, **options)
    return reduced


def _convert_indices_from_coo_to_csr(
    input: Tensor, size: int, *, out_int32: bool = False
) -> Tensor:
    """Where each of `size` rows begins, and the last ends, among elements in the order of rows.

    input: the row of each element. out_int32: the result's dtype, instead of int64.

    >>> torch._convert_indices_from_coo_to_csr(torch.tensor([0, 0, 2]), 3)
    tensor([0, 2, 2, 3])
    """
    ends: Tensor = input.bincount(minlength=size).cumsum(0)
    begins = T.resolve("", "cat")([ends.new_zeros(1), ends])
    return begins.int() if out_int32 else begins


def _convert_indices_from_csr_to_coo(
    crow_indices: Tensor, col_indices: Tensor, *, out_int32: bool = False, transpose: bool = False
) -> Tensor:
    """Row and column (2, n) of each element of a matrix whose rows begin at crow_indices.

    col_indices: the column of each element. out_int32: the result's dtype, instead of int64.
    transpose: column and row.

    >>> rows = torch.tensor([0, 2, 2, 3])
    >>> torch._convert_indices_from_csr_to_coo(rows, torch.tensor([1, 2, 0]))
    tensor([[0, 0, 2],
            [1, 2, 0]])
    """
    each = T.resolve("", "arange")(len(crow_indices) - 1)
    rows, columns = each.repeat_interleave(crow_indices.diff()), col_indices.long()
    both = T.resolve("", "stack")([columns, rows] if transpose else [rows, columns])
    return both.int() if out_int32 else both
