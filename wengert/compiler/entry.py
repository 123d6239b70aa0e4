"""compile(), with PyTorch's arguments and refusals, and what scripts tell the compiler.

What happens at a call of a compiled function is in `calls.py`.
"""

from __future__ import annotations

import contextlib
import functools
import types
import weakref
from collections.abc import Callable
from typing import Any

from ..base.modes import state
from .settings import stance as STANCE

MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
# PyTorch's own, which mean wengert's here, and those that people register
BACKENDS: dict[str, Any] = dict.fromkeys(
    ("inductor", "eager", "aot_eager", "cudagraphs", "openxla", "tvm", "onnxrt", "ts")
)
STANCES = (
    "default", "eager_then_compile", "aot_eager_then_compile", "force_eager",
    "eager_on_recompile", "fail_on_recompile",
)  # fmt: skip
_default_backend: Any = "inductor"


class InvalidBackend(RuntimeError):
    """There is no backend of this name."""


InvalidBackend.__module__ = "torch._dynamo.exc"


def compile(  # noqa: A001
    model: Callable[..., Any] | None = None, *, fullgraph: bool = False,
    dynamic: bool | None = None, backend: Any = None, mode: str | None = None,
    options: dict[str, Any] | None = None, name: str | None = None, disable: bool = False,
    recompile_limit: int | None = None, isolate_recompiles: bool = False, shapes_spec: Any = None,
) -> Any:  # fmt: skip
    """A compiled form of a function or module: called like it, with the same results.

    model: what to compile; without it, a decorator. fullgraph: raise where the function cannot be
    one graph, instead of running it as it stands. recompile_limit: for how many kinds of calls it
    is compiled. dynamic: whether arguments of other shapes share what is compiled: from the third
    shape on, from the second on (True), or never (False). mode: "reduce-overhead" and
    "max-autotune" replay what runs on a CUDA device as a CUDA graph, where it can be recorded, as
    options={"triton.cudagraphs": True} does; other options are accepted. backend: one of
    list_backends(), or a callable; with "eager" and callables the function runs as it stands.
    RuntimeError for an unknown mode or backend. name: accepted. disable: return the function
    itself. isolate_recompiles: accepted. shapes_spec: accepted.

    >>> @torch.compile
    ... def double(x):
    ...     return 2 * x
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if isinstance(backend, str) and backend not in BACKENDS:
        raise InvalidBackend(
            f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable, recompile_limit=recompile_limit,
        )  # fmt: skip
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if disable:
        return model
    asked = (options or {}).get("triton.cudagraphs", False) or backend == "cudagraphs"
    graphs = bool(asked or mode in ("reduce-overhead", "max-autotune"))
    as_module = getattr(model, "_as_compiled", None)
    if as_module is not None:
        return as_module(fullgraph, recompile_limit, backend, dynamic, graphs)
    return compiled_function(model, fullgraph, recompile_limit, backend, dynamic, graphs)


def compiled_function(
    f: Callable[..., Any], whole: bool = False, limit: int | None = None, backend: Any = None,
    dynamic: bool | None = None, graphs: bool = False,
) -> Callable[..., Any]:  # fmt: skip
    """A function that stands for f, and knows it; its machinery is made at the first call."""
    chosen = _default_backend if backend is None else backend
    chosen = BACKENDS.get(chosen, chosen) if isinstance(chosen, str) else chosen
    as_it_stands = backend == "eager" or callable(chosen)
    made: list[Any] = []

    @functools.wraps(f, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        if as_it_stands or STANCE[0] == "force_eager":
            return f(*args, **kwargs)
        if not made:
            from .calls import Calls

            made.append(Calls(f, whole, limit, dynamic, graphs))
            _compiled.add(made[0])
            run.calls = made[0]  # type: ignore[attr-defined]
        return made[0](*args, **kwargs)

    run._torchdynamo_orig_callable = f  # type: ignore[attr-defined]
    return run


_compiled: weakref.WeakSet[Any] = weakref.WeakSet()


def disable(
    fn: Any = None, recursive: bool = True, *, reason: str | None = None, wrapping: bool = True
) -> Any:
    """Keep a function out of what is compiled: who calls it runs as it stands. A decorator too.

    fn: the function. recursive: what it calls, too. reason: a text for people. wrapping: accepted.

    >>> @torch.compiler.disable
    ... def told(x):
    ...     print("run as it is")
    ...     return x
    >>> torch.compile(lambda x: told(x) + 1)(torch.ones(1))
    run as it is
    tensor([2.])
    """
    if fn is None:
        return lambda f: disable(f)
    fn = getattr(fn, "_torchdynamo_orig_callable", fn)
    if not isinstance(fn, types.FunctionType):
        return fn

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        if state.capture is not None:
            what = f"{fn.__qualname__} is called, which torch.compiler.disable keeps out"
            state.capture.stop(what, "call it outside of what is compiled")
        return fn(*args, **kwargs)

    return run


def allow_in_graph(fn: Any) -> Any:
    """Take a function, or each of several, as one step of a graph; accepted.

    fn: the function.

    >>> torch.compiler.allow_in_graph(torch.sin) is torch.sin
    True
    """
    return fn


def assume_constant_result(fn: Any) -> Any:
    """Compute a function once per compilation; accepted.

    fn: the function.

    >>> torch.compiler.assume_constant_result(torch.sin) is torch.sin
    True
    """
    return fn


def nested_compile_region(fn: Any = None, **options: Any) -> Any:
    """Compile a function once for all places that call it; accepted.

    fn: the function.

    >>> torch.compiler.nested_compile_region(torch.sin) is torch.sin
    True
    """
    return fn if fn is not None else lambda f: f


def substitute_in_graph(
    original_fn: Any, *, can_constant_fold_through: bool = False,
    skip_signature_check: bool = False, is_embedded_type: bool = False,
) -> Any:  # fmt: skip
    """Decorator: trace this function in place of another; accepted.

    original_fn: the function that is replaced. can_constant_fold_through: accepted.
    skip_signature_check: accepted. is_embedded_type: accepted.

    >>> @torch.compiler.substitute_in_graph(max)
    ... def largest(a, b):
    ...     return a if a > b else b
    >>> largest(1, 2)
    2
    """
    return lambda f: f


def wrap_numpy(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays as one of tensors.

    fn: the function.

    >>> torch.compiler.wrap_numpy(np.sin)(torch.zeros(2))
    tensor([0., 0.])
    """
    from ..api import functions as T
    from ..base.pytree import tree_map
    from ..engine.tensor import Tensor

    def to_array(x: Any) -> Any:
        return x.numpy() if isinstance(x, Tensor) else x

    def to_tensor(x: Any) -> Any:
        return T.as_tensor(x) if type(x).__module__ == "numpy" else x

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tree_map(to_array, (args, kwargs))
        return tree_map(to_tensor, fn(*args, **kwargs))

    return run


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that compile() takes for a backend; all mean the same here.

    exclude_tags: accepted.

    >>> "inductor" in torch.compiler.list_backends()
    True
    """
    hidden = ("eager", "aot_eager", "ts", "onnxrt") if exclude_tags else ()
    return sorted(n for n in BACKENDS if n not in hidden)


def set_default_backend(backend: Any) -> None:
    """Choose the backend of calls that name none; None: inductor.

    >>> torch.compiler.set_default_backend(None)
    >>> torch.compiler.get_default_backend()
    'inductor'
    """
    global _default_backend
    _default_backend = backend or "inductor"


def get_default_backend() -> Any:
    """The backend of calls that name none.

    >>> torch.compiler.set_default_backend(None)
    >>> torch.compiler.get_default_backend()
    'inductor'
    """
    return _default_backend


def reset() -> None:
    """Forget what was compiled.

    >>> torch.compiler.reset()
    """
    for calls in list(_compiled):
        calls.forget()


def cudagraph_mark_step_begin() -> None:
    """Say that a step begins; accepted.

    >>> torch.compiler.cudagraph_mark_step_begin()
    """


def is_compiling() -> bool:
    """Whether this call is being captured.

    >>> torch.compiler.is_compiling()
    False
    """
    return state.capture is not None


def is_dynamo_compiling() -> bool:
    """Whether this call is being captured.

    >>> torch.compiler.is_dynamo_compiling()
    False
    """
    return state.capture is not None


def is_exporting() -> bool:
    """Whether this call is being exported.

    >>> torch.compiler.is_exporting()
    False
    """
    return False


class set_stance(contextlib.ContextDecorator):
    """How to treat compiled functions, for a block or from now on: "force_eager" runs them as they
    stand, "eager_on_recompile" those that would have to be compiled again, "fail_on_recompile"
    raises RuntimeError for these. RuntimeError for a stance that is none.

    skip_guard_eval_unsafe: accepted. force_backend: accepted.

    >>> with torch.compiler.set_stance("force_eager"):
    ...     print(torch.compile(torch.sin)(torch.zeros(1)))
    tensor([0.])
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False,
        force_backend: Any = None,
    ) -> None:  # fmt: skip
        if stance not in STANCES:
            raise RuntimeError(
                f"invalid torch.compile stance {stance!r}: one of {', '.join(STANCES)}"
            )
        self.stance, self.before = stance, STANCE[0]
        STANCE[0] = stance

    def __enter__(self) -> None:
        self.before = STANCE[0] if STANCE[0] != self.stance else self.before
        STANCE[0] = self.stance

    def __exit__(self, *exc: object) -> None:
        STANCE[0] = self.before
