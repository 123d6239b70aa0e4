"""torch.library: enters operators that users define, and registers more for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.aliases import alias
from ..base.pytree import tree_leaves
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .custom_ops import CustomOpDef, defined, find, infer_schema

_KEYS = {"CPU": "cpu", "CUDA": "cuda", "Meta": "meta"}


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: Any,
    device_types: Any = None, schema: str | None = None, tags: Any = None,
) -> Any:  # fmt: skip
    """Make an operator of a Python function; a decorator without it.

    name: "namespace::name"; mutates_args: names of the arguments that it changes in place;
    device_types: where the function can run (default: everywhere); schema: instead of annotations.
    fn: the function; None: for use as a decorator. tags: accepted.

    Raises ValueError where a parameter of the function has no annotation.

    >>> @torch.library.custom_op("shown::squared", mutates_args=())
    ... def squared(x: torch.Tensor) -> torch.Tensor:
    ...     return x * x
    >>> squared(torch.tensor([3.0])), torch.ops.shown.squared(torch.tensor([2.0]))
    (tensor([9.]), tensor([4.]))
    """

    def make(f: Callable[..., Any]) -> CustomOpDef:
        text = schema or infer_schema(f, mutates_args=mutates_args)
        op = defined(name, text, f)
        if device_types is not None:
            op._kernels.clear()
            op.register_kernel(device_types, f)
        return op

    return make if fn is None else make(fn)


def triton_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: Any,
    schema: str | None = None,
) -> Any:  # fmt: skip
    """custom_op for a function that calls Triton's kernels, which are not available here.

    name: "namespace::name". fn: the function; None: for use as a decorator. mutates_args: the names
    of the arguments that are changed. schema: "(Tensor x) -> Tensor".

    Raises ValueError where a parameter of the function has no annotation.

    >>> @torch.library.triton_op("shown::plus_one", mutates_args=())
    ... def plus_one(x: torch.Tensor) -> torch.Tensor:
    ...     return x + 1
    >>> plus_one(torch.zeros(2))
    tensor([1., 1.])
    """
    return custom_op(name, fn, mutates_args=mutates_args, schema=schema)


def wrap_triton(triton_kernel: Any, /) -> Any:
    """Not available: raises RuntimeError.

    triton_kernel: a kernel.

    >>> torch.library.wrap_triton(lambda x: x)
    Traceback (most recent call last):
        ...
    RuntimeError: wrap_triton: Triton's kernels cannot be run here: write the ...
    """
    raise RuntimeError(
        "wrap_triton: Triton's kernels cannot be run here: write the operator with tensors, or "
        "with CuPy's RawKernel"
    )


@clear_errors
def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Enter an operator by name and schema; its kernels come with impl().

    qualname: "namespace::name". lib: accepted. tags: accepted.

    Raises TypeError where schema is of the wrong type; ValueError where qualname has no namespace.

    >>> torch.library.define("shown::half", "(Tensor x) -> Tensor")
    >>> keep = torch.library.impl("shown::half", "cpu", lambda x: x / 2)
    >>> torch.ops.shown.half(torch.ones(2))
    tensor([0.5000, 0.5000])
    """
    defined(qualname, schema)


def impl(qualname: str, types: Any, func: Any = None, *, lib: Any = None) -> Any:
    """Give an operator's function for device types ("cpu", "cuda", "default" for all).

    qualname: "namespace::name". func: the function; None: for use as a decorator. lib: accepted.

    Raises ValueError where qualname has no namespace, RuntimeError where there is no such operator.

    >>> torch.library.define("shown::minus", "(Tensor x) -> Tensor")
    >>> @torch.library.impl("shown::minus", "default")
    ... def minus(x):
    ...     return -x
    >>> torch.ops.shown.minus(torch.ones(2))
    tensor([-1., -1.])
    """
    if func is None:
        return lambda f: impl(qualname, types, f, lib=lib)
    kinds = [types] if isinstance(types, str) else types
    for kind in kinds:
        place = _KEYS.get(kind, kind)
        everywhere = place in ("default", "CompositeExplicitAutograd", "CompositeImplicitAutograd")
        find(qualname).register_kernel(None if everywhere else place, func)
    return func


register_kernel = alias(impl, "register_kernel")


@clear_errors
def register_fake(
    op: Any, func: Any = None, /, *, lib: Any = None, _stacklevel: int = 1,
    allow_override: bool = False,
) -> Any:  # fmt: skip
    """Give the function that makes results of the right shape, for the meta device.

    op: the operator, or its name. func: the function; None: for use as a decorator. lib: accepted.
    allow_override: accepted.

    Raises ValueError where op is unknown; TypeError where op is of the wrong type.

    >>> torch.library.define("shown::rows", "(Tensor x) -> Tensor")
    >>> keep = torch.library.impl("shown::rows", "cpu", lambda x: x.sum(1))
    >>> keep = torch.library.register_fake("shown::rows", lambda x: x.new_empty(x.shape[:1]))
    >>> torch.ops.shown.rows(torch.ones(2, 3, device="meta")).shape
    torch.Size([2])
    """
    if func is None:
        return lambda f: register_fake(op, f)
    return find(op).register_fake(func)


impl_abstract = alias(register_fake, "impl_abstract")


@clear_errors
def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None
) -> None:
    """Give an operator's derivative; see CustomOpDef.register_autograd.

    op: the operator, or its name. backward: a function of ctx and gradients. setup_context: keeps
    what backward needs. lib: accepted.

    Raises ValueError where op is unknown; TypeError where op is of the wrong type.

    >>> torch.library.define("shown::cubed", "(Tensor x) -> Tensor")
    >>> keep = torch.library.impl("shown::cubed", "cpu", lambda x: x**3)
    >>> def keep_x(ctx, inputs, output):
    ...     ctx.save_for_backward(*inputs)
    >>> def backward(ctx, g):
    ...     return 3 * ctx.saved_tensors[0] ** 2 * g
    >>> torch.library.register_autograd("shown::cubed", backward, setup_context=keep_x)
    >>> x = torch.tensor([2.0], requires_grad=True)
    >>> torch.ops.shown.cubed(x).backward()
    >>> x.grad
    tensor([12.])
    """
    find(op).register_autograd(backward, setup_context=setup_context)


@clear_errors
def register_vmap(op: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """Give an operator's rule for vmap.

    op: the operator, or its name. func: the function; None: for use as a decorator. lib: accepted.

    Raises ValueError where op is unknown; TypeError where op is of the wrong type.

    >>> torch.library.define("shown::plus", "(Tensor x) -> Tensor")
    >>> keep = torch.library.impl("shown::plus", "cpu", lambda x: x + 1)
    >>> rule = lambda info, in_dims, x: (torch.ops.shown.plus(x), in_dims[0])
    >>> keep = torch.library.register_vmap("shown::plus", rule)
    >>> torch.vmap(torch.ops.shown.plus)(torch.zeros(2, 1)).tolist()
    [[1.0], [1.0]]
    """
    if func is None:
        return lambda f: register_vmap(op, f)
    return find(op).register_vmap(func)


@clear_errors
def register_autocast(op: Any, device_type: str, cast_inputs: Any, /, *, lib: Any = None) -> None:
    """Say which dtype an operator's floating inputs are cast to under autocast.

    op: the operator, or its name. device_type: 'cpu' or 'cuda'. cast_inputs: a dtype. lib:
    accepted.

    Raises ValueError where op is unknown or device_type is of the wrong type; RuntimeError where
    device_type is unknown; TypeError where op is of the wrong type.

    >>> torch.library.define("shown::same", "(Tensor x) -> Tensor")
    >>> keep = torch.library.impl("shown::same", "cpu", lambda x: x.clone())
    >>> torch.library.register_autocast("shown::same", "cpu", torch.bfloat16)
    >>> with torch.autocast("cpu"):
    ...     torch.ops.shown.same(torch.ones(1))
    tensor([1.], dtype=torch.bfloat16)
    """
    find(op).register_autocast(device_type, cast_inputs)


def register_torch_dispatch(
    op: Any, torch_dispatch_class: Any, func: Any = None, /, *, lib: Any = None
) -> Any:
    """Give the rule for a subclass; accepted.

    op: the operator, or its name. torch_dispatch_class: a subclass of Tensor. func: the function;
    None: for use as a decorator. lib: accepted.

    >>> class Logged(torch.Tensor):
    ...     pass
    >>> torch.library.define("shown::named", "(Tensor x) -> Tensor")
    >>> rule = lambda mode, func, types, args, kwargs: "met"
    >>> keep = torch.library.register_torch_dispatch("shown::named", Logged, rule)
    """
    return (lambda f: f) if func is None else func


class FakeContext:
    """What get_ctx() gives inside of a fake: sizes that depend on values."""

    def new_dynamic_size(self, *, min: int = 0, max: int | None = None) -> int:
        """A size that is not known: the smallest that it may be."""
        return min

    create_unbacked_symint = new_dynamic_size


def get_ctx() -> FakeContext:
    """The context of the fake that is being called.

    >>> torch.library.define("shown::found", "(Tensor x) -> Tensor")
    >>> @torch.library.register_fake("shown::found")
    ... def fake(x):
    ...     return x.new_empty([torch.library.get_ctx().new_dynamic_size()])
    """
    return FakeContext()


@clear_errors
def opcheck(
    op: Any, args: Any, kwargs: Any = None, *, test_utils: Any = "ALL",
    raise_exception: bool = True, atol: float | None = None, rtol: float | None = None,
) -> dict[str, str]:  # fmt: skip
    """Try an operator: that it runs, that its derivative does, and that its fake has the shapes.

    Returns test -> "SUCCESS"; raises what went wrong, or returns it with raise_exception=False.

    op: the operator, or its name. args: its arguments. kwargs: its keyword arguments. test_utils:
    which tries are made. atol: the absolute difference that is allowed. rtol: the relative
    difference that is allowed.

    Tensors have any shape that the operator takes. Raises TypeError where args or test_utils is of
    the wrong type or args has another length.

    >>> @torch.library.custom_op("shown::doubled", mutates_args=())
    ... def doubled(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> keep = doubled.register_fake(lambda x: torch.empty_like(x))
    >>> torch.library.opcheck(doubled, (torch.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    op, kwargs = find(op), kwargs or {}
    tests = {"test_schema": _tries_call, "test_autograd_registration": _tries_backward,
             "test_faketensor": _tries_fake}  # fmt: skip
    results: dict[str, Any] = {}
    for name, test in tests.items():
        if test_utils not in ("ALL", name) and name not in test_utils:
            continue
        try:
            test(op, args, kwargs)
            results[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise
            results[name] = error
    return results


def _tries_call(op: CustomOpDef, args: Any, kwargs: Any) -> None:
    op(*args, **kwargs)


def _tries_backward(op: CustomOpDef, args: Any, kwargs: Any) -> None:
    if op._backward is not None:
        outs = [o for o in tree_leaves(op(*args, **kwargs)) if isinstance(o, Tensor)]
        for o in outs:
            if o.requires_grad:
                o.sum().backward()


def _tries_fake(op: CustomOpDef, args: Any, kwargs: Any) -> None:
    if op._fake is None:
        return
    real, fake = op._run(*args, **kwargs), op._fake(*args, **kwargs)
    for a, b in zip(tree_leaves(real), tree_leaves(fake)):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            raise AssertionError(
                f"{op._qualname}: the fake gives {b.dtype}{list(b.shape)} where the operator gives "
                f"{a.dtype}{list(a.shape)}"
            )


class Library:
    """Operators of one namespace, defined and implemented by name.

    ns: the namespace; kind: DEF, IMPL or FRAGMENT, all the same here. dispatch_key: 'CPU', 'CUDA'
    or 'Meta'; empty: all others.

    Raises ValueError where kind is unknown.

    >>> lib = torch.library.Library("shown_lib", "DEF")
    >>> lib.define("negated(Tensor x) -> Tensor")
    'negated'
    >>> lib.impl("negated", lambda x: -x, "CPU")
    >>> torch.ops.shown_lib.negated(torch.ones(2))
    tensor([-1., -1.])
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError("Unsupported kind: ", kind)
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    @clear_errors
    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Enter an operator: "name(Tensor x) -> Tensor". Returns its name.

        schema: "(Tensor x) -> Tensor". alias_analysis: accepted. tags: accepted.

        Raises TypeError where schema is of the wrong type.
        """
        name = schema.partition("(")[0].strip()
        defined(f"{self.ns}::{name}", schema[len(name) :])
        return name

    def impl(
        self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", **options: Any
    ) -> None:
        """Give an operator's function for a device ("CPU", "CUDA", "Meta"; all for others).

        op_name: the name of the operator. fn: the function; None: for use as a decorator.
        dispatch_key: 'CPU', 'CUDA' or 'Meta'; empty: all others.

        Raises TypeError where op_name is of the wrong type.
        """
        key = dispatch_key or self.dispatch_key
        name = op_name if "::" in op_name else f"{self.ns}::{op_name}"
        if key == "Meta":
            find(name).register_fake(fn)
        else:
            find(name).register_kernel(_KEYS.get(key), fn)


def fallthrough_kernel() -> None:
    """A kernel that is to be passed over.

    >>> lib = torch.library.Library("shown_through", "DEF")
    >>> name = lib.define("f(Tensor x) -> Tensor")
    >>> lib.impl("f", torch.library.fallthrough_kernel, "Autograd")
    """
    raise NotImplementedError("fallthrough_kernel() should never be called.")
