"""The files that TensorBoard's projector reads: vectors, their labels, their pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .pictures import as_array, make_grid, png

__all__ = ["embedding_info", "write_matrix", "write_metadata", "write_sprite"]


def write_matrix(matrix: np.ndarray, folder: Path) -> None:
    """The vectors, one for each line."""
    lines = ("\t".join(map(str, row)) + "\n" for row in matrix.tolist())
    (folder / "tensors.tsv").write_text("".join(lines), encoding="utf-8")


def write_metadata(
    metadata: Sequence[Any], folder: Path, metadata_header: Sequence[str] | None = None
) -> None:
    """The labels, one for each line; with a header, as many columns as it names."""
    if not metadata_header:
        lines = [str(x) for x in metadata]
    else:
        if len(metadata_header) != len(metadata[0]):
            raise AssertionError(
                "len of header must be equal to the number of columns in metadata: "
                f"{len(metadata_header)} and {len(metadata[0])}"
            )
        lines = ["\t".join(map(str, row)) for row in (metadata_header, *metadata)]
    (folder / "metadata.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sprite(label_img: Any, folder: Path) -> None:
    """The pictures (n, channels, height, width) in one square."""
    grid = make_grid(as_array(label_img), ncols=math.ceil(label_img.shape[0] ** 0.5))
    _, height, width = grid.shape
    square = np.zeros((width, width, 3))
    square[:height] = grid.transpose(1, 2, 0)
    pixels = (square * 255).clip(0, 255).astype(np.uint8)
    (folder / "sprite.png").write_bytes(png(pixels).encoded_image_string)


def embedding_info(metadata: Any, label_img: Any, subdir: str, step: int, tag: str) -> Any:
    """What the projector's configuration says of one embedding."""
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

    info = EmbeddingInfo(
        tensor_name=f"{tag}:{str(step).zfill(5)}", tensor_path=f"{subdir}/tensors.tsv"
    )
    if metadata is not None:
        info.metadata_path = f"{subdir}/metadata.tsv"
    if label_img is not None:
        info.sprite.image_path = f"{subdir}/sprite.png"
        info.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
    return info
