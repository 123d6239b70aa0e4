"""Functions of lists of tensors, `torch._foreach_NAME`: the function NAME for each of them.

Optimizers that people write call these; PyTorch's own are not public either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.modes import no_grad
from ..engine.tensor import Tensor
from . import functions

__all__ = ["_amp_foreach_non_finite_check_and_unscale_", "each_of"]


def each_of(name: str) -> Callable[..., Any]:
    """The function `_foreach_NAME`. AttributeError: tensors have no method NAME.

    Arguments that are lists give each tensor its own element, others are for all of them.
    """
    word = name.removeprefix("_foreach_")
    method = getattr(Tensor, word, None)
    if method is None:
        raise AttributeError(f"module 'torch' has no attribute {name!r}", name=name)

    def each(self: Sequence[Tensor], *args: Any, **kwargs: Any) -> list[Tensor] | None:
        lists = [a for a in (*args, *kwargs.values()) if isinstance(a, (list, tuple))]
        if any(len(a) != len(self) for a in lists):
            raise RuntimeError(
                f"{name}: the lists should have the same length, got {len(self)} tensors and "
                f"{', '.join(str(len(a)) for a in lists)}"
            )

        def own(value: Any, i: int) -> Any:
            return value[i] if isinstance(value, (list, tuple)) else value

        results = [
            method(t, *(own(a, i) for a in args), **{k: own(v, i) for k, v in kwargs.items()})
            for i, t in enumerate(self)
        ]
        return None if word.endswith("_") else results

    each.__name__ = each.__qualname__ = name
    return each


def _amp_foreach_non_finite_check_and_unscale_(
    self: Sequence[Tensor], found_inf: Tensor, inv_scale: Tensor
) -> None:
    """Multiply tensors by inv_scale in place; found_inf becomes 1 if one was not finite."""
    with no_grad():
        for t in self:
            if not bool(functions.isfinite(t).all()):
                found_inf.fill_(1.0)
            t.mul_(inv_scale.to(t.device))
