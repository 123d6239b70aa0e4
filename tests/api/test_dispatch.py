"""__torch_dispatch__: classes and modes that stand in for operators. The logs are PyTorch's."""

import copy
import gc
import io
import pickle
import weakref

import pytest

import wengert as torch
from wengert.nn import functional as F
from wengert.utils._python_dispatch import (
    TorchDispatchMode,
    is_traceable_wrapper_subclass,
    return_and_correct_aliasing,
)
from wengert.utils._pytree import tree_map

Wrapper = Slotted = None  # while such classes are there, operators are Python's for all tests


@pytest.fixture(scope="module", autouse=True)
def classes():
    class Wrapper(torch.Tensor):
        """Holds a tensor, and writes down the operators that it is given."""

        log: list[str] = []

        @staticmethod
        def __new__(cls, held):
            return torch.Tensor._make_wrapper_subclass(
                cls, held.shape, dtype=held.dtype, requires_grad=held.requires_grad
            )

        def __init__(self, held):
            self.held = held.detach()

        def __repr__(self):
            return f"Wrapper({self.held})"

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            cls.log.append(str(func))
            args, kwargs = tree_map(
                lambda a: a.held if isinstance(a, cls) else a, (args, kwargs or {})
            )
            return tree_map(
                lambda a: cls(a) if isinstance(a, torch.Tensor) else a, func(*args, **kwargs)
            )

    class Slotted(torch.Tensor):
        """As PyTorch's own tests have it: what it holds has a slot."""

        __slots__ = ["held"]

        @staticmethod
        def __new__(cls, held):
            r = torch.Tensor._make_wrapper_subclass(
                cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
                dtype=held.dtype, layout=held.layout, device=held.device,
            )  # fmt: skip
            r.held = held
            return r

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            args, kwargs = tree_map(
                lambda a: a.held if isinstance(a, cls) else a, (args, kwargs or {})
            )
            return tree_map(
                lambda a: cls(a) if isinstance(a, torch.Tensor) else a, func(*args, **kwargs)
            )

    for cls in (Wrapper, Slotted):
        cls.__qualname__ = cls.__name__  # where pickle looks
        globals()[cls.__name__] = cls
    yield
    globals().update(Wrapper=None, Slotted=None)
    del Wrapper, Slotted, cls
    gc.unfreeze()
    gc.collect()


class Logged(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.log: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.log.append(str(func))
        return func(*args, **(kwargs or {}))


def wrapper(requires_grad=False):
    w = Wrapper(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    Wrapper.log.clear()
    return w.requires_grad_() if requires_grad else w


CALLS = {
    "x + 1": ["aten.add.Tensor"],
    "1 - x": ["aten.rsub.Scalar"],
    "2 / x": ["aten.reciprocal.default", "aten.mul.Tensor"],
    "x**2": ["aten.pow.Tensor_Scalar"],
    "2**x": ["aten.pow.Scalar"],
    "x > 1": ["aten.gt.Scalar"],
    "x == x": ["aten.eq.Tensor"],
    "x @ x": ["aten.mm.default"],
    "x.sum()": ["aten.sum.default"],
    "x.sum(0)": ["aten.sum.dim_IntList"],
    "x.mean(1)": ["aten.mean.dim"],
    "x.std(0)": ["aten.std.correction"],
    "x.max()": ["aten.max.default"],
    "x.max(0)": ["aten.max.dim"],
    "x.argmax()": ["aten.argmax.default"],
    "x.sort()": ["aten.sort.default"],
    "x.sort(stable=True)": ["aten.sort.stable"],
    "x.index_select(0, torch.tensor([1]))": ["aten.index_select.default"],
    "x.t()": ["aten.t.default"],
    "x.permute(1, 0)": ["aten.permute.default"],
    "x.view(4)": ["aten.view.default"],
    "x.t().reshape(4)": ["aten.t.default", "aten.view.default"],
    "x[0]": ["aten.select.int"],
    "x[:, :1]": ["aten.slice.Tensor"],
    "x[None]": ["aten.unsqueeze.default"],
    "x[x > 1]": ["aten.gt.Scalar", "aten.index.Tensor"],
    "x[torch.tensor([0])]": ["aten.index.Tensor"],
    "x.split(1)": ["aten.split.Tensor"],
    "x.unbind()": ["aten.unbind.int"],
    "torch.cat([x, x])": ["aten.cat.default"],
    "torch.stack([x, x])": ["aten.stack.default"],
    "torch.where(x > 1, x, x)": ["aten.gt.Scalar", "aten.where.self"],
    "x.masked_fill(x > 1, 0)": ["aten.gt.Scalar", "aten.masked_fill.Scalar"],
    "x.clone()": ["aten.clone.default"],
    "x.detach()": ["aten.detach.default"],
    "x.data": ["aten.detach.default"],
    "x.double()": ["aten._to_copy.default"],
    "x.to(torch.float16)": ["aten._to_copy.default"],
    "torch.zeros_like(x)": ["aten.zeros_like.default"],
    "x.new_zeros(2)": ["aten.new_zeros.default"],
    "x.add_(1)": ["aten.add_.Tensor"],
    "x.zero_()": ["aten.zero_.default"],
    "x.copy_(x)": ["aten.copy_.default"],
    "x.__setitem__(0, 1.0)": ["aten.select.int", "aten.fill_.Tensor"],
    "x.sum().item()": ["aten.sum.default", "aten._local_scalar_dense.default"],
    "bool(x.sum() > 0)": ["aten.sum.default", "aten.gt.Scalar", "aten._local_scalar_dense.default"],
    "F.relu(x)": ["aten.relu.default"],
    "F.softmax(x, 0)": ["aten._softmax.default"],
    "F.log_softmax(x, 0)": ["aten._log_softmax.default"],
    "F.linear(x, torch.ones(3, 2), torch.ones(3))": ["aten.addmm.default"],
    "F.linear(torch.ones(1, 2), x)": ["aten.t.default", "aten.mm.default"],
    "F.layer_norm(x, (2,))": ["aten.native_layer_norm.default"],
    "torch.add(x, x, alpha=2)": ["aten.add.Tensor"],
    "torch.addmm(x, x, x)": ["aten.addmm.default"],
    "x.equal(x)": ["aten.equal.default"],
}


@pytest.mark.parametrize("text", CALLS)
def test_a_class_is_given_the_operators(text):
    w = wrapper()
    plain = eval(text, {"x": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "torch": torch, "F": F})
    got = eval(text, {"x": w, "torch": torch, "F": F})
    assert Wrapper.log == CALLS[text]
    if isinstance(plain, torch.Tensor):
        assert type(got) is Wrapper and torch.equal(got.held, plain) and got.dtype == plain.dtype


def test_gradients_flow_through_a_class():
    w = wrapper(requires_grad=True)
    p = torch.ones(3, 2, requires_grad=True)
    y = F.relu(F.linear(w, p)).sum()
    assert type(y) is Wrapper and y.requires_grad and not y.is_leaf
    y.backward()
    assert type(w.grad) is Wrapper and w.grad.held.tolist() == [[3, 3], [3, 3]]
    assert type(p.grad) is Wrapper and p.grad.held.tolist() == [[4, 6]] * 3
    assert "aten.threshold_backward.default" in Wrapper.log
    (g,) = torch.autograd.grad((w * w * w).sum(), w, create_graph=True)
    assert g.held.tolist() == [[3, 12], [27, 48]]
    w.grad = None
    g.sum().backward()
    assert w.grad.held.tolist() == [[6, 12], [18, 24]]


def test_hooks_optimizers_and_parameters_see_the_class():
    w = torch.nn.Parameter(wrapper())
    assert type(w) is Wrapper and isinstance(w, torch.nn.Parameter) and w.requires_grad
    m = torch.nn.Module()
    m.w = w
    assert [n for n, _ in m.named_parameters()] == ["w"]
    seen = []
    w.register_hook(lambda g: seen.append(type(g)))
    (w * w).sum().backward()
    assert seen == [Wrapper]
    torch.optim.SGD([w], lr=0.5).step()
    assert w.held.abs().sum() == 0


def test_slots_strides_and_copies():
    x = Slotted(torch.ones(2, 3).t())
    assert x.stride() == (1, 3) and not x.is_contiguous()
    assert torch.equal((x + 1).held, torch.full((3, 2), 2.0))
    y = copy.deepcopy(wrapper())
    assert type(y) is Wrapper and y.held.tolist() == [[1, 2], [3, 4]]
    assert not is_traceable_wrapper_subclass(y)


def test_a_subclass_with_elements():
    class Named(torch.Tensor):
        log: list[str] = []

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            Named.log.append((str(func), types))
            return super().__torch_dispatch__(func, types, args, kwargs)

    x = torch.Tensor._make_subclass(Named, torch.ones(2))
    y = x + 1
    assert type(x) is Named and type(y) is torch.Tensor and y.tolist() == [2, 2]
    assert Named.log == [("aten.add.Tensor", (Named,))]
    assert torch.relu(torch.ones(2)).tolist() == [1, 1] and len(Named.log) == 1


def test_pickling_saving_and_printing():
    w = wrapper(requires_grad=True)
    for copied in (
        pickle.loads(pickle.dumps(w)),
        torch.load(saved(w), weights_only=False),
    ):
        assert type(copied) is Wrapper and copied.held.tolist() == [[1, 2], [3, 4]]
        assert copied.requires_grad and copied.shape == (2, 2)
    assert torch.Tensor.__repr__(w) == "Wrapper(..., size=(2, 2), requires_grad=True)"
    shown = torch.Tensor.__repr__(w.detach().double(), tensor_contents="[1, 2]")
    assert shown == "Wrapper([1, 2], dtype=torch.float64)"


def saved(x):
    file = io.BytesIO()
    torch.save(x, file)
    file.seek(0)
    return file


def test_nobody_answers():
    class Silent(torch.Tensor):
        @staticmethod
        def __new__(cls, x):
            return torch.Tensor._make_wrapper_subclass(cls, x.shape)

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch._ops.aten.add.Tens"):
        Silent(torch.ones(2)) + 1
    with pytest.raises(TypeError, match="no __torch_dispatch__"):
        torch.Tensor._make_wrapper_subclass(torch.Tensor, [2])


def test_a_mode_sees_forward_and_backward():
    x = torch.ones(2, 3, requires_grad=True)
    w = torch.ones(2, 3, requires_grad=True)
    with Logged() as mode:
        y = F.relu(F.linear(x, w)) * torch.zeros(2, 2)
        y.sum().backward()
    assert mode.log[:5] == [
        "aten.t.default", "aten.mm.default", "aten.relu.default", "aten.zeros.default",
        "aten.mul.Tensor",
    ]  # fmt: skip
    assert mode.log[6:8] == ["aten.expand.default", "aten.mul.Tensor"]
    assert "aten.threshold_backward.default" in mode.log
    assert type(x.grad) is torch.Tensor and x.grad.tolist() == [[0] * 3] * 2
    n = len(mode.log)
    assert (x + 1).sum() == 12 and len(mode.log) == n


def test_modes_are_asked_from_the_inside():
    with Logged() as outer, Logged() as inner:
        torch.ones(2).add_(1)
    assert outer.log == inner.log == ["aten.ones.default", "aten.add_.Tensor"]

    class Replaced(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten.mul.Tensor:
                func = torch.ops.aten.add.Tensor
            return func(*args, **(kwargs or {}))

    x = torch.full((2,), 3.0, dtype=torch.float16, requires_grad=True)
    with Logged() as outer, Replaced():
        y = x * 2
    assert y.tolist() == [5, 5] and outer.log == ["aten.add.Tensor"] and y.dtype == torch.float16
    with Logged() as mode:
        w = wrapper() + 1
    assert type(w) is Wrapper and Wrapper.log == ["aten.add.Tensor"]
    assert mode.log.count("aten.add.Tensor") == 1  # it is off while the class is asked


def test_numbers_reach_a_mode_as_they_were_given():
    seen = []

    class Arguments(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append([a.dtype if isinstance(a, torch.Tensor) else a for a in args])
            return func(*args, **(kwargs or {}))

    x, i = torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.int64)
    with Arguments():
        y, z = x * 2.5, i / 2
    assert seen == [[torch.bfloat16, 2.5], [torch.int64, 2]]
    assert y.dtype == torch.bfloat16 and z.dtype == torch.float32


def test_operators_by_name():
    add = torch.ops.aten.add
    assert str(add) == "aten.add" and repr(add) == "<OpOverloadPacket(op='aten.add')>"
    assert repr(add.Tensor) == "<OpOverload(op='aten.add', overload='Tensor')>"
    assert add.Tensor.name() == "aten::add.Tensor" and add.Tensor.overloadpacket is add
    assert torch.ops.aten.mm.default.name() == "aten::mm"
    assert torch.ops.aten.add_.Tensor._schema.is_mutable and not add.Tensor._schema.is_mutable
    assert copy.deepcopy(add.Tensor) is add.Tensor is pickle.loads(pickle.dumps(add.Tensor))
    x = torch.arange(6.0).view(2, 3)
    aten = torch.ops.aten
    assert aten.sum.dim_IntList(x, [0], True).shape == (1, 3)
    assert aten.slice.Tensor(x, 1, 0, 9223372036854775807, 2).tolist() == [[0, 2], [3, 5]]
    assert aten.mse_loss.default(x, x + 1, 2) == 6
    assert type(aten.max.dim(x, 0)) is tuple
    with pytest.raises(NotImplementedError, match="name only"):
        aten._flash_attention_forward.default(x)
    out = torch.zeros(2)
    assert return_and_correct_aliasing(torch.ops.aten.add_.Tensor, (x,), {}, out) is x
    assert return_and_correct_aliasing(torch.ops.aten.add.Tensor, (x,), {}, out) is out


def test_a_class_goes_with_its_last_tensor():
    class Passing(torch.Tensor):
        @staticmethod
        def __new__(cls, x):
            return torch.Tensor._make_wrapper_subclass(cls, x.shape)

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            return func(*[torch.ones(2) if type(a) is cls else a for a in args])

    x = Passing(torch.ones(2))
    assert (x + 1).tolist() == [2, 2] and str(torch.nn.Parameter(x.detach()))
    gone = weakref.ref(Passing)
    del x, Passing
    gc.collect()
    assert gone() is None


STRIDES = {  # as PyTorch gives them
    "torch.tensor([2.0])[..., ::2]": (2,),
    "torch.ones(1, 4)[::3]": (12, 1),
    "torch.ones(4, 4)[3:4:2, ::4]": (8, 4),
    "torch.ones(4, 1, 5).transpose(0, 1)": (5, 5, 1),
    "torch.ones(2, 0, 3)": (3, 3, 1),
    "torch.ones(5, 3)[::2].t()": (1, 6),
    "torch.ones(3)[::2].unsqueeze(0)": (4, 2),
    "torch.ones(3, 3, 2).movedim(0, -1).unsqueeze(-1)": (2, 1, 6, 1),
    "torch.ones(3)[None, :, None]": (3, 1, 1),
    "torch.ones(1, 4).diagonal()": (5,),
}


@pytest.mark.parametrize("text", STRIDES)
def test_strides_of_dimensions_of_one_element(text):
    assert eval(text, {"torch": torch}).stride() == STRIDES[text]
