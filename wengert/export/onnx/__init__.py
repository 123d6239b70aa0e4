"""ONNX models of modules: `export.py` has torch.onnx.export, `builder.py` what a graph is made of,
`dims.py` sizes that depend on dynamic axes; the other files convert operations.
"""

from . import elementwise, layers, recurrent, shapes  # which register their converters
from .export import (
    OnnxExporterError,
    OperatorExportTypes,
    TrainingMode,
    export,
    is_in_onnx_export,
)
from .old import ExportOptions, OnnxRegistry, dynamo_export
from .program import ONNXProgram

__all__ = [
    "ExportOptions", "ONNXProgram", "OnnxExporterError", "OnnxRegistry", "OperatorExportTypes",
    "TrainingMode", "dynamo_export", "export", "is_in_onnx_export",
]  # fmt: skip
