"""Padding: plain calls, and what is said of others."""

import pytest

import wengert
import wengert.nn.functional as F


def test_padding_by_a_line_says_what_is_wrong():
    assert F.pad(wengert.ones(2), [1, 0], value=-0.0).signbit().tolist() == [True, False, False]
    with pytest.raises(RuntimeError, match="divisible by 2"):
        F.pad(wengert.ones(2), (1,))
