"""Functions of lists of tensors."""

import pytest

import wengert as torch
from wengert._utils import _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors
from wengert.onnx.operators import reshape_from_tensor_shape, shape_as_tensor


def test_each_tensor_gets_its_own_element_of_a_list():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([[3.0]])
    doubled = torch._foreach_mul([a, b], 2)
    assert [t.tolist() for t in doubled] == [[2, 4], [[6]]]
    assert [t.tolist() for t in torch._foreach_add([a, b], [b, b], alpha=2)] == [[[7, 8]], [[9]]]
    into = [a, b]
    assert torch._foreach_copy_(into, doubled) is into
    assert a.tolist() == [2, 4] and b.tolist() == [[6]]
    assert [t.item() for t in torch._foreach_norm([a, b])] == pytest.approx([20**0.5, 6])


def test_what_is_refused():
    with pytest.raises(AttributeError, match="_foreach_nothing"):
        torch._foreach_nothing
    one, two = [torch.ones(1)], [torch.ones(1), torch.ones(1)]
    with pytest.raises(RuntimeError, match="_foreach_add.*same number of tensors, got 1 and 2"):
        torch._foreach_add(one, two)
    for wrong in (
        lambda: torch._foreach_add([], 1),
        lambda: torch._foreach_add(one, [1.0, 2.0]),
        lambda: torch._foreach_add(one, []),
        lambda: torch._foreach_mul(one, torch.ones(1)),
        lambda: torch._foreach_addcmul(one, one, one, torch.tensor(2.0)),
        lambda: torch._foreach_addcmul(two, two, two, torch.ones(1)),
        lambda: torch._foreach_norm([torch.ones(0)], torch.inf),
        lambda: torch._foreach_max([torch.ones(0)]),
    ):
        with pytest.raises(RuntimeError):
            wrong()
    for wrong in (
        lambda: torch._foreach_exp([1.0]),
        lambda: torch._foreach_exp(torch.ones(1)),
        lambda: torch._foreach_add(one, 1, alpha=2),
        lambda: torch._foreach_norm(one, "fro"),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_the_same_names_as_pytorch(request):
    theirs = request.getfixturevalue("torch")
    found = {n for n in dir(theirs) if n.startswith("_foreach_")}
    assert found == {n for n in dir(torch) if n.startswith("_foreach_")}


def lists(T, dtype):
    a = [T.tensor([1.5, -2.0, 3.0]).to(dtype), T.tensor([[0.5]]).to(dtype)]
    b = [T.tensor([2.0, 1.0, -1.0]).to(dtype), T.tensor([[4.0]]).to(dtype)]
    return a, b


CALLS = [
    *[f"_foreach_{n}{m}(a, {x})" for n in ("add", "sub", "mul", "div", "clamp_min", "maximum")
      for m in ("", "_") for x in ("2", "b", "[1.5, 3]", "scalar=0.5", "scalars=[1, 2]")],
    *[f"_foreach_{n}(a, T.tensor(2.0))" for n in ("add", "mul", "div")],
    *[f"_foreach_{n}{m}(a, b, b{x})" for n in ("addcdiv", "addcmul") for m in ("", "_")
      for x in ("", ", 2", ", [1.0, 2.0]", ", T.tensor([3.0, 4.0])", ", value=0.5")],
    *[f"_foreach_lerp{m}(a, b, {x})" for m in ("", "_") for x in ("0.25", "[0.5, 1]", "b")],
    *[f"_foreach_pow{m}(a, {x})" for m in ("", "_") for x in ("2", "b", "[2, 3]")],
    "_foreach_pow(2.0, a)", "_foreach_add(a, b, alpha=3)", "_foreach_sub_(a, b, alpha=2)",
    "_foreach_norm(a)", "_foreach_norm(a, 1)", "_foreach_norm(a, T.inf, dtype=T.float64)",
    "_foreach_powsum(a, 3)", "_foreach_max(a)", "_foreach_clone(a)", "_foreach_copy_(a, b)",
    "_foreach_zero_(a)", "_foreach_mm([a[1]], [b[1]])", "_foreach_neg_(a)", "_foreach_sqrt(b)",
    "_foreach_add(tuple(a), 1)", "_foreach_add_(tuple(a), 1)",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "complex64"])
def test_the_same_as_pytorch(request, dtype):
    theirs = request.getfixturevalue("torch")
    for call in CALLS:
        outcomes = []
        for T in (torch, theirs):
            a, b = lists(T, getattr(T, dtype))
            try:
                r = eval(f"T.{call}", {"T": T, "a": a, "b": b})
            except Exception as e:
                outcomes.append(type(e).__name__)
                continue
            outcomes.append(
                (type(r), [(str(t.dtype), t.to(T.complex128).tolist()) for t in (*r, *a)])
            )
        ours, expected = outcomes
        if isinstance(expected, str):
            assert not isinstance(ours, tuple), (call, expected)
            continue
        assert ours[0] is expected[0], call
        for (d, x), (e, y) in zip(ours[1], expected[1]):
            assert d == e, call
            x, y = torch.tensor(x), torch.tensor(y)
            assert torch.allclose(
                x, y, rtol=1e-2 if dtype == "bfloat16" else 1e-5, equal_nan=True
            ), call


def test_gradients_go_through():
    x = [torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)]
    total = sum(t.sum() for t in torch._foreach_mul(x, [2.0, 3.0]))
    assert [g.tolist() for g in torch.autograd.grad(total, x)] == [[2, 2], [3]]
    with pytest.raises(RuntimeError, match="leaf"):
        torch._foreach_add_(x, 1)


def test_unscaling_notes_what_is_not_finite():
    found = torch.zeros(1)
    a = torch.tensor([2.0, 4.0])
    torch._amp_foreach_non_finite_check_and_unscale_([a], found, torch.tensor([0.5]))
    assert a.tolist() == [1, 2] and found.item() == 0
    a[0] = torch.inf
    torch._amp_foreach_non_finite_check_and_unscale_([a], found, torch.tensor([0.5]))
    assert found.item() == 1


def test_tensors_in_one_and_out_of_it():
    tensors = [torch.ones(2, 2), torch.zeros(3)]
    flat = _flatten_dense_tensors(tensors)
    assert flat.tolist() == [1] * 4 + [0] * 3
    assert [tuple(t.shape) for t in _unflatten_dense_tensors(flat, tensors)] == [(2, 2), (3,)]
    groups = list(_take_tensors([*tensors, torch.ones(1, dtype=torch.int64)], 20))
    assert [len(g) for g in groups] == [2, 1]


def test_shapes_as_tensors():
    x = torch.zeros(2, 3)
    assert shape_as_tensor(x).tolist() == [2, 3]
    assert reshape_from_tensor_shape(x, torch.tensor([3, 2])).shape == (3, 2)


def test_old_names():
    eye = torch.eye(2).to_sparse()
    assert torch.spmm(eye, torch.ones(2, 1)).tolist() == [[1], [1]]
    assert torch.dsmm(torch.ones(1, 2), torch.eye(2)).tolist() == [[1, 1]]
    with pytest.warns(UserWarning, match="resize is deprecated"):
        assert torch.ones(4).resize(2, 2).shape == (2, 2)
