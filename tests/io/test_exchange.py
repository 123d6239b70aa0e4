"""Files that PyTorch wrote, read by wengert, and the other way round."""

import collections
import importlib
import io
import pathlib

import numpy as np
import pytest
from saving import DTYPES, crossed

import wengert as w


@pytest.fixture(params=["ours to theirs", "theirs to ours"])
def pair(request, torch):
    torch.set_num_threads(1)
    return (w, torch) if request.param == "ours to theirs" else (torch, w)


def values(x):
    return x.detach().numpy()


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(pair, name):
    source, target = pair
    x = source.arange(6).reshape(2, 3).to(getattr(source, name))
    y = crossed(source, target, [x, x.t(), x[:, 1], x.dtype])
    assert str(y[0].dtype) == str(x.dtype) == str(y[3])
    for a, b in zip(y, (x, x.t(), x[:, 1])):
        assert a.tolist() == b.tolist() and a.stride() == b.stride()
    y[0][0, 1] = 0
    assert y[2][0] == 0  # still the same memory


def test_python_data(pair):
    source, target = pair

    def data(m):
        return {
            "size": m.Size([2, 3]), "dtype": m.float16, "device": m.device("cpu"),
            "ordered": collections.OrderedDict(a=1), "parameter": m.nn.Parameter(m.ones(2, 3)),
            "list": [1, 2.5, None, True, "x", b"bytes", (1,), {3}, 2**70, 1j],
            "empty": m.empty(0, 3), "scalar": m.tensor(3.5), "expanded": m.ones(1).expand(4),
            "leaf": m.ones(3, requires_grad=True), "layout": m.strided,
            "meta": m.empty(2, 3, device="meta"),
        }  # fmt: skip

    assert repr(crossed(source, target, data(source))) == repr(data(target))
    assert repr(crossed(source, target, data(source), weights_only=False)) == repr(data(target))


def network(m):
    return m.nn.Sequential(
        m.nn.Conv2d(1, 4, 3), m.nn.BatchNorm2d(4), m.nn.ReLU(), m.nn.MaxPool2d(2), m.nn.Flatten(),
        m.nn.GELU(), m.nn.Dropout(), m.nn.Linear(36, 2),
    )  # fmt: skip


def test_state_dict_and_optimizer(pair):
    source, target = pair
    model, other = network(source), network(target)
    adam = source.optim.Adam(model.parameters(), lr=1e-3)
    model(source.randn(3, 1, 8, 8)).sum().backward()
    adam.step()
    other.load_state_dict(crossed(source, target, model.state_dict()))
    x = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)
    model.eval(), other.eval()
    a, b = model(source.tensor(x)), other(target.tensor(x))
    np.testing.assert_allclose(values(a), values(b), atol=1e-5)
    theirs = target.optim.Adam(other.parameters())
    theirs.load_state_dict(crossed(source, target, adam.state_dict()))
    assert theirs.param_groups[0]["lr"] == 1e-3
    exp_avg = [s["exp_avg"] for s in adam.state.values()]
    for s, e in zip(theirs.state.values(), exp_avg):
        assert s["exp_avg"].tolist() == e.tolist()


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (network, (3, 1, 8, 8)),
        (lambda m: m.nn.LSTM(3, 4, 2, batch_first=True), (2, 5, 3)),
        (lambda m: m.nn.GRU(3, 4, bidirectional=True), (2, 5, 3)),
        (lambda m: m.nn.Sequential(m.nn.Linear(3, 4), m.nn.LayerNorm(4), m.nn.SiLU()), (2, 3)),
        (lambda m: m.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
        (lambda m: m.nn.Sequential(m.nn.ConvTranspose1d(2, 3, 3), m.nn.AvgPool1d(2)), (2, 2, 9)),
    ],
)
def test_whole_modules(pair, make, shape):
    source, target = pair
    model = make(source).eval()
    other = crossed(source, target, model, weights_only=False)
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    a, b = model(source.tensor(x)), other(target.tensor(x))
    if isinstance(a, tuple):
        a, b = a[0], b[0]
    assert type(other).__name__ == type(model).__name__
    np.testing.assert_allclose(values(a), values(b), atol=1e-5)


def test_pruned_modules(pair):
    """Whose hooks are objects of classes with the names of layers."""
    source, target = pair
    for m in pair:
        importlib.import_module(f"{m.__name__}.nn.utils.prune")
    layer = source.nn.Linear(3, 2)
    source.nn.utils.prune.identity(layer, "weight")
    back = crossed(source, target, layer, weights_only=False)
    assert repr(back(target.ones(1, 3)).detach()) == repr(layer(source.ones(1, 3)).detach())
    assert list(back.state_dict()) == ["bias", "weight_orig", "weight_mask"]


def test_allowed_classes(pair):
    source, target = pair
    with target.serialization.safe_globals([target.nn.Linear]):
        layer = crossed(source, target, source.nn.Linear(2, 3))
    assert type(layer) is target.nn.Linear and tuple(layer.weight.shape) == (3, 2)


def test_optimizers_schedulers_and_data(pair):
    source, target = pair
    sgd = source.optim.SGD([source.nn.Parameter(source.ones(2))], lr=0.1)
    steps = source.optim.lr_scheduler.StepLR(sgd, 3)
    data = source.utils.data.TensorDataset(source.ones(3))
    assert crossed(source, target, steps.state_dict())["step_size"] == 3
    loaded = crossed(source, target, [sgd, steps, data], weights_only=False)
    lr = target.optim.lr_scheduler
    assert isinstance(loaded[0], target.optim.SGD) and isinstance(loaded[1], lr.StepLR)
    assert isinstance(loaded[2], target.utils.data.TensorDataset)


def test_mapped_memory(pair, tmp_path):
    source, target = pair
    source.save({"x": source.arange(5.0)}, tmp_path / "a.pt")
    assert target.load(tmp_path / "a.pt", mmap=True)["x"].tolist() == [0, 1, 2, 3, 4]


def test_conjugate_and_negative_views(torch):
    z = torch.tensor([1 + 2j, 3 - 1j])
    y = [crossed(torch, w, v) for v in (z.conj(), z.conj().imag)]
    assert y[0].tolist() == z.conj().tolist() and y[1].tolist() == z.conj().imag.tolist()


def test_files_without_checksums(torch):
    torch.serialization.set_crc32_options(False)
    try:
        assert crossed(torch, w, torch.ones(3)).tolist() == [1, 1, 1]
    finally:
        torch.serialization.set_crc32_options(True)


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_old_format(torch, weights_only):
    for lib, other in ((torch, w), (w, torch)):
        x = lib.arange(6.0)
        state = {"x": x, "view": x.view(2, 3)[1], "half": x.bfloat16(), "n": [1, "two"]}
        file = io.BytesIO()
        for obj in (state, lib.nn.Linear(2, 1).state_dict(), lib.ones(2, dtype=lib.complex64)):
            lib.save(obj, file, _use_new_zipfile_serialization=False)
        file.seek(0)
        read = other.load(file, weights_only=weights_only)
        assert read["x"].tolist() == x.tolist() and read["n"] == [1, "two"]
        assert read["half"].dtype is other.bfloat16 and read["half"].tolist() == x.tolist()
        read["x"][4] = 9.0
        assert read["view"].tolist() == [3.0, 9.0, 5.0]
        assert list(other.load(file)) == ["weight", "bias"]
        assert other.load(file).tolist() == [1, 1]


def test_a_module_in_the_old_format(torch):
    file = io.BytesIO()
    torch.save(torch.nn.Linear(2, 1), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert isinstance(w.load(file, weights_only=False), w.nn.Linear)


# written by PyTorch 2.13: {"w": arange(4).reshape(2, 2), "b": ones(2, bfloat16), "t": w.t()}
RECORDED = pathlib.Path(__file__).parent.parent / "golden" / "io" / "small.pt"


def test_a_recorded_file():
    loaded = w.load(RECORDED)
    assert loaded["w"].tolist() == [[0, 1], [2, 3]] and loaded["w"].requires_grad
    assert loaded["b"].dtype is w.bfloat16 and loaded["b"].tolist() == [1, 1]
    assert loaded["t"].tolist() == [[0, 2], [1, 3]]
