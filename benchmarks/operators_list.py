"""The operators that `operators.py` times, as expressions, and the tensors they name.

T is torch, F is torch.nn.functional. Each size has its shapes; a tensor has that many elements
unless it is a weight, an index or a mask.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

# elements: rows and columns, images, sequences, matrices, attention heads
SHAPES: dict[int, tuple[tuple[int, ...], ...]] = {
    16: ((4, 4), (1, 1, 4, 4), (1, 2, 8), (1, 4, 4), (1, 1, 4, 4)),
    4096: ((64, 64), (4, 4, 16, 16), (4, 16, 64), (4, 32, 32), (1, 4, 32, 32)),
    4194304: (
        (4096, 1024),
        (16, 16, 128, 128),
        (16, 64, 4096),
        (256, 128, 128),
        (64, 8, 128, 64),
    ),
}

OPERATORS = """
-x
x.abs()
x.exp()
p.log()
p.log1p()
p.sqrt()
p.rsqrt()
x.square()
p.reciprocal()
x.sin()
x.cos()
x.tanh()
x.sigmoid()
x.erf()
x.floor()
x.round()
x.sign()
x + y
x - y
x * y
x / p
x + 1
x * 0.5
1 - x
x ** 2
p ** y
i % 7
i // 3
x + row
x * column
x.addcmul(y, p)
x.lerp(y, 0.3)
T.maximum(x, y)
x.clamp(-1, 1)
T.where(b, x, y)
x.masked_fill(b, 0.0)
x > y
i == 3
b & ~b
x.isnan()
x.to(T.float64)
i.to(T.float32)
x.clone()
scratch.add_(y)
scratch.mul_(-1.0)
scratch.copy_(x)
scratch.zero_()
x.sum()
x.sum(0)
x.sum(1)
x.mean()
x.mean(1, keepdim=True)
x.max()
x.max(1)
x.amax(1)
x.argmax(1)
x.var(1)
x.std()
x.norm()
x.logsumexp(1)
x.cumsum(1)
x.sort(1)
x.topk(2, 1)
b.any()
F.relu(x)
F.gelu(x)
F.silu(x)
F.leaky_relu(x)
F.elu(x)
F.softplus(x)
x.softmax(1)
x.log_softmax(1)
F.layer_norm(x, row.shape, row, row)
F.batch_norm(x, None, None, row, row, True)
F.group_norm(img, 1)
F.normalize(x)
F.dropout(x, 0.1)
F.mse_loss(x, y)
F.smooth_l1_loss(x, y)
F.cross_entropy(x, target)
F.binary_cross_entropy_with_logits(x, p)
x @ m
F.linear(x, m, row)
matrices @ matrices
T.einsum('ij,kj->ik', x, m)
x @ row
F.conv1d(seq, k1, padding=1)
F.conv2d(img, k2, padding=1)
F.max_pool2d(img, 2)
F.avg_pool2d(img, 2)
F.interpolate(img, scale_factor=2)
F.pad(img, (1, 1, 1, 1))
F.scaled_dot_product_attention(heads, heads, heads)
F.embedding(target, x)
T.cat([x, y], 1)
T.stack([x, y])
x.reshape(-1)
x.t().contiguous()
x.flip(1)
x[1]
x[:, 1:]
x[target]
x.gather(1, within)
x.index_add(0, target, y)
x.split(2, 1)
x.tril()
F.one_hot(target % 4, 4)
T.randn(x.shape)
T.zeros(x.shape)
T.arange(x.numel())
""".strip().splitlines()


def tensors(torch: Any, size: int, expression: str) -> dict[str, Any]:
    """The tensors that an expression names, the same values for either library."""
    rows, image, sequence, matrices, heads = SHAPES[size]
    r, c = rows
    makers = {
        "x": lambda g: g.standard_normal(rows),
        "y": lambda g: g.standard_normal(rows),
        "p": lambda g: g.uniform(0.1, 0.9, rows),
        "scratch": lambda g: g.standard_normal(rows),
        "row": lambda g: g.standard_normal(c),
        "column": lambda g: g.standard_normal((r, 1)),
        "m": lambda g: g.standard_normal((c, c)),
        "img": lambda g: g.standard_normal(image),
        "seq": lambda g: g.standard_normal(sequence),
        "matrices": lambda g: g.standard_normal(matrices),
        "heads": lambda g: g.standard_normal(heads),
        "k1": lambda g: g.standard_normal((sequence[1], sequence[1], 3)),
        "k2": lambda g: g.standard_normal((image[1], image[1], 3, 3)),
        "i": lambda g: g.integers(0, 100, rows),
        "target": lambda g: g.integers(0, min(rows), r),
        "within": lambda g: g.integers(0, c, rows),
        "b": lambda g: g.uniform(0, 1, rows) > 0.5,
    }
    made = {}
    for name in sorted(set(re.findall(r"(?<![\w.'])[a-z]\w*\b", expression)) & set(makers)):
        array = np.asarray(makers[name](np.random.default_rng(len(made))))
        made[name] = torch.from_numpy(array.astype("f") if array.dtype.kind == "f" else array)
    return made
