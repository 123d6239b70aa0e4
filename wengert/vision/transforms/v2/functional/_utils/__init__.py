"""torchvision.transforms.v2.functional._utils: whether a tensor is a plain one."""

from ..dispatch import is_pure_tensor

__all__ = ["is_pure_tensor"]
