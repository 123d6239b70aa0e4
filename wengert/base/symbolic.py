"""Symbolic numbers of PyTorch's tracer: classes that scripts ask about, without instances here."""

from __future__ import annotations

import enum
from typing import Any

from .aliases import NamedInit


class _Never(NamedInit):
    """Base of classes without instances: sizes are Python's ints here."""

    def __init__(self, node: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} cannot be made: sizes and numbers are Python's own in wengert"
        )


class SymInt(_Never):
    """A symbolic int; node: what PyTorch's tracer knows of it.

    >>> isinstance(3, torch.SymInt)
    False
    """


class SymFloat(_Never):
    """A symbolic float; node: what PyTorch's tracer knows of it.

    >>> isinstance(0.5, torch.SymFloat)
    False
    """


class SymBool(_Never):
    """A symbolic bool; node: what PyTorch's tracer knows of it.

    >>> isinstance(True, torch.SymBool)
    False
    """


class Tag(enum.Enum):
    """What PyTorch's compiler may assume of an operator."""

    core = 0
    pointwise = 1
    reduction = 2
    generated = 3
    data_dependent_output = 4
    dynamic_output_shape = 5
    inplace_view = 6
    nondeterministic_bitwise = 7
    nondeterministic_seeded = 8
    pt2_compliant_tag = 9
    view_copy = 10
    needs_exact_strides = 11
    needs_fixed_stride_order = 12
    flexible_layout = 13
    cudagraph_unsafe = 14
    maybe_aliasing_or_mutating = 15


for _c in (SymInt, SymFloat, SymBool, Tag):
    _c.__module__ = "torch"
