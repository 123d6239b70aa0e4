"""Datasets that read files as they go, so that the data may be larger than memory.

Here: memory-mapped .npy files, CSV and Parquet tables in chunks, folders of images. pandas,
pyarrow, Pillow and cv2 are imported when a dataset that needs them is made. Not here: files that
tensors and models are saved in.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..api import functions as T
from ..base.dtypes import get_default_dtype
from ..engine.tensor import Tensor, wrap
from . import shared
from .dataset import Dataset, IterableDataset
from .workers import get_worker_info

PathName = str | PathLike[str]
Columns = dict[str, np.ndarray]


def _require(module: str, package: str, user: str) -> Any:
    """An optional library, or an error that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{user} needs {package}, which could not be imported ({error}): "
            "pip install wengert[data]",
            name=module,
        ) from error


class NpyDataset(Dataset[tuple[Tensor, ...]]):
    """Arrays in .npy files, of which only the rows in use are read: a TensorDataset on disk.

    Args:
        *paths: files written by `numpy.save`, arrays of shapes (N, ...) with the same N.

    Raises:
        ValueError: a file is not a single array, or the lengths differ.

    A sample is the tuple of the files' rows, as tensors that own their memory. The files are mapped
    again in every worker, never copied.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/x.npy"
        >>> np.save(path, np.arange(6.0).reshape(3, 2))
        >>> NpyDataset(path)[1]
        (tensor([2., 3.], dtype=torch.float64),)
    """

    def __init__(self, *paths: PathName) -> None:
        if not paths:
            raise ValueError("NpyDataset: name at least one .npy file")
        self.paths = [str(path) for path in paths]
        self._arrays: list[np.ndarray] | None = None
        lengths = [len(array) for array in self._open()]
        if len(set(lengths)) > 1:
            files = ", ".join(f"{path}: {n}" for path, n in zip(self.paths, lengths))
            raise ValueError(f"NpyDataset: the files differ in length: {files}")

    def _open(self) -> list[np.ndarray]:
        if self._arrays is None:
            self._arrays = [_map_array(path) for path in self.paths]
        return self._arrays

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_arrays": None}

    def __len__(self) -> int:
        return len(self._open()[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(wrap(_native(array[index])) for array in self._open())

    def __getbatch__(self, indices: np.ndarray) -> list[Tensor]:
        return [wrap(_native(array[indices])) for array in self._open()]


def _map_array(path: str) -> np.ndarray:
    array = np.load(path, mmap_mode="r")
    if not isinstance(array, np.ndarray):
        raise ValueError(f"NpyDataset: {path} is an archive; save each array by numpy.save")
    if array.ndim == 0:
        raise ValueError(f"NpyDataset: {path} holds a single number, not rows")
    return array


def _native(rows: Any) -> np.ndarray:
    """A copy in this machine's byte order, in shared memory where a batch is made in a worker."""
    rows = np.asarray(rows)
    dtype = rows.dtype.newbyteorder("=")
    store = shared.worker_store
    out = np.empty(rows.shape, dtype) if store is None else store.array(rows.shape, dtype)
    out[...] = rows
    return out


class TableDataset(IterableDataset[Any]):
    """What datasets of table files share: rows, made of chunks of columns, as tensors.

    A sample is the vector of the feature columns, or with a target the pair of it and the target.
    Subclasses define `chunks`.
    """

    def __init__(
        self,
        paths: PathName | Sequence[PathName],
        columns: Sequence[str] | None,
        target: str | None,
        chunk_rows: int,
        shuffle: bool,
        dtype: Any,
    ) -> None:
        names = [paths] if isinstance(paths, str | PathLike) else list(paths)
        self.paths = [Path(name) for name in names]
        for path in self.paths:
            if not path.is_file():
                raise FileNotFoundError(f"{type(self).__name__}: there is no file {path}")
        if chunk_rows <= 0:
            raise ValueError(f"{type(self).__name__}: chunk_rows={chunk_rows} is not positive")
        self.columns = None if columns is None else list(columns)
        self.target = target
        self.chunk_rows = chunk_rows
        self.shuffle = shuffle
        self.dtype = get_default_dtype() if dtype is None else dtype

    def chunks(self, share: int, shares: int) -> Iterator[Columns]:
        """The part of the data that falls to one of `shares` readers, a few rows at a time."""
        raise NotImplementedError(f"{type(self).__name__} must define chunks(self, share, shares)")

    def wanted(self) -> list[str] | None:
        """The columns to read, or None for all."""
        if self.columns is None or self.target is None or self.target in self.columns:
            return self.columns
        return [*self.columns, self.target]

    def _blocks(self) -> Iterator[list[np.ndarray]]:
        """Chunks as arrays: features of shape (rows, columns), and targets of shape (rows,)."""
        info = get_worker_info()
        share, shares = (0, 1) if info is None else (info.id, info.num_workers)
        for chunk in self.chunks(share, shares):
            yield self._block(chunk)

    def _block(self, chunk: Columns) -> list[np.ndarray]:
        names = self.columns or list(chunk)
        for name in names if self.target is None else [*names, self.target]:
            if name not in chunk:
                raise KeyError(
                    f"{type(self).__name__}: there is no column {name!r} among {list(chunk)}"
                )
            if chunk[name].dtype.kind not in "biuf":
                raise TypeError(
                    f"{type(self).__name__}: column {name!r} holds {chunk[name].dtype} values, not "
                    "numbers: leave it out by columns=[...], or convert the file"
                )
        features = [chunk[name] for name in names if name != self.target]
        block = [np.stack(features, axis=1).astype(self.dtype.np)]
        if self.target is not None:
            block.append(chunk[self.target])
        if self.shuffle:
            order = T.randperm(len(block[0])).numpy()
            block = [array[order] for array in block]
        return block

    def __iter__(self) -> Iterator[Any]:
        for block in self._blocks():
            for row in zip(*block):
                tensors = tuple(wrap(np.array(part)) for part in row)
                yield tensors[0] if self.target is None else tensors

    def __iterbatches__(self, batch_size: int, drop_last: bool) -> Iterator[Any]:
        rest: list[np.ndarray] = []
        for block in self._blocks():
            if rest:
                block = [np.concatenate(pair) for pair in zip(rest, block)]
            full = len(block[0]) // batch_size * batch_size
            for start in range(0, full, batch_size):
                yield self._batch([array[start : start + batch_size] for array in block])
            rest = [array[full:] for array in block]
        if rest and len(rest[0]) and not drop_last:
            yield self._batch(rest)

    def _batch(self, parts: list[np.ndarray]) -> Any:
        tensors = [wrap(_native(part)) for part in parts]
        return tensors[0] if self.target is None else tensors


class CsvDataset(TableDataset):
    """Rows of CSV files, read in chunks by pandas.

    Args:
        paths: a file, or several with the same columns.
        columns: the features; all columns but the target if None.
        target: the column to return beside the features, if any.
        chunk_rows: rows in memory at a time.
        shuffle: order the rows of each chunk at random.
        dtype: of the features; the default dtype if None. The target keeps its own.
        **options: for `pandas.read_csv`.

    Raises:
        ImportError: pandas is not installed.
        KeyError, TypeError: when iterated: a column is missing or does not hold numbers.

    Workers share out the files where there are enough, and otherwise the chunks.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/x.csv"
        >>> _ = open(path, "w").write("a,b,y\\n1,2,0\\n3,4,1\\n")
        >>> list(CsvDataset(path, target="y"))
        [(tensor([1., 2.]), tensor(0)), (tensor([3., 4.]), tensor(1))]
    """

    def __init__(
        self,
        paths: PathName | Sequence[PathName],
        *,
        columns: Sequence[str] | None = None,
        target: str | None = None,
        chunk_rows: int = 65536,
        shuffle: bool = False,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        _require("pandas", "pandas", "CsvDataset")
        super().__init__(paths, columns, target, chunk_rows, shuffle, dtype)
        self.options = options

    def chunks(self, share: int, shares: int) -> Iterator[Columns]:
        """Chunks of this reader's files, or its share of all chunks where files are few."""
        pandas = _require("pandas", "pandas", "CsvDataset")
        by_file = len(self.paths) >= shares
        number = 0
        for path in self.paths[share::shares] if by_file else self.paths:
            frames = pandas.read_csv(
                path, usecols=self.wanted(), chunksize=self.chunk_rows, **self.options
            )
            with frames:
                for frame in frames:
                    if by_file or number % shares == share:
                        yield {str(name): frame[name].to_numpy() for name in frame}
                    number += 1


class ParquetDataset(TableDataset):
    """Rows of Parquet files, read in chunks by pyarrow.

    Args:
        paths: a file, or several with the same columns.
        columns: the features; all columns but the target if None.
        target: the column to return beside the features, if any.
        chunk_rows: rows in memory at a time, at most; besides, pyarrow holds pages of a row group.
        shuffle: order the rows of each chunk at random.
        dtype: of the features; the default dtype if None. The target keeps its own.

    Raises:
        ImportError: pyarrow is not installed.
        KeyError, TypeError: when iterated: a column is missing or does not hold numbers.

    Workers share out the row groups.

    Example:
        >>> dataset = ParquetDataset("clicks.parquet", target="bought")  # doctest: +SKIP
    """

    def __init__(
        self,
        paths: PathName | Sequence[PathName],
        *,
        columns: Sequence[str] | None = None,
        target: str | None = None,
        chunk_rows: int = 65536,
        shuffle: bool = False,
        dtype: Any = None,
    ) -> None:
        _require("pyarrow.parquet", "pyarrow", "ParquetDataset")
        super().__init__(paths, columns, target, chunk_rows, shuffle, dtype)

    def __len__(self) -> int:
        parquet = _require("pyarrow.parquet", "pyarrow", "ParquetDataset")
        return sum(parquet.read_metadata(path).num_rows for path in self.paths)

    def chunks(self, share: int, shares: int) -> Iterator[Columns]:
        """Chunks of every `shares`-th row group."""
        parquet = _require("pyarrow.parquet", "pyarrow", "ParquetDataset")
        number = 0
        for path in self.paths:
            with parquet.ParquetFile(path) as file:
                count = file.num_row_groups
                mine = [group for group in range(count) if (number + group) % shares == share]
                number += count
                present = file.schema_arrow.names
                wanted = [name for name in self.wanted() or present if name in present]
                if mine:
                    for batch in file.iter_batches(self.chunk_rows, mine, wanted):
                        yield {
                            name: batch.column(name).to_numpy(zero_copy_only=False)
                            for name in batch.schema.names
                        }


class ImageDataset(Dataset[tuple[Any, int]]):
    """Images in one folder per class, each read when it is asked for.

    Args:
        root: folder whose sub-folders are the classes, in alphabetical order; they may be nested.
        transform: makes a sample of an image: of a PIL.Image with Pillow, of an RGB (or grey) uint8
            array of shape (height, width, channels) with cv2. If None, a float tensor of shape
            (channels, height, width) with values from 0 to 1.
        size: (height, width) every image is resized to, before `transform`; None keeps its own.
        mode: "RGB" or "L" (grey).
        reader: "pillow" or "cv2".
        extensions: of the files that count as images, in lower case.

    Raises:
        ImportError: the reader's library is not installed.
        FileNotFoundError: there is no class folder, or no image.

    Example:
        >>> dataset = ImageDataset("flowers", size=(64, 64))  # doctest: +SKIP
        >>> image, label = dataset[0]  # doctest: +SKIP
    """

    def __init__(
        self,
        root: PathName,
        transform: Callable[[Any], Any] | None = None,
        *,
        size: tuple[int, int] | None = None,
        mode: str = "RGB",
        reader: str = "pillow",
        extensions: Iterable[str] = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".webp"),
    ) -> None:
        if reader not in ("pillow", "cv2"):
            raise ValueError(f"ImageDataset: reader must be 'pillow' or 'cv2', not {reader!r}")
        if mode not in ("RGB", "L"):
            raise ValueError(f"ImageDataset: mode must be 'RGB' or 'L', not {mode!r}")
        self.root = Path(root)
        self.transform = transform
        self.size = size
        self.mode = mode
        self.reader = reader
        self._library()
        self.classes = sorted(entry.name for entry in self.root.iterdir() if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"ImageDataset: {self.root} has no folder: one per class")
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        endings = set(extensions)
        self.samples = [
            (str(path), index)
            for name, index in self.class_to_idx.items()
            for path in sorted((self.root / name).rglob("*"))
            if path.suffix.lower() in endings
        ]
        if not self.samples:
            raise FileNotFoundError(f"ImageDataset: no {'/'.join(sorted(endings))} in {self.root}")
        self.targets = [label for _, label in self.samples]

    def _library(self) -> Any:
        if self.reader == "cv2":
            return _require("cv2", "opencv-python-headless", "ImageDataset")
        return _require("PIL.Image", "pillow", "ImageDataset")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, label = self.samples[index]
        read = self._read_cv2 if self.reader == "cv2" else self._read_pillow
        try:
            image = read(path)
        except Exception as error:
            raise RuntimeError(f"ImageDataset: cannot read {path}: {error}") from error
        return (image_to_tensor(image) if self.transform is None else self.transform(image)), label

    def _read_pillow(self, path: str) -> Any:
        with self._library().open(path) as file:
            image = file.convert(self.mode)
        return image if self.size is None else image.resize(self.size[::-1])

    def _read_cv2(self, path: str) -> np.ndarray:
        cv2 = self._library()
        image = cv2.imread(path, cv2.IMREAD_COLOR if self.mode == "RGB" else cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError("cv2 does not recognise it as an image")
        if self.mode == "RGB":
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        if self.size is not None:
            image = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA)
        return image if image.ndim == 3 else image[:, :, None]


def image_to_tensor(image: Any) -> Tensor:
    """An image of height, width and perhaps channels, values 0 to 255, as a float tensor (C, H, W).

    Example:
        >>> image_to_tensor(np.full((1, 2), 255, np.uint8))
        tensor([[[1., 1.]]])
    """
    pixels = np.atleast_3d(np.asarray(image))
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return wrap(planes.astype(get_default_dtype().np) / 255)
