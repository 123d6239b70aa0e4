"""A pickle machine that runs nothing of the file: it builds data and calls only what it may.

The instructions are those of pickle's protocols 0 to 5 that data need. Names are looked up in the
table of `safe.py` and nowhere else, so no module is imported on behalf of a file.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from . import safe

_MARK = object()
_DEEPEST = 10_000  # tuples in tuples: pickle itself does not write as many
Step = Callable[["Machine"], None]
STEPS: dict[int, Step] = {}


def on(*codes: bytes) -> Callable[[Step], Step]:
    """Decorator: what an instruction does."""

    def register(f: Step) -> Step:
        for code in codes:
            STEPS[code[0]] = f
        return f

    return register


class _Stop(Exception):
    pass


class Machine:
    """Runs one pickle. stored: what a persistent id stands for."""

    def __init__(self, data: bytes, stored: Callable[[Any], Any], encoding: str = "utf-8") -> None:
        self.data, self.at, self.stored = data, 0, stored
        self.encoding = encoding
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.inner: Any = None  # the last tuple
        self.depth = 0  # how many tuples are in one another there
        self.added = safe.added_names()

    def run(self) -> Any:
        """The object that the pickle describes."""
        data, steps = self.data, STEPS
        try:
            while True:
                code = data[self.at]
                self.at += 1
                step = steps.get(code)
                if step is None:
                    raise UnpicklingError(f"Unsupported operand {code}")
                step(self)
        except _Stop:
            return self.stack.pop()
        except (IndexError, struct.error, KeyError) as e:
            raise UnpicklingError(f"the pickle ends early or is damaged ({e!r})") from e

    # ---- reading

    def take(self, n: int) -> bytes:
        piece = self.data[self.at : self.at + n]
        if len(piece) < n:
            raise UnpicklingError("pickle data was truncated")
        self.at += n
        return piece

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def line(self) -> str:
        end = self.data.index(b"\n", self.at)
        text = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return text

    def since_mark(self) -> list[Any]:
        i = len(self.stack) - 1
        while self.stack[i] is not _MARK:
            i -= 1
            if i < 0:
                raise UnpicklingError("the pickle is damaged: it ends a group that it never began")
        items = self.stack[i + 1 :]
        del self.stack[i:]
        return items

    # ---- names and calls

    def named(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full in self.added:
            return self.added[full]
        if full in safe.ALLOWED:
            return safe.ALLOWED[full]
        root = module.partition(".")[0]
        if root in ("os", "sys", "subprocess", "builtins", "__builtin__", "posix", "nt", "shutil"):
            raise UnpicklingError(
                f"the file wants to call {full}, which data never need: it may be an attack."
            )
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {full} was not an allowed global by default. If you trust "
            f"it, allow it with `torch.serialization.add_safe_globals([{name}])` or the "
            f"`torch.serialization.safe_globals([{name}])` context manager."
        )

    def is_added(self, f: Any) -> bool:
        return any(f is x for x in self.added.values())

    def call(self, f: Any, args: Any, kwargs: Any = None) -> Any:
        if not any(f is x for x in safe.CALLABLE) and not self.is_added(f):
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {f}")
        if f is bytearray and args and not isinstance(args[0], (bytes, str)):
            raise UnpicklingError("bytearray is only made of bytes")
        return f(*args, **(kwargs or {}))

    def new(self, cls: Any, args: Any, kwargs: Any = None) -> Any:
        plain = cls in (OrderedDict, set) if isinstance(cls, type) else False
        if not plain and not self.is_added(cls):
            raise UnpicklingError(f"Trying to create a new object of unrecognized class {cls}")
        return cls.__new__(cls, *args, **(kwargs or {}))


# ------------------------------------------------------------------------------- constants


@on(pickle.PROTO)
def _proto(m: Machine) -> None:
    version = m.take(1)[0]
    if version > pickle.HIGHEST_PROTOCOL:
        raise UnpicklingError(f"unsupported pickle protocol: {version}")


@on(pickle.FRAME)
def _frame(m: Machine) -> None:
    m.take(8)


@on(pickle.STOP)
def _stop(m: Machine) -> None:
    raise _Stop


def _constant(code: bytes, make: Callable[[], Any]) -> None:
    STEPS[code[0]] = lambda m: m.stack.append(make())


_constant(pickle.NONE, lambda: None)
_constant(pickle.NEWTRUE, lambda: True)
_constant(pickle.NEWFALSE, lambda: False)
_constant(pickle.EMPTY_DICT, dict)
_constant(pickle.EMPTY_LIST, list)
_constant(pickle.EMPTY_TUPLE, tuple)
_constant(pickle.EMPTY_SET, set)
_constant(pickle.MARK, lambda: _MARK)


def _literal(code: bytes, read: Callable[[Machine], Any]) -> None:
    STEPS[code[0]] = lambda m: m.stack.append(read(m))


def _old_int(m: Machine) -> Any:
    text = m.line()
    return text == "01" if text in ("00", "01") else int(text)


def _text(m: Machine, form: str) -> str:
    return m.take(m.number(form)).decode("utf-8", "surrogatepass")


def _old_string(m: Machine, form: str) -> Any:
    raw = m.take(m.number(form))
    return raw if m.encoding == "bytes" else raw.decode(m.encoding)


_literal(pickle.INT, _old_int)
_literal(pickle.LONG, lambda m: int(m.line().rstrip("L")))
_literal(pickle.FLOAT, lambda m: float(m.line()))
_literal(pickle.BININT, lambda m: m.number("<i"))
_literal(pickle.BININT1, lambda m: m.number("<B"))
_literal(pickle.BININT2, lambda m: m.number("<H"))
_literal(pickle.LONG1, lambda m: pickle.decode_long(m.take(m.number("<B"))))
_literal(pickle.LONG4, lambda m: pickle.decode_long(m.take(m.number("<I"))))
_literal(pickle.BINFLOAT, lambda m: struct.unpack(">d", m.take(8))[0])
_literal(pickle.UNICODE, lambda m: m.line().encode().decode("raw-unicode-escape"))
_literal(pickle.BINUNICODE, lambda m: _text(m, "<I"))
_literal(pickle.SHORT_BINUNICODE, lambda m: _text(m, "<B"))
_literal(pickle.BINUNICODE8, lambda m: _text(m, "<Q"))
_literal(pickle.SHORT_BINSTRING, lambda m: _old_string(m, "<B"))
_literal(pickle.BINSTRING, lambda m: _old_string(m, "<I"))
_literal(pickle.SHORT_BINBYTES, lambda m: m.take(m.number("<B")))
_literal(pickle.BINBYTES, lambda m: m.take(m.number("<I")))
_literal(pickle.BINBYTES8, lambda m: m.take(m.number("<Q")))
_literal(pickle.BYTEARRAY8, lambda m: bytearray(m.take(m.number("<Q"))))
_literal(pickle.GET, lambda m: m.memo[int(m.line())])
_literal(pickle.BINGET, lambda m: m.memo[m.number("<B")])
_literal(pickle.LONG_BINGET, lambda m: m.memo[m.number("<I")])
_literal(pickle.GLOBAL, lambda m: m.named(m.line(), m.line()))


@on(pickle.PUT)
def _put(m: Machine) -> None:
    m.memo[int(m.line())] = m.stack[-1]


@on(pickle.BINPUT)
def _binput(m: Machine) -> None:
    m.memo[m.number("<B")] = m.stack[-1]


@on(pickle.LONG_BINPUT)
def _long_binput(m: Machine) -> None:
    m.memo[m.number("<I")] = m.stack[-1]


@on(pickle.MEMOIZE)
def _memoize(m: Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


# ------------------------------------------------------------------------------ containers


def _packed(m: Machine, items: tuple[Any, ...]) -> None:
    """Put a tuple on the stack; tuples in tuples take fifty times the memory of their file."""
    depth = 1
    for x in items:
        if x is m.inner:
            depth = m.depth + 1
    if depth > _DEEPEST:
        raise UnpicklingError(f"the pickle is damaged: {depth} tuples within one another")
    m.inner, m.depth = items, depth
    m.stack.append(items)


def _short_tuple(code: bytes, n: int) -> None:
    def step(m: Machine) -> None:
        if len(m.stack) < n:
            raise UnpicklingError("the pickle is damaged: a tuple of more items than there are")
        items = tuple(m.stack[-n:])
        del m.stack[-n:]
        _packed(m, items)

    STEPS[code[0]] = step


_short_tuple(pickle.TUPLE1, 1)
_short_tuple(pickle.TUPLE2, 2)
_short_tuple(pickle.TUPLE3, 3)


@on(pickle.TUPLE)
def _tuple(m: Machine) -> None:
    items = m.since_mark()
    _packed(m, tuple(items))


@on(pickle.LIST)
def _list(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append(items)


@on(pickle.DICT)
def _dict(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append(dict(zip(items[::2], items[1::2])))


@on(pickle.FROZENSET)
def _frozenset(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append(frozenset(items))


@on(pickle.POP)
def _pop(m: Machine) -> None:
    m.stack.pop()


@on(pickle.POP_MARK)
def _pop_mark(m: Machine) -> None:
    m.since_mark()


@on(pickle.DUP)
def _dup(m: Machine) -> None:
    m.stack.append(m.stack[-1])


@on(pickle.APPEND)
def _append(m: Machine) -> None:
    value = m.stack.pop()
    _extend(m, [value])


@on(pickle.APPENDS)
def _appends(m: Machine) -> None:
    items = m.since_mark()
    _extend(m, items)


def _extend(m: Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if type(target) is not list and not m.is_added(type(target)):
        raise UnpicklingError(f"Can only append to lists, but got {type(target)}")
    target.extend(items)


@on(pickle.ADDITEMS)
def _additems(m: Machine) -> None:
    items = m.since_mark()
    if type(m.stack[-1]) is not set:
        raise UnpicklingError(f"Can only add to sets, but got {type(m.stack[-1])}")
    m.stack[-1].update(items)


@on(pickle.SETITEM)
def _setitem(m: Machine) -> None:
    value = m.stack.pop()
    key = m.stack.pop()
    _fill(m, [key, value])


@on(pickle.SETITEMS)
def _setitems(m: Machine) -> None:
    items = m.since_mark()
    _fill(m, items)


def _fill(m: Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if not isinstance(target, dict) and not m.is_added(type(target)):
        raise UnpicklingError(f"Can only set items of dicts, but got {type(target)}")
    for key, value in zip(items[::2], items[1::2]):
        target[key] = value


# --------------------------------------------------------------------------------- objects


@on(pickle.STACK_GLOBAL)
def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.stack.append(m.named(str(module), str(name)))


@on(pickle.REDUCE)
def _reduce(m: Machine) -> None:
    args, f = m.stack.pop(), m.stack.pop()
    m.stack.append(m.call(f, args))


@on(pickle.NEWOBJ)
def _newobj(m: Machine) -> None:
    args, cls = m.stack.pop(), m.stack.pop()
    m.stack.append(m.new(cls, args))


@on(pickle.NEWOBJ_EX)
def _newobj_ex(m: Machine) -> None:
    kwargs, args, cls = m.stack.pop(), m.stack.pop(), m.stack.pop()
    m.stack.append(m.new(cls, args, kwargs))


@on(pickle.BUILD)
def _build(m: Machine) -> None:
    state, target = m.stack.pop(), m.stack[-1]
    if type(target) is OrderedDict:
        target.__dict__.update(state)
    elif m.is_added(type(target)):
        if hasattr(target, "__setstate__"):
            target.__setstate__(state)
            return
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        target.__dict__.update(attributes or {})
        for name, value in (slots or {}).items():
            setattr(target, name, value)
    else:
        raise UnpicklingError(f"Can only build objects of allowed classes, but got {type(target)}")


@on(pickle.BINPERSID)
def _binpersid(m: Machine) -> None:
    m.stack.append(m.stored(m.stack.pop()))
