"""Tensors from data and sizes."""

from collections import deque

import numpy as np
import pytest

import wengert
import wengert as w


def test_old_constructors_take_numpys_integers_for_sizes():
    n = np.int64(2)
    assert wengert.Tensor(n, 3).shape == wengert.FloatTensor(n, np.int32(3)).shape == (2, 3)
    assert wengert.Tensor(n).shape == wengert.LongTensor(n).shape == (2,)
    assert wengert.ones(1).new(n, wengert.tensor(3)).shape == (2, 3)
    assert wengert.Tensor(size=(2, 3)).shape == (2, 3)
    assert wengert.LongTensor(np.array([3])).tolist() == [3]
    assert wengert.FloatTensor(np.array(3.0)).shape == ()
    for call in (
        lambda: wengert.Tensor(np.float32(2)), lambda: wengert.Tensor(True),
        lambda: wengert.Tensor(2.0), lambda: wengert.Tensor(n, 3.0),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="data must be a sequence"):
            call()


def test_old_constructors_of_tensors_share_their_memory_and_convert_nothing():
    x = wengert.tensor([1, 2])
    y = wengert.Tensor(x)
    y[0] = 5
    assert y.dtype is wengert.int64 and x.tolist() == [5, 2]
    for call in (lambda: wengert.FloatTensor(x), lambda: wengert.ones(1).new(x)):
        with pytest.raises(TypeError, match="expected a tensor of torch.float32"):
            call()


def test_layer_norm_takes_numpys_integers():
    layer = wengert.nn.LayerNorm(np.int64(3))
    assert layer.normalized_shape == (3,) and layer(wengert.ones(2, 3)).shape == (2, 3)


def test_rows_of_lists_arrays_and_other_sequences():
    a = np.array([1.0, 2.0])
    assert wengert.tensor([a, [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert wengert.tensor([[3, 4], a]).dtype is wengert.float64
    assert wengert.tensor(deque([a])).dtype is wengert.float64
    assert wengert.tensor(deque([np.float32(1)])).dtype is wengert.float32
    for data in ([a, np.ones(3)], [[1, 2], [3]]):
        with pytest.raises(ValueError, match="expected sequence of length 2 at dim 1"):
            wengert.tensor(data)
    with pytest.raises(ValueError, match="at dim 1 .got 0."):
        wengert.FloatTensor([[1, 2], {}])
    for data in ([a, 1], [1, a], [[1, 2], 3]):
        with pytest.raises(TypeError, match="sequence"):
            wengert.tensor(data)
    with pytest.raises(TypeError, match="only one element"):
        wengert.tensor([wengert.tensor([1, 2])])
    with pytest.raises(ValueError, match="only one element"):
        wengert.tensor([wengert.tensor([1.0, 2.0])])


def test_evenly_spaced_numbers_are_those_of_the_general_way():
    """Short forms of float32 numbers, not too many; ends are numbers or 0-d tensors of any kind."""
    dtype, device = wengert.float32, "cpu"
    for f, more in ((wengert.linspace, ()), (wengert.logspace, ()), (wengert.logspace, (0.5,))):
        for start, end in ((0, 5), (1.1, -2.7), (3, 3), (-0.3, 4), (2.5, 7.25), (0.0, -0.0)):
            for steps in (0, 1, 2, 5, 16, 17, 50, 333, 4096, 4097):
                want = f(start, end, steps, *more, requires_grad=True).detach()
                for a, b in ((start, end), (wengert.tensor(start), wengert.tensor(end))):
                    for got in (f(a, b, steps, *more), f(a, b, steps, *more, dtype=dtype)):
                        assert got.numpy().tobytes() == want.numpy().tobytes()
                    got = f(a, b, steps, *more, dtype=dtype, device=wengert.device(device))
                    assert got.numpy().tobytes() == want.numpy().tobytes()
                    assert f(a, b, steps, *more, device=device).dtype is dtype
    few = wengert.linspace(0.1, 2.7, 23).view(wengert.int32)[[1, 10, 11, 12, 21]]
    assert few.tolist() == [1046440718, 1067717279, 1068708659, 1069700040, 1076182146]
    many = wengert.linspace(-3, 1, 100).view(wengert.int32)[[33, 49, 50, 75]]
    assert many.tolist() == [-1076538027, -1081960965, -1082469366, 1022901776]
    assert wengert.linspace(0, 1, 3, dtype=wengert.float64).dtype is wengert.float64
    assert wengert.logspace(0, 1, 3, device="meta").is_meta
    with pytest.raises(TypeError):
        wengert.linspace(0, 1)
    with pytest.raises(RuntimeError):
        wengert.linspace(wengert.zeros(2), 1, 3)


@pytest.mark.parametrize(
    "data, dtype",
    [
        ([1e10], "int32"), ([1e30], "int64"), (300.0, "uint8"), ([-1.0], "uint8"),
        ([255.9], "uint8"), (float("nan"), "int32"),
    ],
)  # fmt: skip
def test_numbers_that_an_integer_dtype_cannot_hold(data, dtype):
    for make in (w.tensor, w.asarray):
        with pytest.raises(RuntimeError):
            make(data, dtype=getattr(w, dtype))


def test_integers_beyond_int64():
    for dtype in (w.float32, w.bfloat16, w.float8_e5m2, w.complex64):
        assert w.tensor([2**63], dtype=dtype).abs().float().item() >= 2**63
    for dtype in (w.int32, w.uint8, w.int64):
        with pytest.raises(ValueError):
            w.tensor(2**64, dtype=dtype)
    assert w.tensor([2**63], dtype=w.uint64).tolist() == [2**63]


@pytest.mark.parametrize(
    "data, dtype",
    [
        ([None], "float32"), ({1: 2}, "float32"), ({1, 2}, "int64"), ("123", "int64"),
        (b"abc", "uint8"), ([np.float32(1)], "int64"), (np.bool_(True), "int64"),
        ([1, "a"], "bool"), (None, "float32"), (iter([1]), "float32"), (object(), "int64"),
    ],
)  # fmt: skip
def test_what_python_would_not_convert_is_a_type_error(data, dtype):
    for make in (w.tensor, w.as_tensor):
        with pytest.raises(TypeError):
            make(data, dtype=getattr(w, dtype))


def test_what_python_would_convert():
    assert w.tensor([np.float64(1.5), True], dtype=w.int64).tolist() == [1, 1]
    assert w.tensor([w.tensor(1.5), np.float32(2)], dtype=w.float64).tolist() == [1.5, 2.0]
    assert w.tensor([np.bool_(True), 0], dtype=w.bool).tolist() == [True, False]
    with pytest.raises(ValueError):
        w.tensor([w.ones(2), w.ones(2)], dtype=w.float32)


def test_asarray_does_not_alias_numbers_and_sequences():
    for obj in (1j, range(3), [1]):
        with pytest.raises(ValueError):
            w.asarray(obj, copy=False)
    with pytest.raises(RuntimeError):
        w.asarray(np.int32(3), copy=False)
