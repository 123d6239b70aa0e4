"""Damaged and hostile files: refused with UnpicklingError or RuntimeError, never more memory than
the file can hold, and nothing left behind by a save that was killed.
"""

import inspect
import io
import os
import pickle
import random
import subprocess
import sys
import tracemalloc
import zipfile

import pytest

import wengert as torch
from wengert import nn
from wengert.io import writing

ALLOWED = (pickle.UnpicklingError, RuntimeError, EOFError)


def sample(**options):
    """A file with all kinds of things in it."""
    file = io.BytesIO()
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    x = torch.rand(4, 3)
    data = {
        "net": net.state_dict(), "views": [x, x.t(), x[1:]], "half": x.half(), "n": [1, 2.5, None],
        "sparse": x.to_sparse(), "parameter": nn.Parameter(x), "text": "naïve", "big": 2**70,
    }  # fmt: skip
    torch.save(data, file, **options)
    return file.getvalue()


def repacked(data, change=None, compress=zipfile.ZIP_STORED):
    """The archive written again: records go through change(name, bytes)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", compress) as new:
        for info in old.infolist():
            record = old.read(info)
            new.writestr(info.filename, change(info.filename, record) if change else record)
    return out.getvalue()


def mutated(data, rng):
    """The bytes with something cut, doubled or overwritten."""
    b = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(b))
        kind = rng.randrange(5)
        if kind == 0:
            b[at] = rng.randrange(256)
        elif kind == 1:
            b[at] ^= 1 << rng.randrange(8)
        elif kind == 2 and len(b) > 10:
            del b[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            b[at:at] = b[at : at + rng.randrange(1, 9)]
        else:
            b[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x7f"])
    return bytes(b)


def loaded(data, **options):
    """None, or the exception; memory is bounded."""
    tracemalloc.start()
    try:
        torch.load(io.BytesIO(data), **options)
        return None
    except ALLOWED as e:
        return e
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * len(data) + 5_000_000, f"{peak} bytes for a file of {len(data)}"


def test_500_mutated_files():
    whole, rng = sample(), random.Random(1)
    refused = 0
    for i in range(500):
        if i % 2:
            data = mutated(whole, rng)
        else:  # inside of a record, where no checksum notices
            data = repacked(whole, lambda n, b: mutated(b, rng) if n.endswith("data.pkl") else b)
        refused += loaded(data) is not None
    assert refused > 200


def test_500_mutated_files_of_the_old_format():
    whole, rng = sample(_use_new_zipfile_serialization=False), random.Random(2)
    assert loaded(whole) is None
    assert sum(loaded(mutated(whole, rng)) is not None for _ in range(500)) > 200


SAFETENSORS = """
import random, torch
from safetensors import SafetensorError
from safetensors.torch import load, save
whole = save({"w": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)})
assert load(whole)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
rng, refused = random.Random(3), 0
for _ in range(500):
    try:
        for t in load(mutated(whole, rng)).values():
            t.sum()
    except (SafetensorError, KeyError, ValueError, RuntimeError):
        refused += 1
print(refused)
"""


def test_500_mutated_files_of_safetensors():
    """The package reads the header; what is ours are the tensors that it makes."""
    pytest.importorskip("safetensors")
    code = inspect.getsource(mutated) + SAFETENSORS
    words = [sys.executable, "-m", "wengert", "run", "-c", code]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and int(run.stdout) > 100, run.stdout + run.stderr


def test_sizes_are_not_believed():
    bomb = repacked(sample(), lambda n, b: bytes(300 << 20) if n.endswith("data/0") else b,
                    zipfile.ZIP_DEFLATED)  # fmt: skip
    assert len(bomb) < 1 << 20
    assert isinstance(loaded(bomb), RuntimeError)
    assert loaded(repacked(sample(), compress=zipfile.ZIP_DEFLATED)) is None  # a harmless one
    data = repacked(sample(), lambda n, b: b + b"more" if n.endswith("data/0") else b)
    assert "storage 0" in str(loaded(data))


def test_compressed_records_are_read_in_place():
    """A compressed file takes its contents and little more, not a copy of each beside them."""
    file = io.BytesIO()
    torch.save({"x": torch.randn(400, 300), "y": torch.randn(200)}, file)
    data = repacked(file.getvalue(), compress=zipfile.ZIP_DEFLATED)
    assert loaded(data) is None  # all that is imported is there
    tracemalloc.start()
    try:
        torch.load(io.BytesIO(data))
        assert tracemalloc.get_traced_memory()[1] < 2 * 400 * 300 * 4
    finally:
        tracemalloc.stop()


def pickled(instructions):
    """A file whose pickle has these instructions."""
    return repacked(sample(), lambda n, b: instructions if n.endswith("data.pkl") else b)


@pytest.mark.parametrize("nest", [b"N" + b"\x85" * 200_000, b"(" * 200_000 + b"t" * 200_000])
def test_tuples_in_tuples_do_not_fill_the_memory(nest):
    """48 bytes of memory for each byte of the file, without a bound."""
    data = pickled(b"\x80\x02" + nest + b".")
    tracemalloc.start()
    try:
        with pytest.raises(pickle.UnpicklingError, match="within one another"):
            torch.load(io.BytesIO(data))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


class Refusing:
    """Its state is refused by itself."""

    def __setstate__(self, state):
        raise TypeError("mine")


def test_what_is_no_key_of_a_dict():
    """The unpickler's own TypeError is a damaged file; one of a class of the user's stays."""
    for weights_only in (True, False):
        with pytest.raises(pickle.UnpicklingError, match="unhashable"):
            torch.load(io.BytesIO(pickled(b"\x80\x02}]Ns.")),
                       weights_only=weights_only)  # fmt: skip
    file = io.BytesIO()
    mine = Refusing()
    mine.x = 1
    torch.save(mine, file)
    file.seek(0)
    with pytest.raises(TypeError, match="mine"):
        torch.load(file, weights_only=False)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_with_large_dictionaries_are_refused(method):
    error = loaded(repacked(sample(), compress=method))
    assert isinstance(error, RuntimeError) and "method" in str(error)


def test_all_names_are_under_the_root():
    out = io.BytesIO(sample())
    with zipfile.ZipFile(out, "a") as z:
        z.writestr("../elsewhere", b"x")
    assert "subdirectory" in str(loaded(out.getvalue()))


def test_compressed_records_cannot_be_mapped(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(repacked(sample(), compress=zipfile.ZIP_DEFLATED))
    with pytest.raises(RuntimeError, match="compressed"):
        torch.load(path, mmap=True)


@pytest.mark.skipif(os.name == "nt", reason="kills")
def test_what_a_killed_save_left_goes_with_the_next(tmp_path):
    path = tmp_path / "model.pt"
    program = f"""
import os, wengert as torch
from wengert.io import writing
def die(*args): os.kill(os.getpid(), 9)
writing._write = die
torch.save(torch.ones(5), {str(path)!r})
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=env, check=False)
    assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
    torch.save(torch.ones(5), path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("exists", [False, True])
def test_an_interrupt_at_any_instruction_of_a_save_leaves_one_whole_file(tmp_path, exists):
    path = tmp_path / "model.pt"
    places = (writing._replace.__code__, writing._open_locked.__code__)
    moment, seen = 0, 0

    def count(frame, event, arg):
        nonlocal seen
        if frame.f_code not in places:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen += 1
            if seen == moment:
                raise KeyboardInterrupt
        return count

    while True:
        moment, seen = moment + 1, 0
        path.unlink(missing_ok=True)
        if exists:
            torch.save(torch.zeros(2), path)
        before = sys.gettrace()
        sys.settrace(count)
        try:
            torch.save(torch.ones(5), path)
        except KeyboardInterrupt:
            sys.settrace(before)
        else:
            break
        finally:
            sys.settrace(before)
        left = [p.name for p in tmp_path.iterdir()]
        assert left == ["model.pt"] or (not left and not exists)
        if left:
            torch.load(path)
    assert moment > 50
