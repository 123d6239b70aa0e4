"""ONNXProgram: an ONNX model that was exported; it can be run, changed in parts, and saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...base.advice import advise
from ...base.extras import needed
from ...base.pytree import flatten, unflatten
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

__all__ = ["LARGEST", "ONNXProgram", "as_array"]

LARGEST = 2**31 - 2**20  # of a file in one piece: protocol buffers end at 2 GiB


class ONNXProgram:
    """An exported model.

    model_proto: the `onnx.ModelProto`. Calling it runs it with onnxruntime. structure: of the
    outputs.

    Raises TypeError where destination is of the wrong type.

    >>> program = torch.onnx.export(nn.Linear(2, 1), (torch.ones(1, 2),))
    >>> program.save("net.onnx")
    >>> type(program.model_proto).__name__
    'ModelProto'
    >>> program.optimize()
    >>> program.release()
    """

    def __init__(self, model_proto: Any, structure: Any) -> None:
        self.model_proto = model_proto
        self._structure = structure
        self._session: Any = None

    @property
    def model(self) -> Any:
        """The same as model_proto."""
        return self.model_proto

    def __repr__(self) -> str:
        import onnx.printer

        return f"ONNXProgram(model={onnx.printer.to_text(self.model_proto)})"

    def optimize(self) -> None:
        """Nothing: the exporter computes what is constant while it writes the model."""

    @clear_errors
    def apply_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Put other numbers in the place of weights.

        state_dict: tensors by the names of the model's initializers; other names warn. Each has the
        shape of the weight that it replaces.

        >>> program = torch.onnx.export(nn.Linear(2, 1), (torch.ones(1, 2),))
        >>> program.apply_weights({"weight": torch.zeros(1, 2), "bias": torch.ones(1)})
        """
        import onnx.numpy_helper

        there = {t.name: t for t in self.model_proto.graph.initializer}
        for name, tensor in state_dict.items():
            if name not in there:
                advise(f"apply_weights: the model has no initializer {name!r}")
                continue
            there[name].CopyFrom(onnx.numpy_helper.from_array(as_array(tensor), name))
        self._session = None

    @clear_errors
    def rename_axes(self, rename_mapping: Mapping[Any, str]) -> None:
        """Give dynamic axes other names.

        rename_mapping: {old name: new name}.

        >>> program = torch.onnx.export(
        ...     nn.ReLU(), (torch.ones(2, 3),), input_names=["x"], dynamic_axes={"x": {0: "n"}}
        ... )
        >>> program.rename_axes({"n": "batch"})
        >>> program.model_proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param
        'batch'
        """
        names = {str(old): new for old, new in rename_mapping.items()}
        graph = self.model_proto.graph
        for value in [*graph.input, *graph.output, *graph.value_info]:
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param in names:
                    dim.dim_param = names[dim.dim_param]
        self._session = None

    def save(
        self,
        destination: str | os.PathLike[str],
        *,
        include_initializers: bool = True,
        keep_initializers_as_inputs: bool = False,
        external_data: bool | None = None,
    ) -> None:
        """Write a file.

        destination: a path. include_initializers: with the weights; without them, they are inputs
        where keep_initializers_as_inputs says so. external_data: the weights in a second file,
        NAME.data, which they are in any case where one file would be too large.

        Raises TypeError where destination is of the wrong type.
        """
        import onnx

        path, proto = os.fspath(destination), self.model_proto
        if keep_initializers_as_inputs or not include_initializers:
            proto = onnx.ModelProto()
            proto.CopyFrom(self.model_proto)
        if keep_initializers_as_inputs:
            known = {value.name for value in proto.graph.input}
            proto.graph.input.extend(
                onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
                for t in proto.graph.initializer
                if t.name not in known
            )
        if not include_initializers:
            del proto.graph.initializer[:]
        if not external_data and proto.ByteSize() < LARGEST:
            onnx.save_model(proto, path)
            return
        copy = onnx.ModelProto()  # saving moves the numbers out of the model
        copy.CopyFrom(proto)
        data = os.path.basename(path) + ".data"
        if os.path.exists(both := os.path.join(os.path.dirname(path), data)):
            os.remove(both)  # onnx adds to a file that is there
        onnx.save_model(copy, path, save_as_external_data=True, location=data, size_threshold=0)

    def initialize_inference_session(self, initializer: Callable[..., Any] | None = None) -> None:
        """Make the session that calls use. ModuleNotFoundError without onnxruntime.

        initializer: makes a session of the bytes of a model; None: onnxruntime's, on the CPU.

        >>> import importlib.util
        >>> program = torch.onnx.export(nn.ReLU(), (torch.ones(2),))
        >>> if importlib.util.find_spec("onnxruntime"):
        ...     program.initialize_inference_session()
        """
        self._session = (initializer or on_cpu)(self.model_proto.SerializeToString())

    def release(self) -> None:
        """Let the session go."""
        self._session = None

    def _given(self, args: Any, kwargs: Any) -> dict[str, np.ndarray]:
        """The tensors among the arguments, by the names of the inputs."""
        flat, _ = flatten((args, kwargs))
        tensors = [as_array(x) for x in flat if isinstance(x, Tensor)]
        return dict(zip([value.name for value in self.model_proto.graph.input], tensors))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the model makes of tensors, as the module would return it."""
        if self._session is None:
            self.initialize_inference_session()
        found = self._session.run(None, self._given(args, kwargs))
        return unflatten([as_tensor(a) for a in found], self._structure)

    def call_reference(self, *args: Any, **kwargs: Any) -> Any:
        """The same, computed by the reference evaluator of the `onnx` package.

        Tensors have the shapes of the program's inputs. Raises RuntimeError where an argument is of
        the wrong type.

        >>> program = torch.onnx.export(nn.ReLU(), (torch.ones(2),))
        >>> program.call_reference(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
        """
        import onnx.reference

        found = onnx.reference.ReferenceEvaluator(self.model_proto).run(
            None, self._given(args, kwargs)
        )
        return unflatten([as_tensor(np.asarray(a)) for a in found], self._structure)

    def compute_values(
        self, value_names: Sequence[str], args: Any = (), kwargs: Any = None
    ) -> list[Tensor]:
        """Values inside of the model, which onnxruntime computes as its outputs.

        value_names: of what nodes give. args, kwargs: the inputs.

        Tensors have the shapes of the program's inputs. Raises TypeError where value_names is of
        the wrong type; ValueError where an argument is of the wrong type, an argument is empty or
        an argument is too short.

        >>> import importlib.util
        >>> program = torch.onnx.export(nn.ReLU(), (torch.ones(2),))
        >>> if importlib.util.find_spec("onnxruntime"):
        ...     values = program.compute_values(["output"], (torch.ones(2),))
        """
        import onnx

        part = onnx.ModelProto()
        part.CopyFrom(self.model_proto)
        known = {value.name for value in part.graph.output}
        part.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in value_names if name not in known
        )
        session = on_cpu(part.SerializeToString())
        found = session.run(list(value_names), self._given(args, kwargs or {}))
        return [as_tensor(a) for a in found]


def on_cpu(model: bytes) -> Any:
    """An inference session of onnxruntime."""
    onnxruntime = needed("onnxruntime", "running an ONNX model needs onnxruntime", "onnx")
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def as_array(t: Tensor) -> np.ndarray:
    """The numbers of a tensor in memory of the CPU."""
    return t.detach().cpu().numpy()


def as_tensor(a: np.ndarray) -> Tensor:
    """A tensor of what a session returned."""
    from ...api.interop import from_numpy

    return from_numpy(np.ascontiguousarray(a) if a.ndim else a)
