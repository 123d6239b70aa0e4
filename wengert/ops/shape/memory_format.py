"""Tensors converted to a memory format.

What lives here: what `to` and the like do with memory_format=. What does not: which strides have a
format (`base/formats.py`), `clone` and `contiguous` (`views.py`), results of layers that lie
channels last (Op.channels_last).
"""

from __future__ import annotations

from typing import Any

from ...base.formats import ORDERS, contiguous_format, format_of, preserve_format, refuse_rank
from .views import contiguous, contiguous_op, reordered


def suggested(t: Any) -> Any:
    """The memory format that a tensor's strides suggest."""
    return format_of(t._a.shape, t.stride()) if t._a.ndim in (4, 5) else contiguous_format


def converted(t: Any, made: Any, form: Any) -> Any:
    """made, what t was converted to, in the memory format that was asked for: copied if it is t
    and its strides suggest another one.
    """
    if form is None or form is preserve_format:
        return made
    if made is not t:
        return contiguous(made, form)
    refuse_rank(form, t._a.ndim)
    if suggested(t) is form:
        return t
    return reordered.entry(t, ORDERS[form]) if form in ORDERS else contiguous_op.entry(t)
