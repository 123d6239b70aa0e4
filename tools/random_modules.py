"""Random modules with random options and inputs, in train and eval mode, beside PyTorch: outputs,
gradients of inputs and parameters, buffers, repr.

    python tools/random_modules.py --seconds 60 --seed 1 [--filter REGEX]
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from comparing import Make, main, names

Case = tuple[str, dict[str, Any], Any]  # name, options, shape of the input (or of each)
ACTIVATIONS = {
    "ELU": {"alpha": [1.0, 0.5, 2.0]}, "Hardshrink": {"lambd": [0.5, 1.0, 0.0]}, "Hardsigmoid": {},
    "Hardtanh": {"min_val": [-1.0, -2.0], "max_val": [1.0, 0.5]}, "Hardswish": {}, "ReLU": {},
    "LeakyReLU": {"negative_slope": [0.01, 0.5, 2.0, -1.0, 0.0]}, "LogSigmoid": {}, "ReLU6": {},
    "PReLU": {"num_parameters": [1, 2], "init": [0.25, -1.0]}, "SELU": {}, "Sigmoid": {},
    "CELU": {"alpha": [1.0, 0.5, 2.0]}, "GELU": {"approximate": ["none", "tanh"]}, "SiLU": {},
    "Mish": {}, "Softplus": {"beta": [1, 2.0, 0.5], "threshold": [20, 1, 5.0]}, "Softsign": {},
    "Softshrink": {"lambd": [0.5, 0.0, 1.0]}, "Tanh": {}, "Tanhshrink": {}, "Softmax2d": {},
    "GLU": {"dim": [-1, 0, 1]}, "Softmin": {"dim": [0, -1]}, "Softmax": {"dim": [0, -1, 1]},
    "LogSoftmax": {"dim": [0, -1]}, "Flatten": {"start_dim": [1, 0, -1], "end_dim": [-1, 1]},
}  # fmt: skip
LOSSES = {
    "L1Loss": {}, "MSELoss": {}, "BCELoss": {}, "BCEWithLogitsLoss": {}, "SoftMarginLoss": {},
    "SmoothL1Loss": {"beta": [0.5, 0.0, 2.0]}, "HuberLoss": {"delta": [0.5, 2.0]},
    "KLDivLoss": {"log_target": [True]}, "PoissonNLLLoss": {"log_input": [True, False]},
    "HingeEmbeddingLoss": {"margin": [0.5]}, "MultiLabelSoftMarginLoss": {},
    "MarginRankingLoss": {"margin": [0.5]}, "CosineEmbeddingLoss": {"margin": [0.5]},
    "TripletMarginLoss": {"p": [1, 2, 3], "margin": [0.5], "swap": [True]},
    "GaussianNLLLoss": {"full": [True]}, "MultiMarginLoss": {"p": [1, 2], "margin": [0.5]},
    "NLLLoss": {}, "CrossEntropyLoss": {"label_smoothing": [0.1]}, "CTCLoss": {},
}  # fmt: skip


OTHERS = [
    "Linear", "Bilinear", "Embedding", "EmbeddingBag", "Pad", "Unfold", "PixelShuffle", "Upsample",
    "MultiheadAttention", "TransformerEncoderLayer", "CosineSimilarity",
]  # fmt: skip


def some(rng: random.Random, options: dict[str, list[Any]], chance: float = 0.4) -> dict[str, Any]:
    return {k: rng.choice(v) for k, v in options.items() if rng.random() < chance}


def sizes(rng: random.Random, n: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(rng.randint(low, high) for _ in range(n))


def each(rng: random.Random, n: int, values: list[Any]) -> Any:
    """One value for all dimensions, or one for each."""
    return rng.choice(values) if rng.random() < 0.6 else tuple(rng.choice(values) for _ in range(n))


def batch(rng: random.Random) -> tuple[int, ...]:
    return () if rng.random() < 0.2 else (rng.choice([0, 1, 2, 3]),)


def convolution(rng: random.Random) -> Case:
    d, groups, turned = rng.choice([1, 1, 2, 2, 3]), rng.choice([1, 1, 1, 2]), rng.random() < 0.4
    channels = rng.choice([1, 2, 4]) * groups
    options = {
        "in_channels": channels, "out_channels": rng.choice([1, 2, 3]) * groups,
        "kernel_size": each(rng, d, [1, 2, 3]), "groups": groups,
    }  # fmt: skip
    more = {
        "stride": [each(rng, d, [1, 2, 3])], "padding": [each(rng, d, [0, 1, 2])],
        "dilation": [each(rng, d, [1, 2])], "bias": [False],
    }  # fmt: skip
    if not turned:
        more["padding_mode"] = ["reflect", "replicate", "circular"]
    shape = (*batch(rng), channels, *sizes(rng, d, 3, 8))
    return f"Conv{'Transpose' * turned}{d}d", {**options, **some(rng, more)}, shape


def pooling(rng: random.Random) -> Case:
    d = rng.choice([1, 2, 2, 3])
    shape = (*batch(rng), rng.choice([1, 2, 3]), *sizes(rng, d, 2, 8))
    if rng.random() < 0.3:
        name = rng.choice(["AdaptiveAvgPool", "AdaptiveMaxPool"])
        wanted = rng.choice([1, 2, 3, 5])
        return f"{name}{d}d", {"output_size": wanted if d == 1 else (wanted, *[2] * (d - 1))}, shape
    name = rng.choice(["MaxPool", "AvgPool", "LPPool"])
    options = {"stride": [each(rng, d, [1, 2, 3])], "ceil_mode": [True]}
    if name == "MaxPool":
        options |= {"padding": [each(rng, d, [0, 1])], "dilation": [2], "return_indices": [True]}
    if name == "AvgPool":
        options |= {"padding": [each(rng, d, [0, 1])], "count_include_pad": [False]}
    fixed = {"kernel_size": each(rng, d, [2, 3])}
    if name == "LPPool":
        fixed["norm_type"] = rng.choice([1, 2, 3, 1.5])
    return f"{name}{d}d", {**fixed, **some(rng, options)}, shape


def norm(rng: random.Random) -> Case:
    name = rng.choice(["BatchNorm", "InstanceNorm", "GroupNorm", "LayerNorm", "RMSNorm"])
    n, c, d = rng.choice([1, 2, 3]), rng.choice([1, 2, 4]), rng.choice([1, 2, 3])
    if name in ("BatchNorm", "InstanceNorm"):
        options = {
            "eps": [1e-5, 1e-3, 0.1], "momentum": [0.1, 0.5], "affine": [True, False],
            "track_running_stats": [True, False],
        }  # fmt: skip
        shape = (n, c, *sizes(rng, d, 2, 5))
        return f"{name}{d}d", {"num_features": c, **some(rng, options)}, shape
    if name == "GroupNorm":
        options = {"affine": [False], "eps": [0.1]}
        fixed = {"num_groups": rng.choice([1, c]), "num_channels": c}
        return name, {**fixed, **some(rng, options)}, (n, c, *sizes(rng, d, 2, 5))
    last = sizes(rng, rng.choice([1, 1, 2]), 2, 6)
    options = {"elementwise_affine": [False], "eps": [1e-3, 0.1]}
    options |= {"bias": [False]} if name == "LayerNorm" else {}
    return name, {"normalized_shape": list(last), **some(rng, options)}, (n, 3, *last)


def activation(rng: random.Random) -> Case:
    name = rng.choice(list(ACTIVATIONS))
    shape = tuple(rng.choice([0, 1, 2, 4, 4, 6]) for _ in range(rng.choice([1, 2, 3, 4])))
    return name, some(rng, ACTIVATIONS[name], 0.6), shape


def recurrent(rng: random.Random) -> Case:
    name = rng.choice(["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
    options: dict[str, list[Any]] = {"bias": [False]}
    if name.startswith("RNN"):
        options["nonlinearity"] = ["relu"]
    fixed = {"input_size": rng.choice([1, 3]), "hidden_size": rng.choice([1, 2, 4])}
    if name.endswith("Cell"):
        return name, {**fixed, **some(rng, options)}, (*batch(rng), fixed["input_size"])
    options |= {"num_layers": [1, 2], "bidirectional": [True], "batch_first": [True]}
    if name == "LSTM" and fixed["hidden_size"] > 1:
        options["proj_size"] = [1]
    return name, {**fixed, **some(rng, options)}, (*sizes(rng, 2, 1, 4), fixed["input_size"])


def loss(rng: random.Random) -> Case:
    name, n = rng.choice(list(LOSSES)), rng.choice([1, 2, 3])
    options = {**some(rng, LOSSES[name]), **some(rng, {"reduction": ["none", "sum", "mean"]}, 0.6)}
    shape = sizes(rng, rng.choice([0, 1, 2, 3]), 0, 3)
    if name in ("NLLLoss", "CrossEntropyLoss"):
        c, rest = rng.choice([2, 4]), sizes(rng, rng.choice([0, 0, 1, 2]), 1, 3)
        return name, options, [(n, c, *rest), f"(0, {c}, {(n, *rest)})"]
    inputs: Any = {
        "MultiMarginLoss": [(n, 3), f"(0, 3, ({n},))"], "MarginRankingLoss": [shape] * 3,
        "CosineEmbeddingLoss": [(n, 3), (n, 3), f"(1, 2, ({n},))"],
        "TripletMarginLoss": [(n, 3)] * 3, "MultiLabelSoftMarginLoss": [(n, 3)] * 2,
        "GaussianNLLLoss": [(n, 3), (n, 3), rng.choice([(n, 3), (n, 1), (n,)])],
        "CTCLoss": [(5, 2, 4), "(1, 4, (2, 3))", "(5, 6, (2,))", "(1, 4, (2,))"],
    }.get(name, [shape, shape])  # fmt: skip
    return name, options, inputs


def other(rng: random.Random) -> Case:
    n, name = rng.choice([1, 2, 3]), rng.choice(OTHERS)
    if name == "Linear":
        fixed = {"in_features": 3, "out_features": rng.choice([0, 1, 4])}
        return (
            name,
            {**fixed, **some(rng, {"bias": [False]})},
            (*sizes(rng, rng.choice([0, 1, 2]), 0, 3), 3),
        )
    if name == "Bilinear":
        return name, {"in1_features": 2, "in2_features": 3, "out_features": 2}, [(n, 2), (n, 3)]
    if name.startswith("Embedding"):
        options = {"padding_idx": [0, -1, 2], "max_norm": [0.5, 1.0]}
        if name == "EmbeddingBag":
            options["mode"] = ["sum", "mean", "max"]
        fixed = {"num_embeddings": 5, "embedding_dim": rng.choice([1, 3])}
        return name, {**fixed, **some(rng, options)}, [f"(0, 5, ({n}, {rng.choice([1, 2, 4])}))"]
    d = rng.choice([1, 2, 3])
    if name == "Pad":
        kind = rng.choice(["Reflection", "Replication", "Zero", "Constant", "Circular"])
        options = {
            "padding": rng.choice([1, 2, tuple(rng.choice([0, 1, 2]) for _ in range(2 * d))])
        }
        options |= {"value": 3.5} if kind == "Constant" else {}
        return f"{kind}Pad{d}d", options, (*batch(rng), 2, *sizes(rng, d, 3, 5))
    if name == "Unfold":
        more = {"dilation": [1, 2], "padding": [0, 1], "stride": [1, 2]}
        return name, {"kernel_size": each(rng, 2, [1, 2]), **some(rng, more)}, (n, 2, 5, 4)
    if name == "PixelShuffle":
        return name, {"upscale_factor": rng.choice([1, 2])}, (*batch(rng), 4, *sizes(rng, 2, 1, 3))
    if name == "Upsample":
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[d]
        options = {"mode": rng.choice(["nearest", mode, "nearest-exact", "area"])}
        options |= {"align_corners": rng.choice([True, False])} if options["mode"] == mode else {}
        size = (
            {"scale_factor": rng.choice([2, 0.5, 1.5, 3])}
            if n == 1
            else {"size": rng.choice([1, 2, 5])}
        )
        return name, {**size, **options}, (n, 2, *sizes(rng, d, 2, 5))
    if name == "CosineSimilarity":
        return name, {"dim": rng.choice([0, 1, -1])}, [(n, 3), rng.choice([(n, 3), (1, 3)])]
    shape = (*sizes(rng, 2, 1, 3), 4)
    if name == "MultiheadAttention":
        options = {"bias": [False], "add_bias_kv": [True], "batch_first": [True]}
        return name, {"embed_dim": 4, "num_heads": 2, **some(rng, options)}, [shape] * 3
    options = {"activation": ["gelu", "relu"], "norm_first": [True], "batch_first": [True]}
    fixed = {"d_model": 4, "nhead": 2, "dim_feedforward": 5, "dropout": 0.0}
    return name, {**fixed, **some(rng, options)}, shape


KINDS = [
    convolution,
    convolution,
    pooling,
    norm,
    norm,
    activation,
    recurrent,
    loss,
    loss,
    other,
    other,
]


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, and M: what a module gives."""

    def run(
        name: str, options: Any, shape: Any, way: str, kind: str, train: bool, seed: int
    ) -> Any:
        T.manual_seed(seed)
        d, rng = getattr(T, kind), np.random.default_rng(seed)
        m = getattr(T.nn, name)(**options).to(d).train(train)
        xs = []
        for s in shape if isinstance(shape, list) else [shape]:
            if isinstance(s, str):
                low, high, size = eval(s)
                xs.append(T.tensor(rng.integers(low, high, size)))
                continue
            x = T.tensor(rng.standard_normal(s)).to(d)
            x = x.sigmoid() if name == "BCELoss" else x
            if way == "turned" and x.dim() > 1:
                x = x.transpose(-1, -2).contiguous().transpose(-1, -2)
            if way == "spread" and x.dim():
                x = T.stack([x, x], -1)[..., 0]
            xs.append(x.detach().requires_grad_())
        y = m(*xs)
        outs = [o for o in (y if isinstance(y, tuple) else (y,)) if isinstance(o, T.Tensor)]
        recorded = [o for o in outs if o.requires_grad]
        if recorded:
            weights = [
                (T.arange(o.numel(), dtype=T.float64) * 0.37).cos().reshape(o.shape).to(o.dtype)
                for o in recorded
            ]
            T.autograd.backward(recorded, weights)
        grads = [x.grad for x in xs] + [p.grad for p in m.parameters()]
        return outs, grads, list(m.buffers()), repr(m)

    return {**names(T), "M": run}


def maker(pattern: str) -> Make:
    def make(rng: random.Random) -> tuple[str, str] | None:
        name, options, shape = rng.choice(KINDS)(rng)
        kind = rng.choice(["float32"] * 3 + ["float64"] * 2 + ["bfloat16", "float16"])
        way, train = rng.choice(["", "", "turned", "spread"]), rng.random() < 0.5
        if "Norm" in name and "float16" in kind:
            kind = "float32"  # what is left of numbers that cancel is rounding
        if not re.search(pattern, name):
            return None
        text = (
            f"M({name!r}, {options!r}, {shape!r}, {way!r}, {kind!r}, {train}, {rng.randrange(999)})"
        )
        return name, text

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__, maker, known))
