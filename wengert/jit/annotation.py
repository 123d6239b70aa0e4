"""What is written in code for torch.jit: decorators and annotations, which change nothing here."""

from __future__ import annotations

import builtins
import typing
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..base.futures import Future
from ..engine.error_context import clear_errors

__all__ = [
    "Attribute", "Final", "annotate", "export", "fork", "ignore", "interface", "isinstance",
    "script_method", "strict_fusion", "unused", "wait", "weak_module", "weak_script",
    "weak_script_method",
]  # fmt: skip


class Attribute(NamedTuple):
    """A value with its type, for an attribute of a ScriptModule.

    >>> torch.jit.Attribute(3, int)
    Attribute(value=3, type=<class 'int'>)
    """

    value: Any
    type: Any


def annotate(the_type: Any, the_value: Any) -> Any:
    """the_value: its type is known at run time anyway.

    the_type: a type.

    >>> torch.jit.annotate(int, 3)
    3
    """
    return the_value


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method that is to be kept besides forward.

    fn: the function.

    >>> class Net(nn.Module):
    ...     @torch.jit.export
    ...     def twice(self, x: torch.Tensor):
    ...         return 2 * x
    >>> torch.jit.script(Net()).twice(torch.ones(1))
    tensor([2.])
    """
    return fn


def weak_script(fn: Callable[..., Any]) -> Callable[..., Any]:
    """fn as it is: until 1.2 the mark of what was scripted when a script called it.

    fn: the function.

    >>> torch.jit.weak_script(abs) is abs
    True
    """
    return fn


def weak_script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """fn as it is: until 1.2 the mark of methods of classes under weak_module.

    fn: the method.

    >>> torch.jit.weak_script_method(abs) is abs
    True
    """
    return fn


def weak_module(cls: Any) -> Any:
    """cls as it is: until 1.2 the mark of modules that were scripted within scripted ones.

    cls: the class.

    >>> torch.jit.weak_module(nn.ReLU) is nn.ReLU
    True
    """
    return cls


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that is not to be compiled.

    fn: the function.

    >>> @torch.jit.unused
    ... def told(x):
    ...     return x
    >>> told(3)
    3
    """
    return fn


def _overload(func: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a form of a function that a later one of its name carries out: the last one is called.

    >>> @torch.jit._overload
    ... def twice(x: torch.Tensor) -> torch.Tensor: ...
    >>> def twice(x):
    ...     return x * 2
    """
    return func


_overload_method = _overload  # the same for methods


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Mark a function that stays Python: @ignore, @ignore() or @ignore(drop=True).

    >>> @torch.jit.ignore
    ... def told(x):
    ...     return x
    >>> told(3)
    3
    """
    return drop if callable(drop) else lambda fn: fn


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method of a ScriptModule.

    fn: the function.

    >>> class Doubled(torch.jit.ScriptModule):
    ...     @torch.jit.script_method
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Doubled()(torch.ones(1))
    tensor([2.])
    """
    return fn


def interface(obj: type) -> type:
    """Mark a class that says which methods modules have.

    obj: what is asked about, or the class.

    >>> @torch.jit.interface
    ... class Takes(nn.Module):
    ...     def forward(self, x: torch.Tensor) -> torch.Tensor:
    ...         pass
    """
    return obj


def isinstance(obj: Any, target_type: Any) -> bool:  # noqa: A001
    """isinstance that knows List[int], Dict[str, Tensor], Optional[...] and tuples of types.

    obj: what is asked about, or the class. target_type: a type, or a tuple of them.

    Raises TypeError where target_type is of the wrong type.

    >>> from typing import List
    >>> torch.jit.isinstance([1, 2], List[int]), torch.jit.isinstance([1.0], List[int])
    (True, False)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, inside = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        return builtins.isinstance(obj, target_type)
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        return any(obj is None if t is type(None) else isinstance(obj, t) for t in inside)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inside[0]) and isinstance(v, inside[1]) for k, v in obj.items())
    if origin is tuple:
        return len(obj) == len(inside) and all(isinstance(v, t) for v, t in zip(obj, inside))
    return all(isinstance(v, inside[0]) for v in obj)


class strict_fusion:
    """Context manager: accepted.

    >>> with torch.jit.strict_fusion():
    ...     torch.ones(2) + 1
    tensor([2., 2.])
    """

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None: ...


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """func(*args, **kwargs) as a future; it is run at once.

    Tensors have any shape. Raises nothing itself: an error of func is raised where the future is
    waited for.

    >>> torch.jit.wait(torch.jit.fork(torch.add, torch.ones(1), 1))
    tensor([2.])
    """
    done: Future[Any] = Future()
    try:
        done.set_result(func(*args, **kwargs))
    except Exception as error:
        done.set_exception(error)
    return done


@clear_errors
def wait(future: Future) -> Any:
    """The value of a future.

    Raises the error that the future ended with, and TypeError for what is no future.

    >>> torch.jit.wait(torch.jit.fork(max, 1, 2))
    2
    """
    return future.wait()
