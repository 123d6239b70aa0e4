"""PyTorch's names of operators: `torch.ops.aten.mm.default`, and which of them an op is.

Names only, for policies and reports; there is no registry of operators behind them.
"""

from __future__ import annotations

import functools
from typing import Any

from ..declare.registry import FUNCTIONS
from ..declare.signature import callable_of
from ..engine.op import OPS, Op

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
    "logsigmoid": "log_sigmoid", "lstsq": "linalg_lstsq", "lu_factor": "linalg_lu_factor",
    "max_pool": "max_pool2d", "overwrite": "copy_", "parts_view": "view_as_real",
    "pinv": "linalg_pinv", "pow_base": "pow", "pow_tensor": "pow", "read_points": "grid_sampler",
    "real_view": "real", "round_decimals": "round", "scatter_set": "scatter",
    "select_item": "select", "sizes_item": "split_with_sizes", "solve": "linalg_solve",
    "solve_triangular": "linalg_solve_triangular", "split_item": "split",
    "svdvals": "linalg_svdvals", "to_device_op": "_to_copy", "trunc_divide": "div",
    "unbind_item": "unbind", "unsqueeze_item": "unsqueeze", "vector_norm": "linalg_vector_norm",
}  # fmt: skip
ENDINGS = ("_all", "_values", "_like", "_of", "_layer", "_raw", "_scalar", "_index")
# What PyTorch runs inside of an operator, where that has a name of its own.
INNER = {
    "attention": "_scaled_dot_product_flash_attention_for_cpu", "softmax": "_softmax",
    "log_softmax": "_log_softmax", "layer_norm": "native_layer_norm",
}  # fmt: skip


class Operator:
    """One of PyTorch's operators by name; all of its overloads are one.

    >>> torch.ops.aten.mm.default, torch.ops.aten.mm.default is torch.ops.aten.mm.out
    (aten.mm.default, True)
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, overload: str) -> Operator:
        if overload.startswith("__"):
            raise AttributeError(overload)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for space in ("", "nn.functional"):
            f = FUNCTIONS.get(space, {}).get(self.name)
            if f is not None:
                return callable_of(f, self.name, space)(*args, **kwargs)
        if self.name in OPS:
            return OPS[self.name](*args, **kwargs)
        raise NotImplementedError(f"{self} is a name only: there is no function called {self.name}")

    def __repr__(self) -> str:
        return f"aten.{self.name}.default"


@functools.cache
def operator(name: str) -> Operator:
    """The operator of a name."""
    return Operator(name)


def __getattr__(name: str) -> Operator:
    if name.startswith("__"):
        raise AttributeError(name)
    return operator(name)


@functools.cache
def name_of(op: Op) -> str:
    """What PyTorch calls the operation.

    >>> name_of(OPS["mul"]), name_of(OPS["sum_all"])
    ('mul', 'sum')
    """
    name = NAMES.get(op.name)
    if name is None:
        name = op.name
        for ending in ENDINGS:
            name = name.removesuffix(ending)
    return name


def operator_of(op: Op, args: tuple[Any, ...]) -> Operator:
    """The operator that PyTorch would run for an op on these arrays."""
    if op.name == "linear":
        return operator("mm" if len(args) < 3 or args[2] is None else "addmm")
    if op.name == "matmul":
        x, y = args[0].ndim, args[1].ndim
        if x == y == 1:
            return operator("dot")
        return operator("mm" if x == y == 2 else "mv" if y == 1 else "bmm")
    return operator(INNER.get(op.name) or name_of(op))
