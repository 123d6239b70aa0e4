"""What modules of quantization derive from, for code that asks whether a module is one: there is
no quantization here, so none is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ..engine.tensor import Tensor
from .module import Module

__all__ = ["FakeQuantizeBase", "ObserverBase"]


class ObserverBase(ABC, Module):
    """A module that notes the range of what passes through it; subclasses say how.

    dtype: of the quantized numbers. is_dynamic: whether the range is that of each call.

    Raises TypeError where it is made itself.

    >>> from wengert.ao.quantization import ObserverBase
    >>> isinstance(nn.ReLU(), ObserverBase)
    False
    """

    def __init__(self, dtype: Any, is_dynamic: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        self.is_dynamic = is_dynamic

    @abstractmethod
    def forward(self, x: Tensor) -> Any:
        """x, whose range is noted."""

    @abstractmethod
    def calculate_qparams(self, **kwargs: Any) -> Any:
        """The scale and the zero point of the range."""


class FakeQuantizeBase(ABC, Module):
    """A module that rounds as quantized numbers would; subclasses say how.

    Raises TypeError where it is made itself.

    >>> from wengert.ao.quantization import FakeQuantizeBase
    >>> isinstance(nn.ReLU(), FakeQuantizeBase)
    False
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x, rounded."""

    @abstractmethod
    def calculate_qparams(self, **kwargs: Any) -> Any:
        """The scale and the zero point of the range."""
