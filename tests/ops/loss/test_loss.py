"""Losses, distances, embeddings, attention, padding: against PyTorch and recorded values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.agreement import agree, raises_alike

import wengert
import wengert.nn.functional as F

rng = np.random.default_rng(0)
X, Y, Z = (rng.standard_normal((4, 5)) for _ in range(3))
P, Q = rng.random((4, 5)) * 0.9 + 0.05, rng.random((4, 5)) * 0.9 + 0.05
K = rng.standard_normal((2, 5, 3, 2))
C, CK = rng.integers(0, 5, 4), rng.integers(0, 5, (2, 3, 2))
W = rng.random(5) + 0.5
S = rng.choice([-1.0, 1.0], (4, 5))
MANY = np.array([[3, 0, -1, 1, 2], [1, -1, 0, 0, 0], [0, 1, 2, 3, 4], [-1, 0, 0, 0, 0]])

CASES: dict[str, tuple[Any, list[np.ndarray]]] = {
    "cross_entropy": (lambda F, T, x, t: F.cross_entropy(x, t), [X, C]),
    "cross_entropy, weights": (
        lambda F, T, x, t, w: F.cross_entropy(x, t, w.detach(), reduction="sum"),
        [X, C, W],
    ),
    "cross_entropy, ignored": (
        lambda F, T, x, t, w: F.cross_entropy(x, t, w.detach(), ignore_index=int(C[0])),
        [X, C, W],
    ),
    "cross_entropy, none": (
        lambda F, T, x, t: F.cross_entropy(x, t, reduction="none", ignore_index=2),
        [X, C],
    ),
    "cross_entropy, smooth": (
        lambda F, T, x, t: F.cross_entropy(x, t, label_smoothing=0.2, ignore_index=1),
        [X, C],
    ),
    "cross_entropy, smooth weights": (
        lambda F, T, x, t, w: F.cross_entropy(
            x, t, w.detach(), label_smoothing=0.2, ignore_index=1
        ),
        [X, C, W],
    ),
    "cross_entropy, smooth none": (
        lambda F, T, x, t, w: F.cross_entropy(
            x, t, w.detach(), label_smoothing=0.2, ignore_index=1, reduction="none"
        ),
        [K, CK, W],
    ),
    "cross_entropy, images": (lambda F, T, x, t, w: F.cross_entropy(x, t, w.detach()), [K, CK, W]),
    "cross_entropy, images none": (
        lambda F, T, x, t: F.cross_entropy(x, t, reduction="none", ignore_index=3),
        [K, CK],
    ),
    "cross_entropy, lines": (lambda F, T, x, t: F.cross_entropy(x[..., 0], t[..., 0]), [K, CK]),
    "cross_entropy, one": (lambda F, T, x, t: F.cross_entropy(x[0], t[0]), [X, C]),
    "cross_entropy, probabilities": (lambda F, T, x, q: F.cross_entropy(x, q), [X, P]),
    "cross_entropy, probabilities weights": (
        lambda F, T, x, q, w: F.cross_entropy(
            x, q, w.detach(), label_smoothing=0.1, reduction="sum"
        ),
        [X, P, W],
    ),
    "cross_entropy, probabilities none": (
        lambda F, T, x: F.cross_entropy(x, x.softmax(1), reduction="none"),
        [K],
    ),
    "cross_entropy, bytes": (lambda F, T, x, t: F.cross_entropy(x, t.to(T.uint8)), [X, C]),
    "nll_loss": (lambda F, T, x, t: F.nll_loss(x, t), [X, C]),
    "nll_loss, weighted": (lambda F, T, x, t, w: F.nll_loss(x, t, w.detach()), [X, C, W]),
    "nll_loss, weights": (
        lambda F, T, x, t, w: F.nll_loss(x, t, w.detach(), ignore_index=int(C[0])),
        [X, C, W],
    ),
    "nll_loss, images": (
        lambda F, T, x, t, w: F.nll_loss(x, t, w.detach(), reduction="none", ignore_index=4),
        [K, CK, W],
    ),
    "linear_cross_entropy": (
        lambda F, T, x, w, t: F.linear_cross_entropy(x, w, t),
        [X, rng.standard_normal((5, 5)), C],
    ),
    "mse_loss": (lambda F, T, x, y: F.mse_loss(x, y), [X, Y]),
    "mse_loss, none": (lambda F, T, x, y: F.mse_loss(x, y, reduction="none"), [X, Y]),
    "mse_loss, sum": (lambda F, T, x, y: F.mse_loss(x, y, reduction="sum"), [X, Y]),
    "mse_loss, weights": (lambda F, T, x, y, w: F.mse_loss(x, y, weight=w), [X, Y, P]),
    "l1_loss": (lambda F, T, x, y: F.l1_loss(x, y), [X, Y]),
    "l1_loss, sum": (lambda F, T, x, y: F.l1_loss(x, y, reduction="sum"), [X, Y]),
    "smooth_l1_loss": (lambda F, T, x, y: F.smooth_l1_loss(x, y), [X, Y]),
    "smooth_l1_loss, beta": (
        lambda F, T, x, y: F.smooth_l1_loss(x, y, reduction="none", beta=0.3),
        [X, Y],
    ),
    "smooth_l1_loss, 0": (lambda F, T, x, y: F.smooth_l1_loss(x, y, beta=0.0), [X, Y]),
    "huber_loss": (lambda F, T, x, y: F.huber_loss(x, y, delta=0.7), [X, Y]),
    "huber_loss, weights": (
        lambda F, T, x, y, w: F.huber_loss(x, y, reduction="sum", weight=w),
        [X, Y, P],
    ),
    "binary_cross_entropy": (lambda F, T, x, y: F.binary_cross_entropy(x, y), [P, Q]),
    "binary_cross_entropy, weights": (
        lambda F, T, x, y, w: F.binary_cross_entropy(x, y, w.detach(), reduction="sum"),
        [P, Q, W],
    ),
    "binary_cross_entropy, edges": (
        lambda F, T, x: F.binary_cross_entropy(x.detach().round(), x.detach().round() * 0.5),
        [P],
    ),
    "logits": (lambda F, T, x, y: F.binary_cross_entropy_with_logits(x, y), [X, Q]),
    "logits, weights": (
        lambda F, T, x, y, w: F.binary_cross_entropy_with_logits(
            x, y, w.detach(), reduction="none", pos_weight=w.detach() * 2
        ),
        [X, Q, W],
    ),
    "kl_div": (lambda F, T, x, y: F.kl_div(x, y, reduction="batchmean"), [X, P]),
    "kl_div, logarithms": (
        lambda F, T, x, y: F.kl_div(x, y, reduction="none", log_target=True),
        [X, Y],
    ),
    "poisson_nll_loss": (lambda F, T, x, y: F.poisson_nll_loss(x, y), [X, P]),
    "poisson_nll_loss, full": (
        lambda F, T, x, y: F.poisson_nll_loss(x, y.detach() * 4, False, True, reduction="sum"),
        [P, Q],
    ),
    "gaussian_nll_loss": (lambda F, T, x, y, v: F.gaussian_nll_loss(x, y, v), [X, Y, P]),
    "gaussian_nll_loss, full": (
        lambda F, T, x, y, v: F.gaussian_nll_loss(x, y, v[:, 0], True, 0.4, "sum"),
        [X, Y, P],
    ),
    "gaussian_nll_loss, number": (
        lambda F, T, x, y: F.gaussian_nll_loss(x, y, 0.5, reduction="none"),
        [X, Y],
    ),
    "hinge_embedding_loss": (lambda F, T, x, s: F.hinge_embedding_loss(x, s.detach(), 0.5), [X, S]),
    "soft_margin_loss": (lambda F, T, x, s: F.soft_margin_loss(x, s.detach()), [X, S]),
    "margin_ranking_loss": (
        lambda F, T, x, y, s: F.margin_ranking_loss(x, y, s.detach(), 0.3),
        [X, Y, S],
    ),
    "cosine_embedding_loss": (
        lambda F, T, x, y, s: F.cosine_embedding_loss(x, y, s[:, 0].detach(), -0.2),
        [X, Y, S],
    ),
    "cosine_embedding_loss, one": (
        lambda F, T, x, y: F.cosine_embedding_loss(x[0], y[0], T.tensor(-1)),
        [X, Y],
    ),
    "triplet_margin_loss": (lambda F, T, x, y, z: F.triplet_margin_loss(x, y, z), [X, Y, Z]),
    "triplet_margin_loss, swap": (
        lambda F, T, x, y, z: F.triplet_margin_loss(x, y, z, 2.0, 1, swap=True, reduction="none"),
        [X, Y, Z],
    ),
    "triplet with distance": (
        lambda F, T, x, y, z: F.triplet_margin_with_distance_loss(
            x, y, z, distance_function=lambda a, b: ((a - b) ** 2).sum(-1), margin=0.5, swap=True
        ),
        [X, Y, Z],
    ),
    "multi_margin_loss": (lambda F, T, x, t: F.multi_margin_loss(x, t), [X, C]),
    "multi_margin_loss, squares": (
        lambda F, T, x, t, w: F.multi_margin_loss(x, t, 2, 0.6, w.detach(), reduction="none"),
        [X, C, W],
    ),
    "multilabel_margin_loss": (lambda F, T, x, t: F.multilabel_margin_loss(x, t), [X, MANY]),
    "multilabel_margin_loss, none": (
        lambda F, T, x, t: F.multilabel_margin_loss(x, t, reduction="none"),
        [X, MANY],
    ),
    "multilabel_margin_loss, one": (
        lambda F, T, x, t: F.multilabel_margin_loss(x[0], t[0]),
        [X, MANY],
    ),
    "multilabel_soft_margin_loss": (
        lambda F, T, x, y, w: F.multilabel_soft_margin_loss(x, y, w),
        [X, Q, W],
    ),
    "torch.kl_div": (lambda F, T, x, y: T.kl_div(x, y, 2), [X, P]),
    "torch.kl_div, as it stands": (lambda F, T, x, y: T.kl_div(x, y), [X, P]),
    "torch.hinge_embedding_loss, as it stands": (
        lambda F, T, x, s: T.hinge_embedding_loss(x, s.detach()),
        [X, S],
    ),
    "torch.margin_ranking_loss": (
        lambda F, T, x, y, s: T.margin_ranking_loss(x, y, s),
        [X, Y, S],
    ),
    "torch.cosine_embedding_loss": (
        lambda F, T, x, y, s: T.cosine_embedding_loss(x, y, s[:, 0]),
        [X, Y, S],
    ),
    "torch.triplet_margin_loss": (
        lambda F, T, x, y, z: T.triplet_margin_loss(x, y, z),
        [X, Y, Z],
    ),
    "torch.binary_cross_entropy_with_logits": (
        lambda F, T, x, y: T.binary_cross_entropy_with_logits(x, y),
        [X, P],
    ),
    "elu_ with scales": (lambda F, T, x: F.elu_(x * 1, 0.7, 1.1, 0.9), [X]),
    "torch.hinge_embedding_loss": (
        lambda F, T, x, s: T.hinge_embedding_loss(x, s.detach(), 0.5, 0),
        [X, S],
    ),
    "pairwise_distance": (lambda F, T, x, y: F.pairwise_distance(x, y), [X, Y]),
    "pairwise_distance, 1": (
        lambda F, T, x, y: T.pairwise_distance(x, y, 1.0, keepdim=True),
        [X, Y],
    ),
    "cosine_similarity": (lambda F, T, x, y: F.cosine_similarity(x, y), [X, Y]),
    "cosine_similarity, zero": (lambda F, T, x, y: F.cosine_similarity(x * 0, y, 0), [X, Y]),
    "bilinear": (
        lambda F, T, x, y, w, b: F.bilinear(x, y, w, b),
        [X, Y, rng.standard_normal((3, 5, 5)), W[:3]],
    ),
    "pad": (lambda F, T, x: F.pad(x, (1, 2, -1, 1), value=3.0), [X]),
    "pad, reflect": (lambda F, T, x: F.pad(x, (1, 2), "reflect"), [X]),
    "pad, replicate": (lambda F, T, x: F.pad(x, (1, 2, 3, 0), "replicate"), [K]),
    "pad, circular": (lambda F, T, x: F.pad(x, (2, 1, 0, 3), "circular"), [K]),
    "pad, replicate less": (lambda F, T, x: F.pad(x, (-1, 2), "replicate"), [X]),
    "pad, reflect less": (
        lambda F, T, x: F.pad(x, (2, -1, -1, 1), "reflect"),
        [K.transpose(1, 3, 0, 2)[None, 0]],
    ),
    "pixel_shuffle": (lambda F, T, x: F.pixel_shuffle(x, 2), [rng.standard_normal((2, 8, 3, 2))]),
    "pixel_unshuffle": (
        lambda F, T, x: F.pixel_unshuffle(x, 2),
        [rng.standard_normal((2, 3, 4, 6))],
    ),
    "channel_shuffle": (lambda F, T, x: F.channel_shuffle(x, 3), [rng.standard_normal((2, 6, 4))]),
    "embedding": (lambda F, T, t, w: F.embedding(t, w), [CK, X.T.copy()]),
    "embedding, padding": (lambda F, T, t, w: F.embedding(t, w, -2), [CK, X.T.copy()]),
    "embedding, frequencies": (
        lambda F, T, t, w: F.embedding(t, w, 1, scale_grad_by_freq=True),
        [CK, X.T.copy()],
    ),
    "embedding, max_norm": (
        lambda F, T, t, w: F.embedding(t, w.detach().clone(), max_norm=0.5),
        [CK, X.T.copy()],
    ),
    "one_hot": (lambda F, T, t: F.one_hot(t, 7), [CK]),
}
NOT_TWICE = (
    "multilabel_margin_loss",
    "multilabel_margin_loss, none",
    "multilabel_margin_loss, one",
    "multi_margin_loss",
    "multi_margin_loss, squares",  # PyTorch has no second derivative of these,
    "cosine_similarity, zero",
    "embedding, frequencies",
)  # or has nan, or forgets the frequencies


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_agrees(torch: Any, name: str) -> None:
    f, arrays = CASES[name]
    agree(torch, f, arrays, second=name not in NOT_TWICE)
    agree(torch, f, arrays, "float32", second=False)


HALVES = [
    n
    for n in CASES
    if not n.startswith(("pairwise", "cosine", "triplet", "torch.kl", "linear_cross", "multi"))
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(torch: Any, name: str, dtype: str) -> None:
    f, arrays = CASES[name]
    if "max_norm" in name:
        pytest.skip("norms are rounded differently")
    agree(torch, f, arrays, dtype, second=False, gradient=False, tolerance=1e-2)


REFUSED = [
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1, 5])),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1, -1])),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1])),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1, 2], dtype=T.int32)),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0.0, 1, 2])),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1, 2]), weight=T.ones(4)),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1, 2]), label_smoothing=1.5),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.tensor([0, 1, 2]), reduction="foo"),
    lambda F, T: F.cross_entropy(T.ones(3, 5), T.ones(3, 5), ignore_index=1),
    lambda F, T: F.cross_entropy(T.ones(3, 5).double(), T.tensor([0, 1, 2]), weight=T.ones(5)),
    lambda F, T: F.cross_entropy(T.ones(3, 5).long(), T.tensor([0, 1, 2])),
    lambda F, T: F.cross_entropy(
        T.ones(3, 5), T.tensor([0, 1, 2]), weight=T.ones(5, requires_grad=True)
    ),
    lambda F, T: F.nll_loss(T.tensor(1.0), T.tensor(0)),
    lambda F, T: F.nll_loss(T.ones(2, 3, 4), T.zeros(2, 5, dtype=T.long)),
    lambda F, T: F.mse_loss(T.ones(3, 5), T.ones(4)),
    lambda F, T: F.mse_loss(T.ones(3).long(), T.ones(3).long()),
    lambda F, T: F.mse_loss(T.ones(3, 5), T.ones(3, 5), weight=T.ones(5)),
    lambda F, T: F.l1_loss(T.ones(3).long(), T.ones(3).long()),
    lambda F, T: F.binary_cross_entropy(T.ones(3) * 2, T.ones(3)),
    lambda F, T: F.binary_cross_entropy(T.ones(3), T.ones(2)),
    lambda F, T: F.binary_cross_entropy(T.ones(3), T.ones(3).long()),
    lambda F, T: F.binary_cross_entropy_with_logits(T.ones(3), T.ones(2)),
    lambda F, T: F.binary_cross_entropy_with_logits(
        T.ones(3, 5), T.ones(3, 5), pos_weight=T.ones(4)
    ),
    lambda F, T: F.kl_div(T.ones(3), T.ones(3).long(), reduction="sum"),
    lambda F, T: F.smooth_l1_loss(T.ones(3), T.ones(3), beta=-1.0),
    lambda F, T: F.huber_loss(T.ones(3), T.ones(3), delta=0.0),
    lambda F, T: F.gaussian_nll_loss(T.ones(3), T.ones(3), -T.ones(3)),
    lambda F, T: F.gaussian_nll_loss(T.ones(3), T.ones(3), T.ones(2)),
    lambda F, T: F.gaussian_nll_loss(T.ones(3), T.ones(3), T.ones(3, dtype=T.complex64)),
    lambda F, T: F.gaussian_nll_loss(T.ones(2), T.ones(2), T.tensor([float("nan"), -1.0])),
    lambda F, T: F.margin_ranking_loss(T.ones(3, 2), T.ones(3, 2), T.ones(3)),
    lambda F, T: F.cosine_embedding_loss(T.ones(3, 2), T.ones(3, 2), T.ones(3, 1)),
    lambda F, T: F.cosine_embedding_loss(T.ones(3, 2), T.ones(2), T.ones(3)),
    lambda F, T: F.triplet_margin_loss(T.ones(3, 2), T.ones(3, 2), T.ones(2)),
    lambda F, T: F.triplet_margin_loss(T.ones(3, 2), T.ones(3, 2), T.ones(3, 2), margin=-1.0),
    lambda F, T: F.multi_margin_loss(T.ones(3, 2), T.tensor([0, 1, 2])),
    lambda F, T: F.multi_margin_loss(T.ones(3, 2), T.tensor([0, 1])),
    lambda F, T: F.multi_margin_loss(T.ones(3, 2), T.tensor([0, 1, 1]), p=3),
    lambda F, T: F.multilabel_margin_loss(T.ones(3, 2), T.tensor([[0, 9]] * 3)),
    lambda F, T: F.multilabel_margin_loss(T.ones(3, 2), T.tensor([0, 1])),
    lambda F, T: F.bilinear(T.ones(3, 5), T.ones(3, 5), T.ones(2, 5, 4)),
    lambda F, T: F.pdist(T.ones(3)),
    lambda F, T: F.pad(T.ones(3, 5), (1,)),
    lambda F, T: F.pad(T.ones(3, 5), (1, 1, 1, 1, 1, 1)),
    lambda F, T: F.pad(T.ones(3, 5), (5, 1), mode="reflect"),
    lambda F, T: F.pad(T.ones(3, 5), (6, 1), mode="circular"),
    lambda F, T: F.pad(T.ones(3, 5), (1, 1), mode="foo"),
    lambda F, T: F.pad(T.ones(1, 1, 3, 3), (1, 1), mode="reflect"),
    lambda F, T: F.pad(T.ones(3, 5), (-3, -3)),
    lambda F, T: F.pixel_shuffle(T.ones(3, 4, 4), 2),
    lambda F, T: F.pixel_unshuffle(T.ones(4, 3, 4), 2),
    lambda F, T: F.channel_shuffle(T.ones(2, 5, 2), 2),
    lambda F, T: F.embedding(T.tensor([5]), T.ones(5, 2)),
    lambda F, T: F.embedding(T.tensor([-1]), T.ones(5, 2)),
    lambda F, T: F.embedding(T.tensor([0.5]), T.ones(5, 2)),
    lambda F, T: F.embedding(T.tensor([0]), T.ones(5, 2), padding_idx=7),
    lambda F, T: F.embedding_bag(T.tensor([0]), T.ones(5, 2)),
    lambda F, T: F.embedding_bag(T.tensor([0]), T.ones(5, 2), T.tensor([1])),
    lambda F, T: F.embedding_bag(T.tensor([[0]]), T.ones(5, 2), mode="foo"),
    lambda F, T: F.one_hot(T.tensor([1.0])),
    lambda F, T: F.one_hot(T.tensor([3]), 2),
    lambda F, T: F.one_hot(T.tensor([-1])),
    lambda F, T: F.ctc_loss(T.zeros(6, 2, 5), T.ones(2, 2).long(), (7, 6), (2, 2)),
    lambda F, T: F.ctc_loss(T.zeros(6, 2, 5), T.ones(2, 2).long(), (6, 6), (2, 2), blank=5),
    lambda F, T: F.ctc_loss(T.zeros(6, 2, 5), T.ones(3).long(), (6, 6), (2, 2)),
    lambda F, T: F.scaled_dot_product_attention(T.ones(2, 3), T.ones(2, 3).double(), T.ones(2, 3)),
    lambda F, T: F.scaled_dot_product_attention(T.ones(2, 3), T.ones(2, 4), T.ones(2, 3)),
    lambda F, T: F.scaled_dot_product_attention(T.ones(3), T.ones(3), T.ones(3)),
    lambda F, T: F.scaled_dot_product_attention(
        T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), dropout_p=1.5
    ),
    lambda F, T: F.scaled_dot_product_attention(
        T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), T.ones(2, 2).long()
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refuses(torch: Any, i: int) -> None:
    raises_alike(torch, REFUSED[i])


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, float("inf")])
def test_pdist(torch: Any, p: float) -> None:
    agree(torch, lambda F, T, x: F.pdist(x, p), [X], second=False)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("zero_infinity", [True, False])
def test_ctc_loss(torch: Any, reduction: str, zero_infinity: bool) -> None:
    for seed in range(4):
        r = np.random.default_rng(seed)
        x = r.standard_normal((8, 3, 5))
        frames, labels = r.integers(2, 9, 3).tolist(), r.integers(0, 5, 3).tolist()
        targets = r.integers(1, 5, (3, 4))

        def f(
            F: Any, T: Any, x: Any, targets: Any, frames: Any = frames, labels: Any = labels
        ) -> Any:
            return F.ctc_loss(
                x.log_softmax(2),
                targets,
                T.tensor(frames),
                T.tensor(labels),
                0,
                reduction,
                zero_infinity,
            )

        agree(torch, f, [x, targets], second=False)


def test_ctc_loss_by_enumeration() -> None:
    """The loss is the sum over all paths that collapse to the labels."""
    import itertools

    x = F.log_softmax(wengert.tensor(np.random.default_rng(3).standard_normal((4, 3))), 1)
    p, target = x.exp().numpy(), [1, 2]
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        collapsed = [k for k, _ in itertools.groupby(path) if k != 0]
        if collapsed == target:
            total += np.prod([p[t, k] for t, k in enumerate(path)])
    got = F.ctc_loss(
        x, wengert.tensor(target), wengert.tensor(4), wengert.tensor(2), reduction="sum"
    )
    assert abs(float(got) + np.log(total)) < 1e-12


ATTENTION: dict[str, Any] = {
    "plain": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(q, k, v),
    "causal": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "mask": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.3),
    "bool mask": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m.detach() > 0.4),
    "heads": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(
        q, k[:, :1], v[:, :1], enable_gqa=True
    ),
    "dropout": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(q, k, v, dropout_p=0.4),
    "3-d": lambda F, T, q, k, v, m: F.scaled_dot_product_attention(q[0], k[0], v[0]),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(torch: Any, name: str) -> None:
    r = np.random.default_rng(0)
    arrays = [r.standard_normal((2, 4, n, d)) for n, d in ((3, 6), (5, 6), (5, 7))] + [
        r.standard_normal((2, 1, 3, 5))
    ]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        agree(torch, ATTENTION[name], arrays)
        agree(torch, ATTENTION[name], arrays, "float32", second=False)
        agree(torch, ATTENTION[name], arrays, "bfloat16", second=False, gradient=False)


def test_attention_of_nothing_is_zero() -> None:
    q = wengert.ones(1, 2, 4, requires_grad=True)
    y = F.scaled_dot_product_attention(q, q, q, wengert.tensor([[False, False], [True, False]]))
    y.sum().backward()
    assert y[0, 0].tolist() == [0, 0, 0, 0]
    assert np.isfinite(q.grad.numpy()).all()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 2])
def test_embedding_bag(torch: Any, mode: str, padding_idx: int | None) -> None:
    table = rng.standard_normal((6, 3))
    flat = rng.integers(0, 6, 9)

    def bags(F: Any, T: Any, t: Any, w: Any) -> Any:
        return F.embedding_bag(t, w, T.tensor([0, 2, 2, 7]), mode=mode, padding_idx=padding_idx)

    agree(torch, bags, [flat, table], second=False)
    agree(
        torch,
        lambda F, T, t, w: F.embedding_bag(t, w, mode=mode, padding_idx=padding_idx),
        [flat.reshape(3, 3), table],
        second=False,
    )
    if mode == "sum":
        agree(
            torch,
            lambda F, T, t, w, s: F.embedding_bag(
                t, w, mode=mode, per_sample_weights=s, padding_idx=padding_idx
            ),
            [flat.reshape(3, 3), table, rng.standard_normal((3, 3))],
            second=False,
        )


# --- without PyTorch
# ---------------------------------------------------------------------------------------


def test_large_tables_get_the_same_gradient() -> None:
    """The gradient of many rows goes through a sparse product, that of few through add.at."""
    index = rng.integers(0, 50, 3000)
    g = rng.standard_normal((3000, 8))
    w = wengert.zeros(50, 8, dtype=wengert.float64, requires_grad=True)
    F.embedding(wengert.tensor(index), w).backward(wengert.tensor(g))
    expected = np.zeros((50, 8))
    np.add.at(expected, index, g)
    np.testing.assert_allclose(w.grad.numpy(), expected, atol=1e-12)


def test_recorded_values() -> None:
    """PyTorch 2.13's numbers."""
    x = wengert.tensor([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5]])
    y = wengert.tensor([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    c = wengert.tensor([2, 1])
    recorded = {
        "cross_entropy": (F.cross_entropy(x, c), 1.02383363),
        "smooth": (F.cross_entropy(x, c, label_smoothing=0.1), 1.08216691),
        "probabilities": (F.cross_entropy(x, y), 1.5738337),
        "mse": (F.mse_loss(x, y), 1.16499996),
        "logits": (F.binary_cross_entropy_with_logits(x, y), 0.897150695),
        "huber": (F.huber_loss(x, y), 0.540833294),
        "kl": (F.kl_div(x, y, reduction="sum"), -2.56868505),
        "cosine": (F.cosine_similarity(x, y).sum(), 0.644243717),
    }
    for name, (got, want) in recorded.items():
        assert abs(float(got) - want) < 2e-6, (name, float(got))


def test_gradient_of_cross_entropy_is_softmax_minus_target() -> None:
    x = wengert.tensor(X).requires_grad_()
    F.cross_entropy(x, wengert.tensor(C)).backward()
    expected = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    expected[np.arange(4), C] -= 1
    np.testing.assert_allclose(x.grad.numpy(), expected / 4, atol=1e-12)


def test_cross_entropy_does_not_overflow() -> None:
    x = wengert.tensor([[1e4, -1e4], [0.0, 3e38]])
    assert F.cross_entropy(x, wengert.tensor([0, 1])).item() == 0


def test_cross_entropy_of_nothing_is_nan() -> None:
    assert np.isnan(
        F.cross_entropy(wengert.ones(0, 3), wengert.zeros(0, dtype=wengert.int64)).item()
    )
    assert np.isnan(F.cross_entropy(wengert.ones(1, 3), wengert.tensor([-100])).item())


def test_pad_and_crop_are_inverses() -> None:
    x = wengert.randn(2, 3, 4)
    assert F.pad(F.pad(x, (1, 2, 3, 0)), (-1, -2, -3, 0)).equal(x)
    assert (
        F.pixel_unshuffle(F.pixel_shuffle(wengert.arange(32.0).reshape(1, 8, 2, 2), 2), 2)
        .flatten()
        .equal(wengert.arange(32.0))
    )
    assert (
        F.channel_shuffle(F.channel_shuffle(wengert.arange(6).reshape(1, 6, 1), 2), 3)
        .flatten()
        .equal(wengert.arange(6))
    )


@pytest.mark.parametrize("name, node", [("cross_entropy", "NllLoss"), ("nll_loss", "NllLoss")])
def test_names_of_nodes(name: str, node: str) -> None:
    assert (
        getattr(F, name)(
            wengert.ones(4, 3, requires_grad=True), wengert.tensor([0, 1, 2, 0])
        ).grad_fn.name()
        == node + "Backward0"
    )


@pytest.mark.parametrize(
    "name, node",
    [
        ("mse_loss", "MseLoss"),
        ("huber_loss", "HuberLoss"),
        ("smooth_l1_loss", "SmoothL1Loss"),
        ("soft_margin_loss", "SoftMarginLoss"),
        ("binary_cross_entropy", "BinaryCrossEntropy"),
        ("binary_cross_entropy_with_logits", "BinaryCrossEntropyWithLogits"),
    ],
)
def test_names_of_nodes_between_arrays(name: str, node: str) -> None:
    assert (
        getattr(F, name)(wengert.ones(3, requires_grad=True), wengert.ones(3)).grad_fn.name()
        == node + "Backward0"
    )


@pytest.mark.parametrize("padding_idx", [None, 1])
@pytest.mark.parametrize("bag", [False, True])
def test_sparse_gradients(torch: Any, bag: bool, padding_idx: int | None) -> None:
    grads = []
    index, table = np.array([[1, 2], [2, 0]]), rng.standard_normal((5, 3))
    for library, functional in ((wengert, F), (torch, torch.nn.functional)):
        w = library.tensor(table, requires_grad=True)
        f = functional.embedding_bag if bag else functional.embedding
        y = f(library.tensor(index), w, sparse=True, padding_idx=padding_idx)
        (y * y).sum().backward()
        assert w.grad.is_sparse
        grads.append((w.grad._nnz(), w.grad.to_dense().numpy()))
    assert grads[0][0] == grads[1][0]
    np.testing.assert_allclose(grads[0][1], grads[1][1], rtol=1e-12)


@pytest.mark.parametrize(
    "shapes", [((8, 16), (3, 16, 32)), ((16, 8), (8, 32)), ((3, 16, 8), (8, 8))]
)
def test_grouped_mm(torch: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
    arrays = [rng.standard_normal(s) for s in shapes]

    def f(F: Any, T: Any, a: Any, b: Any) -> Any:
        return F.grouped_mm(a, b, offs=T.tensor([2, 5, 8], dtype=T.int32))

    agree(torch, f, arrays, "float32", second=False)
