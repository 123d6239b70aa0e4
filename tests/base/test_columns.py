"""What is said of a data frame's columns that hold no numbers, or lack some."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as torch
from wengert.base.columns import gaps, strangers

pandas = pytest.importorskip("pandas")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([1, "x"], "'c' (object, such as 'x')"),
        (["x", 1], "'c' (object, such as 'x')"),
        ([None, "x"], "such as 'x'"),
        (pandas.array([None, "s"], dtype="string"), "'c' (string, such as 's')"),
        (pandas.Categorical(["a", "b"]), "category, such as 'a'"),
        (pandas.to_datetime(["2020-01-01", None]), "datetime64"),
        ([np.arange(2), np.arange(3)], "such as array([0, 1])"),
    ],
)
def test_the_column_and_what_is_in_it_are_named(column, said):
    frame = pandas.DataFrame({"a": [1.0, 2.0], "c": column})
    text = strangers(frame)
    assert text.startswith("the column 'c' (")
    assert said in text
    with pytest.raises(TypeError, match="the column 'c'"):
        torch.tensor(frame)


@pytest.mark.parametrize(
    "column",
    [[True, None], [1, 2.5], pandas.array([1, None], dtype="Int64"), [np.int8(1), np.bool_(True)],
     pandas.Categorical([3, 4])],
)  # fmt: skip
def test_numbers_and_gaps_are_no_strangers(column):
    frame = pandas.DataFrame({"a": [1.0, 2.0], "c": pandas.Series(column, dtype=None)})
    assert strangers(frame) == strangers(frame.astype({"c": object})) == ""


def test_gaps_are_counted_by_column():
    frame = pandas.DataFrame({"a": [1.0, None], "b": [1, 2], "c": [None, None]})
    assert "the columns 'a' (1 of 2), 'c' (2 of 2)" in gaps(frame)
    assert gaps(frame[["b"]]) == ""


def test_what_is_no_frame():
    assert strangers([["a"]]) == gaps(np.array(["a"])) == strangers(pandas.Series(["a"])) == ""
