"""torch.onnx.symbolic_helper: what functions for the old exporter are decorated with."""

from ..base.absent import absent as _absent
from ..export.onnx.old import parse_args, quantized_args

__all__ = ["parse_args", "quantized_args"]

__getattr__ = _absent("torch.onnx.symbolic_helper")
