"""Files of torch.save: what wengert writes and reads by itself, and what it refuses."""

import collections
import copy
import gzip
import io
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest
from saving import DTYPES, crossed

import wengert as w


def again(obj, **options):
    """obj saved and loaded."""
    return crossed(w, w, obj, **options)


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(name):
    x = w.arange(6).reshape(2, 3).to(getattr(w, name))
    y = again(x)
    assert y.dtype is x.dtype and y.shape == x.shape and y.tolist() == x.tolist()


def test_python_data():
    data = {
        "size": w.Size([2, 3]), "dtype": w.float16, "device": w.device("cpu"), "none": None,
        "ordered": collections.OrderedDict(b=1, a=2), "counter": collections.Counter("aab"),
        "list": [1, -2.5, True, False, "text", b"bytes", (1,), (1, 2, 3, 4), {3}, 2**70, -1j],
        "long": list(range(3000)), "big": 2**31, "layout": w.strided, 3: bytearray(b"x"),
    }  # fmt: skip
    assert again(data) == data
    assert again(data, weights_only=False) == data


def test_views_go_on_sharing_memory():
    x = w.arange(12.0).reshape(3, 4)
    y = again([x, x[1], x.t(), x[:, ::2], w.ones(1).expand(5)])
    y[0][1, 0] = 100
    assert y[1][0] == 100 and y[2][0, 1] == 100 and y[3][1, 0] == 100
    assert [t.stride() for t in y] == [(4, 1), (1,), (1, 4), (4, 2), (0,)]


def test_a_tensor_saved_twice_is_one_tensor():
    x = w.ones(2)
    a, b = again([x, x])
    assert a is b


@pytest.mark.parametrize(
    "make",
    [
        lambda: w.tensor(3.5),
        lambda: w.empty(0, 3),
        lambda: w.ones(3, requires_grad=True),
        lambda: w.nn.Parameter(w.ones(2, 3)),
        lambda: w.nn.Parameter(w.ones(2), requires_grad=False),
        lambda: w.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        lambda: w.empty(2, 3, device="meta"),
        lambda: w.ones(4)[1:1],
    ],
)
def test_kinds_of_tensors(make):
    x = make()
    y = again(x)
    assert type(y) is type(x) and repr(y) == repr(x) and y.stride() == x.stride()
    assert y.requires_grad is x.requires_grad and y.is_leaf


def test_attributes_of_tensors_travel():
    x, p = w.ones(2), w.nn.Parameter(w.ones(2))
    x.note, p.note = "of x", ["of p"]
    y, q = again([x, p])
    assert y.note == "of x" and q.note == ["of p"] and type(q) is w.nn.Parameter


def test_state_dict_with_its_metadata():
    model = w.nn.Sequential(w.nn.Linear(2, 3), w.nn.BatchNorm1d(3))
    state = again(model.state_dict())
    assert list(state) == list(model.state_dict())
    assert state._metadata == model.state_dict()._metadata
    model.load_state_dict(state)


def test_a_module_needs_to_be_allowed():
    model = w.nn.Sequential(w.nn.Linear(2, 3), w.nn.Tanh())
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        again(model)
    allowed = [w.nn.Sequential, w.nn.Linear, w.nn.Tanh]
    with w.serialization.safe_globals(allowed):
        loaded = again(model)
    assert w.serialization.get_safe_globals() == []
    for other in (loaded, again(model, weights_only=False)):
        x = w.ones(1, 2)
        assert w.equal(other(x), model(x))


def test_optimizer_and_generator_state():
    p = w.nn.Parameter(w.ones(3))
    adam = w.optim.Adam([p], lr=0.5)
    p.sum().backward()
    adam.step()
    state = again({"optimizer": adam.state_dict(), "rng": w.get_rng_state()})
    other = w.optim.Adam([w.nn.Parameter(w.ones(3))])
    other.load_state_dict(state["optimizer"])
    assert other.param_groups[0]["lr"] == 0.5
    assert w.equal(state["rng"], w.get_rng_state())


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("call", [(os.system, ("true",)), (eval, ("1",)), (print, ("x",))])
def test_nothing_of_a_file_is_run(call, capsys):
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        again(Evil(*call))
    assert capsys.readouterr().out == ""


def hand_made(pickled):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("archive/data.pkl", pickled)
        z.writestr("archive/version", "3\n")
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x02ctorch\nTensor\n)R.",  # may be named, not called
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00ak\x01sb.",  # changes it
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
        b"\x80\x02}.\x00"[:3],  # no end
        b"\x80\x02X\xff\xff\xff\x7fabc.",  # a text longer than the file
        b"\x80\x02h\x05.",  # an object that was never made
        b"\x80\x02\x86.",
        b"\x80\x02t.",
        b"\x80\x02ctorch\nTensor\n)\x81.",
        b"\x80\x02X\x01\x00\x00\x00aQ.",
        b"\x80\x7f.",
        b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    ],
)
def test_hand_made_pickles(pickled):
    with pytest.raises(pickle.UnpicklingError):
        w.load(hand_made(pickled))


def test_a_tensor_cannot_look_beyond_its_storage():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        import wengert.io.rebuild as rebuild
        import wengert.io.writing as writing

        storages = writing._Storages()
        text = io.BytesIO()
        storage, _, _ = storages.of(w.ones(2))
        p = writing.pickler(pickle._Pickler, storages)(text, protocol=2)

        class Lie:
            def __reduce__(self):
                args = (storage, 0, (1000,), (1,), False, collections.OrderedDict())
                return rebuild._rebuild_tensor_v2, args

        p.dump(Lie())
        z.writestr("archive/data.pkl", text.getvalue())
        z.writestr("archive/data/0", np.ones(2, np.float32).tobytes())
    file.seek(0)
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        w.load(file)


def test_unsafe_names_are_listed(tmp_path):
    w.save([w.ones(1), Evil(os.system, ("true",))], tmp_path / "a.pt")
    (name,) = w.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "a.pt")
    assert name.endswith("system")


# ------------------------------------------------------------------------------------ files


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.pt"
    w.save({"good": w.ones(3)}, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        w.save({"bad": lambda: 0}, path)
    assert w.load(path)["good"].tolist() == [1, 1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    import wengert.io.writing as writing

    path = tmp_path / "a.pt"
    w.save(w.ones(3), path)
    add = writing.ArchiveWriter.add

    def full(self, name, data):
        if name == "data/0":
            raise OSError(28, "No space left on device")
        add(self, name, data)

    monkeypatch.setattr(writing.ArchiveWriter, "add", full)
    with pytest.raises(OSError, match="No space left"):
        w.save(w.zeros(3), path)
    assert w.load(path).tolist() == [1, 1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_rights_links_and_folders(tmp_path):
    real, link = tmp_path / "real.pt", tmp_path / "link.pt"
    w.save(w.ones(1), real)
    os.chmod(real, 0o640)
    link.symlink_to(real)
    w.save(w.zeros(1), link)
    assert link.is_symlink() and w.load(real).tolist() == [0]
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        w.save(w.ones(1), tmp_path / "none" / "a.pt")
    w.save(w.ones(1), os.devnull)
    w.save(w.ones(1), str(tmp_path / "text path.pt"))


def test_the_archive(tmp_path):
    w.save([w.ones(3), w.ones(5).double()], tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.pt") as z:
        assert z.testzip() is None
        names = [i.filename for i in z.infolist()]
        assert names[0] == "model/data.pkl" and "model/data/1" in names
        assert z.read("model/byteorder") == b"little"
        assert z.read("model/version") == b"3\n"
        raw = (tmp_path / "model.pt").read_bytes()
        for info in z.infolist():
            n = int.from_bytes(raw[info.header_offset + 26 : info.header_offset + 28], "little")
            e = int.from_bytes(raw[info.header_offset + 28 : info.header_offset + 30], "little")
            assert (info.header_offset + 30 + n + e) % 64 == 0
    w.save([w.ones(3), w.ones(5).double()], tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == raw  # equal contents, equal files


def test_mapped_memory(tmp_path):
    path = tmp_path / "a.pt"
    w.save({"x": w.arange(6.0).reshape(2, 3), "b": w.ones(2).bfloat16()}, path)
    before = path.read_bytes()
    for _ in range(2):
        x = w.load(path, mmap=True)["x"]
        assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
        x += 1
        y = x.t()
        y[0] = 7
        assert x[:, 0].tolist() == [7, 7]
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="f must be a file path"):
        w.load(io.BytesIO(before), mmap=True)


def test_where_tensors_go():
    file = io.BytesIO()
    w.save([w.ones(2), w.ones(3)], file)
    seen = []

    def place(storage, where):
        seen.append((where, storage.nbytes()))
        return storage.cpu()

    for where in ("cpu", w.device("cpu"), {"cpu": "cpu"}, {"cuda:0": "cpu"}, place, None):
        file.seek(0)
        assert w.load(file, map_location=where)[1].device.type == "cpu"
    assert seen == [("cpu", 8), ("cpu", 12)]
    file.seek(0)
    assert w.load(file, map_location="meta")[0].device.type == "meta"
    file.seek(0)
    with pytest.raises(TypeError, match="map_location"):
        w.load(file, map_location=2.5)


@pytest.mark.skipif(w.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    from wengert.io.reading import default_restore_location
    from wengert.io.rebuild import Stored

    s = Stored(np.ones(2, np.float32), w.float32)
    with pytest.raises(RuntimeError, match="map_location=torch.device"):
        default_restore_location(s, "cuda:0")


def test_streams_that_cannot_seek(tmp_path):
    file = io.BytesIO()
    w.save(w.ones(2), file)

    class Stream:
        def __init__(self, data):
            self.inner = io.BytesIO(data)

        def read(self, n=-1):
            return self.inner.read(n)

    with pytest.raises(AttributeError, match="from a file that is seekable"):
        w.load(Stream(file.getvalue()))
    for old in (False, True):  # compressed ones go forwards only while they are written
        with gzip.open(tmp_path / "x.gz", "wb") as packed:
            w.save(w.ones(2), packed, _use_new_zipfile_serialization=old)
        with gzip.open(tmp_path / "x.gz", "rb") as packed:
            assert w.load(packed).tolist() == [1, 1]
    with io.BytesIO() as two:
        two.write(b"header")
        two.write(file.getvalue())
        two.seek(6)
        assert w.load(two).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b"", EOFError, "Ran out of input"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", pickle.UnpicklingError, "damaged"),
        (pickle.dumps({"a": 1}), pickle.UnpicklingError, "pickle.load"),
        (b"hello, this is text", pickle.UnpicklingError, "no file of torch.save"),
        (b"PK\x03\x04 and then nothing", RuntimeError, "PytorchStreamReader"),
    ],
)
def test_files_of_other_kinds(data, error, text, tmp_path):
    with pytest.raises(error, match=text):
        w.load(io.BytesIO(data))
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(error, match="x"):
        w.load(tmp_path / "x")


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "a.pt"
    w.save(w.arange(1000.0), path)
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="damaged"):
        w.load(path)
    path.write_bytes(data[:3000])
    with pytest.raises(RuntimeError, match="cut off"):
        w.load(path)


def test_damaged_files_of_the_old_format():
    file = io.BytesIO()
    w.save({"x": w.arange(3.0)}, file, _use_new_zipfile_serialization=False)
    data = file.getvalue()
    for wrong in (data[:-3], data[:40], data[:200]):
        with pytest.raises(pickle.UnpicklingError, match="damaged"):
            w.load(io.BytesIO(wrong))


def test_dtypes_without_a_class_of_storages_in_the_old_format():
    for dtype in (w.uint16, w.uint32, w.uint64, w.float8_e5m2, w.complex32):
        file = io.BytesIO()
        w.save(w.arange(3).to(dtype), file, _use_new_zipfile_serialization=False)
        file.seek(0)
        read = w.load(file)
        assert read.dtype == dtype and read.tolist() == [0, 1, 2]


@pytest.mark.parametrize("old", [True, False])
def test_storages_alone(old):
    file = io.BytesIO()
    w.save(w.arange(3.0).storage(), file, _use_new_zipfile_serialization=not old)
    file.seek(0)
    read = w.load(file)
    assert type(read) is w.storage.TypedStorage and read.tolist() == [0, 1, 2]
    for s in (w.arange(3.0).storage(), w.arange(3).untyped_storage()):
        for other in (copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
            assert type(other) is type(s) and list(other) == list(s)
            assert other.data_ptr() != s.data_ptr()


def test_arguments():
    for wrong in (3, None):
        with pytest.raises(AttributeError, match="expected 'f'"):
            w.save(w.ones(1), wrong)
        with pytest.raises(AttributeError, match="expected 'f'"):
            w.load(wrong)
    with pytest.raises(FileNotFoundError):
        w.load("/nowhere/at/all.pt")
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        x = w.ones(4)
        w.save([x, x.view(w.int32)], io.BytesIO())


def test_other_protocols():
    for protocol in (2, 3, 4, 5):
        file = io.BytesIO()
        w.save(
            {"x": w.ones(2), "s": w.Size([1]), "b": b"b", "u": {1}}, file, pickle_protocol=protocol
        )
        file.seek(0)
        assert w.load(file)["x"].tolist() == [1, 1]


def test_functions_for_map_location_may_restore_by_name():
    from wengert.serialization import default_restore_location, location_tag

    file = io.BytesIO()
    w.save({"a": w.ones(2)}, file)
    file.seek(0)
    seen = []

    def place(storage, location):
        seen.append((location, location_tag(storage)))
        return default_restore_location(storage, "meta" if len(seen) > 1 else "cpu")

    assert w.load(file, map_location=place)["a"].tolist() == [1.0, 1.0]
    file.seek(0)
    assert w.load(file, map_location=place)["a"].is_meta
    assert seen == [("cpu", "cpu")] * 2
    with pytest.raises(RuntimeError):
        default_restore_location(w.ones(1).untyped_storage(), "nowhere")
