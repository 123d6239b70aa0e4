"""What `import wengert` brings along, and what stays out until it is used."""

import subprocess
import sys

HEAVY = (
    "scipy", "llvmlite", "cupy", "matplotlib", "pandas", "PIL", "sklearn", "torch",
    "multiprocessing", "concurrent.futures", "asyncio", "unittest", "mpi4py", "ray",
)  # fmt: skip


def test_importing_wengert_is_light(tmp_path):
    code = f"import wengert, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_front_door_lists_what_it_has():
    import wengert

    assert {"Tensor", "nn", "optim", "autograd", "utils", "manual_seed"} <= set(dir(wengert))
    assert [name for name in dir(wengert) if not hasattr(wengert, name)] == []
