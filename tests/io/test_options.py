"""The switches of torch.serialization, and packages that know further devices."""

import io
import mmap
from collections import OrderedDict

import numpy as np
import pytest

import wengert as w


@pytest.fixture
def packages():
    from wengert.io import options

    before = options.PACKAGES[:]
    yield
    options.PACKAGES[:] = before


def test_switches():
    of = w.serialization
    assert of.get_crc32_options()
    of.set_crc32_options(False)
    assert not of.get_crc32_options()
    of.set_crc32_options(True)
    with of.set_default_mmap_options(mmap.MAP_SHARED):
        assert of.get_default_mmap_options() == mmap.MAP_SHARED
    assert of.get_default_mmap_options() == mmap.MAP_PRIVATE
    with pytest.raises(ValueError, match="MAP_PRIVATE"):
        of.set_default_mmap_options(5)
    config = w.utils.serialization.config
    with config.patch({"save.storage_alignment": 4096}):
        assert config.save.storage_alignment == 4096
    assert config.save.storage_alignment == 64
    with config.patch({"save.compute_crc32": False, "load.mmap_flags": mmap.MAP_SHARED}):
        assert not of.get_crc32_options() and of.get_default_mmap_options() == mmap.MAP_SHARED
    of.set_default_load_endianness(of.LoadEndianness.BIG)
    assert config.load.endianness is of.LoadEndianness.BIG
    config.load.endianness = None
    assert of.get_default_load_endianness() is None
    with pytest.raises(RuntimeError, match="CUDA"):
        of.validate_cuda_device("cuda:0")


def test_packages_name_places(packages):
    """The place in the file is what a package calls it; it is asked where it is when loading."""
    asked = []

    def restore(storage, location):
        asked.append(location)
        return storage if location == "shelf" else None

    w.serialization.register_package(1, lambda storage: "shelf", restore)
    file = io.BytesIO()
    w.save(w.ones(2), file)
    assert b"shelf" in file.getvalue()
    file.seek(0)
    assert w.load(file).tolist() == [1, 1] and asked == ["shelf"]
    assert w.serialization.location_tag(w.ones(2).untyped_storage()) == "shelf"
    file.seek(0)
    places = []
    w.load(file, map_location=lambda s, _: places.append(w.serialization.location_tag(s)) or s)
    assert places == ["shelf"]


def test_functions_that_files_call():
    storage = w.UntypedStorage([0, 0, 128, 63, 0, 0, 0, 64])
    row = w.TypedStorage(wrap_storage=storage, dtype=w.float32)
    assert w._utils._rebuild_tensor(row, 1, (1,), (1,)).tolist() == [2]
    x = w._utils._rebuild_tensor_v2(row, 0, (2,), (1,), True, OrderedDict())
    assert x.requires_grad and x.tolist() == [1, 2]
    x.data[0] = 5  # the memory is shared
    assert row.tolist() == [5, 2]
    made = w._utils._rebuild_device_tensor_from_numpy(np.ones(1), w.float32, "cpu", False)
    assert made.dtype is w.float32


def test_hooks_are_not_saved():
    x = w.ones(2, requires_grad=True)
    x.register_hook(lambda g: g)
    with pytest.warns(UserWarning, match="hooks of a tensor are not saved"):
        w.save(x, io.BytesIO())
    with pytest.raises(TypeError, match="unexpected keyword"):
        w.load(io.BytesIO(), foo=1)


@pytest.mark.parametrize("place", ["cpu:7", "cpu:0", w.device("cpu", 0)])
def test_a_cpu_has_no_number(place):
    file = io.BytesIO()
    w.save(w.ones(2), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="cpu"):
        w.load(file, map_location=place)
