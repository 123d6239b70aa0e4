"""Initialisers: PyTorch's numbers from the same seed, and its gains, fans and errors."""

import pytest

import wengert

CASES = [
    ("uniform_", (), (3, 4)),
    ("uniform_", (-2.0, 5.0), (40,)),
    ("normal_", (), (3, 4)),
    ("normal_", (2.0, 3.0), (40,)),
    ("trunc_normal_", (), (30, 40)),
    ("trunc_normal_", (0.0, 1.0, 1.5, 3.0), (30, 40)),
    ("constant_", (3.0,), (2, 2)),
    ("ones_", (), (2, 2)),
    ("zeros_", (), (2, 2)),
    ("eye_", (), (3, 5)),
    ("dirac_", (), (4, 2, 3, 3)),
    ("dirac_", (2,), (4, 2, 3)),
    ("xavier_uniform_", (1.5,), (3, 4, 5)),
    ("xavier_normal_", (), (30, 4)),
    ("kaiming_uniform_", (), (3, 4)),
    ("kaiming_uniform_", (2.0, "fan_out"), (3, 4)),
    ("kaiming_normal_", (0, "fan_in", "relu"), (3, 4, 5)),
    ("orthogonal_", (), (3, 8)),
    ("orthogonal_", (2.0,), (8, 2, 2)),
    ("sparse_", (0.3,), (8, 4)),
]


@pytest.mark.parametrize("name,args,shape", CASES, ids=[c[0] for c in CASES])
def test_pytorchs_numbers(torch, name, args, shape):
    found = []
    for lib in (wengert, torch):
        lib.manual_seed(1)
        t = lib.empty(shape)
        out = getattr(lib.nn.init, name)(t, *args)
        assert out is t
        found.append((t.numpy(), float(lib.rand(1))))  # the stream stands at the same place
    (a, next_a), (b, next_b) = found
    assert next_a == next_b
    assert abs(a - b).max() <= 2e-6 * max(1, abs(b).max())


def test_gains(torch):
    for name in ("linear", "conv2d", "relu", "tanh", "selu", "leaky_relu", "sigmoid"):
        got = wengert.nn.init.calculate_gain(name)
        assert got == torch.nn.init.calculate_gain(name)
    assert wengert.nn.init.calculate_gain("leaky_relu", 0.5) == (2 / 1.25) ** 0.5
    with pytest.raises(ValueError, match="Unsupported nonlinearity"):
        wengert.nn.init.calculate_gain("softmax")


def test_orthogonal_is_orthogonal():
    q = wengert.nn.init.orthogonal_(wengert.empty(3, 5, dtype=wengert.float64))
    assert wengert.allclose(q @ q.T, wengert.eye(3, dtype=wengert.float64), atol=1e-12)


def test_nothing_is_recorded():
    p = wengert.nn.Parameter(wengert.empty(3, 3))
    wengert.nn.init.kaiming_uniform_(p)
    assert p.is_leaf
    assert p.requires_grad


@pytest.mark.parametrize("name", ["eye_", "dirac_", "xavier_uniform_", "orthogonal_"])
def test_wrong_number_of_dimensions(name):
    with pytest.raises(ValueError, match="dimensions"):
        getattr(wengert.nn.init, name)(wengert.empty(3))


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="deprecated"):
        assert wengert.nn.init.constant(wengert.empty(2), 3.0).tolist() == [3.0, 3.0]


def test_empty_tensors_are_left_alone():
    with pytest.warns(UserWarning, match="no-op"):
        wengert.nn.init.kaiming_uniform_(wengert.empty(0, 3))
