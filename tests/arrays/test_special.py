"""Functions that are asked for a part of their arguments alone, against SciPy's of all."""

import numpy as np
import pytest

import wengert as T

special = pytest.importorskip("scipy.special")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("gammainc", "gammainc"), ("gammaincc", "gammaincc"), ("zeta", "zeta")],
)
@pytest.mark.parametrize("lone", [False, True])
def test_mostly_outside_of_the_domain(name, theirs, lone, dtype):
    r = np.random.default_rng(0)
    x = -np.abs(r.standard_normal((100, 60))) * 3
    x[::9] *= -3
    for step, odd in ((31, 0.0), (37, -0.0), (41, np.nan), (43, np.inf), (47, 1.0), (53, -np.inf)):
        x.reshape(-1)[step // 2 :: step] = odd
    y = np.abs(r.standard_normal(() if lone else x.shape)) * 4
    if not lone:
        y.reshape(-1)[::29], y.reshape(-1)[::23] = 0, -1.5
    x, y = x.astype(dtype), np.asarray(y, dtype)
    got = getattr(T.special, name)(T.tensor(x), T.tensor(y)).numpy()
    with np.errstate(all="ignore"):
        want = getattr(special, theirs)(x, y).astype(dtype)
    np.testing.assert_array_equal(got, want)
