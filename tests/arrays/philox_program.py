"""Random numbers of CUDA devices through torch, on two simulated ones: run by the tests."""

import sys

import torch
from torch.nn import functional as F

cuda = torch.device("cuda")


def close(t, numbers):
    assert t.is_cuda and torch.allclose(t.cpu(), torch.tensor(numbers), atol=6e-5), t


torch.manual_seed(0)
close(torch.rand(4, device=cuda), [0.3990, 0.5167, 0.0249, 0.9401])
torch.manual_seed(0)
close(torch.randn(4, device=cuda), [-0.9247, -0.4253, -2.6438, 0.1452])
torch.manual_seed(0)
close(torch.empty(2, 2, device=cuda).normal_(), [[-0.9247, -0.4253], [-2.6438, 0.1452]])
torch.cuda.manual_seed(0)
close(torch.empty(4, device=cuda).uniform_(), [0.3990, 0.5167, 0.0249, 0.9401])
assert torch.rand(4).device.type == "cpu"
torch.manual_seed(0)
assert torch.allclose(torch.rand(2), torch.tensor([0.4963, 0.7682]), atol=1e-4)  # the CPU's own
torch.cuda.manual_seed(0)
close(torch.rand_like(torch.ones(4, device=cuda)), [0.3990, 0.5167, 0.0249, 0.9401])

# a state of 16 bytes; offsets
torch.cuda.manual_seed(7)
state = torch.cuda.get_rng_state()
assert state.tolist() == [7] + [0] * 15
a = torch.randn(3, device=cuda)
assert torch.cuda.get_rng_state()[8] == 4
torch.cuda.set_rng_state(state)
assert torch.equal(torch.randn(3, device=cuda), a)
g = torch.Generator("cuda").manual_seed(7)
assert torch.equal(torch.randn(3, device=cuda, generator=g), a) and g.get_offset() == 4
g.set_offset(0)
h = g.clone_state()
assert torch.equal(torch.randn(3, device=cuda, generator=h), a)
g.set_state(h.get_state())
assert g.get_offset() == 4
with torch.random.fork_rng():
    b = torch.rand(5, device=cuda)
assert torch.equal(torch.rand(5, device=cuda), b)
for bad in (lambda: g.set_offset(3), lambda: g.set_state(torch.get_rng_state())):
    try:
        bad()
    except RuntimeError:
        pass
    else:
        raise AssertionError("taken")

# everything that draws, on the second device
torch.manual_seed(1)
x = torch.ones(1000, device="cuda:1")
for draw in (
    lambda: F.dropout(x, 0.25), lambda: F.dropout1d(x.view(10, 10, 10)),
    lambda: F.rrelu(-x, 0.1, 0.3, True),
    lambda: torch.bernoulli(x / 2), lambda: torch.randint(5, (1000,), device="cuda:1"),
    lambda: torch.randperm(100, device="cuda:1"), lambda: torch.poisson(x),
    lambda: torch.multinomial(x, 10), lambda: torch.normal(x, x), lambda: x.clone().exponential_(),
    lambda: F.gumbel_softmax(x), lambda: x.clone().random_(), lambda: torch.randn_like(x.half()),
    lambda: torch.distributions.Gamma(x, x).sample(),
    lambda: torch.nn.init.xavier_normal_(x.view(10, -1)),
):  # fmt: skip
    before = torch.cuda.get_rng_state(1)
    first = draw()
    torch.cuda.set_rng_state(before, 1)
    x.fill_(1.0)
    assert first.get_device() == 1 and torch.equal(first, draw())
    x.fill_(1.0)
kept = F.dropout(x, 0.25)
assert set(kept.unique().tolist()) == {0.0, float(torch.tensor(1 / 0.75))}
assert 0.7 < float((kept != 0).float().mean()) < 0.8
sys.stdout.write("all well\n")
