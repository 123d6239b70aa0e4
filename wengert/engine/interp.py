"""What interpreters share: a value with a level, the vocabulary over it, and operators from one
list.

An interpreter is an array type that holds arrays (of a library, of another interpreter, or
Tensors). It runs an op by `interpret(op, inputs, static, level)`; inputs that are not of its level
are constants to it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from ..arrays.lookup import (
    INTERPRETER,
    LIBRARY,
    NS,
    RANK,
    SCALARS,
    TENSOR,
    Namespace,
    default_namespace,
    namespace,
)
from ..arrays.operators import BINARY, COMMUTATIVE, COMPARE, UNARY
from ..base import dtypes
from .op import OPS, Op
from .tensor import Tensor, wrap

BFLOAT16, FLOAT32 = dtypes.bfloat16.np, dtypes.float32.np


class Interp:
    """Base of the arrays of interpreters."""

    __array_ufunc__ = None
    __slots__ = ("level",)
    level: int
    interpret: Any  # see interpreter()
    mixes = False  # whether recorded tensors beside it give their arrays and nodes, as its own do
    joins = False  # whether gradients at its level reach recorded tensors of lower ones
    whole = False  # whether it takes composites as they are, instead of what they consist of
    cell = False  # whether it stands for memory, which tensors may share: see `assign`

    content: Any  # the array, or Tensor, that it holds

    @property
    def shape(self) -> Any:
        return tuple(self.content.shape)

    @property
    def dtype(self) -> Any:
        c = self.content
        return c._a.dtype if isinstance(c, Tensor) else c.dtype

    @property
    def ndim(self) -> int:
        return int(self.content.ndim)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def _refuse(self, what: str) -> Any:
        raise RuntimeError(
            f"{what} needs the value of an array inside a function transform"
            f" ({type(self).__name__.lower()}): write the computation with torch.where and other"
            " array operations instead"
        )

    def assign(self, value: Any) -> None:
        """Take another value, for all tensors that hold this array; for cells."""
        raise NotImplementedError

    def alias(self) -> Any:
        """Its value in an array of its own; for cells."""
        raise NotImplementedError

    def severed(self) -> Any:
        """The value without derivatives, of this level and all below."""
        return type(self)(self.level, severed(self.content))  # type: ignore[call-arg]

    def around(self, made: Any) -> Any:
        """What is made like it, of `made`, which is like its content."""
        return made

    def readable(self, what: str) -> Any:
        """The library's array of the values, for `what`; RuntimeError if there are none to see."""
        return self._refuse(what)

    def __bool__(self) -> bool:
        return bool(self.readable("bool() of a tensor (control flow that depends on its value)"))

    def item(self) -> Any:
        return self.readable(".item()").item()

    def __float__(self) -> float:
        return float(self.readable("float() of a tensor"))

    def __int__(self) -> int:
        return int(self.readable("int() of a tensor"))

    __index__ = __int__

    def __pos__(self) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return namespace(self).getitem(self, key)


def readable(x: Any, what: str) -> Any:
    """The library's array of the values of what an interpreter holds."""
    a = x._a if isinstance(x, Tensor) else x
    return a.readable(what) if isinstance(a, Interp) else a


def severed(x: Any) -> Any:
    """An array, or a Tensor's, without derivatives of any level."""
    a = x._a if isinstance(x, Tensor) else x
    return a.severed() if isinstance(a, Interp) else a


class InterpNamespace(Namespace):
    """The vocabulary over one interpreter: every op goes through its apply."""

    def __init__(self, cls: type) -> None:
        self.__dict__.update(name=cls.__name__, array_type=cls)

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        f = self.__dict__[word] = vocabulary_word(word)
        return f

    @staticmethod
    def device_of(a: Any) -> Any:
        v = a.content
        return v.device if RANK.get(type(v)) == TENSOR else NS[type(v)].device_of(v)

    def zeros(self, shape: Any, dtype: Any = None) -> Any:
        return default_namespace().zeros(shape, dtype)

    def ones(self, shape: Any, dtype: Any = None) -> Any:
        return default_namespace().ones(shape, dtype)

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        return default_namespace().full(shape, value, dtype)

    def zeros_like(self, x: Any) -> Any:
        return library_of(x).zeros(tuple(x.shape), np_dtype(x))

    def ones_like(self, x: Any) -> Any:
        return library_of(x).ones(tuple(x.shape), np_dtype(x))

    def full_like(self, x: Any, value: Any = 0) -> Any:
        return library_of(x).full(tuple(x.shape), value, np_dtype(x))

    def arange(self, *args: Any, **kwargs: Any) -> Any:
        return default_namespace().arange(*args, **kwargs)

    def scalar(self, value: Any, dtype: Any) -> Any:
        return default_namespace().scalar(value, dtype)

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, Interp) else default_namespace().asarray(a)


def np_dtype(x: Any) -> Any:
    return getattr(x.dtype, "np", x.dtype)


def library_of(*operands: Any) -> Any:
    """The library of the arrays that are innermost in operands."""
    return namespace(*map(innermost, operands))


def innermost(x: Any) -> Any:
    """The library's array that is in an operand, or what is none."""
    while RANK.get(type(x)):
        x = x._a if isinstance(x, Tensor) else x.content
    return x


def signature_of(op: Op) -> inspect.Signature:
    ps = list(inspect.signature(op.fwd).parameters.values())[1:]
    return inspect.Signature(
        [
            p.replace(default=None) if p.name in op.optional and p.default is p.empty else p
            for p in ps
        ]
    )


def vocabulary_word(word: str) -> Callable[..., Any]:
    """The function over arrays of any level for one word of the vocabulary."""
    try:
        op = OPS[word]
    except KeyError:
        raise AttributeError(f"the vocabulary has no word {word!r}") from None
    signature = signature_of(op)
    k, names = len(op.inputs), tuple(op.static)
    n = k + len(names)
    rest = tuple(
        [signature.parameters[p].default for p in (*op.inputs, *names)] if not op.variadic else ()
    )
    required = sum(d is inspect.Parameter.empty for d in rest)
    plain = not op.variadic

    def call(*args: Any, **kwargs: Any) -> Any:
        if plain and not kwargs and required <= len(args) <= n:
            args += rest[len(args) :]
            ins, static = args[:k], dict(zip(names, args[k:])) if names else {}
        else:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            values = bound.arguments
            ins = (*[values[i] for i in op.inputs], *(values[op.variadic] if op.variadic else ()))
            static = {s: values[s] for s in names}
        return run_op(op, ins, static)

    return call


def run_op(op: Op, ins: Any, static: dict[str, Any]) -> Any:
    """Run an op on whatever arrays these are; all its outputs, also from Tensors.

    The interpreter of the highest level among them takes it: lower ones are constants to it. A
    Tensor has the level of its array, and comes first among equals: it may have a history.
    """
    n = len(ins)
    if n == 1:
        xp = TOGETHER.get(type(ins[0]))
    elif n == 2:
        xp = TOGETHER.get((type(ins[0]), type(ins[1])))
    else:
        xp = None
    if xp is FIRST or xp is LATER:
        top = ins[0]
        if xp is LATER and not (RANK.get(type(top)) and top.level >= ins[1].level):
            top = ins[1]
        if op.kind == "composite" and not top.whole:
            return op.fwd(NS[type(top)], *ins, **static)
        return top.interpret(op, ins, static, top.level)
    if xp is None:
        level, top, library, tensor, wrapped = -1, None, None, False, -1
        last = None
        for a in ins:
            t = type(a)
            r = RANK.get(t)
            if r == INTERPRETER:
                if a.level > level:
                    level, top = a.level, t
            elif r == TENSOR:
                tensor = True
                if isinstance(a._a, Interp) and a._a.level > wrapped:
                    wrapped = a._a.level
            elif r == LIBRARY:
                library, last = t, a
            elif a is not None and t not in SCALARS:
                namespace(a)  # a type not met before: now it is known
                return run_op(op, ins, static)
        if 0 < n < 3 and not tensor:
            note(ins)
        if top is not None and wrapped >= level:
            ins, top = [wrap(a) if isinstance(a, Interp) else a for a in ins], None
        if top is not None:
            if op.kind == "composite" and not top.whole:
                return op.fwd(NS[top], *ins, **static)
            return top.interpret(op, ins, static, level)
        if tensor:
            ins = tuple([whole(a) for a in ins])
            if op.hidden:
                return NS[Tensor].every_output(op, ins, static)
            return getattr(NS[Tensor], op.name)(*ins, **static)
        xp = default_namespace() if library is None else NS[library]
    else:
        last = ins[-1]
    if op.variadic:
        return getattr(xp, op.name)(*ins, **static)
    out = getattr(xp, op.name)(*ins, *static.values())
    if last is not None and last.dtype is BFLOAT16:
        return narrowed(op, xp, ins, out)
    return out


FIRST, LATER = "first", "later"
# types of one operand, or of two -> the namespace of the library that the last is of, if none is of
# a higher kind; of operands of interpreters, which one is it: FIRST, or LATER for the second at
# least
TOGETHER: dict[Any, Any] = {}


def note(ins: Any) -> None:
    """Enter the types of one operand, or of two."""
    ranks = [-1 if a is None or type(a) in SCALARS else RANK[type(a)] for a in ins]
    types = (type(ins[0]), type(ins[1])) if len(ins) > 1 else type(ins[0])
    if max(ranks) == INTERPRETER:
        TOGETHER[types] = LATER if ranks[1:] == [INTERPRETER] else FIRST
    elif ranks[-1] == LIBRARY:
        TOGETHER[types] = NS[type(ins[-1])]


def narrowed(op: Op, xp: Any, ins: Any, out: Any) -> Any:
    """A result in bfloat16 if its arrays are: Python numbers are not weak beside them."""
    if op.kind == "elementwise" and getattr(out, "dtype", None) == FLOAT32:
        given = [a.dtype for a in ins if hasattr(a, "dtype")]
        if given and all(d == BFLOAT16 for d in given):
            return xp.astype(out, BFLOAT16)
    return out


def whole(a: Any) -> Any:
    """A library's scalar (NumPy's results of 0-d arrays) as an array: beside a Tensor it would be
    taken for a Python number.
    """
    t = type(a)
    if a is None or t in SCALARS or RANK.get(t):
        return a
    ns = NS[t]
    return a if isinstance(a, ns.array_type) else ns.library.asarray(a)


def install_operators(cls: type) -> None:
    """Python's operators on an array class, each at the highest level among its operands."""

    def binary(word: str) -> tuple[Any, Any]:
        def forward(a: Any, b: Any) -> Any:
            op = OPS[word]
            return run_op(op, (a, b), op.static)

        def reflected(a: Any, b: Any) -> Any:
            op = OPS[word]
            return run_op(op, (a, b) if word in COMMUTATIVE else (b, a), op.static)

        return forward, reflected

    def unary(word: str) -> Any:
        def f(a: Any) -> Any:
            op = OPS[word]
            return run_op(op, (a,), op.static)

        return f

    for name, word in BINARY.items():
        f, r = binary(word)
        setattr(cls, f"__{name}__", f)
        setattr(cls, f"__r{name}__", r)
    for name in COMPARE:
        setattr(cls, f"__{name}__", binary(name)[0])
    for name, word in UNARY.items():
        setattr(cls, f"__{name}__", unary(word))
    cls.__hash__ = object.__hash__  # type: ignore[method-assign,assignment]


def interpreter(interpret: Callable[..., Any]) -> Callable[[type], type]:
    """Class decorator: register an interpreter's arrays with their namespace.

    interpret(op, inputs, static, level) runs an op whose highest inputs are arrays of this class
    and level.
    """

    def register(cls: Any) -> Any:
        cls.interpret = staticmethod(interpret)
        NS[cls] = InterpNamespace(cls)
        RANK[cls] = INTERPRETER
        install_operators(cls)
        return cls

    return register
