"""torch.jit: scripted and traced code computes the same, and comes back from its file."""

import io
import json
import zipfile
from collections import OrderedDict
from typing import Dict, List, Optional  # noqa: UP035

import pytest

import wengert as w
from wengert.jit import encoding

nn, F, jit = w.nn, w.nn.functional, w.jit


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(10, 8), nn.LSTM(8, 6, batch_first=True)
        self.out, self.act = nn.Linear(6, 3), F.relu

    def forward(self, x, h=None):
        y, (a, _) = self.lstm(self.embedding(x), h)
        return self.out(self.act(y[:, -1])), a


class Deciding(nn.Module):
    """Looks at values, writes in place, loops over a size."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("shift", w.ones(4))

    def forward(self, x):
        y = self.linear(x) if x.sum() > 0 else -self.linear(x)
        z = w.zeros_like(y)
        z[:, 0] = y[:, 1]
        z += self.shift
        z.relu_()
        for i in range(x.shape[0]):
            z = z + i
        return {"z": z, "n": [y, z.mean()]}


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(36, 5),
    )  # fmt: skip


CASES = {
    "convolutional": (convolutional, lambda n: w.randn(n, 1, 8, 8)),
    "recurrent": (Recurrent, lambda n: w.randint(0, 10, (n, 5))),
    "encoder": (
        lambda: nn.Sequential(
            nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
        ),
        lambda n: w.randn(n, 5, 8),
    ),
}


def through_a_file(m, **kwargs):
    buffer = io.BytesIO()
    jit.save(m, buffer)
    buffer.seek(0)
    return jit.load(buffer, **kwargs)


class Distances(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes = nn.Sequential()
        self.codes.add_module("block1-0", nn.Linear(3, 3))
        self.register_buffer("a-b", w.ones(3))

    def forward(self, x):
        y = self.codes(x) + getattr(self, "a-b")
        left, right = w.split(w.einsum("ij,kj->ik", y, y), [1, len(y) - 1], dim=1)
        d = w.cdist(y, y) + w.masked.sum(left, 1) + w.signal.windows.hann(len(y)).mean()
        return OrderedDict(
            d=d, right=right, kind=w.as_tensor(w.promote_types(w.int8, d.dtype).itemsize)
        )


def test_functions_with_a_module_of_their_own_and_names_that_are_no_words():
    m, x = Distances().eval(), w.randn(4, 3)
    program = w.export.export(m, (x,))
    buffer = io.BytesIO()
    w.export.save(program, buffer)
    buffer.seek(0)
    made = [jit.trace(m, x, strict=False), program.module(), w.export.load(buffer).module()]
    for f in (*made, through_a_file(made[0])):
        w.testing.assert_close(dict(f(x)), dict(m(x)))
    assert [s.arg for s in program.graph_signature.input_specs][:2] == [
        "p_codes_block1_0_weight", "p_codes_block1_0_bias",
    ]  # fmt: skip


@pytest.mark.parametrize("make", [jit.script, None], ids=["script", "trace"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_results_before_and_after_a_file(make, name, keep_rng):
    module, inputs = CASES[name]
    m, x, more = module().eval(), inputs(2), inputs(3)
    made = make(m) if make else jit.trace(m, x)
    loaded = through_a_file(made)
    for given in (x, more):
        w.testing.assert_close(made(given), m(given))
        w.testing.assert_close(loaded(given), m(given))
    assert list(made.state_dict()) == list(m.state_dict())
    assert set(loaded.state_dict()) == set(m.state_dict())
    assert isinstance(made, jit.ScriptModule) and not loaded.training


def test_code_that_looks_at_values_is_recorded():
    m, x = Deciding(), w.rand(3, 4)
    t = jit.trace(m, x)
    w.testing.assert_close(t(x), m(x))
    w.testing.assert_close(through_a_file(t)(x + 1), t(x + 1))
    with pytest.raises(RuntimeError, match="jit.trace"):
        jit.save(jit.script(m), io.BytesIO())
    assert "looks at" not in jit.script(m).code and "def forward" in jit.script(m).code


def test_random_numbers_are_drawn_as_before(keep_rng):
    m = nn.Dropout(0.5)
    w.manual_seed(0)
    t = jit.trace(m, w.ones(20))
    first = w.rand(1)
    w.manual_seed(0)
    m(w.ones(20))
    assert w.rand(1).equal(first)  # tracing ran the module once
    w.manual_seed(1)
    a = t(w.ones(20))
    w.manual_seed(1)
    assert a.equal(m(w.ones(20)))


def test_gradients_reach_the_parameters_of_a_loaded_module():
    m = nn.Linear(2, 2)
    m.bias.requires_grad_(False)
    loaded = through_a_file(jit.script(m))
    loaded(w.ones(1, 2)).sum().backward()
    assert loaded.weight.grad is not None and not loaded.bias.requires_grad


def test_functions_and_extra_files(tmp_path):
    f = jit.trace(lambda a, b: a @ b + 1, (w.ones(2, 2), w.ones(2, 2)))
    f.save(tmp_path / "f.pt", _extra_files={"note": "hi"})
    extra = {"note": ""}
    assert jit.load(tmp_path / "f.pt", _extra_files=extra)(w.ones(1, 1), w.ones(1, 1)).item() == 2
    assert extra["note"] == b"hi"

    @jit.script
    def g(x, n: int):
        return x + 1 if n > 2 else x * 2

    assert g(w.ones(1), 3).item() == 2 and g.name == "g" and "n > 2" in g.code


def test_files_of_torchscript_are_refused(torch, tmp_path):
    path = str(tmp_path / "m.pt")
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    with pytest.raises(RuntimeError, match="state_dict"):
        jit.load(path)
    w.save({"a": w.ones(1)}, path)
    with pytest.raises(RuntimeError, match=r"torch\.load"):
        jit.load(path)
    with pytest.raises(RuntimeError, match="no file"):
        jit.load(io.BytesIO(b"nonsense"))


def changed(change):
    """A file of a program, with something changed in its graph."""
    buffer = io.BytesIO()
    jit.save(jit.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU())), buffer)
    data = w.load(io.BytesIO(buffer.getvalue()))
    told = json.loads(data[encoding.KEY])
    change(told)
    out = io.BytesIO()
    w.save({**data, encoding.KEY: json.dumps(told)}, out)
    out.seek(0)
    return out


@pytest.mark.parametrize(
    "node",
    [
        ["call_function", "y", {"function": "os.system"}, {"tuple": ["true"]}, {"dict": []}],
        ["call_function", "y", {"function": "torch.load"}, {"tuple": ["f"]}, {"dict": []}],
        ["call_function", "y", {"function": "torch.from_file"}, {"tuple": ["f"]}, {"dict": []}],
        ["call_function", "y", {"function": "torch.set_warn_always"}, {"tuple": []}, {"dict": []}],
        ["call_function", "y", {"function": "torch.hub.load"}, {"tuple": ["f"]}, {"dict": []}],
        ["call_function", "y", {"function": "builtins.eval"}, {"tuple": ["1"]}, {"dict": []}],
        ["call_function", "x = 1; y", {"function": "torch.relu"}, {"tuple": []}, {"dict": []}],
        ["call_method", "y", "__reduce__", {"tuple": [{"node": 0}]}, {"dict": []}],
        ["call_method", "y", "a; b", {"tuple": [{"node": 0}]}, {"dict": []}],
        ["get_attr", "y", "a b", {"tuple": []}, {"dict": []}],
        [
            "call_function", "y", {"function": "builtins.getattr"},
            {"tuple": [{"node": 0}, "__class__"]}, {"dict": []},
        ],
        ["call_function", "y", {"function": "torch.relu"}, {"tuple": []}, {"dict": [["a b", 1]]}],
    ],
)  # fmt: skip
def test_a_file_can_only_name_what_computes(node):
    with pytest.raises(ValueError):
        jit.load(changed(lambda told: told["graph"].insert(1, node)))


def test_a_file_can_only_name_layers_of_torch():
    with pytest.raises(ValueError, match="no layer"):
        jit.load(changed(lambda told: told["modules"]["0"].update({"class": "Popen"})))
    with pytest.raises(ValueError, match="no setting"):
        jit.load(changed(lambda told: told["modules"]["0"]["settings"].update({"forward": 1})))
    assert zipfile.is_zipfile(changed(lambda told: None))


def test_annotations_change_nothing():
    class M(nn.Module):
        @jit.ignore
        def a(self):
            return 1

        @jit.unused
        def b(self):
            return 2

        @jit.export
        def c(self):
            return 3

        @jit.ignore(drop=True)
        def d(self):
            return 4

    m = M()
    assert [m.a(), m.b(), m.c(), m.d()] == [1, 2, 3, 4]
    assert not jit.is_scripting() and not jit.is_tracing()
    assert jit.annotate(List[int], []) == []  # noqa: UP006
    assert jit.isinstance({"a": [1]}, Dict[str, List[int]])  # noqa: UP006
    assert not jit.isinstance([None, "a"], List[Optional[int]])  # noqa: UP006, UP045
    assert jit.wait(jit.fork(lambda x: x + 1, 1)) == 2


def test_frozen_modules():
    scripted = jit.script(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="eval"):
        jit.freeze(scripted)
    scripted.eval()
    assert jit.optimize_for_inference(jit.freeze(scripted)) is scripted


def test_names_that_torch_itself_has():
    assert w.ScriptModule is jit.ScriptModule and w.ScriptFunction is jit.ScriptFunction
    assert w.JITException is jit.Error and w.CompilationUnit is jit.CompilationUnit
    assert w.Future is w.futures.Future and w.DisableTorchFunction is w._C.DisableTorchFunction
    assert w.wait(w.fork(w.add, w.ones(2), 1)).tolist() == [2.0, 2.0]
    assert isinstance(jit.script(nn.ReLU()), w.ScriptModule)


def test_the_inputs_themselves_are_traced_once():
    x, y, seen = w.ones(3), nn.Parameter(w.zeros(2)), []

    def f(x, pair):
        seen.append((x is known[0], pair[0] is known[1]))
        x.add_(1)
        return x * pair[0].sum()

    known = (x, y)
    jit.trace(f, (x, [y]), check_trace=False)
    assert seen[0] == (True, True) and not any(any(s) for s in seen[1:])
    assert x.tolist() == [2.0, 2.0, 2.0]


def test_buffers_change_as_by_one_call():
    m = nn.BatchNorm1d(2)
    t = jit.trace(m, w.ones(3, 2))
    assert m.num_batches_tracked == 1
    assert m.running_mean.allclose(w.tensor([0.1, 0.1]))
    t(w.ones(3, 2))
    assert t.num_batches_tracked == 2


class Coder(nn.Module):
    """Has methods, and no forward."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def encode(self, x):
        return self.layer(x)

    def decode(self, x):
        return self.layer(x) * 2 if x.sum() > 0 else x


def test_methods_of_a_module_without_forward():
    m, x = Coder(), w.ones(1, 2)
    t = jit.trace_module(m, {"encode": x, "decode": x})
    w.testing.assert_close(t.encode(x + 1), m.encode(x + 1))
    w.testing.assert_close(t.decode(x), m.decode(x))
    t.decode(x).sum().backward()
    assert m.layer.weight.grad is not None and t.layer.weight is m.layer.weight
    with pytest.raises(AttributeError, match="forward"):
        t(x)
    with pytest.raises(AttributeError, match="nothing"):
        jit.trace_module(m, {"nothing": x})


class Reshaping(nn.Module):
    """Decides by values and by sizes, and computes with sizes."""

    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        batch, channels, width = x.shape
        if x.sum() > 0 and x.dim() == 3:
            x = x * 2
        y = self.norm(x.view(x.size(0), -1))
        scale = float(y.abs().max() > -1)
        return self.linear(y).reshape(batch * 3) * scale + w.zeros(batch * 3)


def rows(x):
    total = sum(x[:, i] * i for i in range(x.size(1)))
    first, *_ = x
    return total.reshape(x.size(0) * x.size(2)) + first.mean() if x.mean() < 100 else x


@pytest.mark.parametrize("make", [Reshaping, lambda: rows])
def test_sizes_in_traces_are_those_of_the_inputs(make):
    f = make()
    x, other = w.rand(4, 2, 4), w.rand(6, 2, 4)
    state = w.get_rng_state()
    with pytest.warns(jit.TracerWarning, match="truth of a tensor"):
        traced = jit.trace(f, x)
    assert w.equal(state, w.get_rng_state())
    buffer = io.BytesIO()
    jit.save(traced, buffer)
    buffer.seek(0)
    for g in (traced, jit.load(buffer)):
        for given in (x, other):
            assert w.allclose(g(given), f(given), atol=1e-5)


def test_code_that_decides_by_values_is_shown_as_it_is():
    @jit.script
    def looped(x):
        for i in range(int(x)):
            x = x + i
        return x

    assert "for i in range(int(x))" in str(looped.graph) == looped.code
    assert "if x.sum() > 0" in str(jit.script(Deciding()).graph)
    with pytest.raises(jit.Error, match="has no program to save or show"):
        looped.graph.nodes()
