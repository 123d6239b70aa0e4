"""Choices between numbers and arrays, in machine code or not."""

import math

import numpy as np
import pytest

import wengert as T
from wengert.arrays import fused_elements


@pytest.mark.parametrize("number", [1, 0.0, -0.0, math.nan, -math.inf, -3.7, 1 << 40])
@pytest.mark.parametrize("shape", [(500, 7), (3,), ()])
def test_where_with_a_number(number, shape):
    fused_elements.CHOICE.compile()
    r = np.random.default_rng(0)
    x, mask = r.standard_normal(shape).astype("f"), r.random(shape) < 0.5
    a, m = T.tensor(x), T.tensor(mask)
    for got, want in (
        (T.where(m, a, number), np.where(mask, x, np.float32(number))),
        (T.where(m, number, a), np.where(mask, np.float32(number), x)),
    ):
        assert got.dtype is T.float32
        assert got.numpy().tobytes() == want.astype("f").tobytes()
