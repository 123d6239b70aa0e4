"""More memory than there is: one class that is both of the errors which scripts catch."""

from __future__ import annotations

import gc

import pytest

import wengert as T
import wengert.nn.functional as F
from wengert import nn

N = 10**7
TALL, WIDE = "T.ones(N, 1)", "T.ones(1, N)"


@pytest.mark.parametrize(
    "call",
    [
        "T.empty(10**15)", "T.zeros(10**15)", "T.full((10**15,), 2.0)", "T.rand(N, N)",
        "T.randn(N, N)", "T.randint(5, (N, N))", "T.arange(10**15)", "T.eye(10**8)",
        f"{TALL} + {WIDE}", f"{TALL} @ {WIDE}", f"T.mul({TALL}, {WIDE})",
        f"{TALL}.expand(N, N).exp()", f"{TALL}.expand(N, N).clone()", "T.ones(N).repeat(N)",
        f"{TALL}.requires_grad_() * {WIDE}", "T.cat([T.ones(N).expand(N, N)] * 2)",
        f"F.softmax({TALL}.expand(N, N), 1)", "nn.Linear(10**8, 10**8)",
    ],
)  # fmt: skip
def test_too_large(call):
    with pytest.raises(T.OutOfMemoryError, match="not enough memory") as e:
        eval(call, {"T": T, "F": F, "nn": nn, "N": N})
    assert isinstance(e.value, RuntimeError)
    assert isinstance(e.value, MemoryError)


def test_the_leaf_of_a_node():
    """AccumulateGrad.variable is the tensor, and does not keep it."""
    x = T.ones(3, requires_grad=True)
    y = x * 2
    leaf = y.grad_fn.next_functions[0][0]
    assert leaf.variable is x
    layer = nn.Linear(2, 3)
    found = [f.variable for f, _ in layer(T.ones(1, 2)).grad_fn.next_functions if f is not None]
    assert {id(v) for v in found} == {id(layer.bias), id(layer.weight)}
    gc.disable()
    try:
        del x
        gone = leaf.variable
    finally:
        gc.enable()
    assert gone.device.type == "meta"
    assert tuple(gone.shape) == (3,)
    assert gone.is_leaf
    y.sum().backward()
    assert gone.grad.tolist() == [2.0, 2.0, 2.0]


def test_swapped_tensors_are_found_from_their_nodes():
    a, b = T.ones(2, requires_grad=True), T.zeros(3, requires_grad=True)
    T.utils.swap_tensors(a, b)
    assert (a * 1).grad_fn.next_functions[0][0].variable is a
