"""torch.utils.data.dataloader: re-exports, and the iterators by the names libraries test for."""

from ..._six import container_abcs, int_classes, string_classes  # which was found here until 1.13
from ...api import functions as _T
from ...data.collate import default_collate, default_convert
from ...data.dataset import Dataset, IterableDataset
from ...data.iterators import DatasetKind as _DatasetKind
from ...data.iterators import InProcessIterator as _SingleProcessDataLoaderIter
from ...data.iterators import LoaderIterator as _BaseDataLoaderIter
from ...data.loader import DataLoader
from ...data.loader import Endless as _InfiniteConstantSampler
from ...data.samplers import BatchSampler, RandomSampler, Sampler, SequentialSampler
from ...data.workers import WorkerIterator as _MultiProcessingDataLoaderIter
from ...data.workers import get_worker_info

_DataLoaderIter = _BaseDataLoaderIter  # its name until 1.2
_use_shared_memory = False
_TYPES = (
    "Double float64, Float float32, Half float16, Long int64, Int int32, Short int16, Char int8, "
    "Byte uint8"
)
numpy_type_map = {
    dtype: getattr(_T, f"{kind}Tensor")
    for kind, dtype in (pair.split() for pair in _TYPES.split(", "))
}  # what default_collate read until 1.2

__all__ = [
    "_BaseDataLoaderIter",
    "_DatasetKind",
    "_InfiniteConstantSampler",
    "_MultiProcessingDataLoaderIter",
    "_SingleProcessDataLoaderIter",
    "BatchSampler",
    "DataLoader",
    "Dataset",
    "_DataLoaderIter",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "default_collate",
    "default_convert",
    "container_abcs",
    "int_classes",
    "numpy_type_map",
    "string_classes",
    "get_worker_info",
]
