"""Histories of tensors whose values were replaced in place: without gradients, or ambiguous."""

from __future__ import annotations

from typing import Any

from ..base import source
from .node import WRITE, Node, tick
from .tensor import Tensor

# why a view is not to be changed while something is recorded, and what to do instead
NO_GRAD = "was created in no_grad mode"
FUNCTION = (
    "was created inside a custom Function (or because an input was returned as-is), whose backward"
    " the change would go round,"
)
REMEDY = {
    NO_GRAD: "move both the view and the change into the no_grad block (if the change is not to be"
    " tracked), or both out of it",
    FUNCTION: "return a .clone() from the Function, or use the out-of-place operation",
}


class Replaced(Node):
    """History of a tensor whose elements were replaced in place by values that have no gradient,
    comparisons among them: what it was computed from gets zeros.
    """

    __slots__ = ("what",)
    role = WRITE

    def __init__(self, t: Tensor, name: str, parents: tuple[Any, ...]) -> None:
        self.what, self.parents, self.saved, self.hooks, self.more = name, parents, (), None, None
        self.shape, self.dtype, self.seq = tuple(t._a.shape), t._a.dtype, tick()
        self.code, self.lasti = source.here(3)

    def name(self) -> str:
        return "".join([w[:1].upper() + w[1:] for w in self.what.split("_")]) + "Backward0"

    def run(self, xp: Any, g: Any) -> tuple[Any, ...]:
        """Zeros for every operand."""
        return tuple([p and xp.zeros(tuple(p.shape), p.dtype) for p in self.parents])


class Ambiguous(Replaced):
    """Stands for the history of a view that was taken while nothing was recorded, or by a Function,
    after its base was changed: whether the change belongs to the view's history, nobody knows.
    """

    __slots__ = ("why",)

    def __init__(self, view: Tensor) -> None:
        super().__init__(view, "view", ())
        self.why = view._x.quiet

    def run(self, xp: Any, g: Any) -> tuple[Any, ...]:
        """Refuse to go on."""
        raise RuntimeError(
            f"A view {self.why} and its base or another view of its base has been modified inplace"
            f" with grad mode enabled, at {self.where()}. Given that this use case is ambiguous and"
            " error-prone, it is forbidden: take the view after the change, or .clone() it, or"
            f" {REMEDY[self.why]}."
        )


class Unknown(Replaced):
    """Stands for the history of a tensor that shares the memory of a recorded one since `set_`."""

    __slots__ = ()

    def name(self) -> str:
        return "torch::autograd::NotImplemented"

    def run(self, xp: Any, g: Any) -> tuple[Any, ...]:
        """Refuse to go on."""
        raise RuntimeError(
            f"derivative for aten::{self.what} is not implemented: it was called at {self.where()}"
        )
