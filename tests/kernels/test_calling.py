"""Machine code as built-in functions: what they take, refuse, and leave as it was."""

import gc
import sys

import numpy as np
import pytest

from wengert.kernels import calling, compiler, jobs, native

needs_compiler = pytest.mark.skipif(
    compiler.target() is None or not calling.fits(), reason="calls go through ctypes here"
)

ADD = """
define void @run(ptr %where, i64 %i, double %d) {
  %x = sitofp i64 %i to double
  %y = fadd double %x, %d
  store double %y, ptr %where
  ret void
}
"""


@pytest.fixture(scope="module")
def add():
    return native.Host.make().function(ADD, "pid")


@jobs.job("x: float*, y: out float*, n: i64, c: double")
def scaled(k, word):
    x, y, n, c = k.table()
    k.loop(0, n, 1, lambda i: y.store(x.load(i) * c.to("float"), i))


@needs_compiler
def test_numbers_reach_the_kernel(add):
    out = np.zeros(1)
    where = out.ctypes.data
    add(where, 3, 0.5)
    assert out[0] == 3.5
    add(where, np.int64(-1), np.float32(-1.0))
    assert out[0] == -2.0
    add(where, True, 2)
    assert out[0] == 3.0


@needs_compiler
@pytest.mark.parametrize(
    "args", [("a", 1, 1.0), (0, "b", 1.0), (0, 1, "c"), (0, 1.5, 1.0), (0, 1), (0, 1, 2.0, 3), ()]
)
def test_what_is_no_number_is_refused(add, args):
    with pytest.raises(TypeError):
        add(*args)


@needs_compiler
def test_exceptions_of_arguments_pass_through(add):
    class Odd:
        def __index__(self):
            raise LookupError("mine")

        __float__ = __index__

    out = np.full(1, 7.0)
    for args in ((Odd(), 1, 1.0), (out.ctypes.data, Odd(), "x"), (out.ctypes.data, 1, Odd())):
        with pytest.raises(LookupError, match="mine"):
            add(*args)
    assert out[0] == 7.0


@needs_compiler
def test_a_job_runs_and_refuses_other_arrays():
    kernel = scaled("float")
    x, y = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    kernel(1, x, y, 4, 2.0)
    assert y.tolist() == [0, 2, 4, 6]
    fixed = np.zeros(4, np.float32)
    fixed.flags.writeable = False
    wrong = [
        (x.astype(np.float64), y),
        (x, y.astype(np.float64)),
        (x[::2], y),
        (x, y[::2]),
        (x, fixed),
        (np.zeros(9, np.int8)[1:].view(np.int8), y),
    ]
    for args in wrong:
        with pytest.raises(ValueError, match="needs an aligned"):
            kernel(1, *args, 4, 2.0)
    with pytest.raises(TypeError):
        kernel(1, x, y, "n", 2.0)
    with pytest.raises(LookupError):
        kernel(1, x, y, type("N", (), {"__index__": lambda self: {}["n"]})(), 2.0)
    assert y.tolist() == [0, 2, 4, 6]


@needs_compiler
def test_counts_stay(add):
    kernel = scaled("float")
    x, y = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    where, n, c = y.ctypes.data, 10**6, 0.25

    def counts():
        gc.collect()
        return [sys.getrefcount(o) for o in (x, y, where, n, c, x.dtype, add)]

    before, none = counts(), sys.getrefcount(None)
    for _ in range(10000):
        add(where, n, c)
        kernel(1, x, y, 4, c)
    assert counts() == before
    assert abs(sys.getrefcount(None) - none) < 1000


@needs_compiler
def test_without_built_in_functions_calls_go_through_ctypes(monkeypatch):
    monkeypatch.setattr(calling, "fits", lambda: False)
    out = np.zeros(1)
    native.Host.make().function(ADD, "pid")(out.ctypes.data, 3, 0.5)
    assert out[0] == 3.5
    kernel = jobs.job("x: float*, y: out float*, n: i64, c: double")(scaled.write)("float")
    assert kernel.quick is None
    x, y = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    kernel(1, x, y, 4, 2.0)
    assert y.tolist() == [0, 2, 4, 6]
