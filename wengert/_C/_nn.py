"""torch._C._nn: the functions of PyTorch's C++ that libraries call without torch.nn around them."""

from ..base.absent import absent as _absent
from ..nn.device_moves import _parse_to
from ..nn.functional import (
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    avg_pool2d,
    avg_pool3d,
    elu_,
    gelu,
    glu,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    linear,
    mish,
    one_hot,
    pad,
    relu6,
    scaled_dot_product_attention,
    silu,
    softplus,
    softshrink,
)  # fmt: skip

__all__ = [
    "_parse_to", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool2d", "avg_pool3d", "elu_",
    "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "hardtanh_", "leaky_relu",
    "leaky_relu_", "linear", "mish", "one_hot", "pad", "relu6", "scaled_dot_product_attention",
    "silu", "softplus", "softshrink",
]  # fmt: skip

__getattr__ = _absent("torch._C._nn")
