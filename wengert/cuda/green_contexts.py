"""torch.cuda.green_contexts: re-exports."""

from ..api.cuda_api import GreenContext

__all__ = ["GreenContext"]
