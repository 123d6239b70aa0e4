"""Storages: what they are made of, indexing, buffers, sizes, other dtypes and places."""

import numpy as np
import pytest

import wengert as w


def test_what_untyped_storages_are_made_of():
    assert w.UntypedStorage(range(2)).tolist() == [0, 1]
    for wrong in ([1.5], [[1]], "a", True, 2.5, w.ones(2), None):
        with pytest.raises(RuntimeError):
            w.UntypedStorage(wrong)


def test_what_typed_storages_are_made_of():
    raw = w.UntypedStorage(8)
    assert len(w.FloatStorage(wrap_storage=raw)) == len(w.TypedStorage(2, dtype=w.float32)) == 2
    assert w.LongStorage(wrap_storage=raw).dtype is w.int64
    for make in (
        lambda: w.FloatStorage(3, device="cpu"),
        lambda: w.TypedStorage(wrap_storage=raw),
        lambda: w.TypedStorage(3, 4),
    ):
        with pytest.raises(RuntimeError):
            make()
    for wrong in (w.ones(2), w.FloatStorage(2), "a"):
        with pytest.raises(TypeError):
            w.FloatStorage(wrong)


def test_buffers_have_a_byte_order():
    four = np.array([1.0, 2.0], np.dtype(">f4")).tobytes()
    assert w.FloatStorage.from_buffer(four, "big").tolist() == [1.0, 2.0]
    assert w.FloatStorage.from_buffer(four, byte_order="big", offset=4).tolist() == [2.0]
    assert w.ByteStorage.from_buffer(b"ab").tolist() == [97, 98]
    with pytest.raises(RuntimeError):
        w.FloatStorage.from_buffer(four)
    with pytest.raises(RuntimeError):
        w.FloatStorage.from_buffer(four, "big", dtype=w.float32)
    with pytest.raises(RuntimeError):
        w.UntypedStorage.from_buffer(four, "big")
    for wrong in ({"byte_order": "foo"}, {"byte_order": "big", "offset": 9}):
        with pytest.raises(ValueError):
            w.FloatStorage.from_buffer(four, **wrong)
    with pytest.raises(ValueError):
        w.FloatStorage.from_buffer(b"abc", "native")


def test_indices():
    s = w.arange(4.0).untyped_storage()
    with pytest.raises(RuntimeError):
        s[::2]
    for i, value in (("a", 1), (0, "a"), (99, 1), (slice(None, None, 2), 1)):
        with pytest.raises(RuntimeError):
            s[i] = value
    t = w.arange(4.0).storage()
    with pytest.raises(RuntimeError):
        t["a"]
    with pytest.raises(RuntimeError):
        t["a"] = 1


def test_tensors_over_storages_share_them():
    x = w.arange(4.0)
    for made in (w.Tensor(x.untyped_storage()), w.FloatTensor(x.storage())):
        made[0] = 9.0
        assert x[0] == 9.0 and made.shape == (4,)
        x[0] = 0.0
    with pytest.raises(RuntimeError):
        w.tensor(w.arange(4).storage())


def test_sizes_places_and_dtypes():
    s = w.FloatStorage([1.0, 2.0])
    assert s.resize_(3).tolist()[:2] == [1.0, 2.0] and len(s) == 3 and s.resizable()
    x = w.arange(4.0)
    x.storage().resize_(8)
    assert x.untyped_storage().nbytes() == 32 and x.tolist() == [0.0, 1.0, 2.0, 3.0]
    raw = w.UntypedStorage([1, 2])
    assert raw.float().tolist() == [1.0, 2.0] and raw.type() == "torch.storage.UntypedStorage"
    assert w.FloatStorage([1.5]).type(w.LongStorage).tolist() == [1]
    assert w.FloatStorage([1.0]).type("torch.DoubleStorage").dtype is w.float64
    assert not s.is_pinned() and s.get_device() is None and s.filename is None


def test_meta_storages_have_no_bytes():
    s = w.ones(2, device="meta").untyped_storage()
    assert s.nbytes() == 8 and repr(s).startswith("...")
    assert s.copy_(s) is s and s.resize_(4).nbytes() == 4
    with pytest.raises(NotImplementedError):
        s.tolist()
