"""The graph of a module, or of an ONNX file, as TensorBoard draws it."""

from __future__ import annotations

from typing import Any

from ...base.extras import needed
from ..capture import Graph, Value, capture

__all__ = ["module_graph", "onnx_graph"]


def _node(name: str, op: str, inputs: list[str], shape: Any = None, text: str = "") -> Any:
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    attributes = {}
    if shape is not None:
        dims = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in shape])
        attributes["_output_shapes"] = AttrValue(list=AttrValue.ListValue(shape=[dims]))
    if text:
        attributes["attr"] = AttrValue(s=text.encode("utf_8"))
    return NodeDef(name=name, op=op, input=inputs, attr=attributes)


def _definition(nodes: list[Any]) -> Any:
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    return GraphDef(node=nodes, versions=VersionDef(producer=22))


def module_graph(model: Any, input_to_model: Any) -> tuple[Any, Any]:
    """(graph, times) of what a module computes; submodules are boxes, times are empty.

    input_to_model: a tensor or a tuple of arguments; ValueError without.
    """
    from tensorboard.compat.proto.config_pb2 import RunMetadata
    from tensorboard.compat.proto.step_stats_pb2 import DeviceStepStats, StepStats

    if input_to_model is None:
        raise ValueError("add_graph needs input_to_model: what the model is called with")
    args = input_to_model if isinstance(input_to_model, tuple) else (input_to_model,)
    training = getattr(model, "training", False)
    if training:
        model.eval()
    try:
        graph = capture(model, args)
    finally:
        if training:
            model.train()
    graph.prune()
    times = StepStats(dev_stats=[DeviceStepStats(device="/device:CPU:0")])
    return _definition(_nodes(graph, type(model).__name__)), RunMetadata(step_stats=times)


def _nodes(graph: Graph, root: str) -> list[Any]:
    """One node for each op, each parameter that is used, and the inputs and outputs."""
    names: dict[int, str] = {}
    nodes = []

    def named(value: Value) -> str:
        """The name of a value's node; that of a constant is made where it is first used."""
        if id(value) not in names:
            path = value.name.replace(".", "/") or f"constant_{len(names)}"
            names[id(value)] = f"{root}/{path}"
            nodes.append(_node(names[id(value)], "Parameter", [], value.shape))
        return names[id(value)]

    for i, value in enumerate(graph.inputs):
        names[id(value)] = f"input/input_{i}"
        nodes.append(_node(names[id(value)], "IO Node", [], value.shape))
    for i, node in enumerate(graph.nodes):
        inputs = [named(v) for v in node.inputs if isinstance(v, Value)]
        path = "/".join(part for part in (root, *node.scope.split(".")) if part)
        name = f"{path}/{node.op}_{i}"
        settings = ", ".join(f"{k}={v}" for k, v in node.static.items())
        nodes.append(_node(name, node.op, inputs, node.outputs[0].shape, settings))
        for output in node.outputs:
            names[id(output)] = name
    for i, value in enumerate(graph.outputs):
        nodes.append(_node(f"output/output_{i}", "IO Node", [named(value)], value.shape))
    return nodes


def onnx_graph(file: Any) -> Any:
    """The graph of an ONNX file."""
    onnx = needed("onnx", "add_onnx_graph needs onnx", "onnx")
    graph = onnx.load(file).graph
    nodes = [_node(value.name, "Variable", []) for value in (*graph.input, *graph.initializer)]
    for i, node in enumerate(graph.node):
        name = node.output[0] if node.output else f"{node.op_type}_{i}"
        settings = " ".join(
            f"{a.name}={onnx.helper.get_attribute_value(a)}" for a in node.attribute
        )
        nodes.append(_node(name, node.op_type, list(node.input), None, settings))
    return _definition(nodes)
