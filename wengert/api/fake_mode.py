"""FakeTensorMode: tensors without numbers, which are those of the meta device here."""

from __future__ import annotations

from typing import Any

from ..base.devices import device
from ..engine.tensor import Tensor

__all__ = ["FakeTensorMode", "is_fake"]


class FakeTensorMode:
    """Context manager: tensors that are made inside have shapes and dtypes, and no numbers.

    >>> from wengert.api.fake_mode import FakeTensorMode
    >>> with FakeTensorMode():
    ...     y = torch.empty(2, 3) @ torch.empty(3, 4)
    >>> y.shape
    torch.Size([2, 4])
    """

    def __init__(self, *, allow_non_fake_inputs: bool = False, **options: Any) -> None:
        self._device = device("meta")

    def __enter__(self) -> FakeTensorMode:
        self._device.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._device.__exit__(*exc)

    def from_tensor(self, tensor: Tensor, **options: Any) -> Tensor:
        """The shape and dtype of a tensor, without its numbers."""
        fake: Tensor = tensor.to("meta")
        return fake


def is_fake(x: object) -> bool:
    """Whether x is a tensor of a FakeTensorMode: those are meta tensors here, so never."""
    return False
