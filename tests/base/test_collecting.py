"""The garbage collector waits for many objects, and goes on as before."""

import gc

import pytest

import wengert as T
from wengert.base.collecting import MANY, made_together


def test_the_collector_is_as_before():
    assert made_together(MANY, gc.isenabled) is False
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        made_together(MANY, lambda: 1 / 0)
    assert gc.isenabled()
    gc.disable()
    try:
        made_together(MANY, int)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_unbind_into_thousands():
    x = T.arange(3.0 * MANY).reshape(MANY, 3).requires_grad_()
    parts = x.unbind()
    assert len(parts) == MANY and gc.isenabled()
    assert len(T.unbind_copy(x)) == MANY and gc.isenabled()
    (parts[5] * 2).sum().backward()
    assert x.grad[5].tolist() == [2, 2, 2] and x.grad.sum() == 6
