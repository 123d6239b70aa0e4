"""Every public function is declared, takes its arguments by position, by name and by NumPy's names,
and has PyTorch's names, order and defaults.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import numpy as np
import pytest
from contracts import torch_schemas

import wengert
from wengert.base import dtypes, formats
from wengert.declare import signature
from wengert.declare.declaration import other_names, unspread
from wengert.declare.registry import FUNCTIONS, METHODS, Declared

SPACES = ("", "nn.functional", "linalg", "fft", "special", "sparse", "masked", "signal.windows")
# functions of the program's state, files and transforms: plain Python functions, as in PyTorch
PLAIN = {
    *wengert._PROVIDED, "cond", "fft", "is_grad_enabled", "is_inference_mode_enabled", "is_shared",
    "masked_copy_", "module_load", "record_stream", "reinforce", "share_memory_",
    "to_padded_tensor", "while_loop",
}  # fmt: skip


def public(space: str):
    """(name, callable) of all public functions of a namespace, or of Tensor."""
    o = wengert.Tensor if space == "Tensor" else wengert
    if space not in ("", "Tensor"):
        o = import_module(f"wengert.{space}")
    for name in dir(o):
        f = getattr(o, name, None)  # what PyTorch has and wengert lacks says so
        if name[0] != "_" and callable(f) and not inspect.isclass(f) and not inspect.ismodule(f):
            yield name, f


@pytest.mark.parametrize("space", [*SPACES, "Tensor"])
def test_everything_public_is_declared_under_its_name(space):
    names = [(name, f) for name, f in public(space) if name not in PLAIN]
    if space in ("sparse", "masked", "signal.windows"):  # which have plain functions too
        names = [(name, f) for name, f in names if name in FUNCTIONS[space]]
    assert len(names) > 5
    assert [name for name, f in names if not hasattr(f, "declared")] == []
    assert [(name, f.__name__) for name, f in names if f.__name__ != name] == []
    path = "Tensor." if space == "Tensor" else ""
    assert [f.__qualname__ for name, f in names if f.__qualname__ != path + name] == []
    assert [name for name, f in names if f"{name}(" not in f.__doc__] == []
    for name, f in names:
        inspect.signature(f)
        source = inspect.getsource(f)
        assert "def " in source or "lambda" in source, name


def test_star_imports_give_what_is_public_and_nothing_else():
    for module in ("wengert", "wengert.nn.functional", "wengert.linalg", "wengert.special"):
        scope: dict = {}
        exec(f"from {module} import *", scope)
        del scope["__builtins__"]
        assert all(not name.startswith("_") for name in scope)
        assert {"annotations", "Any", "functions", "api", "engine"}.isdisjoint(scope)
    exec("from wengert.nn.functional import *", scope)
    assert scope["relu"] is import_module("wengert.nn.functional").relu


# ------------------------------------------------------------------------------ how it is called

STAND_INS = {
    "Tensor": wengert.zeros(1),
    "Scalar": 2.0,
    "int": 3,
    "float": 0.5,
    "bool": True,
    "str": "word",
    "complex": 1j,
    "ScalarType": dtypes.float64,
    "Device": "cpu",
    "Layout": formats.strided,
    "MemoryFormat": formats.contiguous_format,
}


def stand_in(p):
    """A value of a parameter's type."""
    kind = p.type.kinds[0]
    if p.name == "pin_memory":
        return False  # True wants a device that can
    if kind.endswith("]"):
        one = STAND_INS.get(kind[: kind.index("[")].removesuffix("?"))
        return (one, one)
    return STAND_INS.get(kind, "anything")


def everything():
    seen = set()
    for table in (*FUNCTIONS.values(), METHODS):
        for d in table.values():
            if isinstance(d, Declared) and d not in seen:
                seen.add(d)
                kinds = [signature.FUNCTION] * bool(d.functions)
                for kind in [*kinds, *[signature.METHOD] * (METHODS.get(d.name) is d)]:
                    yield d, kind


def recorder(got):
    return lambda *args, **kwargs: got.append((args, kwargs))


def same(a, b):
    return a is b or type(a) is type(b) and a == b


@pytest.mark.parametrize("way", ["by position", "by name", "NumPy's names"])
def test_every_argument_arrives_where_it_is_meant(way):
    """What the body gets is the same, however the arguments are given."""
    wrong = []
    for d, kind in everything():
        got: list = []
        f = signature.careful_function(d, d.name, kind, recorder(got))
        overloads = signature.overloads_of(d, kind)
        foreign = {v: k for k, v in other_names(overloads, d.foreign).items()}
        for o in overloads:
            call = signature.call_of(d, unspread(o) if len(overloads) > 1 else o)
            unused = {p.name for p in call.unused}
            if o.old or any(p.star and "int" not in p.type.kinds[0] for p in o.parameters):
                continue
            given = [p for p in o.parameters if p.name not in unused or p.required]
            given = [p for p in given if p.name != "out"]
            if any(p.name in unused for p in given):
                continue
            values = {p.name: stand_in(p) for p in given}
            first = [] if kind == signature.FUNCTION else [given[0].name]
            args = [values[n] for n in first]
            names = {n: v for n, v in values.items() if n not in first}
            if way == "by position":
                for p in o.positional:
                    if p.name not in values:
                        break
                    if p.name in names:
                        args.append(names.pop(p.name))
            if way == "NumPy's names":
                names = {foreign.get(n, n): v for n, v in names.items()}
            got.clear()
            try:
                f(*args, **names)
                a, k = got[0]
                arrived = [*a, *k.values()]
                if not all(any(same(v, x) for x in arrived) for v in values.values()):
                    wrong.append((d.name, str(o), arrived))
            except TypeError as e:
                wrong.append((d.name, str(o), str(e)))
    assert wrong == []


@pytest.mark.parametrize("way", ["by position", "by name"])
def test_signatures_take_what_every_overload_takes(way):
    """inspect.signature is true of each overload, and has a signature for each."""
    wrong = []
    for d, kind in everything():
        f = signature.callable_of(d, d.name, d.namespace, kind == signature.METHOD)
        shown = inspect.signature(f)
        overloads = [o for o in signature.overloads_of(d, kind) if not o.old]
        if len(overloads) > 1:
            assert len(shown.overloads) == len(overloads)
        for o in overloads:
            values = {p.name: stand_in(p) for p in o.parameters if p.name != "out"}
            first = [values.pop(o.parameters[0].name)] if kind == signature.METHOD else []
            args = list(first)
            for p in o.positional:
                one = p.star and p.type.kinds[0][:3] != "int"  # never by name
                if p.name in values and (way == "by position" or one):
                    value = values.pop(p.name)
                    args += value if p.star and isinstance(value, tuple) else [value]
            names = {p.spelled: values[p.name] for p in o.parameters if p.name in values}
            if "from" in names:  # no name of a parameter in Python, but one of **numpy_names
                del names["from"]
                args += [0] * (d.name == "can_cast")
            try:
                shown.bind(*args, **names)
            except TypeError as e:
                wrong.append((d.name, str(o), str(shown), str(e)))
    assert wrong == []


CALLS = """
x.argmax(axis=1) | x.sum(axis=1, keepdims=True) | T.add(x, x2=y) | T.add(x=x, x2=y)
T.mul(a=x, other=y) | T.stack([x, y], axis=1) | T.cat((x, y), axis=-1) | x.cumsum(axis=0)
T.softmax(x, axis=1) | x.mean(axis=0, keepdims=True) | x.max(axis=1).values | T.max(x, x2=y)
x.std(axis=0, keepdims=True) | x.var(axis=(0, 1)) | T.sort(x, axis=0, descending=True).values
x.amax(axis=0) | x.argsort(axis=1) | T.logsumexp(x, axis=1, keepdims=True) | x.squeeze(axis=0)
x.unsqueeze(axis=0) | T.unbind(x, axis=1)[0] | T.split(x, 1, dim=1)[0] | x.chunk(2, axis=1)[1]
T.all(x > 0, axis=0) | x.prod(axis=1, keepdims=True) | x.flip(dims=(0,)) | x.view(size=(6,))
x.reshape(shape=(3, 2)) | x.permute(dims=(1, 0)) | x.repeat(repeats=(1, 2))
x.expand(size=(2, 2, 3)) | x.transpose(dim0=0, dim1=1) | T.full(size=(2,), fill_value=3.)
T.zeros(size=(2,)) | x.new_ones(size=(2,)) | T.clamp(x, min=0.) | T.where(x > 0, input=x, other=y)
T.gather(x, axis=1, index=i) | x.index_select(axis=0, index=j)
T.div(x, y, rounding_mode="floor") | T.std(x, unbiased=False) | x.std(1, False)
x.std(1, correction=0) | T.add(x, y, alpha=2) | T.arange(end=4) | T.arange(1, end=4)
T.arange(start=1, end=4, step=2) | T.linspace(start=0, end=1, steps=3) | T.eye(n=2, m=3)
T.linalg.norm(x, ord=2, axis=1)
T.linalg.vector_norm(x, axis=0) | T.special.logit(x=x * 0 + .5)
T.nn.functional.softmax(input=x, dim=1) | T.nn.functional.one_hot(input=i, num_classes=4)
T.nn.functional.linear(input=x, weight=y)
T.diagonal(x, offset=1, dim1=0, dim2=1) | T.addmm(x[:, :2], x, y.t(), beta=2, alpha=3)
T.median(x, axis=1).indices | T.quantile(x, q=.5, axis=0) | T.roll(x, shifts=1, dims=0)
T.tensordot(a=x, b=y, dims=2) | T.cross(x, y, axis=1) | T.topk(x, k=2, axis=1).values
T.kthvalue(x, k=1, axis=1).values | x.squeeze(0, 1) | x.view(3, 2) | x.view(T.int32)
x.to(dtype=T.float64) | x.to("cpu", T.float64) | x.to(y) | x.size(dim=1)
x.add_(other=y, alpha=2) | x.split(split_size=2, dim=1)[0] | x.split(split_size=[2, 1], dim=1)[1]
T.split(tensor=x, split_size_or_sections=1)[1] | x.unsafe_split_with_sizes([2, 1], dim=1)[0]
T.unsafe_split_with_sizes(x, split_sizes=[1, 1], axis=0)[1]
T.add(x, 2, 3) | x.sub(2, 3) | T.subtract(x, 2, 3) | T.rsub(x, 2, 3)
x.clamp_(max=0.) | x.masked_fill_(mask=x > 0, value=1.) | x.neg_()
T.neg_(x) | x.scatter_(1, i, value=2.)
"""


def results(T, text):
    x = T.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, 6.0]])
    y = T.tensor([[0.5, 1.5, -2.5], [3.5, -4.5, 5.5]])
    i, j = T.tensor([[0, 1], [2, 0]]), T.tensor([1])
    return np.asarray(eval(text, {"T": T, "x": x, "y": y, "i": i, "j": j}))


@pytest.mark.parametrize("text", [c.strip() for c in re.split(r"[|\n]", CALLS) if c.strip()])
def test_calls_by_name(text, torch):
    a, b = results(wengert, text), results(torch, text)
    np.testing.assert_allclose(a, b, rtol=1e-5)


REFUSED = """
T.cat(x) | T.cat([x, 1]) | T.cat([x], dim='a') | T.cat([x], True) | T.cat() | x.sum('a')
x.sum(1.5) | T.sum(3) | T.mul(x) | T.mul(x, 'a') | x.mul(x, out=x) | T.mul(x, x, foo=1)
T.mul(x, x, x) | x.chunk('a') | T.unbind(x, None) | T.neg(x, out=3) | x.neg_(1) | x.unbind(True)
x.view('a') | x.view(2.0, 3) | x.reshape() | T.zeros() | T.zeros('a') | T.zeros(2.5)
x.permute(0, 'a') | x.transpose(0) | x.cumsum(True) | T.stack([x], dim=1.0)
T.softmax(x, '1') | T.argmax(x, dim=0.5) | x.expand('a') | T.full((2,), 'a') | T.max(x, dim='a')
T.randint('a', (2,)) | T.clamp(x, min='a') | T.where(x > 0, x, 'a') | x.std(dim='a') | T.eye('a')
T.arange('a') | T.arange() | T.permute(x, 0, 1) | T.reshape(x, 3, 2) | T.flip(x, 0, 1)
x.sum(0, 1) | T.sum(x, axes=1) | x.sum(dim=0, axis=0) | T.add(x, y, z=1)
T.nn.functional.linear(x) | T.linalg.inv() | T.linalg.norm(x, dims=1) | T.fft.fft(x, n='a')
T.nn.functional.conv2d(x, x, stride='a') | x.bernoulli_(p='a') | x.uniform_('a') | x.fill_('a')
x.add_('a') | x.size('a') | x.requires_grad_(1) | x.item(1) | x.dim(1) | T.sum(x, out=x, dtypes=3)
T.relu(x, out=x)
T.add(x, y, 3) | T.subtract(x, y, 3) | T.rsub(x, y, 3)
T.det(x[:, :2], out=x) | T.diag(x, diagonal='a') | T.tril(x, 1.5)
T.roll(x, 'a') | T.bmm(x, 3) | T.index_select(x, 0, [1]) | T.gather(x, 0)
T.zeros(2, dtype='float32') | T.zeros(2, dtype=3) | x.float(1) | T.ones(2, device=1.5)
"""


@pytest.mark.parametrize("text", [c.strip() for c in re.split(r"[|\n]", REFUSED) if c.strip()])
def test_refused_as_in_pytorch(text, torch):
    with pytest.raises(Exception) as theirs:
        results(torch, text)
    with pytest.raises(type(theirs.value)) as ours:
        results(wengert, text)
    assert "careful" not in str(ours.value)
    assert ".f()" not in str(ours.value)
    found = re.match(r"([a-z_0-9]+)\(\)", str(theirs.value))
    if found and "f(" not in found[0][:2]:
        assert f"{found[1]}(" in str(ours.value)


# ----------------------------------------------------------------------------- PyTorch's own word


def test_declarations_are_pytorchs(torch):
    """Names, order, keywords, defaults and out= of every overload in PyTorch's schemas."""
    wrong = torch_schemas.disagreements(torch, wengert)
    known = torch_schemas.DIFFERENT
    assert {k: v for k, v in wrong.items() if k not in known} == {}
    assert set(known) <= set(wrong), "differs no longer"
