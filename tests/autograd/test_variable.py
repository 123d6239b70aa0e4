"""autograd.Variable, as old scripts use it."""

import pytest

import wengert as w
from wengert.autograd import Variable


def test_variables_are_tensors_without_history():
    x = w.ones(2, requires_grad=True)
    assert isinstance(x, Variable) and not isinstance(1, Variable)
    v = Variable(x * 2)
    assert type(v) is w.Tensor and not v.requires_grad and v.grad_fn is None
    v = Variable(w.zeros(2), requires_grad=True)
    (v * 3).sum().backward()
    assert v.grad.tolist() == [3.0, 3.0]


def test_the_memory_is_shared():
    x = w.zeros(2)
    Variable(x)[0] = 5
    assert x.tolist() == [5.0, 0.0]
    for wrong in ([1.0], 2, None.__class__):
        with pytest.raises(TypeError, match="has to be a tensor"):
            Variable(wrong)
