"""torch.onnx: re-exports of `export/onnx/`."""

from ..base.absent import absent as _absent
from ..export.onnx import (
    ExportOptions,
    OnnxExporterError,
    ONNXProgram,
    OnnxRegistry,
    OperatorExportTypes,
    TrainingMode,
    dynamo_export,
    export,
    is_in_onnx_export,
)
from ..export.onnx import export as _export
from ..export.onnx.export import set_training

__all__ = [
    "ExportOptions", "ONNXProgram", "OnnxExporterError", "OnnxRegistry", "OperatorExportTypes",
    "TrainingMode", "_export", "dynamo_export", "export", "is_in_onnx_export",
    "set_training",
]  # fmt: skip

__getattr__ = _absent("torch.onnx")
