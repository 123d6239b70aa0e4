"""torch.utils._triton: re-exports."""

from ..compiler.dynamo import has_triton

__all__ = ["has_triton"]
