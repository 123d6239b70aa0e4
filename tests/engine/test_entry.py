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
