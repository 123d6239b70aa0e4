"""torch.export, and what wengert writes for other programs: TensorBoard's events, ONNX models."""

import importlib as _importlib
from typing import Any as _Any

from ..base.absent import not_yet as _not_yet

_PROGRAM = {
    "Dim", "ExportGraphSignature", "ExportedProgram", "InputKind", "InputSpec", "OutputKind",
    "OutputSpec", "ShapesCollection", "default_decompositions", "dims", "draft_export", "export",
    "export_for_training", "load", "register_dataclass", "save", "unflatten",
}  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _PROGRAM:
        return getattr(_importlib.import_module(f"{__name__}.program"), name)
    raise _not_yet("torch.export", name)


def __dir__() -> list[str]:
    return sorted(_PROGRAM)
