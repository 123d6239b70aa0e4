"""Sobol' sequences: direction numbers, their scrambling, and points, as integers of 30 bits.

Joe and Kuo: Constructing Sobol sequences with better two-dimensional projections. SIAM J. Sci.
Comput. 30, 2008. Owen: Scrambling Sobol' and Niederreiter-Xing points. J. Complexity 14, 1998.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

BITS = 30
MOST = 21201  # dimensions for which there are direction numbers

Array = Any


def directions(dimension: int) -> Array:
    """The direction numbers (dimension, BITS) in Joe and Kuo's table, which SciPy brings along."""
    import scipy.stats

    with np.load(Path(scipy.stats.__file__).parent / "_sobol_direction_numbers.npz") as table:
        polynomials = table["poly"][:dimension].astype(np.int64)
        first = table["vinit"][:dimension].astype(np.int64)
    numbers = np.ones((dimension, BITS), np.int64)  # as they are in the first dimension
    degrees = np.array([int(p).bit_length() - 1 for p in polynomials])
    for degree in range(1, int(degrees.max(initial=0)) + 1):
        rows = np.flatnonzero(degrees == degree)
        v, p = numbers[rows], polynomials[rows]
        v[:, :degree] = first[rows, :degree]
        for j in range(degree, BITS):
            new = v[:, j - degree].copy()
            for k in range(1, degree + 1):
                new ^= (v[:, j - k] << k) * (p >> (degree - k) & 1)
            v[:, j] = new
        numbers[rows] = v
    return numbers << np.arange(BITS - 1, -1, -1)


def scrambled(numbers: Array, matrices: Array) -> Array:
    """Direction numbers times lower triangular matrices (dimension, BITS, BITS) of bits, whose
    diagonals are taken as ones.
    """
    places = np.arange(BITS - 1, -1, -1)
    bits = numbers[:, None, :] >> places[:, None] & 1  # (dimension, bit, number)
    matrices = np.tril(matrices, -1) + np.eye(BITS, dtype=np.int64)
    return ((matrices @ bits % 2) << places[:, None]).sum(1)


def with_first(at: Array, found: Array) -> Array:
    """Points with one in front."""
    return np.concatenate([at[None], found])


def points(at: Array, numbers: Array, start: int, n: int) -> Array:
    """The n points (n, dimension) after the point `at`, which has the number `start`."""
    i = np.arange(start, start + n, dtype=np.int64)
    zero = ~i & (i + 1)  # the rightmost zero of each number: which direction changes
    steps = numbers.T[np.log2(zero.astype(np.float64)).astype(np.int64)]
    return np.bitwise_xor.accumulate(np.concatenate([at[None], steps]))[1:]
