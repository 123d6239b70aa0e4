"""What nodes say of the call that made them by PyTorch's names (`node._saved_dim`), where it is not
what was saved: of keys, geometries, dims and reductions. For `told=` of ops.
"""

from __future__ import annotations

import math
from typing import Any


def part(key: Any) -> tuple[int, Any]:
    """(dim, what it is indexed with) of the last part of a basic index that is not the whole of its
    dimension.
    """
    parts = [k for k in (key if isinstance(key, tuple) else (key,)) if k is not None]
    at = [i for i, k in enumerate(parts) if k is not Ellipsis and k != slice(None)]
    i = at[-1] if at else 0
    return i if Ellipsis not in parts[:i] else i - len(parts), parts[i]


def end_of(key: Any) -> int:
    """Where a slice ends."""
    stop = part(key)[1].stop
    return 9223372036854775807 if stop is None else stop


SELECT = {"dim": lambda key: part(key)[0], "index": lambda key: part(key)[1]}
SLICE = {
    "dim": SELECT["dim"],
    "start": lambda key: part(key)[1].start or 0,
    "end": end_of,
    "step": lambda key: part(key)[1].step or 1,
}

CONV = {
    "input": "x",
    "weight": "w",
    "stride": lambda geometry: geometry.stride,
    "padding": lambda geometry: tuple([before for before, _ in geometry.padding]),
    "dilation": lambda geometry: geometry.dilation,
    "groups": lambda geometry: geometry.groups,
    "transposed": lambda geometry: False,
    "output_padding": lambda geometry: (0,) * len(geometry.stride),
}
CONV_TRANSPOSED = CONV | {
    "input": "y",
    "transposed": lambda geometry: True,
    "output_padding": lambda geometry: tuple([a - b for a, b in geometry.padding]),
}
ALONE = {"alpha": lambda: 1}  # of sums and differences of two as they are
PRODUCT: dict[str, Any] = {
    "mat2": "y",
    "self_sym_sizes": lambda x: tuple(x.shape),
    "mat2_sym_sizes": lambda y: tuple(y.shape),
}
DIMS = {"dim": lambda dim: (dim,) if isinstance(dim, int) else dim}
MEAN = DIMS | {"self_sym_numel": lambda node: math.prod(node.parents[0].shape)}
NUMBERS = {"none": 0, "mean": 1, "sum": 2}
REDUCED = {"reduction": lambda reduction: NUMBERS.get(reduction, reduction)}
TO_TARGET = REDUCED | {"target": "y"}
OF_CLASSES = REDUCED | {"total_weight": "total", "ignore_index": "ignore"}
