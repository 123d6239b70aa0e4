"""torch.utils.flop_counter: re-exports."""

from ..observe.flop_counter import (
    FlopCounterMode,
    register_flop_formula,
)

__all__ = [
    "FlopCounterMode",
    "register_flop_formula",
]
