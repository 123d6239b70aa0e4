"""Which module of this folder defines a word of the vocabulary that is imported at its first use.

`tools/check.py` compares the table with what the modules declare in `__all__`.
"""

from __future__ import annotations

WORDS = {
    "windows": "unfold unfold_input",
    "conv": "col2im conv conv_input conv_weight im2col",
    "pool": (
        "adaptive_avg_pool adaptive_avg_pool_input adaptive_max_pool avg_pool avg_pool_input "
        "fractional_max_pool max_pool max_unpool pool_gather pool_scatter"
    ),
    "interpolate": "add_points grid_index read_points resample resample_input",
    "recurrent": "gru_layer gru_layer_grad lstm_layer lstm_layer_grad rnn_layer rnn_layer_grad",
    "masks": "masked_scatter masked_select masked_source",
    "slices": "slices_added slices_filled slices_joined slices_put",
    "sorting": (
        "bincount kth_index median_index mode_index nanmedian_index nonzero_rows "
        "scatter_filled scatter_reduce_raw scatter_set searchsorted take_flat topk_indices "
        "unique_rows unique_values"
    ),
    "special": (
        "airy_ai airy_ai_prime angle atan2 bessel_j0 bessel_j1 bessel_y0 bessel_y1 copysign "
        "deg2rad digamma entr erfcx erfinv fmax fmin frexp gcd heaviside hypot i0 i0e i1 i1e "
        "igamma igammac isneginf isposinf lcm ldexp lgamma log_ndtr logaddexp logaddexp2 logit "
        "modified_bessel_k0 modified_bessel_k1 mvlgamma ndtr ndtri nextafter polygamma rad2deg "
        "round_decimals scaled_modified_bessel_k0 scaled_modified_bessel_k1 sinc "
        "spherical_bessel_j0 xlog1py xlogy zeta"
    ),
    "orthogonal_polynomials": (
        "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v "
        "chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l "
        "legendre_polynomial_p shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u "
        "shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w"
    ),
    "linalg": (
        "cholesky det diag_matrix diag_vector geqrf_factor inv lu_factor matrix_exp "
        "permutation_matrix qr slogdet solve solve_triangular triangle"
    ),
    "factors": (
        "cholesky_inverse cholesky_solve householder_product ldl_factor ldl_solve lu_solve "
        "lu_unpack reflected"
    ),
    "spectra": "eig eigh eigvals eigvalsh lstsq matrix_rank pinv svd svdvals",
    "fft": "complex_view fft_c2c fft_c2r fft_r2c join_parts parts_view",
    "normalization": (
        "batch_norm batch_norm_backward group_norm group_norm_backward layer_norm "
        "layer_norm_backward rms_norm rms_norm_backward"
    ),
    "activation": (
        "elu elu_backward gelu gelu_backward hardshrink hardshrink_backward hardsigmoid hardswish "
        "hardswish_backward hardtanh hardtanh_backward keep leaky_relu leaky_relu_backward "
        "log_softmax log_softmax_backward logsigmoid logsigmoid_backward mish mish_backward prelu "
        "prelu_backward relu_backward silu silu_backward softmax softmax_backward softplus "
        "softplus_backward softshrink threshold threshold_backward"
    ),
    "loss": (
        "bce_logits bce_logits_backward bce_loss bce_loss_backward cross_entropy "
        "cross_entropy_backward mse_loss mse_loss_backward multilabel_margin "
        "multilabel_margin_backward nll_loss nll_loss_backward x_log_x"
    ),
    "embedding": (
        "embedding embedding_backward embedding_bag embedding_bag_backward embedding_bag_weights "
        "embedding_factors embedding_renorm"
    ),
    "padding": "constant_pad edge_pad edge_pad_backward",
    "ctc": "ctc_loss ctc_loss_backward",
    "attention": "attention attention_backward",
    "storage": "from_buffer map_file memory_of resized",
    "scan": "cummax_raw cummin_raw logcumsumexp",
    "histogram": "histogram_counts some_nonzero xor_bits",
    "sparse": "sparse_product",
}  # module -> its words
MODULE_OF = {word: module for module, words in WORDS.items() for word in words.split()}
