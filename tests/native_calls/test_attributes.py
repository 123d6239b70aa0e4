"""Attributes of modules in machine code are those that Python finds."""

import ctypes
import sys

import pytest

import wengert as torch
from wengert import native_calls, nn
from wengert.kernels.ufunc_loops import word_at
from wengert.native_calls.attributes import GETATTRO, every
from wengert.nn.module import Module

NAMES = [
    "weight", "bias", "fc", "running", "forward", "training", "plain", "_parameters", "_modules",
    "__dict__", "__class__", "nothing", "_forward_hooks", "shadow", "prop", "failing", "broken",
    "extra", "_compiled_call_impl", "__len__", "T_destination", "",
]  # fmt: skip


class Body(Module):
    extra = "of the class"

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_parameter("bias", None)
        self.fc = nn.Linear(2, 2)
        self.register_buffer("running", torch.zeros(1))
        self.plain = 5
        self.__dict__["shadow"] = "of the object"
        self._parameters["shadow"] = nn.Parameter(torch.zeros(1))
        self._parameters["prop"] = nn.Parameter(torch.zeros(1))
        self._parameters["failing"] = nn.Parameter(torch.zeros(1))
        self._parameters["extra"] = nn.Parameter(torch.zeros(1))

    @property
    def prop(self):
        return "property"

    @property
    def failing(self):
        raise AttributeError("asks on")

    @property
    def broken(self):
        raise ValueError("broken")


class Own(Body):
    def __getattr__(self, name):
        return f"own {name}" if name == "nothing" else super().__getattr__(name)


class First(Body):
    def __getattribute__(self, name):
        return "first" if name == "nothing" else super().__getattribute__(name)


class Missing(Body):
    def __init__(self):
        pass


class Slots(Body):
    __slots__ = ("slot",)


class Strange(Body):
    def __init__(self):
        super().__init__()
        self.__dict__["_parameters"] = {"weight": 7}
        self.__dict__["_modules"] = None


class Table(dict):
    def __contains__(self, name):
        return True

    def __getitem__(self, name):
        return f"table {name}"


class Tabled(Body):
    def __init__(self):
        super().__init__()
        self.__dict__["_buffers"] = Table()


KINDS = [Body, Own, First, Missing, Slots, Strange, Tabled, nn.Linear, nn.Sequential]
MADE = {nn.Linear: lambda: nn.Linear(2, 2), nn.Sequential: lambda: nn.Sequential(nn.ReLU())}


def found(m, name):
    try:
        return "found", getattr(m, name)
    except Exception as e:
        return type(e), str(e), e.__cause__, e.__context__


def slots():
    return {word_at(id(c) + GETATTRO) for c in (Body, nn.Linear, Slots)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_found(kind):
    m = MADE.get(kind, kind)()
    native_calls.stop()
    text, python = [found(m, name) for name in NAMES], slots()
    native_calls.serve()
    for name, a, b in zip(NAMES, text, [found(m, name) for name in NAMES]):
        same = a[:2] == b[:2] if name == "__len__" else a[0] is b[0] and a[1] is b[1]
        assert same or type(a[1]) is str and a == b or a[:2] == b[:2], (name, a, b)
    assert slots().isdisjoint(python)
    own = [word_at(id(c) + GETATTRO) for c in (Own, First)]
    assert not slots() & set(own)


def test_what_is_assigned_to_a_class_later_is_asked():
    native_calls.serve()
    m, late = Body(), Slots()
    assert found(m, "nothing")[0] is AttributeError
    Body.__getattr__ = lambda self, name: f"late {name}"
    try:
        assert m.nothing == "late nothing"
        assert late.nothing == "late nothing"
    finally:
        del Body.__getattr__
    assert found(m, "nothing")[0] is AttributeError
    assert m.fc is m._modules["fc"]


def test_new_classes_and_patches_of_the_base():
    native_calls.serve()

    class New(Body):
        pass

    assert word_at(id(New) + GETATTRO) in slots()
    m, old = New(), Module.__getattr__
    Module.__getattr__ = lambda self, name: ("patched", old(self, name))
    try:
        assert m.fc == ("patched", m._modules["fc"])
    finally:
        Module.__getattr__ = old
    native_calls.stop()
    native_calls.serve()
    assert m.fc is m._modules["fc"] and word_at(id(New) + GETATTRO) in slots()
    m.__class__ = Own
    assert m.nothing == "own nothing"


def test_no_reference_is_lost():
    native_calls.serve()
    m = Body()
    watched = [m, m.weight, m.fc, m.running, None, m.__dict__, m._parameters]
    for name in NAMES:
        found(m, name)
    before = [sys.getrefcount(o) for o in watched]
    for _ in range(1000):
        for name in ("weight", "bias", "fc", "running", "plain", "prop", "failing", "extra"):
            getattr(m, name)
    assert max(abs(sys.getrefcount(o) - b) for o, b in zip(watched, before)) < 50


def test_every_class_goes_back():
    native_calls.serve()
    native_calls.stop()
    generic = ctypes.cast(ctypes.pythonapi.PyObject_GenericGetAttr, ctypes.c_void_p).value
    words = {word_at(id(c) + GETATTRO) for c in every()}
    assert generic not in words
    native_calls.serve()
