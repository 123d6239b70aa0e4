"""Python's operators on Tensor: which entry stands behind each, and what foreign operands get."""

from __future__ import annotations

from functools import partial
from types import FunctionType
from typing import Any

from ..arrays.lookup import SCALARS, is_array
from ..arrays.operators import BINARY, COMMUTATIVE
from ..declare.binding import number_as_tensor
from ..declare.registry import METHODS, function
from ..engine import native, op_modes, views
from ..engine.dispatch import slow
from ..engine.op import OPS, Op
from ..engine.overlap import check_operands
from ..engine.tensor import Tensor, wrap
from ..ops.creation import filled as creation
from ..ops.creation import tensor as data
from . import functions


def as_operator(f: Any, method: str = "") -> Any:
    """An entry as Python's operator method. method: the one that users could call instead, if it is
    not named as the op.
    """
    g = FunctionType(
        f.__code__,
        {**f.__globals__, "slow": partial(slow_operator, method or f.op.name)},
        f.__name__,
        f.__defaults__,
        f.__closure__,
    )
    g.__kwdefaults__ = f.__kwdefaults__
    return g


def slow_operator(
    method: str, op: Op, ins: tuple[Any, ...], static: dict[str, Any], out: Any = None
) -> Any:
    """The long way from a Python operator: operands that are not ours get their own turn."""
    if type(ins[0]) in SCALARS:
        raise TypeError(f"{op.name}(): an operator of a Tensor, called with {ins[0]!r} for it")
    for x in ins:
        if not isinstance(x, Tensor) and type(x) not in SCALARS and not is_array(x):
            return not_ours(method, ins)
    return slow(op, ins, static)


def not_ours(name: str, ins: tuple[Any, ...]) -> Any:
    """What an operator gives for an operand that is no tensor, array or number. name: of the method
    that stands for it.
    """
    public = getattr(Tensor, name, None)
    answer = public and op_modes.ask_strangers(public, ins, {})
    return answer[0] if answer else NotImplemented


def operator_entry(word: str) -> Any:
    """The operator of a word, with the tensor on the left."""
    if word == "matmul":
        return product_operator(functions.finished(METHODS["matmul"], "matmul", "", True))
    entry = as_operator(OPS[word].entry)
    if word == "sub":
        return checking(entry, METHODS["sub"])
    if word == "pow":
        both = as_operator(OPS["pow_tensor"].entry, "pow")
        checking(entry, METHODS["pow"], lambda x: x.dtype.kind in "biu")
        return lambda self, exponent: (
            both(self, exponent) if isinstance(exponent, Tensor) else entry(self, exponent)
        )
    return entry


def product_operator(product: Any) -> Any:
    """The operator of matmul, from the method: operands that are not ours get their own turn."""
    careful = product.__globals__["bind"]

    def bind(args: Any, kwargs: Any) -> Any:
        return not_ours("matmul", args) if foreign(args[1]) else careful(args, kwargs)

    names = {**product.__globals__, "bind": bind}
    f = FunctionType(product.__code__, names, "matmul", product.__defaults__, product.__closure__)
    f.__kwdefaults__ = product.__kwdefaults__
    return native.remakable(f, lambda: product_operator(product))


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
    that knows what to refuse: bools in a difference, integers to a power. On the plain path the
    library refuses them.
    """
    general, explain = entry.__globals__["slow"], entry.__globals__["explain"]

    def slow(op: Any, ins: Any, static: Any, out: Any = None) -> Any:
        if any([type(x) is bool or type(x) is Tensor and when(x._a) for x in ins]):
            return checked(*ins)
        return general(op, ins, static, out)

    def explained(op: Any, arrays: Any, error: Any) -> Any:
        tensors = [wrap(a) for a in arrays if is_array(a)]
        if len(tensors) == len(arrays) and any([when(a) for a in arrays]):
            checked(*tensors)
        return explain(op, arrays, error)

    entry.__globals__["slow"] = slow
    entry.__globals__["explain"] = explained
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
            check_operands(self, f"{name}_", (other,))
        return views.inplace(self, f"{name}_", call(self, other))

    return g


def comparison(name: str) -> Any:
    return as_operator(OPS[name].entry)
