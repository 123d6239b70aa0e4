"""What __torch_function__ is handed for functions that are Python in PyTorch: all arguments with a
default by name, and Tensor among the types where plain tensors are arguments.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from ..engine.tensor import Tensor

FUNCTIONAL = (
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d affine_grid alpha_dropout batch_norm binary_cross_entropy "
    "binary_cross_entropy_with_logits celu cosine_embedding_loss cross_entropy ctc_loss dropout "
    "dropout1d dropout2d dropout3d elu embedding embedding_bag feature_alpha_dropout fold "
    "fractional_max_pool2d fractional_max_pool3d gaussian_nll_loss glu grid_sample group_norm "
    "gumbel_softmax hardsigmoid hardswish hardtanh hinge_embedding_loss huber_loss instance_norm "
    "interpolate kl_div l1_loss layer_norm leaky_relu local_response_norm log_softmax lp_pool1d "
    "lp_pool2d lp_pool3d margin_ranking_loss max_pool1d max_pool2d max_pool3d max_unpool1d "
    "max_unpool2d max_unpool3d mish mse_loss multi_head_attention_forward multi_margin_loss "
    "multilabel_margin_loss multilabel_soft_margin_loss nll_loss normalize pad poisson_nll_loss "
    "relu relu6 rms_norm rrelu selu silu smooth_l1_loss soft_margin_loss softmax softmin softsign "
    "tanhshrink threshold triplet_margin_loss triplet_margin_with_distance_loss unfold upsample"
)
TORCH = (
    "atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors cartesian_prod cdist "
    "chain_matmul einsum lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique "
    "unique_consecutive unravel_index"
)
INIT = "uniform_ normal_ constant_ kaiming_uniform_"  # their tensor by name, too
PYTHON = frozenset(
    [f"torch.nn.functional.{n}" for n in FUNCTIONAL.split()]
    + [f"torch.{n}" for n in TORCH.split()]
    + [f"torch.nn.init.{n}" for n in INIT.split()]
)


@functools.cache
def signature_of(public: Any) -> inspect.Signature:
    return inspect.signature(public)


def handed(public: Any, name: str, args: Any, kwargs: Any) -> tuple[Any, Any, bool]:
    """(args, kwargs, whether plain tensors count) as they are handed over."""
    if name not in PYTHON:
        return args, kwargs, False
    signature = signature_of(public)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:  # other names, or a call that will be refused
        return args, kwargs, False
    bound.apply_defaults()
    by_place: list[Any] = []
    by_name: dict[str, Any] = {}
    for p in signature.parameters.values():
        value = bound.arguments[p.name]
        if p.kind is p.VAR_POSITIONAL:
            by_place.extend(value)
        elif p.kind is p.VAR_KEYWORD:
            by_name.update(value)
        elif p.default is p.empty and p.kind is not p.KEYWORD_ONLY and ".init." not in name:
            by_place.append(value)
        elif name != "torch.chain_matmul":  # it keeps out= to itself
            by_name[p.name] = value
    return tuple(by_place), by_name, True


def with_tensors(types: tuple[type, ...], args: Any, kwargs: Any) -> tuple[type, ...]:
    """The types of arguments that stand in, with Tensor where it comes among them."""
    if Tensor in types:
        return types
    order: list[type] = []
    for a in (*args, *kwargs.values()):
        for x in a if isinstance(a, (list, tuple)) else (a,):
            t = type(x)
            if (t is Tensor or t in types) and t not in order:
                at = next((i for i, y in enumerate(order) if issubclass(t, y)), len(order))
                order.insert(at, t)
    return tuple([*order, *[t for t in types if t not in order]])
