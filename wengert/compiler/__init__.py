"""torch.compiler and the layer behind it: compile() and what scripts ask and tell the compiler."""

from ..base.absent import absent as _absent
from ..transforms.control_flow import associative_scan, cond, scan, while_loop
from . import settings as config
from .entry import (
    allow_in_graph,
    assume_constant_result,
    compile,  # noqa: A004
    cudagraph_mark_step_begin,
    disable,
    get_default_backend,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    list_backends,
    nested_compile_region,
    reset,
    set_default_backend,
    set_stance,
    substitute_in_graph,
    wrap_numpy,
)

__all__ = [
    "allow_in_graph", "associative_scan", "assume_constant_result", "compile", "cond", "config",
    "cudagraph_mark_step_begin", "disable", "get_default_backend", "is_compiling",
    "is_dynamo_compiling", "is_exporting",
    "list_backends", "nested_compile_region", "report", "reset", "scan", "set_default_backend",
    "set_stance", "substitute_in_graph", "while_loop", "wrap_numpy",
]  # fmt: skip


def report(f, *args, **kwargs):
    """What a function that torch.compile returned has been compiled to: see reports.py.

    f: what torch.compile returned; with arguments it is called with them first. Returns a report,
    whose text is read by print() and shown as a page in notebooks.

    Raises TypeError where f cannot be called.

    >>> compiled = torch.compile(lambda x: x.sin().cos())
    >>> result = compiled(torch.ones(100_000))
    >>> len(str(torch.compiler.report(compiled))) > 0
    True
    """
    from .reports import report as of

    return of(f, *args, **kwargs)


__getattr__ = _absent("torch.compiler")
