"""Which of equal elements is taken: each selection against a plain sort, and against PyTorch."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from wengert.arrays import equal_elements as equal


def rows(seed: int, count: int) -> list[list[int]]:
    rng = random.Random(seed)
    sizes = [1, 2, 3, 4, 16, 17, 33, 64, 65, 200]
    return [[rng.randrange(rng.choice([2, 7, 99])) for _ in range(rng.choice(sizes))]
            for _ in range(count)]  # fmt: skip


@pytest.mark.parametrize("descending", [True, False])
def test_selections_find_what_a_sort_finds(descending: bool) -> None:
    for i, row in enumerate(rows(1, 200)):
        k = 1 + i % len(row)
        found = equal.largest(row, k, descending)
        assert len(set(found)) == k
        assert [row[j] for j in found] == sorted(row, reverse=descending)[:k]
        some = equal.largest(row, k, descending, ordered=False)
        assert sorted(row[j] for j in some) == sorted(row[j] for j in found)
        assert row[equal.kth(row, k - 1)] == sorted(row)[k - 1]
        assert row.count(row[equal.most_frequent(row)]) == max(map(row.count, row))


def test_bad_pivots_are_given_up() -> None:
    """Rows that make quicksort quadratic end in a heap."""
    n = 300
    row = [0] * n
    for i in range(n):  # the median of three is always nearly the smallest
        row[i] = i if i % 2 else n - i
    assert [row[j] for j in equal.largest(row, n, False)] == sorted(row)


def test_places_are_those_of_pytorch(torch: Any) -> None:
    for i, row in enumerate(rows(2, 300)):
        k, x = 1 + i % len(row), torch.tensor(row)
        assert equal.largest(row, k, True) == torch.topk(x, k)[1].tolist()
        assert equal.largest(row, k, False) == torch.topk(x, k, largest=False)[1].tolist()
        assert equal.largest(row, k, True, False) == torch.topk(x, k, sorted=False)[1].tolist()
        assert equal.kth(row, k - 1) == torch.kthvalue(x, k)[1].item()
        assert equal.most_frequent(row) == torch.mode(x)[1].item()


def test_only_rows_with_equal_elements_are_looked_at_again() -> None:
    x = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 1.0]])
    asked = []

    def found(keys: list[int]) -> list[int]:
        asked.append(keys)
        return [1]

    places = equal.settled(x, np.array([[2, 1], [0, 1]]), 1, 1, True, found)
    assert places.tolist() == [[2], [1]]
    assert asked == [[1, 1, 0]]
