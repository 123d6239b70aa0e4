"""torch.__config__: re-exports."""

from .observe.environment import parallel_info, show

__all__ = ["parallel_info", "show"]
