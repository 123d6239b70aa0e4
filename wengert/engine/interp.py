"""What interpreters share: a value with a level, the vocabulary over it, and operators from one
list.

An interpreter is an array type that holds arrays (of a library, of another interpreter, or
Tensors). Its namespace runs an op by `apply(op, inputs, static)`; inputs that are not its own are
constants to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..arrays.lookup import NS, RANK, SCALARS, Namespace, namespace
from .op import OPS, Op

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
COMMUTATIVE = frozenset(("add", "mul", "bitwise_and", "bitwise_or", "bitwise_xor"))
COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")
UNARY = {"neg": "neg", "invert": "bitwise_not", "abs": "abs", "pos": "positive"}


class Interp:
    """Base of the arrays of interpreters."""

    __array_ufunc__ = None
    __slots__ = ("level",)
    level: int

    shape: Any
    dtype: Any

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for s in self.shape:
            n *= s
        return n

    def _refuse(self, what: str) -> Any:
        raise RuntimeError(
            f"{what} needs the value of an array inside a function transform"
            f" ({type(self).__name__.lower()}): write the computation with torch.where and other"
            " array operations instead"
        )

    def __bool__(self) -> bool:
        return self._refuse("bool() of a tensor (control flow that depends on its value)")

    def item(self) -> Any:
        return self._refuse(".item()")

    def __float__(self) -> float:
        return self._refuse("float() of a tensor")

    def __int__(self) -> int:
        return self._refuse("int() of a tensor")

    __index__ = __int__

    def __getitem__(self, key: Any) -> Any:
        return namespace(self).getitem(self, key=key)


class InterpNamespace(Namespace):
    """The vocabulary over one interpreter: every op goes through its apply."""

    def __init__(
        self, cls: type, apply: Callable[[Op, tuple[Any, ...], dict[str, Any]], Any]
    ) -> None:
        self.__dict__.update(name=cls.__name__, array_type=cls, apply=apply)

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        f = self.__dict__[word] = vocabulary_word(self.array_type, self.apply, word)
        return f

    @staticmethod
    def device_of(a: Any) -> Any:
        v = a.content
        return v.device if RANK.get(type(v)) == 1 else NS[type(v)].device_of(v)

    def zeros(self, shape: Any, dtype: Any = None) -> Any:
        return library_under().zeros(shape, dtype)

    def ones(self, shape: Any, dtype: Any = None) -> Any:
        return library_under().ones(shape, dtype)

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        return library_under().full(shape, value, dtype)

    def zeros_like(self, x: Any) -> Any:
        return library_under().zeros(tuple(x.shape), np_dtype(x))

    def ones_like(self, x: Any) -> Any:
        return library_under().ones(tuple(x.shape), np_dtype(x))

    def full_like(self, x: Any, value: Any = 0) -> Any:
        return library_under().full(tuple(x.shape), value, np_dtype(x))

    def arange(self, *args: Any, **kwargs: Any) -> Any:
        return library_under().arange(*args, **kwargs)

    def scalar(self, value: Any, dtype: Any) -> Any:
        return library_under().scalar(value, dtype)

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, Interp) else library_under().asarray(a)


def np_dtype(x: Any) -> Any:
    return getattr(x.dtype, "np", x.dtype)


def library_under() -> Any:
    """The library where interpreters make constants."""
    from ..arrays.lookup import default_namespace

    return default_namespace()


def signature_of(op: Op) -> inspect.Signature:
    ps = list(inspect.signature(op.fwd).parameters.values())[1:]
    return inspect.Signature(
        [
            p.replace(default=None) if p.name in op.optional and p.default is p.empty else p
            for p in ps
        ]
    )


def vocabulary_word(cls: type, apply: Callable[..., Any], word: str) -> Callable[..., Any]:
    """The function over an interpreter's arrays for one word of the vocabulary."""
    try:
        op = OPS[word]
    except KeyError:
        raise AttributeError(f"the vocabulary has no word {word!r}") from None
    signature = signature_of(op)

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = bound.arguments
        ins = tuple([values[i] for i in op.inputs]) + (
            tuple(values[op.variadic]) if op.variadic else ()
        )
        static = {k: values[k] for k in op.static}
        if not any(isinstance(x, cls) for x in ins):
            if all(type(x) in SCALARS or x is None for x in ins):
                return getattr(library_under(), word)(*ins, **static)
            return call_op(namespace(*ins), op, ins, static)
        if op.kind == "composite":
            return op.fwd(NS[cls], *ins, **static)
        return apply(op, ins, static)

    return call


def call_op(xp: Any, op: Op, ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """Run an op by name on any namespace; all its outputs, also from Tensors."""
    if op.hidden and RANK.get(xp.array_type) == 1:
        from .dispatch import slow

        return slow(op, ins, static, hidden=True)
    return (
        getattr(xp, op.name)(*ins, **static)
        if op.variadic or RANK.get(xp.array_type)
        else getattr(xp, op.name)(*ins, *static.values())
    )


def run_op(op: Op, ins: Any, static: dict[str, Any]) -> Any:
    """Run an op on whatever arrays these are."""
    ins = tuple(ins)
    return call_op(namespace(*ins), op, ins, static)


def run_rule(op: Op, name: str, xp: Any, g: Any, env: dict[str, Any]) -> Any:
    """One vjp rule with its named needs."""
    return op.rules[name](*[xp if n == "xp" else g if n == "g" else env[n] for n in op.needs[name]])


def environment(op: Op, ins: tuple[Any, ...], static: dict[str, Any], outs: Any) -> dict[str, Any]:
    """Everything a rule may ask for."""
    env: dict[str, Any] = dict(static)
    k = len(op.inputs)
    for n, v in zip(op.inputs, ins):
        env[n], env[f"{n}_shape"], env[f"{n}_dtype"] = (
            v,
            tuple(getattr(v, "shape", ())),
            getattr(v, "dtype", None),
        )
    if op.variadic:
        rest = tuple(ins[k:])
        env[op.variadic] = rest
        env[f"{op.variadic}_shape"] = tuple([tuple(getattr(v, "shape", ())) for v in rest])
        env[f"{op.variadic}_dtype"] = tuple([getattr(v, "dtype", None) for v in rest])
    env.update(zip(op.names, outs if len(op.names) > 1 else (outs,)))
    return env


def install_operators(cls: type) -> None:
    """Python's operators on an array class, each through the namespace of its operands."""

    def binary(word: str) -> tuple[Any, Any]:
        def forward(a: Any, b: Any) -> Any:
            return getattr(namespace(a, b), word)(a, b)

        def reflected(a: Any, b: Any) -> Any:
            f = getattr(namespace(a, b), word)
            return f(a, b) if word in COMMUTATIVE else f(b, a)

        return forward, reflected

    for name, word in BINARY.items():
        f, r = binary(word)
        setattr(cls, f"__{name}__", f)
        setattr(cls, f"__r{name}__", r)
    for name in COMPARE:
        setattr(cls, f"__{name}__", binary(name)[0])
    for name, word in UNARY.items():
        setattr(cls, f"__{name}__", (lambda w: lambda a: getattr(namespace(a), w)(a))(word))
    cls.__hash__ = object.__hash__  # type: ignore[method-assign,assignment]


def interpreter(apply: Callable[..., Any]) -> Callable[[type], type]:
    """Class decorator: register an interpreter's arrays with their namespace."""

    def register(cls: type) -> type:
        NS[cls] = InterpNamespace(cls, apply)
        RANK[cls] = 2
        install_operators(cls)
        return cls

    return register


def own_level(ins: tuple[Any, ...], cls: Any) -> int:
    """The level at which to work: the highest among the interpreter's own inputs."""
    return max(a.level for a in ins if isinstance(a, cls))
