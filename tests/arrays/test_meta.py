"""Arrays without elements: what words give for them has the CPU's shapes, in no memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.samples import SAMPLES

import wengert
from wengert.arrays import meta
from wengert.arrays.strict_array import Wrapped
from wengert.engine.tensor import Tensor, wrap

F = wengert.nn.functional
REFUSED_ZEROS = {"ldl_solve"}  # pivots are rows, counted from 1


def shapes(out: Any) -> Any:
    outs = out if isinstance(out, (tuple, list)) else (out,)
    return [(tuple(o.shape), o.dtype) for o in outs if isinstance(o, Tensor)]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_shapes_are_those_of_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every op, with primes in the place of all sizes."""
    op, ins, static = SAMPLES[name]
    monkeypatch.setattr(meta, "SMALL", 0)
    monkeypatch.setattr(meta, "KEPT", 1)
    want = op.entry(*[wrap(a) if isinstance(a, np.ndarray) else a for a in ins], **static)
    there = [wrap(meta.NAMESPACE.from_host(a)) if isinstance(a, np.ndarray) else a for a in ins]
    if not any(isinstance(t, Tensor) and isinstance(t._a, Wrapped) for t in there):
        pytest.skip("no array among its operands")
    try:
        out = op.entry(*there, **static)
    except (RuntimeError, NotImplementedError) as e:
        assert name in REFUSED_ZEROS or "meta" in str(e) or "elements" in str(e)
        return
    assert shapes(out) == shapes(want)


M = 1 << 20
LARGE: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "add": (lambda: made(M, M) + made(M), (M, M)),
    "cat": (lambda: wengert.cat([made(M, M), made(M, 3)], -1), (M, M + 3)),
    "cross_entropy": (lambda: F.cross_entropy(made(M, M), made(M).long()), ()),
    "dropout": (lambda: F.dropout(made(M, M)), (M, M)),
    "embedding": (lambda: F.embedding(made(M, M).long(), made(50, 64)), (M, M, 64)),
    "eye": (lambda: wengert.eye(M, device="meta"), (M, M)),
    "gather": (lambda: made(M, M).gather(1, made(M, M).long()), (M, M)),
    "half": (lambda: made(M, M).half(), (M, M)),
    "index": (lambda: made(M, 9)[made(M, M).long()], (M, M, 9)),
    "index_select": (lambda: made(M, M).index_select(0, made(7).long()), (7, M)),
    "layer_norm": (lambda: F.layer_norm(made(M, M), (M,)), (M, M)),
    "linear": (lambda: F.linear(made(64, M, M), made(M, M), made(M)), (64, M, M)),
    "max": (lambda: made(M, M).max(0).values, (M,)),
    "rand": (lambda: wengert.rand(M, M, device="meta"), (M, M)),
    "arange": (lambda: wengert.arange(M * M, device="meta"), (M * M,)),
    "repeat": (lambda: made(M, M).repeat(2, 1, 3), (2, M, 3 * M)),
    "repeat_interleave": (lambda: made(9, M, M).repeat_interleave(2, 0), (18, M, M)),
    "reshape": (lambda: made(M, M, 3).transpose(0, 1).reshape(-1, 3), (M * M, 3)),
    "attention": (
        lambda: F.scaled_dot_product_attention(*[made(8, 16, M, 64)] * 3, is_causal=True),
        (8, 16, M, 64),
    ),
    "softmax": (lambda: made(M, M).softmax(-1), (M, M)),
    "sort": (lambda: made(M, M).sort(-1).indices, (M, M)),
    "tril": (lambda: wengert.ones(M, M, device="meta").tril(), (M, M)),
}


def made(*shape: int) -> Tensor:
    return wengert.empty(*shape, device="meta")


@pytest.mark.parametrize("name", LARGE)
def test_no_memory_is_taken(name: str) -> None:
    """Terabytes, which could not be allocated."""
    f, shape = LARGE[name]
    out = f()
    assert (tuple(out.shape), out.device.type) == (shape, "meta")


def test_a_step_of_a_model_without_numbers() -> None:
    with wengert.device("meta"):
        net = wengert.nn.Sequential(
            wengert.nn.Embedding(128_256, 8192),
            *[wengert.nn.TransformerEncoderLayer(8192, 64, 28_672) for _ in range(2)],
            wengert.nn.Linear(8192, 128_256),
        )
    net = net.to(wengert.bfloat16)
    out = net(wengert.zeros(4096, 64, dtype=wengert.int64, device="meta"))
    assert (tuple(out.shape), out.dtype) == ((4096, 64, 128_256), wengert.bfloat16)
    out.float().logsumexp(-1).sum().backward()
    for p in net.parameters():
        assert p.grad is not None and (p.grad.shape, p.grad.dtype) == (p.shape, p.dtype)
    wengert.optim.AdamW(net.parameters()).step()


def test_what_does_not_fit_is_refused_as_on_the_cpu() -> None:
    for f in (
        lambda: made(M, 3) @ made(4, M),
        lambda: made(M, 5) + made(M, 7),
        lambda: wengert.cat([made(M, 5), made(M, 7)]),
    ):
        with pytest.raises(RuntimeError, match=r"[57]|1048576"):
            f()
