"""torch.onnx.operators: re-exports."""

from ..export.onnx.shape_tensors import reshape_from_tensor_shape, shape_as_tensor

__all__ = ["reshape_from_tensor_shape", "shape_as_tensor"]
