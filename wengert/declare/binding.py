"""Calls that are not plain: which overload is meant, what its arguments become, and what is wrong.

What lives here: NumPy's and deprecated ways to call, numbers and sequences that are not Python's
own, and the texts of refusals, which are of PyTorch's kind. What does not: the functions that users
call (`signature.py`), which take plain calls by themselves.
"""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import default_namespace, namespace
from ..base import dtypes
from ..base.advice import advise
from ..base.devices import device
from ..base.formats import layout, memory_format, strided
from ..base.size import Size
from ..engine import op_modes
from ..engine.error_context import instead_of
from ..engine.op_modes import ask_strangers
from ..engine.promotion import result_dtype
from ..engine.tensor import STANDING, Tensor, wrap
from .declaration import ABSENT, Overload, Parameter, Type, other_names
from .registry import public_of

CHECKS: dict[str, Any] = {  # what the tests of generated functions look at
    "type_": type,  # under names that no function or argument has
    "map_": map,
    "REALS": frozenset((float, int, bool)),
    "NUMBERS": frozenset((float, int, bool, complex)),
    "INTS": frozenset((int,)),
    "SEQUENCES": frozenset((tuple, list, Size)),
    "TENSORS": {Tensor},  # and the subclasses met so far
    "DEVICES": frozenset((str, device, int)),
    "dtype_": dtypes.dtype,
    "layout_": layout,
    "memory_format_": memory_format,
    "strided": strided,
}
TYPE_NAMES = {
    "Tensor": "Tensor",
    "Scalar": "Number",
    "ScalarType": "torch.dtype",
    "Device": "torch.device",
    "Layout": "torch.layout",
    "MemoryFormat": "torch.memory_format",
    "Generator": "torch.Generator",
    "Storage": "torch.Storage",
    "Stream": "torch.Stream",
}
PYTHON_DTYPES = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool,
                 complex: dtypes.complex128}  # fmt: skip


LITERALS = frozenset((int, float, bool, str))  # types of defaults that are told by their value
# functions that take a number in place of their first tensor, as PyTorch's do
NUMBER_FIRST = frozenset(
    ("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "floor_divide")
)
QUOTIENTS = ("div", "divide", "true_divide")


class Mismatch(TypeError):
    """An argument is not of its type; `what` says how the sentence about it ends. element: which
    of a list's is not a Tensor.
    """

    def __init__(self, what: str, element: int | None = None) -> None:
        self.what, self.element = what, element
        super().__init__(what)


def type_name(t: Type) -> str:
    kind = t.kinds[0]
    if kind.endswith("]"):
        inner = kind[: kind.index("[")].removesuffix("?")
        return f"tuple of {TYPE_NAMES.get(inner, inner)}s"
    return TYPE_NAMES.get(kind, kind)


class Binder:
    """All overloads of a function; called with what was given, it runs the body of the right one.

    Arguments that are ABSENT were not given.
    """

    def __init__(
        self, name: str, overloads: Any, calls: Any, body: Any, foreign: bool, method: bool
    ) -> None:
        self.name, self.overloads, self.calls, self.body = name, overloads, calls, body
        self.method = method
        self.public: Any = None  # the function that users call
        self.out = any(o.out for o in overloads)
        self.names = other_names(overloads, foreign)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = self._given(args, kwargs)
        out = kwargs.pop("out", None) if self.out else None
        found = self._fitting(args, kwargs, out)
        if isinstance(found, list) and len(self.overloads) > 1 and len(args) <= len(self.slots):
            # what came by name is at a place that has another name in the overload meant
            n = 1 if self.method else 0
            by_place = zip(self.slots[n:], args[n:])
            by_name = {**{k: v for k, v in by_place if v is not self.defaults[k]}, **kwargs}
            other = self._fitting(args[:n], by_name, out)
            found = found if isinstance(other, list) else other
        if isinstance(found, list) and self.name in NUMBER_FIRST and not self.method and args:
            exact = self.name in QUOTIENTS and not kwargs.get("rounding_mode")
            first = number_as_tensor(args, exact)
            if first is not None:
                args = (first, *args[1:])
                found = self._fitting(args, kwargs, out)
        if isinstance(found, list):
            answer = self.public and ask_strangers(self.public, *self._written(args, kwargs, out))
            if answer:
                return answer[0]
            raise self._refusal(found, args, kwargs, out) from None
        o, call, values = found
        if o.warned:
            advise(
                f"This overload of {self.name} is deprecated:\n\t{self.name}{o}\n"
                f"Consider using one of the following signatures instead:\n\t{self.name}"
                f"{self.overloads[0]}",
            )
        if values.get("pin_memory"):
            pinnable()
        for p in call.unused:
            if values[p.name] != p.default and not ignored(p, values[p.name]):
                raise NotImplementedError(
                    f"{self.name}(): argument '{p.spelled}' is not supported yet: got"
                    f" {values[p.name]!r}; leave it away"
                )
        return call(self.body, values, out, self.name)

    def _fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
        """(overload, call, values) of the first overload that takes the arguments, or the list of
        what keeps each of them from it.
        """
        refusals = []
        for o, call in zip(self.overloads, self.calls):
            try:
                return o, call, self._match(o, args, kwargs, out)
            except TypeError as e:
                refusals.append(e)
        return refusals

    def _given(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What was given by position, and by name: what is the default was not; what comes after a
        gap goes by its name.
        """
        named = {k: v for k, v in kwargs.items() if v is not self.defaults.get(k, ABSENT)}
        slots, n = self.slots, len(args)
        if n > len(slots):
            return args, named
        while n and args[n - 1] is self.defaults[slots[n - 1]]:
            n -= 1
        others = {self.names.get(k) for k in named}
        for i in range(n):
            if args[i] is ABSENT or slots[i] in others and args[i] is self.defaults[slots[i]]:
                for slot, value in zip(slots[i:n], args[i:n]):
                    if value is not self.defaults[slot]:
                        named[slot] = value
                return args[:i], named
        return args[:n], named

    def _written(self, args: Any, kwargs: Any, out: Any) -> tuple[Any, dict[str, Any]]:
        """The arguments as a caller writes them: those that have a default by name, if they are
        not the default.
        """
        named = kwargs if out is None else {**kwargs, "out": out}
        if len(args) > len(self.slots):
            return args, named
        n = sum([self.defaults[slot] is ABSENT for slot in self.slots])
        for k, v in zip(self.slots[n:], args[n:]):
            default = self.defaults[k]
            if v is not default and (type(v) not in LITERALS or v != default):
                named = {k: v, **named}
        return args[:n], named

    slots: tuple[str, ...] = ()  # names of the generated function's positions
    defaults: dict[str, Any] = {}

    def _match(
        self, o: Overload, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> dict[str, Any]:
        """The arguments by their names; TypeError if they are not this overload's."""
        values: dict[str, Any] = {}
        positional = o.positional
        star = positional[-1] if positional and positional[-1].star else None
        places = positional[:-1] if star else positional
        shift = 1 if self.method else 0
        if len(args) > len(places) and not star:
            raise TypeError(
                f"{self.name}() takes {len(places) - shift} positional"
                f" argument{'s' * (len(places) - shift != 1)} but"
                f" {len(args) - shift} {'was' if len(args) - shift == 1 else 'were'} given"
            )
        where: dict[str, int] = {}
        for i, (p, a) in enumerate(zip(places, args)):
            values[p.name] = a
            where[p.name] = i + 1 - shift
        rest = args[len(places) :]
        if star and rest:
            whole = len(rest) == 1 and not hasattr(rest[0], "__index__")
            values[star.name] = rest[0] if whole else rest
            where[star.name] = len(places) + 1 - shift
        names = {p.name: p for p in o.parameters}
        for k, v in kwargs.items():
            n = k if k in names else self.names.get(k, k)
            if n not in names or self.method and positional and n == positional[0].name:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{k}'")
            if n in values:
                raise TypeError(f"{self.name}() got multiple values for argument '{n}'")
            values[n] = v
        if out is not None and not o.out:
            raise TypeError(f"{self.name}() got an unexpected keyword argument 'out'")
        missing = [p.name for p in o.parameters if p.required and p.name not in values]
        if missing:
            shown = ", ".join([f'"{m}"' for m in missing])
            raise TypeError(
                f"{self.name}() missing {len(missing)} required positional arguments: {shown}"
            )
        for p in o.parameters:
            if p.name not in values:
                values[p.name] = p.default
                continue
            try:
                values[p.name] = converted(values[p.name], p)
            except Mismatch as e:
                place = where.get(p.name)
                if e.element is not None:
                    raise TypeError(
                        f"expected Tensor as element {e.element} in argument"
                        f" {place - 1 if place else p.name}, but got {e.what}"
                    ) from None
                raise TypeError(
                    f"{self.name}(): argument '{p.spelled}'"
                    f"{f' (position {place})' if place else ''} {e.what}"
                ) from None
        return values

    def _refusal(self, found: Any, args: Any, kwargs: Any, out: Any) -> TypeError:
        fresh = [(e, o) for e, o in zip(found, self.overloads) if not o.old]
        if len(fresh) == 1:
            return self._with_suggestion(*fresh[0], kwargs)
        fits = [e for e, o in fresh if ": argument '" in str(e) or "expected Tensor" in str(e)]
        if len(fits) == 1:
            return fits[0]
        words = [type(a).__name__ for a in (args[1:] if self.method else args)]
        words += [f"{k}={type(v).__name__}" for k, v in kwargs.items()]
        words += ["out=" + type(out).__name__] * (out is not None)
        shown = "".join(f"\n * {o}" for _, o in fresh)
        return TypeError(
            f"{self.name}() received an invalid combination of arguments - got"
            f" ({', '.join(words)}), but expected one of:{shown}"
        )

    def _with_suggestion(self, error: TypeError, o: Overload, kwargs: Any) -> TypeError:
        """The refusal of a keyword, with the argument that may have been meant."""
        text = str(error)
        for k in kwargs:
            if text.endswith(f"unexpected keyword argument '{k}'"):
                from difflib import get_close_matches  # heavy, and rarely needed

                close = get_close_matches(k, [p.spelled for p in o.parameters], 1)
                hint = f": did you mean '{close[0]}'?" if close and close[0] not in kwargs else ""
                return TypeError(text + hint)
        return error


def ignored(p: Parameter, value: Any) -> bool:
    """Whether an argument that a body does not know changes nothing."""
    if p.name == "layout":
        return value is None or value is strided
    return p.name in ("pin_memory", "non_blocking", "memory_format")


def pinnable() -> None:
    """Refuse pin_memory=True where no device could copy from pinned memory."""
    from ..arrays import cuda

    if not cuda.device_count():
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory"
            " allocator is available on this system: leave it out"
        )


def converted(value: Any, p: Parameter) -> Any:
    """An argument as the body wants it; Mismatch if it is not of its type."""
    t = p.type
    if value is None and (t.optional or p.default is None):
        return value
    if value is None and p.default in ((), []):  # a list that may be left out may be None
        return p.default
    error = None
    for kind in t.kinds:
        try:
            return as_kind(value, kind)
        except Mismatch as e:
            if error is None or "but found" in e.what:
                error = e
    raise error or Mismatch("is wrong")


def wrong(value: Any, kind: str) -> Mismatch:
    hint = instead_of(value) if kind == "Tensor" else ""
    return Mismatch(f"must be {type_name(Type((kind,)))}, not {type(value).__name__}{hint}")


def known(t: type) -> None:
    """Have plain calls take tensors of a class; not of one that stands in, which may go again."""
    if t not in STANDING:
        CHECKS["TENSORS"].add(t)


def as_kind(value: Any, kind: str) -> Any:
    """value as one of the types of the language; Mismatch if it is none."""
    if kind.endswith("]"):
        return as_list(value, kind)
    if kind in ("any", "Generator", "Storage", "Stream"):
        return value
    if kind == "Tensor":
        if isinstance(value, Tensor):
            known(type(value))
            return value
    elif kind in ("int", "float", "Scalar", "complex"):
        if isinstance(value, Tensor):
            number = number_of(value, kind)
            if number is not None:
                return number
        else:
            if hasattr(value, "dtype") and hasattr(value, "item") and not getattr(value, "ndim", 1):
                value = value.item()
            if kind != "int" and isinstance(value, bool):
                return value
            accepted: Any = (int, float, complex)
            if kind in ("int", "float"):
                accepted = int if kind == "int" else (int, float)
            if isinstance(value, accepted) and not isinstance(value, bool):
                return int(value) if isinstance(value, int) else value
    elif kind == "bool":
        if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
            return bool(value)
        if isinstance(value, Tensor) and value._a.ndim == 0 and value.dtype is dtypes.bool:
            return bool(value)
    elif kind == "str":
        if isinstance(value, str):
            return value
    elif kind == "ScalarType":
        if isinstance(value, dtypes.dtype):
            return value
        if isinstance(value, type) and value in PYTHON_DTYPES:
            return PYTHON_DTYPES[value]
    elif kind == "Device":
        if isinstance(value, (str, device)) or type(value) is int:
            return value
    elif kind == "Layout":
        if isinstance(value, layout):
            return value
    elif kind == "MemoryFormat" and isinstance(value, memory_format):
        return value
    raise wrong(value, kind)


def number_as_tensor(args: tuple[Any, ...], quotient: bool = False) -> Tensor | None:
    """The first of args, if it is a number, as a 0-d tensor that leaves the dtype of the others;
    None if it is none. Integers wrap to that dtype's range, but not for a quotient.
    """
    if type(args[0]) not in PYTHON_DTYPES:
        return None
    others = [x._a if isinstance(x, Tensor) else x for x in args[1:2]]
    arrays = [a for a in others if hasattr(a, "dtype")]
    if not arrays:
        others = []
    d = result_dtype([args[0], *others])
    xp = namespace(*arrays) if arrays else default_namespace()
    if quotient and not d.is_inexact:
        d = dtypes.get_default_dtype()
    return wrap(xp.scalar(args[0], d.np))


def number_of(t: Tensor, kind: str) -> Any:
    """The number in a 0-d tensor that may stand for one; None if it may not."""
    if t._a.ndim or t._n is not None:
        return None
    d = t.dtype
    if kind == "int" and d.category != dtypes.INTEGRAL or kind == "float" and d.is_complex:
        return None
    return t.item()


def as_given(
    mode: Any,
    name: str,
    f: Any,
    slots: dict[str, Any],
    keywords: dict[str, Any],
    args: Any,
    kwargs: dict[str, Any],
) -> Any:
    """Show a call of f to a mode that sees it as one, without the arguments that nobody gave.

    slots, keywords: the arguments by position and by keyword only, with their defaults.
    """
    defaults = list(slots.values())
    while args and len(args) <= len(defaults) and args[-1] is defaults[len(args) - 1]:
        args = args[:-1]
    missing = {"out": None, **keywords}
    named = {k: v for k, v in kwargs.items() if k not in missing or v is not missing[k]}
    if any([x is ABSENT for x in args]):  # others behind it were given by name
        named |= {k: v for k, v in zip(slots, args) if v is not ABSENT}
        args = ()
    return op_modes.shown(mode, name, f, args, named)


def only_tensors(values: Any, place: int = 0) -> Any:
    """The values that a function without overloads takes as its tensors, one by one or as one
    sequence; TypeError if one is something else. place: of the argument they are.
    """
    for i, x in enumerate(values):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument {place}, but got {type(x).__name__}"
            )
    return values


def stood_in(name: str, args: Any, kwargs: Any = None) -> Any:
    """Where only_tensors has just refused in a function of torch: what arguments answer that are no
    tensors but stand in for functions; without such the refusal goes on.
    """
    answer = ask_strangers(public_of(name), args, kwargs or {})
    if answer is None:
        raise
    return answer[0]


def as_list(value: Any, kind: str) -> Any:
    base, _, length = kind.removesuffix("]").partition("[")
    if length and not isinstance(value, (tuple, list)):
        return as_kind(value, base)
    if not isinstance(value, (tuple, list)):
        raise wrong(value, kind)
    if base.startswith("Tensor"):
        for i, x in enumerate(value):
            if not (isinstance(x, Tensor) or x is None and base.endswith("?")):
                raise Mismatch(type(x).__name__, i)
            if x is not None:
                known(type(x))
        return value
    if base == "int" and True in [type(x) is bool for x in value[1:]]:
        # the first one tells the type: later ones may be True, as in PyTorch
        value = type(value)([int(x) if i and type(x) is bool else x for i, x in enumerate(value)])
    try:
        return type(value)([as_kind(x, base) for x in value]) if type(value) in (
            tuple, list) else tuple([as_kind(x, base) for x in value])  # fmt: skip
    except Mismatch:
        for i, x in enumerate(value):
            try:
                as_kind(x, base)
            except Mismatch:
                what = type_name(Type((kind,)))
                raise Mismatch(
                    f"must be {what}, but found element of type {type(x).__name__} at pos {i}"
                ) from None
        raise
