"""torch.utils.tensorboard.summary: re-exports."""

from ...export.tensorboard.pictures import draw_boxes
from ...export.tensorboard.summary import (
    audio,
    compute_curve,
    custom_scalars,
    histogram,
    histogram_raw,
    hparams,
    image,
    image_boxes,
    make_histogram,
    mesh,
    pr_curve,
    pr_curve_raw,
    scalar,
    tensor_proto,
    text,
    video,
)

__all__ = [
    "audio", "compute_curve", "custom_scalars", "draw_boxes", "hparams", "histogram",
    "histogram_raw", "image", "image_boxes", "make_histogram", "mesh", "pr_curve", "pr_curve_raw",
    "scalar", "tensor_proto", "text", "video",
]  # fmt: skip
