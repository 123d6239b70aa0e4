"""One or more samples of every layer: constructor arguments and inputs, for any torch-like library.

An input is ("normal", *shape), ("uniform", *shape), ("index", high, *shape), ("sign", *shape),
("bool", *shape) or a plain value.
"""

from typing import Any

import numpy as np

Case = tuple[str, tuple[Any, ...], dict[str, Any], tuple[Any, ...]]


def n(*shape: int) -> tuple[Any, ...]:
    return ("normal", *shape)


def case(name: str, args: Any, *inputs: Any, **kwargs: Any) -> Case:
    return name, args if isinstance(args, tuple) else (args,), kwargs, inputs


IMAGE, SOUND, CUBE = n(2, 4, 6, 7), n(2, 4, 9), n(2, 4, 5, 6, 4)
PAIR = (n(3, 4), n(3, 4))

CASES: list[Case] = [
    case("Identity", (1, 2), n(3)),
    case("Linear", (4, 3), n(2, 4)),
    case("Linear", (4, 3), n(5, 2, 4), bias=False),
    case("Linear", (4, 3), n(4)),
    case("Bilinear", (4, 3, 2), n(5, 4), n(5, 3)),
    case("Bilinear", (4, 3, 2), n(4), n(3), bias=False),
    case("Flatten", (), n(2, 3, 4)),
    case("Unflatten", (1, (2, 3)), n(2, 6)),
    case("Conv1d", (4, 6, 3), SOUND, padding=1, stride=2),
    case("Conv1d", (4, 6, 3), n(4, 9), padding="same", dilation=2),
    case("Conv2d", (4, 6, 3), IMAGE, padding=1),
    case("Conv2d", (4, 6, (3, 2)), IMAGE, groups=2, bias=False, stride=(1, 2)),
    case("Conv2d", (4, 2, 3), IMAGE, padding=(1, 2), padding_mode="circular"),
    case("Conv2d", (4, 2, 3), IMAGE, padding="valid", padding_mode="reflect"),
    case("Conv3d", (4, 2, 3), CUBE, padding=1),
    case("ConvTranspose1d", (4, 3, 3), SOUND, stride=2, output_padding=1),
    case("ConvTranspose2d", (4, 3, 3), IMAGE, stride=2, padding=1),
    case("ConvTranspose2d", (4, 6, 3), n(4, 6, 7), groups=2, dilation=2, bias=False),
    case("ConvTranspose3d", (4, 2, 2), CUBE),
    case("LazyLinear", 3, n(2, 4)),
    case("LazyConv1d", (6, 3), SOUND),
    case("LazyConv2d", (6, 3), IMAGE),
    case("LazyConv3d", (2, 3), CUBE),
    case("LazyConvTranspose1d", (3, 3), SOUND),
    case("LazyConvTranspose2d", (3, 3), IMAGE),
    case("LazyConvTranspose3d", (2, 2), CUBE),
    case("LazyBatchNorm1d", (), n(3, 4)),
    case("LazyBatchNorm2d", (), IMAGE),
    case("LazyBatchNorm3d", (), CUBE),
    case("LazyInstanceNorm1d", (), SOUND),
    case("LazyInstanceNorm2d", (), IMAGE),
    case("LazyInstanceNorm3d", (), CUBE),
    case("MaxPool1d", 2, SOUND),
    case("MaxPool1d", 3, n(4, 9), stride=2, padding=1, dilation=2, ceil_mode=True),
    case("MaxPool2d", 2, IMAGE),
    case("MaxPool2d", ((3, 2),), IMAGE, stride=(2, 1), padding=1, return_indices=True),
    case("MaxPool3d", 2, CUBE),
    case("MaxUnpool1d", 2, n(1, 2, 3), ("value", [[[0, 3, 5], [1, 2, 4]]])),
    case("MaxUnpool2d", 2, n(1, 1, 2, 2), ("value", [[[[0, 3], [9, 15]]]])),
    case("MaxUnpool3d", 2, n(1, 1, 1, 1, 2), ("value", [[[[[0, 7]]]]])),
    case("AvgPool1d", 2, SOUND),
    case("AvgPool2d", 3, IMAGE, stride=2, padding=1, count_include_pad=False),
    case("AvgPool2d", 2, IMAGE, divisor_override=3, ceil_mode=True),
    case("AvgPool3d", 2, CUBE),
    case("FractionalMaxPool2d", 2, IMAGE, output_size=3),
    case("FractionalMaxPool3d", 2, CUBE, output_ratio=0.5),
    case("LPPool1d", (2, 3), SOUND),
    case("LPPool2d", (2, 2), IMAGE, stride=2),
    case("LPPool3d", (2, 2), CUBE),
    case("AdaptiveMaxPool1d", 3, SOUND),
    case("AdaptiveMaxPool2d", ((3, None),), IMAGE, return_indices=True),
    case("AdaptiveMaxPool3d", 2, CUBE),
    case("AdaptiveAvgPool1d", 4, SOUND),
    case("AdaptiveAvgPool2d", 3, IMAGE),
    case("AdaptiveAvgPool3d", ((2, None, 3),), CUBE),
    case("BatchNorm1d", 4, n(5, 4)),
    case("BatchNorm1d", 4, SOUND, momentum=None, affine=False),
    case("BatchNorm2d", 4, IMAGE, eps=1e-3, momentum=0.3),
    case("BatchNorm2d", 4, IMAGE, track_running_stats=False, bias=False),
    case("BatchNorm3d", 4, CUBE),
    case("SyncBatchNorm", 4, IMAGE),
    case("InstanceNorm1d", 4, SOUND),
    case("InstanceNorm2d", 4, IMAGE, affine=True, track_running_stats=True),
    case("InstanceNorm2d", 4, n(4, 6, 7)),
    case("InstanceNorm3d", 4, CUBE),
    case("LayerNorm", 4, n(2, 3, 4)),
    case("LayerNorm", ((3, 4),), n(2, 3, 4), bias=False, eps=1e-3),
    case("LayerNorm", 4, n(2, 4), elementwise_affine=False),
    case("GroupNorm", (2, 4), IMAGE),
    case("GroupNorm", (4, 4), SOUND, affine=False),
    case("RMSNorm", 4, n(2, 3, 4)),
    case("RMSNorm", ((3, 4),), n(2, 3, 4), eps=1e-3, elementwise_affine=False),
    case("LocalResponseNorm", 3, IMAGE, alpha=0.5),
    case("CrossMapLRN2d", 9, IMAGE, alpha=0.5),
    case("Dropout", 0.0, n(3, 4)),
    case("Dropout", 0.4, n(30, 4)),
    case("Dropout1d", 0.5, SOUND),
    case("Dropout2d", 0.5, IMAGE),
    case("Dropout3d", 0.5, CUBE),
    case("AlphaDropout", 0.3, n(30, 4)),
    case("FeatureAlphaDropout", 0.3, IMAGE),
    case("Embedding", (7, 3), ("index", 7, 2, 5)),
    case("Embedding", (7, 3), ("index", 7, 5), padding_idx=-1, scale_grad_by_freq=True),
    case("Embedding", (7, 3), ("index", 7, 5), max_norm=1.0, norm_type=1.0),
    case("EmbeddingBag", (7, 3), ("index", 7, 2, 5)),
    case("EmbeddingBag", (7, 3), ("index", 7, 6), ("value", [0, 2, 2]), mode="sum"),
    case("EmbeddingBag", (7, 3), ("index", 7, 2, 5), mode="max", padding_idx=2),
    case("Threshold", (0.1, 0.5), n(3, 4)),
    case("ReLU", (), n(3, 4)),
    case("ReLU6", (), n(3, 4)),
    case("RReLU", (0.2, 0.2), n(3, 4)),
    case("Hardtanh", (-0.5, 0.7), n(3, 4)),
    case("Sigmoid", (), n(3, 4)),
    case("Hardsigmoid", (), n(3, 4)),
    case("Tanh", (), n(3, 4)),
    case("SiLU", (), n(3, 4)),
    case("Mish", (), n(3, 4)),
    case("Hardswish", (), n(3, 4)),
    case("ELU", 0.7, n(3, 4)),
    case("CELU", 0.7, n(3, 4)),
    case("SELU", (), n(3, 4)),
    case("GLU", 1, n(3, 4)),
    case("GELU", (), n(3, 4)),
    case("GELU", "tanh", n(3, 4)),
    case("Hardshrink", 0.3, n(3, 4)),
    case("Softshrink", 0.3, n(3, 4)),
    case("LeakyReLU", 0.3, n(3, 4)),
    case("LogSigmoid", (), n(3, 4)),
    case("Softplus", (2.0, 1.0), n(3, 4)),
    case("PReLU", (), n(3, 4)),
    case("PReLU", 4, IMAGE, init=0.1),
    case("Softsign", (), n(3, 4)),
    case("Tanhshrink", (), n(3, 4)),
    case("Softmin", 1, n(3, 4)),
    case("Softmax", 0, n(3, 4)),
    case("Softmax2d", (), IMAGE),
    case("LogSoftmax", -1, n(3, 4)),
    *[case(f"ConstantPad{d}d", (1, 2.5), x) for d, x in ((1, SOUND), (2, IMAGE), (3, CUBE))],
    *[case(f"ZeroPad{d}d", 1, x) for d, x in ((1, SOUND), (2, IMAGE), (3, CUBE))],
    *[case(f"ReflectionPad{d}d", 2, x) for d, x in ((1, SOUND), (2, IMAGE), (3, CUBE))],
    *[case(f"ReplicationPad{d}d", 2, x) for d, x in ((1, SOUND), (2, IMAGE), (3, CUBE))],
    *[case(f"CircularPad{d}d", 2, x) for d, x in ((1, SOUND), (2, IMAGE), (3, CUBE))],
    case("PairwiseDistance", (), *PAIR),
    case("PairwiseDistance", (1.0, 1e-3, True), *PAIR),
    case("CosineSimilarity", (), *PAIR),
    case("CosineSimilarity", (0, 1e-3), *PAIR),
    case("Upsample", (), IMAGE, scale_factor=2),
    case("Upsample", (9,), SOUND, mode="linear", align_corners=False),
    case("Upsample", (), IMAGE, scale_factor=(2.0, 1.5), mode="bicubic"),
    case("UpsamplingNearest2d", (), IMAGE, size=(9, 9)),
    case("UpsamplingBilinear2d", (), IMAGE, scale_factor=2),
    case("Fold", ((6, 7), 2), n(2, 16, 30)),
    case("Unfold", 2, IMAGE, padding=1, stride=2, dilation=2),
    case("PixelShuffle", 2, IMAGE),
    case("PixelUnshuffle", 2, n(2, 4, 6, 8)),
    case("ChannelShuffle", 2, IMAGE),
    case("L1Loss", (), *PAIR),
    case("L1Loss", (), *PAIR, reduction="none"),
    case("MSELoss", (), *PAIR, reduction="sum"),
    case("NLLLoss", (), n(5, 4), ("index", 4, 5), ignore_index=1),
    case("NLLLoss", ("positive", 4), n(5, 4, 3), ("index", 4, 5, 3), reduction="sum"),
    case("PoissonNLLLoss", (), n(3, 4), ("uniform", 3, 4), full=True),
    case("PoissonNLLLoss", (), ("uniform", 3, 4), ("uniform", 3, 4), log_input=False),
    case("GaussianNLLLoss", (), *PAIR, ("uniform", 3, 4), full=True),
    case("KLDivLoss", (), n(3, 4), ("uniform", 3, 4), reduction="batchmean"),
    case("KLDivLoss", (), *PAIR, reduction="sum", log_target=True),
    case("BCELoss", (), ("uniform", 3, 4), ("uniform", 3, 4)),
    case("BCEWithLogitsLoss", (), n(3, 4), ("uniform", 3, 4), reduction="sum"),
    case("HingeEmbeddingLoss", 1.5, n(3, 4), ("sign", 3, 4)),
    case("MultiLabelMarginLoss", (), n(2, 4), ("value", [[3, 0, -1, 1], [1, -1, 0, 0]])),
    case("SmoothL1Loss", (), *PAIR, beta=0.5),
    case("HuberLoss", (), *PAIR, delta=0.5),
    case("SoftMarginLoss", (), n(3, 4), ("sign", 3, 4)),
    case("CrossEntropyLoss", (), n(5, 4), ("index", 4, 5), label_smoothing=0.1),
    case("CrossEntropyLoss", (), n(5, 4, 3), ("index", 4, 5, 3), ignore_index=2),
    case("CrossEntropyLoss", (), n(5, 4), ("uniform", 5, 4), reduction="sum"),
    case("LinearCrossEntropyLoss", (6, 4), n(5, 6), ("index", 4, 5), bias=True),
    case("MultiLabelSoftMarginLoss", (), n(3, 4), ("uniform", 3, 4)),
    case("CosineEmbeddingLoss", 0.1, *PAIR, ("sign", 3)),
    case("MarginRankingLoss", 0.5, n(3), n(3), ("sign", 3)),
    case("MultiMarginLoss", (2, 0.5), n(3, 4), ("index", 4, 3)),
    case("TripletMarginLoss", (), *PAIR, n(3, 4), swap=True),
    case("TripletMarginWithDistanceLoss", (), *PAIR, n(3, 4), margin=0.5),
    case("CTCLoss", (), n(6, 2, 4), ("value", [[1, 2, 3], [2, 2, 1]]), (6, 5), (3, 2)),
    case("AdaptiveLogSoftmaxWithLoss", (8, 20, [4, 10]), n(5, 8), ("index", 20, 5)),
    case("RNN", (3, 4), n(5, 2, 3)),
    case("RNN", (3, 4, 2, "relu"), n(2, 5, 3), batch_first=True, bidirectional=True),
    case("LSTM", (3, 4), n(5, 2, 3)),
    case("LSTM", (3, 4, 2), n(5, 2, 3), bidirectional=True, proj_size=2),
    case("LSTM", (3, 4), n(5, 3), bias=False),
    case("GRU", (3, 4), n(5, 2, 3)),
    case("GRU", (3, 4, 2), n(2, 5, 3), n(4, 2, 4), batch_first=True, bidirectional=True),
    case("RNNCell", (3, 4), n(2, 3), nonlinearity="relu"),
    case("LSTMCell", (3, 4), n(2, 3)),
    case("GRUCell", (3, 4), n(2, 3), n(2, 4), bias=False),
    case("MultiheadAttention", (8, 2), n(5, 3, 8), n(4, 3, 8), n(4, 3, 8)),
    case("MultiheadAttention", (8, 2), n(5, 8), n(4, 6), n(4, 7), kdim=6, vdim=7, bias=False),
    case(
        "MultiheadAttention", (8, 4), n(3, 5, 8), n(3, 4, 8), n(3, 4, 8), ("bool", 3, 4),
        batch_first=True, add_bias_kv=True, add_zero_attn=True,
    ),
    case("TransformerEncoderLayer", (8, 2, 16, 0.0), n(5, 3, 8)),
    case("TransformerEncoderLayer", (8, 2, 16, 0.0, "gelu"), n(3, 5, 8), batch_first=True),
    case("TransformerDecoderLayer", (8, 2, 16, 0.0), n(4, 3, 8), n(5, 3, 8), norm_first=True),
    case("Transformer", (8, 2, 1, 1, 16, 0.0), n(5, 3, 8), n(4, 3, 8)),
]  # fmt: skip

DRAWS = {"FractionalMaxPool2d", "FractionalMaxPool3d"}  # the stream is compared with ops/
NAMES = [f"{c[0]}-{i}" for i, c in enumerate(CASES)]


def value(lib: Any, spec: Any, rng: Any) -> Any:
    """The input that a spec describes, floats in float64."""
    if not isinstance(spec, tuple) or not spec or not isinstance(spec[0], str):
        return spec
    kind, *rest = spec
    if kind == "value":
        return lib.tensor(rest[0])
    if kind == "normal":
        return lib.from_numpy(rng.standard_normal(rest)).requires_grad_()
    if kind in ("uniform", "positive"):
        return lib.from_numpy(rng.uniform(0.05, 0.95, rest))
    if kind == "sign":
        return lib.from_numpy(rng.integers(0, 2, rest) * 2.0 - 1)
    if kind == "bool":
        return lib.from_numpy(rng.integers(0, 3, rest) == 0)
    return lib.from_numpy(rng.integers(0, rest[0], rest[1:]))


def build(lib: Any, c: Case) -> tuple[Any, list[Any]]:
    """(module in float64, inputs) of a case, with the library's own initial weights."""
    name, args, kwargs, inputs = c
    rng = np.random.default_rng(0)
    made = [value(lib, i, rng) for i in inputs]
    if args and args[0] == "positive":
        args = (value(lib, args, rng),)
    lib.manual_seed(0)
    return getattr(lib.nn, name)(*args, **kwargs).double(), made


def flat(out: Any, lib: Any) -> list[Any]:
    """The tensors in an output."""
    if isinstance(out, lib.Tensor):
        return [out]
    return [t for o in out if o is not None for t in flat(o, lib)]


def everything(lib: Any, c: Case) -> dict[str, Any]:
    """What a layer does: description, state, outputs, buffers after, gradients."""
    m, inputs = build(lib, c)
    text = repr(m)
    outs = flat(m(*inputs), lib)
    floats = [o for o in outs if o.dtype.is_floating_point and o.requires_grad]
    if floats:
        sum((o * (o.detach() + 1)).sum() for o in floats).backward()
    grads = [i for i in inputs if isinstance(i, lib.Tensor) and i.requires_grad]
    found = {
        "repr": text,
        "state": {k: tuple(v.shape) for k, v in m.state_dict().items()},
        "outputs": [o.detach().numpy() for o in outs],
        "buffers": [b.numpy() for b in m.buffers()],
        "grads": [
            None if t.grad is None else t.grad.numpy() for t in [*grads, *m.parameters()]
        ],
    }  # fmt: skip
    m.eval()
    found["eval"] = [o.detach().numpy() for o in flat(m(*inputs), lib)]
    return found
