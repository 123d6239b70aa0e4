"""CUDA graphs on simulated devices: run by the tests with WENGERT_SIMULATE_CUDA."""

import torch
from torch import nn

d = torch.device("cuda")


def raises(kind, text, f):
    try:
        f()
    except kind as e:
        assert text in str(e), e
    else:
        raise AssertionError(f"no {kind.__name__}: {text}")


# a graph works on the arrays that it was recorded with
x, w = torch.arange(6.0, device=d).reshape(2, 3), torch.ones(3, 2, device=d)
g = torch.cuda.CUDAGraph()
with torch.cuda.graph(g):
    assert torch.cuda.is_current_stream_capturing()
    y = (x @ w).relu() + 1
    part = y[0]
    total = torch.zeros(2, device=d)
    total += part
    total.mul_(2)
assert not torch.cuda.is_current_stream_capturing()
x.copy_(-torch.ones(2, 3))
assert y.tolist() == [[4, 4], [13, 13]]
g.replay()
assert y.tolist() == [[1, 1], [1, 1]] and part.tolist() == [1, 1] and total.tolist() == [2, 2]
x.fill_(1)
g.replay()
g.replay()
assert y.tolist() == [[4, 4], [4, 4]] and total.tolist() == [8, 8]


# a whole step of training, as PyTorch's documentation records it
def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).to(d)


for maker in (
    lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9),
    lambda ps: torch.optim.SGD(ps, lr=0.1),
):
    data = torch.randn(5, 6, 4, device=d)
    plain, net = make(), make()
    losses = []
    for step in range(5):
        if step == 0:
            one, two = maker(plain.parameters()), maker(net.parameters())
        one.zero_grad(set_to_none=True)
        loss = plain(data[step]).square().mean()
        loss.backward()
        one.step()
        losses.append(loss.item())
    static = torch.empty(6, 4, device=d)
    side = torch.cuda.Stream()
    static.copy_(data[0])
    with torch.cuda.stream(side):  # two steps before it is recorded
        for step in range(2):
            static.copy_(data[step])
            two.zero_grad(set_to_none=True)
            net(static).square().mean().backward()
            two.step()
    graph = torch.cuda.CUDAGraph()
    two.zero_grad(set_to_none=True)
    kept = [p.detach().clone() for p in net.parameters()]
    state = [{k: v.clone() for k, v in s.items() if v is not None} for s in two.state.values()]
    with torch.cuda.graph(graph):
        loss = net(static).square().mean()
        loss.backward()
        two.step()
    with torch.no_grad():  # what recording did here is undone: on a GPU it does nothing
        for p, before in zip(net.parameters(), kept):
            p.copy_(before)
        for s, before in zip(two.state.values(), state):
            for k, v in before.items():
                s[k].copy_(v)
    for step in range(2, 5):
        static.copy_(data[step])
        graph.replay()
        assert abs(loss.item() - losses[step]) < 1e-6, step
    for p, q in zip(net.parameters(), plain.parameters()):
        assert torch.allclose(p, q, rtol=1e-6)

# functions whose passes are graphs
net, plain = make(), make()
net = torch.cuda.make_graphed_callables(net, (torch.randn(6, 4, device=d),))
for _ in range(3):
    a = torch.randn(6, 4, device=d)
    for m in (net, plain):
        m.zero_grad()
        m(a).square().sum().backward()
    for p, q in zip(net.parameters(), plain.parameters()):
        assert torch.allclose(p.grad, q.grad, rtol=1e-6)
f = torch.cuda.make_graphed_callables(
    lambda a, b: (a * b, a + 1), tuple(torch.ones(3, device=d, requires_grad=True) for _ in "ab")
)
a, b = (torch.tensor([1.0, 2.0, i], device=d, requires_grad=True) for i in (3, 4))
p, q = f(a, b)
(p.sum() + 3 * q.sum()).backward()
assert p.tolist() == [1, 4, 12] and q.tolist() == [2, 3, 4]
assert a.grad.tolist() == [4, 5, 7] and b.grad.tolist() == [1, 2, 3]

# what cannot be recorded
raises(RuntimeError, "non-default stream", lambda: torch.cuda.CUDAGraph().capture_begin())
raises(RuntimeError, "without a preceding", lambda: torch.cuda.CUDAGraph().replay())
raises(RuntimeError, "without capture_begin", lambda: torch.cuda.CUDAGraph().capture_end())


def recorded(f):
    with torch.cuda.graph(torch.cuda.CUDAGraph()):
        f()


raises(
    RuntimeError, "not permitted when stream is capturing", lambda: recorded(lambda: x.sum().item())
)
raises(RuntimeError, "not permitted when stream is capturing", lambda: recorded(lambda: x.cpu()))
raises(RuntimeError, "the same whenever", lambda: recorded(lambda: torch.rand(3, device=d)))
raises(RuntimeError, "already owns", lambda: g.capture_begin())
g.reset()
raises(RuntimeError, "without a preceding", g.replay)
assert torch.ones(2, device=d).sum().item() == 2
print("all well")
