"""torch.functional: re-exports, found when first used."""

from typing import Any

from .api import functions as _functions
from .base.absent import not_yet as _not_yet

_NAMES = {
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes",
    "broadcast_tensors", "cartesian_prod", "cdist", "chain_matmul", "einsum", "istft", "lu",
    "meshgrid", "norm", "pca_lowrank", "split", "stft", "svd_lowrank", "tensordot", "unique",
    "unique_consecutive", "unravel_index",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        from .nn import functional  # for who writes torch.functional and means that

        if name in dir(functional):
            raise AttributeError(
                f"module 'torch.functional' has no attribute {name!r}: "
                f"write torch.nn.functional.{name}"
            )
        raise _not_yet("torch.functional", name)
    return getattr(_functions, name)


def __dir__() -> list[str]:
    return sorted(_NAMES)
