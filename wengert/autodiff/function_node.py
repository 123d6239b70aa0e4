"""The node and the context of a user-defined Function, and how one is run and recorded.

What does not live here: the class that users derive from (`function.py`), and what it means inside
of function transforms (`function_levels.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ..arrays.lookup import LIBRARY, NS, RANK, default_namespace
from ..base import source
from ..base.dtypes import as_dtype
from ..base.modes import enable_grad, in_transform, no_grad, state
from ..engine import views
from ..engine.node import FUNCTION, FUNCTION_MANY, AccumulateGrad, Node, Slot, freed, tick
from ..engine.tensor import Tensor, tensor_of
from .saved_hooks import HOOKS, Packed


class FunctionCtx:
    """What forward and backward are given as ctx: the node's methods, and whatever the Function
    keeps as attributes. Those are in a dictionary of the node, apart from what the node needs: a
    Function may well call something of its own `shape` or `dtype`.

    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * g
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    __slots__ = ("__dict__", "_node")

    def __init__(self, node: BackwardCFunction) -> None:
        self._node = node
        self.__dict__ = node.own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)


class BackwardCFunction(Node):
    """The node of a Function: its class, named after the Function, derives from this one.

    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    >>> node = Double.apply(torch.ones(2, requires_grad=True)).grad_fn
    >>> node.name(), isinstance(node, torch.autograd.function.BackwardCFunction)
    ('DoubleBackward', True)
    """

    role = FUNCTION
    function: Any = None
    materialize = True

    def __init__(self) -> None:
        self.parents: tuple[Any, ...] = ()
        self.places: list[int] | None = None  # which arguments were tensors
        self.saved = ()
        self.hooks: Any = None
        self.more: Any = None
        self.shape: Any = None
        self.dtype: Any = None
        self.seq = 0
        self.code, self.lasti = None, 0
        self.needs_input_grad: tuple[bool, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._plain: tuple[Any, ...] = ()
        self._keep: tuple[Any, ...] = ()
        self._tangents: tuple[Any, ...] = ()
        self._freed = False
        self._tick = self.level = 0
        self.bare = False  # whether backward runs unrecorded at this level, but not at lower ones
        self.own: dict[str, Any] = {}  # what the Function keeps as attributes of ctx

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["own"][name]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}"
            ) from None

    # ---- for forward

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward, which finds them in saved_tensors.

        tensors: inputs, outputs or intermediate ones, of any shape; or None.

        Raises TypeError for anything else: that may be kept as an attribute of ctx.

        >>> ctx = torch.autograd.function.BackwardCFunction()
        >>> ctx.save_for_backward(torch.ones(2), None)
        >>> ctx.saved_tensors
        (tensor([1., 1.]), None)
        """
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument is of type "
                    f"{type(t).__name__}: keep other values as attributes of ctx"
                )
        self._keep = tuple(tensors)

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for jvp.

        tensors: of any shape, or None.

        >>> torch.autograd.function.BackwardCFunction().save_for_forward(torch.ones(2))
        """
        self._tangents = tuple(tensors)

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs forward changed in place.

        tensors: inputs of forward, of any shape.

        >>> torch.autograd.function.BackwardCFunction().mark_dirty(torch.ones(2))
        """
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient.

        tensors: outputs of forward, of any shape.

        >>> torch.autograd.function.BackwardCFunction().mark_non_differentiable(torch.ones(2))
        """
        self._plain = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Say what backward gets for outputs without gradient.

        value: True for zeros (as unless it is said), False for None.

        >>> torch.autograd.function.BackwardCFunction().set_materialize_grads(False)
        """
        self.materialize = value

    # ---- for backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept."""
        if self._freed:
            raise freed(self)
        out = []
        for s in self._keep:
            if type(s) is Packed:
                t, array = s.tensor(self), None
            elif type(s) is _Output:
                t = tensor_of(s.array)
                t._n = s.slot(self)
                array = s.array
            else:
                t, array = s, None if s is None else s._a
            if array is not None and RANK.get(type(array), LIBRARY) == LIBRARY:
                c = views.changed_since(array, self._tick)
                if c is not None:
                    raise views.stale(self, "saved tensor", array, c)
            if self.bare and t is not None and getattr(t._a, "level", 0) == self.level:
                t = tensor_of(t._a)
            out.append(t)
        return tuple(out)

    saved_variables = saved_tensors

    def pack(self) -> None:
        """Hand what is kept to the hooks of saved_tensors_hooks, if there are any."""
        if HOOKS.pairs:
            self._keep = tuple([self._packed(s, HOOKS.pairs[-1]) for s in self._keep])

    def _packed(self, s: Any, pair: Any) -> Any:
        if s is None:
            return None
        if type(s) is _Output:
            return Packed(s.array, pair, s)
        return Packed(s, pair, s._n)

    def apply_backward(self, g: Any, create: bool, retain: bool) -> Any:
        """Run the user's backward on the gradients of the outputs."""
        came = [
            x if x is None or isinstance(x, Tensor) else tensor_of(NS[type(x)].asarray(x))
            for x in (g if isinstance(g, list) else [g])
        ]
        for hook in list((self.more or {}).get("pre", {}).values()):
            r = hook(tuple(came))
            came = list(r) if r is not None else came
        tensors = list(came)
        if self.materialize:
            facts = (
                zip(self.shape, self.dtype) if isinstance(g, list) else [(self.shape, self.dtype)]
            )
            for i, (shape, dtype) in enumerate(facts):
                if tensors[i] is None and shape is not None:
                    tensors[i] = tensor_of(default_zeros(shape, dtype))
        inside = transformed()
        self.bare = inside and not create
        with enable_grad() if create or inside else no_grad():
            result = (
                self.function.backward(FunctionCtx(self), *tensors)
                if "backward" in dir(self.function)
                else None
            )
        if not retain:
            self._freed = bool(self._keep)
            self._keep = () if self._freed else self._keep
        result = result if isinstance(result, tuple) else (result,)
        n = len(self.parents)
        if len(result) > n and all(r is None for r in result[n:]):
            result = result[:n]
        if len(result) != n:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {n},"
                f" got {len(result)}): backward must return one for each argument of forward (None"
                " for others)"
            )
        for i, (p, r) in enumerate(zip(self.parents, result)):
            if r is not None and not isinstance(r, Tensor):
                raise RuntimeError(
                    f"expected Variable or None (got {type(r).__name__}) as gradient {i} of"
                    f" {self.name()}: backward must return tensors, or None for other arguments"
                )
            if p is not None and r is not None and not broadcastable(tuple(r._a.shape), p.shape):
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {i} - got "
                    f"{list(r._a.shape)} but expected shape compatible with {list(p.shape)}"
                )
        for hook in list((self.more or {}).get("post", {}).values()):
            r = hook(result, tuple(came))
            result = tuple(r) if r is not None else result
        return result if create else tuple([self._array(r) for r in result])

    def _array(self, r: Any) -> Any:
        """The array of a gradient; what is recorded at a lower level stays so."""
        if r is None or r._n is not None and getattr(r._a, "level", 0) < self.level:
            return r
        return r._a


class _Output:
    """A saved output: its array only, so that the node does not refer to its own result."""

    def __init__(self, array: Any, index: int, many: bool) -> None:
        self.array, self.index, self.many = array, index, many

    def slot(self, node: Any) -> Any:
        return (
            Slot(node, self.index, tuple(self.array.shape), self.array.dtype) if self.many else node
        )


class ManyContext(BackwardCFunction):
    """The context of a Function with several outputs."""

    role = FUNCTION_MANY


def default_zeros(shape: Any, dtype: Any) -> Any:
    return default_namespace().zeros(shape, dtype)


def broadcastable(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    """Whether a gradient of one shape can be brought to another by summing."""
    pairs = zip(reversed(have), reversed(want))
    return len(have) >= len(want) and all(a == b or b == 1 for a, b in pairs)


@functools.cache
def node_classes(cls: type) -> tuple[type, type]:
    """The node classes of a Function: for one output, for several."""
    name = cls.__name__ + "Backward"
    facts = {"function": cls, "__module__": "torch.autograd.function", "_forward_cls": cls}
    return type(name, (BackwardCFunction,), facts), type(name, (ManyContext,), facts)


def transformed() -> bool:
    """Whether this is inside of a function transform, whose lower levels may record what the
    topmost does not.
    """
    return state.grad and in_transform()


def run_forward(cls: Any, ctx: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """forward in either of its two forms, unrecorded; inside of transforms, at this level only."""
    with nullcontext() if transformed() else no_grad():
        if cls._root.setup_context is not cls.setup_context:
            out = cls.forward(*args, **kwargs)
            cls.setup_context(FunctionCtx(ctx), args, out)
            return out
        return cls.forward(FunctionCtx(ctx), *args, **kwargs)


def recorded(
    cls: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    forward: Callable[..., Any] = run_forward,
    level: int = 0,
) -> Any:
    """Run a Function and join its outputs to the graph. level: the highest of its arguments; what
    is recorded at lower ones is constant here.
    """
    nodes = tuple([a._n if isinstance(a, Tensor) else None for a in args])
    if level:
        here = [isinstance(a, Tensor) and getattr(a._a, "level", 0) == level for a in args]
        nodes = tuple([n if h else None for n, h in zip(nodes, here)])
    recording = state.grad and any(n is not None for n in nodes)
    one, several = node_classes(cls)
    ctx = one()
    ctx.needs_input_grad = tuple([n is not None for n in nodes])
    out = forward(cls, ctx, args, kwargs)
    many = isinstance(out, (tuple, list))
    outs = list(out) if many else [out]
    for t in ctx._dirty:
        if not any([t is o for o in outs]):
            raise RuntimeError(
                f"{cls.__name__}: Some elements marked as dirty during the forward method were not"
                " returned as output. The inputs that are modified inplace must all be outputs of"
                " the Function."
            )
        views.mutated(t)
        if recording and type(t._n) is AccumulateGrad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation."
            )
    if not recording:
        return out
    if many:
        ctx.__class__ = several
        ctx.shape = tuple([tuple(t._a.shape) if isinstance(t, Tensor) else None for t in outs])
        ctx.dtype = tuple([t._a.dtype if isinstance(t, Tensor) else None for t in outs])
    elif isinstance(out, Tensor):
        ctx.shape, ctx.dtype = tuple(out._a.shape), out._a.dtype
    ctx.parents, ctx.places = nodes, [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    ctx.seq = ctx._tick = tick()
    ctx.code, ctx.lasti = source.here(3)
    ctx.level = level
    kept = {id(t): i for i, t in enumerate(outs) if isinstance(t, Tensor)}
    given = [a for a in args if isinstance(a, Tensor)]
    inputs = {id(a) for a in given}
    ctx._keep = tuple(
        [
            _Output(s._a, kept[id(s)], many) if id(s) in kept and id(s) not in inputs else s
            for s in ctx._keep
        ]
    )
    ctx.pack()
    plain = {id(t) for t in ctx._plain}
    dirty = {id(t) for t in ctx._dirty}
    for i, t in enumerate(outs):
        if not isinstance(t, Tensor):
            continue
        view = id(t) in inputs or type(t._x) is views.View
        if id(t) in inputs and id(t) not in dirty or t._n is not None and id(t) not in dirty:
            t = outs[i] = tensor_of(t._a)  # an input handed through, or a tensor from elsewhere
        if id(t) in plain or not as_dtype(t._a.dtype).is_inexact:
            continue
        node = Slot(ctx, i, ctx.shape[i], ctx.dtype[i]) if many else ctx
        if id(t) in dirty:
            views.rebase(t, node)
        else:
            t._n = node
            t._x = None
            shared = [a for a in given if views.owner(a._a) is views.owner(t._a)] if view else ()
            if shared:
                views.hand_on(shared[0], t)
    ctx._plain = ctx._dirty = ()
    return type(out)(outs) if many else outs[0]


def down(t: Tensor) -> Any:
    """The raw array of an unrecorded tensor, else the tensor itself."""
    return t if t._n is not None else t._a
