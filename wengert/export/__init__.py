"""torch.export, and what wengert writes for other programs: TensorBoard's events, ONNX models."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from ..base.absent import not_yet as _not_yet

if _TYPE_CHECKING:  # imported when they are first used
    from .program import Dim as Dim
    from .program import ExportedProgram as ExportedProgram
    from .program import ExportGraphSignature as ExportGraphSignature
    from .program import InputKind as InputKind
    from .program import InputSpec as InputSpec
    from .program import OutputKind as OutputKind
    from .program import OutputSpec as OutputSpec
    from .program import ShapesCollection as ShapesCollection
    from .program import default_decompositions as default_decompositions
    from .program import dims as dims
    from .program import draft_export as draft_export
    from .program import export as export
    from .program import export_for_training as export_for_training
    from .program import load as load
    from .program import register_dataclass as register_dataclass
    from .program import save as save
    from .program import unflatten as unflatten

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
