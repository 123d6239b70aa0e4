"""Convolutions, their transposes and the columns of images: against PyTorch, and by their laws."""

import itertools

import numpy as np
import pytest

import wengert as T
from wengert.func import jvp, vmap
from wengert.nn import functional as F

RNG = np.random.default_rng(0)


def randn(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


def ours(*arrays):
    return [T.tensor(a).requires_grad_() for a in arrays]


def close(a, b, tol=1e-9):
    np.testing.assert_allclose(np.asarray(a.detach()), np.asarray(b.detach()), atol=tol, rtol=tol)


# ------------------------------------------------------------------------------------- recorded

X = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]
W = [[[[1.0, 0.0], [2.0, -1.0]]]]


def test_recorded_values_and_gradients():
    x, w, b = ours(np.array([X]), np.array(W), np.array([0.5]))
    y = F.conv2d(x, w, b)
    assert y.tolist() == [[[[4.5, 6.5], [10.5, 12.5]]]]
    (y * y).sum().backward()
    assert x.grad.tolist() == [[[[9.0, 13.0, 0.0], [39.0, 42.0, -13.0], [42.0, 29.0, -25.0]]]]
    assert w.grad.tolist() == [[[[244.0, 312.0], [448.0, 516.0]]]]
    assert b.grad.tolist() == [68.0]


def test_recorded_transposed():
    x, w = ours(np.array([X]), np.array(W))
    y = F.conv_transpose2d(x[:, :, :2, :2], w, stride=2, padding=1, output_padding=1)
    assert y.tolist() == [[[[-1.0, 4.0, -2.0], [0.0, 5.0, 0.0], [-4.0, 10.0, -5.0]]]]


def test_same_padding_puts_the_odd_one_behind():
    y = F.conv1d(T.tensor([[1.0, 2.0, 3.0]]), T.tensor([[[1.0, 10.0]]]), padding="same")
    assert y.tolist() == [[21.0, 32.0, 3.0]]


# ------------------------------------------------------------------------------------- laws


def test_unbatched_is_a_batch_of_one():
    x, w, b = ours(randn(3, 7, 6), randn(4, 3, 3, 3), randn(4))
    close(F.conv2d(x, w, b, padding=1), F.conv2d(x[None], w, b, padding=1)[0])
    v = T.tensor(randn(3, 2, 3, 3))
    close(F.conv_transpose2d(x, v, stride=2), F.conv_transpose2d(x[None], v, stride=2)[0])


def test_transposed_is_the_adjoint():
    x, w = ours(randn(2, 3, 9), randn(4, 3, 3))
    y = F.conv1d(x, w, stride=2, padding=1)
    g = T.tensor(randn(*y.shape))
    close((y * g).sum(), (F.conv_transpose1d(g, w, stride=2, padding=1) * x).sum())


def test_a_convolution_is_columns_times_weights():
    x, w = ours(randn(2, 3, 6, 7), randn(4, 3, 2, 3))
    y = F.conv2d(x, w, stride=(2, 1), padding=(1, 0), dilation=(1, 2))
    cols = F.unfold(x, (2, 3), dilation=(1, 2), padding=(1, 0), stride=(2, 1))
    close(y, (w.reshape(4, -1) @ cols).reshape(y.shape))


def test_fold_counts_the_windows():
    ones = T.ones(1, 2, 5, 4)
    counts = F.fold(F.unfold(ones, 3, padding=1), (5, 4), 3, padding=1)
    corner, edge, inside = counts[0, 0, 0, 0], counts[0, 0, 0, 1], counts[0, 1, 2, 2]
    assert (float(corner), float(edge), float(inside)) == (4.0, 6.0, 9.0)


def test_slices_share_memory_and_pass_gradients():
    x = T.arange(5.0)
    y = x.unfold(0, 3, 2)
    y[1, 0] = 7.0
    assert x.tolist() == [0.0, 1.0, 7.0, 3.0, 4.0] and float(y[0, 2]) == 7.0
    x = T.arange(5.0).requires_grad_()
    x.unfold(0, 3, 1).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 3.0, 2.0, 1.0]
    assert T.unfold_copy(x, 0, 2, 3).tolist() == [[0.0, 1.0], [3.0, 4.0]]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("batched", list(itertools.product([True, False], repeat=3))[:-1])
def test_vmap_is_a_loop(batched, groups):
    shapes = (2, 4, 6), (6, 4 // groups, 3), (6,)
    args = [T.tensor(randn(*((3, *s) if b else s))) for b, s in zip(batched, shapes)]

    def f(x, w, b):
        return F.conv1d(x, w, b, stride=2, padding=1, groups=groups)

    got = vmap(f, tuple(0 if b else None for b in batched))(*args)
    want = T.stack([f(*[a[i] if b else a for a, b in zip(args, batched)]) for i in range(3)])
    close(got, want)


@pytest.mark.parametrize("batched", [(True, False), (False, True), (True, True)])
def test_vmap_of_gradients_is_a_loop(batched):
    shapes = (2, 2, 5, 5), (4, 2, 3, 3)
    args = [T.tensor(randn(*((3, *s) if b else s))) for b, s in zip(batched, shapes)]

    def f(x, w):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        return T.autograd.grad((F.conv2d(x, w, padding=1) ** 2).sum(), (x, w))

    def per_example(x, w):
        return T.func.grad(lambda a, b: (F.conv2d(a, b, padding=1) ** 2).sum(), (0, 1))(x, w)

    got = vmap(per_example, tuple(0 if b else None for b in batched))(*args)
    for i in range(3):
        for g, want in zip(got, f(*[a[i] if b else a for a, b in zip(args, batched)])):
            close(g[i], want)


def test_forward_mode_is_a_difference_quotient():
    x, w, b = (T.tensor(randn(*s)) for s in ((2, 3, 6), (4, 3, 3), (4,)))
    tangents = tuple(T.tensor(randn(*t.shape)) for t in (x, w, b))

    def f(x, w, b):
        return F.conv1d(x, w, b, stride=2)

    _, tangent = jvp(f, (x, w, b), tangents)
    step = 1e-6
    ahead = f(*[p + step * t for p, t in zip((x, w, b), tangents)])
    behind = f(*[p - step * t for p, t in zip((x, w, b), tangents)])
    close(tangent, (ahead - behind) / (2 * step), 1e-7)


def test_no_images_and_no_channels():
    assert F.conv2d(T.ones(0, 2, 4, 4), T.ones(3, 2, 2, 2)).shape == (0, 3, 3, 3)
    x = T.ones(0, 2, 4, 4).requires_grad_()
    w = T.ones(3, 2, 2, 2).requires_grad_()
    b = T.ones(3).requires_grad_()
    F.conv2d(x, w, b).sum().backward()
    assert x.grad.shape == x.shape and not w.grad.any() and not b.grad.any()


def test_a_bias_is_added_once_per_channel():
    x, w = T.ones(1, 1, 3, 3), T.zeros(2, 1, 2, 2)
    assert F.conv2d(x, w, T.tensor([1.0, 2.0]))[0, :, 0, 0].tolist() == [1.0, 2.0]


# ------------------------------------------------------------------------------------- refusals

GOOD = (1, 4, 6, 6), (6, 4, 3, 3), (6,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(stride=0), "non-positive stride"),
        (dict(stride=(1, 2, 3)), "stride to be a single integer value or a list of 2 values"),
        (dict(padding=-1), "negative padding"),
        (dict(padding="full"), "padding string"),
        (dict(padding="same", stride=2), "not supported for strided"),
        (dict(dilation=0), "dilation should be greater than zero"),
        (dict(dilation=4), "Kernel size can't be greater than actual input size"),
        (dict(groups=0), "non-positive groups"),
        (dict(groups=4), "divisible by 4"),
        (dict(groups=7), "at least 7"),
        (dict(groups=2), "to have 8 channels, but got 4"),
    ],
)
def test_bad_arguments(arguments, message):
    x, w, b = (T.ones(s) for s in GOOD)
    with pytest.raises(RuntimeError, match=message):
        F.conv2d(x, w, b, **arguments)


def test_bad_tensors():
    x, w, b = (T.ones(s) for s in GOOD)
    with pytest.raises(RuntimeError, match="3D .unbatched. or 4D .batched. input to conv2d"):
        F.conv2d(x[0, 0], w, b)
    with pytest.raises(RuntimeError, match="4-dimensional input of size"):
        F.conv2d(x, w[0], b)
    with pytest.raises(RuntimeError, match="bias to be 1-dimensional with 6 elements"):
        F.conv2d(x, w, b[:5])
    with pytest.raises(RuntimeError, match="weight type .double. should be the same"):
        F.conv2d(x, w.double())
    with pytest.raises(TypeError, match="'weight' .* must be Tensor, not list"):
        F.conv2d(x, [1.0])
    with pytest.raises(RuntimeError, match="output padding must be smaller"):
        F.conv_transpose2d(x, T.ones(4, 2, 3, 3), output_padding=1)


def test_bad_columns():
    with pytest.raises(RuntimeError, match="sliding blocks"):
        F.unfold(T.ones(1, 1, 2, 2), 3)
    with pytest.raises(RuntimeError, match="divisible by the product of"):
        F.fold(T.ones(1, 3, 4), 3, 2)
    with pytest.raises(RuntimeError, match=r"2 \* 2 = 4, but got input.size\(2\)=5"):
        F.fold(T.ones(1, 4, 5), 3, 2)
    with pytest.raises(
        RuntimeError, match="maximum size for tensor at dimension 0 is 3 but size is 4"
    ):
        T.ones(3).unfold(0, 4, 1)


# ------------------------------------------------------------------------------------- live

CONV = [
    (1, (2, 4, 9), (6, 4, 3), dict(stride=2, padding=1)),
    (1, (2, 4, 9), (6, 2, 2), dict(dilation=3, groups=2, padding="same")),
    (2, (2, 3, 8, 7), (4, 3, 3, 3), dict(stride=(2, 1), padding=(1, 2))),
    (2, (2, 4, 8, 7), (8, 1, 3, 3), dict(groups=4, padding="same")),
    (2, (4, 7, 7), (5, 4, 1, 1), dict(stride=3)),
    (3, (2, 2, 5, 6, 4), (3, 2, 2, 3, 2), dict(stride=2, padding=1, dilation=(1, 2, 1))),
]
TRANSPOSED = [
    (1, (2, 4, 5), (4, 3, 3), dict(stride=2, padding=1, output_padding=1)),
    (2, (2, 4, 5, 4), (4, 2, 3, 2), dict(stride=(2, 3), groups=2, dilation=2)),
    (2, (4, 3, 3), (4, 5, 1, 1), {}),
    (
        3,
        (1, 2, 3, 2, 3),
        (2, 2, 2, 3, 2),
        dict(stride=(3, 2, 1), dilation=4, output_padding=(2, 3, 1)),
    ),
]


def both(torch, name, x_shape, w_shape, out_channels, arguments, dtype="float64"):
    arrays = (
        randn(*x_shape, dtype=dtype),
        randn(*w_shape, dtype=dtype),
        randn(out_channels, dtype=dtype),
    )
    theirs = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    mine = ours(*arrays)
    y = getattr(torch.nn.functional, name)(*theirs, **arguments)
    return mine, theirs, getattr(F, name)(*mine, **arguments), y


def cases():
    for rank, x, w, arguments in CONV:
        yield f"conv{rank}d", x, w, w[0], arguments
    for rank, x, w, arguments in TRANSPOSED:
        yield f"conv_transpose{rank}d", x, w, w[1] * arguments.get("groups", 1), arguments


@pytest.mark.parametrize("case", list(cases()), ids=lambda c: f"{c[0]} {c[4]}")
def test_values_and_two_derivatives_are_pytorchs(case, torch):
    mine, theirs, y, want = both(torch, *case)
    close(y, want)
    g = randn(*want.shape)
    first = T.autograd.grad(y, mine, T.tensor(g), create_graph=True)
    expected = torch.autograd.grad(want, theirs, torch.from_numpy(g), create_graph=True)
    for a, b in zip(first, expected):
        close(a, b)
    second = T.autograd.grad(sum((a**2).sum() for a in first[:2]), mine[:2])
    expected = torch.autograd.grad(sum((a**2).sum() for a in expected[:2]), theirs[:2])
    for a, b in zip(second, expected):
        close(a, b, 1e-8)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "int64"])
def test_dtypes_are_pytorchs(dtype, torch):
    x, w = (10 * randn(2, 3, 6, 6)).astype(dtype), (10 * randn(4, 3, 3, 3)).astype(dtype)
    want = torch.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding=1)
    got = T.conv2d(T.tensor(x), T.tensor(w), padding=1)
    assert str(got.dtype) == str(want.dtype)
    scale = float(abs(want).max()) if dtype != "int64" else 1.0
    np.testing.assert_allclose(
        got.numpy(), want.numpy(), atol=2e-3 * scale if dtype == "float16" else 1e-5 * scale
    )


def test_columns_are_pytorchs(torch):
    x = randn(2, 3, 7, 6)
    arguments = dict(kernel_size=(2, 3), dilation=(2, 1), padding=(1, 2), stride=(1, 2))
    want = torch.nn.functional.unfold(torch.from_numpy(x), **arguments)
    got = F.unfold(T.tensor(x), **arguments)
    close(got, want)
    close(F.fold(got, (7, 6), **arguments), torch.nn.functional.fold(want, (7, 6), **arguments))
    close(F.unfold(T.tensor(x[0]), **arguments), want[0])


@pytest.mark.parametrize("name", ["convolution", "conv_tbc"])
def test_other_forms_are_pytorchs(name, torch):
    if name == "conv_tbc":
        arrays = randn(5, 2, 3), randn(3, 3, 4), randn(4)
        arguments = (1,)
    else:
        arrays = randn(2, 4, 5, 5), randn(4, 2, 3, 3), randn(4)
        arguments = ([2, 2], [1, 1], [1, 1], True, [1, 1], 2)
    want = getattr(torch, name)(*[torch.from_numpy(a) for a in arrays], *arguments)
    close(getattr(T, name)(*[T.tensor(a) for a in arrays], *arguments), want)


@pytest.mark.parametrize("groups", [1, 3])
def test_volumes_with_one_channel_a_group(groups):
    torch = pytest.importorskip("torch")
    g = np.random.default_rng(0)
    x, w = g.standard_normal((2, groups, 4, 5, 6)), g.standard_normal((2 * groups, 1, 2, 3, 2))
    found = []
    for lib in (torch, T):
        a, b = (lib.tensor(v.astype(np.float32), requires_grad=True) for v in (x, w))
        y = lib.nn.functional.conv3d(a, b, padding=1, groups=groups)
        y.square().sum().backward()
        found.append([t.detach().numpy() for t in (y, a.grad, b.grad)])
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_gradients_of_windows_as_wide_as_the_input():
    """As in networks over sentences: few windows, each over a whole row."""
    x = T.randn(3, 2, 9, 20, dtype=T.float64, requires_grad=True)
    weight = T.randn(5, 2, 4, 20, dtype=T.float64, requires_grad=True)
    g = T.randn(3, 5, 6, 1, dtype=T.float64)
    T.nn.functional.conv2d(x, weight).backward(g)
    rows = x.detach().unfold(2, 4, 1)  # (3, 2, 6, 20, 4)
    expected = T.zeros(3, 2, 9, 20, dtype=T.float64)
    for i in range(6):
        expected[:, :, i : i + 4] += T.einsum("no,ockl->nckl", g[:, :, i, 0], weight.detach())
    T.testing.assert_close(x.grad, expected)
    found = T.einsum("noi,ncilk->ockl", g[..., 0], rows)
    T.testing.assert_close(weight.grad, found)
