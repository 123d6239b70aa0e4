"""A batch norm in evaluation is a scale and a shift: folded into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights",
]  # fmt: skip


def _check(layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!: call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


@clear_errors
def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of conv that does what conv followed by bn does.

    transpose: conv is a transposed convolution. AssertionError unless both are in evaluation.

    Raises TypeError where conv or bn is of the wrong type.

    >>> conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    >>> x = torch.randn(1, 1, 5, 5)
    >>> torch.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
    True
    """
    _check(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
    bn_w: Tensor | None, bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """(weight, bias) of the convolution that includes the batch norm.

    conv_w: weight of the convolution. conv_b: its bias, or None. bn_rm: running mean. bn_rv:
    running variance. bn_eps: eps of the norm. bn_w: weight of the norm. bn_b: bias of the norm.
    transpose: whether the convolution is a transposed one.

    conv_w is of shape (out, in, *), or (in, out, *) if transpose; the others are of shape (out,).
    Raises RuntimeError where the numbers of channels differ.

    >>> conv, bn = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2).eval()
    >>> facts = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    >>> w, b = nn.utils.fuse_conv_bn_weights(conv.weight, conv.bias, *facts)
    >>> x = torch.ones(1, 1, 2, 2)
    >>> torch.allclose(F.conv2d(x, w, b), bn(conv(x)))
    True
    """
    b = T.zeros_like(bn_rm) if conv_b is None else conv_b
    scale = T.rsqrt(bn_rv + bn_eps)
    scale = scale if bn_w is None else bn_w * scale
    shift = 0 if bn_b is None else bn_b
    rest = [1] * (conv_w.dim() - 2)
    shape = [1, -1, *rest] if transpose else [-1, 1, *rest]
    weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    bias = ((b - bn_rm) * scale + shift).to(b.dtype if conv_b is not None else conv_w.dtype)
    trained = conv_w.requires_grad, b.requires_grad
    return Parameter(weight.detach(), trained[0]), Parameter(bias.detach(), trained[1])


@clear_errors
def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of linear that does what linear followed by bn does.

    Raises AssertionError where one of them is in training mode or their sizes differ; TypeError
    where linear or bn is of the wrong type.

    >>> linear, bn = nn.Linear(2, 3).eval(), nn.BatchNorm1d(3).eval()
    >>> x = torch.randn(4, 2)
    >>> torch.allclose(nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)
    True
    """
    _check(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
    bn_w: Tensor, bn_b: Tensor,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """(weight, bias) of the linear layer that includes the batch norm.

    linear_w: weight of the layer. linear_b: its bias, or None. bn_rm: running mean. bn_rv:
    running variance. bn_eps: eps of the norm. bn_w: weight of the norm. bn_b: bias of the norm.

    linear_w is of shape (out, in), the others of shape (out,). Raises RuntimeError where the
    numbers of features differ.

    >>> linear, bn = nn.Linear(2, 3), nn.BatchNorm1d(3).eval()
    >>> facts = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    >>> w, b = nn.utils.fuse_linear_bn_weights(linear.weight, linear.bias, *facts)
    >>> torch.allclose(F.linear(torch.ones(4, 2), w, b), bn(linear(torch.ones(4, 2))))
    True
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
