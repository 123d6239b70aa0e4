"""Where arrays are in memory: only of those that lie there as they were said to."""

import numpy as np
import pytest

import wengert
import wengert.optim
from wengert.optim import addresses, chunks, native
from wengert.optim.native import Places


def places():
    return Places([[np.zeros((2, 3)), None, np.ones(6)], [np.zeros(5), None, np.ones(5)]], F64)


F64 = np.dtype("float64")
GOOD = np.arange(6.0)
REFUSED = {
    "another dtype": [GOOD, np.zeros(5, "f4")],
    "too few": [GOOD, np.zeros(4)],
    "strided": [np.zeros((3, 2)).T, np.zeros(5)],
    "no array": [GOOD, None],
    "fewer arrays": [GOOD],
    "a subclass": [GOOD, np.zeros(5).view(np.recarray)],
}


@pytest.mark.parametrize("code", [True, False])
def test_arrays_are_found(code, monkeypatch):
    if code and addresses.filler() is None:
        pytest.skip("no machine code here")
    if not code:
        monkeypatch.setattr(native, "filler", lambda: None)
    p, given = places(), [GOOD, np.zeros((1, 5))]
    assert p.fill(given, F64)
    assert p.table[:, 1].tolist() == [a.__array_interface__["data"][0] for a in given]


@pytest.mark.parametrize("case", REFUSED)
def test_others_are_refused(case):
    if addresses.filler() is None:
        pytest.skip("no machine code here")
    assert not places().fill(REFUSED[case], F64)


def test_memory_that_is_shared_is_one_threads():
    x = np.zeros(1 << 18)
    assert native.overlap([[x[:10], None], [x[9:], None]])
    assert not native.overlap([[x[:10], None, x[:10]], [x[10:], None]])


@pytest.mark.parametrize("kind", ["strided", "half", "frozen", "complex", "many"])
def test_odd_rows_take_the_steps_of_numpy(kind, monkeypatch):
    pytest.importorskip("llvmlite")
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (5,), (0,), (), (700, 60)] if kind != "many" else [(3,)] * 90
    ends = []
    for first in (1, 1 << 60):
        monkeypatch.setattr(chunks, "PATIENT", first)
        rng = np.random.default_rng(0)
        made = []
        for shape in shapes:
            a = rng.standard_normal(shape)
            a = a + 1j * a[::-1] if kind == "complex" and a.ndim else a
            t = wengert.tensor(a, dtype=wengert.float16 if kind == "half" else None)
            made.append(t.mT if kind == "strided" and t.ndim > 1 else t)
        params = [t.requires_grad_() for t in made]
        optimizer = wengert.optim.Adam(params, lr=0.1)
        for _ in range(3):
            for p in params:
                p.grad = wengert.tensor(rng.standard_normal(tuple(p.shape))).to(p.dtype)
                if kind == "frozen" and p.ndim:
                    p.grad = p.grad[..., :1].expand(p.shape) if p.numel() else p.grad
            optimizer.step()
        ends.append([p.detach().numpy() for p in params])
    for x, y in zip(*ends):
        np.testing.assert_array_equal(x, y)
