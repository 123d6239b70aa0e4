"""Calls that PyTorch refuses, and what storages can do, with PyTorch's error types and values."""

import warnings

import pytest

import wengert as torch
from wengert.autograd import forward_ad


class Short(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g[:1]


def hooked(hook):
    x = torch.ones(2, requires_grad=True)
    x.register_hook(hook)
    x.sum().backward()


def nested():
    with forward_ad.dual_level(), forward_ad.dual_level():
        pass


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: torch.ones(2, pin_memory=True), RuntimeError, "no pinned memory allocator"),
        (lambda: torch.tensor([1], pin_memory=True), RuntimeError, "no pinned memory allocator"),
        (lambda: torch.rand(2, pin_memory=True), RuntimeError, "no pinned memory allocator"),
        (lambda: torch.hypot(torch.tensor([1]), torch.tensor([2])), NotImplementedError, "hypot"),
        (lambda: torch.logaddexp(torch.tensor([1]), torch.tensor([2])), NotImplementedError,
         "logaddexp"),
        (lambda: torch.broadcast_shapes((-1,)), ValueError, "negative length"),
        (lambda: torch.device("cuda", -1), RuntimeError, "must not be negative"),
        (lambda: hooked(lambda g: g.double()), RuntimeError, "changed the type of value"),
        (lambda: torch.autograd.grad(torch.ones(1, requires_grad=True).sum(), ()), RuntimeError,
         "cannot be empty"),
        (lambda: Short.apply(torch.ones(2, requires_grad=True)).sum().backward(), RuntimeError,
         "invalid gradient at index 0"),
        (nested, RuntimeError, "Nested forward mode AD"),
    ],
)  # fmt: skip
def test_refused(call, error, text):
    if text.startswith("no pinned") and torch.cuda.is_available():
        pytest.skip("there is a device that copies from pinned memory")
    with pytest.raises(error, match=text):
        call()


def test_storages():
    s = torch.UntypedStorage([1, 2, 3, 4])
    assert s.tolist() == [1, 2, 3, 4] and not s.is_shared()
    s.byteswap(torch.int16)
    assert s.tolist() == [2, 1, 4, 3]
    t = torch.UntypedStorage.from_buffer(b"abcd", "big", dtype=torch.int16)
    assert bytes(t.tolist()) == b"badc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numbers = torch.arange(3.0).storage()
    assert numbers.double().dtype is torch.float64 and numbers.int().tolist() == [0, 1, 2]


def test_values_at_the_edge():
    assert torch.histc(torch.tensor([-1e38]))[50] == 1  # the middle of 100 bins
    assert torch.finfo(torch.float16).resolution == 1e-3
    layer = torch.nn.Linear(2, 2)
    other = torch.func.functional_call(layer, {"more": torch.ones(1)}, torch.ones(1, 2))
    assert torch.equal(other, layer(torch.ones(1, 2))) and not hasattr(layer, "more")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([1, "a"], TypeError), (["a"], ValueError), (["a", 1], ValueError),
        ([[1], ["a"]], TypeError), ([1, b"a"], TypeError), ("abc", TypeError),
        ([1, None], RuntimeError),
    ],
)  # fmt: skip
def test_texts_are_no_numbers(data, error):
    with pytest.raises(error):
        torch.tensor(data)


@pytest.mark.parametrize("value", ["a", None, b"a"], ids=repr)
def test_what_cannot_be_assigned(value):
    x = torch.zeros(3)
    for key in (0, [0], torch.tensor([0]), torch.tensor([True, False, True])):
        with pytest.raises(TypeError, match=r"can't assign a \w+ to a torch.FloatTensor"):
            x[key] = value


def test_limits_of_dtypes_are_compared():
    assert torch.finfo(torch.half) == torch.finfo(torch.half) != torch.finfo(torch.float)
    assert torch.iinfo(torch.int8) == torch.iinfo(torch.int8) != torch.iinfo(torch.int16)
    assert torch.finfo(torch.complex64) == torch.finfo(torch.float) != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(torch.finfo(torch.half))


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64])
def test_ranges_are_of_real_numbers(dtype):
    with pytest.raises(NotImplementedError, match="arange_cpu"):
        torch.arange(3, dtype=dtype)
