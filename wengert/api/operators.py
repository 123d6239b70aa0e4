"""Python's operators on Tensor: which entry stands behind each, and what foreign operands get."""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import SCALARS, is_array
from ..arrays.operators import BINARY, COMMUTATIVE
from ..declare.binding import number_as_tensor
from ..declare.fast_paths import F32, F64, plain
from ..declare.registry import METHODS, function
from ..engine import views
from ..engine.dispatch import as_operator, not_ours
from ..engine.op import OPS
from ..engine.tensor import Tensor
from ..ops.creation import filled as creation
from ..ops.creation import tensor as data
from . import functions


def operator_entry(word: str) -> Any:
    """The operator of a word, with the tensor on the left."""
    if word == "matmul":
        product = functions.finished(METHODS["matmul"], "matmul", "", True)
        return lambda self, other: (
            product(self, other)
            if isinstance(other, Tensor) or not foreign(other)
            else not_ours(word, (self, other))
        )
    entry = as_operator(OPS[word].entry)
    if word == "sub":
        checked = METHODS["sub"]
        checking(entry, checked)
        impl = OPS["sub"].impl

        def sub(self: Any, other: Any) -> Any:
            if type(other) is type(self) is Tensor and self._n is other._n is None:
                a, b = self._a, other._a
                d, t = a.dtype, type(a)
                if (d is F32 or d is F64) and d is b.dtype and t is type(b) and impl[t]:
                    try:
                        r = impl[t](a, b)
                    except ValueError:  # the shapes do not broadcast
                        return entry(self, other)
                    if type(r) is t:
                        return plain(r)
            return checked(self, other) if self._a.dtype.kind == "b" else entry(self, other)

        return sub
    if word == "pow":
        both = as_operator(OPS["pow_tensor"].entry, "pow")
        checking(entry, METHODS["pow"], lambda x: x.dtype.kind in "biu")
        return lambda self, exponent: (
            both(self, exponent) if isinstance(exponent, Tensor) else entry(self, exponent)
        )
    return entry


REFLECTED = {
    "div": "__rdiv__", **{v: f"__r{k}__" for k, v in BINARY.items() if v not in ("div", "sub")}
}  # fmt: skip


def reflected(word: str) -> Any:
    """The operator with the tensor on the right."""
    if word in COMMUTATIVE:
        return as_operator(OPS[word].entry)
    if word == "sub":
        return checking(as_operator(OPS["rsub"].entry, "__rsub__"), function("rsub"))
    f = (
        METHODS["matmul"]
        if word == "matmul"
        else OPS["pow_tensor" if word == "pow" else word].entry
    )
    base = OPS["pow_base"].entry  # of numbers

    def swapped(self: Any, other: Any, **more: Any) -> Any:
        if more:  # out=, which operators have none of
            return NotImplemented
        if word == "matmul" and type(other) in SCALARS:
            return NotImplemented
        if not is_operand(other):
            return not_ours(REFLECTED.get(word, word), (self, other))
        return f(tensor_like(other, self), self)

    if word == "pow":
        return lambda self, other, **more: (
            base(other, self)
            if type(other) in SCALARS and not more
            else swapped(self, other, **more)
        )
    if word == "div":
        mul = OPS["mul"].entry
        return lambda self, other, **more: (
            mul(self.reciprocal(), other)
            if (type(other) in (int, float) or isinstance(other, Tensor)) and not more
            else swapped(self, other, **more)
        )
    return swapped


def checking(entry: Any, checked: Any, when: Any = lambda x: x.dtype.kind == "b") -> Any:
    """The operator `entry`, which leaves operands that `when` picks out to `checked`, the function
    that knows what to refuse: bools in a difference, integers to a power. They are never on the
    plain path.
    """
    general = entry.__globals__["slow"]

    def slow(op: Any, ins: Any, static: Any, out: Any = None) -> Any:
        if any([type(x) is bool or type(x) is Tensor and when(x._a) for x in ins]):
            return checked(*ins)
        return general(op, ins, static, out)

    entry.__globals__["slow"] = slow
    return entry


def foreign(x: Any) -> bool:
    """Whether x is for its own operator to take: no operand of ours, no number, list or text."""
    return not is_operand(x) and not isinstance(x, (list, tuple, str))


def is_operand(x: Any) -> bool:
    """Whether an operator of ours takes x."""
    return isinstance(x, Tensor) or type(x) in SCALARS or is_array(x)


def tensor_like(x: Any, like: Tensor) -> Any:
    """The left operand of a reflected operator as a tensor; numbers in the dtype of the result."""
    if isinstance(x, Tensor):
        return x
    if type(x) in SCALARS:
        return number_as_tensor((x, like))
    if isinstance(x, (bool, int, float, complex)):
        return creation.scalar_tensor(x, device=like.device)
    return data.as_tensor(x)


PLAIN = {Tensor, float, int}


def inplace_operator(dunder: str, word: str) -> Any:
    name = {"div": "div", "pow": "pow"}.get(word, word)
    f = METHODS.get(name)
    call = functions.finished(f, name) if f is not None else OPS[word].entry

    pointwise = word != "matmul"
    in_place: Any = None  # the method, where it takes all that the operator does
    if f is not None and f.inplace is not None and pointwise:
        in_place = functions.finished(f, f"{name}_", "", True)

    def g(self: Tensor, other: Any) -> Tensor:
        if in_place is not None and type(other) in PLAIN:
            return in_place(self, other)
        if not is_operand(other):
            return not_ours(f"{name}_", (self, other))
        if pointwise:
            views.check_operands(self, f"{name}_", (other,))
        return views.inplace(self, f"{name}_", call(self, other))

    return g


def comparison(name: str) -> Any:
    entry = as_operator(OPS[name].entry)
    if name in ("eq", "ne"):

        def compare(self: Any, other: Any) -> Any:
            return entry(self, other) if is_operand(other) else not_ours(name, (self, other))

        return compare
    return entry
