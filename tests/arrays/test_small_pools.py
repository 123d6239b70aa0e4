"""Pools by tables: the loops and NumPy give the same bits, and what the general ways give."""

import itertools

import numpy as np
import pytest

from wengert.arrays import small_pools as small
from wengert.kernels import compiler

TABLES = (small.MAXIMA, small.SUMS, small.SPREAD)
CASES = [
    small.sliding((2, 3, 7, 6), (3, 2), (1, 2), (1, 1), (1, 1), True),
    small.sliding((2, 7), (3,), (2,), (0,), (2,), False),
    small.sliding((1, 2, 4, 5, 3), (2, 2, 2), (2, 1, 1), (0, 1, 0), (1, 1, 1), False),
    small.covering((2, 5, 7), (3, 2)),
    small.covering((3, 1, 8), (8,)),
]


def windows(t, x):
    """The places and values of each plane's windows."""
    planes = x.reshape(t.planes, t.size)
    for p, w in itertools.product(range(t.planes), range(t.windows)):
        at = t.places[w][t.places[w] >= 0]
        yield p, w, at, planes[p, at]


def arrays(t, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(t.planes * t.size).astype(dtype)
    yield x
    yield np.round(x)  # equal elements
    y = x.copy()
    y[rng.integers(0, y.size, 3)] = np.nan
    y[rng.integers(0, y.size, 3)] = -np.inf
    yield y


@pytest.fixture(params=["loops", "NumPy"])
def way(request, monkeypatch):
    for table in TABLES:
        for code in table.values():
            if request.param == "NumPy":
                monkeypatch.setattr(code, "made", True)
                monkeypatch.setattr(code, "run", None)
            elif compiler.target() is None or code.compile() is None:
                pytest.skip("no compiler")
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("t", CASES)
def test_values(t, dtype, way):
    for x in arrays(t, np.dtype(dtype)):
        best, total = small.maxima(x, t), small.sums(x, t, None)
        given = small.sums(x, t, 3)
        assert best is not None or way == "NumPy" and not np.isfinite(x).all()
        for p, w, at, values in windows(t, x):
            expected = dtype(0)
            for v in values:
                expected += v
            for got, by in ((total, len(at)), (given, 3)):
                r = got.reshape(t.planes, t.windows)[p, w]
                assert r == expected / dtype(by) or np.isnan(r) and np.isnan(expected)
            if best is None:
                continue
            nans = at[np.isnan(values)]
            where = nans[-1] if len(nans) else at[values.argmax()]
            assert best[1].reshape(t.planes, t.windows)[p, w] == where
            r = best[0].reshape(t.planes, t.windows)[p, w]
            assert r == x.reshape(t.planes, t.size)[p, where] or len(nans)


@pytest.mark.parametrize("t", CASES)
def test_adjoint(t, way):
    g = np.arange(1.0, t.planes * t.windows + 1).reshape(t.shape)
    back = small.spread(g, t, 4).reshape(t.planes, t.size)
    expected = np.zeros_like(back)
    for p, w, at, _ in windows(t, back):
        np.add.at(expected[p], at, g.reshape(t.planes, t.windows)[p, w] / 4)
    assert np.array_equal(back, expected)


def test_put_adds_at_places():
    g = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    where = np.array([[1, 1, 0], [3, 2, 3]])
    code = small.PUT[g.dtype]
    if compiler.target() is None or code.compile() is None:
        assert small.put(g, where, 2, 4) is None
        return
    assert small.put(g, where, 2, 4).tolist() == [[2, 1, 0, 0], [0, 0, 4, 8]]


def test_large_pools_have_no_table():
    assert small.sliding((1, 64, 64), (8, 8), (1, 1), (0, 0), (1, 1), False) is None
    assert small.sliding((0, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False) is None
    assert small.covering((1, 256, 256), (2, 2)) is None
