"""Devices that share one type of array: namespaces are found by type and device, results and what
rules make are on the operands' device. Two stand-ins: the simulated devices, and a module in
CuPy's place, whose operators run on the current device and refuse arrays of another.
"""

import sys
import types
from contextlib import contextmanager

import numpy as np
import pytest

import wengert as w
from wengert.arrays import cuda, lookup, sim
from wengert.base.devices import device
from wengert.engine import implementations
from wengert.engine.op import OPS
from wengert.nn import functional as F


def test_simulated_arrays_have_one_type():
    x, y = (w.ones(2, device=f"sim:{i}") for i in range(2))
    assert type(x._a) is type(y._a)
    assert lookup.namespace(y._a) is sim.NAMESPACES[1] is not lookup.namespace(x._a)
    assert str((y * 2).device) == "sim:1" and str((x * 2).device) == "sim:0"
    with pytest.raises(RuntimeError, match=r"same device.*sim:0 and sim:1"):
        x + y
    with pytest.raises(RuntimeError, match="sim:1"):
        w.cat([x, y])


def test_a_simulated_array_is_made_on_a_device():
    with pytest.raises(RuntimeError, match="type and device"):
        lookup.NS[sim.SimArray].zeros((2,), np.float32)
    assert sim.NAMESPACES[1].zeros((2,), np.float32).index == 1


def test_operators_need_the_current_device():
    a = sim.NAMESPACES[1].ones((2,), np.float32)
    with pytest.raises(RuntimeError, match="current device"):
        a * a
    with lookup.namespace(a).current():
        assert (a * a).index == 1


def test_gradients_across_simulated_devices():
    x = w.tensor([1.0, 2.0], device="sim:1", requires_grad=True)
    y = w.tensor([3.0, 4.0], device="sim:0", requires_grad=True)
    for _ in range(2):
        (F.softmax(x, 0) * x + (y * y).to("sim:1")).sum().backward()
    assert str(x.grad.device) == "sim:1" and str(y.grad.device) == "sim:0"
    assert y.grad.tolist() == [12.0, 16.0]
    t = w.tensor([1.0, 2.0], requires_grad=True)
    (F.softmax(t, 0) * t).sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), 2 * t.grad.numpy(), rtol=1e-6)
    (g,) = w.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = w.autograd.grad(g.sum(), x)
    assert h.tolist() == [6.0, 12.0] and str(h.device) == "sim:1"


# ---- in CuPy's place


class Device:
    current = 0

    def __init__(self, index):
        self.id = index

    def __enter__(self):
        self.before, Device.current = Device.current, self.id

    def __exit__(self, *exc):
        Device.current = self.before


class Array:
    """An array of one of two devices."""

    __array_ufunc__ = None

    def __init__(self, value, index):
        self.value, self.device = value, types.SimpleNamespace(id=index)

    @property
    def base(self):
        return None if self.value.base is None else Array(self.value.base, self.device.id)

    def __getattr__(self, name):
        x = getattr(self.value, name)
        return proxy(getattr(inner(self), name)) if callable(x) else x

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion")


BINARY = "add sub mul truediv pow matmul mod floordiv and or xor radd rsub rmul rtruediv rpow"
OTHER = "neg abs invert lt le gt ge eq ne getitem setitem iadd len bool float int index"
for _name in f"{BINARY} {OTHER}".split():

    def _operator(self, *args, name=f"__{_name}__"):
        result = outer(getattr(inner(self), name)(*map(inner, args)))
        return self if name == "__iadd__" else result

    setattr(Array, f"__{_name}__", _operator)
Array.__hash__ = object.__hash__


def inner(x):
    if isinstance(x, Array):
        assert x.device.id == Device.current, f"array of {x.device.id}, device {Device.current}"
        return x.value
    assert not (isinstance(x, np.ndarray) and x.ndim), "an array of NumPy's"
    return type(x)(map(inner, x)) if type(x) in (tuple, list) else x


def outer(x):
    if type(x) is tuple:
        return tuple(map(outer, x))
    return Array(np.asarray(x), Device.current) if isinstance(x, (np.ndarray, np.generic)) else x


class Call:
    def __init__(self, f):
        self.f = f

    def __call__(self, *args, **kwargs):
        return outer(self.f(*map(inner, args), **{k: inner(v) for k, v in kwargs.items()}))

    def __getattr__(self, name):
        return proxy(getattr(self.f, name))


def proxy(x):
    if isinstance(x, (np.ndarray, np.generic)):
        return outer(x)
    return x if isinstance(x, type) or not callable(x) else Call(x)


class Module(types.ModuleType):
    ndarray = Array

    def __getattr__(self, name):
        return proxy(getattr(np, name))


@pytest.fixture
def cupy(monkeypatch):
    """A module with two devices in CuPy's place; nothing of it is left behind."""
    module = Module("cupy")
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 2, getDevice=lambda: Device.current, setDevice=None
    )
    module.cuda = types.SimpleNamespace(runtime=runtime, Device=Device)
    module.asarray = lambda a: Array(
        np.array(inner(a) if isinstance(a, Array) else a), Device.current
    )
    module.asnumpy = lambda a: a.value.copy()
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setattr(cuda, "_namespaces", {})
    monkeypatch.setattr(Array, "__module__", "cupy")
    yield module
    lookup.NS.pop(Array, None)
    lookup.RANK.pop(Array, None)
    lookup.PER_DEVICE.discard(Array)
    for op in OPS.values():
        op.impl.pop(Array, None)
        op.impl.bare.pop(Array, None)


def on(index, *values):
    return cuda.on_device(device("cuda", index)).from_host(np.array(values, np.float32))


@contextmanager
def watched():
    """The current device is left as it was."""
    assert Device.current == 0
    yield
    assert Device.current == 0


def test_words_run_where_their_operands_are(cupy):
    a, b = on(0, 1.0, 2.0), on(1, 3.0, 4.0)
    ns = lookup.namespace(b)
    assert ns is cuda.on_device(device("cuda", 1)) and Array in lookup.PER_DEVICE
    with watched():
        assert ns.mul(b, b).device.id == 1
        assert ns.zeros((2,), np.float32).device.id == 1
        assert lookup.NS[Array].zeros_like(b).device.id == 1
        assert lookup.NS[Array].add(a, a).device.id == 0
        with pytest.raises(RuntimeError, match="same device.*cuda:1 and cuda:0"):
            ns.add(a, b)


@pytest.mark.parametrize("name", ["tanh", "softplus", "logit"])
def test_bodies_run_where_their_operands_are(cupy, name):
    b = on(1, 0.25, 0.5)
    args = (None,) if name == "logit" else ()
    with watched():
        out = implementations.implementation(lookup.NS[Array], OPS[name])(b, *args)
    assert out.device.id == 1


def test_gradients_are_where_their_tensors_are(cupy):
    from wengert.engine.tensor import wrap

    x = wrap(on(1, 1.0, 2.0)).requires_grad_()
    y = wrap(on(1, 3.0, 5.0))
    with watched():
        for _ in range(2):
            z = (x * y).exp().log() * x
            w.autograd.backward([z], [wrap(on(1, 1.0, 1.0))])
    assert x.grad._a.device.id == 1
    np.testing.assert_allclose(x.grad._a.value, [12.0, 40.0], rtol=1e-5)
    assert str(x.grad.device) == "cuda:1"
