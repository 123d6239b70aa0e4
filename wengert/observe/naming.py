"""What profiles call an op, and how many floating-point operations it takes."""

from __future__ import annotations

import math
from typing import Any

from ..engine.op import Op

# Ops whose name is not that of PyTorch's operator.
NAMES = {
    "alias_item": "alias", "astype": "_to_copy", "attention": "scaled_dot_product_attention",
    "attention_backward": "_scaled_dot_product_flash_attention_for_cpu_backward",
    "avg_pool": "avg_pool2d", "batched_matmul": "bmm", "bce_logits": (
        "binary_cross_entropy_with_logits"
    ), "bce_loss": "binary_cross_entropy", "clamp_scalar": "clamp", "conv": "convolution",
    "complex_view": "view_as_complex", "constant_pad": "constant_pad_nd",
    "cross_entropy": "cross_entropy_loss", "diag_matrix": "diag_embed", "diag_vector": "diagonal",
    "eig": "linalg_eig", "eigh": "linalg_eigh", "eigvals": "linalg_eigvals",
    "eigvalsh": "linalg_eigvalsh", "euclidean": "cdist", "fft_c2c": "_fft_c2c",
    "fft_c2r": "_fft_c2r", "fft_r2c": "_fft_r2c", "getitem": "slice", "imag_view": "imag",
    "inv": "linalg_inv", "join_parts": "complex", "lerp_number": "lerp",
    "log_softmax": "log_softmax", "logsigmoid": "log_sigmoid", "lstsq": "linalg_lstsq",
    "lu_factor": "linalg_lu_factor", "max_pool": "max_pool2d", "overwrite": "copy_",
    "parts_view": "view_as_real", "pinv": "linalg_pinv", "pow_base": "pow", "pow_tensor": "pow",
    "read_points": "grid_sampler", "real_view": "real", "round_decimals": "round",
    "scatter_set": "scatter", "select_item": "select", "sizes_item": "split_with_sizes",
    "solve": "linalg_solve", "solve_triangular": "linalg_solve_triangular", "split_item": "split",
    "svdvals": "linalg_svdvals", "to_device_op": "_to_copy", "trunc_divide": "div",
    "unbind_item": "unbind", "unsqueeze_item": "unsqueeze", "vector_norm": "linalg_vector_norm",
}  # fmt: skip
ENDINGS = ("_all", "_values", "_like", "_of", "_layer", "_raw", "_scalar", "_index")


def event_name(op: Op) -> str:
    """What PyTorch's profiler calls the operation.

    >>> from wengert.engine.op import OPS
    >>> event_name(OPS["mul"]), event_name(OPS["sum_all"])
    ('aten::mul', 'aten::sum')
    """
    name = NAMES.get(op.name)
    if name is None:
        name = op.name
        for ending in ENDINGS:
            name = name.removesuffix(ending)
    return f"aten::{name}"


def operations(name: str, args: tuple[Any, ...], result: Any) -> int:
    """Floating-point operations of products, convolutions, and sums and products by element; 0 for
    other ops.
    """
    out = math.prod(getattr(result, "shape", ()))
    if name in ("add", "mul"):
        return out
    if name in ("matmul", "batched_matmul", "bmm", "linear"):
        return 2 * out * (args[0].shape[-1] if args[0].shape else 1)
    if name == "addmm":
        return 2 * out * args[1].shape[-1]
    if name == "conv":
        return 2 * out * math.prod(args[1].shape[1:])
    return 0
