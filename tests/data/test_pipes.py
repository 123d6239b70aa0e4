"""Streams that are shuffled through a buffer; the orders are PyTorch's, recorded."""

import wengert as torch
from wengert.utils.data import IterableDataset
from wengert.utils.data.datapipes.iter.combinatorics import ShufflerIterDataPipe


class Numbers(IterableDataset):
    def __iter__(self):
        return iter(range(10))


def test_orders():
    torch.manual_seed(0)
    pipe = ShufflerIterDataPipe(Numbers(), buffer_size=4)
    assert list(pipe) == [1, 2, 0, 6, 5, 7, 3, 9, 8, 4]
    assert list(pipe) == [1, 4, 3, 2, 6, 7, 8, 0, 9, 5]
    again = ShufflerIterDataPipe(Numbers(), buffer_size=3).set_seed(5)
    assert list(again) == [2, 1, 3, 4, 5, 7, 8, 9, 0, 6]
    assert list(pipe.set_shuffle(False)) == list(range(10))


def test_bases_of_pipes_are_named_where_data_sets_are():
    from wengert.utils import data

    class Squares(data.MapDataPipe):
        def __getitem__(self, index):
            return index * index

        def __len__(self):
            return 4

    class Stream(data.IterDataPipe):
        def __iter__(self):
            return iter([1, 2, 3])

    assert [b.tolist() for b in data.DataLoader(Squares(), batch_size=2)] == [[0, 1], [4, 9]]
    assert [b.tolist() for b in data.DataLoader(Stream(), batch_size=2)] == [[1, 2], [3]]
