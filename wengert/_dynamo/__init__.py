"""torch._dynamo: re-exports."""

import sys as _sys

from ..compiler.dynamo import (
    explain,
    graph_break,
    lookup_backend,
    mark_dynamic,
    mark_static,
    mark_static_address,
    maybe_mark_dynamic,
    optimize,
    register_backend,
)
from ..compiler.entry import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
    substitute_in_graph,
)
from ..compiler.settings import dynamo as config
from ..nn.optimized import OptimizedModule
from . import eval_frame

run = forbid_in_graph = disallow_in_graph = nonstrict_trace = allow_in_graph
_sys.modules[f"{__name__}.config"] = config
