"""torch.fx: programs as graphs of Python calls: traced, changed, run, and made Python again.

`node.py` and `graph.py` hold the program, `codegen.py` writes it, `proxy.py` and `tracer.py` make
it of functions, `graph_module.py` runs it, `interpreter.py` walks it, `subgraph_rewriter.py`
replaces parts.
"""

from . import _symbolic_trace, immutable_collections
from .graph import CodeGen, Graph, PythonCode
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import Match, replace_pattern
from .tracer import PH, ProxyableClassMeta, Tracer, symbolic_trace, wrap

__all__ = [
    "PH", "CodeGen", "Graph", "GraphModule", "Interpreter", "Match", "Node", "Proxy",
    "ProxyableClassMeta", "PythonCode", "Tracer", "Transformer", "has_side_effect", "map_arg",
    "replace_pattern", "symbolic_trace", "wrap",
]  # fmt: skip
