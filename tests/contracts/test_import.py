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


def test_modules_are_attributes_of_the_front_door():
    """`torch.xpu.empty_cache` in a program's table needs no import of torch.xpu."""
    import pathlib

    import wengert

    from .test_structure import checks

    home = pathlib.Path(wengert.__file__).parent
    aside = {"__init__", "__main__", "as_torch", "functorch", "_six", "__future__", "sklearn"}
    for path in home.iterdir():
        name = path.stem
        package = path.suffix == ".py" or (path / "__init__.py").exists()
        if package and name not in {*aside, *checks.LAYERS}:
            assert hasattr(wengert, name), name


def test_functions_of_absent_devices_can_be_named():
    import pytest

    import wengert as torch

    assert torch.xpu.max_memory_allocated() == 0
    with pytest.raises(RuntimeError, match="Intel"):
        torch.xpu.current_device()


def test_torch_within_torch():
    import wengert

    assert wengert.torch is wengert and wengert.torch.Tensor is wengert.Tensor
