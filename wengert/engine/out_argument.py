"""The argument out=: results are put into tensors that are given."""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import LIBRARY, RANK, namespace
from ..base import dtypes, returns
from ..base.advice import advise
from ..base.modes import state
from . import views
from .tensor import Tensor

# Functions whose out= must have the dtype of the result, which others convert to a wider one.
EXACT = frozenset(
    """abs addbmm addmm addmv alias_copy all amax amin aminmax any argmax argmin argsort
    as_strided_copy avg_pool2d avg_pool3d baddbmm bitwise_not bmm bucketize ceil cholesky_ex
    complex conj_physical cross cummax cummin det diag diagonal_copy diff dot eigh eigvalsh
    expand_copy float_power floor frac gather gelu hardshrink hash_tensor heaviside histc index_add
    index_copy index_reduce index_select inner inv isin isneginf isposinf ldl_solve linear
    log_softmax logcumsumexp logsigmoid lu_solve masked_select matmul matrix_norm mm msort
    multi_dot multinomial mv nan_to_num nanquantile narrow_copy neg nonzero nonzero_static norm
    ormqr permute_copy polar quantile renorm round scatter scatter_add scatter_reduce searchsorted
    sgn sign signbit slice_scatter softmax softplus softshrink solve solve_triangular squeeze_copy
    svdvals t_copy take take_along_dim tensordot transpose_copy tril triu trunc unfold_copy
    unsqueeze_copy vdot vecdot vector_norm view_copy where""".split()  # noqa: SIM905
)
REAL = frozenset(("hfft", "hfft2", "hfftn", "irfft", "irfft2", "irfftn"))
JOINS = frozenset(("cat", "column_stack", "dstack", "hstack", "stack", "vstack"))
CONVERTED = frozenset(("eig", "geqrf", "lstsq"))  # of those with several results


def write_out(name: str, result: Any, out: Any, exact: bool = False) -> Any:
    """Put results into the tensors given as out=, resizing them as PyTorch does; returns out.
    exact: out must have the dtype of the result.
    """
    if isinstance(result, (tuple, list)):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): out must be a tuple of {len(result)} tensors")
        for r, o in zip(result, out):
            write_out(name, r, o, name not in CONVERTED)
        kind = type(result)
        if hasattr(kind, "n_fields"):
            return returns.named(f"{kind.__name__}_out", *out)
        return kind(*out) if hasattr(kind, "_fields") else tuple(out)  # of functions of old
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if state.grad and (result._n is not None or out._n is not None):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation,"
            " but one of the arguments requires grad: leave out= away, or work under"
            " torch.no_grad()."
        )
    if out._x is not None and out._x.inference and not state.inference:
        raise RuntimeError(f"{name}(): {views.OF_INFERENCE}")
    have, want = result.dtype, out.dtype
    small = want is dtypes.uint8 and name in ("all", "any") or name == "abs" and want.is_complex
    if have is not want and (exact or name in EXACT) and not small:
        raise RuntimeError(
            f"{name}(): Expected out tensor to have dtype {have}, but got {want} instead"
        )
    if name in REAL and want.is_complex:
        raise RuntimeError(f"{name} expects a floating point output tensor, but got {want}")
    if not can_store(have, want):
        raise (TypeError if name in JOINS else RuntimeError)(
            f"{name}(): result type {result.dtype} can't be cast to the desired output type"
            f" {out.dtype}"
        )
    if result.device != out.device:
        raise RuntimeError(
            f"{name}(): Expected out tensor to be on {result.device}, but it is on {out.device}"
        )
    views.check_overlap(out, name)
    if tuple(out._a.shape) != tuple(result._a.shape):
        if out._a.size:
            advise(
                "An output with one or more elements was resized since it had shape"
                f" {list(out._a.shape)}, which does not match the required output shape"
                f" {list(result._a.shape)}. This behavior is deprecated: resize it to 0 elements"
                " first.",
            )
        resize(out, tuple(result._a.shape))
    views.store(out, result._a)
    return out


# functions that compute in the dtype of out=, unless dtype= says another
IN_DTYPE_OF_OUT = frozenset(("cumprod", "cumsum", "nansum", "prod"))


def dtype_into(dtype: Any, out: Any) -> Any:
    """The dtype that such a function computes in."""
    check_dtype(dtype, out)
    return out.dtype if dtype is None and isinstance(out, Tensor) else dtype


def check_dtype(dtype: Any, out: Any) -> None:
    """Refuse dtype= beside an out= of another one."""
    if isinstance(dtype, dtypes.dtype) and isinstance(out, Tensor) and out.dtype is not dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {dtype}, but got {out.dtype} instead: leave dtype="
            " away, or pass an out= of that dtype"
        )


def resize(t: Tensor, shape: tuple[int, ...]) -> None:
    """Give t another shape, in the memory that it has if that suffices."""
    a = t._a
    xp = namespace(a)
    library = RANK.get(type(a), LIBRARY) == LIBRARY
    t._a = xp.resized(a, shape) if library else xp.empty(shape, a.dtype)
    if t._x is not None and t._x.base is not None:
        t._x = None  # no longer the view it was


def can_store(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether in-place and out= accept a result of one dtype in a tensor of another."""
    return from_.category <= to.category or from_.category == dtypes.BOOLEAN
