"""torch._decomp: operators are not taken apart, so the table is empty."""

from .export.program import default_decompositions as core_aten_decompositions
from .export.program import get_decompositions

decomposition_table: dict[object, object] = {}

__all__ = ["core_aten_decompositions", "decomposition_table", "get_decompositions"]
