"""torch.utils.data.dataloader: re-exports, and the iterators by the names libraries test for."""

from wengert.data.collate import default_collate, default_convert
from wengert.data.dataset import Dataset, IterableDataset
from wengert.data.iterators import DatasetKind as _DatasetKind
from wengert.data.iterators import InProcessIterator as _SingleProcessDataLoaderIter
from wengert.data.iterators import LoaderIterator as _BaseDataLoaderIter
from wengert.data.loader import DataLoader
from wengert.data.loader import Endless as _InfiniteConstantSampler
from wengert.data.samplers import BatchSampler, RandomSampler, Sampler, SequentialSampler
from wengert.data.workers import WorkerIterator as _MultiProcessingDataLoaderIter
from wengert.data.workers import get_worker_info

__all__ = [
    "_BaseDataLoaderIter",
    "_DatasetKind",
    "_InfiniteConstantSampler",
    "_MultiProcessingDataLoaderIter",
    "_SingleProcessDataLoaderIter",
    "BatchSampler",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
]
