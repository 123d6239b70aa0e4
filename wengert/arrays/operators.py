"""Python's operators and the words of the vocabulary that they stand for, for every kind of array.

NumPy's arrays have operators of their own; interpreters', wrapped arrays and Tensors get theirs
from these tables.
"""

from __future__ import annotations

BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "pow": "pow",
    "matmul": "matmul",
    "mod": "remainder",
    "floordiv": "floor_divide",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
COMMUTATIVE = frozenset(("add", "mul", "bitwise_and", "bitwise_or", "bitwise_xor"))  # words
COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")
UNARY = {"neg": "neg", "invert": "bitwise_not", "abs": "abs"}
