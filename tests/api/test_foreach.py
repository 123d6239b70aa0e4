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
    assert torch._foreach_copy_([a, b], doubled) is None
    assert a.tolist() == [2, 4] and b.tolist() == [[6]]
    assert [t.item() for t in torch._foreach_norm([a, b])] == pytest.approx([20**0.5, 6])


def test_what_is_refused():
    with pytest.raises(AttributeError, match="_foreach_nothing"):
        torch._foreach_nothing
    with pytest.raises(RuntimeError, match="_foreach_add.*same length, got 1 tensors and 2"):
        torch._foreach_add([torch.ones(1)], [torch.ones(1), torch.ones(1)])


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
