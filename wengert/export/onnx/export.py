"""torch.onnx.export: writes a module as an ONNX model."""

from __future__ import annotations

import contextlib
import enum
import importlib
import inspect
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...base.advice import advise
from ...base.extras import needed
from ...base.pytree import flatten, unflatten
from ...engine.tensor import Tensor
from ..capture import Graph, Node, Value, capture
from ..program import ExportedProgram
from .builder import CONVERTERS, Builder, NoConversion, dtype_of
from .dims import Axis, Size, UnknownSize, describe, longer, merge
from .program import LARGEST, ONNXProgram, as_array

__all__ = [
    "OnnxExporterError", "OperatorExportTypes", "TrainingMode", "export", "is_in_onnx_export",
    "set_training",
]  # fmt: skip

OPSETS = (18, 23)  # the first and the last that nodes are written for


_running = threading.local()


def is_in_onnx_export() -> bool:
    """Whether this thread is exporting a module just now.

    >>> torch.onnx.is_in_onnx_export()
    False
    """
    return getattr(_running, "on", False)


class OnnxExporterError(RuntimeError):
    """A module cannot be exported; the text says which operation and where."""


class TrainingMode(enum.Enum):
    """In which mode a module is while it is exported."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.Enum):
    """Kept for scripts that name it: everything is exported as ONNX's own operations."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


def export(
    model: Any,
    args: Any = (),
    f: str | os.PathLike[str] | None = None,
    *,
    kwargs: dict[str, Any] | None = None,
    verbose: bool | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamo: bool = True,
    external_data: bool = True,
    dynamic_shapes: Any = None,
    custom_translation_table: Any = None,
    report: bool = False,
    optimize: bool = True,
    verify: bool = False,
    profile: bool = False,
    dump_exported_program: bool = False,
    artifacts_dir: str | os.PathLike[str] = ".",
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    dynamic_axes: Mapping[str, Any] | None = None,
    training: Any = TrainingMode.EVAL,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    do_constant_folding: bool = True,
    custom_opsets: Any = None,
    export_modules_as_functions: Any = False,
    autograd_inlining: bool = True,
    **options: Any,
) -> ONNXProgram | None:
    """Write a module as an ONNX model.

    The module runs on the examples and what it does is written down, so control flow goes as it
    goes for them. With dynamic axes it runs a second time with those longer, which shows what
    depends on them.

    Args:
        model: a module, a function of tensors, or what `torch.export.export` made of one.
        args, kwargs: example arguments; a dict at the end of args counts as kwargs. Those that an
            exported program was made with are taken where none are given.
        f: a path, or a file open for bytes; None to write nothing.
        input_names, output_names: by default the parameters of forward, and output, output_1, ...
        opset_version: 18 (the default) to 23; lower ones warn and give 18.
        dynamic_axes: {input: {dim: name}} or {input: [dims]}; outputs follow.
        dynamic_shapes: the same by parameter, as `torch.export` has it.
        verify: run the model with onnxruntime and compare, RuntimeError where it differs.
        training: TrainingMode; the module is in eval mode while it is exported.
        verbose, dynamo, and what else there is: accepted; there is one exporter.

    Returns an `ONNXProgram`; None with dynamo=False. OnnxExporterError where an operation has no
    form in ONNX, or a size depends on a dynamic axis in a way that cannot be written.

    custom_translation_table: warned about, since operators that are defined in Python are
    written as what they compute. external_data: accepted. report: accepted. optimize: accepted.
    profile: accepted. dump_exported_program: accepted. artifacts_dir: accepted. export_params:
    accepted. keep_initializers_as_inputs: accepted. operator_export_type: accepted.
    do_constant_folding: accepted. custom_opsets: accepted. export_modules_as_functions: accepted.
    autograd_inlining: accepted.

    Tensors have any shape that the module takes. Raises TypeError where model, f or input_names is
    of the wrong type or an argument is too long; ValueError where an argument is of the wrong type,
    empty or too short or input_names is too long.

    >>> program = torch.onnx.export(nn.ReLU(), (torch.ones(2),), "relu.onnx", input_names=["x"])
    >>> [node.op_type for node in program.model_proto.graph.node]
    ['Relu', 'Identity']
    """
    onnx = _onnx()
    if custom_translation_table:
        advise(
            "custom_translation_table is not used: an operator that is defined in Python is "
            "written as what it computes, not as a node of its own"
        )
    if isinstance(model, ExportedProgram):
        args, kwargs = args or model.example_inputs[0], kwargs or model.example_inputs[1]
        dynamic_shapes = dynamic_shapes or [
            {i: size for i, size in enumerate(shape) if not isinstance(size, int)}
            for shape in model._shapes
        ]
        model = model.module()
    args = args if isinstance(args, tuple) else (args,)
    if kwargs is None and args and isinstance(args[-1], dict):
        args, kwargs = args[:-1], args[-1]
    kwargs = kwargs or {}
    opset = _opset(opset_version)
    tensors = [x for x in flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    names = _input_names(model, args, kwargs, input_names, len(tensors))
    axes = _dynamic(names, len(tensors), dynamic_axes, dynamic_shapes)
    with _mode(model, training):
        graph = capture(model, args, kwargs)
        graph.prune()
        found = _sizes(graph, model, args, kwargs, tensors, axes) if axes else []
    with _explained():
        proto = _model(onnx, graph, names, output_names, opset, found, keep_initializers_as_inputs)
    try:
        onnx.checker.check_model(proto if proto.ByteSize() < LARGEST else proto.graph)
    except onnx.checker.ValidationError as error:
        raise OnnxExporterError(f"the ONNX checker refuses the model: {error}") from error
    program = ONNXProgram(proto, graph.structure)
    if verify:
        _verify(program, model, args, kwargs)
    if hasattr(f, "write"):
        f.write(proto.SerializeToString())  # type: ignore[union-attr]
    elif f is not None:
        program.save(f)
    return program if dynamo else None


def _onnx() -> Any:
    onnx = needed("onnx", "torch.onnx.export needs onnx", "onnx")
    for part in ("checker", "helper"):
        importlib.import_module(f"onnx.{part}")
    return onnx


def _opset(version: int | None) -> int:
    first, last = OPSETS
    if version is None:
        return first
    if version < first:
        advise(
            f"opset_version {version} is older than what is written: the model has {first}",
        )
        return first
    if version > last:
        raise ValueError(f"opset_version {version} is not known: use {first} to {last}")
    return version


@contextlib.contextmanager
def set_training(model: Any, mode: bool | None) -> Iterator[None]:
    """Inside, a module is in the mode asked for, and afterwards each of its modules as it was.

    model: a module. mode: True for training; None: leave it as it is.

    >>> net = nn.Dropout()
    >>> with torch.onnx.set_training(net, False):
    ...     print(net.training)
    False
    >>> net.training
    True
    """
    before = [(m, m.training) for m in model.modules()]
    if mode is not None:
        model.train(mode)
    try:
        yield
    finally:
        for m, was in before:
            m.training = was


@contextlib.contextmanager
def _mode(model: Any, training: Any) -> Iterator[None]:
    """The module in the mode asked for, and afterwards as it was."""
    name = getattr(training, "name", str(training))
    mode = None if name == "PRESERVE" else name == "TRAINING"
    set_mode = set_training(model, mode) if hasattr(model, "modules") else contextlib.nullcontext()
    _running.on = True
    try:
        with set_mode:
            yield
    finally:
        _running.on = False


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except UnknownSize as error:
        raise OnnxExporterError(f"torch.onnx.export: {error}") from None


# --- names and axes ------------------------------------------------------------------------------


def _input_names(
    model: Any, args: Any, kwargs: Any, given: Sequence[str] | None, count: int
) -> list[str]:
    """A name for each tensor among the arguments: those given, then parameters of forward."""
    call = getattr(model, "forward", model)
    try:
        bound = inspect.signature(call).bind(*args, **kwargs)
        parameters = list(bound.arguments.items())
    except (TypeError, ValueError):
        parameters = [(f"input_{i}", a) for i, a in enumerate((*args, *kwargs.values()))]
    found = []
    for name, value in parameters:
        tensors = [x for x in flatten(value)[0] if isinstance(x, Tensor)]
        found += [name if len(tensors) == 1 else f"{name}_{i}" for i in range(len(tensors))]
    found += [f"input_{i}" for i in range(len(found), count)]
    given = list(given or ())
    if len(given) > count:
        raise ValueError(f"{len(given)} input_names for {count} tensors among the arguments")
    return [*given, *found[len(given) :]]


def _dynamic(
    names: list[str], count: int, dynamic_axes: Any, dynamic_shapes: Any
) -> dict[int, dict[int, str]]:
    """input -> dim -> name of the axis."""
    axes: dict[int, dict[int, str]] = {}
    for name, dims in (dynamic_axes or {}).items():
        if name in names:  # those of outputs follow
            i = names.index(name)
            axes[i] = _axis_names(names[i], dims)
    if dynamic_shapes is not None:
        if isinstance(dynamic_shapes, Mapping):
            listed = [dynamic_shapes.get(name) for name in names]
        else:
            listed = list(dynamic_shapes)
        for i, dims in enumerate(listed[:count]):
            if dims:
                axes[i] = _axis_names(names[i], dims)
    return axes


def _axis_names(name: str, dims: Any) -> dict[int, str]:
    pairs: Any = dims.items() if isinstance(dims, Mapping) else enumerate(dims)
    if not isinstance(dims, Mapping) and all(isinstance(d, int) for d in dims):
        pairs = [(d, None) for d in dims]
    found = {}
    for dim, axis in pairs:
        if axis is None and not isinstance(dims, Mapping) and not all(
            isinstance(d, int) for d in dims
        ):  # fmt: skip
            continue  # a dim that stays as it is
        label = axis if isinstance(axis, str) else getattr(axis, "__name__", None)
        found[dim] = label or f"{name}_dynamic_axes_{dim}"
    return found


def _with_tensors(args: Any, kwargs: Any, tensors: list[Any]) -> tuple[Any, Any]:
    """The arguments with other tensors in place of theirs."""
    flat, structure = flatten((args, kwargs))
    new = iter(tensors)
    return unflatten([next(new) if isinstance(x, Tensor) else x for x in flat], structure)


def _sizes(
    graph: Graph, model: Any, args: Any, kwargs: Any, tensors: list[Any], axes: Any
) -> list[Axis]:
    """Put Sizes into a graph where a capture with longer dynamic axes differs."""
    for last in (False, True):
        found, grown = longer(graph.inputs, tensors, axes, multiples=last)
        try:
            again = capture(model, *_with_tensors(args, kwargs, grown))
        except Exception:
            if last:
                raise
            continue  # such as sizes that have to be even
        again.prune()
        with _explained():
            merge(graph, again)
        break
    return found


# --- the model -----------------------------------------------------------------------------------


def _model(
    onnx: Any,
    graph: Graph,
    input_names: list[str],
    output_names: Sequence[str] | None,
    opset: int,
    axes: list[Axis],
    weights_as_inputs: bool,
) -> Any:
    """The ModelProto of a graph."""
    b = Builder(opset, axes)
    labels = {axis.size: axis.name for axis in axes}
    for value, name in zip(graph.inputs, input_names):
        b.names[id(value)] = b.fresh(name)
    names = list(output_names or ())
    names += ["output" if i == 0 else f"output_{i}" for i in range(len(names), len(graph.outputs))]
    b.taken.update(names)
    for value in graph.constants.values():
        if value.name and value.other is None:
            b.sources.append((np.asarray(value.array), b.name(value)))
    for node in graph.nodes:
        _convert(b, node)
    for value, name in zip(graph.outputs, names):
        source = b.name(value)
        b.nodes.append(onnx.helper.make_node("Identity", [source], [name], name=name))
    used = {name for node in b.nodes for name in node.input}
    initializers = [
        onnx.numpy_helper.from_array(_portable(a), name)
        for name, a in b.initializers.items()
        if name in used
    ]
    inputs = [_info(onnx, b.names[id(v)], v, labels) for v in graph.inputs]
    if weights_as_inputs:
        inputs += [
            onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
            for t in initializers
        ]
    outputs = [_info(onnx, name, v, labels) for v, name in zip(graph.outputs, names)]
    made = onnx.helper.make_graph(b.nodes, "main_graph", inputs, outputs, initializers)
    domain = onnx.helper.make_opsetid("", opset)
    ir = onnx.helper.find_min_ir_version_for([domain])
    from ...base.version import __version__

    return onnx.helper.make_model(
        made,
        opset_imports=[domain],
        ir_version=ir,
        producer_name="wengert",
        producer_version=__version__,
    )


def _portable(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a) if a.ndim else a


def _convert(b: Builder, node: Node) -> None:
    """Write one node of the graph."""
    convert = CONVERTERS.get(node.op)
    try:
        if convert is None:
            raise NoConversion("it has no form in ONNX here")
        b.out = node.outputs[0]
        made = convert(b, *node.inputs, **node.static)
    except (NoConversion, UnknownSize, TypeError) as error:
        reason = str(error)
        if isinstance(error, TypeError):
            if "Size" not in reason:
                raise
            reason = "it needs a constant where a dynamic axis has a size"
        raise OnnxExporterError(f"torch.onnx.export: {describe(node)}: {reason}") from error
    for value, name in zip(node.outputs, [made] if isinstance(made, str) else made):
        if name is not None:
            b.names[id(value)] = name


def _info(onnx: Any, name: str, value: Value, labels: dict[Size, str]) -> Any:
    """The type of an input or output; dynamic dims by name, None where they follow otherwise."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype_of(value)))
    dims = [labels.get(n) if isinstance(n, Size) else n for n in value.shape]
    return onnx.helper.make_tensor_value_info(name, kind, dims)


def _verify(program: ONNXProgram, model: Any, args: Any, kwargs: Any) -> None:
    """RuntimeError unless onnxruntime computes what the module computes."""
    from ...base.modes import no_grad

    with no_grad(), _mode(model, TrainingMode.EVAL):
        expected = flatten(model(*args, **kwargs))[0]
    found = flatten(program(*args, **kwargs))[0]
    for i, (a, b) in enumerate(zip(found, expected)):
        if not np.allclose(as_array(a), as_array(b), rtol=1e-3, atol=1e-4):
            worst = np.abs(as_array(a).astype(float) - as_array(b).astype(float)).max()
            raise OnnxExporterError(f"output {i} of the ONNX model differs by up to {worst:g}")
