"""Normalisation and dropout: against PyTorch; fused gradients, bodies and running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.agreement import agree, raises_alike

import wengert
import wengert.nn.functional as F
from wengert.arrays.cpu import NAMESPACE
from wengert.engine.op import OPS

rng = np.random.default_rng(0)
X2, X3, X4 = (
    rng.standard_normal((5, 4)),
    rng.standard_normal((3, 4, 5)),
    rng.standard_normal((2, 4, 3, 2)),
)
W, B = rng.standard_normal(4) + 1, rng.standard_normal(4)
M, V = rng.standard_normal(4), rng.random(4) + 0.5
L = rng.standard_normal((2, 3, 4))
LW, LB = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))

CASES: dict[str, tuple[Any, list[np.ndarray]]] = {
    "batch_norm": (lambda F, T, x, w, b: F.batch_norm(x, None, None, w, b, True), [X3, W, B]),
    "batch_norm, plain": (
        lambda F, T, x: F.batch_norm(x, None, None, training=True, eps=0.1),
        [X4],
    ),
    "batch_norm, matrix": (
        lambda F, T, x, w, b: F.batch_norm(x, None, None, w, b, True),
        [X2, W, B],
    ),
    "batch_norm, no bias": (lambda F, T, x, w: F.batch_norm(x, None, None, w, None, True), [X4, W]),
    "batch_norm, evaluated": (
        lambda F, T, x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach(), w, b),
        [X4, W, B, M, V],
    ),
    "batch_norm, evaluated plain": (
        lambda F, T, x, m, v: F.batch_norm(x, m.detach(), v.detach()),
        [X2, M, V],
    ),
    "torch.batch_norm": (
        lambda F, T, x, w, b: T.batch_norm(x, w, b, None, None, True, 0.1, 1e-5, False),
        [X3, W, B],
    ),
    "instance_norm": (lambda F, T, x, w, b: F.instance_norm(x, None, None, w, b), [X4, W, B]),
    "instance_norm, plain": (lambda F, T, x: F.instance_norm(x), [X3]),
    "layer_norm": (lambda F, T, x, w, b: F.layer_norm(x, (3, 4), w, b), [L, LW, LB]),
    "layer_norm, last": (lambda F, T, x, w: F.layer_norm(x, (4,), w), [L, W]),
    "layer_norm, plain": (lambda F, T, x: F.layer_norm(x, (4,), eps=0.2), [L]),
    "layer_norm, all": (lambda F, T, x, w, b: F.layer_norm(x, x.shape, w, b), [LW, LB, LW + 1]),
    "group_norm": (lambda F, T, x, w, b: F.group_norm(x, 2, w, b), [X4, W, B]),
    "group_norm, one": (lambda F, T, x: F.group_norm(x, 1), [X3]),
    "group_norm, empty": (lambda F, T, x, w, b: F.group_norm(x, 2, w, b), [X4[:0], W, B]),
    "layer_norm, empty": (lambda F, T, x, w: F.layer_norm(x, (4,), w), [L[:0], W]),
    "batch_norm, empty": (
        lambda F, T, x, m, v: F.batch_norm(x, m.detach(), v.detach()),
        [X4[:0], M, V],
    ),
    "group_norm, matrix": (lambda F, T, x, w, b: F.group_norm(x, 2, w, b), [X2, W, B]),
    "rms_norm": (lambda F, T, x, w: F.rms_norm(x, (4,), w), [L, W]),
    "rms_norm, plain": (lambda F, T, x: T.rms_norm(x, (3, 4), eps=0.1), [L]),
    "local_response_norm": (lambda F, T, x: F.local_response_norm(x, 3, 0.5, 0.6, 1.5), [X4]),
    "local_response_norm, even": (lambda F, T, x: F.local_response_norm(x, 2), [X3]),
    "normalize": (lambda F, T, x: F.normalize(x), [X3]),
    "normalize, 1-norm": (lambda F, T, x: F.normalize(x, 1.0, 0), [X2]),
    "dropout": (lambda F, T, x: F.dropout(x, 0.4), [X4]),
    "dropout, all": (lambda F, T, x: F.dropout(x, 1.0), [X2]),
    "dropout, evaluated": (lambda F, T, x: F.dropout(x, 0.4, False), [X2]),
    "dropout1d": (lambda F, T, x: F.dropout1d(x, 0.4), [X3]),
    "dropout1d, no batch": (lambda F, T, x: F.dropout1d(x, 0.4), [X2]),
    "dropout2d": (lambda F, T, x: F.dropout2d(x, 0.4), [X4]),
    "dropout3d": (lambda F, T, x: F.dropout3d(x, 0.4), [X4]),
    "alpha_dropout": (lambda F, T, x: F.alpha_dropout(x, 0.4, True), [X3]),
    "feature_alpha_dropout": (lambda F, T, x: F.feature_alpha_dropout(x, 0.4, True), [X3]),
    "dropout in place": (lambda F, T, x: F.dropout(x * 1, 0.4, inplace=True), [X3]),
    "torch.dropout": (
        lambda F, T, x: T.dropout(x, 0.4, True) + T.feature_dropout(x, 0.4, True),
        [X3],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees(torch: Any, name: str) -> None:
    f, arrays = CASES[name]
    agree(torch, f, arrays)
    agree(torch, f, arrays, "float32", second=False)


@pytest.mark.parametrize("name", [n for n in CASES if "normalize" not in n and "response" not in n])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(torch: Any, name: str, dtype: str) -> None:
    f, arrays = CASES[name]
    agree(torch, f, arrays, dtype, second=False, gradient=False, tolerance=8e-3)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 5), (2, 4, 3, 2)])
def test_running_statistics(torch: Any, name: str, shape: tuple[int, ...]) -> None:
    if name == "instance_norm" and len(shape) == 2:
        pytest.skip("needs space")
    x = rng.standard_normal(shape).astype("f")
    stats = []
    for library, functional in ((wengert, F), (torch, torch.nn.functional)):
        m, v = library.tensor(M.astype("f")), library.tensor(V.astype("f"))
        for momentum in (0.1, 0.3):
            getattr(functional, name)(library.tensor(x), m, v, None, None, True, momentum)
        stats.append((m.numpy(), v.numpy()))
    for a, b in zip(*stats):
        np.testing.assert_allclose(a, b, rtol=2e-6)


def test_evaluation_keeps_its_own_statistics() -> None:
    """Training after a recorded evaluation does not disturb the gradient of the evaluation."""
    x = wengert.tensor(X2).requires_grad_()
    w = wengert.tensor(W).requires_grad_()
    m, v = wengert.tensor(M), wengert.tensor(V)
    y = F.batch_norm(x, m, v, w)
    F.batch_norm(x, m, v, w, training=True)
    y.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), ((X2 - M) / np.sqrt(V + 1e-5)).sum(0), rtol=1e-6)


REFUSED = [
    lambda F, T: F.batch_norm(T.ones(1, 3), None, None, training=True),
    lambda F, T: F.batch_norm(T.ones(2, 3), None, None),
    lambda F, T: F.batch_norm(T.ones(2, 3), None, None, T.ones(4), training=True),
    lambda F, T: F.batch_norm(T.ones(2, 3), T.ones(4), T.ones(3), training=True),
    lambda F, T: F.batch_norm(T.ones(2, 3).long(), None, None, training=True),
    lambda F, T: F.instance_norm(T.ones(2, 3, 1)),
    lambda F, T: F.layer_norm(T.ones(2, 3), (4,)),
    lambda F, T: F.layer_norm(T.ones(2, 3), 3),
    lambda F, T: F.layer_norm(T.ones(2, 3), (3,), T.ones(2)),
    lambda F, T: F.layer_norm(T.ones(2, 3), ()),
    lambda F, T: F.layer_norm(T.ones(2, 3).long(), (3,)),
    lambda F, T: F.group_norm(T.ones(2, 3), 2),
    lambda F, T: F.group_norm(T.ones(2, 4, 2), 2, T.ones(3)),
    lambda F, T: F.group_norm(T.ones(1, 1), 1),
    lambda F, T: F.rms_norm(T.ones(2, 3), (2,)),
    lambda F, T: F.local_response_norm(T.ones(2, 3), 2),
    lambda F, T: F.dropout(T.ones(2), 1.5),
    lambda F, T: F.dropout(T.ones(2), -0.5),
    lambda F, T: F.dropout(T.ones(2).long(), 0.5),
    lambda F, T: F.dropout1d(T.ones(2), 0.5),
    lambda F, T: F.dropout(2.0),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refuses(torch: Any, i: int) -> None:
    raises_alike(torch, REFUSED[i])


# --- without PyTorch
# ---------------------------------------------------------------------------------------


def body_and_kernel(
    name: str,
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray | None,
    residuals: tuple[Any, ...],
    *static: Any,
) -> None:
    kernel = getattr(NAMESPACE, name)(g, x, w, *residuals, *static)
    body = OPS[name].fwd(NAMESPACE, g, x, w, *residuals, *static)
    for a, b in zip(kernel, body):
        if b is not None and not (w is None and a is None):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("affine", [True, False])
def test_fused_gradients_mean_their_bodies(affine: bool) -> None:
    w, b = (W, B) if affine else (None, None)
    for x in (X2, X3, X4):
        g = rng.standard_normal(x.shape)
        for training in (True, False):
            _, mean, var, rstd = NAMESPACE.batch_norm(x, w, b, M, V, training, 1e-5)
            body_and_kernel("batch_norm_backward", g, x, w, (mean, rstd), training, 1e-5)
        body_and_kernel(
            "group_norm_backward", g, x, w, NAMESPACE.group_norm(x, w, b, 2, 1e-5)[1:], 2, 1e-5
        )
    g = rng.standard_normal(L.shape)
    body_and_kernel(
        "layer_norm_backward",
        g,
        L,
        LW if affine else None,
        NAMESPACE.layer_norm(L, None, None, 2, 1e-5)[1:],
        2,
        1e-5,
    )
    body_and_kernel("rms_norm_backward", g, L, w, NAMESPACE.rms_norm(L, w, 1, 1e-5)[1:], 1, 1e-5)


def test_results_are_standardised() -> None:
    x = wengert.randn(8, 6, 5) * 3 + 7
    for y, dims in (
        (F.batch_norm(x, None, None, training=True), (0, 2)),
        (F.layer_norm(x, (6, 5)), (1, 2)),
        (F.group_norm(x, 1), (1, 2)),
        (F.instance_norm(x), (2,)),
    ):
        a = y.numpy()
        np.testing.assert_allclose(a.mean(dims), 0, atol=1e-5)
        np.testing.assert_allclose(a.std(dims), 1, atol=1e-4)
    np.testing.assert_allclose((F.rms_norm(x, (5,)).numpy() ** 2).mean(-1), 1, rtol=1e-5)
    np.testing.assert_allclose((F.normalize(x, dim=2).numpy() ** 2).sum(2), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "name, node",
    [
        ("batch_norm", "NativeBatchNorm"),
        ("layer_norm", "NativeLayerNorm"),
        ("group_norm", "NativeGroupNorm"),
        ("dropout", "Mul"),
    ],
)
def test_names_of_nodes(name: str, node: str) -> None:
    x = wengert.ones(4, 2, requires_grad=True)
    args = {
        "batch_norm": (None, None, None, None, True),
        "layer_norm": ((2,),),
        "group_norm": (1,),
        "dropout": (),
    }[name]
    assert getattr(F, name)(x, *args).grad_fn.name() == node + "Backward0"


def test_dropout_keeps_the_expected_share() -> None:
    y = F.dropout(wengert.ones(20000), 0.3).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs(y.mean() - 1) < 0.03


def test_no_dropout_is_the_input_itself() -> None:
    x = wengert.ones(3)
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 0.5, training=False) is x


def test_recorded_dropout() -> None:
    """PyTorch 2.13's numbers for seed 0."""
    wengert.manual_seed(0)
    np.testing.assert_allclose(
        F.dropout(wengert.ones(8), 0.3).numpy() > 0, [0, 0, 1, 0, 1, 0, 1, 1]
    )
