"""torch.export: a module as one graph of calls, with its parameters as inputs.

The calls are those of torch's public functions, found by running the module on example inputs
(`jit/record.py`), or by following its code where sizes may change. PyTorch's graphs are of
operators instead; what they compute is the same.
"""

from __future__ import annotations

import copy
import enum
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..base.pytree import tree_flatten, tree_leaves
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule
from ..fx.node import Node, map_arg
from ..jit.encoding import read_program, save_program
from ..jit.record import record
from ..jit.trace import Start, argument_names, left_at_default, same
from ..nn.module import Module

__all__ = [
    "Dim", "ExportGraphSignature", "ExportedProgram", "InputKind", "InputSpec", "OutputKind",
    "OutputSpec", "ShapesCollection", "default_decompositions", "dims", "draft_export", "export",
    "export_for_training", "load", "register_dataclass", "save", "unflatten",
]  # fmt: skip


# ---- sizes that may change


class _DimHint(enum.Enum):
    """What is known of a size that may change."""

    AUTO = "AUTO"
    STATIC = "STATIC"
    DYNAMIC = "DYNAMIC"


class Dim:
    """A size that may change, from min to max.

    name: the name of the size. Raises TypeError where min or max is of the wrong type; ValueError
    where min does not fit or max is below 1; RuntimeError where min or max is a tensor of several
    numbers.

    >>> torch.export.Dim("batch", min=1, max=8)
    Dim('batch', min=1, max=8)
    """

    AUTO, STATIC, DYNAMIC = _DimHint.AUTO, _DimHint.STATIC, _DimHint.DYNAMIC

    @clear_errors
    def __init__(self, name: str, *, min: int | None = None, max: int | None = None) -> None:
        if not name.isidentifier():
            raise ValueError(f"Dim name must be a valid identifier, got {name}")
        if min is not None and max is not None and max <= min:
            raise ValueError(f"Cannot create Dim with inconsistent min={min}, max={max}")
        self.__name__, self.min, self.max = name, 0 if min is None else min, max

    def __repr__(self) -> str:
        end = "" if self.max is None else f", max={self.max}"
        return f"Dim('{self.__name__}', min={self.min}{end})"

    def __mul__(self, factor: int) -> Dim:
        return Dim(f"{self.__name__}_times_{factor}")

    __rmul__ = __add__ = __sub__ = __mul__


@clear_errors
def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several Dims at once.

    min: the least size. max: the largest size. Raises ValueError where min is above max; TypeError
    where an argument is of the wrong type.

    >>> len(torch.export.dims("height", "width"))
    2
    """
    return tuple([Dim(n, min=min, max=max) for n in names])


class ShapesCollection:
    """Dims by tensor: shapes[x] = {0: Dim("batch")}. Raises TypeError where args is of the wrong
    type.

    >>> x = torch.ones(4, 2)
    >>> shapes = torch.export.ShapesCollection()
    >>> shapes[x] = {0: torch.export.Dim("batch")}
    >>> shapes.dynamic_shapes(nn.Linear(2, 1), (x,))
    ({0: Dim('batch', min=0)},)
    """

    def __init__(self) -> None:
        self._shapes: dict[int, Any] = {}

    def __setitem__(self, t: Tensor, shape: Any) -> None:
        self._shapes[id(t)] = shape

    def __getitem__(self, t: Tensor) -> Any:
        return self._shapes.setdefault(id(t), {})

    def dynamic_shapes(self, m: Any, args: Any, kwargs: Any = None) -> Any:
        """The form that export() takes.

        m: the module. args: an example of its arguments. kwargs: an example of its keyword
        arguments.

        Tensors have any shape that the module takes. Raises TypeError where args is of the wrong
        type.
        """
        return tuple([self._shapes.get(id(a)) for a in args])


# ---- what is told of a program


class InputKind(enum.Enum):
    """What an input of the graph is."""

    USER_INPUT = "USER_INPUT"
    PARAMETER = "PARAMETER"
    BUFFER = "BUFFER"
    CONSTANT_TENSOR = "CONSTANT_TENSOR"


class OutputKind(enum.Enum):
    """What an output of the graph is."""

    USER_OUTPUT = "USER_OUTPUT"


class InputSpec(NamedTuple):
    """An input of the graph.

    kind: an InputKind or OutputKind. arg: the name of the node. target: the path of the parameter;
    None: an input of the user. persistent: whether a buffer is in state_dict().

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> [spec.target for spec in program.graph_signature.input_specs]
    ['weight', 'bias', None]
    """

    kind: InputKind
    arg: str
    target: str | None
    persistent: bool | None = None


class OutputSpec(NamedTuple):
    """An output of the graph.

    kind: an InputKind or OutputKind. arg: the name of the node. target: the path of the parameter;
    None: an input of the user.

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> [spec.kind.name for spec in program.graph_signature.output_specs]
    ['USER_OUTPUT']
    """

    kind: OutputKind
    arg: str
    target: str | None


class ExportGraphSignature:
    """What the inputs and outputs of the graph are.

    input_specs: one for each input. output_specs: one for each output.

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> [spec.kind.name for spec in program.graph_signature.input_specs]
    ['PARAMETER', 'PARAMETER', 'USER_INPUT']
    """

    def __init__(self, input_specs: list[InputSpec], output_specs: list[OutputSpec]) -> None:
        self.input_specs, self.output_specs = input_specs, output_specs

    def _of(self, kind: InputKind) -> list[InputSpec]:
        return [s for s in self.input_specs if s.kind is kind]

    @property
    def parameters(self) -> list[str]:
        """Paths of the parameters."""
        return [str(s.target) for s in self._of(InputKind.PARAMETER)]

    @property
    def buffers(self) -> list[str]:
        """Paths of the buffers."""
        return [str(s.target) for s in self._of(InputKind.BUFFER)]

    @property
    def user_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that callers give."""
        return tuple([s.arg for s in self._of(InputKind.USER_INPUT)])

    @property
    def user_outputs(self) -> tuple[str, ...]:
        """Names of what callers get."""
        return tuple([s.arg for s in self.output_specs])

    @property
    def inputs_to_parameters(self) -> dict[str, str]:
        """Name of the input -> path of the parameter."""
        return {s.arg: str(s.target) for s in self._of(InputKind.PARAMETER)}

    @property
    def inputs_to_buffers(self) -> dict[str, str]:
        """Name of the input -> path of the buffer."""
        return {s.arg: str(s.target) for s in self._of(InputKind.BUFFER)}

    def __str__(self) -> str:
        lines = ["", "# inputs"]
        for s in self.input_specs:
            more = f" target='{s.target}'" if s.target else ""
            more += f" persistent={s.persistent}" if s.persistent is not None else ""
            lines.append(f"{s.arg}: {s.kind.name}{more}")
        lines += ["", "# outputs", *[f"{s.arg}: {s.kind.name}" for s in self.output_specs], ""]
        return "\n".join(lines)


class ExportedProgram:
    """A module as a graph: graph, graph_module, graph_signature, state_dict; module() runs it.

    program: the graph. lifted: the graph with parameters as inputs. signature: what its inputs and
    outputs are. shapes: of the inputs, with
    a name where a size may change. example_inputs: the example. ranges: of the sizes that may
    change.

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> [name for name, _ in program.named_parameters()], len(list(program.parameters()))
    (['weight', 'bias'], 2)
    >>> len(list(program.buffers())), len(list(program.named_buffers()))
    (0, 0)
    >>> program.run_decompositions().module()(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """

    def __init__(
        self, program: GraphModule, lifted: GraphModule, signature: ExportGraphSignature,
        shapes: list[Any], example_inputs: Any, ranges: dict[str, Any],
    ) -> None:  # fmt: skip
        self._program, self.graph_module, self.graph_signature = program, lifted, signature
        self._shapes, self.example_inputs, self.range_constraints = shapes, example_inputs, ranges

    @property
    def graph(self) -> Graph:
        """The graph, with parameters as inputs."""
        return self.graph_module.graph

    @property
    def state_dict(self) -> dict[str, Any]:
        """The parameters and buffers by path."""
        constants = set(self.constants)
        return {k: v for k, v in self._program.state_dict().items() if k not in constants}

    @property
    def constants(self) -> dict[str, Any]:
        """The tensors that were fixed."""
        return {
            str(s.target): self._program.get_buffer(str(s.target))
            for s in self.graph_signature._of(InputKind.CONSTANT_TENSOR)
        }

    tensor_constants = constants
    dialect = "TRAINING"

    def parameters(self) -> Iterator[Any]:
        """The parameters."""
        return self._program.parameters()

    def named_parameters(self) -> Iterator[Any]:
        """(path, parameter) of all."""
        return self._program.named_parameters()

    def buffers(self) -> Iterator[Any]:
        """The buffers."""
        return self._program.buffers()

    def named_buffers(self) -> Iterator[Any]:
        """(path, buffer) of all."""
        return self._program.named_buffers()

    def run_decompositions(self, decomp_table: Any = None, **options: Any) -> ExportedProgram:
        """The program itself: its calls are not taken apart.

        decomp_table: accepted.
        """
        return self

    def module(self, check_guards: bool = True) -> GraphModule:
        """A module that runs the program; RuntimeError for inputs of other fixed sizes.

        check_guards: raise for inputs of other fixed sizes.
        """
        made = copy.copy(self._program)
        if check_guards:
            made.register_forward_pre_hook(self._check, with_kwargs=True)
        return made

    def _check(self, module: Any, args: Any, kwargs: Any) -> None:
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        for name, fixed, t in zip(self.graph_signature.user_inputs, self._shapes, given):
            if len(fixed) != t.dim() or any(
                isinstance(n, int) and n != s for n, s in zip(fixed, t.shape)
            ):
                told = tuple(n if isinstance(n, int) else "any" for n in fixed)
                raise RuntimeError(
                    f"exported program: the input {name!r} has shape {tuple(t.shape)}, and was "
                    f"exported for {told}: export it with dynamic_shapes"
                )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Unable to call ExportedProgram directly. You should use `exported_program.module()` "
            "instead."
        )

    def __str__(self) -> str:
        text = self.graph_module.print_readable(print_output=False)
        body = "\n".join([f"    {line}" for line in text.split("\n")])
        told = str(self.graph_signature).replace("\n", "\n    ")
        return (
            f"ExportedProgram:\n{body}\nGraph signature: {told}\n"
            f"Range constraints: {self.range_constraints}\n"
        )

    __repr__ = __str__


def dynamic_dims(spec: Any, names: list[str], args: tuple[Any, ...]) -> list[Any]:
    """For each tensor among the inputs, a Dim or None for each of its dimensions."""
    if isinstance(spec, ShapesCollection):
        spec = spec.dynamic_shapes(None, args)
    if isinstance(spec, Mapping):
        if unknown := set(spec) - set(names):
            raise ValueError(
                "When `dynamic_shapes` is specified as a dict, its top-level keys must be the arg "
                f"names {names} of `inputs`, but here they are {list(spec)}: {unknown}"
            )
        spec = [spec.get(n) for n in names]
    given = list(spec) if spec is not None else [None] * len(args)
    found = []
    for s, a in zip(given, args):
        leaves = [t for t in tree_leaves(a) if isinstance(t, Tensor)]
        parts = [s] * len(leaves) if isinstance(a, Tensor) or s is None else list(s)
        for part, t in zip(parts, leaves):
            chosen = part if isinstance(part, Mapping) else dict(enumerate(part or ()))
            found.append([chosen.get(i) for i in range(t.dim())])
    return found


def export(
    mod: Module, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None, *,
    dynamic_shapes: Any = None, strict: bool = False,
    preserve_module_call_signature: tuple[str, ...] = (),
    prefer_deferred_runtime_asserts_over_guards: bool = False,
) -> ExportedProgram:  # fmt: skip
    """A module as one graph, for inputs of the shapes of the examples.

    args, kwargs: example inputs; dynamic_shapes: which sizes may change, by argument and dimension
    (Dim, Dim.AUTO). ValueError for anything but a module and for what cannot be captured.

    mod: the module. strict: accepted. preserve_module_call_signature: accepted.
    prefer_deferred_runtime_asserts_over_guards: accepted.

    Raises TypeError where an argument is of the wrong type, empty, too short or too long.

    >>> ep = torch.export.export(nn.Linear(2, 1), (torch.ones(1, 2),))
    >>> ep.module()(torch.zeros(1, 2)).shape
    torch.Size([1, 1])
    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> program.module()(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    if not isinstance(mod, Module):
        raise ValueError(f"Expected `mod` to be an instance of `torch.nn.Module`, got {type(mod)}.")
    if not isinstance(args, tuple):
        raise TypeError(f"Expecting `args` to be a tuple of example inputs, got {type(args)}")
    names = argument_names(mod, 99)
    inputs = (*args, *[(kwargs or {})[n] for n in names[len(args) :] if n in (kwargs or {})])
    names = names[: len(inputs)]
    chosen = dynamic_dims(dynamic_shapes, names, inputs)
    dynamic = any(d is not None and d is not Dim.STATIC for s in chosen for d in s)
    root = Module()
    root.__dict__ = {**mod.__dict__, "_buffers": dict(mod._buffers)}
    start = Start(mod, inputs)
    expected = start.run(mod)
    if dynamic:
        graph = followed(mod, inputs)
    else:
        graph, _ = start.run(lambda *given: record(mod, root, names, given))
    program = GraphModule(root, graph, type(mod).__name__)
    if not same(start.run(program), expected, 1e-5):
        raise RuntimeError(
            "torch.export.export: the captured calls do not compute what the module does: it "
            "changes between calls, or computes with something else than tensors"
        )
    tensors = [t for t in tree_leaves(inputs) if isinstance(t, Tensor)]
    shapes = [
        [
            s if d is None or d is Dim.STATIC else getattr(d, "__name__", f"s{i}")
            for i, (s, d) in enumerate(zip(t.shape, row))
        ]
        for t, row in zip(tensors, chosen)
    ]
    ranges = {d.__name__: (d.min, d.max) for row in chosen for d in row if isinstance(d, Dim)}
    return assembled(program, shapes, (args, dict(kwargs or {})), ranges)


def followed(mod: Module, inputs: Any) -> Graph:
    """The graph of the module's code for any sizes. RuntimeError if it looks at values."""
    try:
        return left_at_default(mod, inputs).trace(mod)
    except Exception as error:
        raise RuntimeError(
            f"torch.export.export: with dynamic_shapes the code has to be followed without values, "
            f"and {error}. Export it for fixed shapes, without dynamic_shapes"
        ) from error


def assembled(
    program: GraphModule, shapes: list[Any], example: Any, ranges: dict[str, Any]
) -> ExportedProgram:
    """The program with its parameters lifted to inputs, and what is told of them."""
    lifted, known = Graph(), {}
    specs: list[InputSpec] = []
    parameters = dict(program.named_parameters())
    persistent = set(program.state_dict())
    for node in program.graph.nodes:
        target = str(node.target)
        if node.op != "get_attr" or target in {s.target for s in specs}:
            continue
        constant = target.startswith(("_tensor_constant", "_param_constant"))
        kind = (
            InputKind.PARAMETER if target in parameters
            else InputKind.CONSTANT_TENSOR if constant else InputKind.BUFFER
        )  # fmt: skip
        letter = {"PARAMETER": "p", "BUFFER": "b", "CONSTANT_TENSOR": "c"}[kind.name]
        made = lifted.placeholder(f"{letter}_" + re.sub(r"\W", "_", target))
        known[target] = made
        kept = target in persistent if kind is InputKind.BUFFER else None
        specs.append(InputSpec(kind, made.name, target, kept))
    mapping: dict[Node, Node] = {}
    for node in program.graph.nodes:
        if node.op == "get_attr":
            mapping[node] = known[str(node.target)]
        elif node.op != "output":
            mapping[node] = lifted.node_copy(node, lambda n: mapping[n])
            if node.op == "placeholder":
                specs.append(InputSpec(InputKind.USER_INPUT, mapping[node].name, None))
    result = map_arg(program.graph.output_node().args[0], lambda n: mapping[n])
    outs = [n for n in tree_flatten(result)[0] if isinstance(n, Node)]
    lifted.output(tuple(outs))
    told = [OutputSpec(OutputKind.USER_OUTPUT, n.name, None) for n in outs]
    signature = ExportGraphSignature(specs, told)
    gm = GraphModule(program, lifted, "GraphModule")
    return ExportedProgram(program, gm, signature, shapes, example, ranges)


def export_for_training(mod: Module, args: tuple[Any, ...], *rest: Any, **options: Any) -> Any:
    """An older name of export.

    mod: the module. args: an example of its arguments.

    Tensors have any shape that the module takes. Raises TypeError where args is no tuple,
    ValueError where mod cannot be exported.

    >>> torch.export.export_for_training(nn.ReLU(), (torch.ones(2),)).module()(-torch.ones(2))
    tensor([0., 0.])
    """
    return export(mod, args, *rest, **options)


def draft_export(mod: Module, args: tuple[Any, ...], *rest: Any, **options: Any) -> Any:
    """export: there is no other way to try.

    mod: the module. args: an example of its arguments.

    Tensors have any shape that the module takes. Raises TypeError where args is no tuple,
    ValueError where mod cannot be exported.

    >>> program = torch.export.draft_export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> program.module()(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    return export(mod, args, *rest, **options)


def default_decompositions() -> dict[Any, Any]:
    """How operators are taken apart: they are not.

    >>> torch.export.default_decompositions()
    {}
    """
    return {}


def register_dataclass(cls: type, *, serialized_type_name: str | None = None) -> None:
    """Let a dataclass be a container of inputs or outputs.

    serialized_type_name: the class's name where a structure is written as text.

    Raises TypeError where cls is no dataclass.

    >>> import dataclasses
    >>> @dataclasses.dataclass
    ... class Pair:
    ...     a: object
    ...     b: object
    >>> torch.export.register_dataclass(Pair)
    >>> torch.utils._pytree.tree_map(lambda n: n + 1, Pair(1, 2))
    Pair(a=2, b=3)
    """
    from ..base.pytree_parts import register_dataclass

    register_dataclass(cls, serialized_type_name=serialized_type_name)


@clear_errors
def unflatten(module: ExportedProgram, flat_args_adapter: Any = None) -> GraphModule:
    """The program as a module.

    flat_args_adapter: accepted. Raises TypeError for what is no ExportedProgram.

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> torch.export.unflatten(program)(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    return module.module()


@clear_errors
def save(
    ep: ExportedProgram, f: Any, *, extra_files: dict[str, Any] | None = None,
    opset_version: Any = None, **options: Any,
) -> None:  # fmt: skip
    """Write a program to a path or an open file; torch.export.load reads it.

    ep: what export() gave. f: a path or an open file. extra_files: name -> text, kept beside it.
    opset_version: accepted. Raises TypeError for what is no ExportedProgram; AttributeError where f
    is of the wrong type.

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> torch.export.save(program, "net.pt2")
    >>> torch.export.load("net.pt2").module()(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    if not isinstance(ep, ExportedProgram):
        raise TypeError(
            f"The 'ep' parameter must be an instance of 'ExportedProgram', got {type(ep).__name__}"
        )
    told = json.dumps({"shapes": ep._shapes, "ranges": ep.range_constraints})
    save_program(ep._program, type(ep._program).__name__, f, {
        **(extra_files or {}), "wengert.export": told})  # fmt: skip


@clear_errors
def load(
    f: Any, *, extra_files: dict[str, Any] | None = None, expected_opset_version: Any = None
) -> ExportedProgram:
    """The program that save() wrote.

    f: a path or an open file. extra_files: name -> text, kept beside it. expected_opset_version:
    accepted. Raises ValueError where there is no such file; TypeError where f is of the wrong type.

    >>> program = torch.export.export(nn.Linear(2, 1), (torch.ones(4, 2),))
    >>> torch.export.save(program, "net.pt2")
    >>> torch.export.load("net.pt2").module()(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    wanted: dict[str, Any] = {**dict.fromkeys(extra_files or (), ""), "wengert.export": b""}
    root, graph, told = read_program(f, None, wanted)
    facts = json.loads(wanted.pop("wengert.export") or b"{}")
    if extra_files is not None:
        extra_files.update(wanted)
    program = GraphModule(root, graph, told["name"])
    return assembled(program, facts.get("shapes", []), None, facts.get("ranges", {}))


def get_decompositions(aten_ops: Any, type: str = "post_autograd") -> dict[Any, Any]:
    """How operators are taken apart: they are not."""
    return {}
