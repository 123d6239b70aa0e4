"""What scripts tell and ask PyTorch's tracer (torch._dynamo) and code generator (torch._inductor).

Nothing is traced from bytecode here, so remarks for the tracer are accepted and have no effect.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ..base.pytree import tree_flatten
from ..engine.tensor import Tensor
from .entry import BACKENDS, compile  # noqa: A004

counters: Any = collections.defaultdict(collections.Counter)


def optimize(backend: Any = "inductor", *, nopython: bool = False, **options: Any) -> Any:
    """An older way to say torch.compile."""
    return compile(backend=backend, fullgraph=nopython)


class ExplainOutput:
    """How a function would be cut into graphs: one graph, no break."""

    def __init__(self, result: Any) -> None:
        self.graphs: list[Any] = []
        self.graph_count, self.graph_break_count, self.op_count = 1, 0, 0
        self.break_reasons: list[Any] = []
        self.result = result

    def __str__(self) -> str:
        return f"Graph Count: {self.graph_count}\nGraph Break Count: {self.graph_break_count}"

    __repr__ = __str__


def explain(f: Callable[..., Any], *extra_args: Any, **extra_kwargs: Any) -> Any:
    """explain(f)(*args): run f and say how it would be cut into graphs."""
    if extra_args or extra_kwargs:
        return ExplainOutput(f(*extra_args, **extra_kwargs))
    return lambda *args, **kwargs: ExplainOutput(f(*args, **kwargs))


def register_backend(compiler_fn: Any = None, name: str | None = None, tags: Any = ()) -> Any:
    """Give a backend a name for compile(); a decorator too."""
    if compiler_fn is None:
        return lambda f: register_backend(f, name, tags)
    BACKENDS[name or compiler_fn.__name__] = compiler_fn
    return compiler_fn


def lookup_backend(compiler_fn: Any) -> Any:
    """The backend of a name."""
    return BACKENDS[compiler_fn] if isinstance(compiler_fn, str) else compiler_fn


def mark_dynamic(t: Any, index: Any, **options: Any) -> None:
    """Say that a dimension will change, or several: what is compiled at its second size is for all.

    t: an argument of compiled functions. index: the dimension, or a list of some.
    """
    _mark(t, "_dynamo_dynamic_indices", index)


maybe_mark_dynamic = mark_dynamic


def mark_static(t: Any, index: Any = None) -> None:
    """Say that a dimension will not change, or several, or all: each size is compiled for itself.

    t: an argument of compiled functions. index: the dimension, or a list of some; None: all.
    """
    if isinstance(t, Tensor):
        _mark(t, "_dynamo_static_indices", range(t.dim()) if index is None else index)


def _mark(t: Any, name: str, index: Any) -> None:
    t.__dict__.setdefault(name, set()).update([index] if isinstance(index, int) else index)


def mark_static_address(t: Any, guard: bool = False) -> None:
    """Say that a tensor stays where it is; accepted."""


def graph_break(msg: str = "") -> None:
    """Begin another graph here; accepted."""


def same(ref: Any, res: Any, tol: float = 1e-4, equal_nan: bool = False, **options: Any) -> bool:
    """Whether two results agree, tensors up to a tolerance."""
    (a, spec), (b, other) = tree_flatten(ref), tree_flatten(res)
    if spec != other:
        return False
    return all(
        bool(x.allclose(y.to(x.dtype), rtol=tol, atol=tol, equal_nan=equal_nan))
        if isinstance(x, Tensor) and isinstance(y, Tensor)
        else bool(x == y)
        for x, y in zip(a, b)
    )


@contextlib.contextmanager
def fresh_inductor_cache(*args: Any, **options: Any) -> Iterator[None]:
    """A block without what was compiled before; nothing is kept, so nothing changes."""
    yield


def set_logs(**levels: Any) -> None:
    """Choose what the compiler logs; accepted: there is nothing to log."""


def _needs_compiler(what: str, instead: str) -> Callable[..., Any]:
    def f(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{what} needs PyTorch's code generator: {instead}")

    f.__name__ = f.__qualname__ = what.rpartition(".")[2]
    f.__doc__ = f"Not available: raises RuntimeError ({instead})."
    return f


_SAVE = "save the exported program with torch.export.save, or the model's state_dict"
aoti_compile_and_package = _needs_compiler("torch._inductor.aoti_compile_and_package", _SAVE)
aoti_load_package = _needs_compiler("torch._inductor.aoti_load_package", _SAVE)
register_replacement = _needs_compiler(
    "torch._inductor.pattern_matcher.register_replacement", "use torch.fx.replace_pattern"
)


def fwd_only(fn: Callable[..., Any], args: Any, **options: Any) -> Any:
    """Not available: raises RuntimeError and names torch.fx.symbolic_trace."""
    raise RuntimeError(
        "torch._inductor.pattern_matcher.fwd_only needs PyTorch's code generator: use "
        "torch.fx.symbolic_trace"
    )


class PatternMatcherPass:
    """A list of patterns for PyTorch's code generator; nothing is ever applied."""

    def __init__(self, pass_name: str | None = None, subsystem: str | None = None) -> None:
        self.pass_name, self.patterns = pass_name, {}  # type: ignore[var-annotated]

    def apply(self, graph: Any) -> int:
        """Apply the patterns to a graph: none was."""
        return 0


class AsyncCompile:
    """Not available: kernels compiled in other processes."""

    def __init__(self) -> None:
        raise RuntimeError("AsyncCompile belongs to PyTorch's code generator: use torch.compile")


def has_triton() -> bool:
    """Whether Triton can be used: it cannot."""
    return False


class TransformGetItemToIndex(contextlib.nullcontext[None]):
    """Within it x[i] may have an i of a vmap level, as it always may here."""

    def __init__(self) -> None:
        super().__init__(None)


def is_dynamo_supported() -> bool:
    """Whether torch.compile works here: yes."""
    return True
