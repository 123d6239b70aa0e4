"""Tensors from data and sizes."""

import numpy as np
import pytest

import wengert


def test_old_constructors_take_numpys_integers_for_sizes():
    n = np.int64(2)
    assert wengert.Tensor(n, 3).shape == wengert.FloatTensor(n, np.int32(3)).shape == (2, 3)
    assert wengert.Tensor(n).shape == wengert.LongTensor(n).shape == (2,)
    assert wengert.ones(1).new(n, wengert.tensor(3)).shape == (2, 3)
    assert wengert.Tensor(size=(2, 3)).shape == (2, 3)
    assert wengert.LongTensor(np.array([3])).tolist() == [3]
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
