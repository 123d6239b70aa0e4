"""MLP: the network that the estimators train unless they are given another. No training here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import nn

__all__ = ["MLP"]


class MLP(nn.Sequential):
    """Linear layers with an activation between them: rows of numbers in, numbers out.

    Args:
        in_features: numbers in a sample; samples of more dimensions are flattened first.
        out_features: numbers in a result.
        hidden: the widths of the layers between them; () for a linear model.
        activation: makes the module that follows each hidden layer.
        dropout: share of each hidden layer's values set to zero during training.

    Raises RuntimeError where in_features or out_features is negative.

    >>> MLP(4, 3, hidden=(8,))
    MLP(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=4, out_features=8, bias=True)
      (2): ReLU()
      (3): Linear(in_features=8, out_features=3, bias=True)
    )
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[int] = (100,),
        activation: Callable[[], nn.Module] = nn.ReLU,
        dropout: float = 0.0,
    ) -> None:
        layers: list[Any] = [nn.Flatten()]
        for width in hidden:
            layers += [nn.Linear(in_features, width), activation()]
            if dropout:
                layers.append(nn.Dropout(dropout))
            in_features = width
        super().__init__(*layers, nn.Linear(in_features, out_features))
