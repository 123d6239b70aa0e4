"""Images from and to files and bytes."""

import numpy as np
import pytest

import wengert as torch
from wengert.vision import io

Image = pytest.importorskip("PIL.Image")


def picture(channels=3):
    y, x = np.mgrid[:6, :7]
    return torch.from_numpy(np.stack([x * 30, y * 40, x * y])[:channels].astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_comes_back_exactly(tmp_path, channels):
    io.write_png(picture(channels), tmp_path / "a.png")
    assert torch.equal(io.read_image(str(tmp_path / "a.png")), picture(channels))
    assert torch.equal(io.decode_image(io.read_file(tmp_path / "a.png")), picture(channels))
    assert torch.equal(io.decode_png(io.encode_png(picture(channels))), picture(channels))


def test_jpeg_comes_back_nearly(tmp_path):
    io.write_jpeg(picture(), tmp_path / "a.jpg", quality=95)
    found = io.read_image(tmp_path / "a.jpg")
    assert found.dtype == torch.uint8 and found.shape == (3, 6, 7)
    assert float((found.float() - picture().float()).abs().mean()) < 20
    smaller, larger = io.encode_jpeg(picture(), 10), io.encode_jpeg([picture()], 100)[0]
    assert len(smaller) < len(larger)
    with pytest.raises(RuntimeError, match="no image"):
        io.decode_jpeg(io.encode_png(picture()))


def test_modes(tmp_path):
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "RGBA").save(tmp_path / "a.png")
    shapes = {mode: io.read_image(tmp_path / "a.png", mode).shape[0] for mode in io.ImageReadMode}
    assert list(shapes.values()) == [4, 1, 2, 3, 4]
    assert io.read_image(tmp_path / "a.png", "rgb").shape == (3, 2, 3)
    palette = Image.new("P", (2, 2))
    palette.putpalette([10, 20, 30] * 256)
    palette.save(tmp_path / "p.png")
    assert io.read_image(tmp_path / "p.png")[:, 0, 0].tolist() == [10, 20, 30]


def test_exif_turns_a_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (4, 2)).save(tmp_path / "a.jpg", exif=exif)
    assert io.read_image(tmp_path / "a.jpg").shape == (3, 2, 4)
    assert io.read_image(tmp_path / "a.jpg", apply_exif_orientation=True).shape == (3, 4, 2)


def test_gif_frames(tmp_path):
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = io.decode_gif(io.read_file(tmp_path / "a.gif"))
    assert found.shape == (2, 3, 2, 3) and found[1, :, 0, 0].tolist() == [0, 0, 255]


def test_wrong_arguments(tmp_path):
    with pytest.raises(RuntimeError, match="uint8"):
        io.write_png(torch.zeros(3, 2, 2), tmp_path / "a.png")
    with pytest.raises(RuntimeError, match=r"\(1 or 3, H, W\)"):
        io.encode_png(torch.zeros(2, 2, 2, dtype=torch.uint8))
    with pytest.raises(FileNotFoundError):
        io.read_image(tmp_path / "none.png")
    with pytest.raises(RuntimeError, match="no image"):
        io.decode_image(torch.zeros(9, dtype=torch.uint8))
    assert list(tmp_path.iterdir()) == []
