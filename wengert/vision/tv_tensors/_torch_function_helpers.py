"""torchvision.tv_tensors._torch_function_helpers."""

from . import set_return_type

__all__ = ["set_return_type"]
