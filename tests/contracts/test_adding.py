"""What CONTRIBUTING.md says is enough to add an op, a reduction, a layer, an optimizer, a fused
kernel, a device is enough.

Each is defined in a process of its own, since definitions stay.
"""

import subprocess
import sys

import pytest

POINTWISE = """
import wengert as torch
from wengert.engine.kinds import elementwise
from wengert.engine.op import op
from wengert.declare.registry import FUNCTIONS
from wengert.declare import signature

@op(elementwise, public="sech(Tensor input, *, out)", types="float", inplace="function")
def sech(xp, x):
    '''One over the hyperbolic cosine.'''
    return 1 / xp.cosh(x)

sech.vjp(x=lambda xp, g, x, out: -g * out * xp.tanh(x))

from wengert.api import functions
f = functions.sech
x = torch.rand(3, dtype=torch.float64, requires_grad=True)
assert torch.allclose(f(x), 1 / x.cosh())
assert f(torch.ones(2, dtype=torch.int64)).dtype is torch.float32
assert f.__name__ == "sech" and "sech(" in f.__doc__
assert torch.autograd.gradcheck(f, (x,)) and torch.autograd.gradgradcheck(f, (x,))
y = torch.ones(3, dtype=torch.float64)
f(x.detach(), out=y)
assert torch.equal(y, f(x.detach()))
assert torch.allclose(torch.func.vmap(f)(x), f(x))
assert torch.allclose(torch.func.jvp(f, (x,), (y,))[1], torch.func.jacfwd(f)(x) @ y)
try: f("x")
except TypeError as e: assert "sech()" in str(e) and "must be Tensor" in str(e), e
else: raise AssertionError
"""

REDUCTION = """
import wengert as torch
from wengert.engine.kinds import reduction
from wengert.engine.op import op
from wengert.ops.dims import restore

@op(reduction, public="spread(Tensor input, int[1]? dim=None, bool keepdim=False, *, out)")
def spread(xp, x, dim=None, keepdim=False):
    '''The largest element minus the smallest, of all or along dim.'''
    return xp.amax(x, dim, keepdim) - xp.amin(x, dim, keepdim)

def _spread(xp, g, x, dim, keepdim, x_shape):
    g = restore(xp, g, x_shape, dim, keepdim)
    hit = lambda v: xp.astype(xp.eq(x, v), g.dtype)
    return g * (hit(xp.amax(x, dim, True)) - hit(xp.amin(x, dim, True)))

spread.vjp(x=_spread)

from wengert.api import functions
f = functions.spread
x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
assert f(x).shape == () and f(x, 1).shape == (2,) and f(x, axis=0).shape == (3,)
assert f(x, dim=-1, keepdims=True).shape == (2, 1) and f(x, (0, 1)).shape == ()
assert torch.autograd.gradcheck(lambda x: f(x, 1), (x,))
assert torch.func.vmap(f)(x).shape == (2,)
for kind, dim in ((IndexError, 5), (TypeError, "a"), (RuntimeError, (0, 0))):
    try: f(x, dim)
    except kind as e: assert "spread()" in str(e), e
    else: raise AssertionError(dim)
"""

LAYER = """
import wengert as torch
from wengert import nn

class Scale(nn.Module):
    def __init__(self, n, device=None, dtype=None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n, device=device, dtype=dtype))

    def forward(self, input):
        return input * self.weight

    def extra_repr(self):
        return f"n={self.weight.shape[0]}"

m = nn.Sequential(nn.Linear(2, 3), Scale(3)).double()
assert list(m.state_dict()) == ["0.weight", "0.bias", "1.weight"]
assert "(1): Scale(n=3)" in repr(m)
m(torch.ones(1, 2, dtype=torch.float64)).sum().backward()
assert m[1].weight.grad.shape == (3,)
assert m.to("meta")[1].weight.device.type == "meta"
"""

OPTIMIZER = """
import wengert as torch
from wengert.optim.optimizer import Optimizer

class Sign(Optimizer):
    counters = ()

    def __init__(self, params, lr=1e-2, momentum=0.9):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    def start(self, p, *, momentum, **rest):
        return {"mean": self.like(p, 0.0)}

    def update(self, p, g, state, *, lr, momentum):
        m = state["mean"].mul_(momentum).add_(g, alpha=1 - momentum)
        p.sub_(m.sign(), alpha=lr)

p = torch.tensor([1.0, -2.0], requires_grad=True)
q = torch.ones(3, requires_grad=True)
o = Sign([{"params": [p], "lr": 0.5}, {"params": [q]}])
scheduler = torch.optim.lr_scheduler.StepLR(o, 1, gamma=0.5)
for _ in range(2):
    o.zero_grad()
    (p.square().sum() + q.sum()).backward()
    o.step()
    scheduler.step()
assert torch.allclose(p, torch.tensor([0.25, -1.25])), p
assert torch.allclose(q, torch.tensor(0.985)), q
again = Sign([{"params": [p], "lr": 0.5}, {"params": [q]}])
again.load_state_dict(o.state_dict())
assert torch.equal(again.state[p]["mean"], o.state[p]["mean"])
"""

KERNEL = """
import numpy as np
import wengert as torch
from wengert.arrays import fused
from wengert.arrays.fused_elements import unary
from wengert.engine.kinds import elementwise
from wengert.engine.op import op
from wengert.kernels import compiler, formulas

# in kernels/formulas.py
def sech(x):
    return 2.0 / (formulas.exp(x) + formulas.exp(-x))

formulas.sech = sech
fused.WORDS["sech"] = unary("sech")  # a line of the table

@op(elementwise, public="sech(Tensor input, *, out)", types="float", inplace="function")
def sech(xp, x):
    "One over the hyperbolic cosine."
    return 1 / xp.cosh(x)

from wengert.api import functions
x = torch.linspace(-5, 5, 1001)
assert np.allclose(functions.sech(x).numpy(), 1 / np.cosh(x.numpy()), rtol=1e-5, atol=0)
assert torch.equal(functions.sech(x.double()), 1 / x.double().cosh())  # the word itself
if compiler.target() is not None:
    assert sech.impl[np.ndarray].__module__ == "wengert.arrays.fused_elements"
"""

DEVICE = """
import wengert as torch
from wengert.base import devices

devices.TYPES += ("twin",)  # in base/devices.py

# arrays/twin.py
from wengert.arrays.lookup import DEVICES
from wengert.arrays.sim import Current, SimArray, SimNamespace, install

class TwinArray(SimArray):
    __slots__ = ()

class TwinNamespace(SimNamespace):
    kind = "twin"
    here = Current()
    every = []

    @staticmethod
    def on_device(device):
        return TwinNamespace.every[device.index or 0]

install(TwinNamespace, TwinArray, 2)
DEVICES["twin"] = lambda: TwinNamespace  # in arrays/__init__.py

x = torch.randn(3, 3, device="twin:1", requires_grad=True)
(x @ x).softmax(1).std().backward()
y = x.detach().cpu().requires_grad_()
(y @ y).softmax(1).std().backward()
assert str(x.grad.device) == "twin:1" and torch.allclose(x.grad.cpu(), y.grad)
layer = torch.nn.Linear(2, 3, device="twin")
assert layer(torch.ones(1, 2, device="twin")).device == torch.device("twin", 0)
try: x + torch.ones(3)
except RuntimeError as e: assert "twin:1 and cpu" in str(e), e
else: raise AssertionError
"""


@pytest.mark.parametrize(
    "script", [POINTWISE, REDUCTION, LAYER, OPTIMIZER, KERNEL, DEVICE],
    ids=["pointwise op", "reduction", "layer", "optimizer", "fused kernel", "device"],
)  # fmt: skip
def test_what_is_said_to_be_enough_is(script):
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
