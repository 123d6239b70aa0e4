"""Every layer and every optimizer on the second simulated device: what the CPU gives, all of it
there, and nothing but single numbers copied to the CPU on the way (as by `if`).
"""

import numpy as np
import pytest
from nn import cases
from optim import trajectories

import wengert
from wengert.arrays import sim

DEVICE = "sim:1"


@pytest.fixture
def closed(monkeypatch):
    """While it is set, arrays of the device, other than single numbers, cannot leave it."""
    copy = sim.SimNamespace.to_host
    door = []

    def to_host(self, a):
        assert not door or a.size <= 1, "an array was copied to the CPU"
        return copy(self, a)

    monkeypatch.setattr(sim.SimNamespace, "to_host", to_host)
    return door


def moved(x):
    if not isinstance(x, wengert.Tensor):
        return x
    return x.detach().to(DEVICE).requires_grad_(x.requires_grad)


def results(m, inputs, where):
    """Outputs, gradients, buffers of a layer in training, and its outputs after it."""
    outs = cases.flat(m(*inputs), wengert)
    floats = [o for o in outs if o.dtype.is_floating_point and o.requires_grad]
    if floats:
        sum((o * (o.detach() + 1)).sum() for o in floats).backward()
    grads = [t.grad for t in [*inputs, *m.parameters()] if isinstance(t, wengert.Tensor)]
    m.eval()
    found = [*outs, *grads, *m.buffers(), *cases.flat(m(*inputs), wengert)]
    for t in found:
        assert t is None or str(t.device) == where, t.device
    return found


@pytest.mark.parametrize("c", cases.CASES, ids=cases.NAMES)
def test_layers(c, closed):
    here, inputs = cases.build(wengert, c)
    if any(isinstance(p, wengert.nn.UninitializedParameter) for p in here.parameters()):
        here(*inputs)
    there, _ = cases.build(wengert, c)
    if any(isinstance(p, wengert.nn.UninitializedParameter) for p in there.parameters()):
        there(*inputs)
    there.load_state_dict(here.state_dict())
    there = there.to(DEVICE)
    for old, new in zip(here.buffers(), there.buffers()):
        assert str(new.device) == DEVICE and old.device.type == "cpu"
    others = [moved(x) for x in inputs]
    closed.append(True)
    wengert.manual_seed(1)
    got = results(there, others, DEVICE)
    closed.clear()
    wengert.manual_seed(1)
    want = results(here, inputs, "cpu")
    assert len(got) == len(want)
    for a, b in zip(got, want):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), 1e-9, 1e-10)


@pytest.mark.parametrize("c", trajectories.CASES, ids=trajectories.label)
def test_optimizers(c, closed):
    name, options = c
    ends = []
    for where in ("cpu", DEVICE):
        params = [p.detach().to(where).requires_grad_() for p in trajectories.parameters(wengert)]
        optimizer = getattr(wengert.optim, name)(params, **options)

        def closure(params=params, optimizer=optimizer):
            optimizer.zero_grad()
            loss = sum((p * p / 2 - p.cos()).sum() for p in params)
            loss.backward()
            return loss

        if where == DEVICE:
            closed.append(True)
        for _ in range(4):
            if name == "LBFGS":
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
        closed.clear()
        kept = [
            t for s in optimizer.state.values() for t in s.values()
            if isinstance(t, wengert.Tensor) and t.dim()
        ]  # fmt: skip
        assert all(str(t.device) == where for t in kept)
        ends.append([p.detach().cpu().numpy() for p in params])
    for a, b in zip(*ends):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-10)
