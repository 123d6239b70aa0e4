"""What is deprecated or risky is said, at the line of the program that does it."""

import warnings

import numpy as np
import pytest

import wengert as w
from wengert import native_calls
from wengert.base import advice

CALLS = {
    "x.T": lambda: w.ones(3).T,
    "deprecated on 0-D": lambda: w.tensor(1.0).mH,
    "dtype torch.uint8": lambda: w.ones(2)[w.tensor([1, 0], dtype=w.uint8)],
    "non-tuple sequence": lambda: w.ones(2, 2)[[[0, 1], [0, 1]]],
    "uint8 condition": lambda: w.where(w.tensor([1], dtype=w.uint8), 1.0, 2.0),
    "to a scalar": lambda: float(w.ones(1, requires_grad=True)),
    "reference cycle": lambda: w.ones(1, requires_grad=True).sum().backward(create_graph=True),
    "without specifying the dim": lambda: w.cross(w.ones(2, 3), w.ones(2, 3)),
    "window was not provided": lambda: w.stft(w.ones(16), 4, return_complex=True),
    "torch.qr is deprecated": lambda: w.qr(w.eye(2)),
    "list of numpy.ndarrays": lambda: w.tensor([np.ones(2)]),
    "indexing argument": lambda: w.meshgrid(w.arange(2), w.arange(3)),
    "a target size": lambda: w.nn.functional.mse_loss(w.ones(2, 3), w.ones(3)),
    "Implicit dimension choice": lambda: w.nn.Softmax()(w.ones(2, 3)),
    "not a leaf Tensor": lambda: (w.ones(2, requires_grad=True) * 2).grad,
    "was resized": lambda: w.add(w.ones(2), w.ones(2), out=w.ones(3)),
    "lr_scheduler.step": lambda: w.optim.lr_scheduler.StepLR(
        w.optim.SGD([w.ones(1, requires_grad=True)], lr=0.1), 2
    ).step(),
    "eps": lambda: w.nn.functional.gumbel_softmax(w.zeros(2), eps=1e-5),
}


@pytest.mark.parametrize("text", CALLS)
def test_said_at_the_callers_line(text):
    advice.SAID.clear()
    native_calls.stop()  # what it has learned leaves out what was said
    try:
        with pytest.warns(UserWarning, match=text) as found:
            CALLS[text]()
    finally:
        native_calls.serve()
    assert found[0].filename == __file__


def test_some_things_are_said_once():
    advice.SAID.clear()
    x = w.ones(1, requires_grad=True)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(3):
            float(x)
    assert len(found) == 1
