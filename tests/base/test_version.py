"""`torch.__version__` compares as programs compare it."""

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import wengert
from wengert.base.version import OWN, REFERENCE, TorchVersion

CASES = ["2.0", "2.9.1", "2.13", "2.13.0", "2.13.1", "2.14", "3", "1.13.1", "2.13.0a0", "2.12.0rc1"]
CASES += ["2.13.0+cpu", "2.9+cu121"]


def test_what_programs_do():
    v = wengert.__version__
    assert isinstance(v, str) and v.split("+")[0] == REFERENCE
    assert v >= "2.0" and v > "2.9.1" and v >= (2, 13) and not v < "2.13.0" and v < "2.14"
    assert [int(part) for part in v.split(".")[:2]] == [2, 13]
    assert v == wengert.version.__version__ and v == str(v) and v != "2.12.0"
    assert wengert.version.cuda is None and wengert.version.wengert == OWN
    with pytest.raises(TypeError):
        _ = v < object()


def test_packaging_reads_it():
    version = pytest.importorskip("packaging.version")
    assert version.parse(wengert.__version__) >= version.parse("2.13.0")
    assert version.Version(wengert.__version__).release == (2, 13, 0)


@pytest.mark.parametrize("theirs", CASES)
def test_as_pytorch_compares(theirs):
    torch_version = pytest.importorskip("torch.torch_version")
    for mine in CASES:
        ours, reference = TorchVersion(mine), torch_version.TorchVersion(mine)
        for sign in (
            "__lt__",
            "__le__",
            "__gt__",
            "__ge__",
            "__eq__",
        ):  # PyTorch's != compares text
            assert getattr(ours, sign)(theirs) == getattr(reference, sign)(theirs), (mine, sign)


def test_one_version_of_the_package():
    page = Path(wengert.__file__).parents[1] / "pyproject.toml"
    if not page.exists():
        pytest.skip("not a checkout")
    assert re.search(r'^version = "(.*)"', page.read_text(), re.MULTILINE)[1] == OWN


def test_the_installed_package_has_that_version():
    from importlib.metadata import version

    try:
        assert version("wengert") == OWN
    except PackageNotFoundError:
        pytest.skip("not installed")
