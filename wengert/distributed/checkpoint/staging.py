"""Copies of a state that a checkpoint is written from, while training goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...base.pytree import tree_map
from ...engine.tensor import Tensor

__all__ = ["AsyncStager", "BlockingAsyncStager", "DefaultStager", "StagingOptions"]


@dataclass
class StagingOptions:
    """How to copy. Copies are made at once, whatever is asked for.

    use_pinned_memory: accepted. use_shared_memory: accepted. use_async_staging: accepted.
    use_non_blocking_copy: accepted.

    >>> StagingOptions(use_pinned_memory=True).use_pinned_memory
    True
    """

    use_pinned_memory: bool = False
    use_shared_memory: bool = False
    use_async_staging: bool = False
    use_non_blocking_copy: bool = False


class AsyncStager:
    """Copies states to the CPU.

    >>> stager = DefaultStager(StagingOptions())
    >>> stager.stage({"w": torch.ones(2)})
    {'w': tensor([1., 1.])}
    >>> stager.synchronize_staging(), stager.close()
    (None, None)
    """

    should_synchronize_after_execute = False

    def stage(self, state_dict: dict[str, Any], **options: Any) -> dict[str, Any]:
        """The state with copies of its tensors, on the CPU.

        state_dict: names and values, in dicts and lists. Tensors have any shape.
        """
        return tree_map(copied, state_dict)

    def synchronize_staging(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to give back."""


def copied(x: Any) -> Any:
    return x.detach().to("cpu", copy=True) if isinstance(x, Tensor) else x


class BlockingAsyncStager(AsyncStager):
    """Copies states, one after the other.

    cache_staged_state_dict: accepted. type_check: accepted.

    >>> BlockingAsyncStager().stage({"w": torch.ones(2)})
    {'w': tensor([1., 1.])}
    """

    def __init__(self, cache_staged_state_dict: bool = False, type_check: bool = False) -> None:
        self.cache_staged_state_dict, self.type_check = cache_staged_state_dict, type_check


class DefaultStager(AsyncStager):
    """Copies states as its options say.

    config: StagingOptions.

    >>> DefaultStager().stage({"w": torch.ones(2)})
    {'w': tensor([1., 1.])}
    """

    def __init__(self, config: StagingOptions | None = None) -> None:
        self.config = config or StagingOptions()
