"""Which of equal elements is taken: of small arrays the one that PyTorch's selections, which are
those of the C++ library, come to. They exchange elements over some distance, so it is neither the
first nor the last.

What lives here: these selections over the places of elements. What does not: finding the values
(`sorting.py`), which is done first and in other ways; only rows with equal elements come here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .numpy_direct import nonzeros

FEW = 1 << 12  # elements of an array, up to which its equal elements are looked for
SMALL = 16  # places, from which on the C++ library sorts by parts

Places = list[int]
Keys = list[Any]


def keys_of(row: Any) -> Keys:
    """Whole numbers that order as the elements do; nan is the largest."""
    keys: Keys = np.unique(row, return_inverse=True)[1].reshape(-1).tolist()
    return keys


def settled(
    x: Any, places: Any, dim: int, k: int, descending: bool, found: Callable[[Keys], Places]
) -> Any:
    """The first k of places along dim, which lead to elements of x in order, with those of rows in
    which equal elements meet replaced by found(keys of the row).
    """
    last = dim in (-1, x.ndim - 1)
    rows, at = (x, places) if last else (x.swapaxes(dim, -1), places.swapaxes(dim, -1))
    v = picked(rows, at)
    differ = (np.less if descending else np.greater)(v[..., 1:], v[..., :-1])  # nan does not
    out = places if last and k == at.shape[-1] else at[..., :k].copy()
    if nonzeros(differ) != differ.size:
        out = replaced(rows, out, ~np.logical_and.reduce(differ, -1), found)
    return out if last else np.ascontiguousarray(out.swapaxes(-1, dim))


def replaced(rows: Any, places: Any, which: Any, found: Callable[[Keys], Places]) -> Any:
    """Places with those of some rows replaced by found(keys of the row)."""
    flat, whole = rows.reshape(-1, rows.shape[-1]), places.reshape(-1, places.shape[-1])
    for i in np.flatnonzero(which).tolist():
        whole[i] = found(keys_of(flat[i]))
    return whole.reshape(places.shape)


def picked(rows: Any, at: Any) -> Any:
    """The elements at places of each row."""
    if rows.ndim == 1:
        return rows.take(at)
    return rows.reshape(-1).take(at + starts(rows.shape))


@functools.lru_cache(128)
def starts(shape: tuple[int, ...]) -> Any:
    """Where each row starts."""
    return np.arange(0, math.prod(shape), shape[-1]).reshape(*shape[:-1], 1)


def all_settled(x: Any, k: int, dim: int, found: Callable[[Keys], Places]) -> Any:
    """found() of every row."""
    rows = x.swapaxes(dim, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    out = np.array([found(keys_of(row)) for row in flat], np.int64)
    return np.ascontiguousarray(out.reshape(*rows.shape[:-1], k).swapaxes(-1, dim))


@functools.lru_cache(128)
def to_last(ndim: int, dim: int) -> tuple[int, ...]:
    """The order of dimensions in which dim is the last."""
    dim %= ndim
    return (*range(dim), *range(dim + 1, ndim), dim)


def one_of(
    x: Any, places: Any, dim: int, found: Callable[[Any], int], as_they_are: bool = False
) -> Any:
    """Places, one for each row of x along dim, likewise. as_they_are: found() takes the numbers."""
    rows = x if dim in (-1, x.ndim - 1) else x.transpose(to_last(x.ndim, dim))
    v = picked(rows, np.asarray(places)[..., None])
    same = rows == v
    if nonzeros(same) == v.size and nonzeros(v == v) == v.size:
        return places
    places, flat = np.array(places), rows.reshape(-1, rows.shape[-1])
    out = places.reshape(-1)
    for i in np.flatnonzero(np.add.reduce(same, -1) != 1).tolist():  # nan is equal to none
        out[i] = found(flat[i].tolist() if as_they_are else keys_of(flat[i]))
    return places


def largest(keys: Keys, k: int, descending: bool, ordered: bool = True) -> Places:
    """Places of the k largest (or smallest) elements, in order if `ordered`."""
    if descending:
        keys = [-i for i in keys]
    n = len(keys)
    q = list(range(n))
    if k * 64 <= n:
        heap_select(q, keys, 0, k, n)
        sort_heap(q, keys, 0, k)
        return q[:k]
    nth_element(q, keys, k - 1)
    if ordered:
        sort(q, keys, 0, k - 1)
    return q[:k]


def most_frequent(keys: list[Any]) -> int:
    """The place of the most frequent element: the last one of its run in a sorted order. Of keys
    that are numbers themselves each nan is one of its own, and nothing passes it.
    """
    q = list(range(len(keys)))
    sort(q, keys, 0, len(q))
    best = count = most = 0
    for j, i in enumerate(q):
        count += 1
        if j + 1 == len(q) or keys[q[j + 1]] != keys[i]:
            if count > most:
                best, most = i, count
            count = 0
    return best


def kth(keys: Keys, k: int) -> int:
    """The place of the k-th smallest element (from 0): quickselect with the median of three."""
    a, q = list(keys), list(range(len(keys)))

    def swap(i: int, j: int) -> None:
        a[i], a[j], q[i], q[j] = a[j], a[i], q[j], q[i]

    low, high = 0, len(a) - 1
    while low < high:
        if high == low + 1:
            if a[low] > a[high]:
                swap(low, high)
            break
        swap(low + (high - low) // 2, low + 1)
        for i, j in ((low + 1, high), (low, high), (low + 1, low)):
            if a[i] > a[j]:
                swap(i, j)
        i, j, pivot = low + 1, high, a[low]
        while True:
            i += 1
            while pivot > a[i]:
                i += 1
            j -= 1
            while a[j] > pivot:
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(low, j)
        if j <= k:
            low = i
        if j >= k:
            high = j - 1
    return q[k]


# ---- the C++ library's algorithms, on places q whose keys are compared


def nth_element(q: Places, keys: Keys, nth: int) -> None:
    """The nth place comes where it belongs, smaller ones before it."""
    first, last = 0, len(q)
    depth = 2 * (last.bit_length() - 1)
    while last - first > 3:
        if not depth:
            heap_select(q, keys, first, nth + 1, last)
            q[first], q[nth] = q[nth], q[first]
            return
        depth -= 1
        cut = partition(q, keys, first, last)
        first, last = (cut, last) if cut <= nth else (first, cut)
    insert_all(q, keys, first, last)


def sort(q: Places, keys: Keys, first: int, last: int) -> None:
    """Parts by quicksort, then all by insertion."""
    if last - first < 2:
        return
    in_parts(q, keys, first, last, 2 * ((last - first).bit_length() - 1))
    insert_all(q, keys, first, min(last, first + SMALL))
    for i in range(first + SMALL, last):
        insert(q, keys, i)


def in_parts(q: Places, keys: Keys, first: int, last: int, depth: int) -> None:
    while last - first > SMALL:
        if not depth:
            heap_select(q, keys, first, last, last)
            sort_heap(q, keys, first, last)
            return
        depth -= 1
        cut = partition(q, keys, first, last)
        in_parts(q, keys, cut, last, depth)
        last = cut


def partition(q: Places, keys: Keys, first: int, last: int) -> int:
    """Smaller ones before larger ones than the median of three, which comes to the front."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    x, y, z = keys[q[a]], keys[q[b]], keys[q[c]]
    if x < y:
        chosen = b if y < z else c if x < z else a
    else:
        chosen = a if x < z else c if y < z else b
    q[first], q[chosen] = q[chosen], q[first]
    pivot = keys[q[first]]
    low, high = first + 1, last
    while True:
        while keys[q[low]] < pivot:
            low += 1
        high -= 1
        while pivot < keys[q[high]]:
            high -= 1
        if low >= high:
            return low
        q[low], q[high] = q[high], q[low]
        low += 1


def insert(q: Places, keys: Keys, i: int) -> None:
    """Bring place i down to where it belongs; something before it is not larger."""
    one = q[i]
    while keys[one] < keys[q[i - 1]]:
        q[i] = q[i - 1]
        i -= 1
    q[i] = one


def insert_all(q: Places, keys: Keys, first: int, last: int) -> None:
    for i in range(first + 1, last):
        if keys[q[i]] < keys[q[first]]:
            q.insert(first, q.pop(i))
        else:
            insert(q, keys, i)


def sink(q: Places, keys: Keys, first: int, hole: int, n: int, one: int) -> None:
    """Put one into a heap at a hole: the hole goes down to a leaf, then one goes up."""
    top, child = hole, hole
    while child < (n - 1) // 2:
        child = 2 * (child + 1)
        if keys[q[first + child]] < keys[q[first + child - 1]]:
            child -= 1
        q[first + hole] = q[first + child]
        hole = child
    if n % 2 == 0 and child == (n - 2) // 2:
        child = 2 * (child + 1)
        q[first + hole] = q[first + child - 1]
        hole = child - 1
    while hole > top and keys[q[first + (hole - 1) // 2]] < keys[one]:
        q[first + hole] = q[first + (hole - 1) // 2]
        hole = (hole - 1) // 2
    q[first + hole] = one


def heap_select(q: Places, keys: Keys, first: int, middle: int, last: int) -> None:
    """The smallest come to the front, as a heap with the largest of them on top."""
    n = middle - first
    for parent in range((n - 2) // 2, -1, -1) if n > 1 else ():
        sink(q, keys, first, parent, n, q[first + parent])
    for i in range(middle, last):
        if keys[q[i]] < keys[q[first]]:
            one, q[i] = q[i], q[first]
            sink(q, keys, first, 0, n, one)


def sort_heap(q: Places, keys: Keys, first: int, last: int) -> None:
    while last - first > 1:
        last -= 1
        one, q[last] = q[last], q[first]
        sink(q, keys, first, 0, last - first, one)
