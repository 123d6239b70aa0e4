"""torch.nn.parallel.parallel_apply: re-exports."""

from .data_parallel import get_a_var, parallel_apply

__all__ = ["get_a_var", "parallel_apply"]
