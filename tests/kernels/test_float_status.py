"""NumPy's ufuncs without their status: the same bits, and no warnings."""

import warnings

import numpy as np
import pytest

import wengert as torch
from wengert.kernels import compiler
from wengert.kernels.float_status import without_status

VALUES = np.array([-1.0, 0.0, -0.0, 0.5, 1.0, 2.0, np.inf, -np.inf, np.nan, 1e30, 100.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [np.log, np.sqrt, np.exp, np.arccos, np.log1p])
def test_the_numbers_are_numpys(f, dtype):
    a = VALUES.astype(dtype)
    for x in (a, a[::2], a[:, None].T, a[0]):
        with np.errstate(all="ignore"):
            want, got = np.asarray(f(x)), np.asarray(without_status(f)(x))
        assert got.dtype == want.dtype and got.tobytes() == want.tobytes()


def test_they_do_not_warn():
    f = without_status(np.log)
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
            np.log(VALUES)  # other programs are warned as before


def test_other_things_are_left_as_they_are():
    for f in (np.matmul, len, np.add.reduce):
        assert without_status(f) is f
    assert torch.tensor([-1.0], dtype=torch.float16).log().isnan().item()
    assert torch.tensor([-1.0], dtype=torch.bfloat16).log().isnan().item()
    assert torch.tensor([1, 4]).sqrt().tolist() == [1.0, 2.0]
