"""What scikit-learn, pandas and Pillow have goes into datasets; what does not is told why."""

import numpy as np
import pytest

import wengert as w
from wengert.utils.data import DataLoader, Dataset, TensorDataset


def test_train_test_split_takes_tensors_and_datasets():
    train_test_split = pytest.importorskip("sklearn.model_selection").train_test_split
    x, y = w.arange(100.0).reshape(50, 2), w.arange(50) % 2
    parts = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    assert all(type(part) is w.Tensor for part in parts)
    assert [tuple(part.shape) for part in parts] == [(40, 2), (10, 2), (40,), (10,)]
    assert parts[3].sum() == 5 and parts[3].dtype == w.int64
    batch, labels = next(iter(DataLoader(TensorDataset(parts[0], parts[2]), batch_size=8)))
    assert (batch[:, 0] / 2 % 2 == labels).all()
    train, test = train_test_split(TensorDataset(x, y), test_size=0.2, random_state=0)
    assert len(train) == 40 and len(next(iter(DataLoader(test, batch_size=4)))[0]) == 4


def test_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [0.0, 1, 2], "b": [3, 4, 5], "name": list("xyz")})
    for make in (w.tensor, w.as_tensor):
        assert make(frame[["a", "b"]]).tolist() == [[0, 3], [1, 4], [2, 5]]
        assert make(frame["b"]).dtype == w.int64
    dataset = TensorDataset(w.as_tensor(frame[["a", "b"]]), w.as_tensor(frame["b"]))
    assert next(iter(DataLoader(dataset, batch_size=2)))[1].tolist() == [3, 4]
    with pytest.raises(TypeError, match="column 'name'"):
        w.tensor(frame)
    with pytest.raises(TypeError, match="argument 1 is a DataFrame, not a tensor: pass torch.as_"):
        TensorDataset(w.ones(3), frame)


def test_arrays_and_lists_are_refused_as_in_pytorch(torch):
    from torch.utils.data import TensorDataset as Theirs

    for wrong in (np.ones(3), [1, 2, 3]):
        with pytest.raises((TypeError, AttributeError)) as theirs:
            Theirs(wrong)
        with pytest.raises(theirs.type, match="TensorDataset: argument 0"):
            TensorDataset(wrong)


class Pictures(Dataset):
    def __init__(self, transform=lambda image: image):
        self.transform = transform

    def __len__(self):
        return 4

    def __getitem__(self, index):
        from PIL import Image

        return self.transform(Image.new("RGB", (6, 5), (index, 0, 0))), index


def test_pictures():
    pytest.importorskip("PIL")
    images, labels = next(iter(DataLoader(Pictures(np.array), batch_size=4)))
    assert images.shape == (4, 5, 6, 3) and images.dtype == w.uint8
    assert images[:, 0, 0, 0].tolist() == labels.tolist() == [0, 1, 2, 3]
    with pytest.raises(TypeError, match=r"PIL.Image.Image.*convert it in the dataset, or pass a"):
        next(iter(DataLoader(Pictures(), batch_size=4)))
