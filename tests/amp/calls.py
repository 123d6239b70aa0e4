"""Operations as calls that wengert and PyTorch both understand: what autocast makes of each."""

import math


def tensor(torch, shape, dtype, kind):
    t = (torch.arange(1, 1 + math.prod(shape)).reshape(shape).to(torch.float32) / 7).sin()
    if kind == "positive":
        t = t.abs() + 0.1
    elif kind == "definite" and len(shape) == 2:
        t = t @ t.T + 3 * torch.eye(shape[0])
    return t.to(dtype)


def calls(torch):
    """{name: (function, shapes of its arguments, what numbers they need)}"""
    F, linalg, fft, nn = torch.nn.functional, torch.linalg, torch.fft, torch.nn
    m, v, b = (3, 3), (3,), (2, 3, 3)
    found = {}

    def add(name, f, *shapes, kind=""):
        found[name] = (f, shapes, kind)

    for name, shapes in {
        "mm": (m, m), "bmm": (b, b), "matmul": (m, m), "mv": (m, v), "dot": (v, v),
        "addmm": (m, m, m), "addmv": (v, m, v), "addr": (m, v, v), "addbmm": (m, b, b),
        "baddbmm": (b, b, b), "outer": (v, v), "inner": (m, m),
        "conv_tbc": ((5, 1, 2), (3, 2, 4), (4,)),
        "polar": (v, v), "prod": (v,), "trace": (m,), "view_as_complex": ((3, 2),),
        "atan2": (v, v), "add": (v, v), "mul": (v, v), "div": (v, v), "addcmul": (v, v, v),
        "dist": (v, v), "cov": ((3, 4),), "kron": (m, m),
    }.items():  # fmt: skip
        add(name, getattr(torch, name), *shapes)
    add("matmul of vectors", torch.matmul, v, v)
    add("matmul by a vector", torch.matmul, m, v)
    add("vecdot", linalg.vecdot, v, v)
    add("einsum", lambda x, y: torch.einsum("ij,jk->ik", x, y), m, m)
    add("tensordot", lambda x, y: torch.tensordot(x, y, 1), m, m)
    add("multi_dot", lambda x, y: linalg.multi_dot([x, y]), m, m)
    add("linear", F.linear, (2, 3), (4, 3), (4,))
    add("bilinear", F.bilinear, (2, 3), (2, 3), (4, 3, 3))
    for d in (1, 2, 3):
        x = (1, 2, *(5,) * d)
        add(f"conv{d}d", getattr(F, f"conv{d}d"), x, (3, 2, *(3,) * d), v)
        add(f"conv_transpose{d}d", getattr(F, f"conv_transpose{d}d"), x, (2, 3, *(3,) * d), v)
        for name in ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool"):
            pool = getattr(F, f"{name}{d}d")
            add(f"{name}{d}d", lambda x, pool=pool: pool(x, 2), (1, 2, *(4,) * d))
        for mode in ("reflect", "replicate", "constant", "circular"):
            pads = (1,) * (2 * d)
            add(
                f"pad{d} {mode}",
                lambda x, pads=pads, mode=mode: F.pad(x, pads, mode),
                (1, 2, *(4,) * d),
            )
    add("prelu", F.prelu, (2, 3), v)
    qkv = ((1, 2, 4, 8),) * 3
    add("attention", F.scaled_dot_product_attention, *qkv)
    add(
        "attention with a mask",
        lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
        *qkv, (4, 4),
    )  # fmt: skip
    add(
        "grid_sample",
        lambda x, g: F.grid_sample(x, g, align_corners=False),
        (1, 1, 4, 4),
        (1, 2, 2, 2),
    )
    add("prod over a dim", lambda x: x.prod(0), m)
    add("quantile", lambda x: torch.quantile(x, 0.5), (5,))
    add("nanquantile", lambda x: torch.nanquantile(x, 0.5), (5,))
    window = torch.ones(8)
    add("stft", lambda x: torch.stft(x, 8, window=window, return_complex=True), (32,))
    add("cdist", torch.cdist, (3, 2), (4, 2))
    for name in ["cholesky", "inverse", "pinverse", "svd", "qr", "geqrf", "cholesky_inverse"]:
        add(name, getattr(torch, name), m, kind="definite")
    names = "cholesky cholesky_ex inv inv_ex cond matrix_rank svdvals eigvals eigvalsh eigh qr svd"
    for name in (*names.split(), "matrix_norm", "vector_norm"):
        add(f"linalg.{name}", getattr(linalg, name), m, kind="definite")
    for name in ("solve", "lstsq"):
        add(f"linalg.{name}", getattr(linalg, name), m, m, kind="definite")
    add("cholesky_solve", torch.cholesky_solve, m, m, kind="definite")
    names = "fft ifft rfft ihfft fft2 rfft2 fftn rfftn hfft irfft ifft2 irfft2"
    for name in names.split():
        add(f"fft.{name}", getattr(fft, name), (4, 4))
    names = "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss hinge_embedding_loss"
    names += " poisson_nll_loss binary_cross_entropy_with_logits"
    for name in names.split():
        add(name, getattr(F, name), v, v)
    classes = torch.tensor([0, 1])
    for name in ("cross_entropy", "nll_loss", "multi_margin_loss"):
        loss = getattr(F, name)
        add(name, lambda x, loss=loss: loss(x, classes), (2, 3))
    add("cross_entropy of shares", F.cross_entropy, (2, 3), (2, 3), kind="positive")
    add(
        "binary_cross_entropy",
        lambda x, y: F.binary_cross_entropy(x.clamp(0, 1), y.clamp(0, 1)),
        v, v, kind="positive",
    )  # fmt: skip
    add("kl_div", lambda x, y: F.kl_div(x, y, reduction="batchmean"), m, m, kind="positive")
    ones = torch.ones(3)
    add("cosine_embedding_loss", lambda x, y: F.cosine_embedding_loss(x, y, ones), m, m)
    add("margin_ranking_loss", lambda x, y: F.margin_ranking_loss(x, y, ones), v, v)
    add("triplet_margin_loss", F.triplet_margin_loss, m, m, m)
    add("cosine_similarity", F.cosine_similarity, m, m)
    for name in ("stack", "cat", "hstack", "vstack"):
        join = getattr(torch, name)
        add(name, lambda x, y, join=join: join([x, y]), v, v)
    places = torch.tensor([0, 1, 2])
    add("index_copy", lambda x, y: x.index_copy(0, places, y), v, v)
    for name in ["relu", "gelu", "silu", "sigmoid", "tanh", "softplus", "elu"]:
        add(name, getattr(F, name), m)
    names = "exp log sqrt rsqrt reciprocal sin sum mean var std norm neg log1p"
    for name in names.split():
        add(name, getattr(torch, name), m, kind="positive")
    for name in ("softmax", "log_softmax", "cumsum", "cumprod", "logsumexp"):
        over = getattr(torch, name)
        add(name, lambda x, over=over: over(x, 0), m)
    add("layer_norm", lambda x, w, b: F.layer_norm(x, (3,), w, b), (2, 3), v, v)
    add("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), (2, 4, 3), (4,), (4,))
    zeros, ones3 = torch.zeros(3), torch.ones(3)
    add("batch_norm", lambda x, w, b: F.batch_norm(x, zeros, ones3, w, b), (4, 3), v, v)
    add("embedding", lambda w: F.embedding(classes, w), (4, 3))
    add("interpolate", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (1, 1, 4, 4))

    def layer(make, *shapes):
        def run(*inputs):
            torch.manual_seed(0)
            return make()(*inputs)

        return run, shapes, ""

    for kind in ("LSTM", "GRU", "RNN"):
        found[f"nn.{kind}"] = layer(lambda kind=kind: getattr(nn, kind)(3, 4), (5, 2, 3))
        found[f"nn.{kind}Cell"] = layer(lambda kind=kind: getattr(nn, kind + "Cell")(3, 4), (2, 3))
    found["nn.MultiheadAttention"] = layer(lambda: nn.MultiheadAttention(4, 2), *((5, 2, 4),) * 3)
    found["nn.TransformerEncoderLayer"] = layer(
        lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), (5, 2, 4)
    )
    return found


def outputs(torch, result):
    if isinstance(result, torch.Tensor):
        return [result]
    return (
        [t for part in result for t in outputs(torch, part)]
        if isinstance(result, (tuple, list))
        else []
    )


# The dtypes of the arguments: the first, the others. "low" is autocast's.
COMBINATIONS = {
    "float32": ("float32", "float32"),
    "low": ("low", "low"),
    "float32 and low": ("float32", "low"),
    "low and float32": ("low", "float32"),
    "float64": ("float64", "float64"),
}


def outcome(torch, call, combination, low):
    """(dtypes, numbers) of the results, or None where the call is refused."""
    f, shapes, kind = call
    first, others = (low if d == "low" else d for d in COMBINATIONS[combination])
    dtypes = [first] + [others] * (len(shapes) - 1)
    args = [tensor(torch, s, getattr(torch, d), kind) for s, d in zip(shapes, dtypes)]
    try:
        with torch.autocast("cpu", dtype=getattr(torch, low)):
            found = outputs(torch, f(*args))
    except (RuntimeError, NotImplementedError, ValueError):
        return None
    names = [str(t.dtype).removeprefix("torch.") for t in found]
    return names, [t.detach().abs().to(torch.float64).flatten().tolist() for t in found]
