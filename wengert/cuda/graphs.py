"""torch.cuda.graphs: re-exports."""

from ..api.cuda_api import is_current_stream_capturing
from ..api.cuda_graphs import CUDAGraph, graph, graph_pool_handle, make_graphed_callables

__all__ = [
    "CUDAGraph", "graph", "graph_pool_handle", "is_current_stream_capturing",
    "make_graphed_callables",
]  # fmt: skip
