"""torch.fx._symbolic_trace: the tracer under PyTorch's name for the file."""

from .tracer import PH, ProxyableClassMeta, Tracer, is_fx_tracing, symbolic_trace, wrap

__all__ = ["PH", "ProxyableClassMeta", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]
