"""__torch_function__: classes and modes that stand in for public functions (torch.overrides).

Off, it costs nothing. While somebody asks for it (a subclass of Tensor was defined, a mode is
entered, torch.fx traces), the public functions are exchanged in place: each keeps its identity,
wherever it was bound, and its code first looks for who stands in. What takes part in ops, after
parsing, is in `engine/op_modes.py`.
"""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator, contextmanager
from types import CodeType, FunctionType
from typing import Any

from ..arrays.operators import BINARY, COMMUTATIVE, COMPARE, UNARY
from ..base import generated
from ..base.advice import advise
from ..declare.registry import FUNCTIONS
from ..engine import native, op_modes
from ..engine import tensor as engine_tensor
from ..engine.tensor import Tensor
from ..ops.dispatching import DISABLED as NOBODY
from ..ops.dispatching import stands_in as sees_operators
from .handing import handed, with_tensors

OPERATOR = type(int.__add__)
DESCRIPTOR = type(FunctionType.__code__)
ACCESS = ("__get__", "__set__", "__delete__")
PLAIN = frozenset((int, float, bool, str, type(None), complex, Tensor))
PUBLIC = (  # where the functions that users call are found; the first name of one counts
    "", "nn.functional", "linalg", "fft", "special", "nn.init", "sparse", "signal.windows",
    "api.functions",
)  # fmt: skip
# what tells facts or makes tensors out of no tensors
IGNORED = frozenset((
    "is_tensor", "is_storage", "is_grad_enabled", "set_grad_enabled", "get_default_dtype",
    "set_default_dtype", "set_printoptions", "manual_seed", "seed", "initial_seed",
    "get_rng_state", "set_rng_state", "typename", "as_tensor", "from_numpy", "from_dlpack",
    "result_type", "promote_types", "can_cast", "get_num_threads", "set_num_threads", "compile",
    "save", "load", "vmap", "cond", "while_loop", "explain", "as_subclass", "_make_subclass",
    "_cdata", "_make_wrapper_subclass",
    "set_default_device", "get_default_device", "set_default_tensor_type", "__new__",
    "__init__", "__getattr__", "__iter__", "__hash__", "__reduce_ex__",
    "__reduce__", "__setstate__", "__init_subclass__", "__array__", "__dlpack__",
    "__dlpack_device__", "__torch_function__", "__deepcopy__", "__dir__",
))  # fmt: skip

MODES_ONLY = ("torch.tensor",)  # classes are not asked: it copies what they hold


class _Here(threading.local):
    """What one thread has asked for."""

    modes: tuple[Any, ...] = ()  # the innermost last
    classes = True  # whether classes are asked


HERE = _Here()
NAMES: dict[Any, str] = {}  # public function -> its name, "torch.relu"
_kept: dict[Any, tuple[CodeType, Any, Any]] = {}  # exchanged function -> what it was
# f(name, function, args, kwargs): (result,) of a mode that sees operators, or None; set by below.py
below: Callable[..., Any] | None = None
_asked = 0  # how many want functions exchanged
_lock = threading.RLock()


def disabled(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The __torch_function__ of classes that do not stand in."""
    return func(*args, **(kwargs or {}))


DISABLED = classmethod(disabled)


# ---- exchanging functions


@functools.cache
def template(free: int) -> CodeType:
    """Code that hands a call to the function's keyword-only default, with `free` free names.

    They are really free in it: code that only says so leaves a frame without their cells, and who
    looks at the frame's locals crashes.
    """
    names = ", ".join([f"free{i}" for i in range(free)])
    lines = [
        "def outer():",
        f"  {names} = {', '.join(['None'] * free)}" if free else "  pass",
        "  def plain(*args, __override__=None, **kwargs):",
        f"    if __override__ is None: return {names}" if free else "    pass",
        "    return __override__(args, kwargs)",
        "  return plain",
    ]
    made = generated.functions(f"call that looks for overrides, {free} free", lines, {})["outer"]()
    code: CodeType = made.__code__
    return code


def exchange(f: Any, name: str) -> None:
    """Have a function look for who stands in before it runs."""
    NAMES.setdefault(f, name)
    if f in _kept or type(f) is not FunctionType:
        return
    was = (f.__code__, f.__defaults__, f.__kwdefaults__)
    original = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    original.__qualname__ = f.__qualname__  # which errors of Python's name it by
    original.__kwdefaults__ = f.__kwdefaults__
    try:
        f.__code__ = template(len(f.__code__.co_freevars))
    except ValueError:  # its closure cannot be kept
        return
    _kept[f] = was
    if NAMES[f].startswith("torch.Tensor.__") and NAMES[f][13:] not in OPERATORS:
        f.__name__ = NAMES[f][13:]  # who stands in asks for it; entries of ops have the op's name
    ask_for = attribute if NAMES[f].rpartition(".")[2] in ACCESS else call
    f.__defaults__ = None
    f.__kwdefaults__ = {"__override__": functools.partial(ask_for, f, original)}
    if not hasattr(f, "__wrapped__") and "__signature__" not in f.__dict__:
        setattr(f, "__wrapped__", original)  # noqa: B010  (what inspect.signature shows)


def restore() -> None:
    """Give all functions their own code back."""
    for f, (code, defaults, keywords) in _kept.items():
        f.__code__, f.__defaults__, f.__kwdefaults__ = code, defaults, keywords
        if "__wrapped__" in f.__dict__ and f.__wrapped__.__code__ is code:
            del f.__wrapped__
    _kept.clear()


def public_functions() -> Iterator[tuple[str, Any]]:
    """(name, function) of the public functions and methods that exist by now."""
    for place in PUBLIC:
        module = sys.modules.get(f"wengert.{place}".removesuffix("."))
        prefix = f"torch.{place}".removesuffix(".") if place != "api.functions" else "torch"
        names = vars(module) if module is not None else {}
        for name, f in list(names.items()):
            if type(f) is FunctionType and name not in IGNORED and not name.startswith("_"):
                home = getattr(f, "__module__", None) or ""
                inner = place == "api.functions" and name not in FUNCTIONS[""]
                inner = inner or home in ("wengert.api.functions", "wengert.base.advice")
                if home.startswith("wengert") and not inner:
                    yield f"{prefix}.{name}", f
    for name, f in list(vars(Tensor).items()):
        f = native.behind.get(f, f) if type(f) in (OPERATOR, DESCRIPTOR) else f
        if type(f) is FunctionType and name not in IGNORED:
            yield f"torch.Tensor.{name}", f
        elif type(f) is property:
            for way, g in zip(ACCESS, (f.fget, f.fset, f.fdel)):
                if type(g) is FunctionType:
                    yield f"torch.Tensor.{name}.{way}", g


def ask() -> None:
    """Want functions exchanged, until release()."""
    global _asked
    with _lock:
        _asked += 1
        if _asked == 1:
            native.exchange(True)
            for name, f in public_functions():
                exchange(f, name)


def release() -> None:
    """Want it no longer."""
    global _asked
    with _lock:
        _asked -= 1
        if _asked == 0:
            restore()
            native.exchange(False)


def ask_while(x: Any) -> None:
    """Want functions exchanged as long as an object lives."""
    ask()
    weakref.finalize(x, release).atexit = False


def made(f: Any, name: str) -> Any:
    """A public function that was just made; returns it."""
    if _asked and name.rpartition(".")[2] not in IGNORED:
        exchange(f, name)
    return f


# ---- standing in


def call(public: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """A call of an exchanged function."""
    modes = HERE.modes
    if modes:
        mode = modes[-1]
        HERE.modes = modes[:-1]
        try:
            found = overriding(args, kwargs)
            types = tuple(dict.fromkeys([type(a) for a in found]))
            known = as_known(public)
            args, kwargs, python = handed(public, name_of(public), args, kwargs)
            if python:
                types = with_tensors(types, args, kwargs)
            result = mode.__torch_function__(known, types, args, kwargs)
            if result is NotImplemented:
                return dispatch(known, found, args, kwargs, [f"mode object {mode}"])
            return result
        finally:
            HERE.modes = modes
    if HERE.classes:
        found = overriding(args, kwargs)
        if found and name_of(public) not in MODES_ONLY:
            return asked(public, found, args, kwargs)
    if below is not None:
        answer = below(NAMES.get(public, ""), original, args, kwargs)
        if answer is not None:
            return answer[0]
    return original(*args, **kwargs)


def asked(public: Any, found: list[Any], args: Any, kwargs: Any) -> Any:
    """The answer of the arguments that stand in."""
    args, kwargs, python = handed(public, name_of(public), args, kwargs)
    types = tuple([type(x) for x in found])
    if python:
        types = with_tensors(types, args, kwargs)
    return dispatch(as_known(public), found, args, kwargs, types=types)


def name_of(public: Any) -> str:
    """'torch.nn.functional.relu', also of functions that are not exchanged."""
    name = NAMES.get(public)
    if name is None:
        home = (getattr(public, "__module__", None) or "").replace("wengert", "torch", 1)
        name = f"{home}.{getattr(public, '__name__', '')}"
    return name


def attribute(public: Any, original: Any, args: Any, kwargs: Any) -> Any:
    """An attribute of a tensor is read or written. Classes of this library know their own."""
    t = type(args[0])
    if not HERE.modes and (t is Tensor or t.__module__.startswith("wengert.")):
        return original(*args, **kwargs)
    return call(public, original, args, kwargs)


def as_known(public: Any) -> Any:
    """The method that stands for an operator, Tensor.add for Tensor.__add__, and what reads or
    writes an attribute, Tensor.shape.__get__.
    """
    name = NAMES.get(public, "")
    if name.startswith("torch.Tensor.__"):
        word = OPERATORS.get(name[13:])
        return getattr(Tensor, word) if word else public
    home, _, way = name.rpartition(".")
    if way in ACCESS:
        return getattr(vars(Tensor)[home.rpartition(".")[2]], way)
    return public


def known_as(public: Any) -> str:
    """How an error names a function."""
    f = named_by(public)
    return NAMES.get(f) or f"{getattr(f, '__module__', None)}.{getattr(f, '__name__', f)}"


def named_by(f: Any) -> Any:
    """The function that the table of names knows, of what users have: the reverse of as_known."""
    of = getattr(f, "__self__", None)
    of = native.behind.get(of, of) if type(of) is DESCRIPTOR else of
    if type(of) is property and f.__name__ in ACCESS:
        return (of.fget, of.fset, of.fdel)[ACCESS.index(f.__name__)]
    return native.behind.get(f, f) if type(f) is OPERATOR else f


BITS = ("and", "or", "xor", "lshift", "rshift")
OPERATORS = {  # those that PyTorch knows by the method's name; the others by their own
    **{f"__{k}__": v for k, v in BINARY.items() if k not in (*BITS, "floordiv")},
    **{f"__{k}__": k for k in COMPARE},
    **{f"__{k}__": v for k, v in UNARY.items() if k != "invert"},
    **{f"__r{k}__": v for k, v in BINARY.items() if v in COMMUTATIVE},
    **{f"__i{k}__": v + "_" for k, v in BINARY.items() if k not in (*BITS, "matmul")},
    "__pos__": "positive",
}


# what reads attributes that are plain tensors in subclasses too
PLAIN_RESULTS = frozenset([f"torch.Tensor.{n}.__get__" for n in ("grad", "_grad", "_base")])


def stands_in(x: Any) -> bool:
    """Whether the class of x has a __torch_function__ of its own."""
    t = type(x)
    if t in PLAIN:
        return False
    f = getattr(t, "__torch_function__", None)
    return f is not None and getattr(f, "__func__", None) is not disabled


def overriding(args: Any, kwargs: Any) -> list[Any]:
    """The arguments that stand in, one of each class, subclasses first."""
    found: list[Any] = []

    def look(x: Any) -> None:
        if stands_in(x) and not any(type(x) is type(y) for y in found):
            at = next((i for i, y in enumerate(found) if issubclass(type(x), type(y))), len(found))
            found.insert(at, x)

    def looked(s: slice) -> None:
        for x in (s.start, s.stop, s.step):
            look(x)

    for a in (*args, *kwargs.values()) if kwargs else args:
        if type(a) in PLAIN:
            continue
        if isinstance(a, (list, tuple)):
            for x in a:
                if type(x) is slice:
                    looked(x)
                elif type(x) not in PLAIN:
                    look(x)
        elif type(a) is slice:
            looked(a)
        look(a)
    return found


def dispatch(
    public: Any, found: list[Any], args: Any, kwargs: Any, before: list[str] | None = None,
    types: tuple[type, ...] | None = None,
) -> Any:  # fmt: skip
    """Ask the arguments that stand in, in order. before: who was asked in vain already."""
    types = tuple([type(x) for x in found]) if types is None else types
    for x in found:
        result = type(x).__torch_function__(public, types, args, kwargs)
        if result is not NotImplemented:
            return result
    asked = [*(before or ()), *[f"tensor subclass {t}" for t in types]]
    lines = "".join([f"\n  - {who}" for who in asked])
    raise TypeError(
        f"Multiple dispatch failed for '{known_as(public)}'; all __torch_function__ handlers"
        f" returned NotImplemented:\n{lines}"
    )


def refused(public: Any, args: Any, kwargs: Any) -> Any:
    """(result,) of a call that was refused, from arguments that stand in and are no tensors: with
    those alone, functions are never exchanged. None without such.
    """
    found = overriding(args, kwargs) if HERE.classes else []
    if name_of(public) in MODES_ONLY:
        found = []
    return (asked(public, found, args, kwargs),) if found else None


class DisableTorchFunctionSubclass(ContextDecorator):
    """Context manager: no class stands in.

    >>> class Named(torch.Tensor):
    ...     pass
    >>> x = torch.ones(2).as_subclass(Named)
    >>> with torch._C.DisableTorchFunctionSubclass():
    ...     type(x + 1).__name__
    'Tensor'
    """

    def __enter__(self) -> None:
        self.before, HERE.classes = HERE.classes, False

    def __exit__(self, *exc: object) -> None:
        HERE.classes = self.before


class DisableTorchFunction(ContextDecorator):
    """Context manager: neither classes nor modes stand in.

    >>> class Mine(torch.Tensor): ...
    >>> with torch._C.DisableTorchFunction():
    ...     type(torch.ones(2).as_subclass(Mine) + 1).__name__
    'Tensor'
    """

    def __enter__(self) -> None:
        self.before = (HERE.classes, HERE.modes)
        HERE.classes, HERE.modes = False, ()

    def __exit__(self, *exc: object) -> None:
        HERE.classes, HERE.modes = self.before


def torch_function(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Tensor.__torch_function__: run func, and make its tensors tensors of this subclass."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    return result if NAMES.get(named_by(func)) in PLAIN_RESULTS else as_class(result, cls)


def as_class(result: Any, cls: Any) -> Any:
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)):
        parts = [as_class(r, cls) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def subclassed(cls: type) -> None:
    """A subclass of Tensor was defined: if it stands in, functions stay exchanged from now on."""
    f = getattr(cls.__torch_function__, "__func__", None)  # type: ignore[attr-defined]
    if f is torch_function and sees_operators(cls):  # those see operators instead, as in PyTorch
        cls.__torch_function__ = DISABLED  # type: ignore[attr-defined]
    if getattr(cls, "__module__", "").partition(".")[0] == "wengert":
        if "__torch_function__" not in cls.__dict__:
            cls.__torch_function__ = DISABLED  # type: ignore[attr-defined]
    elif getattr(cls.__torch_function__, "__func__", None) is not disabled:  # type: ignore[attr-defined]
        engine_tensor.STANDING.add(cls)
        ask_while(cls)


def setup() -> None:
    """Let Tensor have its __torch_function__, and hear of subclasses."""
    Tensor.__torch_function__ = classmethod(torch_function)  # type: ignore[attr-defined]
    Tensor.__torch_dispatch__ = NOBODY  # type: ignore[attr-defined]
    engine_tensor.on_subclass.append(subclassed)
    op_modes.strangers.append(refused)
    for cls in Tensor.__subclasses__():  # those of this library that are there already
        subclassed(cls)


class TorchFunctionMode:
    """Context manager that is given every public function that is called inside.

    Subclasses define __torch_function__(self, func, types, args=(), kwargs=None); the mode is off
    while it runs.

    >>> class Counting(torch.overrides.TorchFunctionMode):
    ...     calls = 0
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         self.calls += 1
    ...         return func(*args, **(kwargs or {}))
    >>> with Counting() as mode:
    ...     x = torch.ones(2) + 1
    >>> mode.calls
    2
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        ask()
        HERE.modes = (*HERE.modes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        HERE.modes = HERE.modes[:-1]
        release()


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing.

    >>> with torch.overrides.BaseTorchFunctionMode():
    ...     torch.ones(2) + 1
    tensor([2., 2.])
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


# ---- torch.overrides


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether an argument stands in, or a mode is entered.

    relevant_args: its arguments. Tensors have any shape. Raises TypeError where relevant_args is of
    the wrong type.

    >>> torch.overrides.has_torch_function((torch.ones(1),))
    False
    """
    return bool(HERE.modes) or HERE.classes and any([stands_in(a) for a in relevant_args])


def has_torch_function_unary(arg: Any) -> bool:
    """has_torch_function of one argument.

    arg: an argument. A tensor has any shape.

    >>> torch.overrides.has_torch_function_unary(torch.ones(1))
    False
    """
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """has_torch_function of several arguments. Tensors have any shape.

    >>> torch.overrides.has_torch_function_variadic(torch.ones(1), 2)
    False
    """
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask who stands in for a function of one's own.

    public_api: the function. relevant_args: its arguments. Raises TypeError where relevant_args is
    of the wrong type, relevant_args is empty or relevant_args is too short.

    >>> class Answer:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return 42
    >>> def f(x):
    ...     return torch.overrides.handle_torch_function(f, (x,), x)
    >>> f(Answer())
    42
    """
    return call(public_api, public_api, (*args,), kwargs) if HERE.modes else dispatch(
        public_api, overriding(tuple(relevant_args), {}), args, kwargs
    )  # fmt: skip


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for functions of one's own; dispatcher(*args) returns the arguments that count.

    >>> class Answer:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return 42
    >>> @torch.overrides.wrap_torch_function(lambda x: (x,))
    ... def f(x):
    ...     return x
    >>> f(1), f(Answer())
    (1, 42)
    """

    def inner(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


def is_tensor_like(inp: Any) -> bool:
    """Whether inp is a tensor, or stands in for one. A tensor has any shape.

    >>> torch.overrides.is_tensor_like(torch.ones(1)), torch.overrides.is_tensor_like(1)
    (True, False)
    """
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Let those who stand in be asked again inside of themselves.

    >>> with torch.overrides.enable_reentrant_dispatch():
    ...     torch.ones(2).sum()
    tensor(2.)
    """
    before, HERE.classes = HERE.classes, True
    try:
        yield
    finally:
        HERE.classes = before


def redispatch_function(func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Call func again for those who stand in.

    types: the classes of the arguments. args: the arguments. kwargs: the arguments by name. Tensors
    have any shape. Raises TypeError where func cannot be called, args or kwargs is of the wrong
    type or args has another length.

    >>> torch.overrides.redispatch_function(torch.add, (), (torch.ones(2), 1), {})
    tensor([2., 2.])
    """
    advise("redispatch_function is a call of the function itself")
    return func(*args, **(kwargs or {}))
