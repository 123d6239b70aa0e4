"""Quantiles and covariance: quantile, nanquantile, cov, corrcoef."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.registry import public
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor
from ..creation.tensor import tensor
from ..dims import wrap_dim
from ..math.mixtures import lerp


def _quantile(name: str, skip: bool) -> Any:
    def f(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
        if not isinstance(q, Tensor):
            if not 0 <= q <= 1:
                raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
            q = tensor(float(q), dtype=input.dtype, device=input.device)
        if input.dtype.name not in ("float32", "float64"):
            raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
        if q.dtype is not input.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
        if q._a.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if input._a.size == 0:
            raise RuntimeError(f"{name}() input tensor must be non-empty")
        if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
            raise RuntimeError(
                f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest,"
                f" but got {interpolation}"
            )
        if q._a.size and not hasattr(q._a, "level") and (float(q.min()) < 0 or float(q.max()) > 1):
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
        nd = input._a.ndim
        d = None if dim is None else wrap_dim(dim, nd, name)
        x = input.movedim(d, -1) if nd and d is not None else input.reshape(-1)
        values = x.sort(-1).values
        n = x.shape[-1]
        if skip:
            valid = (n - x.isnan().sum(-1, True)).to(x.dtype)
        else:
            valid = x.new_full((*x.shape[:-1], 1), float(n))
        rank = (q.reshape(-1) * (valid - 1)).clamp(min=0)
        if not skip:
            rank = rank.where(~x.isnan().any(-1, keepdim=True), rank * 0 + (n - 1))
        low_i, high_i = rank.floor(), rank.ceil()
        if interpolation == "lower":
            high_i = low_i
        elif interpolation == "higher":
            low_i = high_i
        elif interpolation == "nearest":
            low_i = high_i = rank.round()
        a = values.gather(-1, low_i.long())
        if high_i is low_i:
            r = a
        else:
            b = values.gather(-1, high_i.long())
            r = lerp(a, b, 0.5 if interpolation == "midpoint" else rank - low_i)
        r = r.movedim(-1, 0)
        if keepdim:
            r = (
                r.reshape(r.shape[0], *[1] * nd)
                if d is None
                else r.unsqueeze(d + 1)
                if nd
                else r.reshape(r.shape[0])
            )
        if q._a.ndim == 0:
            r = r.squeeze(0)
        return r if out is None else write_out(name, r, out, "exact")

    f.__name__ = name
    f.__doc__ = "The q-quantiles of all elements or along dim" + (
        "; nan is ignored." if skip else "."
    )
    return public(
        f"{name}(Tensor input, Tensor|float q, int? dim=None, bool keepdim=False, *, "
        "str interpolation='linear', out)",
        whole=True,
    )(f)


_quantile("quantile", False)
_quantile("nanquantile", True)


@public("cov(Tensor input, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None)")
def cov(input, *, correction=1, fweights=None, aweights=None):
    """Covariance matrix of the rows (variables) over the columns (observations).

    >>> torch.cov(torch.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input._a.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with"
            f" {input._a.ndim} dimensions"
        )
    if input.dtype.category == dtypes.BOOLEAN:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input._a.ndim == 2 else input.reshape(1, -1)
    if x.dtype.category == dtypes.INTEGRAL and aweights is None:
        x = x.to(dtypes.get_default_dtype())
    n = x.shape[1]
    for w, name in ((fweights, "fweights"), (aweights, "aweights")):
        if w is None:
            continue
        if w._a.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with"
                f" {w._a.ndim} dimensions"
            )
        if (
            (w.dtype.category != dtypes.INTEGRAL)
            if name == "fweights"
            else (not w.dtype.is_floating_point)
        ):
            raise RuntimeError(
                f"cov(): expected {name} to have"
                f" {'integral' if name == 'fweights' else 'floating point'} dtype but got {name}"
                f" with {w.dtype} dtype"
            )
        if w._a.size != n:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the"
                f" input but got {w._a.size} != {n}"
            )
        if w._a.size and not hasattr(w._a, "level") and not float(w.min()) >= 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
    w = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    if w is not None and not hasattr(w._a, "level") and not float(w.sum()):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    if w is None:
        total: Any = n
        mean = x.mean(1, keepdim=True)
        norm_factor: Any = total - correction
    else:
        w = w.reshape(-1)
        total = w.sum()
        mean = (x * w).sum(1, keepdim=True) / total
        if correction == 0 or aweights is None:
            norm_factor = total - correction
        else:
            norm_factor = total - correction * (w * aweights.reshape(-1)).sum() / total
    c = x - mean
    right = c if w is None else c * w
    if isinstance(norm_factor, Tensor):
        factor: Any = norm_factor.masked_fill(norm_factor <= 0, 0)
    else:
        factor = float(max(norm_factor, 0))
    product = c @ (right.conj().transpose(0, 1) if x.dtype.is_complex else right.transpose(0, 1))
    r = (
        product / factor
        if isinstance(factor, Tensor) or factor
        else product / product.new_zeros(())
    )
    return r.squeeze()


@public("corrcoef(Tensor input)")
def corrcoef(input):
    """Correlation coefficients of the rows.

    Raises RuntimeError where there are more than two dimensions, or booleans.

    >>> torch.corrcoef(torch.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    c = cov(input)
    if c._a.ndim == 0:
        return c / c
    d = c.diagonal()
    s = (d.real if d.dtype.is_complex else d).sqrt()
    r = c / s.unsqueeze(1) / s.unsqueeze(0)
    return r if r.dtype.is_complex else r.clamp(-1, 1)
