"""Counts of values."""

import pytest

import wengert as torch


def test_equal_ends_mean_the_range_of_the_data():
    x = torch.tensor([1.0, 2.0, 2.0, 5.0])
    assert x.histc(2, 3, 3).tolist() == x.histc(2).tolist() == [3.0, 1.0]
    assert torch.tensor([4.0]).histc(1, 2, 2).tolist() == [1.0]
    with pytest.raises(RuntimeError, match="finite"):
        torch.tensor([float("nan")]).histc(3, 1, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_what_lies_outside_is_not_counted(dtype):
    nan, inf = float("nan"), float("inf")
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.5, 3.0, 3.5, nan, inf, -inf], dtype=dtype)
    found = x.histc(3, 0, 3)
    assert found.dtype == dtype and found.tolist() == [2.0, 1.0, 2.0]
    assert x[:0].histc(2, 0, 1).tolist() == [0.0, 0.0]


def test_a_range_whose_multiple_overflows():
    assert torch.tensor([-1e38, -0.25, 0.75]).histc(4).tolist() == [1.0, 0.0, 0.0, 2.0]
    found = torch.tensor([-3e38, 3e38, 0.0, 1.0]).histc(3, -3e38, 3e38)
    assert found.dtype == torch.float32 and found.tolist() == [1.0, 2.0, 1.0]
