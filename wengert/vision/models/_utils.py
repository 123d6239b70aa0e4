"""What several architectures need: a network's inner outputs, and rounded numbers of channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from ...engine.tensor import Tensor
from ...nn import init
from ...nn.containers import ModuleDict
from ...nn.conv import Conv2d
from ...nn.linear import Linear
from ...nn.module import Module
from ...nn.normalization import BatchNorm2d, GroupNorm

__all__ = ["IntermediateLayerGetter", "initialise", "make_divisible"]


class IntermediateLayerGetter(ModuleDict):
    """A module's children up to the last that is asked for; returns the outputs asked for.

    return_layers: {name of a child: name of its output}. The children are run in their order.
    """

    def __init__(self, model: Module, return_layers: dict[str, str]) -> None:
        children = dict(model.named_children())
        wanted = {str(name): str(output) for name, output in return_layers.items()}
        if not set(wanted) <= set(children):
            raise ValueError("return_layers are not present in model")
        last = max(list(children).index(name) for name in wanted)
        super().__init__(dict(list(children.items())[: last + 1]))
        self.return_layers = wanted

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Any] = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                outputs[self.return_layers[name]] = x
        return outputs


def initialise(
    net: Module,
    conv: Callable[[Tensor], Any] = partial(init.kaiming_normal_, mode="fan_out"),
    linear: Callable[[Tensor], Any] = partial(init.normal_, std=0.01),
) -> None:
    """Give convolutions and linear layers random weights and no bias, and norms no effect."""
    for m in net.modules():
        if isinstance(m, (BatchNorm2d, GroupNorm)):
            init.ones_(m.weight)
            init.zeros_(m.bias)
        elif isinstance(m, (Conv2d, Linear)):
            conv(m.weight) if isinstance(m, Conv2d) else linear(m.weight)
            if m.bias is not None:
                init.zeros_(m.bias)


def make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """v rounded to a multiple of divisor, and to no less than 0.9 of it."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


_make_divisible = make_divisible
