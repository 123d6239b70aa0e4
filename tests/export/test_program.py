"""torch.export: programs of fixed and of changing sizes, what is told of them, and their files."""

import io

import pytest

import wengert as w

nn = w.nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 3), nn.BatchNorm1d(3)
        self.register_buffer("shift", w.ones(3))

    def forward(self, x, scale=None):
        y = self.norm(self.linear(x)) + self.shift
        return (y if scale is None else y * scale), {"x": x}


@pytest.fixture
def net():
    m = Net().eval()
    m.norm.running_mean.uniform_()
    return m


def test_a_program_computes_the_same_and_tells_its_inputs(net):
    x = w.randn(3, 2)
    ep = w.export.export(net, (x,), {"scale": w.full((1,), 2.0)})
    given = w.randn(3, 2), w.full((1,), 3.0)
    w.testing.assert_close(ep.module()(*given), net(*given))
    signature = ep.graph_signature
    assert set(signature.parameters) == {n for n, _ in net.named_parameters()}
    assert set(signature.buffers) == {"norm.running_mean", "norm.running_var", "shift"}
    assert signature.user_inputs == ("x", "scale")
    assert set(ep.state_dict) >= {"linear.weight", "shift"}
    assert "USER_INPUT" in str(ep)


def test_the_sizes_are_fixed_unless_they_may_change(net):
    x = w.randn(3, 2)
    with pytest.raises(RuntimeError, match="dynamic_shapes"):
        w.export.export(net, (x,)).module()(w.randn(5, 2))
    batch = w.export.Dim("batch", min=1, max=64)
    ep = w.export.export(net, (x,), dynamic_shapes={"x": {0: batch}})
    given = w.randn(5, 2)
    w.testing.assert_close(ep.module()(given), net(given))
    assert ep.range_constraints == {"batch": (1, 64)}
    with pytest.raises(RuntimeError, match="x"):
        ep.module()(w.randn(5, 7))
    with pytest.raises(ValueError, match="dynamic_shapes"):
        w.export.export(net, (x,), dynamic_shapes={"z": {0: batch}})


def test_programs_come_back_from_a_file(net):
    x, buffer = w.randn(3, 2), io.BytesIO()
    w.export.save(w.export.export(net, (x,)), buffer, extra_files={"note": "hi"})
    buffer.seek(0)
    extra = {"note": ""}
    ep = w.export.load(buffer, extra_files=extra)
    w.testing.assert_close(ep.module()(x), net(x))
    assert extra["note"] == b"hi"
    with pytest.raises(RuntimeError, match="dynamic_shapes"):
        ep.module()(w.randn(5, 2))


def test_what_is_refused(net):
    with pytest.raises(RuntimeError, match="module"):
        w.export.export(net, (w.ones(1, 2),))(w.ones(1, 2))
    with pytest.raises(ValueError, match=r"torch\.nn\.Module"):
        w.export.export(lambda x: x, (w.ones(1),))
    with pytest.raises(TypeError, match="tuple"):
        w.export.export(net, w.ones(1, 2))
