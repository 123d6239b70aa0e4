"""Datasets that read files: what they give and refuse, and that they need little memory."""

import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import wengert
from wengert.data import CsvDataset, DataLoader, ImageDataset, NpyDataset, ParquetDataset, Subset
from wengert.data import iterators as loaders

WORKERS = {"num_workers": 2, "multiprocessing_context": "fork"}


def lists(batches):
    return [[part.tolist() for part in batch] for batch in batches]


# ---- .npy


@pytest.fixture
def arrays(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(30.0).reshape(10, 3))
    np.save(tmp_path / "y.npy", np.arange(10))
    return tmp_path / "x.npy", tmp_path / "y.npy"


def test_npy_rows(arrays):
    dataset = NpyDataset(*arrays)
    x, y = dataset[2]
    assert (x.tolist(), y.item(), len(dataset)) == ([6, 7, 8], 2, 10)
    x += 1
    assert dataset[2][0].tolist() == [6, 7, 8] and dataset[-1][1].item() == 9
    with pytest.raises(IndexError):
        dataset[10]


@pytest.mark.parametrize("arguments", [{}, {"batch_size": 3}, {"batch_size": None}, WORKERS])
def test_npy_batches_are_those_of_the_tensors(arrays, keep_rng, arguments):
    dataset = NpyDataset(*arrays)
    memory = wengert.utils.data.TensorDataset(*(wengert.from_numpy(np.load(p)) for p in arrays))
    for shuffle in (False, True):
        found = []
        for source in (dataset, memory, Subset(dataset, range(10))):
            wengert.manual_seed(0)
            found.append(lists(DataLoader(source, shuffle=shuffle, **arguments)))
        assert found[0] == found[1] == found[2]


def test_npy_batches_are_taken_at_once(arrays):
    assert DataLoader(NpyDataset(*arrays))._job().at_once() is not None
    assert type(DataLoader(NpyDataset(*arrays))._job().fetcher()) is loaders.BatchFetch


def test_npy_is_sent_by_name(arrays):
    dataset = NpyDataset(*arrays)
    dataset[0]
    assert len(pickle.dumps(dataset)) < 1000
    assert pickle.loads(pickle.dumps(dataset))[1][1].item() == 1


def test_npy_of_another_byte_order_and_of_bfloat16_bits(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(4, dtype=">i4"))
    assert NpyDataset(tmp_path / "x.npy")[3][0].dtype == wengert.int32
    batch = next(iter(DataLoader(NpyDataset(tmp_path / "x.npy"), batch_size=4)))
    assert batch[0].tolist() == [0, 1, 2, 3]


def test_npy_refuses(tmp_path, arrays):
    np.save(tmp_path / "short.npy", np.arange(3))
    np.save(tmp_path / "one.npy", np.array(3))
    np.savez(tmp_path / "both.npz", a=np.arange(3))
    with pytest.raises(ValueError, match="differ in length: .*x.npy: 10, .*short.npy: 3"):
        NpyDataset(arrays[0], tmp_path / "short.npy")
    with pytest.raises(ValueError, match="single number"):
        NpyDataset(tmp_path / "one.npy")
    with pytest.raises(ValueError, match="archive"):
        NpyDataset(tmp_path / "both.npz")
    with pytest.raises(ValueError, match="at least one"):
        NpyDataset()
    with pytest.raises(FileNotFoundError):
        NpyDataset(tmp_path / "missing.npy")


# ---- tables


def write_csv(path, start, count, extra=""):
    rows = [f"{i},{i / 2},{i % 3}{extra}" for i in range(start, start + count)]
    path.write_text("\n".join(["a,b,y", *rows]) + "\n")
    return path


def write_parquet(path, start, count, **options):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    numbers = np.arange(start, start + count)
    table = {"a": numbers, "b": numbers / 2, "y": numbers % 3}
    parquet.write_table(pyarrow.table(table), path, row_group_size=4, **options)
    return path


@pytest.fixture(params=["csv", "parquet"])
def table(request, tmp_path):
    """A function that writes a table, and the dataset that reads it."""
    if request.param == "csv":
        pytest.importorskip("pandas")
    kind = CsvDataset if request.param == "csv" else ParquetDataset
    write = write_csv if request.param == "csv" else write_parquet
    return lambda name, start, count: write(tmp_path / name, start, count), kind


def test_table_rows(table):
    write, kind = table
    path = write("t", 0, 10)
    rows = list(kind(path, target="y", chunk_rows=3))
    assert [(x.tolist(), y.item()) for x, y in rows] == [([i, i / 2], i % 3) for i in range(10)]
    assert rows[0][0].dtype == wengert.float32 and rows[0][1].dtype == wengert.int64
    only = list(kind(path, columns=["b"], dtype=wengert.float64))
    assert [row.tolist() for row in only] == [[i / 2] for i in range(10)]
    chosen = next(iter(kind(path, columns=["b", "a"], target="y")))
    assert chosen[0].tolist() == [0, 0] and len(chosen) == 2
    every = next(iter(kind(str(path))))
    assert every.tolist() == [0, 0, 0]


@pytest.mark.parametrize("chunk_rows", [1, 3, 4, 100])
@pytest.mark.parametrize("drop_last", [False, True])
def test_table_batches_are_those_of_the_rows(table, chunk_rows, drop_last):
    write, kind = table
    dataset = kind([write("t", 0, 10), write("u", 10, 7)], target="y", chunk_rows=chunk_rows)
    at_once = lists(DataLoader(dataset, batch_size=4, drop_last=drop_last))
    row_by_row = DataLoader(
        dataset,
        batch_size=4,
        drop_last=drop_last,
        collate_fn=lambda rows: wengert.utils.data.default_collate(rows),
    )
    assert at_once == lists(row_by_row)
    assert [len(batch[1]) for batch in at_once] == [4] * 4 + [1] * (not drop_last)


@pytest.mark.parametrize("files", [1, 3])
def test_workers_share_a_table(table, files):
    write, kind = table
    paths = [write(f"t{k}", 10 * k, 10) for k in range(files)]
    loader = DataLoader(kind(paths, target="y", chunk_rows=2), batch_size=4, **WORKERS)
    batches = lists(loader)
    numbers = sorted(int(row[0]) for batch in batches for row in batch[0])
    assert numbers == list(range(10 * files)) and len(batches) > 2


def test_rows_shuffled_within_chunks(table, keep_rng):
    write, kind = table
    dataset = kind(write("t", 0, 12), target="y", chunk_rows=4, shuffle=True)
    wengert.manual_seed(1)
    numbers = [int(x[0]) for x, _ in dataset]
    assert numbers != list(range(12)) and all(int(x[0]) % 3 == y for x, y in dataset)
    assert [sorted(numbers[k : k + 4]) for k in (0, 4, 8)] == [
        [*range(k, k + 4)] for k in (0, 4, 8)
    ]


def test_the_length_of_parquet(tmp_path):
    paths = [write_parquet(tmp_path / name, 0, 10) for name in "ab"]
    assert (len(ParquetDataset(paths)), len(DataLoader(ParquetDataset(paths), 8))) == (20, 3)
    with pytest.raises(TypeError):
        len(CsvDataset(write_csv(tmp_path / "c", 0, 3)))


def test_options_go_to_read_csv(tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "t").write_text("1;2\n3;4\n")
    rows = list(CsvDataset(tmp_path / "t", sep=";", header=None))
    assert [row.tolist() for row in rows] == [[1, 2], [3, 4]]


def test_tables_refuse(table, tmp_path):
    write, kind = table
    path = write("t", 0, 4)
    with pytest.raises(FileNotFoundError, match="missing"):
        kind(tmp_path / "missing")
    with pytest.raises(ValueError, match="chunk_rows=0"):
        kind(path, chunk_rows=0)
    with pytest.raises(KeyError, match="no column 'z' among"):
        list(kind(path, target="z"))


def test_columns_of_words_are_refused(tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "t").write_text("a,b\n1,x\n")
    with pytest.raises(TypeError, match=r"column 'b' holds .* not numbers.*columns="):
        list(CsvDataset(tmp_path / "t"))
    assert [row.tolist() for row in CsvDataset(tmp_path / "t", columns=["a"])] == [[1]]


# ---- images


@pytest.fixture
def folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for number, name in enumerate(("cats/a.png", "cats/deep/b.png", "dogs/c.PNG")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((4, 6, 3), np.uint8)
        pixels[..., 0], pixels[1, :, 2] = 51 * number, 255
        image.fromarray(pixels).save(path, format="png")
    (tmp_path / "cats" / "notes.txt").write_text("not an image")
    return tmp_path


@pytest.fixture(params=["pillow", "cv2"])
def reader(request):
    pytest.importorskip("PIL.Image" if request.param == "pillow" else "cv2")
    return request.param


def test_images(folder, reader):
    dataset = ImageDataset(folder, reader=reader)
    assert (dataset.classes, dataset.targets) == (["cats", "dogs"], [0, 0, 1])
    assert dataset.class_to_idx == {"cats": 0, "dogs": 1}
    image, label = dataset[2]
    assert (image.shape, image.dtype, label) == ((3, 4, 6), wengert.float32, 1)
    np.testing.assert_allclose(image[0].numpy(), 0.4, rtol=1e-6)
    assert image[2].tolist() == [[0] * 6, [1] * 6, [0] * 6, [0] * 6]
    batches = list(DataLoader(dataset, batch_size=3, **WORKERS))
    assert batches[0][0].shape == (3, 3, 4, 6) and batches[0][1].tolist() == [0, 0, 1]


def test_images_in_other_forms(folder, reader):
    grey, _ = ImageDataset(folder, mode="L", reader=reader)[0]
    assert grey.shape == (1, 4, 6)
    small, _ = ImageDataset(folder, size=(2, 3), reader=reader)[0]
    assert small.shape == (3, 2, 3)
    seen, _ = ImageDataset(folder, reader=reader, transform=lambda image: image)[0]
    assert np.asarray(seen).shape == (4, 6, 3)


def test_images_refuse(folder, reader):
    (folder / "cats" / "broken.png").write_bytes(b"no image")
    dataset = ImageDataset(folder, reader=reader)
    with pytest.raises(RuntimeError, match="cannot read .*broken.png"):
        dataset[[path.endswith("broken.png") for path, _ in dataset.samples].index(True)]
    with pytest.raises(FileNotFoundError, match="no folder"):
        ImageDataset(folder / "dogs", reader=reader)
    with pytest.raises(FileNotFoundError, match="no .xyz in"):
        ImageDataset(folder, reader=reader, extensions=[".xyz"])
    with pytest.raises(ValueError, match="reader"):
        ImageDataset(folder, reader="eyes")
    with pytest.raises(ValueError, match="mode"):
        ImageDataset(folder, mode="CMYK")


# ---- libraries that are not there


@pytest.mark.parametrize(
    ("make", "library"),
    [
        (lambda path: CsvDataset(path), "pandas"),
        (lambda path: ParquetDataset(path), "pyarrow"),
        (lambda path: ImageDataset(path), "PIL"),
        (lambda path: ImageDataset(path, reader="cv2"), "cv2"),
    ],
)
def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch, tmp_path, make, library):
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == library:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(ImportError, match=r"pip install wengert\[data\]"):
        make(tmp_path)


# ---- larger than memory

LIMITED = """
import os, resource, sys
import numpy as np
import wengert as torch
from wengert.data import CsvDataset, DataLoader, ImageDataset, NpyDataset, ParquetDataset

folder, size = sys.argv[1], {size}
dataset = {dataset}
loader = DataLoader(dataset, {arguments})
total = sum(len(batch[0]) for batch, _ in zip(loader, range(2)))  # libraries load, threads start
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) << 10
limit = used + size // 2
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(size, np.uint8)
except MemoryError:
    pass
else:
    sys.exit("the limit does not hold")
total, count = 0.0, 0
for batch in loader:
    total += float(batch[0].numpy().mean(dtype=np.float64)) * len(batch[0])
    count += len(batch[0])
print(count, round(total / count, 3))
"""


def limited(folder, size, dataset, arguments):
    """Rows and mean that a program finds which may use no more memory than half of `size`."""
    resource = pytest.importorskip("resource")
    if not sys.platform.startswith("linux") or not hasattr(resource, "RLIMIT_DATA"):
        pytest.skip("the limit is Linux's")
    code = textwrap.dedent(LIMITED).format(size=size, dataset=dataset, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    count, mean = done.stdout.split()
    return int(count), float(mean)


@pytest.mark.parametrize("workers", ["", ", num_workers=2"])
def test_npy_larger_than_memory(tmp_path, workers):
    rows, width = 200_000, 64
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (rows, width))
    x[:] = 0.5
    del x
    dataset = "NpyDataset(folder + '/x.npy')"
    found = limited(tmp_path, rows * width * 4, dataset, f"batch_size=500, shuffle=True{workers}")
    assert found == (rows, 0.5)


def test_csv_larger_than_memory(tmp_path):
    pytest.importorskip("pandas")
    block = "0.25,0.75,1\n" * 10_000
    with open(tmp_path / "x.csv", "w") as file:
        file.write("a,b,y\n")
        for _ in range(450):
            file.write(block)
    size = 450 * len(block)
    dataset = "CsvDataset(folder + '/x.csv', target='y', chunk_rows=5_000)"
    assert limited(tmp_path, size, dataset, "batch_size=1000") == (4_500_000, 0.5)


def test_parquet_larger_than_memory(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = 100_000
    columns = {name: np.linspace(0, 1, rows) for name in "abcdefgh"}
    table = pyarrow.table({**columns, "y": np.zeros(rows, np.int8)})
    with parquet.ParquetWriter(tmp_path / "x.parquet", table.schema, compression="none") as file:
        for _ in range(16):
            file.write_table(table, row_group_size=20_000)
    size = 16 * rows * 64
    dataset = "ParquetDataset(folder + '/x.parquet', target='y', chunk_rows=10_000)"
    assert limited(tmp_path, size, dataset, "batch_size=1000") == (16 * rows, 0.5)


@pytest.mark.parametrize("reader", ["pillow", "cv2"])
def test_images_larger_than_memory(tmp_path, reader):
    image = pytest.importorskip("PIL.Image")
    if reader == "cv2":
        pytest.importorskip("cv2")
    (tmp_path / "grey").mkdir()
    pixels = np.full((256, 256, 3), 51, np.uint8)
    for number in range(100):
        image.fromarray(pixels).save(tmp_path / "grey" / f"{number}.png")
    size = 100 * pixels.size * 4
    dataset = f"ImageDataset(folder, reader={reader!r})"
    assert limited(tmp_path, size, dataset, "batch_size=4") == (100, 0.2)
