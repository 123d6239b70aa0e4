"""torch.jit: scripted and traced modules and functions, and files of them.

`state.py` knows whether something is being traced, `annotation.py` holds what is written in code,
`script.py`, `trace.py` and `record.py` make modules, `files.py` saves and loads them.
"""

from ..base.absent import absent as _absent
from .annotation import (
    Attribute,
    Final,
    _overload,
    _overload_method,
    annotate,
    export,
    fork,
    ignore,
    interface,
    isinstance,  # noqa: A004
    script_method,
    strict_fusion,
    unused,
    wait,
    weak_module,
    weak_script,
    weak_script_method,
)
from .files import load, save
from .script import (
    CompilationUnit,
    Error,
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    _flatten,
    enable_onednn_fusion,
    freeze,
    is_scripting,
    onednn_fusion_enabled,
    optimize_for_inference,
    optimized_execution,
    script,
    script_if_tracing,
    set_fusion_strategy,
)
from .state import is_tracing
from .trace import (
    TopLevelTracedModule,
    TracedModule,
    TracerWarning,
    TracingCheckError,
    trace_module,
)
from .trace import trace as trace

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "RecursiveScriptModule", "ScriptFunction",
    "ScriptModule", "TopLevelTracedModule", "TracedModule", "TracerWarning", "TracingCheckError",
    "_flatten", "_overload", "_overload_method", "annotate", "enable_onednn_fusion", "export",
    "fork", "freeze", "ignore", "interface", "is_scripting", "is_tracing", "isinstance", "load",
    "onednn_fusion_enabled", "optimize_for_inference", "optimized_execution", "save", "script",
    "script_if_tracing", "script_method", "set_fusion_strategy", "strict_fusion", "trace",
    "trace_module", "unused", "wait", "weak_module", "weak_script", "weak_script_method",
]  # fmt: skip

JITException = Error  # as torch itself calls it

__getattr__ = _absent("torch.jit")
