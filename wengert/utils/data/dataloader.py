"""torch.utils.data.dataloader: re-exports, and the iterators by the names libraries test for."""

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
