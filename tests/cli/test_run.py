"""`wengert run` behaves like `python`, except that torch is wengert."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

WENGERT = [sys.executable, "-m", "wengert"]


@pytest.fixture
def wengert(tmp_path):
    """Runs the command in an empty folder."""

    def call(*words, **options):
        command = [*WENGERT, *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, **options)

    return call


@pytest.fixture
def script(tmp_path):
    """Writes a script into a folder of its own, which is not the current one."""

    def write(source, name="script.py"):
        path = tmp_path / "scripts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write


def test_torch_and_its_parts_are_the_modules_of_wengert(wengert, script):
    path = script("""
        import torch
        import torch.nn as nn, torch.nn.functional as F
        import torch.optim.lr_scheduler
        from torch.utils.data import DataLoader
        import wengert, wengert.nn.functional, wengert.utils.data, wengert.optim.lr_scheduler
        assert torch is wengert and nn is wengert.nn and F is wengert.nn.functional
        assert DataLoader is wengert.utils.data.DataLoader
        assert torch.optim.lr_scheduler is wengert.optim.lr_scheduler
        assert nn.__spec__.name == "wengert.nn"
    """)
    done = wengert("run", path)
    assert (done.returncode, done.stderr) == (0, "")


def test_find_spec_and_metadata_know_torch(wengert, script):
    path = script("""
        from importlib.metadata import version
        from importlib.util import find_spec
        assert find_spec("torch") and find_spec("torch.nn.functional")
        assert find_spec("torch.no_such_part") is None and find_spec("torchaudio")
        import torch
        assert version("torch") == str(torch.__version__)
        assert version("pytest")
    """)
    done = wengert("run", path)
    assert (done.returncode, done.stderr) == (0, "")


def test_python_outside_the_command_does_not_know_the_alias(tmp_path):
    code = "import wengert.cli, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize("statement", ["import torch.engine", "import torch.tensor.views"])
def test_inner_layers_are_no_parts_of_torch(wengert, statement):
    code = f"import torch\ntry: {statement}\nexcept ModuleNotFoundError: print(torch.tensor(1.0))"
    assert wengert("run", "-c", code).stdout == "tensor(1.)\n"


@pytest.mark.parametrize("name", ["torchaudio.models", "torchtext.nn.modules"])
def test_a_part_that_cannot_be_is_explained(wengert, script, name):
    done = wengert("run", script(f"import {name}"))
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 4  # the script's own line, and the error
    assert lines[-1].startswith("ModuleNotFoundError") and "is not in wengert: " in lines[-1]


def test_a_part_that_is_missing_is_named(wengert, script):
    name = "torch.no_such_part"
    done = wengert("run", script(f"import {name}"))
    last, note = done.stderr.splitlines()[-2:]
    assert done.returncode == 1
    assert last.startswith("ModuleNotFoundError")
    assert note == f"note: this script runs on wengert, which has no {name}"


def test_a_script_sees_what_python_would_show_it(wengert, script):
    path = script("""
        import sys
        print(sys.argv, sys.path[0], __name__, __file__, __spec__, __package__)
        print(sys.modules["__main__"].__dict__ is globals())
    """)
    ours = wengert("run", path, "--epochs", "3", "-m", "x")
    python = subprocess.run(
        [sys.executable, str(path), "--epochs", "3", "-m", "x"], capture_output=True, text=True
    )
    assert ours.stdout == python.stdout


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return 1 / 0\nf()\n",
        "x = (\n",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a reason')",
        "raise SystemExit",
        "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('second') from e\n",
        "assert 0, 'é'",
    ],
)
def test_tracebacks_and_exit_codes_are_pythons(wengert, script, source):
    path = script(source)
    ours = wengert("run", path)
    python = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        python.returncode,
        python.stdout,
        python.stderr,
    )


def test_the_scripts_own_excepthook_is_called(wengert, script):
    path = script("""
        import sys, traceback
        def hook(kind, error, tb):
            print(kind.__name__, [f.name for f in traceback.extract_tb(tb)])
        sys.excepthook = hook
        1 / 0
    """)
    assert wengert("run", path).stdout == "ZeroDivisionError ['<module>']\n"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_ends_the_script_as_usual(script, tmp_path):
    path = script("""
        import time
        try:
            print("up", flush=True)
            time.sleep(60)
        finally:
            print("cleaned up", flush=True)
    """)
    command, pipe = [*WENGERT, "run", path], subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert out == "cleaned up\n"
    assert err.splitlines()[1].startswith(f'  File "{path}"')
    assert err.endswith("KeyboardInterrupt\n")


def test_modules_and_lines_of_code(wengert, script, tmp_path):
    script("import sys, torch; print(sys.argv[1:], torch.ones(1), __package__)", "part/__main__.py")
    script("", "part/__init__.py")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'scripts'}:{os.getenv('PYTHONPATH', '')}",
    }
    assert wengert("run", "-m", "part", "a", env=environment).stdout == "['a'] tensor([1.]) part\n"
    code = "import sys, torch; print(sys.argv, torch.zeros(1))"
    assert wengert("run", "-c", code, "a").stdout == "['-c', 'a'] tensor([0.])\n"
    assert wengert("run", tmp_path / "scripts" / "part", "b").stdout.startswith("['b']")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_have_the_alias_too(wengert, script, method):
    multiprocessing = pytest.importorskip("multiprocessing")
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    path = script(f"""
        import multiprocessing
        import torch

        def work(x):
            assert torch.__name__ == "torch" and torch.version.wengert
            return x + 1

        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                print(pool.map(work, [1, 2]))
    """)
    done = wengert("run", path)
    assert (done.stdout, done.stderr) == ("[2, 3]\n", "")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run"], "run needs a SCRIPT"),
        (["run", "-c"], "run needs a SCRIPT"),
        (["run", "-u", "x.py"], "option -u"),
        (["run", "no_such_file.py"], "can't open file"),
        (["train.py"], "wengert run train.py"),
        (["env", "x"], "takes no arguments"),
        (["rum", "train.py"], "did you mean 'run'"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(wengert, words, reason):
    done = wengert(*words)
    assert done.returncode == 2
    assert reason in done.stderr


def test_help_version_and_environment(wengert):
    assert wengert().stdout == wengert("--help").stdout != ""
    assert wengert("--version").stdout.startswith("wengert ")
    report = wengert("env").stdout
    for word in ("python", "numpy", "blas", "threads", "devices", "cpu"):
        assert word in report
