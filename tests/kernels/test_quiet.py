"""NumPy's loops without a word about what is no number: the same bits, and no warning."""

import warnings

import numpy as np
import pytest

import wengert as torch
from wengert.kernels import compiler
from wengert.kernels.quiet import quiet

VALUES = np.array([-1.0, 0.0, -0.0, 0.5, 1.0, 2.0, np.inf, -np.inf, np.nan, 1e30, 100.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [np.log, np.sqrt, np.exp, np.arccos, np.log1p])
def test_the_numbers_are_numpys(f, dtype):
    a = VALUES.astype(dtype)
    for x in (a, a[::2], a[:, None].T, a[0]):
        with np.errstate(all="ignore"):
            want, got = np.asarray(f(x)), np.asarray(quiet(f)(x))
        assert got.dtype == want.dtype and got.tobytes() == want.tobytes()


def test_nobody_hears_of_them():
    f = quiet(np.log)
    target = compiler.target()
    if target is None or not target.x86:
        assert f is np.log
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f is not np.log and np.isnan(f(np.float32([-1.0, 2.0]))[0])
        x = torch.tensor([-1.0, 4.0])
        assert x.sqrt().isnan().tolist() == [True, False]
        with pytest.raises(RuntimeWarning):
            np.log(VALUES)  # other programs hear as before


def test_other_things_are_left_as_they_are():
    for f in (np.matmul, len, np.add.reduce):
        assert quiet(f) is f
    assert torch.tensor([-1.0], dtype=torch.float16).log().isnan().item()
    assert torch.tensor([-1.0], dtype=torch.bfloat16).log().isnan().item()
    assert torch.tensor([1, 4]).sqrt().tolist() == [1.0, 2.0]
