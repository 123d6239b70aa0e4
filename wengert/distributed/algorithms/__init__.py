"""torch.distributed.algorithms: joining uneven inputs, and hooks for communication."""

from .join import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable"]
