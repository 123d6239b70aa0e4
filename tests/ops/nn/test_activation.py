"""Activation functions and softmax: against PyTorch and recorded values; kernels against bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.agreement import agree, raises_alike

import wengert
import wengert.nn.functional as F
from wengert.arrays.cpu import NAMESPACE
from wengert.engine.op import OPS

X = np.array([[-7.5, -3.1, -2.9, -0.7], [-0.45, -0.01, 0.002, 0.02], [0.6, 1.4, 3.2, 25.0]])
W = np.array([0.25, -0.5, 0.1, 1.5])

CASES: dict[str, Any] = {
    "relu": lambda F, T, x: F.relu(x),
    "leaky_relu": lambda F, T, x: F.leaky_relu(x),
    "leaky_relu, steep": lambda F, T, x: F.leaky_relu(x, 1.5),
    "leaky_relu, falling": lambda F, T, x: F.leaky_relu(x, -0.2),
    "elu": lambda F, T, x: F.elu(x),
    "elu, alpha": lambda F, T, x: F.elu(x, 1.7),
    "selu": lambda F, T, x: F.selu(x),
    "celu": lambda F, T, x: F.celu(x, 0.6),
    "softplus": lambda F, T, x: F.softplus(x),
    "softplus, beta": lambda F, T, x: F.softplus(x, 2.0, 5.0),
    "logsigmoid": lambda F, T, x: F.logsigmoid(x),
    "silu": lambda F, T, x: F.silu(x),
    "mish": lambda F, T, x: F.mish(x),
    "gelu": lambda F, T, x: F.gelu(x),
    "gelu, tanh": lambda F, T, x: F.gelu(x, approximate="tanh"),
    "hardtanh": lambda F, T, x: F.hardtanh(x, -0.5, 2.0),
    "relu6": lambda F, T, x: F.relu6(x),
    "hardsigmoid": lambda F, T, x: F.hardsigmoid(x),
    "hardswish": lambda F, T, x: F.hardswish(x),
    "hardshrink": lambda F, T, x: F.hardshrink(x, 0.3),
    "softshrink": lambda F, T, x: F.softshrink(x, 0.3),
    "tanhshrink": lambda F, T, x: F.tanhshrink(x),
    "softsign": lambda F, T, x: F.softsign(x),
    "threshold": lambda F, T, x: F.threshold(x, 0.1, 9.0),
    "rrelu, eval": lambda F, T, x: F.rrelu(x, 0.1, 0.5),
    "rrelu, training": lambda F, T, x: F.rrelu(x, 0.1, 0.5, True),
    "glu": lambda F, T, x: F.glu(x),
    "softmax": lambda F, T, x: F.softmax(x, 1),
    "softmax, 0": lambda F, T, x: T.softmax(x, 0),
    "log_softmax": lambda F, T, x: F.log_softmax(x, 1),
    "log_softmax, 0": lambda F, T, x: x.log_softmax(0),
    "softmin": lambda F, T, x: F.softmin(x, -1),
    "softmax, dtype": lambda F, T, x: F.softmax(x, 1, dtype=T.float64),
    "gumbel_softmax": lambda F, T, x: F.gumbel_softmax(x, 0.7),
    "gumbel_softmax, hard": lambda F, T, x: F.gumbel_softmax(x, 0.7, True),
    "in place": lambda F, T, x: F.elu(x * 2, inplace=True),
    "relu_": lambda F, T, x: F.relu_(x * 2),
    "0-d": lambda F, T, x: (
        F.gelu(x.sum()) + F.silu(x[0, 0]) + F.softmax(x[0, 0], 0) + F.elu(x[0, 1])
    ),
    "transposed": lambda F, T, x: F.gelu(x.t()) + F.softmax(x.t(), 0),
    "empty": lambda F, T, x: F.softmax(x[:, :0], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees(torch: Any, name: str) -> None:
    f = CASES[name]
    loose = 1e-7 if name in ("celu", "hardsigmoid") else 0  # PyTorch has constants in float32 there
    agree(torch, f, [X], second=name != "hardsigmoid", tolerance=loose)
    agree(torch, f, [X], "float32", second=False)


@pytest.mark.parametrize(
    "name",
    [n for n in CASES if n not in ("gumbel_softmax", "gumbel_softmax, hard", "rrelu, training")],
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(torch: Any, name: str, dtype: str) -> None:
    agree(torch, CASES[name], [X], dtype, second=False)


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3), (4,)])
def test_prelu(torch: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    f = lambda F, T, x, w: F.prelu(x, w)
    agree(torch, f, [x, np.array([0.3])])
    if len(shape) > 1:
        agree(torch, f, [x, W])
        agree(torch, f, [x, W], "bfloat16", second=False)


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh, integers", "threshold"])
def test_integers(torch: Any, name: str) -> None:
    f = CASES.get(name, lambda F, T, x: F.hardtanh(x, -1, 2))
    agree(torch, f, [np.arange(-4, 9)])


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name",
    [
        "relu",
        "leaky_relu",
        "elu",
        "softplus",
        "logsigmoid",
        "silu",
        "mish",
        "gelu, tanh",
        "hardtanh",
        "hardsigmoid",
        "hardshrink",
        "softsign",
        "threshold",
    ],
)
def test_special_values(torch: Any, name: str, special: float) -> None:
    agree(
        torch,
        CASES[name],
        [np.array([[special, 1.0], [-1.0, special]])],
        "float32",
        second=False,
        gradient=False,
    )


REFUSED = [
    lambda F, T: F.relu(1.0),
    lambda F, T: F.relu(T.tensor([True])),
    lambda F, T: F.gelu(T.arange(3)),
    lambda F, T: F.gelu(T.ones(3), approximate="foo"),
    lambda F, T: F.elu(T.arange(3)),
    lambda F, T: F.silu([1.0]),
    lambda F, T: F.celu(T.ones(2), 0.0),
    lambda F, T: F.hardtanh(T.ones(2), 2.0, 1.0),
    lambda F, T: F.hardtanh(T.ones(2, dtype=T.uint8)),
    lambda F, T: F.hardtanh(T.ones(2, dtype=T.bool)),
    lambda F, T: F.softshrink(T.ones(2), -1.0),
    lambda F, T: F.glu(T.tensor(1.0)),
    lambda F, T: F.glu(T.ones(5)),
    lambda F, T: F.glu(T.arange(4)),
    lambda F, T: F.prelu(T.ones(2, 3), T.ones(2)),
    lambda F, T: F.prelu(T.ones(2, 3), T.ones(1, 3)),
    lambda F, T: F.prelu(T.ones(2, 3), T.ones(3).double()),
    lambda F, T: F.prelu(T.ones(2, 3), 0.25),
    lambda F, T: F.rrelu(T.ones(3), 0.5, 0.1),
    lambda F, T: F.softmax(T.ones(3), 1),
    lambda F, T: F.softmax(T.arange(3), 0),
    lambda F, T: F.hardswish(T.arange(3)),
    lambda F, T: F.elu(T.ones(3, requires_grad=True), inplace=True),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refuses(torch: Any, i: int) -> None:
    raises_alike(torch, REFUSED[i])


@pytest.mark.parametrize(
    "name, node",
    [
        ("relu", "Relu"),
        ("leaky_relu", "LeakyRelu"),
        ("elu", "Elu"),
        ("selu", "Elu"),
        ("celu", "Celu"),
        ("gelu", "Gelu"),
        ("silu", "Silu"),
        ("mish", "Mish"),
        ("softplus", "Softplus"),
        ("logsigmoid", "LogSigmoid"),
        ("hardtanh", "Hardtanh"),
        ("relu6", "Hardtanh"),
        ("hardswish", "Hardswish"),
        ("hardshrink", "Hardshrink"),
        ("glu", "Glu"),
    ],
)
def test_names_of_nodes(name: str, node: str) -> None:
    y = getattr(F, name)(wengert.ones(2, requires_grad=True))
    assert y.grad_fn.name() == node + "Backward0"


def test_rrelu_draws_only_where_needed(torch: Any) -> None:
    x = np.random.default_rng(0).standard_normal(50).astype("f")
    wengert.manual_seed(5)
    torch.manual_seed(5)
    ours = F.rrelu(wengert.tensor(x), training=True), wengert.rand(3)
    theirs = torch.nn.functional.rrelu(torch.tensor(x), training=True), torch.rand(3)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=3e-7)


# --- without PyTorch
# ---------------------------------------------------------------------------------------


def test_recorded_values() -> None:
    """PyTorch 2.13's numbers."""
    x = wengert.tensor([-2.0, -0.5, 0.0, 1.0, 3.0])
    recorded = {
        "gelu": [-0.0455002785, -0.154268771, 0.0, 0.841344714, 2.99594975],
        "silu": [-0.238405839, -0.188770339, 0.0, 0.731058598, 2.85772252],
        "mish": [-0.252501458, -0.22074376, 0.0, 0.865098357, 2.98653507],
        "softplus": [0.126928002, 0.474076986, 0.693147182, 1.31326163, 3.04858732],
        "selu": [-1.52016652, -0.691758156, 0.0, 1.05070102, 3.15210295],
        "hardswish": [-0.333333343, -0.208333328, 0.0, 0.666666687, 3.0],
        "logsigmoid": [-2.12692809, -0.974076986, -0.693147182, -0.313261688, -0.048587352],
    }
    for name, values in recorded.items():
        np.testing.assert_allclose(
            getattr(F, name)(x).numpy(), values, rtol=1e-6, atol=1e-7, err_msg=name
        )


BODIES = [
    ("leaky_relu", {}),
    ("elu", {"alpha": 1.5}),
    ("softplus", {}),
    ("logsigmoid", {}),
    ("silu", {}),
    ("mish", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("hardtanh", {}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("hardshrink", {}),
    ("softshrink", {}),
    ("threshold", {"value": 2.0}),
    ("softmax", {"dim": 1}),
    ("log_softmax", {"dim": 0}),
]


@pytest.mark.parametrize("name, static", BODIES)
def test_kernels_mean_their_bodies(name: str, static: dict[str, Any]) -> None:
    x = np.random.default_rng(0).standard_normal((5, 7)) * 3
    got = getattr(NAMESPACE, name)(x, **static)
    np.testing.assert_allclose(got, OPS[name].fwd(NAMESPACE, x, **static), rtol=1e-12, atol=1e-12)
    backward = OPS.get(name + "_backward")
    if backward is not None:
        g = np.random.default_rng(1).standard_normal(x.shape)
        static.pop("value", None)
        ins = (g, got) if "softmax" in name else (g, x)
        np.testing.assert_allclose(
            getattr(NAMESPACE, name + "_backward")(*ins, **static),
            backward.fwd(NAMESPACE, *ins, **static),
            rtol=1e-11,
            atol=1e-12,
        )


def test_erf_in_blocks() -> None:
    """Long arrays are computed in blocks; float32 errors stay below 2e-7."""
    import math

    from wengert.arrays.activation import erf

    x = np.linspace(-6, 6, 70001).astype("f")
    exact = np.array([math.erf(v) for v in x.astype(float)])
    assert np.abs(erf(np, x) - exact).max() < 2e-7
    assert np.abs(erf(np, x.reshape(-1, 1)[::2]) - exact.reshape(-1, 1)[::2]).max() < 2e-7


def test_softmax_sums_to_one() -> None:
    x = wengert.randn(4, 5, 6) * 30
    for dim in range(3):
        np.testing.assert_allclose(F.softmax(x, dim).sum(dim).numpy(), 1, rtol=1e-5)
        np.testing.assert_allclose(F.log_softmax(x, dim).exp().sum(dim).numpy(), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_the_curvature_of_elus_at_zero_is_that_of_the_line(name: str) -> None:
    """PyTorch's second derivative at 0 is 0, and the gradient at -inf exactly 0."""
    x = wengert.tensor([-1.0, 0.0, 1.0, -float("inf")], requires_grad=True)
    (g,) = wengert.autograd.grad(getattr(F, name)(x).sum(), x, create_graph=True)
    (h,) = wengert.autograd.grad(g.sum(), x)
    assert g[3] == 0
    assert h[0] == g[0] and h[1:3].tolist() == [0, 0]
