"""torch.nested: re-exports."""

from ..api.nested import as_nested_tensor, nested_tensor, to_padded_tensor
from ..base.absent import absent as _absent

__all__ = ["as_nested_tensor", "nested_tensor", "to_padded_tensor"]

__getattr__ = _absent("torch.nested")
