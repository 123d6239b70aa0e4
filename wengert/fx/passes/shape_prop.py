"""ShapeProp: runs a graph and notes the shape, dtype and stride of every tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...base.formats import contiguous_format, preserve_format
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..interpreter import Interpreter
from ..node import Node, map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is known of a tensor.

    shape: sizes. dtype: of the elements. requires_grad: whether gradients are recorded. stride:
    strides. memory_format: a memory format, or None. is_quantized: whether. qparams: accepted.

    >>> from wengert.fx.passes.shape_prop import ShapeProp
    >>> gm = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3)))
    >>> y = ShapeProp(gm).propagate(torch.ones(4, 2))
    >>> [node.meta["tensor_meta"].shape for node in gm.graph.nodes]
    [torch.Size([4, 2]), torch.Size([4, 3]), torch.Size([4, 3])]
    """

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor, include_contiguity: bool = True) -> TensorMetadata:
    """The facts of a tensor."""
    form = contiguous_format if result.is_contiguous() else preserve_format
    return TensorMetadata(
        result.shape, result.dtype, result.requires_grad, tuple(result.stride()), form, False, {}
    )


class ShapeProp(Interpreter):
    """Runs a graph on inputs; node.meta["tensor_meta"] and ["type"] tell of the results.

    fake_mode: accepted.

    Raises TypeError where args is of the wrong type; RuntimeError where args has a shape that does
    not fit or args holds integers, booleans or complex numbers.

    >>> gm = torch.fx.symbolic_trace(nn.Linear(2, 3))
    >>> from wengert.fx.passes.shape_prop import ShapeProp
    >>> out = ShapeProp(gm).propagate(torch.ones(1, 2))
    >>> [n.meta["tensor_meta"].shape for n in gm.graph.nodes if n.op == "output"]
    [torch.Size([1, 3])]
    """

    @clear_errors
    def __init__(self, gm: Any, fake_mode: Any = None) -> None:
        super().__init__(gm)

    def run_node(self, n: Node) -> Any:
        """Run a node and note what it gives.

        >>> gm = torch.fx.symbolic_trace(lambda x: x + 1)
        >>> ShapeProp(gm).run(torch.ones(2))
        tensor([2., 2.])
        """
        result = super().run_node(n)
        some = False

        def note(x: Any) -> Any:
            nonlocal some
            if isinstance(x, Tensor):
                some = True
                return _extract_tensor_metadata(x)
            return x

        noted = map_aggregate(result, note)
        if some:
            n.meta["tensor_meta"] = noted
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph on inputs.

        Tensors have any shape that the graph takes. Raises TypeError where args is of the wrong
        type; RuntimeError where args has a shape that does not fit or args holds integers, booleans
        or complex numbers.
        """
        return super().run(*args)
