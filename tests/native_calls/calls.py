"""Calls of all families that machine code serves, and operands for them."""

import numpy as np

import wengert as torch
from wengert.nn import functional

POINTWISE = [
    "x + y", "x - y", "x * y", "x / y", "x * 2.5", "2 * x", "1 - x", "x - 1", "3 + x", "x / 4",
    "x + b", "b * x", "x ** 2", "x ** 2.0", "-x", "x > y", "x <= 0.5", "x == y", "x != 2", "0 < x",
    "x.exp()", "x.tanh()", "torch.sin(x)", "x.sqrt()", "x.neg()", "torch.maximum(x, y)",
    "x.mul(y)", "torch.add(x, b)", "x.div(3.0)", "x.double() * y.double()", "i * 3", "i + i",
    "x.t() * y", "c * d", "e + e", "s * x",
]  # fmt: skip
OTHERS = [
    "x.sum()", "x.sum(1)", "x.sum(-1, True)", "x.mean()", "x.mean(0)", "x.amax(1)", "x @ y",
    "functional.linear(x, y, b)", "functional.relu(x)", "functional.softmax(x, -1)", "x.sigmoid()",
    "x.cumsum(0)", "x.clone()",
    "x @ b", "x.t() @ y", "x[:, :3] @ y[:3]", "functional.linear(x, y)",
    "functional.linear(x.t(), y[:3], b[:3])", "c.mean()", "x.t().sum()", "x.double().mean()",
    "functional.linear(c, torch.ones(2, 3))",
    "torch.where(x > 0.5, x, y)", "x.pow(3)", "x.clamp(0.2, 0.8)",
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
    "z.detach().mul_(1)",
]  # fmt: skip
FAMILIES = POINTWISE + OTHERS + VIEWS + WRITES
PASSES = [
    "(x * y).sum().backward()", "(x / y * 2.5 - b).tanh().mean().backward()",
    "(functional.linear(x, y, b).relu() ** 2).sum().backward()", "(x * x * x).sum().backward()",
]  # fmt: skip


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
    }
