"""torch.onnx: re-exports of `export/onnx/`."""

from ..export.onnx import (
    OnnxExporterError,
    ONNXProgram,
    OperatorExportTypes,
    TrainingMode,
    export,
    is_in_onnx_export,
)

__all__ = [
    "ONNXProgram", "OnnxExporterError", "OperatorExportTypes", "TrainingMode", "export",
    "is_in_onnx_export",
]  # fmt: skip
