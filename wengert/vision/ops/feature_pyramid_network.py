"""Feature pyramids: a backbone's outputs, each joined with the smaller ones (arXiv:1612.03144)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ...engine.tensor import Tensor
from ...nn import functional as F
from ...nn import init
from ...nn.containers import ModuleList
from ...nn.conv import Conv2d
from ...nn.module import Module
from .misc import Conv2dNormActivation

__all__ = [
    "ExtraFPNBlock", "FeaturePyramidNetwork", "LastLevelMaxPool", "LastLevelP6P7",
]  # fmt: skip

Levels = tuple[list[Tensor], list[str]]


class ExtraFPNBlock(Module):
    """Adds levels: takes the results, the backbone's outputs and the names, and returns both."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> Levels:
        raise NotImplementedError


class FeaturePyramidNetwork(Module):
    """The outputs of a backbone {name: (N, C, H, W)}, largest first, all with out_channels.

    in_channels_list: their channels; extra_blocks: adds levels after the last.

    norm_layer: the class, or a function, that makes a norm of so many channels; None: the
    model's own.

    Raises TypeError where in_channels_list, out_channels or x is of the wrong type; RuntimeError
    where out_channels is negative; IndexError where in_channels_list is empty.

    >>> pyramid = FeaturePyramidNetwork([4, 8], 6)
    >>> levels = {"a": torch.zeros(1, 4, 8, 8), "b": torch.zeros(1, 8, 4, 4)}
    >>> [tuple(x.shape) for x in pyramid(levels).values()]
    [(1, 6, 8, 8), (1, 6, 4, 4)]
    """

    _version = 2

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., Module] | None = None,
    ) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ValueError("in_channels=0 is currently not supported")
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(
                f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}"
            )
        self.inner_blocks = ModuleList()
        self.layer_blocks = ModuleList()
        for channels in in_channels_list:
            plain: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": None}
            inner = Conv2dNormActivation(channels, out_channels, kernel_size=1, **plain)
            self.inner_blocks.append(inner)
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, 3, **plain))
        for m in self.modules():
            if isinstance(m, Conv2d):
                init.kaiming_uniform_(m.weight, a=1)
                if m.bias is not None:
                    init.zeros_(m.bias)
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any
    ) -> None:
        if (local_metadata.get("version") or 1) < 2:  # the blocks were bare convolutions
            for blocks in ("inner_blocks", "layer_blocks"):
                for i in range(len(self.inner_blocks)):
                    for kind in ("weight", "bias"):
                        old = f"{prefix}{blocks}.{i}.{kind}"
                        if old in state_dict:
                            new = f"{prefix}{blocks}.{i}.0.{kind}"
                            state_dict[new] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        names, inputs = list(x), list(x.values())
        last = self.inner_blocks[-1](inputs[-1])
        results = [self.layer_blocks[-1](last)]
        for i in range(len(inputs) - 2, -1, -1):
            here = self.inner_blocks[i](inputs[i])
            last = here + F.interpolate(last, size=here.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](last))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, inputs, names)
        return OrderedDict(zip(names, results))


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds a level of half the size, every second position of the last."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> Levels:
        smaller = F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)
        return [*results, smaller], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds two levels by convolutions, as RetinaNet does."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = Conv2d(out_channels, out_channels, 3, 2, 1)
        for conv in (self.p6, self.p7):
            init.kaiming_uniform_(conv.weight, a=1)
            init.zeros_(conv.bias)
        self.use_P5 = in_channels == out_channels

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> Levels:
        p6 = self.p6(results[-1] if self.use_P5 else x[-1])
        p7 = self.p7(F.relu(p6))
        return [*results, p6, p7], [*names, "p6", "p7"]
