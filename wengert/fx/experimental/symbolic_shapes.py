"""torch.fx.experimental.symbolic_shapes: what asks about sizes that are symbols. Sizes are numbers
here, so the answers are those of Python.
"""

from typing import Any

from ...base.absent import absent as _absent
from ...base.aliases import alias

__all__ = [
    "GuardOnDataDependentSymNode", "free_symbols", "free_unbacked_symbols", "guard_or_false",
    "guard_or_true", "guard_size_oblivious", "has_free_symbols", "is_concrete_bool",
    "is_concrete_int", "statically_known_true",
]  # fmt: skip


class GuardOnDataDependentSymNode(RuntimeError):
    """A decision that depends on a symbol: never raised."""


def guard_or_false(a: Any) -> bool:
    """The truth of a.

    >>> guard_or_false(3 > 2)
    True
    """
    return bool(a)


guard_or_true = alias(guard_or_false, "guard_or_true")
guard_size_oblivious = alias(guard_or_false, "guard_size_oblivious")
statically_known_true = alias(guard_or_false, "statically_known_true")


def free_symbols(val: Any) -> set[Any]:
    """The symbols in val: none.

    >>> free_symbols(3)
    set()
    """
    return set()


free_unbacked_symbols = alias(free_symbols, "free_unbacked_symbols")


def has_free_symbols(val: Any) -> bool:
    """Whether there are symbols in val: no.

    >>> has_free_symbols(3)
    False
    """
    return False


def is_concrete_int(a: Any) -> bool:
    """Whether a is a number: yes.

    >>> is_concrete_bool(True)
    True
    """
    return True


is_concrete_bool = alias(is_concrete_int, "is_concrete_bool")

__getattr__ = _absent("torch.fx.experimental.symbolic_shapes")
