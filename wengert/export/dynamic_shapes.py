"""torch.export.dynamic_shapes: sizes that may change, under PyTorch's name for the file."""

from .program import Dim, ShapesCollection, dims

__all__ = ["Dim", "ShapesCollection", "dims"]
