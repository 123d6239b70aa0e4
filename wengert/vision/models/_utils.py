"""What several architectures need: a network's inner outputs, and rounded numbers of channels."""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

from ...base.advice import advise
from ...engine.tensor import Tensor
from ...io.hub import load_state_dict_from_url as load_state_dict_from_url
from ...nn import init
from ...nn.containers import ModuleDict
from ...nn.conv import Conv2d
from ...nn.linear import Linear
from ...nn.module import Module
from ...nn.normalization import BatchNorm2d, GroupNorm

__all__ = ["IntermediateLayerGetter", "handle_legacy_interface", "initialise", "make_divisible"]


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


# What copies of torchvision's files import


def _ovewrite_named_param(kwargs: dict[str, Any], param: str, new_value: Any) -> None:
    """Set an argument that has not been given; ValueError where it has, with another value."""
    if kwargs.setdefault(param, new_value) != new_value:
        raise ValueError(
            f"The parameter '{param}' expected value {new_value} but got {kwargs[param]} instead."
        )


def _ovewrite_value_param(param: str, actual: Any, expected: Any) -> Any:
    """The value that weights ask for; ValueError where another was given."""
    if actual is not None and actual != expected:
        raise ValueError(
            f"The parameter '{param}' expected value {expected} but got {actual} instead."
        )
    return expected


def handle_legacy_interface(**weights: tuple[str, Any]) -> Callable[[Any], Any]:
    """Let a function that builds a model take what came before weights had names.

    weights: {parameter: (its old name, what True means, or a function of the arguments)}.

    >>> import warnings
    >>> from wengert.vision.models._utils import handle_legacy_interface
    >>> @handle_legacy_interface(weights=("pretrained", lambda kwargs: "the best"))
    ... def build(*, weights=None, progress=True, **kwargs):
    ...     return weights
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     build(pretrained=True), build(False)
    ('the best', None)
    """

    def decorate(build: Any) -> Any:
        order = list(inspect.signature(build).parameters)

        @functools.wraps(build)
        def make(*args: Any, **kwargs: Any) -> Any:
            kwargs.update(zip(order, args))
            for new, (old, meaning) in weights.items():
                if old not in kwargs and not isinstance(kwargs.get(new), bool):
                    continue
                wanted = kwargs.pop(old) if old in kwargs else kwargs.pop(new)
                made_of = callable(meaning) and not isinstance(meaning, Enum)
                kwargs[new] = (meaning(kwargs) if made_of else meaning) if wanted else None
                advise(
                    f"The parameter '{old}' is deprecated, please use '{new}' instead: this call "
                    f"means {new}={kwargs[new]}",
                )
                if wanted and kwargs[new] is None:
                    raise ValueError("No weights available for this model")
            return build(**kwargs)

        return make

    return decorate
