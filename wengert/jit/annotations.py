"""torch.jit.annotations: names for annotations."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union  # noqa: UP035

from .annotation import Final, annotate

BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list

__all__ = [
    "Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "Final", "List",
    "NamedTuple", "Optional", "Tuple", "Union", "annotate",
]  # fmt: skip
