"""torch.return_types: re-exports."""

from .base.pytree import pytree_register_structseq
from .base.returns import PUBLIC, return_type

__all__ = ["pytree_register_structseq", "all_return_types", *PUBLIC]  # noqa: F822


def __getattr__(name: str) -> object:
    if name == "all_return_types":
        return [return_type(n) for n in PUBLIC]
    try:
        return return_type(name)
    except KeyError:
        raise AttributeError(f"module 'torch.return_types' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return [*globals(), *__all__]
