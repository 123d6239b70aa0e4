"""Kernels for GPUs: the threads' program, run here block by block in both orders, against NumPy and
the ops; the same text as PTX, assembled where there is an assembler.
"""

import re
import shutil
import subprocess

import numpy as np
import pytest

import wengert as torch
from wengert.kernels import compiler, gpu, gpu_kernels, gpu_norms, gpu_pools, gpu_random
from wengert.nn import functional as F

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="no compiler for this machine")
ROWS = {**gpu_kernels.ROWS, **gpu_norms.ROWS}
COLUMNS = {**gpu_norms.COLUMNS, **gpu_pools.POOLS}
RANDOM = {k.name: k for k in (gpu_random.uniform, gpu_random.bernoulli, gpu_random.dropout)}
EVERY = {**gpu_kernels.KERNELS, **ROWS, **COLUMNS, **RANDOM}
PER_BLOCK = gpu_kernels.EACH * gpu_kernels.WIDTH


def guarded(shape, fill=np.nan):
    """An array within a larger one, whose ends nobody may touch."""
    size = int(np.prod(shape))
    whole = np.full(size + 64, 7.5, np.float32)
    whole[32 : 32 + size] = fill
    return whole, whole[32 : 32 + size].reshape(shape)


def untouched(whole):
    return (whole[:32] == 7.5).all() and (whole[-32:] == 7.5).all()


def launched(kernel, blocks, *args, outputs):
    """The outputs, the same in both orders of the threads; guards are whole."""
    code, found = gpu.OnHost(kernel), []
    for backwards in (False, True):
        pairs = [guarded(s, f) for s, f in outputs]
        code.run(blocks, *args, *[a for _, a in pairs], backwards=backwards)
        assert all(untouched(w) for w, _ in pairs)
        found.append([a for _, a in pairs])
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)
    return found[0]


def op(name, *xs):
    """What an op, or its gradient, gives in double precision."""
    ts = [torch.from_numpy(x.astype(np.float64)) for x in xs]
    if not name.endswith("_backward"):
        found = {"gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}.get(name) or getattr(
            torch, name, None
        ) or getattr(F, name)  # fmt: skip
        return found(*ts).numpy()
    base = name.removesuffix("_backward")
    if base in ("tanh", "sigmoid", "relu"):  # the second array is the result
        x = ts[1]
        slope = {"tanh": 1 - x * x, "sigmoid": x * (1 - x), "relu": (x > 0).double()}[base]
        return (ts[0] * slope).numpy()
    x = ts[1].requires_grad_()
    f = (lambda x: F.gelu(x, approximate="tanh")) if base == "gelu_tanh" else getattr(F, base)
    return torch.autograd.grad(f(x), x, ts[0])[0].numpy()


@pytest.mark.parametrize("name", f"{gpu_kernels.UNARY} {gpu_kernels.BINARY}".split())
def test_formulas(name):
    n = PER_BLOCK + 77  # a whole block, and a part
    rng = np.random.default_rng(0)
    xs = [
        rng.standard_normal(n).astype(np.float32) * 3
        for _ in range(1 + (name in gpu_kernels.BINARY.split()))
    ]
    if name in ("log", "rsqrt"):
        xs = [np.abs(x) + 0.01 for x in xs]
    (got,) = launched(EVERY[name], 2, n, *xs, outputs=[(n, np.nan)])
    np.testing.assert_allclose(got, op(name, *xs), rtol=3e-6, atol=1e-6)


def test_chains():
    rng = np.random.default_rng(1)
    n = 2 * PER_BLOCK + 1
    x, w, b, m = rng.standard_normal((4, n)).astype(np.float32)
    (got,) = launched(EVERY["scaled_relu"], 3, n, x, w, b, outputs=[(n, np.nan)])
    np.testing.assert_allclose(got, np.maximum(x * w + b, 0), rtol=1e-5, atol=1e-6)
    (got,) = launched(EVERY["gated"], 3, n, x, w, outputs=[(n, np.nan)])
    np.testing.assert_allclose(got, x / (1 + np.exp(-w)) * 0.5 + 1, rtol=1e-5, atol=1e-6)
    v = b * b
    p, m2, v2 = launched(EVERY["adam"], 3, n, x, w, m, v, outputs=[(n, np.nan)] * 3)
    np.testing.assert_allclose(m2, 0.9 * m + 0.1 * w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(v2, 0.999 * v + 0.001 * w * w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(p, x - 0.001 * m2 / (np.sqrt(v2) + 1e-8), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [1, 31, 128, 300])
def test_rows(columns):
    rng = np.random.default_rng(2)
    shape = (3, columns)
    x, g = rng.standard_normal((2, *shape)).astype(np.float32) * 4
    w, b = rng.standard_normal((2, columns)).astype(np.float32)
    (y,) = launched(ROWS["softmax"], 3, columns, x, outputs=[(shape, np.nan)])
    e = np.exp(x.astype("f8") - x.max(1, keepdims=True))
    want = e / e.sum(1, keepdims=True)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-7)
    (d,) = launched(ROWS["softmax_backward"], 3, columns, g, y, outputs=[(shape, np.nan)])
    np.testing.assert_allclose(
        d, (g - (g * want).sum(1, keepdims=True)) * want, rtol=1e-4, atol=1e-5
    )
    (y,) = launched(ROWS["log_softmax"], 3, columns, x, outputs=[(shape, np.nan)])
    np.testing.assert_allclose(y, np.log(want), rtol=1e-5, atol=1e-5)
    (d,) = launched(ROWS["log_softmax_backward"], 3, columns, g, y, outputs=[(shape, np.nan)])
    np.testing.assert_allclose(d, g - want * g.sum(1, keepdims=True), rtol=1e-4, atol=1e-5)
    outputs = [(s, np.nan) for s in (shape, (3,), (3,))]
    y, *stats = launched(ROWS["layer_norm"], 3, columns, 1e-5, x, w, b, outputs=outputs)
    t = torch.from_numpy(x.astype("f8")).requires_grad_()
    out = F.layer_norm(t, (columns,), *(torch.from_numpy(a.astype("f8")) for a in (w, b)))
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-4, atol=2e-4)
    (d,) = launched(
        ROWS["layer_norm_backward"], 3, columns, g, x, w, *stats, outputs=[(shape, np.nan)]
    )
    (want,) = torch.autograd.grad(out, t, torch.from_numpy(g.astype("f8")))
    scale = max(1, np.abs(want.numpy()).max())
    np.testing.assert_allclose(d, want.numpy(), rtol=1e-3, atol=2e-3 * scale)


def test_not_a_number_spreads():
    x = np.array([[1.0, np.nan, 2.0], [0.0, 1.0, 2.0]], np.float32)
    (y,) = launched(ROWS["softmax"], 2, 3, x, outputs=[((2, 3), 0.0)])
    assert np.isnan(y[0]).all() and not np.isnan(y[1]).any()


def test_masked_elements_have_no_share_at_all():
    x = np.array([[1.0, -np.inf, 2.0], [-200.0, 1.0, -np.inf]], np.float32)
    (y,) = launched(ROWS["softmax"], 2, 3, x, outputs=[((2, 3), np.nan)])
    assert y[0, 1] == y[1, 2] == y[1, 0] == 0 and y[1, 1] == 1


@pytest.mark.parametrize("name", ROWS)
def test_a_missing_barrier_is_noticed(name, monkeypatch):
    """Without one of its barriers a row kernel gives something else, in one order or the other."""
    rng = np.random.default_rng(3)
    n = 200
    a, b = rng.standard_normal((2, 2, n)).astype(np.float32)
    w = rng.standard_normal(n).astype(np.float32)
    args = {
        "softmax": (n, a), "softmax_backward": (n, a, b), "log_softmax": (n, a),
        "log_softmax_backward": (n, a, b), "layer_norm": (n, 1e-5, a, w, w),
        "layer_norm_backward": (n, a, b, w, w, w), "group_norm": (n, 20, 1, 1e-5, a, w, w),
        "group_norm_backward": (n, 20, 1, a, b, w, w, w), "plane_sums": (n, 1, 2, a, b, w, w),
        "plane_moments": (n, a), "rms_norm": (n, 1e-5, a, w),
        "rms_norm_backward": (n, a, b, w, w),
    }[name]  # fmt: skip
    outputs = [((2, n), np.nan)] * (not name.startswith("plane"))
    outputs += [((2,), np.nan)] * {
        "layer_norm": 2, "rms_norm": 1, "group_norm": 2, "plane_sums": 2, "plane_moments": 3,
    }.get(name, 0)  # fmt: skip
    want = launched(ROWS[name], 2, *args, outputs=outputs)
    barriers, seen = [0], []
    whole = gpu.Threads.barrier

    def count(self):
        barriers[0] += 1
        whole(self)

    monkeypatch.setattr(gpu.Threads, "barrier", count)
    gpu.written(ROWS[name], compiler.target())
    total = barriers[0]
    assert total
    for left_out in range(1, total + 1):
        barriers[0] = 0

        def but_one(self, left_out=left_out):
            barriers[0] += 1
            if barriers[0] != left_out:
                whole(self)

        monkeypatch.setattr(gpu.Threads, "barrier", but_one)
        code = gpu.OnHost(ROWS[name])
        for backwards in (False, True):
            out = [guarded(s, f)[1] for s, f in outputs]
            code.run(2, *args, *out, backwards=backwards)
            if not all(np.array_equal(x, y) for x, y in zip(out, want)):
                seen.append(left_out)
    assert sorted(set(seen)) == list(range(1, total + 1))


def test_a_barrier_for_some_only_is_an_error():
    def body(f, out):
        f.when(f.thread < 3, f.barrier)
        out.store(f.constant(1.0, "float"), f.thread)

    kernel = gpu.Kernel("some", [("out", "float*")], 32, body)
    with pytest.raises(RuntimeError, match="3 of 32 threads of block 0 wait at barrier 1"):
        gpu.OnHost(kernel).run(1, np.zeros(32, np.float32))


@pytest.mark.parametrize("chip", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_ptx(chip, tmp_path):
    names = EVERY if chip == "sm_80" else ["gelu_backward", "adam", *ROWS, *COLUMNS]
    assembler = shutil.which("ptxas")
    for name in names:
        text = gpu.ptx(EVERY[name], chip)
        assert f".target {chip}" in text and f".entry {name}(" in text
        assert "call" not in text.replace(".callseq", ""), name  # nothing is left to a library
        if name in ROWS:
            assert "bar.sync" in text and "shfl.sync.bfly" in text and ".shared" in text
        else:
            assert "ld.global" in text or "ld.param" in text
        if assembler:
            file = tmp_path / "kernel.ptx"
            file.write_text(text)
            done = subprocess.run(
                [assembler, "-v", f"-arch={chip}", str(file), "-o", str(tmp_path / "kernel.cubin")],
                capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert all(s == "0" for s in re.findall(r"(\d+) bytes spill", done.stderr)), name
