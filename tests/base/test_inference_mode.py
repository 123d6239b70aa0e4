"""Tensors made in inference mode: marked, refused where their history would be needed."""

import subprocess
import sys

import pytest
from launching import environment

import wengert as torch

PROGRAM = """
import threading
import wengert as torch
with torch.inference_mode():
    y = torch.ones(3) * 2
assert y.is_inference()
other = []
def work():
    other.append((torch.ones(3) * 2).is_inference())
with torch.inference_mode():
    t = threading.Thread(target=work)
    t.start()
    t.join()
assert other == [False]
"""


@pytest.fixture
def marked():
    with torch.inference_mode():
        y = torch.ones(3) * 2
    if not y.is_inference():
        pytest.skip("several threads of this process have computed")
    return y


def test_what_is_marked(marked):
    w = torch.ones(3, requires_grad=True)
    x = torch.arange(6.0).view(2, 3)
    with torch.inference_mode():
        made = [w * 2, w + 1, x.sum(), torch.cat([x, x]), x.max(0)[1], x.to(torch.float64)]
        views = [x[0], x.t(), x.view(6), x.split(1)[0], x.detach()]
    for y in made:
        assert y.is_inference() and not y.requires_grad and y.is_leaf
    assert not any(y.is_inference() for y in views)
    assert not x.is_inference() and not (marked + 1).is_inference()
    for y in (marked[0], marked.view(3, 1), marked.detach(), marked.split(1)[0]):
        assert y.is_inference()
    assert not marked.clone().is_inference()
    assert (w + marked).is_inference() is False


def test_what_is_refused(marked):
    for change in (
        lambda: marked.add_(1), lambda: marked[0].mul_(2), lambda: marked.__setitem__(0, 1.0),
        lambda: torch.add(torch.ones(3), 1, out=marked),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
            change()
    for start in (marked.requires_grad_, lambda: torch.nn.Parameter(marked)):
        with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
            start()
    with pytest.raises(RuntimeError, match="do not track version counter"):
        _ = marked._version
    with torch.inference_mode():
        marked.add_(1)
    assert marked.tolist() == [3, 3, 3] and marked.clone().add_(1).tolist() == [4, 4, 4]


def test_the_mark_is_one_object_that_nobody_changes(marked):
    marked.grad = torch.ones(3)
    with torch.inference_mode():
        other = torch.ones(3) * 2
    assert other.grad is None and marked.is_inference() and other.is_inference()


def test_other_threads_make_ordinary_tensors():
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment())
    assert done.returncode == 0


def test_a_parameter_of_a_marked_tensor_has_nothing_else_of_it():
    with torch.inference_mode():
        x = torch.ones(2) * 2
    if not x.is_inference():
        pytest.skip("several threads of this process have computed")
    x.grad = torch.zeros(2)
    p = torch.nn.Parameter(x, requires_grad=False)
    assert p.is_inference() and p.grad is None and x.grad is not None
