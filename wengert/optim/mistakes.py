"""Mistakes that optimizers notice: layers in a plain list, gradients that nobody cleared.

They are looked for when an optimizer is made and after its first steps, then no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from ..base.hints import hint, wanted

__all__ = ["Uncleared", "layers_in_lists", "look_at"]


def modules_behind(params: Any) -> Iterator[Any]:
    """The modules whose parameters() or named_parameters() were given."""
    given = params if isinstance(params, (list, tuple)) else [params]
    for one in given:
        p = one.get("params") if isinstance(one, dict) else one
        if isinstance(p, GeneratorType) and p.gi_frame is not None:
            module = p.gi_frame.f_locals.get("self")
            if hasattr(module, "named_modules"):
                yield module


def layers_in_lists(module: Any) -> Iterator[str]:
    """What to say about attributes that hold modules where no parameter is found."""
    every = list(module.named_modules())
    known = {id(m) for _, m in every}
    for path, m in every:
        for name, value in vars(m).items():
            if name.startswith("_") or not isinstance(value, (list, tuple, dict)):
                continue
            held = value.values() if isinstance(value, dict) else value
            lost = [x for x in held if hasattr(x, "named_modules") and id(x) not in known]
            if any(True for x in lost for _ in x.parameters()):
                kind = type(value).__name__
                proper = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
                place = f"{type(m).__name__}.{f'{path}.' if path else ''}{name}"
                yield (
                    f"{place} is a plain {kind} that holds {len(lost)} of its layers, whose "
                    f"parameters nobody finds: they are not trained, saved or moved. Make it "
                    f"{proper}(...)"
                )


def look_at(params: Any) -> str:
    """Give hints about the modules behind params; returns what to add to an error about them."""
    said = ""
    if wanted("layers in a list"):
        for module in modules_behind(params):
            for text in layers_in_lists(module):
                said = said or f": {text}"
                hint("layers in a list", text)
    return said


class Uncleared:
    """Watches the first steps of an optimizer for gradients that nobody cleared in between."""

    def __init__(self) -> None:
        self.grad: Any = None
        self.version = 0

    def after(self, optimizer: Any) -> bool:
        """Look after a step; returns whether to look again after the next one."""
        params = (p for group in optimizer.param_groups for p in group["params"])
        g = next((p.grad for p in params if p.grad is not None), None)
        if g is None or not hasattr(g, "_version"):
            return False
        if self.grad is None:
            self.grad, self.version = g, g._version
            return True
        if (
            g is self.grad and g._version == self.version + 1
        ):  # zeros would be a change of their own
            hint(
                "zero_grad",
                f"{type(optimizer).__name__}.step: the gradients of the step before were still "
                "there, and backward() has added to them. Call optimizer.zero_grad() before each "
                "backward(), unless the sum is meant",
            )
        return False
