"""Memory formats: which strides tensors get and results of layers have, beside PyTorch's."""

import random

import pytest

import wengert as torch
from wengert import nn

LAST, LAST_3D = torch.channels_last, torch.channels_last_3d
IMAGE, VOLUME = (2, 4, 8, 6), (2, 4, 8, 6, 5)

# expressions over x (2, 3, 4, 5) and y, the same channels last: the strides that PyTorch gives
STRIDES = [
    ("x.to(memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("x.to(torch.float64, memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("x.half(memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("x.cpu(memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("x.contiguous(memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("x.clone(memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("x[:, :1].to(memory_format=torch.channels_last)", (20, 1, 5, 1)),
    ("x[:, :1].contiguous().contiguous(memory_format=torch.channels_last)", (20, 20, 5, 1)),
    ("y.clone()", (60, 1, 15, 3)),
    ("y.double()", (60, 1, 15, 3)),
    ("y[:, :2].clone()", (40, 1, 10, 2)),
    ("y.contiguous()", (60, 20, 5, 1)),
    ("y.to(memory_format=torch.contiguous_format)", (60, 20, 5, 1)),
    ("y.to(torch.float64, memory_format=torch.contiguous_format)", (60, 20, 5, 1)),
    ("torch.empty(2, 3, 4, 5, memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("torch.zeros_like(y)", (60, 1, 15, 3)),
    ("torch.zeros_like(y, memory_format=torch.contiguous_format)", (60, 20, 5, 1)),
    ("torch.full_like(x, 2., memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("torch.rand_like(x, memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("torch.randint_like(x, 3, memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("torch.empty(0).resize_(2, 3, 4, 5, memory_format=torch.channels_last)", (60, 1, 15, 3)),
    ("torch.empty(0).resize_as_(y)", (60, 20, 5, 1)),
    ("torch.empty(0).resize_as_(y, memory_format=torch.preserve_format)", (60, 1, 15, 3)),
    ("y * 2 + 1", (60, 1, 15, 3)),
    ("torch.cat([y, y], 1)", (120, 1, 30, 6)),
]


@pytest.mark.parametrize("text, strides", STRIDES)
def test_strides_of_what_is_asked_for(text, strides):
    x = torch.arange(120.0).reshape(2, 3, 4, 5)
    y = x.to(memory_format=LAST)
    made = eval(text, {"torch": torch, "x": x, "y": y})
    assert made.stride() == strides
    if made.shape == x.shape and "rand" not in text and "torch." not in text[:6]:
        assert torch.equal(made.float(), x * 2 + 1 if "*" in text else x)


LAYERS = [
    (nn.Conv2d(4, 8, 3, padding=1), (384, 1, 48, 8)),
    (nn.Conv2d(4, 4, 3, groups=4), (96, 1, 16, 4)),
    (nn.ConvTranspose2d(4, 6, 2, 2), (1152, 1, 72, 6)),
    (nn.MaxPool2d(2), (48, 1, 12, 4)),
    (nn.AvgPool2d(2), (48, 1, 12, 4)),
    (nn.AdaptiveMaxPool2d(2), (16, 1, 8, 4)),
    (nn.AdaptiveAvgPool2d(2), (16, 1, 8, 4)),
    (nn.BatchNorm2d(4), (192, 1, 24, 4)),
    (nn.BatchNorm2d(4).eval(), (192, 1, 24, 4)),
    (nn.GroupNorm(2, 4), (192, 1, 24, 4)),
    (nn.InstanceNorm2d(4), (192, 48, 6, 1)),
    (nn.Upsample(scale_factor=2, mode="bilinear"), (768, 1, 48, 4)),
    (nn.ZeroPad2d(1), (320, 1, 32, 4)),
    (nn.ReflectionPad2d(1), (320, 1, 32, 4)),
    (nn.PixelUnshuffle(2), (192, 1, 48, 16)),
    (nn.ChannelShuffle(2), (192, 1, 24, 4)),
    (nn.Softmax(1), (192, 48, 6, 1)),
    (nn.Conv3d(4, 8, 3, padding=1), (1920, 1, 240, 40, 8)),
    (nn.MaxPool3d(2), (96, 1, 24, 8, 4)),
    (nn.AvgPool3d(2), (96, 24, 6, 2, 1)),
    (nn.BatchNorm3d(4), (960, 1, 120, 20, 4)),
    (nn.ReplicationPad3d(1), (2240, 1, 224, 28, 4)),
]


@pytest.mark.parametrize("layer, strides", LAYERS, ids=lambda v: str(v)[:24])
def test_layers_keep_channels_last(layer, strides):
    x = torch.randn(*(IMAGE if len(strides) == 4 else VOLUME))
    state = {k: v.clone() for k, v in layer.state_dict().items()}
    plain = layer(x.clone().requires_grad_())
    layer.load_state_dict(state)
    turned = layer(x.to(memory_format=LAST if len(strides) == 4 else LAST_3D).requires_grad_())
    assert plain.is_contiguous() and turned.stride() == strides
    torch.testing.assert_close(turned, plain)


def test_gradients_lie_as_the_activations():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    net.to(memory_format=LAST)
    x = torch.randn(2, 3, 8, 8).to(memory_format=LAST).requires_grad_()
    out = net(x)
    out.square().sum().backward()
    assert out.stride() == (36, 1, 12, 4) and x.grad.stride() == (192, 1, 24, 3)
    assert net[0].weight.stride() == net[0].weight.grad.stride() == (27, 1, 9, 3)


def test_compiled_programs_and_batches_keep_them():
    conv = nn.Conv2d(3, 4, 3).to(memory_format=LAST)
    x = torch.randn(2, 3, 8, 8).to(memory_format=LAST)
    f = torch.compile(lambda x: torch.relu(conv(x)) * 2)
    for _ in range(3):
        assert f(x).stride() == (144, 1, 24, 4)
    torch.testing.assert_close(f(x), torch.relu(conv(x)) * 2)
    batched = torch.func.vmap(lambda a: conv(a[None])[0])
    torch.testing.assert_close(batched(x), batched(x.contiguous()))


def test_gradients_pass_through_a_change_of_format():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: x.contiguous(memory_format=LAST).sin(), (x,))
    assert torch.autograd.gradgradcheck(lambda x: x.to(memory_format=LAST).sin(), (x,))
    assert x.clone(memory_format=LAST).grad_fn.name() == "CloneBackward0"


def test_what_has_no_such_format_is_refused():
    for f in (
        lambda: torch.ones(2, 3).to(memory_format=LAST),
        lambda: torch.ones(2, 3, 4, 5).contiguous(memory_format=LAST_3D),
        lambda: torch.empty(2, 3, memory_format=LAST),
        lambda: torch.empty(2, 3, memory_format=torch.preserve_format),
        lambda: torch.empty_like(torch.ones(2), memory_format=LAST),
        lambda: torch.empty(0).resize_(2, 3, memory_format=LAST),
        lambda: torch.ones(2, 3).t().contiguous(memory_format=torch.preserve_format),
        lambda: torch.ones(1, 1, 2, 2).dim_order(ambiguity_check=True),
        lambda: torch.ones(1, 1, 2, 2).dim_order(ambiguity_check=[torch.contiguous_format, LAST]),
    ):
        with pytest.raises(RuntimeError):
            f()
    with pytest.raises(TypeError, match="ambiguity_check"):
        torch.ones(2).dim_order(ambiguity_check=3)
    x = torch.ones(2, 3, 4, 5).to(memory_format=LAST)
    assert x.dim_order(ambiguity_check=True) == (0, 2, 3, 1)
    assert torch.ones(1, 3).dim_order(ambiguity_check=[torch.contiguous_format, LAST]) == (0, 1)


def test_weights_are_converted():
    net = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Linear(3, 3), nn.ConvTranspose2d(2, 3, 2))
    made = nn.utils.convert_conv2d_weight_memory_format(net, LAST)
    assert made is net
    assert net[0].weight.stride() == (8, 1, 4, 2) and net[2].weight.stride() == (12, 1, 6, 3)


def test_random_strides_have_pytorchs_formats():
    reference = pytest.importorskip("torch")
    chance = random.Random(0)
    memory, theirs = torch.zeros(4000), reference.zeros(4000)
    for _ in range(400):
        n = chance.choice((4, 4, 5))
        shape = [chance.choice((1, 1, 2, 3)) for _ in range(n)]
        order = chance.choice(((0, 2, 3, 1), (0, 2, 3, 4, 1), tuple(chance.sample(range(n), n))))
        if len(order) != n:
            order = tuple(range(n))
        strides, step = [0] * n, 1
        for d in reversed(order):
            strides[d] = step
            step *= shape[d] + (chance.random() < 0.1)
        ours = memory.as_strided(shape, strides)
        other = theirs.as_strided(shape, strides)
        for form in ("channels_last", "channels_last_3d", "contiguous_format"):
            asked = ours.is_contiguous(memory_format=getattr(torch, form))
            assert asked == other.is_contiguous(memory_format=getattr(reference, form))
            if form == "contiguous_format" or n == 4 + (form != "channels_last"):
                made = ours.to(memory_format=getattr(torch, form))
                assert made.stride() == other.to(memory_format=getattr(reference, form)).stride()
        assert ours.dim_order() == other.dim_order()
