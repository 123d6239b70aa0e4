"""The switches of PyTorch's libraries that scripts set: kept and answered, without effect."""

from __future__ import annotations

import types
from typing import Any


class Flags(types.ModuleType):
    """A module of plain attributes, with availability answered by functions."""

    def __init__(self, name: str, **values: Any) -> None:
        super().__init__(name, "Switches without effect here.")
        self.__dict__.update(values)


def no() -> bool:
    """This library is not there."""
    return False


def none() -> None:
    """It has no version."""
    return


cudnn = Flags(
    "torch.backends.cudnn",
    enabled=True,
    benchmark=False,
    deterministic=False,
    allow_tf32=True,
    is_available=no,
    version=none,
)
cuda = Flags("torch.backends.cuda", matmul=Flags("matmul", allow_tf32=False), is_built=no)
mps = Flags("torch.backends.mps", is_available=no, is_built=no)
mkl = Flags("torch.backends.mkl", is_available=no)
openmp = Flags("torch.backends.openmp", is_available=no)
mkldnn = Flags("torch.backends.mkldnn", enabled=True, is_available=no)
