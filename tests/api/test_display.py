"""What notebooks show of tensors, modules and optimizers."""

import zlib

import numpy as np
import pytest

import wengert as T
from wengert import nn, viz
from wengert.api.display import coloured, png, tensor_html


def pixels(file):
    """(height, width) of a PNG file, and its rows without filters."""
    w, h = int.from_bytes(file[16:20], "big"), int.from_bytes(file[20:24], "big")
    start = file.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompress(file[start:-16]), np.uint8).reshape(h, -1)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:].reshape(h, w, 3)


def test_png_files_hold_the_pixels():
    a = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(pixels(png(a)), a)


def test_colours():
    red, white, blue = coloured(np.array([[2.0, 0.0, -2.0]]))[0]
    assert red[0] > red[2] and blue[2] > blue[0] and white.min() > 240
    assert coloured(np.array([[0.0, np.nan]]))[0, 1].tolist() == [255, 0, 255]


@pytest.mark.parametrize(
    ("t", "words"),
    [
        (T.tensor(2.5), ["scalar", "float32", "2.5"]),
        (T.arange(3), ["3", "int64", "0 to 2"]),
        (T.randn(40, 30), ["40 × 30", "⋮", "data:image/png"]),
        (T.randn(2, 3, 5, 5), ["2 × 3 × 5 × 5", "[0, 0] of 6 matrices"]),
        (T.tensor([[1.0, T.nan], [0.0, 2.0]]), ["1 not finite"]),
        (T.ones(2, 2, dtype=T.bfloat16), ["bfloat16"]),
        (T.ones(2, 2, dtype=T.complex64), ["complex64", "1+0j"]),
        (T.ones(2, 2, device="meta"), ["meta", "no elements"]),
        (T.zeros(0, 3), ["0 × 3", "no elements"]),
        (T.ones(2, requires_grad=True), ["requires grad"]),
        (T.ones(2, requires_grad=True) * 2, ["MulBackward0"]),
    ],
)
def test_tensors(t, words):
    text = t._repr_html_()
    for word in words:
        assert word in text


def test_only_what_has_an_index_shows_one():
    assert "<th" not in T.tensor(2.5)._repr_html_()
    assert T.arange(3)._repr_html_().count("<th") == 3
    assert T.zeros(2, 3)._repr_html_().count("<th") == 1 + 3 + 2


def test_large_tables_are_short():
    assert len(tensor_html(T.ones(5000, 5000))) < 10_000  # no heat map of equal numbers
    assert len(tensor_html(T.randn(2000, 2000))) < 400_000


def test_modules_and_optimizers():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 2)))
    text = model._repr_html_()
    assert "58 parameters" in text and "in_features=4" in text and text.count("<details") == 2
    optimizer = T.optim.Adam(model.parameters(), lr=0.01)
    assert "58 in 4 tensors" in optimizer._repr_html_() and "lr=0.01" in optimizer._repr_html_()
    model(T.ones(1, 4)).sum().backward()
    optimizer.step()
    assert "bytes of state" in optimizer._repr_html_()


def test_pictures_on_request(tmp_path):
    grey = viz.image(T.tensor([[0.0, 1.0]]))
    assert grey.pixels.tolist() == [[[0, 0, 0], [255, 255, 255]]]
    batch = viz.image(T.zeros(5, 3, 4, 4, dtype=T.uint8))
    assert batch.pixels.shape == (2 * 4 + 2, 3 * 4 + 2 * 2, 3)
    path = viz.heatmap(T.eye(3)).save(tmp_path / "eye.png")
    assert pixels(path.read_bytes()).shape == (3, 3, 3)
    with pytest.raises(ValueError, match=r"\[2, 5, 4, 4\]"):
        viz.image(T.zeros(2, 5, 4, 4))
    with pytest.raises(TypeError, match="not list"):
        viz.heatmap([1])
