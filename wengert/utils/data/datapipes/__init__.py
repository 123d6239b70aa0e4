"""torch.utils.data.datapipes: re-exports."""

from . import iter  # noqa: A004

__all__ = ["iter"]
