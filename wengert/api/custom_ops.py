"""Operators that users define: what one is, its schema, its call. torch.library is in `library.py`.

An operator is found as torch.ops.NAMESPACE.NAME. Its kernels are Python functions, one for all
devices or one for each; its derivative is a pair of functions. Nothing is compiled.
"""

from __future__ import annotations

import collections.abc
import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

from ..autodiff.function import Function
from ..base import dtypes
from ..base.devices import device as device_
from ..base.pytree import tree_leaves
from ..engine.op_modes import seen_whole
from ..engine.tensor import Tensor
from ..ops.operator_names import OPERATORS

TYPES = {
    Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str",
    complex: "Scalar", dtypes.dtype: "ScalarType", device_: "Device",
}  # fmt: skip


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: Any, op_name: str | None = None,
    tags: Any = (),
) -> str:  # fmt: skip
    """The schema of an operator from the annotations of a function.

    prototype_function: a function with annotations. op_name: the name of the operator. tags:
    accepted.

    Raises TypeError where prototype_function cannot be called or mutates_args is of the wrong type.

    >>> def f(x: torch.Tensor, n: int = 2) -> torch.Tensor: ...
    >>> torch.library.infer_schema(f, mutates_args=())
    '(Tensor x, SymInt n=2) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    words, keyword = [], False
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not keyword:
            words.append("*")
            keyword = True
        if p.name not in hints:
            raise ValueError(
                f"infer_schema(func): Parameter {p.name} must have a type annotation. Got func "
                f"with signature {signature}"
            )
        word = schema_type(hints[p.name], p.name, signature)
        if mutates_args == "unknown" or p.name in mutates_args:
            word = word.replace("Tensor", f"Tensor(a{len(words)}!)", 1)
        default = "" if p.default is p.empty else f"={shown(p.default)}"
        words.append(f"{word} {p.name}{default}")
    returned = hints.get("return", type(None))
    inside = typing.get_args(returned) if typing.get_origin(returned) is tuple else (returned,)
    outs = [schema_type(r, "return", signature) for r in inside if r is not type(None)]
    result = outs[0] if len(outs) == 1 else f"({', '.join(outs)})"
    return f"{op_name or ''}({', '.join(words)}) -> {result}"


def shown(default: Any) -> str:
    """A default as schemas write it."""
    return f'"{default}"' if isinstance(default, str) else repr(default)


def schema_type(hint: Any, name: str, signature: Any) -> str:
    """The word for an annotation; ValueError if operators do not take it."""
    if hint in TYPES:
        return TYPES[hint]
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        rest = [t for t in inside if t is not type(None)]
        if len(rest) == 1 and len(inside) == 2:
            return schema_type(rest[0], name, signature) + "?"
        if set(rest) <= {int, float, bool}:
            return "Scalar"
    if origin in (list, collections.abc.Sequence) and len(inside) == 1:
        return schema_type(inside[0], name, signature) + "[]"
    raise ValueError(
        f"infer_schema(func): Parameter {name} has unsupported type {hint}. The valid types are: "
        f"{[t.__name__ for t in TYPES]}, and Optional and Sequence of them. Got func with "
        f"signature {signature}"
    )


class CustomOpDef:
    """An operator defined in Python: call it, or register more for it.

    qualname: "namespace::name". schema: "(Tensor x) -> Tensor". fn: the function; None: for use as
    a decorator.

    Raises TypeError where fn cannot be called.

    >>> @torch.library.custom_op("docs::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return 2 * x
    >>> torch.ops.docs.double(torch.ones(1))
    tensor([2.])
    >>> @torch.library.custom_op("shown::twice", mutates_args=())
    ... def twice(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> keep = twice.register_kernel("cpu", lambda x: x + x)
    >>> keep = twice.register_fake(lambda x: torch.empty_like(x))
    >>> twice.register_autograd(lambda ctx, g: 2 * g)
    >>> keep = twice.register_vmap(lambda info, dims, x: (twice(x), dims[0]))
    >>> keep = twice.register_autocast("cpu", torch.float32)
    >>> x = torch.ones(2, requires_grad=True)
    >>> twice(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, qualname: str, schema: str, fn: Callable[..., Any] | None = None) -> None:
        self._qualname, self._schema, self._init_fn = qualname, schema, fn
        self._name = qualname.partition("::")[2]
        self._kernels: dict[str | None, Callable[..., Any]] = {} if fn is None else {None: fn}
        self._fake: Callable[..., Any] | None = None
        self._function: Any = None
        self._setup: Callable[..., Any] | None = None
        self._backward: Callable[..., Any] | None = None
        self._vmap: Callable[..., Any] | None = None
        self.autocast: dict[str, dtypes.dtype] = {}  # device type -> what its inputs are cast to
        self._seen = seen_whole(self._differentiated, self)  # by modes, where there are some
        self._mutated = re.findall(r"Tensor\(\w+!\)\S* (\w+)", schema)
        self.__name__ = self._name
        self.__doc__ = getattr(fn, "__doc__", None)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __getattr__(self, overload: str) -> CustomOpDef:
        if overload.startswith("_") or overload not in ("default", "out"):
            raise AttributeError(
                f"The underlying op of '{self._qualname}' has no overload name '{overload}'"
            )
        return self

    # ---- registering

    def register_kernel(self, device_types: Any, fn: Any = None, /) -> Any:
        """Give the function for some devices ("cpu", ["cpu", "cuda"], None for all).

        device_types: 'cpu', several, or None for all. fn: the function; None: for use as a
        decorator.

        Raises TypeError where device_types is of the wrong type.
        """
        if fn is None:
            return lambda f: self.register_kernel(device_types, f)
        kinds = [device_types] if device_types is None or isinstance(device_types, str) else (
            device_types
        )  # fmt: skip
        self._kernels.update(dict.fromkeys(kinds, fn))
        return fn

    def register_fake(self, fn: Any, /) -> Any:
        """Give the function that makes results of the right shape, for the meta device.

        fn: the function; None: for use as a decorator.
        """
        self._fake = fn
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Give the derivative: setup_context(ctx, inputs, output) keeps what backward(ctx, *grads)
        needs, which returns a gradient for each input.
        """
        if self._mutated:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self} with schema "
                f"{self._schema}. Please create a functional operator and register an autograd "
                "formula for that."
            )
        self._backward, self._setup, self._function = backward, setup_context, None

    def register_vmap(self, func: Any = None) -> Any:
        """Give the rule for vmap: func(info, in_dims, *args) -> (output, out_dims)."""
        if func is None:
            return self.register_vmap
        self._vmap, self._function = func, None
        return func

    def register_autocast(self, device_type: str, cast_inputs: Any) -> None:
        """Say which dtype floating inputs are cast to under autocast, which is off meanwhile.

        device_type: 'cpu' or 'cuda'. cast_inputs: a dtype. RuntimeError for another device.

        Raises ValueError where device_type is of the wrong type.
        """
        if not isinstance(device_type, str):
            raise ValueError(
                f"Expected `device_type` of type `str`, got: `{type(device_type)}`: write 'cpu' or "
                "'cuda'"
            )
        if device_type not in ("cpu", "cuda"):
            raise RuntimeError(
                f"Expected one of cpu, cuda device type at start of device string: {device_type}"
            )
        self.autocast[device_type] = cast_inputs

    def register_torch_dispatch(self, torch_dispatch_class: Any, fn: Any = None, /) -> Any:
        """Give the rule for a subclass; accepted.

        torch_dispatch_class: a subclass of Tensor. fn: the function; None: for use as a decorator.

        >>> @torch.library.custom_op("shown::thrice", mutates_args=())
        ... def thrice(x: torch.Tensor) -> torch.Tensor:
        ...     return x * 3
        >>> class Own(torch.Tensor):
        ...     pass
        >>> rule = lambda mode, func, types, args, kwargs: "met"
        >>> keep = thrice.register_torch_dispatch(Own, rule)
        """
        return (lambda f: f) if fn is None else fn

    # ---- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._seen(*args, **kwargs)

    def _differentiated(self, *args: Any, **kwargs: Any) -> Any:
        """The operator with its derivative, where one is needed."""
        if self._init_fn is not None and kwargs:
            bound = inspect.signature(self._init_fn).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if not any(t._n is not None for t in tensors) or kwargs or self._mutated:
            return self._run(*args, **kwargs)
        if self._function is None:
            self._function = as_function(self)
        return self._function.apply(*args)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        where = tensors[0].device.type if tensors else None
        f = self._fake if where == "meta" and self._fake is not None else None
        f = f or self._kernels.get(where) or self._kernels.get(None)
        if f is None:
            raise NotImplementedError(
                f"{self._qualname}: there is no kernel for the device {where!r}: register one with "
                "torch.library.register_kernel"
            )
        out = f(*args, **kwargs)
        for o in tree_leaves(out):
            if any(o is t for t in tensors):
                raise RuntimeError(
                    f"{self._qualname} (with implementation in {f.__module__}): The output of this "
                    "custom operator must not also be an input to this custom operator and may not "
                    "alias any inputs to this custom operator or other returns. Try returning "
                    "output.clone()"
                )
        return out


def as_function(op: CustomOpDef) -> Any:
    """The Function that runs an operator and its derivative."""

    def forward(*args: Any) -> Any:
        return op._run(*args)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        if op._setup is not None:
            op._setup(ctx, inputs, output)

    def backward(ctx: Any, *grads: Any) -> Any:
        if op._backward is None:
            raise RuntimeError(
                f"Trying to backward through {op._qualname}.default but no autograd formula was "
                "registered. If this is a bug in your operator, use register_autograd to add one."
            )
        return op._backward(ctx, *grads)

    facts: dict[str, Any] = {
        "forward": staticmethod(forward), "setup_context": staticmethod(setup_context),
        "backward": staticmethod(backward), "__module__": "torch.library",
    }  # fmt: skip
    if op._vmap is not None:
        facts["vmap"] = staticmethod(op._vmap)
    name = f"GeneratedBackwardFor_{op._qualname.replace('::', '_')}_default"
    return type(name, (Function,), facts)


def split_name(qualname: str) -> tuple[str, str]:
    """(namespace, name) of "namespace::name"."""
    namespace, colons, name = qualname.partition("::")
    if not colons or not namespace or not name:
        raise ValueError(f"Expected torch op name {qualname!r} to be of the form 'namespace::name'")
    return namespace, name.partition(".")[0]


def defined(qualname: str, schema: str, fn: Any = None) -> CustomOpDef:
    """Enter an operator under its name; the last definition counts."""
    namespace, name = split_name(qualname)
    op = CustomOpDef(f"{namespace}::{name}", schema, fn)
    OPERATORS.setdefault(namespace, {})[name] = op
    return op


def find(op: Any) -> CustomOpDef:
    """The operator of a name, or the operator itself. RuntimeError if there is none."""
    if isinstance(op, CustomOpDef):
        return op
    namespace, name = split_name(op)
    found = OPERATORS.get(namespace, {}).get(name)
    if found is None:
        raise RuntimeError(
            f"operator {op} does not exist: define it first with torch.library.custom_op or define"
        )
    return found
