"""What an optimizer's `update` does, as a list of elementwise instructions.

`update` is written once, with PyTorch's tensor methods. It runs here on `Vector`s, which record
what is asked of them; the recorded `Formula` is then carried out on raw arrays (`run_arrays`,
`native.py`) or on Tensors (`run_tensors`: when the step itself is differentiated, compiled, or its
arrays are no library's). Recording takes some microseconds, so every step records anew and
ordinary Python control flow on hyper-parameters just works. Which parameters are updated together
is decided in `chunks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from ..api import functions as T

# op -> name of the ufunc; `where` and the masks are treated apart
UFUNC = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "maximum": "maximum",
    "minimum": "minimum",
    "neg": "negative",
    "sqrt": "sqrt",
    "abs": "absolute",
    "sign": "sign",
    "copy": "positive",
    "gt": "greater",
    "lt": "less",
    "eq": "equal",
}
MASKS = frozenset(("gt", "lt", "eq"))


def _larger(x: Any, y: Any) -> Any:
    return T.clamp(x, min=y)


def _smaller(x: Any, y: Any) -> Any:
    return T.clamp(x, max=y)


ON_TENSORS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "maximum": _larger,
    "minimum": _smaller,
    "neg": lambda x: -x,
    "sqrt": lambda x: x.sqrt(),
    "abs": lambda x: x.abs(),
    "sign": lambda x: x.sign(),
    "copy": lambda x: x.clone(),
    "gt": lambda x, y: x > y,
    "lt": lambda x, y: x < y,
    "eq": lambda x, y: x == y,
    "where": lambda mask, x, y: T.where(mask, x, y),
}


new = object.__new__
NEEDS = "an optimizer's update() may use"
WHOLE = "set `elementwise = False` in its class to get whole tensors"


class Tape:
    """The instructions recorded so far; values are numbered, scalars count down from -1."""

    def __init__(self, columns: int) -> None:
        self.count = columns
        self.code: list[tuple[Any, ...]] = []
        self.scalars: list[Any] = []

    def place(self, x: Any) -> int:
        """The number of an operand."""
        if type(x) is Vector:
            return x.at
        self.scalars.append(x)
        return -len(self.scalars)

    def result(self, instruction: tuple[Any, ...]) -> Vector:
        """Append an instruction; what stands for its result."""
        self.code.append(instruction)
        v = new(Vector)
        v.tape, v.at = self, self.count
        self.count += 1
        return v


class Vector:
    """A stand-in for a parameter, gradient or state array that records elementwise methods.

    The methods are PyTorch's; those with a trailing underscore change the vector in place.
    Operands are vectors or numbers.
    """

    __slots__ = ("at", "tape")

    def __init__(self, tape: Tape, at: int) -> None:
        self.tape = tape
        self.at = at

    def _do(self, op: str, *operands: Any) -> Vector:
        """Append an instruction to the tape; returns what stands for its result."""
        tape = self.tape
        return tape.result((op, *[tape.place(x) for x in operands]))

    def _with(self, op: str, other: Any) -> Vector:
        """_do() with this and another operand, in a straight line."""
        tape = self.tape
        if type(other) is Vector:
            tape.code.append((op, self.at, other.at))
        else:
            scalars = tape.scalars
            scalars.append(other)
            tape.code.append((op, self.at, -len(scalars)))
        v = new(Vector)
        v.tape, v.at = tape, tape.count
        tape.count += 1
        return v

    def add(self, other: Any, *, alpha: Any = None) -> Vector:
        """self + alpha * other."""
        return self._with("add", other if alpha is None else other * alpha)

    def sub(self, other: Any, *, alpha: Any = None) -> Vector:
        """self - alpha * other."""
        return self._with("sub", other if alpha is None else other * alpha)

    def mul(self, other: Any) -> Vector:
        """self * other."""
        return self._with("mul", other)

    def div(self, other: Any) -> Vector:
        """self / other."""
        return self._with("div", other)

    def neg(self) -> Vector:
        """-self."""
        return self._do("neg", self)

    def sqrt(self) -> Vector:
        """Square root."""
        return self._do("sqrt", self)

    def square(self) -> Vector:
        """self * self."""
        return self._with("mul", self)

    def abs(self) -> Vector:
        """Absolute value."""
        return self._do("abs", self)

    def sign(self) -> Vector:
        """-1, 0 or 1."""
        return self._do("sign", self)

    def maximum(self, other: Any) -> Vector:
        """The larger of both; nan wins."""
        return self._with("maximum", other)

    def minimum(self, other: Any) -> Vector:
        """The smaller of both; nan wins."""
        return self._with("minimum", other)

    def clamp(self, min: Any = None, max: Any = None) -> Vector:
        """self within [min, max]."""
        low = self if min is None else self.maximum(min)
        return low if max is None else low.minimum(max)

    def lerp(self, end: Vector, weight: Any) -> Vector:
        """self + weight * (end - self), exact at both ends."""
        if isinstance(weight, float) and weight >= 0.5:
            return end._with("sub", end._with("sub", self)._with("mul", 1.0 - weight))
        return self._with("add", end._with("sub", self)._with("mul", weight))

    def addcmul(self, tensor1: Vector, tensor2: Any, *, value: Any = None) -> Vector:
        """self + value * tensor1 * tensor2."""
        return self.add((tensor1 if value is None else tensor1.mul(value)).mul(tensor2))

    def addcdiv(self, tensor1: Vector, tensor2: Any, *, value: Any = None) -> Vector:
        """self + value * tensor1 / tensor2."""
        return self.add((tensor1 if value is None else tensor1.mul(value)).div(tensor2))

    def gt(self, other: Any) -> Vector:
        """Mask of self > other."""
        return self._with("gt", other)

    def lt(self, other: Any) -> Vector:
        """Mask of self < other."""
        return self._with("lt", other)

    def eq(self, other: Any) -> Vector:
        """Mask of self == other."""
        return self._with("eq", other)

    def masked_fill(self, mask: Vector, value: Any) -> Vector:
        """value where mask is true, self elsewhere."""
        return self._do("where", mask, value, self)

    def copy(self, src: Vector) -> Vector:
        """The value of src."""
        return Vector(self.tape, src.at)

    def clone(self) -> Vector:
        """The same value, unaffected by later in-place methods."""
        return Vector(self.tape, self.at)

    def __radd__(self, other: Any) -> Vector:
        return self.add(other)

    def __rmul__(self, other: Any) -> Vector:
        return self.mul(other)

    def __rsub__(self, other: Any) -> Vector:
        return self._do("sub", other, self)

    def __rtruediv__(self, other: Any) -> Vector:
        return self._do("div", other, self)

    def __pow__(self, exponent: Any) -> Vector:
        if exponent == 2:
            return self.square()
        if exponent == 0.5:
            return self.sqrt()
        raise TypeError(f"{NEEDS} powers 2 and 0.5, not {exponent}; {WHOLE}")

    def __bool__(self) -> bool:
        raise TypeError(f"{NEEDS} no branches on values: use masked_fill; {WHOLE}")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{NEEDS} elementwise methods, not {name!r}; {WHOLE}")

    __add__ = add
    __sub__ = sub
    __gt__ = gt
    __lt__ = lt
    __mul__ = mul
    __truediv__ = div
    __neg__ = neg

    # In place: the vector takes the number of the result.
    def _becomes(method: Callable[..., Vector]) -> Callable[..., Vector]:  # type: ignore[misc]
        def in_place(self: Vector, *args: Any, **kwargs: Any) -> Vector:
            self.at = method(self, *args, **kwargs).at
            return self

        in_place.__name__ = method.__name__ + "_"
        in_place.__doc__ = f"`{method.__name__}` in place."
        return in_place

    add_, sub_, mul_, div_ = _becomes(add), _becomes(sub), _becomes(mul), _becomes(div)
    neg_, sqrt_, abs_, sign_ = _becomes(neg), _becomes(sqrt), _becomes(abs), _becomes(sign)
    clamp_, lerp_, copy_ = _becomes(clamp), _becomes(lerp), _becomes(copy)
    addcmul_, addcdiv_, masked_fill_ = _becomes(addcmul), _becomes(addcdiv), _becomes(masked_fill)
    del _becomes


class Formula:
    """A recorded update: `code` over `columns` arrays, of which `outputs` get new values.

    code: (op, operand...) in order; operand k >= 0 is value k (the columns come first, then one
    value per instruction), -k is scalar k - 1. outputs: column -> value. reads: the columns whose
    old value matters.
    """

    def __init__(self, columns: int, code: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        self.columns = columns
        self.code = code
        self.outputs = dict(outputs)
        self.reads = frozenset(r for _, *refs in code for r in refs if 0 <= r < columns)
        self.native: dict[str, Any] = {}  # kernels of native.py, by dtype
        self._bound: dict[Any, list[tuple[Any, Any]]] = {}
        self._allocate()

    def _allocate(self) -> None:
        """Give every value a buffer: a column's own where possible, else few scratch ones."""
        columns, last = self.columns, {}
        for i, (_, *refs) in enumerate(self.code):
            for r in refs:
                last[r] = i
        column_of = {value: column for column, value in self.outputs.items()}
        for value in column_of:
            last[value] = len(self.code)
        where = dict(enumerate(range(columns)))  # value -> buffer
        held = dict(where)  # buffer -> value in it, for buffers in use
        for c in self.outputs:
            if c not in last:
                del held[c]  # an old value that nobody reads
        mask: list[bool] = []  # kind of each scratch buffer
        self.steps: list[tuple[str, int, tuple[int, ...]]] = []
        for i, (op, *refs) in enumerate(self.code):
            value, is_mask = columns + i, op in MASKS
            dying = [where[r] for r in dict.fromkeys(refs) if r >= 0 and last[r] == i]
            # a column that is only read must keep its value
            dying = [b for b in dying if b >= columns or b in self.outputs]
            # `where` first copies its last operand into the result: the other two must outlive that
            usable = [b for b in dying if op != "where" or refs[2] >= 0 and b == where[refs[2]]]
            usable = [b for b in usable if is_mask == (b >= columns and mask[b - columns])]
            home = column_of.get(value)
            if home is not None and (home not in held or home in usable):
                to = home
            elif home is None and usable:
                to = max(usable)
            else:
                free = (columns + k for k, m in enumerate(mask) if m == is_mask)
                to = next((b for b in free if b not in held), -1)
                if to < 0:
                    mask.append(is_mask)
                    to = columns + len(mask) - 1
            operands = tuple(where[r] if r >= 0 else r for r in refs)
            self.steps.append((op, to, operands))
            for b in dying:
                held.pop(b, None)
            where[value] = to
            if value in last:
                held[to] = value
        for column, value in self.outputs.items():
            if where[value] != column:
                self.steps.append(("copy", column, (where[value],)))
        self.scratch = tuple(mask)

    def bind(self, lib: Any) -> list[tuple[Any, Any]]:
        """The steps as (function of lib, getter of its arguments from the list of buffers)."""
        steps = self._bound.get(lib)
        if steps is None:
            scalars = self.columns + len(self.scratch)
            steps = self._bound[lib] = []
            for op, to, refs in self.steps:
                at = [r if r >= 0 else scalars - r - 1 for r in refs]
                f = getattr(lib, UFUNC[op]) if op in UFUNC else _where(lib)
                if op in ("maximum", "minimum"):  # these take no third operand by position
                    f = _with_out(f)
                steps.append((f, itemgetter(*at, to)))
        return steps

    def run_arrays(self, lib: Any, buffers: list[Any]) -> None:
        """Carry out on flat arrays: columns, scratch, scalars (0-dimensional), in this order."""
        for f, operands in self.bind(lib):
            f(*operands(buffers))

    def run_tensors(self, columns: Sequence[Any], scalars: Sequence[Any]) -> dict[int, Any]:
        """Carry out on Tensors, changing none; returns the new value of each output column."""
        values = list(columns)
        for op, *refs in self.code:
            values.append(ON_TENSORS[op](*[values[r] if r >= 0 else scalars[-r - 1] for r in refs]))
        return {column: values[value] for column, value in self.outputs.items()}


def _with_out(f: Callable[..., Any]) -> Callable[..., None]:
    def with_out(x: Any, y: Any, to: Any) -> None:
        f(x, y, out=to)

    return with_out


def _where(lib: Any) -> Callable[..., None]:
    def where(mask: Any, x: Any, y: Any, to: Any) -> None:
        if to is not y:
            lib.copyto(to, y)
        lib.copyto(to, x, where=mask)

    return where


FORMULAS: dict[Any, Formula] = {}


def record(
    update: Callable[[Any, Any, dict[str, Any]], None],
    names: Sequence[str],
    state: dict[str, Any],
    absent: Sequence[str] = (),
) -> tuple[Formula, list[Any]]:
    """Run update on vectors; returns its formula and the values of the formula's scalars.

    names: the state arrays; column 0 is the parameter, column 1 its gradient, then these. state:
    the rest of the state, which update finds together with the arrays, and changes. absent: those
    of names that update finds to be None, and makes.
    """
    columns = 2 + len(names)
    tape = Tape(columns)
    p, g = Vector(tape, 0), Vector(tape, 1)
    for i, name in enumerate(names, 2):
        state[name] = None if name in absent else Vector(tape, i)
    update(p, g, state)
    outputs: dict[int, int] = {}
    taken = set(range(columns))
    for column, v in enumerate([p, None, *(state[name] for name in names)]):
        if v is None or v.at == column:
            continue
        at = v.at
        if at in taken:  # one value for two columns
            at = v._do("copy", v).at
        taken.add(at)
        outputs[column] = at
    key = (columns, tuple(tape.code), tuple(outputs.items()))
    formula = FORMULAS.get(key)
    if formula is None:
        formula = FORMULAS[key] = Formula(*key)
    return formula, tape.scalars
