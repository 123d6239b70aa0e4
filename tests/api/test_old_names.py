"""Functions that PyTorch has taken away work as they did, and tell the new name once."""

import importlib
import itertools
import warnings

import numpy as np
import pytest
import scipy.linalg

import wengert as torch
from wengert import _jit_internal, _utils
from wengert.base import hints
from wengert.distributions import utils
from wengert.nn import linear
from wengert.optim import optimizer
from wengert.utils.data import dataloader, dataset, sampler
from wengert.utils.data._utils import collate


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.HintWarning)
        yield


gradcheck = importlib.import_module("wengert.autograd.gradcheck")  # the name is a function's, too


def matrix(n=4, seed=0):
    return torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_equations():
    a, b = matrix(), matrix(seed=1)[:, :2]
    x, lu = torch.solve(b, a)
    torch.testing.assert_close(a @ x, b)
    assert lu.shape == a.shape and torch.equal(b.solve(a)[0], x)
    tall = a[:, :2]
    found = torch.lstsq(b, tall).solution
    assert found.shape == (4, 2)
    torch.testing.assert_close(found[:2], torch.linalg.lstsq(tall, b).solution)
    residual = (tall @ found[:2] - b).pow(2).sum(0)
    torch.testing.assert_close(found[2:].pow(2).sum(0), residual)


def test_eigenvalues():
    a = matrix()
    s = a + a.t()
    values, vectors = torch.symeig(s.triu(), eigenvectors=True)
    torch.testing.assert_close(s @ vectors, vectors * values)
    torch.testing.assert_close(s.tril().symeig(upper=False).eigenvalues, values)
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
    parts, vectors = torch.eig(turn, eigenvectors=True)
    first = next(i for i in range(3) if parts[i, 1] > 0)
    pair = torch.complex(vectors[:, first], vectors[:, first + 1])
    value = torch.complex(*parts[first])
    torch.testing.assert_close(turn.to(torch.complex128) @ pair, value * pair)
    assert torch.matrix_rank(torch.ones(3, 3)) == 1


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_transforms_there_and_back(onesided, normalized):
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    f = torch.rfft(x, 2, normalized, onesided)
    assert f.shape == (2, 4, 3 if onesided else 5, 2)
    back = torch.irfft(f, 2, normalized, onesided, signal_sizes=(4, 5))
    torch.testing.assert_close(back, x)


def test_the_new_name_is_told_once(monkeypatch):
    monkeypatch.setattr(hints, "told", set())
    monkeypatch.setattr(hints, "ON", True)
    before = torch.are_deterministic_algorithms_enabled()
    with pytest.warns(torch.HintWarning, match="use_deterministic_algorithms"):
        torch.set_deterministic(True)
    assert torch.are_deterministic_algorithms_enabled()
    torch.set_deterministic(before)


def test_names_that_are_no_more_tell_what_to_write():
    with pytest.raises(RuntimeError, match="log_prob"):
        torch.ones(1).reinforce(1)
    for owner, name, instead in [
        (torch.nn, "Dense", "Linear"),
        (torch.functional, "relu", "nn.functional.relu"),
        (torch.ones(1), "names", "einops"),
    ]:
        with pytest.raises(AttributeError, match=instead):
            getattr(owner, name)


def test_ranges_opened_and_closed_by_calls():
    with torch.profiler.profile() as prof:
        handle = torch.ops.profiler._record_function_enter("part")
        torch.ones(2) * 3
        torch.ops.profiler._record_function_exit(handle)
    assert "part" in [e.key for e in prof.key_averages()]


def test_a_range_around_what_torch_fx_follows():
    from wengert import fx

    graph = fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)
    handle = fx.Proxy(
        graph.call_function(torch.ops.profiler._record_function_enter, ("part",)), tracer
    )
    torch.ops.profiler._record_function_exit(handle)
    graph.output(None)
    with torch.profiler.profile() as prof:
        fx.GraphModule({}, graph)()
    assert "part" in [e.key for e in prof.key_averages()]
    with pytest.raises(TypeError, match="_record_function_exit"):
        torch.ops.profiler._record_function_exit(3)


def test_a_check_that_does_not_stop_for_the_device():
    torch._assert_async(torch.tensor([3.0]))
    torch._assert_async(torch.tensor(float("nan")), "no number")
    with pytest.raises(RuntimeError, match="single nonzero value"):
        torch._assert_async(torch.tensor(0.0))
    with pytest.raises(RuntimeError, match="^empty batch$"):
        torch._assert_async(torch.tensor(False), "empty batch")
    for x in (torch.ones(2), torch.ones(0)):
        with pytest.raises(RuntimeError, match="ambiguous"):
            torch._assert_async(x)
    with pytest.raises(TypeError, match="must be Tensor"):
        torch._assert_async(3)


def test_a_leaf_of_a_subclass():
    class Marked(torch.Tensor):  # in the test: functions are exchanged while such a class lives
        pass

    x = torch.ones(3, requires_grad=True)
    y = torch.Tensor._make_subclass(Marked, x)
    assert type(y) is Marked and y.is_leaf and not y.requires_grad
    assert y.data_ptr() == x.data_ptr() and y._cdata == y._cdata != x._cdata
    y = Marked._make_subclass(Marked, x * 2, True)
    assert y.requires_grad and y.grad_fn is None
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.Tensor._make_subclass(Marked, 3)
    with pytest.raises(TypeError, match="inherit"):
        torch.Tensor._make_subclass(int, x)
    with pytest.raises(RuntimeError, match="floating point"):
        torch.Tensor._make_subclass(Marked, torch.ones(2, dtype=torch.int32), True)


def test_the_names_of_functions_in_c():
    to = torch._C._nn._parse_to("cpu", torch.float64)
    assert to == (torch.device("cpu"), torch.float64, False, None)
    x = matrix()
    assert torch._C._nn.gelu(x).equal(torch.nn.functional.gelu(x))
    with pytest.raises(AttributeError, match="_C._nn"):
        torch._C._nn.no_such_function
    layers = torch.nn.ModuleList([torch.nn.ReLU(), torch.nn.Tanh()])
    assert layers._get_abs_string_index(-1) == "1"
    with pytest.raises(IndexError):
        layers._get_abs_string_index(2)


def test_parts_of_printed_tensors():
    from wengert._tensor_str import PRINT_OPTS, _add_suffixes, _tensor_str

    body = _tensor_str(torch.tensor([[1, 2], [3, 4]]), 6)
    assert body == "[[1, 2],\n       [3, 4]]"
    assert _add_suffixes("Index(" + body, ["size=2"], 6, False) == f"Index({body}, size=2)"
    assert _add_suffixes("Index([1]", ["size=2"], 6, True) == "Index([1],\n      size=2)"
    wide = _add_suffixes("A([1]", ["x" * 80, "y"], 2, False)
    assert wide == "A([1],\n  " + "x" * 80 + ",\n  y)"
    try:
        PRINT_OPTS.threshold = 3
        assert PRINT_OPTS.threshold == 3 and PRINT_OPTS.precision == 4
        assert "..." in str(torch.arange(9))
    finally:
        torch.set_printoptions(profile="default")


def test_indices_of_matrices_in_other_forms():
    rows = torch.tensor([0, 0, 2, 3])
    begins = torch._convert_indices_from_coo_to_csr(rows, 5)
    assert begins.tolist() == [0, 2, 2, 3, 4, 4]
    assert torch._convert_indices_from_coo_to_csr(rows[:0], 2).tolist() == [0, 0, 0]
    assert torch._convert_indices_from_coo_to_csr(rows, 4, out_int32=True).dtype is torch.int32
    columns = torch.tensor([1, 2, 0, 1], dtype=torch.int32)
    both = torch._convert_indices_from_csr_to_coo(begins, columns)
    assert both.tolist() == [rows.tolist(), columns.tolist()] and both.dtype is torch.int64
    turned = torch._convert_indices_from_csr_to_coo(begins, columns, out_int32=True, transpose=True)
    assert turned.tolist() == both.flip(0).tolist() and turned.dtype is torch.int32
    sums = torch._segment_reduce(torch.ones(3), "sum", lengths=torch.tensor([1, 2]))
    assert sums.tolist() == [1.0, 2.0]
    most = torch.segment_reduce(
        torch.tensor([1.0, 3.0, 2.0]), "amax", offsets=torch.tensor([0, 2, 3])
    )
    assert most.tolist() == [3.0, 2.0]


def test_the_gradient_of_softmax_by_name():
    x = matrix().requires_grad_()
    out, g = x.softmax(1), matrix(seed=1)
    out.backward(g)
    torch.testing.assert_close(torch._softmax_backward_data(g, out, 1, x.dtype), x.grad)


def test_their_results_go_where_they_are_wanted():
    a, b = torch.tensor([[4.0, 1.0], [1.0, 3.0]]), torch.ones(2, 1)
    x, lu = torch.empty(0), torch.empty(0)
    assert torch.solve(b, a, out=(x, lu)).solution is x
    torch.testing.assert_close(a @ x, b)
    torch.testing.assert_close(b.solve(other=a).LU, lu)
    torch.testing.assert_close(b.lstsq(other=a).solution, x)
    values, vectors = torch.empty(0), torch.empty(0)
    torch.eig(a, True, e=values, v=vectors)
    torch.testing.assert_close(a @ vectors, vectors * values[:, 0])
    assert torch.Tensor.solve.__name__ == "solve"


def test_what_needs_hardware_refuses_when_it_is_used():
    assert not isinstance(torch.ones(1), torch.sparse.SparseSemiStructuredTensor)
    for f, match in [
        (lambda: torch.sparse.to_sparse_semi_structured(torch.ones(4, 4)), "mask"),
        (lambda: torch.cuda._sleep(1), "time.sleep"),
        (lambda: torch.cuda.gds.GdsFile("x"), "torch.load"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            f()


@pytest.mark.parametrize("upper", [True, False])
def test_factors_by_lapacks_names(upper):
    a, b = matrix(), matrix(seed=1)[:, :2]
    a = a @ a.t() + torch.eye(4, dtype=torch.float64)
    u = torch.potrf(a, upper)
    assert torch.equal(u, u.triu() if upper else u.tril()) and torch.equal(a.potrf(upper), u)
    torch.testing.assert_close(u.t() @ u if upper else u @ u.t(), a)
    torch.testing.assert_close(a @ torch.potrs(b, u, upper), b)
    torch.testing.assert_close(a @ u.potri(upper), torch.eye(4, dtype=torch.float64))
    out = torch.empty(0, dtype=torch.float64)
    assert torch.potrf(a, upper, out=out) is out and torch.equal(out, u)
    assert torch.equal(torch.potrf(a), torch.linalg.cholesky(a, upper=True))


def test_triangular_systems():
    a, b = matrix(), matrix(seed=1)[:, :2]
    for upper, transpose, unit in itertools.product((True, False), repeat=3):
        x, triangle = torch.trtrs(b, a, upper, transpose, unit)
        found = scipy.linalg.solve_triangular(
            a.numpy(), b.numpy(), trans=int(transpose), lower=not upper, unit_diagonal=unit
        )
        torch.testing.assert_close(x, torch.from_numpy(found))
        assert torch.equal(triangle, a.triu() if upper else a.tril())
    torch.testing.assert_close(b.trtrs(a)[0], torch.trtrs(b, a)[0])
    torch.testing.assert_close(torch.gesv(b, a)[0], torch.linalg.solve(a, b))
    torch.testing.assert_close(b.gels(a[:, :2])[0], torch.lstsq(b, a[:, :2])[0])


def test_batches_of_factors():
    a = torch.stack([matrix(seed=2), matrix(seed=3)])
    b = torch.randn(2, 4, 3, dtype=torch.float64)
    info = torch.ones(5, dtype=torch.int32)
    factors, pivots = torch.btrifact(a, info=info)
    assert info.tolist() == [0, 0] and pivots.dtype == torch.int32
    p, lower, upper = torch.btriunpack(factors, pivots)
    torch.testing.assert_close(p @ lower @ upper, a)
    torch.testing.assert_close(a @ b.btrisolve(factors, pivots), b)
    one = b[..., 0]
    torch.testing.assert_close(torch.btrisolve(one, factors, pivots), torch.linalg.solve(a, one))
    assert torch.zeros(1, 2, 2).btrifact_with_info()[2].tolist() == [1]


@pytest.mark.parametrize("normalized", [True, False])
def test_transforms_of_pairs(normalized):
    x = torch.randn(2, 4, 5, 2, dtype=torch.float64)
    found = torch.fft(x, 2, normalized)
    norm = "ortho" if normalized else "backward"
    want = np.fft.fft2(torch.view_as_complex(x).numpy(), norm=norm)
    torch.testing.assert_close(torch.view_as_complex(found), torch.from_numpy(want))
    torch.testing.assert_close(torch.ifft(found, 2, normalized), x)
    assert torch.equal(x.fft(2, normalized), found)
    assert torch.equal(x[..., 0].rfft(1), torch.rfft(x[..., 0], 1))
    torch.testing.assert_close(x[..., 0].rfft(1).irfft(1, signal_sizes=(5,)), x[..., 0])


def test_gradients_are_set_to_zero():
    a, b, c = (torch.ones(2, requires_grad=True) for _ in range(3))
    (a * b).sum().backward()
    kept = a.grad
    gradcheck.zero_gradients([a, (b, c)])
    assert a.grad is kept and kept.sum() == b.grad.sum() == 0 and c.grad is None
    assert torch.is_deterministic() is torch.are_deterministic_algorithms_enabled()
    x = torch.zeros(2).masked_copy_(torch.tensor([False, True]), torch.ones(1))
    assert x.tolist() == [0, 1]


def test_names_that_modules_had():
    assert list(_utils._accumulate([1, 2, 3])) == list(dataset._accumulate([1, 2, 3])) == [1, 3, 6]
    assert dataloader.numpy_type_map["float16"] is torch.HalfTensor
    assert len(dataloader.numpy_type_map) == 8 and not dataloader._use_shared_memory
    assert isinstance(iter(dataloader.DataLoader([1])), dataloader._DataLoaderIter)
    assert dataloader.string_classes == collate.string_classes == (str, bytes)
    assert sampler.int_classes is int and optimizer._params_t is optimizer.ParamsT
    layer = linear._LinearWithBias(3, 2)
    assert layer.bias is not None and isinstance(layer, torch.nn.Linear)
    assert torch.jit.weak_module(torch.nn.ReLU) is _jit_internal.weak_script(torch.nn.ReLU)
    x = torch.randn(2, 3)
    assert torch.equal(utils.log_sum_exp(x), x.logsumexp(-1, keepdim=True))
    assert utils._finfo(x).eps == torch.finfo(torch.float32).eps
    net = torch.nn.Sequential(torch.nn.Dropout())
    for mode in (False, None):
        with torch.onnx.set_training(net, mode):
            assert net[0].training is (mode is None)
        assert net.training and net[0].training


def test_private_parts_of_functional():
    F = torch.nn.functional
    x, weight = matrix(3), torch.arange(27.0, dtype=torch.float64).view(9, 3) / 10
    apart = F._in_projection(x, 2 * x, x, *weight.chunk(3))
    for other in (
        F._in_projection_packed(x, 2 * x, x, weight),
        [x @ p.t() for p in weight.chunk(3)],
    ):
        torch.testing.assert_close(apart[::2], tuple(other[::2]))
    mask = F._canonical_mask(torch.tensor([True, False]), "m", None, "", torch.float64)
    assert mask.tolist() == [-torch.inf, 0.0] and mask.dtype == torch.float64
    assert F._none_or_dtype(mask) is torch.float64 and F._none_or_dtype(None) is None
    assert F._get_softmax_dim("softmax", 3, 5) == 0 and F._get_softmax_dim("softmax", 2, 5) == 1
    assert F._pair(3) == (3, 3) and F._VF.relu is torch.relu and F.Tensor is torch.Tensor
    F._verify_batch_size([1, 3, 2])
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F._verify_batch_size([1, 3, 1])
    chosen = F.boolean_dispatch(
        "flag", 1, False, lambda x, flag=0: "yes", lambda x, flag=0: "no", None, "f"
    )
    assert [chosen(1), chosen(1, True), chosen(1, flag=True)] == ["no", "yes", "yes"]
    assert chosen.__name__ == "f" and _jit_internal.boolean_dispatch is F.boolean_dispatch
    assert not F.has_torch_function((x,))
    with pytest.raises(AttributeError, match="no attribute"):
        F._no_such_name


def test_private_modules_that_libraries_import():
    from wengert import _C, _VF, _tensor
    from wengert.distributions import multivariate_normal as normal
    from wengert.nn import init, parallel
    from wengert.nn.parallel import _functions, comm
    from wengert.nn.parallel.parallel_apply import get_a_var
    from wengert.nn.parallel.replicate import replicate
    from wengert.optim import _multi_tensor

    assert _VF.split is torch.split and _tensor.Tensor is _C._TensorBase is torch.Tensor
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = _multi_tensor.SGD([p], lr=0.5)
    p.sum().backward()
    optimizer.step()
    assert p.tolist() == [0.5, 0.5] and optimizer.defaults["foreach"] is True
    assert init._no_grad_fill_(p, 3.0) is p and p.tolist() == [3.0, 3.0]
    assert float(init._no_grad_uniform_(p, 4, 5).detach().min()) >= 4 and p.requires_grad
    x = torch.arange(6.0, requires_grad=True)
    parts = _functions.Scatter.apply(["cpu", "cpu"], [2, 4], 0, x)
    assert [len(part) for part in parts] == [2, 4]
    sums = _functions.ReduceAddCoalesced.apply("cpu", 2, x, x[:2], x * 2, x[2:4])
    assert sums[0].tolist() == [0, 3, 6, 9, 12, 15] and sums[1].tolist() == [2, 4]
    assert parallel.replicate is replicate and comm.reduce_add is torch.cuda.comm.reduce_add
    assert get_a_var([{"a": (1, x)}]) is x and get_a_var("none") is None
    parts[1].sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    with pytest.raises(AssertionError, match="not implemented for CPU"):
        _functions.Gather.apply("cpu", 0, x)
    root = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    v = torch.tensor([2.0, 4.0])
    assert normal._batch_mv(root, v).tolist() == [4.0, 16.0]
    assert normal._batch_mahalanobis(root, v) == 2.0


def test_classes_of_quantization_that_code_asks_for():
    from wengert.ao.quantization import FakeQuantizeBase, ObserverBase

    assert not isinstance(torch.nn.ReLU(), (FakeQuantizeBase, ObserverBase))
    with pytest.raises(TypeError, match="abstract"):
        ObserverBase(torch.int8)
    with pytest.raises(AttributeError, match="quantization is not in wengert"):
        torch.ao.quantization.quantize_dynamic


def test_tensor_itself_as_a_type_means_the_default():
    assert (torch.zeros(2) < 1).type(torch.Tensor).dtype == torch.float32
    with pytest.raises(ValueError, match="invalid type"):
        torch.zeros(2).type(torch.nn.Parameter)


def test_private_names_that_scripts_use():
    from wengert import _C
    from wengert.nn.parallel import scatter_gather

    assert torch.cuda._initialized is torch.cuda.is_initialized()
    assert torch.legacy_contiguous_format is torch.contiguous_format
    assert [_utils._element_size(d) for d in (torch.float16, torch.int64, torch.bool)] == [2, 8, 1]
    assert _utils._get_device_index(2) == 2 and _utils._get_device_index("cuda:3") == 3
    assert _utils._get_device_index("cpu", allow_cpu=True) == -1
    assert _utils._get_device_index("cuda", optional=True) is None
    for device in ("cpu", "cuda", None):
        with pytest.raises(ValueError, match="xpected a"):
            _utils._get_device_index(device)
    inputs, kwargs = scatter_gather.scatter_kwargs(
        (torch.arange(4),), {"a": torch.arange(2), "b": "c"}, ["cpu", "cpu"]
    )
    assert [x.tolist() for (x,) in inputs] == [[0, 1], [2, 3]]
    assert [(k["a"].tolist(), k["b"]) for k in kwargs] == [([0], "c"), ([1], "c")]
    assert scatter_gather.scatter_kwargs((), {}, ["cpu"]) == ((), ())
    assert _C._jit_set_profiling_mode(False) is True
    assert _C._jit_set_profiling_mode(True) is False
    assert _C._jit_can_fuse_on_cpu() is False and _C._jit_override_can_fuse_on_cpu(False) is None
    with pytest.raises(RuntimeError, match="must be a bool, but got int"):
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(1)
