"""Random trainings, compiled and as they stand: modules of random layers with draws, branches,
views and buffers between them, under a random optimizer, compiled as modules and as whole steps.

Run by `compiled_comparison.py --trainings`. What is left out of the comparison are parameters:
some have gradients that are zero but for rounding, which optimizers make as large as others.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
from compiled_comparison import Tally, difference, read

import wengert as w

OPTIMIZERS = (
    "SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop",
    "ASGD", "Adafactor",
)  # fmt: skip


def layer(rng: Any, shape: tuple[int, ...]) -> Any:
    """A random module for inputs of a shape, without the batch."""
    nn, pick = w.nn, lambda *xs: xs[int(rng.integers(len(xs)))]
    activation = pick(
        nn.ReLU(pick(True, False)), nn.GELU(), nn.Tanh(), nn.SiLU(), nn.Hardswish(), nn.Softplus(),
        nn.LeakyReLU(0.1), nn.ELU(), nn.PReLU(), nn.Sigmoid(), nn.Softmax(-1), nn.Mish(),
    )  # fmt: skip
    dropout = pick(nn.Dropout(0.3), nn.AlphaDropout(0.2))
    if len(shape) == 3:
        c, h, _ = shape
        o = pick(4, 6, 8, 16)
        k, s = pick(1, 3, 5), pick(1, 1, 2)
        made = pick(
            nn.Conv2d(c, o, k, s, k // 2, bias=pick(True, False)),
            nn.ConvTranspose2d(c, o, 3, 1, 1), nn.Conv2d(c, c, 3, 1, 1, groups=c),
            nn.BatchNorm2d(c), nn.GroupNorm(2 - c % 2, c), activation,
            nn.InstanceNorm2d(c, affine=True), nn.Dropout2d(0.2), dropout, nn.Flatten(),
            nn.MaxPool2d(2) if h > 3 else nn.Identity(), nn.AvgPool2d(3, 1, 1), nn.LayerNorm(shape),
            nn.Upsample(scale_factor=2) if h < 9 else nn.AdaptiveAvgPool2d(3),
        )  # fmt: skip
    elif len(shape) == 2:
        n = shape[1]
        made = pick(
            nn.Linear(n, pick(8, 12, 17)), nn.LayerNorm(n), nn.RMSNorm(n), activation, dropout,
            First(pick(nn.LSTM, nn.GRU, nn.RNN)(n, pick(8, 12), batch_first=True)), nn.Flatten(),
            nn.TransformerEncoderLayer(n, 2, 16, pick(0.0, 0.1), batch_first=True)
            if n % 2 == 0 else nn.Identity(), nn.Conv1d(shape[0], shape[0], 3, padding=1),
        )  # fmt: skip
    else:
        (n,) = shape
        made = pick(
            nn.Linear(n, pick(8, 16, 33)), nn.BatchNorm1d(n), nn.LayerNorm(n), activation, dropout,
            nn.Unflatten(1, (2, n // 2)) if n % 2 == 0 else nn.Identity(),
            nn.Bilinear(n, n, 7) if n < 20 else nn.Identity(),
        )  # fmt: skip
    return made


class First(w.nn.Module):
    """The first of what a module gives."""

    def __init__(self, m: Any) -> None:
        super().__init__()
        self.m = m

    def forward(self, x: Any) -> Any:
        return self.m(x)[0]


class Net(w.nn.Module):
    """Random layers with what scripts write between them: residuals, noise, branches, views."""

    def __init__(self, rng: Any, start: tuple[int, ...]) -> None:
        super().__init__()
        self.layers, self.ways = w.nn.ModuleList(), []
        self.register_buffer("mean", w.zeros(()))
        x = w.zeros(3, *start) if start else w.zeros(3, 6, dtype=w.long)
        if not start:
            self.layers.append(w.nn.Embedding(11, 8))
            self.ways.append(0)
            x = self.layers[0](x)
        for _ in range(int(rng.integers(2, 8))):
            m = layer(rng, tuple(x.shape[1:]))
            self.layers.append(m)
            self.ways.append(int(rng.integers(0, 14)))
            with w.no_grad():
                x = self.step(m, self.ways[-1], x)
        self.layers.append(w.nn.Linear(x[0].numel(), 5))
        self.ways.append(0)

    def step(self, m: Any, way: int, x: Any) -> Any:
        y = m(x, x) if type(m) is w.nn.Bilinear else m(x)
        if way == 1 and y.shape == x.shape:
            y = y + x
        elif way == 2:
            y = y + 0.1 * w.randn_like(y)
        elif way == 3 and self.training:
            y = y * (w.rand(y.shape) > 0.2)
        elif way == 4 and y.shape[0] > 2:  # a branch on a size
            y = w.cat([y[:1] * 2, y[1:]])
        elif way == 5:
            y = y.clone()
            y[..., 0] = y[..., -1].detach() * 0.5
        elif way == 6:
            self.mean.mul_(0.9).add_(y.detach().mean(), alpha=0.1)
            y = y - self.mean
        elif way == 7:
            y = y.flip(-1).transpose(0, -1).contiguous().transpose(0, -1)
        elif way == 8:
            a, b = y.chunk(2, -1) if y.shape[-1] % 2 == 0 else (y, y)
            y = w.cat([a.sigmoid() * b, b], -1)
        elif way == 9:
            y = w.where(y > 0, y, y.exp() - 1)
        elif way == 10:
            y = w.utils.checkpoint.checkpoint(w.tanh, y, use_reentrant=False)
        return y

    def forward(self, x: Any) -> Any:

        for m, way in zip(self.layers[:-1], self.ways):
            x = self.step(m, way, x)
        return self.layers[-1](x.flatten(1))


def training(seed: int, tally: Tally) -> None:
    """Compare one random training, compiled as a whole and module by module, with eager's."""

    def run(how: str) -> list[Any]:
        rng = np.random.default_rng(seed)
        w.manual_seed(seed)
        start = [(3, 8, 8), (5, 8), (16,), (), (4, 5, 5)][int(rng.integers(5))]
        net = Net(rng, start)
        name = OPTIMIZERS[int(rng.integers(len(OPTIMIZERS)))]
        more = (
            {"SGD": dict(momentum=0.9, nesterov=True)}.get(name, {}) if rng.random() < 0.5 else {}
        )
        if name in ("Adam", "AdamW") and rng.random() < 0.4:
            more = dict(amsgrad=True)
        opt = getattr(w.optim, name)(net.parameters(), lr=1e-3, **more)
        plan = w.optim.lr_scheduler.StepLR(opt, 2, 0.5)
        clip, several, loss_kind = rng.random() < 0.5, int(rng.integers(1, 3)), int(rng.integers(4))
        last, modes = int(rng.integers(1, 4)), rng.random() < 0.3

        def loss_of(out: Any, y: Any) -> Any:
            F = w.nn.functional
            if loss_kind == 0:
                return F.cross_entropy(out, y)
            if loss_kind == 1:
                return F.mse_loss(out.softmax(-1), F.one_hot(y, 5).to(out.dtype))
            if loss_kind == 2:
                return F.nll_loss(out.log_softmax(-1), y, reduction="sum") / len(y)
            return F.binary_cross_entropy_with_logits(out, F.one_hot(y, 5).to(out.dtype))

        f = w.compile(net) if how == "module" else net

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            total = 0
            for _ in range(several):
                loss = loss_of(f(x), y)
                loss.backward()
                total = total + loss.detach()
            if clip:
                w.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            return total

        g = w.compile(step) if how == "step" else step
        found = []
        for i in range(7):
            n = last + 1 if i == 4 else 4
            x = w.tensor(rng.standard_normal((n, *start)), dtype=w.float32)
            x = x if start else w.tensor(rng.integers(0, 11, (n, 6)))
            y = w.tensor(rng.integers(0, 5, n))
            net.train(not (modes and i == 5))
            found.append(g(x, y).detach())
            plan.step()
        found.append(w.rand(2))
        if how != "eager":
            calls = g.calls if how == "step" else f._calls.__dict__.get("calls")
            if calls is not None and calls.counts["compiled"]:
                tally.compiled += 1
            elif calls is not None:
                tally.reasons[calls.given_up.split("\n")[0][:90] or "not kept"] += 1
        return read(found)

    try:
        want = run("eager")
    except (RuntimeError, ValueError) as e:  # shapes that do not fit
        tally.reasons[f"no training: {str(e)[:60]}"] += 1
        return
    if not all(np.isfinite(a[0]).all() for a in want):
        return
    for how in ("module", "step"):
        try:
            bad = difference(want, run(how), 100)
        except Exception as e:
            line = traceback.extract_tb(e.__traceback__)[-1]
            bad = f"{type(e).__name__}: {str(e)[:150]} ({Path(line.filename).name}:{line.lineno})"
        if bad:
            tally.bad.append(f"training {seed} {how}: {bad}")
