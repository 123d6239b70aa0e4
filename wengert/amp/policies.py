"""Which operations autocast computes in which precision; `autocast_mode.py` applies it.

    lower    in the lower precision: products and convolutions
    kept     as its operands are, which are not cast within it either
    float32  in float32: losses, decompositions, what has no kernel for lower precision
    widest   in the widest dtype among the operands
    rounded  in float32 of numbers rounded to the lower precision: cells whose state is float32

Operations are named as wengert's ops, or as public functions where modes see those as a whole
(declared `whole=True`). An operation that is not listed takes its operands as they are.
float64 is never cast.
"""

from __future__ import annotations

from typing import Any

__all__ = ["POLICIES", "policy"]

LOWER_EVERYWHERE = """
    addbmm addmm attention baddbmm batched_matmul bmm conv conv_input conv_tbc linear lstm_layer
    matmul prelu rnn_layer vecdot
"""

CPU = {
    "lower": LOWER_EVERYWHERE,
    "rounded": "gru_layer lstm_cell gru_cell",
    "kept": "bilinear",
    "widest": "cat stack index_copy",
    "float32": """
        avg_pool_3d max_pool_3d adaptive_avg_pool_3d adaptive_max_pool_3d fractional_max_pool
        max_unpool reflect_pad1d reflect_pad2d replicate_pad1d replicate_pad2d replicate_pad3d
        grid_sample grid_sampler
        bce_logits bce_loss cosine_embedding_loss cross_entropy ctc_loss hinge_embedding_loss
        huber_loss kl_div l1_loss margin_ranking_loss mse_loss multi_margin_loss multilabel_margin
        nll_loss poisson_nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss
        cdist nanquantile prod quantile trace
        complex_view fft_c2c fft_c2r fft_r2c polar stft view_as_complex
        cholesky cholesky_ex cholesky_inverse cholesky_solve cond eig eigh eigvals eigvalsh geqrf
        householder_product inv inv_ex inverse lstsq lu lu_solve matrix_rank orgqr ormqr pinverse qr
        solve svd svdvals tensorinv tensorsolve triangular_solve
    """,
}

CUDA = {
    "lower": LOWER_EVERYWHERE + "addmv addr gru_layer gru_cell lstm_cell mv",
    "widest": "addcdiv addcmul atan2 cross dot grid_sample grid_sampler index_put scatter_add",
    "float32": """
        acos asin cosh erfinv exp expm1 log log10 log1p log2 pow pow_base pow_tensor reciprocal
        rsqrt sinh softplus tan
        cumprod cumsum log_softmax logsumexp prod softmax sum sum_all vector_norm
        group_norm layer_norm rms_norm
        bce_logits cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss kl_div
        l1_loss margin_ranking_loss mse_loss multi_margin_loss multilabel_margin nll_loss
        poisson_nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss
        cdist resample
    """,
}

# device type -> operation -> policy
POLICIES = {
    device: {name: kind for kind, names in lists.items() for name in names.split()}
    for device, lists in (("cpu", CPU), ("cuda", CUDA))
}

# Ops for any number of spatial dimensions, of which the CPU's list has those for volumes.
BY_DIMENSIONS = {"avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool"}


def policy(device: str, name: str, static: dict[str, Any]) -> str | None:
    """The policy for an operation, None where operands stay as they are.

    static: the arguments of an op that are no tensors.
    """
    if name in BY_DIMENSIONS:
        spatial = static.get("size") or static.get("kernel") or ()
        name = f"{name}_{len(spatial)}d"
    return POLICIES[device].get(name)
