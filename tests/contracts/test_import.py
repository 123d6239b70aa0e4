"""What `import wengert` brings along, and what stays out until it is used."""

import subprocess
import sys

HEAVY = (
    "scipy", "llvmlite", "cupy", "matplotlib", "pandas", "PIL", "sklearn", "torch",
    "multiprocessing", "concurrent.futures", "asyncio", "unittest", "mpi4py", "ray",
)  # fmt: skip


def test_importing_wengert_is_light():
    code = f"import wengert, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_front_door_lists_what_it_has():
    import wengert

    assert {"Tensor", "nn", "optim", "autograd", "utils", "manual_seed"} <= set(dir(wengert))
    for name in wengert.__all__:
        assert hasattr(wengert, name), name
