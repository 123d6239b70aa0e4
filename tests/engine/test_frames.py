"""How many Python functions a call enters: what a small operation costs, the same on every machine.

A call that falls back to a general way enters more, and is found here whatever the load.
"""

import os
import subprocess
import sys

import wengert as torch
from wengert.arrays import random_kernels, small_pools
from wengert.base import warmup
from wengert.kernels.native import Code
from wengert.nn import functional

x = torch.randn(5, 5, requires_grad=True)
y = torch.randn(5, 5, requires_grad=True)
v = torch.randn(5)
z = torch.rand(5, 5)
b = torch.rand(5, 5)
m = b > 0.5
i = torch.tensor([0, 2, 1])
j = torch.zeros(5, 1, dtype=torch.int64)
k = torch.tensor([0, 1, 2, 3, 4])
q = torch.rand(2, 3, 4, requires_grad=True)
r = torch.rand(2, 4, 3, requires_grad=True)
s = torch.rand((), requires_grad=True)
c = torch.rand(1, 3, 8, 8, requires_grad=True)
d = torch.rand(1, 4, 6, 6, requires_grad=True)
w = torch.rand(4, 3, 3, 3, requires_grad=True)
NAMES = {"torch": torch, "F": functional, "x": x, "y": y, "v": v, "z": z, "b": b, "m": m, "i": i}
NAMES |= {"j": j, "k": k, "q": q, "r": r, "s": s, "c": c, "d": d, "w": w}

# Families of calls -> how many functions each may enter: two more than it does, for kernels that
# come and go. A family that falls back to a general way enters many more.
FAMILIES = {
    3: """
        x * y; x + 1; -x; x.exp(); x.neg(); torch.add(x, y); torch.add(x, y, alpha=2); x.div(2.0)
        x.expand(2, 5, 5); x.view(25); x.view(-1, 5); x.reshape(-1); x.reshape((5, 5)); x.flatten()
        x.t(); x.transpose(0, 1); x.permute(1, 0); x.unsqueeze(0); x.squeeze(); x.expand_as(y)
        x.narrow(0, 1, 2); x.diagonal(); torch.maximum(x, y); torch.eq(x, y); x.contiguous()
        x.size(); x.size(0); x.is_contiguous(); torch.zeros(3, 4); torch.ones((3, 4))
        torch.empty(3); torch.arange(5); torch.zeros_like(x); torch.ones_like(x)
        x.new_zeros(3); torch.full((3,), 1.0); torch.eye(3); x.roll(1); x.cumsum(0)
        x - y; x - 1; x == y; x != 0; x < y
    """,
    4: """
        torch.cat([x, y]); torch.cat((x, y, x), -1); torch.stack([x, y]); torch.hstack([x, y])
        torch.vstack([x, y]); x.clone(); x.sum(); x.double(); v.long(); x.to(torch.float64)
        x.select(0, 1); x.split(2); x[0]; x.masked_fill(m, 0.0); torch.where(m, x, y); x.pow(2)
        x @ y; x @ v; torch.bmm(q, r); x.tril(); x.roll(1, 0); x.flip(0)
        z.add_(1); z.mul_(0.9); z.sub_(b); z.neg_(); z.exp_(); z.addcmul_(b, b, value=0.1)
        z.add_(b, alpha=0.1); x.square(); x.amax(1); x.any(1)
    """,
    5: """
        x.lerp(y, 0.3); x.addcdiv(y, y); x * k; k * x; x / k; x < k; x.mul(k)
    """,
    6: """
        torch.linspace(0, 1, 5); torch.linspace(s, 1, 50); torch.linspace(0, 1, 50); x.to("cpu")
        torch.dot(v, v); torch.linalg.norm(x)
        x.sum(1); x.mean(0, keepdim=True); x.std(); x.norm(); x.prod(); x.argmax(1)
        x.gather(1, j); x.index_select(0, i); torch.take_along_dim(x, j, 1)
        x.scatter(1, j, y); x.scatter_add(1, j, y); F.relu(x); F.elu(x); F.gelu(x); F.silu(x)
        z.__setitem__(i, 0.0); z.fill_(0.0); z.zero_(); F.linear(x, y, v); x.round()
        x.topk(2); torch.linalg.cross(r, r, dim=2)
    """,
    7: """
        x[:2]; x[..., None]; x[:, 1]; x[1:3, ::2]; x[0, 1]; torch.fft.fft(x); torch.fft.fftn(x)
        x.chunk(5); x.split(1); x.unbind(0); torch.linalg.vector_norm(x)
    """,
    9: """
        x.max(1); x.sort(); x.sum((0, 1)); x.logsumexp(1); z.__setitem__(0, 1.0); z[0].fill_(1.0)
        x[i]
        torch.tensor([1.0, 2.0]); x.clamp(0, 1); z.clamp_(-1, 1); F.softmax(x, -1)
        F.log_softmax(x, -1); F.leaky_relu(x, 0.1); F.hardtanh(x); F.cross_entropy(x, k)
        F.mse_loss(x, y); F.smooth_l1_loss(x, y); F.layer_norm(x, (5,)); x.movedim(0, 1)
        x.addmm(x, y); torch.baddbmm(s, q, r); F.nll_loss(x, k); torch.linalg.inv(x)
        z.copy_(b); torch.outer(v, v); F.one_hot(k); x.var(0); F.conv2d(c, w); F.conv1d(r, r)
        F.conv_transpose2d(d, w); F.adaptive_avg_pool2d(c, 1); torch.meshgrid(v, v, indexing="ij")
    """,
    14: """
        x[i, i]; torch.cdist(x, y); s.nanmedian(); x.index_put((k,), y)
    """,
    16: """
        torch.linalg.eigvals(x)
        torch.masked.cumsum(x, 0, mask=m); torch.repeat_interleave(x, 2); F.nll_loss(x, k, v)
    """,
    22: """
        torch.nan_to_num(x); torch.linalg.pinv(x); torch.linalg.cond(x); q.kthvalue(2, 1)
        torch.fft.fft2(x, (3, 7))
        torch.masked.norm(x, 2, 0, mask=m); x.unique_consecutive()
    """,
    27: """
        torch.allclose(x, y); torch.trapezoid(x, x); torch.cumulative_trapezoid(x, x)
        torch.bernoulli(b); F.local_response_norm(c, 2); torch.fft.irfft2(x, (3, 4))
    """,
    40: """
        torch.histogram(z, 3, range=(0.0, 1.0))
    """,
}
# the same, where there is a compiler: they run in machine code
COMPILED = {
    7: """
        torch.randn(3, 4); torch.rand(3); torch.randint(0, 5, (3,)); torch.randn_like(x)
        torch.randperm(5); z.uniform_(); z.normal_(); F.max_pool2d(c, 2); F.avg_pool2d(c, 2)
        F.adaptive_max_pool2d(c, 2); F.max_pool1d(q, 2); F.avg_pool1d(q, 2)
    """,
}


def limits(families: dict[int, str]) -> dict[str, int]:
    """How many functions each call may enter."""
    return {
        call.strip(): limit
        for limit, calls in families.items()
        for call in calls.replace("\n", ";").split(";")
        if call.strip()
    }


def entered(expression: str) -> list[str]:
    """The Python functions that an expression enters, once everything is built."""
    code = compile(expression, "<call>", "eval")
    for _ in range(3):
        eval(code, NAMES)
    found: list[str] = []

    def note(frame, event, arg):
        if event == "call" and frame.f_code is not code:
            found.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")

    sys.setprofile(note)
    try:
        eval(code, NAMES)
    finally:
        sys.setprofile(None)
    return [f for f in found if "<listcomp>" not in f]


def test_calls_go_straight():
    """In a process of its own: what other tests switch on makes calls longer. The texts are
    counted, which serve wherever there is no machine code for calls.
    """
    env = {**os.environ, "WENGERT_NATIVE": "0"}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def compiled() -> bool:
    """Have the kernels of small calls made; False where there is no compiler."""
    tables = (small_pools.MAXIMA, small_pools.SUMS, vars(random_kernels))
    codes = [code for table in tables for code in table.values() if isinstance(code, Code)]
    return all([code.compile() is not None for code in codes])


if __name__ == "__main__":
    warmup.used(warmup.ENOUGH)  # operators count no longer
    allowed = limits(FAMILIES) | (limits(COMPILED) if compiled() else {})
    long = {call: entered(call) for call, limit in allowed.items() if len(entered(call)) > limit}
    for call, names in long.items():
        print(call, len(names), "instead of", allowed[call], names)
    sys.exit(1 if long else 0)
