"""Names of earlier versions of torch.onnx: they work, and say once what has come in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from ...base.hints import hint
from .export import OnnxExporterError, export
from .program import ONNXProgram

F = TypeVar("F")

__all__ = ["ExportOptions", "OnnxRegistry", "dynamo_export", "parse_args", "quantized_args"]


def parse_args(*kinds: str) -> Callable[[F], F]:
    """For symbolic functions of the old exporter, which are kept as they are and never asked.

    >>> from wengert.onnx.symbolic_helper import parse_args
    >>> @parse_args("v", "i")
    ... def rule(g, x, dim):
    ...     return dim
    """
    return lambda f: f


def quantized_args(*flags: bool, **options: Any) -> Callable[[F], F]:
    """The same.

    >>> from wengert.onnx.symbolic_helper import quantized_args
    >>> @quantized_args(True)
    ... def rule(g, x):
    ...     return x
    """
    return lambda f: f


class OnnxRegistry:
    """How operators are written. Nothing can be added: converters are part of the package."""

    opset_version = 18

    def register_op(self, function: Any, *names: Any, **options: Any) -> NoReturn:
        """Refused, with OnnxExporterError.

        function: the function.
        """
        raise OnnxExporterError(
            "operators of one's own cannot be given to the exporter: write the model with torch's "
            "functions"
        )


@dataclass
class ExportOptions:
    """Options of dynamo_export; dynamic_shapes is not followed: give dynamic_axes to export.

    fake_context: accepted. onnx_registry: accepted. diagnostic_options: accepted.
    """

    dynamic_shapes: bool | None = None
    fake_context: Any = None
    onnx_registry: Any = None
    diagnostic_options: Any = None


def dynamo_export(
    model: Any, /, *model_args: Any, export_options: ExportOptions | None = None,
    **model_kwargs: Any,
) -> ONNXProgram:  # fmt: skip
    """What export(model, args, kwargs=..., dynamo=True) does.

    export_options: accepted.
    """
    hint("torch.onnx.dynamo_export",
         "torch.onnx.dynamo_export is gone from PyTorch: write torch.onnx.export(model, args, "
         "dynamo=True)")  # fmt: skip
    if export_options is not None and export_options.dynamic_shapes:
        raise OnnxExporterError(
            "dynamo_export with dynamic_shapes=True: write torch.onnx.export with dynamic_axes= or "
            "dynamic_shapes=, which say which sizes may change"
        )
    program = export(model, model_args, kwargs=model_kwargs, dynamo=True)
    assert program is not None
    return program
