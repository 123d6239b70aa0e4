"""torch.onnx.symbolic_opset11: the old exporter's rules, none of which are here."""

from ..base.absent import absent as _absent

__getattr__ = _absent("torch.onnx.symbolic_opset11")
