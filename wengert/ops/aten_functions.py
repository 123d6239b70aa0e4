"""What is run behind PyTorch's operators: the function of an overload, by name.

Most are public functions or methods of the same name and arguments; those with others are here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..declare.registry import FUNCTIONS
from ..declare.signature import callable_of
from ..engine.op import OPS
from ..engine.tensor import Tensor

SPACES = {"": "", "nn.functional": "", "linalg": "linalg_", "special": "special_", "fft": "fft_"}
REDUCTIONS = ("none", "mean", "sum")


def public(name: str, space: str = "") -> Any:
    """A public function."""
    return callable_of(FUNCTIONS[space][name], name, space)


@functools.cache
def function_of(word: str, overload: str) -> Callable[..., Any] | None:
    """The function of an overload, or None."""
    f = OWN.get(f"{word}.{overload}") or OWN.get(word)
    if f is not None:
        return f
    if overload.startswith("out"):
        return with_out(word)
    for space, prefix in SPACES.items():
        name = word.removeprefix(prefix) if word.startswith(prefix) else ""
        if name in FUNCTIONS.get(space, {}):
            return public(name, space)
    method = getattr(Tensor, word, None)
    if callable(method):
        return method
    return OPS[word].entry if word in OPS else None


def with_out(word: str) -> Callable[..., Any] | None:
    """The function that writes into out=."""
    return function_of(word, "")


def _to_copy(
    x: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None, non_blocking: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    return x.to(device=device or x.device, dtype=dtype or x.dtype, copy=True)


def _slice(x: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def _unsafe_view(x: Tensor, size: Any) -> Any:
    return x.reshape(size)


def _softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Any:
    return public("softmax")(x, dim)


def _log_softmax(x: Tensor, dim: int, half_to_float: bool = False) -> Any:
    return public("log_softmax")(x, dim)


def _softmax_backward_data(g: Tensor, out: Tensor, dim: int, input_dtype: Any = None) -> Any:
    return out * (g - (g * out).sum(dim, True))


def _log_softmax_backward_data(g: Tensor, out: Tensor, dim: int, input_dtype: Any = None) -> Any:
    return g - out.exp() * g.sum(dim, True)


def _index(x: Tensor, indices: Any) -> Any:
    return x[tuple([slice(None) if i is None else i for i in indices])]


def _index_put(x: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Any:
    return x.index_put(tuple(indices), values, accumulate)


def _detach(x: Tensor) -> Any:
    return x.detach()


def _loss(name: str) -> Callable[..., Any]:
    """A loss of two tensors, whose reduction is a number among operators."""

    def f(x: Tensor, y: Tensor, reduction: int = 1, **options: Any) -> Any:
        return public(name, "nn.functional")(x, y, reduction=REDUCTIONS[reduction], **options)

    return f


def _activation(name: str) -> Callable[..., Any]:
    """A function of torch.nn.functional, in place too."""
    return lambda x, *args, **kwargs: public(name, "nn.functional")(x, *args, **kwargs)


def _scalar(x: Tensor) -> Any:
    return x.item()


def _threshold_backward(g: Tensor, x: Tensor, threshold: Any) -> Any:
    return g.masked_fill(x <= threshold, 0)


def _sigmoid_backward(g: Tensor, out: Tensor) -> Any:
    return g * (1 - out) * out


def _tanh_backward(g: Tensor, out: Tensor) -> Any:
    return g * (1 - out * out)


def _std(name: str) -> Callable[..., Any]:
    """A spread, whose dimensions and correction may be left out."""

    def f(x: Tensor, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
        return public(name)(x, dim, correction=correction, keepdim=keepdim)

    return f


def _alpha_at_third(name: str) -> Callable[..., Any]:
    """rsub, whose factor may come by position."""
    return lambda x, other, alpha=1: public(name)(x, other, alpha=alpha)


def _embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:  # fmt: skip
    return OPS["embedding"].entry(weight, indices, padding_idx, scale_grad_by_freq, sparse)


def _squeeze(x: Tensor, dim: Any = None) -> Any:
    return x.squeeze() if dim is None else x.squeeze(tuple(dim) if isinstance(dim, list) else dim)


def _norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, **options: Any) -> Any:
    return public("vector_norm", "linalg")(x, ord, dim, keepdim, **options)


def _max_pool2d_with_indices(x: Tensor, kernel_size: Any, stride: Any = None, *args: Any) -> Any:
    f = public("max_pool2d", "nn.functional")
    return f(x, kernel_size, stride or None, *args, return_indices=True)


def _lift(x: Tensor) -> Any:
    return x


def _method(name: str) -> Callable[..., Any]:
    """A method, which a list of sizes or dimensions is handed as one argument."""
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


ACTIVATIONS = "relu gelu silu leaky_relu elu hardtanh hardswish hardsigmoid softplus mish glu"
CALLED = (
    "clone copy_ fill_ zero_ expand permute repeat new_zeros new_ones new_empty new_full unfold "
    "as_strided unbind split_with_sizes"
)
OWN: dict[str, Callable[..., Any]] = {
    "_to_copy": _to_copy, "slice": _slice, "_unsafe_view": _unsafe_view, "_softmax": _softmax,
    "_log_softmax": _log_softmax, "_softmax_backward_data": _softmax_backward_data,
    "_log_softmax_backward_data": _log_softmax_backward_data, "index": _index,
    "index_put": _index_put,
    "index_put_": lambda x, indices, values, accumulate=False: x.index_put_(
        tuple(indices), values, accumulate
    ), "alias": lambda x: x.view(x.shape), "detach": _detach,
    "mse_loss": _loss("mse_loss"), "l1_loss": _loss("l1_loss"), "huber_loss": _loss("huber_loss"),
    "smooth_l1_loss": _loss("smooth_l1_loss"),
    "binary_cross_entropy": _loss("binary_cross_entropy"),
    "_local_scalar_dense": _scalar, "threshold_backward": _threshold_backward,
    "sigmoid_backward": _sigmoid_backward, "tanh_backward": _tanh_backward, "std": _std("std"),
    "var": _std("var"), "rsub": _alpha_at_third("rsub"), "embedding": _embedding,
    "squeeze": _squeeze, "lift_fresh": _lift, "lift": _lift, "view.default": _unsafe_view,
    **{name: _activation(name) for name in ACTIVATIONS.split()},
    **{name: _method(name) for name in CALLED.split()},
    "view.dtype": _method("view"), "split": _method("split"), "linalg_vector_norm": _norm,
    "max_pool2d_with_indices": _max_pool2d_with_indices,
}  # fmt: skip
