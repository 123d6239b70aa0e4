"""__torch_function__: subclasses keep their class, others stand in, modes see public functions."""

import gc
import inspect

import pytest

import wengert as w
from wengert.api import overridable
from wengert.api import overrides as o


@pytest.fixture
def Meters():
    """A subclass that only wants its results to be of its class; gone after the test."""
    yield type("Meters", (w.Tensor,), {"__module__": __name__})
    gc.collect()


@pytest.fixture
def Logged():
    """A subclass that keeps a list of the functions that are called with it."""

    class Logged(w.Tensor):
        seen = []

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.seen.append(overridable.resolve_name(func))
            return super().__torch_function__(func, types, args, kwargs or {})

    yield Logged
    del Logged
    gc.collect()


class Thing:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func, args, kwargs


def test_results_of_a_subclass_are_of_the_subclass(Meters):
    x = w.ones(2, 2).as_subclass(Meters)
    for y in (x + 1, 1 - x, x > 0, x.sum(), x[0], w.cat([x, w.ones(1, 2)]), w.relu(x), x.T + x):
        assert type(y) is Meters
    assert type(x.max(dim=0)[0]) is Meters
    assert type(x.split(1)[0]) is Meters
    assert type(w.ones(1) + w.ones(1)) is w.Tensor
    assert type(w.nn.Parameter(w.ones(1)) * 2) is w.Tensor


def test_transposes_and_data_of_a_subclass_are_of_the_subclass(Meters):
    x = w.arange(4.0).reshape(2, 2).as_subclass(Meters)
    for y in (x.T, x.mT, x.H, x.mH, x.data):
        assert type(y) is Meters
    x.data.add_(1)
    x.T[0, 1] = 7.0
    assert w.Tensor.tolist(x) == [[1.0, 2.0], [7.0, 4.0]]
    x.requires_grad_()
    (x.T * w.arange(4.0).reshape(2, 2)).sum().backward()
    assert w.Tensor.tolist(x.grad) == [[0.0, 2.0], [1.0, 3.0]]
    assert not x.data.requires_grad
    assert type(w.nn.Parameter(w.ones(2, 2)).T) is type(w.nn.Parameter(w.ones(2)).data) is w.Tensor


def test_a_subclass_is_asked_once_for_each_call(Logged):
    x = w.ones(2).as_subclass(Logged)
    Logged.seen.clear()
    y = w.nn.functional.softmax(x + 1, dim=0)
    assert Logged.seen[-1] == "torch.nn.functional.softmax" and len(Logged.seen) == 2
    assert type(y) is Logged


def test_gradients_flow_through_a_subclass(Meters):
    x = w.ones(2, requires_grad=True)
    (x.as_subclass(Meters) * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_another_class_stands_in_wherever_it_is():
    t = Thing()
    assert w.add(t, 2)[0] is w.add
    assert w.cat([w.ones(1), t])[0] is w.cat
    assert w.nn.functional.pad(w.ones(2), (0, 1), value=t)[0] is w.nn.functional.pad
    assert w.mean(t, dim=0)[2] == {"dim": 0}
    assert w.ones(3)[t][0] is w.Tensor.__getitem__


def test_nobody_who_answers_is_an_error():
    class Silent(Thing):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    with pytest.raises(TypeError, match="Silent"):
        w.add(Silent(), 1)


def test_modes_see_what_is_called_and_are_off_inside():
    class Names(o.TorchFunctionMode):
        def __init__(self):
            self.names = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.names.append(overridable.resolve_name(func))
            return func(*args, **(kwargs or {}))

    with Names() as outer, Names() as inner:
        w.nn.functional.linear(w.ones(1, 2), w.ones(3, 2))
    assert inner.names == outer.names == ["torch.ones", "torch.ones", "torch.nn.functional.linear"]
    w.ones(1)
    assert len(inner.names) == 3


def test_switched_off(Meters):
    with o.DisableTorchFunctionSubclass():
        assert type(w.ones(2).as_subclass(Meters) + 1) is w.Tensor
    assert o.has_torch_function((Thing(),)) and not o.has_torch_function((w.ones(1),))


def test_functions_of_ones_own():
    @o.wrap_torch_function(lambda x: (x,))
    def mine(x):
        return x

    assert mine(1) == 1 and mine(Thing())[0] is mine


def test_signatures_stay():
    assert list(inspect.signature(w.nn.functional.softmax).parameters)[:2] == ["input", "dim"]


@pytest.mark.parametrize("name", ["ccol_indices", "exp", "add", "sum"])
def test_errors_name_the_function_while_a_subclass_lives(name, Logged):
    with pytest.raises(TypeError, match=rf"\b{name}\(\)"):
        getattr(w.Tensor, name)(w.ones(2), no_such_argument=1)


class Diagonal:
    """A matrix with one number on its diagonal, no tensor, as in PyTorch's notes on extending."""

    def __init__(self, value, n=2):
        self.value, self.n = value, n

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED or not all(issubclass(t, (w.Tensor, cls)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))


def dense(x):
    return x.value * w.eye(x.n) if isinstance(x, Diagonal) else x


HANDLED = {
    f: lambda *args, f=f, **kw: f(*map(dense, args), **{k: dense(v) for k, v in kw.items()})
    for f in (w.mean, w.add, w.mm, w.Tensor.add, w.Tensor.mul, w.Tensor.matmul,
              w.Tensor.eq, w.allclose, w.nn.functional.softmax, w.nn.functional.linear)
}  # fmt: skip
HANDLED[w.cat] = lambda tensors, dim=0: w.cat([dense(x) for x in tensors], dim)


@pytest.mark.parametrize(
    "call",
    [
        "w.mean(d)", "w.add(t, d)", "w.add(t, d, alpha=2)", "w.mm(d, t)", "t + d",
        "d + t", "d * t", "t @ d", "t == d", "t.add(d)", "w.allclose(d, t)", "w.cat([t, d], dim=1)",
        "w.nn.functional.softmax(d, dim=1)", "w.nn.functional.linear(t, d)",
        "w.nn.Linear(2, 2).forward(d).shape",
    ],
)  # fmt: skip
def test_classes_that_are_no_tensors_stand_in(call):
    t = w.arange(4.0).reshape(2, 2)
    got = eval(call, {"w": w, "t": t, "d": Diagonal(3.0)})
    want = eval(call, {"w": w, "t": t, "d": 3.0 * w.eye(2)})
    assert w.equal(got, want) if isinstance(want, w.Tensor) else got == want
    for f in (w.sin, w.numel):
        with pytest.raises(TypeError, match="all __torch_function__ handlers returned NotImpl"):
            f(Diagonal(1.0))


def test_functions_that_classes_are_asked_for_have_the_names_of_methods():
    names = []

    class Noting(w.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            names.append(func.__name__)
            assert getattr(w.Tensor, func.__name__) is func
            return w.ones(2)

    x = w.ones(2, dtype=w.int64).as_subclass(Noting)
    x[0]
    x[0] = 1
    1 - x, 2**x, 1 // x, 5 % x, 1 << x, x // 2, x & 1, ~x, -x, +x, abs(x), 1 + x
    y = x
    y |= 1
    assert names == [
        "__getitem__", "__setitem__", "__rsub__", "__rpow__", "__rfloordiv__", "__rmod__",
        "__rlshift__", "__floordiv__", "__and__", "__invert__", "neg", "positive", "abs", "add",
        "__ior__",
    ]  # fmt: skip


def test_classes_that_are_no_tensors_stand_in_for_functions_of_any_number_of_tensors():
    class Stranger:
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func.__name__, len(args), kwargs

    Stranger.__torch_function__ = classmethod(Stranger.__torch_function__)
    s, t = Stranger(), w.ones(2)
    assert w.einsum("i,i", s, t)[:2] == ("einsum", 3)
    assert w.broadcast_tensors(t, s)[0] == "broadcast_tensors"
    assert w.meshgrid(s, t, indexing="ij")[2] == {"indexing": "ij"}
    with pytest.raises(TypeError, match="expected Tensor as element 1"):
        w.broadcast_tensors(t, 3)


class Seen:
    """No tensor; answers with the function that it is given to."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func


@pytest.mark.parametrize(
    "path, args",
    [
        ("linalg.solve", (Seen(), w.eye(2))), ("linalg.cholesky", (Seen(),)),
        ("linalg.eigh", (Seen(),)), ("linalg.svd", (Seen(),)), ("linalg.qr", (Seen(),)),
        ("linalg.inv", (Seen(),)), ("cholesky_solve", (w.eye(2), Seen())),
        ("quantile", (Seen(), 0.5)), ("trace", (Seen(),)), ("polar", (Seen(), w.ones(2))),
        ("kl_div", (Seen(), w.ones(2))), ("block_diag", (w.eye(2), Seen())),
        ("cartesian_prod", (Seen(),)), ("broadcast_tensors", (Seen(), w.ones(2))),
        ("einsum", ("i,i", Seen(), w.ones(2))), ("matmul", (w.eye(2), Seen())),
        ("Tensor.cholesky_solve", (w.eye(2), Seen())),
    ],
)  # fmt: skip
def test_what_stands_in_is_given_the_public_function(path, args):
    f = w
    for name in path.split("."):
        f = getattr(f, name)
    assert f(*args) is f


def test_attributes_are_asked_for_as_functions_that_read_and_write_them(Logged):
    x = w.ones(2, 2).as_subclass(Logged)
    Logged.seen.clear()
    x.shape, x.T, x.dtype, x.grad, x.requires_grad_()
    x.requires_grad = False
    assert Logged.seen == [
        "torch.Tensor.shape.__get__", "torch.Tensor.T.__get__", "torch.Tensor.dtype.__get__",
        "torch.Tensor.grad.__get__", "torch.Tensor.requires_grad_",
        "torch.Tensor.requires_grad.__set__",
    ]  # fmt: skip
    assert type(x.T) is type(x.data) is Logged and x.is_cuda is False
    assert [type(row) for row in x] == [Logged, Logged]
    assert repr(x).startswith("Logged(")
    y = w.ones(2, requires_grad=True)
    y.as_subclass(Logged).sum().backward()
    assert type(y.grad) is w.Tensor


def test_reading_an_attribute_may_be_answered_by_a_class():
    class Sized(w.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func == w.Tensor.shape.__get__:
                return (7,)
            return super().__torch_function__(func, types, args, kwargs)

    x = w.ones(2).as_subclass(Sized)
    assert x.shape == (7,) and x.ndim == 1 and w.ones(2).shape == (2,)
    del x, Sized
    gc.collect()


def test_a_mode_that_answers_nothing_leaves_it_to_the_arguments():
    class Nothing(o.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return NotImplemented

    x = w.ones(2)
    with Nothing():
        with pytest.raises(TypeError, match="torch.add.*NotImplemented(.|\n)*mode object"):
            w.add(x, 1)
        assert w.add(Thing(), 1)[0] is w.add


def test_modes_see_attributes_and_first_uses_alike():
    names = []

    class Noting(o.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            names.append(func.__name__)
            return func(*args, **(kwargs or {}))

    x = w.ones(2)
    with Noting():
        x.shape, w.hann_window(4), x == x, x.requires_grad_()
    assert names == ["__get__", "hann_window", "eq", "requires_grad_"]


def test_lists_of_what_may_be_stood_in_for():
    overridable = w.overrides.get_overridable_functions()
    assert w.add in overridable[w] and w.Tensor.add_ in overridable[w.Tensor]
    assert w.ones not in overridable[w] and w.ones in w.overrides.get_ignored_functions()
    stand_ins = w.overrides.get_testing_overrides()
    assert len(stand_ins) > 1000 and stand_ins[w.Tensor.shape.__get__](w.ones(1)) == -1
    assert w.overrides.resolve_name(w.Tensor.shape.__get__) == "torch.Tensor.shape.__get__"
    assert w.overrides.resolve_name(len) is None
    assert w.overrides.is_tensor_method_or_property(w.Tensor.shape.__get__)


def test_made_of_other_memory(Meters):
    x = w.ones(2, requires_grad=True)
    y = w.Tensor._make_subclass(Meters, x * 2)
    assert type(y) is Meters and not y.requires_grad and y.is_leaf
    z = w.Tensor._make_subclass(Meters, x, True)
    assert z.requires_grad and z.data_ptr() == x.data_ptr()
    for args in ((int, x), (Meters, 3)):
        with pytest.raises(TypeError):
            w.Tensor._make_subclass(*args)
    with pytest.raises(RuntimeError, match="floating point and complex"):
        w.Tensor._make_subclass(Meters, w.tensor([1]), True)


class Told:
    """Stands in, and says what it was handed."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [t.__name__ for t in types], len(args), sorted(kwargs or {})


@pytest.mark.parametrize(
    ("call", "types", "places", "names"),
    [  # as PyTorch hands its functions that are Python
        (lambda d, t: w.nn.functional.relu(d), ["Told"], 1, ["inplace"]),
        (lambda d, t: w.nn.functional.softmax(d, dim=0), ["Told"], 1,
         ["_stacklevel", "dim", "dtype"]),
        (lambda d, t: w.nn.functional.mse_loss(t, d), ["Tensor", "Told"], 2,
         ["reduce", "reduction", "size_average", "weight"]),
        (lambda d, t: w.nn.functional.interpolate(d, 2), ["Told"], 1,
         ["align_corners", "antialias", "mode", "recompute_scale_factor", "scale_factor", "size"]),
        (lambda d, t: w.nn.functional.linear(d, t), ["Told"], 2, []),
        (lambda d, t: w.meshgrid(d, t), ["Told", "Tensor"], 2, ["indexing"]),
        (lambda d, t: w.tensordot(d, t, 1), ["Told", "Tensor"], 2, ["dims", "out"]),
        (lambda d, t: w.add(d, t), ["Told"], 2, []),
    ],
)  # fmt: skip
def test_keywords_are_handed_as_pytorch_does(call, types, places, names):
    assert call(Told(), w.ones(2))[1:] == (types, places, names)


def test_making_a_layer_calls_what_pytorch_calls():
    class Names(w.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    seen = []
    with Names():
        w.nn.Linear(2, 2)
    assert seen == [
        "empty", "__get__", "empty", "__get__", "kaiming_uniform_", "dim", "size", "size", "dim",
        "uniform_",
    ]  # fmt: skip
