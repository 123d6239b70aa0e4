"""Generated functions: their texts are those that the docstrings show; debuggers see them."""

import inspect
import linecache
import os
import subprocess
import sys
import textwrap
import traceback

import pytest

import wengert as w
from wengert.engine import backward_step, entry
from wengert.engine.op import OPS
from wengert.engine.plan import public_name

pytestmark = pytest.mark.smoke


def shown(module):
    """The text in a module's docstring."""
    lines = inspect.getdoc(module).splitlines()
    return textwrap.dedent("\n".join(line for line in lines if line.startswith("    "))).rstrip()


def test_the_entry_in_the_docstring_is_the_entry():
    text = "import inspect, wengert as w; from wengert.engine.op import OPS; "
    text += "print(inspect.getsource(OPS['mul'].entry).rstrip())"
    run = [sys.executable, "-c", text]
    texts = {**os.environ, "WENGERT_NATIVE": "0"}
    told = subprocess.run(run, env=texts, capture_output=True, text=True, check=True).stdout
    assert told.rstrip() == shown(entry)


def test_the_backward_step_in_the_docstring_is_the_step():
    op = OPS["mul"]
    op.entry
    text = inspect.getsource(op.node.backward) + inspect.getsource(op.node.step)
    assert text.rstrip() == shown(backward_step)


@pytest.mark.parametrize("name", ["exp", "max_pool", "getitem", "layer_norm", "cat"])
def test_generated_functions_have_sources(name):
    OPS[name].entry
    f = OPS[name].node.backward if name == "cat" else OPS[name].entry
    code = f.__code__
    assert linecache.getline(code.co_filename, code.co_firstlineno).startswith("def ")


def test_no_argument_of_an_op_hides_what_texts_use():
    used = {*entry.SHARED, "next", "type", "isinstance", "len", "list", "tuple", "getattr"}
    for op in OPS.values():
        arguments = {*[public_name(op, i) for i in op.inputs], *op.static}
        assert not arguments & used, (op.name, arguments & used)


def test_a_traceback_shows_the_line():
    try:
        w.ones(2, 3) * w.ones(2, 4)
    except RuntimeError:
        text = traceback.format_exc()
        assert "raise explain(op, (a0, a1, ), e)" in text  # the text of the generated function
        assert "another exception" not in text and "direct cause" not in text


def test_a_traceback_has_one_error_only():
    """What the library said on a short way that was tried first is no news to users."""
    for f in (lambda: w.ones(2).view(3), lambda: w.nn.Linear(3, 4)(w.ones(2, 5))):
        try:
            f()
        except RuntimeError:
            assert "another exception" not in traceback.format_exc()


def test_attributes_of_tensors_are_read_by_python_itself():
    """A __getattr__ or the like on Tensor makes every read, also of the raw array, three times as
    slow.
    """
    hooks = ("__getattr__", "__getattribute__", "__setattr__")
    assert not [h for h in hooks if h in vars(w.Tensor)] and type(w.Tensor) is type
    with pytest.raises(AttributeError, match="quantized tensors are not in wengert"):
        w.ones(2).qscheme
    assert not hasattr(w.Tensor, "to_mkldnn")


@pytest.mark.parametrize("d", [w.float32, w.float64])
@pytest.mark.parametrize("whole", [w.uint8, w.int32, w.int64])
def test_whole_numbers_beside_others(d, whole):
    """The result has the dtype of the others, whichever comes first, and gradients theirs."""
    x = w.tensor([[1.0, -2.0, 0.5]], dtype=d, requires_grad=True)
    n = w.tensor([[2], [3]], dtype=whole)
    for r, values in (
        (x * n, [[2, -4, 1], [3, -6, 1.5]]),
        (n * x, [[2, -4, 1], [3, -6, 1.5]]),
        (n - x, [[1, 4, 1.5], [2, 5, 2.5]]),
        (x / w.tensor(2, dtype=whole), [[0.5, -1, 0.25]]),
        (w.tensor(2.0, dtype=d) * n, [[4], [6]]),
    ):
        assert r.dtype is d and r.tolist() == values
    (x * n).sum().backward()
    assert x.grad.dtype is d and x.grad.tolist() == [[5, 5, 5]]
    assert (n < x).tolist() == [[False] * 3] * 2 and (n == x.detach() + 1).tolist()[0][0]
    with pytest.raises(RuntimeError, match="can't be cast"):
        n.mul_(x.detach()[:, :1])
    z = x.detach().clone()
    z *= n[0]
    assert z.tolist() == [[2, -4, 1]] and z.dtype is d


def test_in_place_sums_of_elements_that_lie_otherwise():
    """The library writes into the memory of the tensor, whatever the order of dimensions."""
    z = w.arange(6.0).reshape(2, 3)
    z.t().sub_(w.ones(3, 2))
    assert z.tolist() == [[-1, 0, 1], [2, 3, 4]]
    r = z.t() + w.zeros(3, 2)
    assert r.stride() == (1, 3) and r.tolist() == [[-1, 2], [0, 3], [1, 4]]
