"""Machine code on disk: found again, whole or not at all, bounded, and only this user's."""

import os
import subprocess
import sys

import pytest

from wengert.base import disk
from wengert.kernels import cache, compiler

TEXT = """
define void @run(ptr %x) {
  store i64 42, ptr %x
  ret void
}
"""
needs_llvm = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path / "code"))
    return tmp_path / "code"


def run(key, text):
    import ctypes

    host = compiler.target()
    (where,) = compiler.load(host, key, text, ["run"])
    out = ctypes.c_int64(0)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(where)(ctypes.addressof(out))
    return out.value


def never():
    raise AssertionError("compiled again")


@needs_llvm
def test_second_time_from_disk(folder):
    assert run("a", lambda: TEXT) == 42
    assert run("a", never) == 42
    with pytest.raises(AssertionError, match="again"):
        run("b", never)


@needs_llvm
@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_files_are_made_again(folder, damage):
    assert run("a", lambda: TEXT) == 42
    (file,) = folder.glob("*.o")
    data = bytearray(file.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flip":
        data[-20] ^= 255
    else:
        data = bytearray()
    file.write_bytes(bytes(data))
    assert run("a", lambda: TEXT) == 42
    assert run("a", never) == 42


def test_files_of_others_are_not_read(folder):
    if os.name == "nt":
        pytest.skip("permissions are another matter here")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    assert cache.entry("a", "c") is None


def test_off(monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE_DIR", "")
    assert cache.folder() is None and cache.entry("a", "c") is None
    cache.write(None, b"")
    assert cache.read(None) is None


def test_unwritable_folder_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert cache.entry("a", "c") is None


def test_the_oldest_go(folder, monkeypatch):
    monkeypatch.setattr(disk, "LIMIT", 20_000)
    monkeypatch.setattr(disk, "_written", [0])
    for i in range(40):
        path = cache.entry(i, "c")
        cache.write(path, bytes(1000))
        os.utime(path, (i, i))
    left = sorted(folder.glob("*.o"), key=lambda f: f.stat().st_mtime)
    assert 5 <= len(left) <= 22 and cache.entry(39, "c") in left and cache.entry(0, "c") not in left


def test_keys_differ(folder):
    names = {cache.entry(k, c) for k in ("a", "b", ("a", 1), ("a", 1.0)) for c in ("x", "y")}
    assert len(names) == 8


@needs_llvm
def test_several_processes(folder):
    code = (
        "import numpy as np\n"
        "from wengert.kernels import conv\n"
        "from wengert.arrays.windows import Geometry\n"
        "conv.LEAST = 0\n"
        "x, w = np.ones((2, 3, 8, 8), 'f'), np.ones((4, 3, 3, 3), 'f')\n"
        "y = conv.conv(x, w, None, Geometry((1, 1), ((0, 0),) * 2, (1, 1), 1))\n"
        "assert (y == 27).all()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [p.wait(120) for p in running] == [0, 0, 0]
    assert folder.glob("*.o") and not list(folder.glob("*.part"))
