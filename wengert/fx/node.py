"""Node: one step of a Graph, and the walks over what its arguments hold."""

from __future__ import annotations

import builtins
import inspect
import operator
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..api.assertions import _assert
from ..api.handing import TORCH
from ..api.overridable import resolve_name
from ..api.overrides import NAMES
from ..base import dtypes
from ..declare.registry import FUNCTIONS
from ..engine.error_context import clear_errors
from .immutable_collections import immutable_dict, immutable_list

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Target = Callable[..., Any] | str
Argument = Any
OPS = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
BASE = (str, int, float, bool, complex, type(None), type(...), dtypes.dtype)
_effects: set[Any] = {_assert}
NAMES[_assert] = "torch._assert"


class ArgsKwargsPair(NamedTuple):
    """Arguments by position, and by name."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def has_side_effect(fn: Any) -> Any:
    """Keep calls of a function though nothing uses their results; a decorator too.

    fn: a function, or the name of one.

    >>> torch.fx.has_side_effect(print) is print
    True
    """
    _effects.add(fn)
    return fn


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """fn of everything in nested tuples, lists, dicts and slices that is none of these."""
    if isinstance(a, tuple):
        parts = [map_aggregate(x, fn) for x in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return immutable_list([map_aggregate(x, fn) for x in a])
    if isinstance(a, dict):
        return immutable_dict([(k, map_aggregate(v, fn)) for k, v in a.items()])
    if isinstance(a, slice):
        return slice(*[map_aggregate(x, fn) for x in (a.start, a.stop, a.step)])
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """a with fn applied to every Node in it.

    Raises TypeError where fn cannot be called.

    >>> x = torch.fx.Graph().placeholder("x")
    >>> torch.fx.map_arg(((x, 1), [x]), lambda node: node.name)
    (('x', 1), ['x'])
    """
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


IN_FUNCTIONAL = {f"torch.{n}" for n in TORCH.split() if not n.endswith("_lowrank")}


def qualified_name(func: Callable[..., Any]) -> str:
    """What code calls a function by: torch.relu, operator.add, builtins.getattr."""
    if getattr(func, "namespace", None) == "aten":  # an operator
        return f"torch.ops.{func}"
    name = getattr(func, "__name__", "")
    if getattr(operator, name, None) is func:
        return f"operator.{name}"
    if getattr(builtins, name, None) is func:
        return f"builtins.{name}"
    known = resolve_name(func)
    if known in IN_FUNCTIONAL:  # where PyTorch's code finds them
        return f"torch.functional.{name}"
    if known is None and name and getattr(func, "__module__", None):
        home, space = func.__module__, func.__module__.partition(".")[2]
        if home.split(".")[0] == "wengert" and name in FUNCTIONS.get(space, ()):
            home = f"torch.{space}".removesuffix(".")
        known = f"{home}.{name}"
    return (known or str(name or func)).replace("_operator", "operator")


class Node:
    """One step of a graph: what is done (op, target) to what (args, kwargs).

    op: placeholder, get_attr, call_function, call_module, call_method or output. Changing args or
    kwargs changes the users of the nodes in them.

    name: the name wanted for the node. return_type: the type of the result.

    update_arg raises IndexError where there is no such argument.

    >>> g = torch.fx.symbolic_trace(lambda x, y: torch.add(x, y)).graph
    >>> x, y, add, out = g.nodes
    >>> add.op, add.args, list(add.users)
    ('call_function', (x, y), [output])
    >>> add.is_impure(), add.format_node().startswith("%add")
    (False, True)
    >>> product = g.call_function(torch.mul, (x, 3))
    >>> add.prepend(product)
    >>> add.update_arg(1, product)
    >>> add.update_kwarg("alpha", 2)
    >>> product.insert_arg(1, y)
    >>> product.args
    (x, y, 3)
    >>> add.replace_input_with(product, y)
    >>> out.prepend(product)
    >>> product.append(out)
    >>> args, kwargs = add.normalized_arguments(None)
    >>> add.replace_all_uses_with(x)
    [output]
    >>> print(out.args)
    (x,)
    """

    def __init__(
        self, graph: Graph, name: str, op: str, target: Target, args: Any, kwargs: Any,
        return_type: Any = None,
    ) -> None:  # fmt: skip
        if op not in OPS:
            raise AssertionError(f"unknown op {op!r}: one of {', '.join(OPS)}")
        if op == "call_function" and not callable(target):
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} "
                "but a Callable is expected"
            )
        self.graph, self.name, self.op, self.target, self.type = (
            graph,
            name,
            op,
            target,
            return_type,
        )
        self._prev = self._next = self
        self._erased = False
        self._input_nodes: dict[Node, None] = {}
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._args: Any = ()
        self._kwargs: Any = {}
        self._update(args, kwargs)

    def _update(self, args: Any, kwargs: Any) -> None:
        """New arguments; their nodes know of it."""
        for old in self._input_nodes:
            old.users.pop(self, None)
        self._input_nodes = {}

        def note(n: Node) -> Node:
            self._input_nodes.setdefault(n)
            n.users.setdefault(self)
            return n

        self._args, self._kwargs = map_arg(tuple(args), note), map_arg(dict(kwargs), note)

    @property
    def args(self) -> Any:
        """What the target is called with, by position; nodes stand for their results."""
        return self._args

    @args.setter
    def args(self, value: Any) -> None:
        self._update(value, self._kwargs)

    @property
    def kwargs(self) -> Any:
        """What the target is called with, by name."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value: Any) -> None:
        self._update(self._args, value)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes in args and kwargs, each once."""
        return list(self._input_nodes)

    @property
    def next(self) -> Node:
        """The node behind this one."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    @clear_errors
    def prepend(self, x: Node) -> None:
        """Move x to the place before this node.

        Raises TypeError where x is of the wrong type.
        """
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if x is self:
            return
        x._unlink()
        p = self._prev
        p._next, x._prev = x, p
        x._next, self._prev = self, x

    @clear_errors
    def append(self, x: Node) -> None:
        """Move x to the place behind this node.

        Raises TypeError where x is of the wrong type.
        """
        self._next.prepend(x)

    def _unlink(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    def update_arg(self, idx: int, arg: Any) -> None:
        """Change one argument by position.

        idx: a position. arg: an argument.

        Raises TypeError where idx is of the wrong type; IndexError where idx is out of range.
        """
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Put an argument before the one at a position.

        idx: a position. arg: an argument.

        Raises TypeError where idx is of the wrong type; AssertionError where idx is out of range;
        RuntimeError where idx is a tensor of several numbers.
        """
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Change one argument by name.

        key: a name. arg: an argument.
        """
        self.kwargs = {**self.kwargs, key: arg}

    def replace_all_uses_with(
        self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *, propagate_meta: bool = False,
    ) -> list[Node]:  # fmt: skip
        """Let every user use another node; returns those that were changed.

        replace_with: the node that is used instead. delete_user_cb: for which users.
        propagate_meta: also take over node.meta.
        """
        if propagate_meta:
            for k, v in self.meta.items():
                replace_with.meta.setdefault(k, v)
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use another node in the place of one.

        old_input: the node that was used. new_input: the node that is used instead.
        """
        swap = lambda n: new_input if n is old_input else n
        self._update(map_arg(self._args, swap), map_arg(self._kwargs, swap))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether the node has an effect besides its result.

        impure_random: whether drawing numbers is an effect.
        """
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            name = getattr(self.target, "__name__", "")
            return self.target in _effects or name == "_assert"
        if self.op == "call_method":
            return str(self.target).endswith("_") and not str(self.target).endswith("__")
        if self.op == "call_module":
            root = self.graph.owning_module
            module = root.get_submodule(self.target) if root is not None else None
            return bool(getattr(module, "_is_impure", False))
        return False

    def normalized_arguments(
        self, root: Any, arg_types: Any = None, kwarg_types: Any = None,
        normalize_to_only_use_kwargs: bool = False,
    ) -> Any:  # fmt: skip
        """(args, kwargs) with every argument by name where the signature is known; else None.

        root: the module. arg_types: accepted. kwarg_types: accepted. normalize_to_only_use_kwargs:
        all by name.
        """
        if self.op not in ("call_function", "call_module"):
            return None
        f = self.target if self.op == "call_function" else root.get_submodule(self.target).forward
        try:
            bound = inspect.signature(f).bind(*self.args, **self.kwargs)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return None
        bound.apply_defaults()
        if normalize_to_only_use_kwargs:
            return ArgsKwargsPair((), dict(bound.arguments))
        return ArgsKwargsPair(bound.args, bound.kwargs)

    @property
    def stack_trace(self) -> str | None:
        """Where the node was recorded."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def target_name(self) -> str:
        """The target as text."""
        return self.target if isinstance(self.target, str) else qualified_name(self.target)

    def format_node(
        self, placeholder_names: list[str] | None = None, maybe_return_typename: Any = None,
        *, include_tensor_metadata: bool = False,
    ) -> str | None:  # fmt: skip
        """The line of the node in a printed graph.

        placeholder_names: a list, to which inputs are added. maybe_return_typename: a list of text.
        include_tensor_metadata: with shapes.
        """
        head = f"%{self.name} : [num_users={len(self.users)}] = {self.op}"
        if self.op == "placeholder":
            default = f"(default={self.args[0]})" if self.args else ""
            return f"{head}[target={self.target}]{default}"
        if self.op == "output":
            return f"return {self.args[0]}"
        if self.op == "get_attr":
            return f"{head}[target={self.target_name()}]"
        args, kwargs = shown(self.args), shown(self.kwargs)
        return f"{head}[target={self.target_name()}](args = {args}, kwargs = {kwargs})"

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Node) -> bool:
        at: Node = self
        while at is not other and at.op != "root":
            at = at._next
        return at is other and self is not other

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("nodes are not pickled by themselves: pickle the GraphModule")

    def __deepcopy__(self, memo: Any) -> Node:
        return memo.get(id(self), self)


def shown(a: Any) -> str:
    """Arguments as a printed graph shows them: nodes with a percent sign, strings bare."""
    if isinstance(a, tuple):
        return f"({', '.join(map(shown, a))}{',' * (len(a) == 1)})"
    if isinstance(a, list):
        return f"[{', '.join(map(shown, a))}]"
    if isinstance(a, dict):
        return f"{{{', '.join(f'{k}: {shown(v)}' for k, v in a.items())}}}"
    if isinstance(a, Node):
        return f"%{a.name}"
    if isinstance(a, (types.FunctionType, types.BuiltinFunctionType)):
        return qualified_name(a)
    return str(a)
