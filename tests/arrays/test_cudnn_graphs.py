"""Convolution and attention by cuDNN's graphs, over `cudnn_stand.py` and `cupy_stand.py`."""

import inspect
import sys
import types
import warnings
from functools import partial

import cudnn_stand
import ml_dtypes
import numpy as np
import pytest
from cudnn_stand import State
from cupy_stand import Array, Stand

from wengert.arrays import attention, conv, cuda, cudnn_graphs
from wengert.arrays.windows import Geometry
from wengert.base.backend_flags import cudnn as flags

GENERAL = {
    name: getattr(conv if "conv" in name else attention, name) for name in cudnn_graphs.WORDS
}
GEOMETRIES = [  # x, w, geometry
    ((2, 4, 9), (6, 2, 3), Geometry((2,), ((1, 1),), (1,), 2)),
    ((2, 3, 8, 7), (5, 3, 3, 2), Geometry((1, 1), ((1, 1), (0, 1)), (1, 1))),
    ((1, 4, 9, 9), (4, 1, 3, 3), Geometry((2, 1), ((2, 2), (1, 1)), (2, 1), 4)),
    ((2, 2, 5, 6, 5), (3, 2, 2, 3, 1), Geometry((1, 2, 1), ((0, 0), (1, 1), (0, 0)), (1, 1, 1))),
]
TOLERANCE = {"f4": 1e-5, "f8": 1e-11, "f2": 4e-3, ml_dtypes.bfloat16: 3e-2}


@pytest.fixture
def lib(monkeypatch):
    State.reset()
    monkeypatch.setitem(sys.modules, "cudnn", cudnn_stand)
    cudnn_graphs.module.cache_clear()
    monkeypatch.setattr(cudnn_graphs, "_handles", types.SimpleNamespace())
    yield Stand()
    cudnn_graphs.module.cache_clear()


def words(lib, name):
    """A word with cuDNN in front, and the general one."""
    general = partial(GENERAL[name], lib)
    return cudnn_graphs.wrap(name, general, lib), general


def arrays(dtype, *shapes):
    rng = np.random.default_rng(3)
    return [rng.standard_normal(s).astype(dtype).view(Array) for s in shapes]


def close(got, want, dtype):
    got, want = (np.asarray(a).astype("f8") for a in (got, want))
    t = TOLERANCE[dtype]
    np.testing.assert_allclose(got, want, rtol=t, atol=t * np.abs(want).max())


def calls(case, dtype):
    """word -> what it is called with, for a convolution."""
    x_shape, w_shape, geometry = case
    x, w, bias = arrays(dtype, x_shape, w_shape, (w_shape[0],))
    out = conv.conv(np, np.asarray(x), np.asarray(w), None, geometry).shape
    (g,) = arrays(dtype, out)
    return {
        "conv": (x, w, bias, geometry),
        "conv_input": (g, w, x_shape, geometry),
        "conv_weight": (x, g, w_shape, geometry),
    }


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", GEOMETRIES)
def test_convolutions(lib, case, dtype):
    for name, args in calls(case, dtype).items():
        word, general = words(lib, name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = [word(*args), word(*args)]
        for a in got:
            want = general(*args)
            assert a.dtype == want.dtype and a.shape == want.shape and a.flags.c_contiguous
            close(a, want, dtype)
    assert State.built == ["fprop", "dgrad", "wgrad"] and len(State.ran) == 6


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["f2", ml_dtypes.bfloat16])
@pytest.mark.parametrize("lead", [(2, 3), (4,)])
def test_attention(lib, lead, dtype, causal):
    q, k, v, g = arrays(dtype, (*lead, 5, 8), (*lead, 7, 8), (*lead, 7, 16), (*lead, 5, 16))
    word, general = words(lib, "attention")
    back, general_back = words(lib, "attention_backward")
    static = (causal, 0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            out, sums = word(q, k, v, None, None, *static)
            found = back(g, q, k, v, None, None, sums, out, *static, (True, False, True, False))
    want, p = general(q, k, v, None, None, *static)
    assert out.dtype == q.dtype and sums.shape == (*lead, 5)
    close(out, want, dtype)
    wanted = general_back(g, q, k, v, None, None, p, want, *static)
    close(found[0], wanted[0], dtype)
    close(found[2], wanted[2], dtype)
    assert found[1] is found[3] is None
    assert State.built == ["sdpa", "sdpa_backward"] and len(State.ran) == 4
    # the general gradient takes the sums, too, where cuDNN's is given up
    for a, b in zip(general_back(g, q, k, v, None, None, sums, out, *static)[:3], wanted):
        close(a, b, dtype)


def test_what_is_left_to_the_general_words(lib):
    word, general = words(lib, "attention")
    q, mask = arrays("f2", (2, 1, 4, 8), (4, 4))
    (wide, odd, single) = (*arrays("f4", (2, 1, 4, 8)), *arrays("f2", (2, 1, 4, 6), (4, 8)))
    for args in ((q, q, q, mask), (q, q, q, None, mask), (wide,) * 3, (odd,) * 3, (single,) * 3,
                 (q, q[:1], q[:1])):  # fmt: skip
        for a, b in zip(word(*args), general(*args)):
            np.testing.assert_array_equal(a, b)
    word, general = words(lib, "conv")
    x, w = arrays("f4", (1, 2, 5, 5), (3, 2, 3, 3))
    plain = Geometry((1, 1), ((0, 0), (0, 0)), (1, 1))
    np.testing.assert_array_equal(word(x[:0], w, None, plain), general(x[:0], w, None, plain))
    z = x + 1j
    np.testing.assert_array_equal(word(z, w + 0j, None, plain), general(z, w + 0j, None, plain))
    back, general = words(lib, "conv_input")
    (g,) = arrays("f4", (1, 3, 3, 3))
    args = (g, w, (1, 2, 8, 5), plain)  # larger than what the windows see
    np.testing.assert_array_equal(back(*args), general(*args))
    flags.enabled = False
    try:
        word(x, w, None, plain)
    finally:
        flags.enabled = True
    assert not State.ran and not State.built


def test_arrays_in_any_order(lib):
    """Strides are told; what is repeated, backwards, or begins anywhere, is copied before."""
    plain = Geometry((1, 1), ((1, 1), (1, 1)), (1, 1))
    x, w = arrays("f4", (2, 6, 7, 4), (4, 4, 3, 3))
    last = x.transpose(0, 3, 1, 2)
    ways = [last, last[:, :, ::-1], np.broadcast_to(last[:1], last.shape), last[:, :, 1:, 1:]]
    word, general = words(lib, "conv")
    for a in ways:
        close(word(a.view(Array), w, None, plain), general(a, w, None, plain), "f4")
    assert State.ran == ["fprop"] * 4
    q = arrays("f2", (2, 5, 3, 8))[0].transpose(0, 2, 1, 3)
    word, general = words(lib, "attention")
    close(word(q, q, q)[0], general(q, q, q)[0], "f2")
    k = arrays("f2", (2, 3, 8, 5))[0].swapaxes(-1, -2)
    close(word(q, k, q)[0], general(q, k, q)[0], "f2")
    assert State.ran[4:] == ["sdpa"] * 2


@pytest.mark.parametrize("name", ["conv", "conv_input", "conv_weight"])
def test_a_graph_that_differs_is_not_believed(lib, name):
    word, general = words(lib, name)
    State.spoil = True
    args, other = (calls(GEOMETRIES[i], "f4")[name] for i in (1, 3))
    operation = cudnn_graphs.OPERATIONS[name][0]
    with pytest.warns(RuntimeWarning, match=f"cuDNN's {operation} differs from.* on cuda:0"):
        np.testing.assert_array_equal(word(*args), general(*args))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(word(*args), general(*args))
        State.spoil = False
        close(word(*other), general(*other), "f4")  # other sizes are another graph
    assert len(State.ran) == 2


def test_small_numbers_are_compared_too(lib):
    word, general = words(lib, "conv_weight")
    x, g, w_shape, geometry = calls(GEOMETRIES[1], "f4")["conv_weight"]
    tiny = (g * np.float32(1e-9)).view(Array)
    close(word(x, tiny, w_shape, geometry), general(x, tiny, w_shape, geometry), "f4")
    assert State.ran == ["wgrad"]


def test_attention_that_differs(lib):
    word, general = words(lib, "attention")
    State.spoil = True
    (q,) = arrays("f2", (2, 3, 4, 8))
    with pytest.warns(RuntimeWarning, match="cuDNN's sdpa differs"):
        for a, b in zip(word(q, q, q), general(q, q, q), strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_cudnn_refuses_is_quiet_and_what_fails_is_told(lib):
    args = calls(GEOMETRIES[1], "f4")["conv"]
    word, general = words(lib, "conv")
    State.refuse = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(word(*args), general(*args))
    State.refuse, State.fail = False, True
    word, general = words(lib, "conv")
    with pytest.warns(RuntimeWarning, match="conv_fprop fails: RuntimeError: CUDNN_STATUS_EXEC"):
        np.testing.assert_array_equal(word(*args), general(*args))
    word(*args)
    assert State.built == ["fprop"] and not State.ran


def test_nothing_is_built_while_a_graph_is_captured(lib):
    args = calls(GEOMETRIES[1], "f4")["conv"]
    word, general = words(lib, "conv")
    stream = lib.cuda.get_current_stream()
    capturing = types.SimpleNamespace(is_capturing=lambda: True, ptr=stream.ptr)
    lib.cuda.get_current_stream = lambda: capturing
    np.testing.assert_array_equal(word(*args), general(*args))
    assert not State.built
    lib.cuda.get_current_stream = lambda: stream
    word(*args)
    lib.cuda.get_current_stream = lambda: capturing
    word(*args)
    assert State.ran == ["fprop"] * 2


def test_graphs_are_bounded(lib, monkeypatch):
    monkeypatch.setattr(cudnn_graphs, "KEPT", 2)
    word, general = words(lib, "conv")
    for i in (0, 1, 2, 0):
        args = calls(GEOMETRIES[i], "f4")["conv"]
        close(word(*args), general(*args), "f4")
    assert len(State.built) == 4


def test_without_it(monkeypatch):
    general = lambda *args: args
    cudnn_graphs.module.cache_clear()
    monkeypatch.setitem(sys.modules, "cudnn", None)
    assert cudnn_graphs.wrap("conv", general, Stand()) is general
    cudnn_graphs.module.cache_clear()
    monkeypatch.setitem(sys.modules, "cudnn", cudnn_stand)
    State.broken = True
    with pytest.warns(RuntimeWarning, match="installed, but does not load.*cudnnGetVersion"):
        assert cudnn_graphs.wrap("conv", general, Stand()) is general
    State.reset()
    cudnn_graphs.module.cache_clear()


def test_the_namespace_has_them(lib, monkeypatch):
    monkeypatch.setattr(cuda, "library", lambda: lib)
    monkeypatch.setattr(cuda, "device_count", lambda: 1)
    ns = cuda.CUDANamespace(0)
    for name, args in calls(GEOMETRIES[1], "f4").items():
        ns.primitive(name)(*args)
    assert State.ran == ["fprop", "dgrad", "wgrad"]


def test_the_stand_in_has_the_names_of_the_library():
    """Where nvidia-cudnn-frontend is installed."""
    real = pytest.importorskip("cudnn")
    for name in ("pygraph", "create_handle", "set_stream", "backend_version"):
        assert hasattr(real, name)
    for kind in ("data_type", "heur_mode", "numerical_note", "diagonal_alignment"):
        for member in getattr(cudnn_stand, kind):
            assert hasattr(getattr(real, kind), member.name)
    for name, _ in inspect.getmembers(cudnn_stand.pygraph, inspect.isfunction):
        assert name.startswith("_") or hasattr(real.pygraph, name)
