"""Dropout in its forms: of elements, of channels, and the kind for selu.

What lives here: dropout as a product with scaled noise, drawn as PyTorch draws it. What does not:
the random streams (`arrays/random_fill.py`, `ops/random/fill.py`).
"""

from __future__ import annotations

from typing import Any

from ...arrays import random_fill as streams
from ...arrays.lookup import LIBRARY, PER_DEVICE, RANK, namespace
from ...base.advice import advise
from ...base.modes import state
from ...declare.registry import public
from ...engine import views
from ...engine.tensor import Tensor, wrap
from ..math.arithmetic import mul
from ..random.fill import LIKE, default_stream, varied
from ..shape.views import squeeze_op, unsqueeze_op
from .activation import check


def noise(input: Tensor, keep: float, channels: bool = False) -> Tensor:
    """Ones with probability keep, else zeros, like input (or one number for each channel)."""
    if state.vmap:
        input = varied(input, "dropout")
    a = input._a
    if RANK.get(type(a), LIBRARY) == LIBRARY:
        ns = namespace(a)
        if a.dtype.kind == "c":
            raise NotImplementedError(
                f"\"bernoulli_scalar_cpu_\" not implemented for '{input.dtype}': drop out the real "
                "and "
                "imaginary parts by a real mask of your own"
            )
        like = ns.empty((*a.shape[:2], *(1,) * (a.ndim - 2)), a.dtype) if channels else a
        kind = "bernoulli" if channels else "dropout"
        return wrap(streams.fresh(ns, like, default_stream(ns.device_of(a)), kind, (keep,)))
    x = input.detach()
    if channels:
        x = x[(slice(None), slice(None), *(slice(0, 1),) * (a.ndim - 2))].contiguous()
    return LIKE["bernoulli" if channels else "dropout"].entry(x, (keep,), None)


def dropped(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, channels: bool
) -> Tensor:
    """Dropout of elements or channels."""
    if not training or p == 0 or input._a.size == 0:
        return input
    if p == 1:
        r = mul.entry(
            input,
            wrap(namespace(input._a).zeros((), input.dtype.np))
            if RANK.get(type(input._a), LIBRARY) == LIBRARY
            else input.detach() * 0,
        )
    elif not input.dtype.is_inexact:
        raise no_integers(name, input)
    elif channels and input._a.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    else:
        n = noise(input, 1 - p, channels)
        r = mul.entry(input, scaled(n, 1 / (1 - p)))
    return views.inplace(input, name + "_", r) if inplace else r


def no_integers(name: str, input: Tensor) -> RuntimeError:
    """What is said of tensors that cannot be scaled."""
    return RuntimeError(
        f"{name}: result type Float can't be cast to the desired output type {input.dtype}: "
        "convert the input with .float()"
    )


def scaled(n: Tensor, factor: float) -> Tensor:
    """Fresh noise times a factor, in its own memory if it is a plain array."""
    a = n._a
    if RANK.get(type(a), LIBRARY) == LIBRARY and type(a) not in PER_DEVICE:
        a *= a.dtype.type(factor)
        return n
    return n * factor


def alpha_dropped(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, channels: bool
) -> Tensor:
    """Dropout to the negative limit of selu, keeping mean and variance."""
    if not training or p == 0 or input._a.size == 0:
        return input
    if p == 1:
        r = input * 0
    elif not input.dtype.is_inexact:
        raise no_integers(name, input)
    elif channels and input._a.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    else:
        alpha = 1.7580993408473766
        a = 1 / ((alpha * alpha * p + 1) * (1 - p)) ** 0.5
        n = noise(input, 1 - p, channels)
        b = (n - 1) * (alpha * a) + alpha * a * p
        r = input * scaled(n, a) + b
    return views.inplace(input, name + "_", r) if inplace else r


def probability(p: Any, error: type[Exception] = RuntimeError) -> None:
    if p < 0.0 or p > 1.0:
        raise error(f"dropout probability has to be between 0 and 1, but got {p}")


@public(
    "nn.functional.dropout(Tensor input, float p=0.5, bool training=True, bool|any inplace=False)"
)
def dropout(input, p=0.5, training=True, inplace=False):
    """input with elements zeroed with probability p, the others scaled by 1 / (1 - p).

    Unless training, input itself.

    >>> F.dropout(torch.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    probability(p, ValueError)
    return dropped("dropout", input, p, training, inplace, False)


@public("dropout(Tensor input, float p, bool train)", method=False)
def torch_dropout(input, p, train):
    """input with elements zeroed with probability p, the others scaled by 1 / (1 - p), if train.

    >>> torch.dropout(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    probability(p)
    return dropped("dropout", input, p, train, False, False)


@public("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", method=False)
def native_dropout(input, p, train):
    """(dropout of input, the bool mask of what was kept).

    >>> torch.native_dropout(torch.ones(2), 0.5, False)[1]
    tensor([True, True])
    """
    if not train or p == 0:
        return input.clone(), input.detach().new_ones(input._a.shape).bool()
    n = noise(input, 1 - p)
    return mul.entry(input, n * (0.0 if p == 1 else 1 / (1 - p))), n.bool()


def _in_place(name: str, rule: Any, channels: bool) -> None:
    @public(f"{name}_(Tensor input, float p, bool train)", method=False)
    def f(input, p, train):
        check(name, input)
        probability(p)
        return rule(name, input, p, train, True, channels)

    f.__name__, f.__doc__ = name + "_", f"{name}() in place."


def _plain(name: str, rule: Any, channels: bool, doc: str) -> None:
    @public(f"{name}(Tensor input, float p, bool train)", method=False)
    def f(input, p, train):
        check(name, input)
        probability(p)
        return rule(name, input, p, train, False, channels)

    f.__name__, f.__doc__ = name, doc


_plain(
    "alpha_dropout", alpha_dropped, False, "Dropout for selu, if train: keeps mean and variance."
)
_plain("feature_dropout", dropped, True, "Dropout of whole channels (dimension 1), if train.")
_plain(
    "feature_alpha_dropout",
    alpha_dropped,
    True,
    "alpha_dropout of whole channels (dimension 1), if train.",
)
for _name, _rule, _channels in (
    ("dropout", dropped, False),
    ("alpha_dropout", alpha_dropped, False),
    ("feature_dropout", dropped, True),
    ("feature_alpha_dropout", alpha_dropped, True),
):
    _in_place(_name, _rule, _channels)


@public(
    "nn.functional.alpha_dropout(Tensor input, float p=0.5, bool training=False, "
    "bool|any inplace=False)"
)
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout for selu: to its negative limit with probability p, keeping mean and variance.

    >>> F.alpha_dropout(torch.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    probability(p, ValueError)
    return alpha_dropped("alpha_dropout", input, p, training, inplace, False)


@public(
    "nn.functional.feature_alpha_dropout(Tensor input, float p=0.5, "
    "bool training=False, bool|any inplace=False)"
)
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels (dimension 1).

    >>> F.feature_alpha_dropout(torch.ones(1, 2), 0.5)
    tensor([[1., 1.]])
    """
    probability(p, ValueError)
    return alpha_dropped("feature_alpha_dropout", input, p, training, inplace, True)


@public(
    "nn.functional.dropout1d(Tensor input, float p=0.5, bool training=True, bool|any inplace=False)"
)
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, L) or (C, L).

    >>> F.dropout1d(torch.ones(2, 3), 1.0)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    probability(p, ValueError)
    nd = input._a.ndim
    if nd not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {nd}D input. Note that dropout1d "
            "exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, "
            "and an "
            "optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return single(input, nd == 2, p, training, inplace)


def single(input: Tensor, unbatched: bool, p: float, training: bool, inplace: bool) -> Tensor:
    """Channel dropout; an input without batch dimension gets one for the time."""
    if not unbatched:
        return dropped("feature_dropout", input, p, training, inplace, True)
    return squeeze_op.entry(
        dropped("feature_dropout", unsqueeze_op.entry(input, 0), p, training, inplace, True), (0,)
    )


@public(
    "nn.functional.dropout2d(Tensor input, float p=0.5, bool training=True, bool|any inplace=False)"
)
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, H, W) or (N, C, L).

    >>> F.dropout2d(torch.ones(1, 1, 2, 2), 0.0).sum()
    tensor(4.)
    """
    probability(p, ValueError)
    nd = input._a.ndim
    if nd not in (3, 4):
        advise(
            f"dropout2d: Received a {nd}-D input to dropout2d, which is deprecated and will result "
            "in an error in a "
            "future release: it needs a channel dimension, 2 spatial dimensions and a batch "
            "dimension.",
        )
    elif nd == 3:
        advise(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim: use dropout1d.",
        )
    return dropped("feature_dropout", input, p, training, inplace, True)


@public(
    "nn.functional.dropout3d(Tensor input, float p=0.5, bool training=True, bool|any inplace=False)"
)
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W).

    >>> F.dropout3d(torch.ones(1, 1, 1, 2, 2), 0.0).sum()
    tensor(4.)
    """
    probability(p, ValueError)
    nd = input._a.ndim
    if nd not in (4, 5):
        advise(
            f"dropout3d: Received a {nd}-D input to dropout3d, which is deprecated and will result "
            "in an error in a "
            "future release: it needs a channel dimension and 3 spatial dimensions.",
        )
    return single(input, nd != 5, p, training, inplace)
