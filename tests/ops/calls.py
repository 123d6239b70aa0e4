"""Calls of public functions that between them reach every op: what samples.py takes its
samples from.

Each call gets a namespace `T` (torch's functions), `F` (nn.functional) and a maker of random
tensors `r(*shape)` (float64, uniform in 0.2 to 0.8, so that logarithms, roots and inverse sines
are defined). Elementwise ops and plain reductions are sampled automatically and need no call
here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert as T
from wengert.nn import functional as F

i64 = T.int64


def idx(*values: int) -> Any:
    return T.tensor(list(values))


CALLS: list[Callable[[Any], Any]] = [
    # shape, views, indexing
    lambda r: r(2, 3).view(6),
    lambda r: r(2, 3).reshape(3, 2),
    lambda r: r(1, 3).expand(2, 3),
    lambda r: r(2, 3, 4).permute(2, 0, 1),
    lambda r: r(2, 3).transpose(0, 1),
    lambda r: r(2, 3).t(),
    lambda r: r(2, 3, 4).movedim(0, -1),
    lambda r: r(1, 3, 1).squeeze(),
    lambda r: r(3).unsqueeze(0),
    lambda r: r(3, 2).clone(),
    lambda r: r(3, 2).t().contiguous(),
    lambda r: r(4, 3)[1:3, 0],
    lambda r: r(4, 3)[1:3],
    lambda r: r(4, 3)[:, None],
    lambda r: r(4, 3)[...],
    lambda r: r(4, 3)[2],
    lambda r: r(4, 3).select(1, 2),
    lambda r: r(4, 3)[idx(0, 2, 2)],
    lambda r: r(4, 3).index_put((idx(0, 2),), r(2, 3)),
    lambda r: r(4, 3).split(2),
    lambda r: r(4, 3).split([1, 3]),
    lambda r: r(4, 3).unbind(1),
    lambda r: T.cat([r(2, 3), r(1, 3)]),
    lambda r: T.stack([r(2, 3), r(2, 3)], 1),
    lambda r: r(2, 3).flip(0, 1),
    lambda r: r(2, 3).roll((1, 2), (0, 1)),
    lambda r: r(3, 4).diagonal(1),
    lambda r: T.diag_embed(r(2, 3)),
    lambda r: r(3, 3).tril(),
    lambda r: r(3, 3).triu(1),
    lambda r: r(3, 4).as_strided((2, 2), (4, 1), 1),
    lambda r: r(6).unfold(0, 3, 2),
    lambda r: r(2, 3).repeat(2, 1, 2),
    lambda r: T.select_scatter(r(3, 3), r(3), 0, 1),
    # gathers and scatters
    lambda r: r(3, 4).gather(1, T.tensor([[0, 1], [2, 3], [1, 1]])),
    lambda r: r(3, 4).index_select(1, idx(0, 3, 3)),
    lambda r: r(3, 4).scatter(1, T.tensor([[0, 1], [2, 3], [1, 2]]), r(3, 2)),
    lambda r: r(3, 4).scatter_add(1, T.tensor([[0, 1], [2, 3], [1, 1]]), r(3, 2)),
    lambda r: r(3, 4).scatter_reduce(1, T.tensor([[0, 1], [2, 3], [1, 1]]), r(3, 2), "prod"),
    lambda r: r(3, 4).scatter_reduce(1, T.tensor([[0, 1], [2, 3], [1, 1]]), r(3, 2), "amax"),
    lambda r: T.where(r(3) > 0.5, r(3), r(3)),
    lambda r: r(3, 2).clamp(0.3, 0.6),
    # reductions, scans, order
    lambda r: r(2, 3).sum(),
    lambda r: r(2, 3).mean(),
    lambda r: r(2, 3).max(),
    lambda r: r(2, 3).min(),
    lambda r: r(2, 3).max(1),
    lambda r: r(2, 3).min(1),
    lambda r: r(2, 3).median(1),
    lambda r: r(2, 3).nanmedian(1),
    lambda r: r(2, 3).mode(1),
    lambda r: r(2, 3).kthvalue(2, 1),
    lambda r: r(2, 3).sort(1),
    lambda r: r(2, 4).topk(2, 1),
    lambda r: r(2, 3).var(1),
    lambda r: r(2, 3).norm(3, 1),
    lambda r: r(2, 3).cumsum(1),
    lambda r: r(2, 3).cumprod(1),
    lambda r: r(2, 3).cummax(1),
    lambda r: r(2, 3).cummin(1),
    lambda r: r(2, 3).logcumsumexp(1),
    # products
    lambda r: r(2, 3) @ r(3, 4),
    lambda r: T.matmul(r(2, 2, 3), r(2, 3, 4)),
    lambda r: T.matmul(r(2, 3), r(3)),
    lambda r: T.matmul(r(3), r(3)),
    lambda r: T.matmul(r(2, 1, 2, 3), r(2, 3, 4)),
    lambda r: F.linear(r(2, 3), r(4, 3), r(4)),
    lambda r: T.lerp(r(3), r(3), r(3)),
    lambda r: T.addcmul(r(3), r(3), r(3), value=2),
    lambda r: T.addcdiv(r(3), r(3), r(3), value=2),
    # windows
    lambda r: F.conv1d(r(2, 2, 6), r(3, 2, 3), r(3), stride=2, padding=1),
    lambda r: F.conv2d(r(1, 2, 5, 4), r(2, 2, 3, 2), r(2)),
    lambda r: F.conv_transpose2d(r(1, 2, 3, 3), r(2, 1, 2, 2), stride=2),
    lambda r: F.conv3d(r(1, 1, 3, 3, 3), r(1, 1, 2, 2, 2)),
    lambda r: F.max_pool2d(r(1, 2, 4, 4), 2),
    lambda r: F.max_pool1d(r(1, 2, 6), 3, 2),
    lambda r: F.avg_pool2d(r(1, 2, 4, 4), 2),
    lambda r: F.adaptive_avg_pool2d(r(1, 2, 4, 5), 2),
    lambda r: F.adaptive_max_pool2d(r(1, 2, 4, 5), 2),
    lambda r: F.unfold(r(1, 2, 4, 4), 2),
    lambda r: F.fold(r(1, 8, 9), (4, 4), 2),
    lambda r: F.interpolate(r(1, 1, 3, 3), scale_factor=2, mode="bilinear"),
    lambda r: F.grid_sample(r(1, 1, 3, 3), r(1, 2, 2, 2) - 0.5, align_corners=False),
    # networks
    lambda r: F.softmax(r(2, 3), 1),
    lambda r: F.log_softmax(r(2, 3), 1),
    lambda r: F.layer_norm(r(2, 3), (3,), r(3), r(3)),
    lambda r: F.batch_norm(
        r(4, 3), T.zeros(3, dtype=T.float64), T.ones(3, dtype=T.float64), r(3), r(3), training=True
    ),
    lambda r: F.batch_norm(
        r(4, 3), T.zeros(3, dtype=T.float64), T.ones(3, dtype=T.float64), r(3), r(3), training=False
    ),
    lambda r: F.group_norm(r(2, 4, 3), 2, r(4), r(4)),
    lambda r: F.embedding(T.tensor([[0, 2], [1, 1]]), r(3, 2)),
    lambda r: F.cross_entropy(r(3, 4), idx(0, 3, 1)),
    lambda r: F.mse_loss(r(3), r(3)),
    lambda r: F.gelu(r(3)),
    lambda r: F.glu(r(2, 4)),
    lambda r: F.scaled_dot_product_attention(r(1, 3, 2), r(1, 3, 2), r(1, 3, 2), is_causal=True),
    lambda r: F.rms_norm(r(2, 3), (3,), r(3)),
    lambda r: F.leaky_relu(r(3) - 0.5),
    lambda r: F.elu(r(3) - 0.5, 0.7),
    lambda r: F.celu(r(3) - 0.5, 0.7),
    lambda r: F.softplus(r(3), 2.0, 1.0),
    lambda r: F.hardtanh(r(3), 0.3, 0.6),
    lambda r: F.threshold(r(3), 0.5, 0.1),
    lambda r: F.hardshrink(r(3)),
    lambda r: F.softshrink(r(3)),
    lambda r: F.rrelu(r(3) - 0.5),
    # losses
    lambda r: F.nll_loss(r(3, 4), idx(0, 3, 1)),
    lambda r: F.binary_cross_entropy(r(3), r(3)),
    lambda r: F.binary_cross_entropy_with_logits(
        r(3), r(3), r(3).detach(), pos_weight=r(3).detach()
    ),
    lambda r: F.huber_loss(r(3) * 2, r(3), delta=0.5),
    lambda r: F.smooth_l1_loss(r(3) * 2, r(3), beta=0.5),
    lambda r: F.soft_margin_loss(r(3), T.tensor([1.0, -1.0, 1.0], dtype=T.float64)),
    lambda r: F.multi_margin_loss(r(2, 3), idx(2, 0), p=2),
    lambda r: F.multilabel_margin_loss(r(2, 3), T.tensor([[2, -1, 0], [0, 1, -1]])),
    lambda r: F.embedding_bag(
        idx(0, 2, 1, 1), r(3, 2), idx(0, 1), mode="sum", per_sample_weights=r(4)
    ),
    lambda r: F.embedding_bag(T.tensor([[0, 2], [1, 1]]), r(3, 2)),
    lambda r: F.embedding_bag(T.tensor([[0, 2], [1, 1]]), r(3, 2), mode="max"),
    # padding and rearranging
    lambda r: F.pad(r(2, 3), (1, -1, 0, 2)),
    lambda r: F.pad(r(2, 4), (1, 2), "reflect"),
    lambda r: F.pad(r(1, 3, 4), (1, 2, 2, 0), "reflect"),
    lambda r: F.pad(r(1, 2, 3, 4), (1, 2, 2, 0, 1, 1), "reflect"),
    lambda r: F.pad(r(2, 4), (1, 2), "replicate"),
    lambda r: F.pad(r(1, 3, 4), (1, 2, 2, 0), "replicate"),
    lambda r: F.pad(r(1, 2, 3, 4), (1, 2, 2, 0, 1, 1), "replicate"),
    lambda r: F.pad(r(2, 4), (1, 2), "circular"),
    lambda r: F.pixel_shuffle(r(1, 4, 2, 3), 2),
    lambda r: F.pixel_unshuffle(r(1, 1, 4, 6), 2),
    lambda r: F.channel_shuffle(r(1, 4, 2), 2),
    # linear algebra, products, Fourier transforms, complex parts (what reads one triangle of its
    # input only cannot be checked by differences: see test_linalg.py)
    lambda r: T.linalg.qr(r(4, 3)),
    lambda r: T.linalg.svd(r(4, 3), False),
    lambda r: T.linalg.eig(r(3, 3)),
    lambda r: T.linalg.inv(r(3, 3) + T.eye(3, dtype=T.float64)),
    lambda r: T.linalg.solve(r(3, 3) + T.eye(3, dtype=T.float64), r(3, 2)),
    lambda r: T.linalg.solve_triangular(r(3, 3), r(3, 2), upper=True),
    lambda r: T.linalg.pinv(r(4, 3)),
    lambda r: T.linalg.lstsq(r(4, 3), r(4, 2)).solution,
    lambda r: T.linalg.lu(r(4, 3)),
    lambda r: T.linalg.ldl_solve(*T.linalg.ldl_factor(r(3, 3)), r(3, 1)),
    lambda r: T.geqrf(r(3, 2)),
    lambda r: T.linalg.det(r(3, 3)),
    lambda r: T.linalg.slogdet(r(3, 3)),
    lambda r: T.linalg.matrix_rank(r(3, 3)),
    lambda r: T.matrix_exp(r(3, 3)),
    lambda r: T.trace(r(3, 3)),
    lambda r: T.addmm(r(2), r(3, 4), r(4, 2), beta=0.5, alpha=2),
    lambda r: T.addmv(r(3), r(3, 4), r(4)),
    lambda r: T.baddbmm(r(2), r(2, 3, 4), r(2, 4, 2)),
    lambda r: T.cdist(r(3, 2), r(4, 2), compute_mode="use_mm_for_euclid_dist"),
    lambda r: T.fft.fft2(r(3, 4)),
    lambda r: T.fft.rfft(r(3, 4)),
    lambda r: T.fft.irfft(T.fft.rfft(r(3, 5)), 5),
    lambda r: T.view_as_complex(T.view_as_real(T.complex(r(3), r(3)))).imag,
    lambda r: T.polar(r(3), r(3)).real,
    lambda r: -r(3),
    lambda r: T.logit(r(3), 0.1),
    lambda r: T.polygamma(1, r(3)),
    lambda r: T.mvlgamma(r(3) + 1, 2),
    lambda r: T.round(r(3), decimals=1),
    lambda r: T.lerp(r(3), r(3), 0.3),
    lambda r: F.max_unpool1d(*F.max_pool1d(r(1, 1, 6), 2, return_indices=True), 2),
    lambda r: T.linalg.svdvals(r(3, 2)),
]
