"""What runs on a GPU, and how fast: the check for whoever has one.

    pip install '.[cuda,cudnn]' pytest
    python tools/gpu_check.py [--seconds 600] [--write]

Ops with their gradients, layers, optimizers, GPU kernels, cuDNN and short trainings on `cuda`,
against the CPU; then times against PyTorch, where a PyTorch with CUDA is installed. Prints a
report, and with --write puts it into docs/gpu.md. On a machine without a GPU,
WENGERT_SIMULATE_CUDA=1 tries the check itself. The exit code is 0 if all agrees.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import wengert as torch  # noqa: E402
from wengert.arrays import cuda  # noqa: E402
from wengert.nn import functional as F  # noqa: E402

DEVICE = "cuda:0"
REPORT = ROOT / "docs" / "gpu.md"
MARK = "<!-- report -->"
Case = tuple[str, Callable[[], None]]


def close(got: Any, want: Any, tolerance: float) -> None:
    """AssertionError unless arrays agree, relative to the largest number."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"shape {got.shape}, not {want.shape}"
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want)
        return
    scale = float(np.abs(want[np.isfinite(want)]).max(initial=1.0))
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)


def host(t: Any) -> Any:
    """A tensor's values, after a look at where they are."""
    assert t.device.type == "cuda", f"a result is on {t.device}"
    return t.detach().cpu().numpy()


# ---- conformance


def op_cases(dtype: Any) -> Iterator[Case]:
    """Every op with a sample: values and gradients in one dtype."""
    from ops import samples as every

    tolerance = 1e-9 if dtype == np.float64 else 2e-4

    def cast(a: Any) -> Any:
        return a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a

    for name, (op, ins, static) in every.SAMPLES.items():

        def check(op: Any = op, ins: Any = ins, static: Any = static) -> None:
            if getattr(op, "random", False):
                return
            values = [cast(a) for a in ins]
            chosen = every.differentiable(op, ins)
            results = []
            for where in ("cpu", DEVICE):
                full = [
                    torch.from_numpy(np.array(a)).to(where) if isinstance(a, np.ndarray) else a
                    for a in values
                ]
                leaves = [full[i].requires_grad_() for i in chosen]
                outs = op.entry(*full, **static)
                outs = outs if isinstance(outs, tuple) else (outs,)
                floats = [o for o in outs if o.requires_grad]
                grads = (
                    torch.autograd.grad(
                        floats, leaves, [torch.ones_like(o) for o in floats], allow_unused=True
                    )
                    if floats
                    else ()
                )
                results.append([*outs, *[g for g in grads if g is not None]])
            for a, b in zip(*results, strict=True):
                close(host(b), a.detach().numpy(), tolerance)

        yield f"{name} {np.dtype(dtype).name}", check


def layer_cases() -> Iterator[Case]:
    """Every layer: outputs, gradients, buffers."""
    from nn import cases

    for name, c in zip(cases.NAMES, cases.CASES):
        if c[0] in cases.DRAWS or "Dropout" in c[0] or "RReLU" in c[0]:
            continue

        def check(c: Any = c) -> None:
            found = []
            for where in ("cpu", DEVICE):
                m, inputs = cases.build(torch, c)
                if c[0].startswith("Lazy"):  # parameters are drawn where the first input is
                    m(*inputs)
                m, inputs = m.to(where), [
                    x.detach().to(where).requires_grad_(x.requires_grad)
                    if isinstance(x, torch.Tensor) else x
                    for x in inputs
                ]  # fmt: skip
                outs = cases.flat(m(*inputs), torch)
                floats = [o for o in outs if o.dtype.is_floating_point and o.requires_grad]
                if floats:
                    sum((o * (o.detach() + 1)).sum() for o in floats).backward()
                tensors = [t for t in [*inputs, *m.parameters()] if isinstance(t, torch.Tensor)]
                grads = [t.grad for t in tensors if t.grad is not None]
                found.append([*outs, *grads, *m.buffers()])
            for a, b in zip(*found, strict=True):
                close(host(b), a.detach().numpy(), 1e-8)

        yield name, check


def optimizer_cases() -> Iterator[Case]:
    """Every optimizer: where four steps lead."""
    from optim import trajectories

    for c in trajectories.CASES:

        def check(c: Any = c) -> None:
            ends = []
            for where in ("cpu", DEVICE):
                params = [
                    p.detach().to(where).requires_grad_() for p in trajectories.parameters(torch)
                ]
                optimizer = getattr(torch.optim, c[0])(params, **c[1])

                def closure(params: Any = params, optimizer: Any = optimizer) -> Any:
                    optimizer.zero_grad()
                    loss = sum((p * p / 2 - p.cos()).sum() for p in params)
                    loss.backward()
                    return loss

                for _ in range(4):
                    if c[0] == "LBFGS":
                        optimizer.step(closure)
                    else:
                        closure()
                        optimizer.step()
                ends.append([p.detach().cpu().numpy() for p in params])
            for a, b in zip(*ends, strict=True):
                close(b, a, 1e-8)

        yield trajectories.label(c), check


def kernel_cases() -> Iterator[Case]:
    """The kernels of thread blocks (kernels/gpu_kernels.py), launched as PTX."""
    from wengert.kernels import gpu, gpu_kernels

    if cuda.stand_in() is not None:
        return
    import cupy

    chip = "sm_" + str(cupy.cuda.Device().compute_capability)
    if int(chip[3:]) > 120:
        chip = "sm_120"
    rows = tuple(gpu_kernels.ROWS.values())
    for kernel in [*gpu_kernels.KERNELS.values(), *rows]:

        def check(kernel: Any = kernel, rows: Any = rows) -> None:
            module = cupy.cuda.function.Module()
            module.load(gpu.ptx(kernel, chip).encode())
            f = module.get_function(kernel.name)
            rng = np.random.default_rng(0)
            by_rows = kernel in rows
            n, blocks = (200, 3) if by_rows else (2000, 4)
            size = n * blocks if by_rows else n
            plain: list[Any] = [n]
            for name, kind in kernel.params[1:]:
                if kind == "float":
                    plain.append(np.float32(1e-5))
                else:
                    count = {"stats": 2 * blocks}.get(name, size)
                    plain.append(np.abs(rng.standard_normal(count)).astype(np.float32) + 0.1)
            there = [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in plain]
            args = tuple([np.int64(n), *there[1:]])
            f((blocks,), (kernel.width,), args)
            gpu.OnHost(kernel).run(blocks, *plain)
            for a, b in zip(plain, there):
                if isinstance(a, np.ndarray):
                    close(cupy.asnumpy(b), a, 1e-5)

        yield kernel.name, check


def cudnn_cases() -> Iterator[Case]:
    """Convolution and attention by cuDNN: twice, as only the first result is compared."""
    from wengert.arrays import cudnn_graphs

    if cuda.stand_in() is not None or cudnn_graphs.module() is None:
        return

    def compare(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], dtype: str) -> None:
        kind = getattr(torch, dtype)
        tolerance = {"float16": 1e-2, "bfloat16": 6e-2, "float64": 1e-9}.get(dtype, 1e-4)
        rng = np.random.default_rng(0)
        values = [torch.from_numpy(rng.standard_normal(s)).to(kind) for s in shapes]
        for _ in range(2):
            results = []
            for where in ("cpu", DEVICE):
                leaves = [v.to(where, copy=True).requires_grad_() for v in values]
                out = f(*leaves)
                grads = torch.autograd.grad(out, leaves, torch.ones_like(out))
                results.append([out, *grads])
            for a, b in zip(*results, strict=True):
                close(host(b.double()), a.detach().double().numpy(), tolerance)

    convs: list[tuple[Any, tuple[tuple[int, ...], ...]]] = [
        (lambda x, w: F.conv1d(x, w, padding=1), ((4, 16, 50), (32, 16, 3))),
        (lambda x, w: F.conv2d(x, w, stride=2, padding=1), ((4, 16, 30, 30), (32, 16, 3, 3))),
        (lambda x, w: F.conv2d(x, w, groups=16), ((4, 16, 20, 20), (16, 1, 3, 3))),
        (lambda x, w: F.conv3d(x, w, dilation=2), ((2, 8, 9, 9, 9), (8, 8, 3, 3, 3))),
        (lambda x, w: F.conv_transpose2d(x, w, stride=2), ((4, 16, 9, 9), (16, 8, 3, 3))),
    ]
    for i, (f, shapes) in enumerate(convs):
        for dtype in ("float32", "float64", "float16", "bfloat16"):
            label = f"convolution {i} {dtype}"
            yield label, lambda f=f, shapes=shapes, dtype=dtype: compare(f, shapes, dtype)
    for causal in (False, True):
        for dtype in ("float16", "bfloat16"):
            f = lambda q, k, v, causal=causal: F.scaled_dot_product_attention(
                q, k, v, is_causal=causal
            )
            yield (
                f"attention {dtype}{' causal' * causal}",
                lambda f=f, dtype=dtype: compare(f, ((2, 4, 128, 64),) * 3, dtype),
            )


def training_cases() -> Iterator[Case]:
    """Short trainings: losses on the device are those on the CPU. Compiled ones too, as kernels and
    as CUDA graphs.
    """

    def train(make: Callable[[], Any], shape: tuple[int, ...], mode: str = "") -> None:
        losses = []
        for where in ("cpu", DEVICE):
            torch.manual_seed(0)
            net = make().to(where)
            optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, capturable=bool(mode))
            x, y = torch.randn(*shape), torch.randint(0, 5, (shape[0],))
            x, y = x.to(where), y.to(where)

            def step(net: Any, optimizer: Any, x: Any, y: Any) -> Any:
                optimizer.zero_grad()
                loss = F.cross_entropy(net(x), y)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                return loss.detach()

            taken = partial(step, net, optimizer)
            f = torch.compile(lambda x, y: taken(x, y), mode=mode) if mode else taken  # noqa: B023
            mine = [f(x, y).item() for _ in range(10)]
            losses.append(mine)
        close(losses[1], losses[0], 5e-3)
        if mode:
            report = torch.compiler.report(f)
            if "1 plan" not in report or mode != "default" and "calls by CUDA graph" not in report:
                raise AssertionError(report)

    nn = torch.nn

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x)[0][:, -1])

    yield (
        "MLP",
        lambda: train(
            lambda: nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 5)),
            (32, 20),
        ),
    )
    for mode in ("default", "reduce-overhead"):
        yield (
            f"MLP, torch.compile, {mode}",
            lambda mode=mode: train(
                lambda: nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.Linear(64, 5)),
                (32, 20),
                mode,
            ),
        )
    yield "CNN", lambda: train(
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(8 * 64, 5),
        ),
        (16, 3, 16, 16),
    )  # fmt: skip
    yield "LSTM", lambda: train(Words, (16, 7, 8))
    yield "encoder", lambda: train(
        lambda: nn.Sequential(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), nn.Flatten(),
            nn.Linear(16 * 6, 5),
        ),
        (8, 6, 16),
    )  # fmt: skip


def launched() -> str:
    """Which of the kernels that stand in front of CuPy's calls were used and believed."""
    from wengert.arrays.cuda_launcher import LAUNCHERS

    used = {launcher.name for launcher in LAUNCHERS if launcher.believed}
    refused = {
        launcher.name
        for launcher in LAUNCHERS
        if any(f is None for f in launcher.functions.values())
    }
    return (
        f"- kernels in place of CuPy's calls: {', '.join(sorted(used)) or 'none'} believed; "
        f"{', '.join(sorted(refused)) or 'none'} given up"
    )


# ---- speed


def speeds(until: float) -> list[str]:
    """Rows of a table: milliseconds here and in PyTorch on the same GPU."""
    theirs: Any = None
    with contextlib.suppress(ImportError):
        theirs = importlib.import_module("torch")
    if theirs is None or not theirs.cuda.is_available() or cuda.stand_in() is not None:
        return ["No PyTorch with CUDA beside it: no times were compared."]

    def clock(T: Any, f: Callable[[], Any]) -> float:
        for _ in range(3):
            f()
        T.cuda.synchronize()
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(10):
                f()
            T.cuda.synchronize()
            best = min(best, (time.perf_counter() - start) / 10)
        return best * 1e3

    def step(T: Any, net: Any, shape: tuple[int, ...]) -> Callable[[], None]:
        net = net.to(DEVICE)
        optimizer = T.optim.AdamW(net.parameters())
        x = T.randn(*shape).to(DEVICE)

        def run() -> None:
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()

        return run

    def ways(T: Any) -> dict[str, Callable[[], Any]]:
        a, b = (T.randn(2048, 2048).to(DEVICE) for _ in range(2))
        small = T.randn(64, 64).to(DEVICE)
        images = T.randn(32, 64, 28, 28).to(DEVICE)
        conv = T.nn.Conv2d(64, 64, 3, padding=1).to(DEVICE)
        nn = T.nn
        mlp = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 10))
        block = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
        return {
            "product 2048": lambda: a @ b,
            "x * y + x, 4 Mi": lambda: a * b + a,
            "x * y, 64 x 64": lambda: small * small,
            "softmax 2048 x 2048": lambda: T.softmax(a, 1),
            "layer norm 2048 x 2048": lambda: T.nn.functional.layer_norm(a, (2048,)),
            "sum 4 Mi": lambda: a.sum(),
            "convolution 64, 28 x 28": lambda: conv(images),
            "MLP step, batch 128": step(T, mlp, (128, 784)),
            "encoder layer step, 8 x 128": step(T, block, (8, 128, 256)),
        }

    rows = ["| | wengert, ms | PyTorch, ms | ratio |", "| --- | --- | --- | --- |"]
    mine, other = ways(torch), ways(theirs)
    for name in mine:
        if time.monotonic() > until:
            rows.append(f"| {name} | no time left | | |")
            continue
        try:
            x, y = clock(torch, mine[name]), clock(theirs, other[name])
            rows.append(f"| {name} | {x:.3f} | {y:.3f} | {x / y:.2f} |")
        except Exception as e:
            rows.append(f"| {name} | {type(e).__name__}: {str(e)[:80]} | | |")
    return rows


# ---- the report


def section(name: str, cases: Iterator[Case], until: float, lines: list[str]) -> bool:
    """Run cases; whether all agreed."""
    good, bad, left = 0, [], 0
    for label, check in cases:
        if time.monotonic() > until:
            left += 1
            continue
        try:
            check()
            good += 1
        except Exception as e:
            where = traceback.extract_tb(e.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            text = " ".join(str(e).split())[:110]
            bad.append(f"  - `{label}`: {type(e).__name__} at {place}: {text}")
    late = f", {left} not tried for lack of time" if left else ""
    lines.append(f"- {name}: {good} of {good + len(bad)} agree{late}")
    lines.extend(bad)
    sys.stdout.write(f"{lines[-1 - len(bad)]}\n")
    return not bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--write", action="store_true", help="put the report into docs/gpu.md")
    args = parser.parse_args()
    if importlib.util.find_spec("pytest") is None:  # the samples of ops are a test's
        sys.stderr.write("gpu_check: the samples of ops need pytest: pip install pytest\n")
        return 2
    if not torch.cuda.is_available():
        try:
            torch.ones(1, device="cuda")
        except RuntimeError as e:
            sys.stderr.write(f"gpu_check: {e}\n")
        return 2
    start = time.monotonic()
    name, capability = torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0)
    lines = [f"{datetime.date.today()}, {name}, compute capability {capability}.", ""]
    good = True
    parts: list[tuple[str, Callable[[], Iterator[Case]], float]] = [
        ("trainings", training_cases, 0.15),
        ("GPU kernels", kernel_cases, 0.25),
        ("cuDNN", cudnn_cases, 0.3),
        ("layers", layer_cases, 0.4),
        ("optimizers", optimizer_cases, 0.45),
        ("ops, float32", lambda: op_cases(np.float32), 0.65),
        ("ops, float64", lambda: op_cases(np.float64), 0.85),
    ]
    for title, cases, share in parts:
        good &= section(title, cases(), start + args.seconds * share, lines)
    lines.append(launched())
    lines += ["", *speeds(start + args.seconds * 0.97)]
    lines.append(f"\n{time.monotonic() - start:.0f} s in all.")
    text = "\n".join(lines)
    sys.stdout.write(f"\n{text}\n")
    if args.write:
        before = REPORT.read_text(encoding="utf-8").partition(MARK)[0]
        REPORT.write_text(f"{before}{MARK}\n\n{text}\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
