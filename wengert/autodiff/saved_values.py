"""torch._C._autograd.SavedTensor: one of the tensors that a node has saved, and its hooks."""

from __future__ import annotations

from typing import Any

from ..engine.node import freed
from ..engine.plan import INPUT
from ..engine.recording import saved_tensors
from ..engine.tensor import Tensor
from .saved_hooks import Pack, Packed, Unpack, given


class SavedTensor:
    """What a node has saved at one place.

    node: the node. place: which of what it has saved.

    >>> y = torch.ones(2, requires_grad=True).exp()
    >>> y.grad_fn._raw_saved_result.register_hooks(lambda t: t.half(), lambda t: t.float())
    """

    def __init__(self, node: Any, place: int) -> None:
        self.node, self.place = node, place

    def unpack(self) -> Tensor | None:
        """The tensor, which takes part in the graph."""
        if self.node.saved is None:
            raise freed(self.node)
        found: Tensor | None = saved_tensors(self.node)[self.place]
        return found

    data = property(unpack)

    def register_hooks(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        """Keep what pack_hook makes of the tensor, for unpack_hook when it is needed.

        pack_hook: given the tensor, at once. unpack_hook: returns it again, from what pack_hook has
        returned. RuntimeError: there are hooks already, or the tensor was changed by pack_hook.
        """
        if not callable(pack_hook) or not callable(unpack_hook):
            raise TypeError("register_hooks(): incompatible function arguments: two callables")
        if self.node.saved is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved"
                " intermediate values of the graph are freed when you call .backward() or"
                " autograd.grad(): specify retain_graph=True"
            )
        kept = self.node.saved[self.place]
        if isinstance(kept, Packed):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint:"
                " only one pair of hooks is allowed at a time."
            )
        if not hasattr(kept, "dtype"):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor with value None is forbidden"
            )
        what, key = self.node.op.plan.saved[self.place]
        parent = self.node.parents[key] if what is INPUT else None
        packed = Packed(given(kept, parent), (pack_hook, unpack_hook))
        saved = list(self.node.saved)
        saved[self.place] = packed
        self.node.saved = tuple(saved)
        self.node.more = {**(self.node.more or {}), "packed": True}
