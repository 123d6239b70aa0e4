"""torch.cuda.sparse: constructors of sparse tensors on a GPU, found when first used."""

from typing import Any


def __getattr__(name: str) -> Any:
    from ..api.typed import typed

    return typed("cuda.sparse", name)
