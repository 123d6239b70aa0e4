"""torch.torch_version: versions that compare by number."""

from .base.version import TorchVersion, __version__

__all__ = ["TorchVersion", "__version__"]
