"""Calls of all families that machine code serves, and operands for them."""

import sys

import numpy as np

import wengert as torch
from wengert.nn import functional

POINTWISE = [
    "x + y", "x - y", "x * y", "x / y", "x * 2.5", "2 * x", "1 - x", "x - 1", "3 + x", "x / 4",
    "x + b", "b * x", "x ** 2", "x ** 2.0", "-x", "x > y", "x <= 0.5", "x == y", "x != 2", "0 < x",
    "x.exp()", "x.tanh()", "torch.sin(x)", "x.sqrt()", "x.neg()", "torch.maximum(x, y)", "x.mul(y)",
    "torch.add(x, b)", "x.div(3.0)", "x.double() * y.double()", "i * 3", "i + i", "x.t() * y",
    "c * d", "e + e", "s * x",
]  # fmt: skip
OTHERS = [
    "x.sum()", "x.sum(1)", "x.sum(-1, True)", "x.mean()", "x.mean(0)", "x.amax(1)", "x @ y",
    "functional.linear(x, y, b)", "functional.relu(x)", "functional.softmax(x, -1)", "x.sigmoid()",
    "x.cumsum(0)", "x.clone()", "x @ b", "x.t() @ y", "x[:, :3] @ y[:3]", "functional.linear(x, y)",
    "functional.linear(x.t(), y[:3], b[:3])", "c.mean()", "x.t().sum()", "x.double().mean()",
    "functional.linear(c, torch.ones(2, 3))", "torch.where(x > 0.5, x, y)", "x.pow(3)",
    "x.clamp(0.2, 0.8)", "x.mean(0, True)", "x.sum((0, -1))", "x.prod(-1)", "x.any(0)",
    "(x > 0.5).all()", "x.var(0)", "x.norm()", "torch.baddbmm(c, c, torch.ones(4, 3, 3))",
    "x.argmax(1)", "x.flip(0)", "x.flip([0, -1])", "torch.linalg.norm(x)",
    "functional.layer_norm(x, (5,))", "x.amax((0, 1), True)",
]  # fmt: skip
REDUCTIONS = [
    "x.amax(0)", "x.amin(1, True)", "x.max()", "x.min()", "i.amax(0)", "c.amax(2)", "c.amin(1)",
    "c.argmin(0, True)", "x.argmax()", "x.double().argmin(0)", "c.any()", "i.all(1)",
    "x.double().amax(1)", "(x > 2).any(1, True)", "x.double().cumsum(1)", "c.cumsum(0)",
    "x.double().sum(0)", "x.double().mean(1, True)", "d.sum(0)", "d.mean(-1)", "c.max(0)",
    "c.min(2, True)", "x.t().amax(1)", "x.max(0, True)", "d.amax(1)", "b.argmax()", "b.max(0)",
]  # fmt: skip
LOOKUPS = [
    "x.gather(1, jj)", "x.gather(0, jj)", "x.index_select(0, j)", "x.index_select(1, j)",
    "torch.where(x > y, x, y)", "x.masked_fill(x > 0.5, 0.0)", "functional.embedding(jj, x)",
    "i.gather(1, jj)", "x.where(x > y, y)", "torch.bmm(c, c.transpose(1, 2))",
    "torch.matmul(c, c.mT)", "x.mv(b)", "x.add(y, alpha=0.5)", "x.sub(y, alpha=2)",
    "x.addcmul(y, y, value=0.5)", "x.double().add(y.double(), alpha=0.3)",
    "torch.where(x > y, x.double(), y.double())", "x[jj, jj]",
]  # fmt: skip
SEVERAL = [  # results
    "x.max(1)", "x.min(-1, True)", "x.topk(2)", "x.sort()", "x.t().max(0)", "x.double().max(1)",
    "torch.var_mean(x, 0)", "x.kthvalue(2)", "x.cummax(0)", "x.unbind(0)", "x.chunk(3, 1)",
    "x.split(2)", "x.split([1, 4], 1)", "x.t().unbind(1)", "i.unbind()", "x.view(25).chunk(5)",
]  # fmt: skip
JOINS = [
    "torch.cat([x, y])", "torch.cat((x, y, x), -1)", "torch.cat([x, b.expand(1, 5)], dim=0)",
    "torch.stack([x, y])", "torch.stack((b, b, b), 1)", "torch.hstack([b, b])", "torch.cat([x])",
    "torch.vstack([x, y])", "torch.cat([x.t(), y])", "torch.stack([s, s])", "torch.cat([e, x])",
    "torch.stack([x > y, y > x])", "torch.cat([i, i], 1)", "torch.cat([x, x.detach()])",
]  # fmt: skip
VIEWS = [
    "x.t()", "x.T", "b.t()", "x.transpose(0, -1)", "x.permute(1, 0)", "x.unsqueeze(0)",
    "c.unsqueeze(-1)", "x[0]", "x[-1]", "b[2]", "x.view(25)", "x.view(-1, 5)", "x.view((1, 25, 1))",
    "s.view(1)", "x.reshape(-1)", "x.t().reshape(25)", "b.expand(5, 5)", "d.expand(3, 2, 7)",
    "s.expand(2, 2)", "x.flatten()", "x.squeeze()", "x.t().t()", "x[1][2]", "x.t()[3].view(5, 1)",
    "x.detach().t()", "i.t()", "(z > 0.5)[0]", "e.t()", "e.view(5, 0)", "x.view(5, 5)",
]  # fmt: skip
WRITES = [  # that change nothing when they come again
    "z.add_(0)", "z.mul_(1.0)", "z.sub_(n)", "z.div_(1)", "z.add_(n[0])", "z[0].mul_(1)",
    "z.abs_()", "z.view(25).add_(0)", "i.mul_(1)", "i.add_(0)", "z.add_(z - z)",
    "z.detach().mul_(1)", "z.add_(n, alpha=0.5)", "z.sub_(n[0], alpha=2)", "z.clamp_(-9, 9)",
    "z.addcmul_(n, z, value=0.5)", "z[1].addcdiv_(n[0], z[0])", "z.clamp_(min=0)", "z.t().relu_()",
    "z.lerp_(z, 0.5)", "n.zero_()", "n.fill_(0)", "z.copy_(z.clone())", "n[1].fill_(0.0)",
    "n.detach().zero_()", "i.clone().fill_(3)", "z.clone().fill_(2.5)", "z.clone().zero_()",
    "(z > 0).zero_()", "n.t()[0].zero_()",
]  # fmt: skip
INDICES = [
    "x[:2]", "x[1:3, ::2]", "x[:, 1]", "x[0, 1]", "x[..., None]", "x[None]", "x[:]", "x[...]",
    "x[-1, ..., 0]", "x[3:1]", "x[:, 9:]", "c[0, :, 1]", "c[..., -1]", "x[k]", "x[k, k]", "x[kk]",
    "x[:2][0]", "x.t()[1:, 2]", "x[-3:-1]", "i[k]", "c[k]", "c[k, k - k]", "x[1:][k - k]",
    "e[:, 1]", "x[:][1]", "b[k]", "i[:2]", "(x > 0.5)[1:]", "x[0:5:5]", "s[None]", "s[...]",
    "x[:, None, 0]",
]  # fmt: skip
NEW = [
    "torch.zeros(3, 4)", "torch.ones(3, 4)", "torch.empty(0, 3)", "torch.zeros((2, 3))",
    "torch.ones([2])", "torch.zeros(2, dtype=torch.int64)", "torch.ones(2, dtype=torch.bool)",
    "torch.zeros_like(x)", "torch.ones_like(x)", "x.new_zeros(3)", "x.new_ones((2, 2))",
    "torch.full((3,), 1.5)", "torch.full((2, 2), 7)", "torch.arange(5)", "torch.arange(2, 7)",
    "torch.zeros(x.shape)", "torch.ones_like(i)", "torch.zeros(3, dtype=torch.complex64)",
]  # fmt: skip
BODIES = [  # that are done again as programs
    "torch.kron(x, y)", "torch.hsplit(x, 5)", "torch.fliplr(x)", "torch.inner(x, y)",
    "functional.l1_loss(x, y)", "torch.diag_embed(b)", "torch.meshgrid(b, b, indexing='ij')",
]  # fmt: skip
IN_PYTHON = {  # of all these, what texts and bodies do themselves
    "functional.layer_norm(x, (5,))", "torch.var_mean(x, 0)", "x.kthvalue(2)", "z.abs_()",
    "z.lerp_(z, 0.5)", "z.t().relu_()", "z[1].addcdiv_(n[0], z[0])",
}  # fmt: skip
FAMILIES = (
    POINTWISE
    + OTHERS
    + REDUCTIONS
    + LOOKUPS
    + SEVERAL
    + JOINS
    + VIEWS
    + WRITES
    + INDICES
    + NEW
    + BODIES
)
PASSES = [
    "(x * y).sum().backward()", "(x / y * 2.5 - b).tanh().mean().backward()",
    "(functional.linear(x, y, b).relu() ** 2).sum().backward()", "(x * x * x).sum().backward()",
    "torch.cat([x, y * x]).sum().backward()", "(x.max(1).values * b).sum().backward()",
    "torch.stack([x[0], b * 2]).mean().backward()",
    "sum(x.sort(1).values.unbind(1)).sum().backward()",
    "torch.autograd.grad([x * y, x.exp()], [x, y, b], [n, n], allow_unused=True)",
    "torch.autograd.grad((x.sigmoid() * b).sum(), [x])",
]  # fmt: skip


def arrays(result):
    """The arrays of a call's result, or results."""
    return [t._a for t in (result if isinstance(result, tuple) else (result,))]


def operands(recorded: bool, seed: int = 0) -> dict:
    """Names for the calls."""
    r = np.random.default_rng(seed)

    def make(*shape):
        return torch.tensor(r.random(shape, "float32"), requires_grad=recorded)

    return {
        "torch": torch,
        "functional": functional,
        "x": make(5, 5),
        "y": make(5, 5),
        "b": make(5),
        "c": make(4, 1, 3),
        "d": make(2, 1),
        "e": make(0, 5),
        "s": make(),
        "z": torch.tensor(r.random((5, 5), "float32")),
        "n": torch.zeros(5, 5),
        "i": torch.tensor(r.integers(-9, 9, (3, 4))),
        "k": torch.tensor([0, 2, -1]),
        "j": torch.tensor([0, 2, 1]),
        "jj": torch.tensor([[0, 2], [1, 1]]),
        "kk": torch.tensor([[0, 2], [-1, 1]]),
    }


def entered(call):
    """How many Python functions a call enters."""
    count = -1

    def seen(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count
