"""The hint that IPython adds to errors of attributes; a stand-in for its shell, or the real one."""

import subprocess
import sys

import pytest

import wengert as T
from wengert.api import ipython


class Shell:
    """The three things of IPython's shell that are used."""

    custom_exceptions = ()
    shown = None

    def set_custom_exc(self, kinds, handler):
        self.custom_exceptions, self.handler = kinds, handler

    def showtraceback(self, what, tb_offset=None, running_compiled_code=False):
        self.shown = str(what[1])


def said(shell, act):
    with pytest.raises(AttributeError) as e:
        act()
    shell.handler(shell, e.type, e.value, e.tb, tb_offset=1)
    return shell.shown


def test_nearly_right_names_are_told():
    shell = Shell()
    ipython.load_ipython_extension(shell)
    assert said(shell, lambda: T.ones(1).summ()).endswith("Did you mean: 'sum'?")
    assert said(shell, lambda: T.nn.Linear(1, 1).wieght).endswith("Did you mean: 'weight'?")
    assert said(shell, lambda: T.Tensor.sigmod).endswith("Did you mean: 'sigmoid'?")
    for quiet in (lambda: T.ones(1).xyzzy, lambda: [].apend(1), lambda: T.sigmod):
        assert "Did you mean" not in said(shell, quiet)


def test_a_handler_of_the_user_stays():
    shell = Shell()
    shell.custom_exceptions = (ValueError,)
    ipython.load_ipython_extension(shell)
    assert shell.custom_exceptions == (ValueError,)
    ipython.load_ipython_extension(None)  # IPython is there, but no shell runs


def test_importing_wengert_in_ipython_is_enough():
    pytest.importorskip("IPython")
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import wengert\\nwengert.ones(1).summ()")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Did you mean: 'sum'?" in run.stdout + run.stderr
