"""What a declared function says of an error that leaves it: first of the tensor for its result."""

from __future__ import annotations

import re
from typing import Any

from ..arrays.lookup import SCALARS
from ..engine import error_context
from ..engine.out_argument import can_store
from ..engine.promotion import common_dtype
from ..engine.tensor import Tensor

LACKING = re.compile('_cpu" not implemented|: not implemented for')  # loops for a dtype
ORDERS = {
    "lt", "le", "gt", "ge", "less", "less_equal", "greater", "greater_equal",
}  # fmt: skip  # booleans come out, whatever goes in


def tell(name: str, error: Exception, given: dict[str, Any], out: Any = None) -> None:
    """Say of an error what it does not say, as error_context.tell(). out: the tensor that the
    result was for.
    """
    if (first := too_small(name, error, given, out)) is not None:
        raise first from error
    error_context.tell(name, error, given)


def too_small(name: str, error: Exception, given: dict[str, Any], out: Any) -> Exception | None:
    """What is said first of a dtype that an op has no loops for: the result would not have fitted
    into the tensor that was to take it.
    """
    target = given.get("self") if name.endswith("_") else out
    lacking = type(error) is NotImplementedError and LACKING.search(str(error))
    if not lacking or not isinstance(target, Tensor) or name.rstrip("_") in ORDERS:
        return None
    operands = [a for k, a in given.items() if isinstance(a, Tensor) or k == "other"]
    result = common_dtype(*[a for a in operands if isinstance(a, (Tensor, *SCALARS))])
    if can_store(result, target.dtype):
        return None
    return RuntimeError(
        f"{name}(): result type {result} can't be cast to the desired output type {target.dtype}"
    )
