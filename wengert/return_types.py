"""torch.return_types: re-exports."""

from .base.returns import TYPES


def __getattr__(name: str) -> type:
    try:
        return TYPES[name]
    except KeyError:
        raise AttributeError(name) from None
