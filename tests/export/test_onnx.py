"""torch.onnx.export: models pass the ONNX checker and compute the same in onnxruntime."""

import io

import numpy as np
import pytest

import wengert as w
from wengert.base.pytree import flatten

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

nn, F = w.nn, w.nn.functional


def tensors(x):
    return [t for t in flatten(x)[0] if isinstance(t, w.Tensor)]


def run(model, args):
    """onnxruntime's outputs for tensors among the arguments."""
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors(args))}
    return session.run(None, given)


def agree(program, module, args):
    with w.no_grad():
        expected = tensors(module(*args))
    found = run(program.model_proto.SerializeToString(), args)
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == tuple(b.shape) and a.dtype == b.numpy().dtype
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


x = w.linspace(-2, 2, 24).reshape(2, 3, 4)
pos = x.abs() + 0.1
img = w.linspace(-1, 1, 2 * 4 * 6 * 6).sin().reshape(2, 4, 6, 6)
index = w.tensor([[2, 0, 1, 1]])

# function, arguments
OPS = {
    "arithmetic": (lambda a, b: (a + 2) * b - a / b + 3 - b**2 + 2**a + a % 0.7, (x, pos)),
    "unary": (lambda a: w.sin(a) + w.cos(a).tanh() + a.exp() - a.abs().sqrt() + a.sign(), (x,)),
    "logarithms": (lambda a: a.log() + a.log1p() + a.log2() + a.log10() + a.expm1(), (pos,)),
    "rounding": (lambda a: w.stack([a.floor(), a.ceil(), a.round(), a.trunc(), a.frac()]), (x,)),
    "roots": (lambda a: a.rsqrt() + a.reciprocal() + a.square() + w.erf(a), (pos,)),
    "comparisons": (lambda a, b: ((a > b) | (a <= 0) & ~(a == b), a != b), (x, pos)),
    "where and clamp": (lambda a: w.where(a > 0, a, a * 2).clamp(-1, 1).clamp(min=-0.5), (x,)),
    "mixed dtypes": (
        lambda a: (a > 0).float() + a.to(w.int64) + (a.to(w.int32) // 1).double(),
        (x,),
    ),
    "of ints": (lambda i: (i + 2) * 3 % 2, (index,)),
    "min max": (lambda a, b: w.maximum(a, b) - w.minimum(a, b), (x, pos)),
    "atan2": (lambda a, b: w.atan2(a, b) + w.atan2(a, -b), (x, pos)),
    "addcmul": (
        lambda a, b: w.addcmul(a, a, b, value=0.5) + w.addcdiv(a, a, b) + w.lerp(a, b, 0.3),
        (x, pos),
    ),
    "activations": (
        lambda a: [
            f(a)
            for f in (
                F.relu,
                F.silu,
                F.gelu,
                F.elu,
                F.celu,
                F.selu,
                F.softplus,
                F.logsigmoid,
                F.mish,
                F.hardsigmoid,
                F.hardswish,
                F.hardtanh,
                F.relu6,
                F.leaky_relu,
                F.softsign,
                F.hardshrink,
                F.softshrink,
                F.sigmoid,
                F.tanhshrink,
            )
        ],
        (x,),
    ),
    "gelu tanh": (lambda a: F.gelu(a, approximate="tanh"), (x,)),
    "threshold and glu": (
        lambda a: (F.threshold(a, 0.1, 5.0), F.glu(a, -1), F.softplus(a, 2.0)),
        (x,),
    ),
    "prelu": (nn.PReLU(3), (x,)),
    "sums": (lambda a: (a.sum(), a.sum(1), a.mean((0, 2), keepdim=True), a.mean()), (x,)),
    "extremes": (
        lambda a: (a.max(), a.amax(1), a.min(2), a.max(1, keepdim=True), a.argmax(1), a.argmin()),
        (x,),
    ),
    "statistics": (lambda a: (a.var(), a.std(1), a.var(2, unbiased=False), a.prod(1)), (pos,)),
    "norms": (
        lambda a: (a.norm(), a.norm(1, 1), a.norm(dim=2), a.norm(3.0, 2), a.logsumexp(1)),
        (pos,),
    ),
    "any all cumsum": (lambda a: ((a > 0).any(1), (a > -9).all(), a.cumsum(2)), (x,)),
    "top": (lambda a: (a.topk(2, 1), a.sort(2)), (x,)),
    "softmaxes": (lambda a: (a.softmax(1), a.log_softmax(-1)), (x,)),
    "shapes": (
        lambda a: (
            a.reshape(6, -1),
            a.view(2, 12),
            a.permute(2, 0, 1),
            a.transpose(1, 2),
            a.flatten(1),
        ),
        (x,),
    ),
    "more shapes": (
        lambda a: (
            a.unsqueeze(1).squeeze(1),
            a[:, None],
            a.movedim(0, 2),
            a.mT,
            a.expand(5, 2, 3, 4),
        ),
        (x,),
    ),
    "joins": (
        lambda a: (w.cat([a, a], 1), w.stack([a, a], -1), a.repeat(2, 1, 3), w.hstack([a, a])),
        (x,),
    ),
    "splits": (lambda a: (*a.split(2, 2), *a.chunk(3, 1), *a.unbind(0)), (x,)),
    "indices": (
        lambda a: (a[0], a[:, -1], a[..., 1:3], a[:, ::2], a[1, :, None, 2], a[:, :-1]),
        (x,),
    ),
    "tensors as indices": (
        lambda a, i: (a[:, :, i], a.index_select(2, i[0]), a[i % 2]),
        (x, index),
    ),
    "gather": (
        lambda a, i: (a.gather(2, i.expand(2, 1, 4)), a.take_along_dim(i[None], 2)),
        (x, index),
    ),
    "scatter": (
        lambda a, i: (
            a.scatter_add(2, i.expand(2, 1, 4), a[:, :1]),
            a.scatter(2, i.expand(2, 1, 4), 7.0),
        ),
        (x, index),
    ),
    "flips": (lambda a: (a.flip(1), a.flip((0, 2)), a.roll(1, 2), a.tril(), a.triu(1)), (x,)),
    "pads": (
        lambda a: (
            F.pad(a, (1, 2)),
            F.pad(a, (1, 0, 2, 1), value=3.0),
            F.pad(a, (1, 1), "reflect"),
            F.pad(a, (2, 1), "replicate"),
        ),
        (x,),
    ),
    "in place": (lambda a: a.clone().add_(1).mul_(2).relu_(), (x,)),
    "writing to a part": (lambda a: (a * 2)[:, 1].contiguous().fill_(0) + a[:, 1], (x,)),
    "products": (
        lambda a: (
            a @ a.mT,
            w.bmm(a, a.mT),
            w.einsum("bij,bkj->bik", a, a),
            a @ a[0].T,
            a @ a[0, 0],
        ),
        (x,),
    ),
    "addmm": (
        lambda a: (
            w.addmm(a[0, :, :3], a[0], a[0].T, beta=0.5, alpha=2.0),
            w.baddbmm(a @ a.mT, a, a.mT, beta=0.5),
        ),
        (x,),
    ),
    "conv2d": (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (img,)),
    "conv2d same": (nn.Conv2d(4, 2, (3, 2), padding="same", dilation=(2, 1), bias=False), (img,)),
    "conv1d": (nn.Conv1d(3, 2, 2), (x,)),
    "conv transpose": (nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), (img,)),
    "batch norm": (nn.BatchNorm2d(4), (img,)),
    "other norms": (
        lambda a: (
            F.layer_norm(a, (6, 6)),
            F.group_norm(a, 2),
            F.instance_norm(a),
            F.rms_norm(a, (6,)),
        ),
        (img,),
    ),
    "norms with weights": (
        nn.Sequential(
            nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.LayerNorm(6), nn.RMSNorm(6)
        ),
        (img,),
    ),
    "pools": (
        lambda a: (
            F.max_pool2d(a, 3, 2, 1),
            F.avg_pool2d(a, 2),
            F.avg_pool2d(a, 3, 2, 1, count_include_pad=False),
            F.max_pool2d(a, 2, ceil_mode=True, dilation=2),
        ),
        (img,),
    ),
    "pools of lines": (
        lambda a: (F.max_pool1d(a, 2), F.avg_pool1d(a, 2), F.adaptive_avg_pool1d(a, 2)),
        (x,),
    ),
    "adaptive pools": (
        lambda a: (
            F.adaptive_avg_pool2d(a, 1),
            F.adaptive_avg_pool2d(a, 3),
            F.adaptive_avg_pool2d(a, (4, 5)),
            F.adaptive_max_pool2d(a, 4),
        ),
        (img,),
    ),
    "interpolation": (
        lambda a: (
            F.interpolate(a, scale_factor=2),
            F.interpolate(a, size=(9, 4)),
            F.interpolate(a, size=(3, 11), mode="bilinear"),
            F.interpolate(a, scale_factor=1.5, mode="bilinear", align_corners=True),
            F.interpolate(a, size=9, mode="bicubic"),
        ),
        (img,),
    ),
    "shuffles": (lambda a: (F.pixel_shuffle(a, 2), F.channel_shuffle(a, 2)), (img,)),
    "embedding": (nn.Embedding(5, 3), (index,)),
    "attention": (
        lambda a: (
            F.scaled_dot_product_attention(a, a, a),
            F.scaled_dot_product_attention(a, a, a, is_causal=True),
        ),
        (img,),
    ),
    "attention with masks": (
        lambda a, m: (
            F.scaled_dot_product_attention(a, a, a, m)
            + F.scaled_dot_product_attention(a, a, a, m.float())
        ),
        (img, w.eye(6).bool() | (w.arange(6) < 3)),
    ),
    "multi-head attention": (nn.MultiheadAttention(4, 2, batch_first=True), (x, x, x)),
    "losses": (
        lambda a, i: (F.cross_entropy(a, i), F.mse_loss(a, a * 2), F.nll_loss(a.log_softmax(1), i)),
        (x, w.tensor([[0, 1, 2, 0], [1, 1, 0, 2]])),
    ),
    "dropout in eval mode": (nn.Dropout(), (x,)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPS)
def test_operations(name, keep_rng):
    f, args = OPS[name]
    module = (f if isinstance(f, nn.Module) else Of(f)).eval()
    agree(w.onnx.export(module, args), module, args)


def test_newer_opset():
    module = Of(lambda a: (F.gelu(a), F.layer_norm(a, (4,)), a.mean(1))).eval()
    program = w.onnx.export(module, (x,), opset_version=20)
    assert program.model_proto.opset_import[0].version == 20
    assert "Gelu" in [node.op_type for node in program.model_proto.graph.node]
    agree(program, module, (x,))


class GPT(nn.Module):
    """Positions counted, a mask cut from a buffer, heads split off."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(11, 8), nn.Embedding(16, 8)
        self.qkv, self.head = nn.Linear(8, 24), nn.Linear(8, 11)
        self.register_buffer("mask", w.tril(w.ones(16, 16)).view(1, 1, 16, 16))

    def forward(self, index):
        n, length = index.shape
        h = self.tokens(index) + self.positions(w.arange(length))
        q, k, v = (t.view(n, length, 2, 4).transpose(1, 2) for t in self.qkv(h).split(8, dim=2))
        scores = q @ k.transpose(-2, -1) / 2
        scores = scores.masked_fill(self.mask[:, :, :length, :length] == 0, float("-inf"))
        h = h + (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, length, 8)
        return self.head(h), w.arange(length) * 2 + 1, w.full((n, 1), 0.5)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 3, 2, 1, 1)
        self.norm, self.out = nn.BatchNorm2d(4), nn.Conv2d(5, 1, 1)

    def forward(self, image):
        h = F.relu(self.norm(self.down(image)), inplace=True)
        near = F.interpolate(h, size=image.shape[-2:], mode="nearest")
        return self.out(w.cat([self.up(h) + near, image], 1)), h.flatten(1).mean(1)


DYNAMIC = {
    "mlp": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Flatten(), nn.Linear(4, 2)),
        (w.randn(2, 3),),
        {"input": {0: "batch"}},
        (w.randn(7, 3),),
    ),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (w.randn(2, 5, 8),),
        {"src": {0: "batch", 1: "time"}},
        (w.randn(3, 9, 8),),
    ),
    "gpt": (
        GPT,
        (w.randint(0, 11, (2, 5)),),
        {"index": {0: "batch", 1: "time"}},
        (w.randint(0, 11, (3, 9)),),
    ),
    "images of any size": (
        Net,
        (w.randn(1, 1, 8, 8),),
        {"image": {0: "batch", 2: "height", 3: "width"}},
        (w.randn(2, 1, 16, 12),),
    ),
    "lstm": (
        lambda: nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
        (w.randn(2, 5, 3),),
        {"input": [0, 1]},
        (w.randn(4, 8, 3),),
    ),
    "gru": (
        lambda: nn.GRU(3, 4),
        (w.randn(5, 2, 3), w.randn(1, 2, 4)),
        {"input": {0: "time", 1: "batch"}, "hx": {1: "batch"}},
        (w.randn(8, 4, 3), w.randn(1, 4, 4)),
    ),
    "rnn": (
        lambda: nn.RNN(3, 4, bias=False),
        (w.randn(5, 2, 3),),
        {"input": [0]},
        (w.randn(9, 2, 3),),
    ),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_dynamic_axes(name, keep_rng):
    make, args, axes, others = DYNAMIC[name]
    module = make().eval()
    program = w.onnx.export(module, args, dynamic_axes=axes)
    agree(program, module, args)
    agree(program, module, others)
    found = [d.dim_param for d in program.model_proto.graph.input[0].type.tensor_type.shape.dim]
    assert sum(map(bool, found)) == len(next(iter(axes.values())))


def test_an_axis_that_cannot_be_dynamic_is_refused():
    module = Of(lambda a: a.reshape(2, -1) if a.shape[0] == 2 else a * 2)
    with pytest.raises(w.onnx.OnnxExporterError, match="dynamic axes"):
        w.onnx.export(module, (x,), dynamic_axes={"args": {0: "batch"}}, input_names=["args"])
    loop = Of(lambda a: sum(a[:, i] * i for i in range(a.shape[1])))
    with pytest.raises(w.onnx.OnnxExporterError, match="loops over an axis"):
        w.onnx.export(loop, (x,), input_names=["a"], dynamic_axes={"a": [1]})


def test_names_files_and_modes(tmp_path):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.BatchNorm1d(3))

        def forward(self, left, right=None, *, scale=1.0):
            assert w.onnx.is_in_onnx_export()
            return self.body(left) * scale + right["a"], left

    module = Two().train()
    args = (x, {"right": {"a": x * 2}, "scale": 2.0})
    path = tmp_path / "m.onnx"
    assert w.onnx.export(module, args, path, dynamo=False, output_names=["y"]) is None
    assert module.training and module.body[1].training and not w.onnx.is_in_onnx_export()
    assert w.equal(module.body[2].running_mean, w.zeros(3))
    model = onnx.load(path)
    graph = model.graph
    assert [i.name for i in graph.input] == ["left", "right"]
    assert [o.name for o in graph.output] == ["y", "output_1"]
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    np.testing.assert_array_equal(weights["body.0.bias"], module.body[0].bias.detach().numpy())
    assert model.producer_name == "wengert"
    file = io.BytesIO()
    program = w.onnx.export(module, args, file, input_names=["l"], verify=True)
    assert onnx.load_from_string(file.getvalue()).graph.input[0].name == "l"
    y, left = program(x, x * 2)
    module.eval()
    assert w.equal(left, x) and w.allclose(y, module.body(x) * 2 + x * 2, atol=1e-5)


def test_refusals():
    class Odd(nn.Module):
        def forward(self, a):
            return w.linalg.svdvals(a)

    with pytest.raises(w.onnx.OnnxExporterError, match=r"svd.*\[2, 3, 4\].*no form in ONNX"):
        w.onnx.export(Odd(), (x,))
    with pytest.warns(UserWarning, match="opset_version 11"):
        program = w.onnx.export(nn.Linear(4, 2), (x,), opset_version=11)
    assert program.model_proto.opset_import[0].version == 18
    with pytest.raises(ValueError, match="opset_version 99"):
        w.onnx.export(nn.Linear(4, 2), (x,), opset_version=99)
    with pytest.raises(ValueError, match="2 input_names for 1"):
        w.onnx.export(nn.Linear(4, 2), (x,), input_names=["a", "b"])


def test_a_program_is_changed_renamed_run_in_parts_and_saved(tmp_path):
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = w.randn(4, 2)
    exported = w.export.export(net, (x,), dynamic_shapes=({0: w.export.Dim("n")},))
    program = w.onnx.export(exported, input_names=["x"])
    assert w.allclose(program(x[:3]), net(x[:3]), atol=1e-6)
    program.optimize()
    assert w.allclose(program(x), net(x), atol=1e-6)
    assert w.allclose(program.call_reference(x), net(x), atol=1e-6)
    inner = program.model.graph.node[0].output[0]
    (found,) = program.compute_values([inner], (x,))
    assert w.allclose(found, net[0](x), atol=1e-6)
    program.rename_axes({"n": "batch"})
    for value in (*program.model.graph.input, *program.model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    with pytest.warns(UserWarning, match="no initializer 'other'"):
        program.apply_weights({"2.weight": w.zeros(1, 3), "other": w.ones(1)})
    assert w.allclose(program(x), net[2].bias.expand(4, 1))
    path = tmp_path / "net.onnx"
    for _ in range(2):  # the second time its numbers take the place of the first
        program.save(path, external_data=True)
    assert (tmp_path / "net.onnx.data").stat().st_size == 4 * (6 + 3 + 3 + 1)
    assert w.from_numpy(run(str(path), (x,))[0]).allclose(program(x))
    program.save(path, include_initializers=False, keep_initializers_as_inputs=True)
    assert len(onnx.load(path).graph.input) == 5 and not onnx.load(path).graph.initializer
    assert "main_graph" in repr(program)


def test_a_table_of_translations_is_not_passed_over_in_silence():
    with pytest.warns(UserWarning, match="custom_translation_table is not used"):
        w.onnx.export(nn.ReLU(), (w.ones(2),), custom_translation_table={w.relu: print})
