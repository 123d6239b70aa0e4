"""What a call costs: the calls that scripts make all the time, on a few elements, beside PyTorch.

`python benchmarks/calls.py` times each in alternating rounds of one process, on tensors that
require gradients where that differs. Below 1 wengert is faster. `--only cat stack` takes the calls
that contain one of the words; `--frames` counts Python functions entered instead, which is the same
on every machine, busy or not.
"""

from __future__ import annotations

import importlib
import math
import statistics
import sys
from collections.abc import Callable
from typing import Any

import rounds

# x y: (6, 4) recorded; u w: the same, not recorded; v: (4,) recorded; m: a mask; i j: indices
CALLS = """
x + y; x - y; x * y; x / y; x + 1; 2 * x; x ** 2; -x; x > 0; x == y; x @ y.T; x @ v; x.exp()
x.log1p(); x.sqrt(); x.tanh(); x.sigmoid(); x.abs(); x.round(); x.clamp(0, 1); x.clamp(min=0)
T.maximum(x, y); T.where(m, x, y); x.masked_fill(m, 0.0); T.add(x, y, alpha=2); x.pow(y)
T.lerp(x, y, 0.3); x.sum(); x.sum(1); x.sum((0, 1)); x.mean(); x.mean(0, keepdim=True); x.std()
x.var(0); x.prod(); x.norm(); x.max(); x.max(1); x.amax(1); x.argmax(1); m.any(); m.all(0)
x.cumsum(0); x.sort(); x.topk(2); x.logsumexp(1); x[0]; x[-1]; x[:2]; x[:, 1]; x[1, 2]
x[..., None]; x[1:3, ::2]; x[i]; x[i, i]; x[m]; x.gather(1, j); x.index_select(0, i)
T.take_along_dim(x, j, 1); x.scatter(1, j, y); x.narrow(0, 1, 2); x.t(); x.T; x.view(24)
x.view(-1, 6); x.reshape(2, 12); x.reshape(-1); x.flatten(); x.transpose(0, 1); x.permute(1, 0)
x.unsqueeze(0); x.squeeze(); x.expand(2, 6, 4); x.expand_as(y); x.movedim(0, 1); x.diagonal()
x.split(2); x.chunk(3); x.unbind(0); x.repeat(2, 1); x.roll(1, 0); x.flip(0); T.tril(x)
x.clone(); x.detach(); T.cat([x, y]); T.cat([x, y], 1); T.stack([x, y]); T.hstack([x, y])
T.vstack([x, y]); T.meshgrid(v, v, indexing="ij"); T.zeros(3, 4); T.ones(3, 4); T.empty(2)
T.zeros(3, dtype=T.int64); T.full((3,), 0.5); T.arange(5); T.eye(3); T.zeros_like(x)
T.ones_like(x); x.new_zeros(3); T.linspace(0, 1, 5); T.tensor([1.0, 2.0])
T.tensor([[1, 2], [3, 4]]); T.rand(3); T.randn(3, 4); T.randn_like(x); T.randint(0, 5, (3,))
T.randperm(5); x.float(); x.double(); x.long(); x.to(T.float64); x.cpu(); x.tolist()
v[0].item(); x.detach().numpy(); x.size(0); x.size(); x.shape; x.dim(); x.numel(); len(x)
x.dtype; x.device; x.requires_grad; u.add_(1); u.mul_(0.5); u.add_(w, alpha=0.1); u.sub_(w)
u.zero_(); u.fill_(0.5); u.copy_(w); u.clamp_(-1, 1); u.addcmul_(w, w, value=0.1); u[0].fill_(1)
u.__setitem__(0, 1.0); u.__setitem__(i, 0.0); u.uniform_(); u.normal_(); F.linear(x, y, v6)
F.relu(x); F.gelu(x); F.leaky_relu(x, 0.1); F.elu(x); F.silu(x); F.softplus(x); F.hardtanh(x)
F.softmax(x, -1); F.log_softmax(x, -1); F.dropout(x, 0.5); F.layer_norm(x, (4,)); F.normalize(x)
F.embedding(i, x); F.cross_entropy(x, k); F.nll_loss(x, k); F.mse_loss(x, y); F.l1_loss(x, y)
F.smooth_l1_loss(x, y); F.one_hot(k); F.binary_cross_entropy_with_logits(x, b)
F.cosine_similarity(x, y); T.cdist(x, y); T.dot(v, v); T.outer(v, v); F.conv2d(c, f)
F.max_pool2d(c, 2); F.avg_pool2d(c, 2); F.adaptive_avg_pool2d(c, 1)
F.interpolate(c, scale_factor=2); F.pad(x, (1, 1)); F.scaled_dot_product_attention(q, q, q)
T.bmm(q, q.mT); T.einsum("ij,kj->ik", x, y); layer(x); net(x); net.zero_grad()
list(net.parameters()); net.state_dict()
"""


def names(torch: Any) -> dict[str, Any]:
    """What the calls use, with the same values in both libraries."""
    functional = importlib.import_module(f"{torch.__name__}.nn.functional")
    torch.manual_seed(0)

    def made(*shape: int, recorded: bool = True) -> Any:
        return torch.rand(*shape, requires_grad=recorded)

    x, u, b = made(6, 4), made(6, 4, recorded=False), made(6, 4, recorded=False)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    return {
        "T": torch, "F": functional, "x": x, "y": made(6, 4), "v": made(4), "v6": made(6), "u": u,
        "w": b.clone(), "b": b, "m": u > 0.5, "i": torch.tensor([0, 2, 1]),
        "j": torch.tensor([[0], [1], [2], [3], [0], [1]]), "k": torch.tensor([0, 1, 2, 3, 0, 1]),
        "c": made(1, 3, 8, 8), "f": made(4, 3, 3, 3), "q": made(2, 4, 8),
        "net": net, "layer": net[0],
    }  # fmt: skip


def entered(call: Callable[[], object]) -> int:
    """The Python functions that a call enters once everything is built."""
    count = -1

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    for _ in range(3):
        call()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def main() -> None:
    args = rounds.options(__doc__, "only", rounds=6, seconds=0.004, frames=False)
    found = rounds.libraries(args)
    scopes = {name: names(torch) for name, torch in found.items()}
    ratios = {}
    for text in [t.strip() for t in CALLS.replace("\n", ";").split(";") if t.strip()]:
        if args.only and not any(word in text for word in args.only):
            continue
        steps = {name: eval(f"lambda: {text}", scope) for name, scope in scopes.items()}
        if args.frames:
            print(f"{entered(steps['wengert']):4} {text}")
            continue
        times = rounds.race(steps, args)
        rounds.show(text, times)
        if "torch" in times:
            ratios[text] = min(times["wengert"]) / min(times["torch"])
    summary("calls", ratios)


def summary(what: str, ratios: dict[str, float]) -> None:
    """The geometric mean of ratios, how many are above 1, 2 and 5, and the ten worst."""
    if not ratios:
        return
    values = list(ratios.values())
    mean = math.exp(statistics.fmean(map(math.log, values)))
    above = ", ".join(f"{sum(v > n for v in values)} above {n}" for n in (1, 2, 5))
    print(f"\n{len(values)} {what}: geometric mean {mean:.2f} of PyTorch's time, {above}")
    for text in sorted(ratios, key=lambda t: -ratios[t])[:10]:
        print(f"{ratios[text]:8.2f} {text}")


if __name__ == "__main__":
    main()
