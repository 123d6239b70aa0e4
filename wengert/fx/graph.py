"""Graph: the steps of a program in order, built and changed by hand or by a Tracer.

How a graph becomes Python is in `codegen.py`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..engine.error_context import clear_errors
from .codegen import CodeGen, PythonCode, snake_case
from .node import Argument, Node, Target, map_arg, qualified_name

__all__ = ["CodeGen", "Graph", "PythonCode"]


class _Names:
    """Names that are given once."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def create(self, candidate: str) -> str:
        """A name like the candidate, with a number if it was given before."""
        name = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if name[0].isdigit():
            name = f"_{name}"
        found = re.fullmatch(r"(.*)_(\d+)", name)
        base, n = (found.group(1), int(found.group(2))) if found else (name, None)
        taken = CodeGen.reserved
        full = name if n is None else f"{base}_{n}"
        n = n or 0
        while full in self.used or full in taken:
            n = max(n, self.used.get(base, 0)) + 1
            full = f"{base}_{n}"
        self.used[base] = max(self.used.get(base, 0), n)
        self.used.setdefault(full, 0)
        return full


class _NodeList:
    """The nodes of a graph in order."""

    def __init__(self, graph: Graph, direction: str = "_next") -> None:
        self.graph, self.direction = graph, direction

    def __len__(self) -> int:
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        at = getattr(root, self.direction)
        while at is not root:
            following = getattr(at, self.direction)
            if not at._erased:
                yield at
            at = getattr(at, self.direction) if not at._erased else following

    def __reversed__(self) -> _NodeList:
        return _NodeList(self.graph, "_prev" if self.direction == "_next" else "_next")


class Graph:
    """A program as a list of nodes.

    owning_module: the module that has the parameters. tracer_cls: the class of the tracer.
    tracer_extras: accepted.

    Its methods raise ValueError for a target that cannot be called, AssertionError for arguments
    that are no tuple.

    >>> g = torch.fx.Graph()
    >>> x = g.placeholder("x")
    >>> out = g.output(g.call_function(torch.relu, (x,)))
    >>> print(g)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        return relu
    >>> y = g.get_attr("weight")
    >>> z = g.call_module("linear", (x,))
    >>> z = g.call_method("sum", (x,))
    >>> len(g.find_nodes(op="call_method")), g.output_node().op
    (1, 'output')
    >>> g.erase_node(z)
    >>> g = torch.fx.symbolic_trace(lambda x: x + 1).graph
    >>> x, total, out = g.nodes
    >>> with g.inserting_before(total):
    ...     doubled = g.create_node("call_function", torch.mul, (x, 2), name="doubled")
    >>> with g.inserting_after(doubled):
    ...     unused = g.call_function(torch.relu, (doubled,))
    >>> total.replace_input_with(x, doubled)
    >>> g.lint()
    >>> g.eliminate_dead_code()
    True
    >>> print(g.python_code("self").src.strip())
    def forward(self, x):
        doubled = torch.mul(x, 2);  x = None
        add = doubled + 1;  doubled = None
        return add
    >>> copy = torch.fx.Graph()
    >>> copy.output(copy.graph_copy(g, {}))
    output
    >>> again = torch.fx.Graph()
    >>> again.node_copy(x)
    x
    >>> g.set_codegen(torch.fx.CodeGen())
    >>> g.process_outputs(g.process_inputs(1))
    (1,)
    """

    def __init__(
        self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: Any = None
    ) -> None:
        self._root = Node.__new__(Node)
        self._root.__dict__.update(
            graph=self, name="", op="root", target="", _erased=False, users={}, _input_nodes={},
            meta={}, _args=(), _kwargs={}, type=None,
        )  # fmt: skip
        self._root._prev = self._root._next = self._root
        self._insert: Callable[[Node], None] = self._root.prepend
        self._len = 0
        self._names = _Names()
        self.owning_module, self._tracer_cls = owning_module, tracer_cls
        self._tracer_extras = tracer_extras
        self._codegen = CodeGen()

    @property
    def nodes(self) -> _NodeList:
        """The nodes in order."""
        return _NodeList(self)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes of one op and, if given, one target.

        sort: in the order of the graph.
        """
        return [
            n for n in self.nodes
            if n.op == op and (target is None or n.target is target or n.target == target)
        ]  # fmt: skip

    # ---- building

    def create_node(
        self, op: str, target: Target, args: Any = None, kwargs: Any = None,
        name: str | None = None, type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """Add a node at the place where nodes are inserted.

        op: the kind of node: 'call_function' and so on. target: what is called: a function,
        a method's name, or the path of a module. name: the name wanted for the node.
        type_expr: the type of the result, a remark.

        Raises TypeError where name is of the wrong type; ValueError where target cannot be called;
        AssertionError where op or args is of the wrong type or op is unknown.
        """
        args, kwargs = () if args is None else args, {} if kwargs is None else kwargs
        if not isinstance(args, tuple) and not isinstance(args, list):
            raise AssertionError("args must be a tuple")
        name = self._names.create(name if name is not None else self._candidate(op, target))
        node = Node(self, name, op, target, tuple(args), kwargs, type_expr)
        self._insert(node)
        self._len += 1
        return node

    @staticmethod
    def _candidate(op: str, target: Target) -> str:
        if isinstance(target, str):
            text = target
        else:
            text = getattr(target, "__name__", type(target).__name__)
            if getattr(target, "__module__", "") != "builtins":
                text = qualified_name(target).rpartition(".")[2]
        return snake_case(text.replace(".", "_"))

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """Add an input.

        name: the name wanted for the node. type_expr: the type of the result, a remark.
        default_value: of the argument.
        """
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """Add the reading of an attribute of the module, such as a parameter.

        qualified_name: the path of the attribute. type_expr: the type of the result, a
        remark.
        """
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """Add a call of a sub-module.

        module_name: the path of the module. type_expr: the type of the result, a remark.

        Raises AssertionError where args is of the wrong type.
        """
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(
        self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """Add a call of a method of the first argument.

        method_name: the method. type_expr: the type of the result, a remark.

        Raises AssertionError where args is of the wrong type.
        """
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self, the_function: Callable[..., Any], args: Any = None, kwargs: Any = None,
        type_expr: Any = None, name: str | None = None,
    ) -> Node:  # fmt: skip
        """Add a call of a function.

        the_function: the function. type_expr: the type of the result, a remark. name: the
        name wanted for the node.

        Raises ValueError where the_function cannot be called; AssertionError where args is of the
        wrong type.
        """
        return self.create_node(
            "call_function", the_function, args, kwargs, name=name, type_expr=type_expr
        )

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """Add what the program returns.

        result: what the graph returns. type_expr: the type of the result, a remark.
        """
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    @clear_errors
    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """Add a copy of a node of another graph; arg_transform gives its nodes here.

        Raises TypeError where node is of the wrong type.
        """
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        copied = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        copied.meta = dict(node.meta)
        return copied

    @clear_errors
    def graph_copy(
        self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False
    ) -> Any:
        """Add copies of all nodes of another graph but its output; returns what that returned.

        val_map: node there -> node here; placeholders in it are not copied. return_output_node:
        also give the output node.

        Raises TypeError where val_map is of the wrong type.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    # ---- places

    @clear_errors
    def inserting_before(self, n: Node | None = None) -> Any:
        """Context manager, or for good: new nodes go before n (None: before all).

        Raises TypeError where n is of the wrong type.
        """
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return _InsertPoint(self, n.prepend)

    @clear_errors
    def inserting_after(self, n: Node | None = None) -> Any:
        """Context manager, or for good: new nodes go behind n (None: behind all).

        Raises TypeError where n is of the wrong type.
        """
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        return _InsertPoint(self, n.append)

    @clear_errors
    def erase_node(self, to_erase: Node) -> None:
        """Take a node out. RuntimeError if others use it.

        to_erase: a Node without users.

        Raises TypeError where to_erase is of the wrong type.
        """
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users "
                f"in the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._unlink()
        to_erase._erased = True
        self._len -= 1
        to_erase._update((), {})

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Take out the nodes that nothing uses and that have no effect; whether there were any.

        is_impure_node: whether a node has an effect; None: as nodes say.
        """
        self.lint()
        impure = is_impure_node or (lambda n: n.is_impure())
        changed = False
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
                changed = True
        return changed

    # ---- reading

    @property
    def output_node_(self) -> Node:
        return next(n for n in reversed(self.nodes) if n.op == "output")

    def output_node(self) -> Node:
        """The node of what the program returns."""
        return self.output_node_

    def lint(self) -> None:
        """Check that the graph is well formed. RuntimeError says what is not."""
        seen_names: set[str] = set()
        seen: set[Node] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for n in node.all_input_nodes:
                if n.graph is not self or n._erased:
                    raise RuntimeError(
                        f"Argument '{n}' of Node '{node}' does not belong to this Graph"
                    )
                if n not in seen:
                    raise RuntimeError(
                        f"Argument '{n}' of Node '{node}' was used before it has been defined! "
                        "Please check that Nodes in the graph are topologically ordered\n"
                        f"{self}"
                    )
            if node.name in seen_names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            seen_names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                at: Any = self.owning_module
                for part in str(node.target).split("."):
                    if not hasattr(at, part):
                        raise RuntimeError(
                            f"Node {node} target {node.target} references nonexistent attribute "
                            f"{part} of {node.target}"
                        )
                    at = getattr(at, part)

    def python_code(self, root_module: str, *, verbose: bool = False, **options: Any) -> PythonCode:
        """The graph as Python; root_module: the name of `self` in it.

        verbose: with more remarks.
        """
        return self._codegen.generate(self, root_module)

    def set_codegen(self, codegen: CodeGen) -> None:
        """Have another CodeGen make Python of the graph.

        codegen: a CodeGen.
        """
        self._codegen = codegen

    def on_generate_code(self, make_transformer: Callable[..., Any]) -> Any:
        """Have a function change the lines of Python that are made of the graph.

        make_transformer: takes the function that was there before (or None), gives one from a list
        of lines to another. Returns a context manager that takes it away again.

        Raises TypeError where make_transformer cannot be called.

        >>> gm = torch.fx.symbolic_trace(lambda x: x + 1)
        >>> added = gm.graph.on_generate_code(lambda former: lambda body: ["print(x)\\n", *body])
        >>> code = gm.recompile()
        >>> gm(2)
        2
        3
        """
        codegen, former = self._codegen, self._codegen.rewrite
        codegen.rewrite = make_transformer(former)
        taken_away = contextlib.ExitStack()
        taken_away.callback(setattr, codegen, "rewrite", former)
        return taken_away

    def process_inputs(self, *args: Any) -> Any:
        """The inputs as the program takes them."""
        return args

    def process_outputs(self, out: Any) -> Any:
        """The outputs as the program gives them."""
        return out

    def print_tabular(self) -> None:
        """Write the nodes as a table.

        >>> torch.fx.symbolic_trace(lambda x: x + 1).graph.print_tabular()
        opcode         name    target        args    kwargs
        -------------  ------  ------------  ------  ------
        placeholder    x       x             ()      {}
        call_function  add     operator.add  (x, 1)  {}
        output         output  output        (add,)  {}
        """
        import sys

        rows = [("opcode", "name", "target", "args", "kwargs")]
        rows += [(n.op, n.name, n.target_name(), str(n.args), str(n.kwargs)) for n in self.nodes]
        widths = [max(len(r[i]) for r in rows) for i in range(5)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows]
        lines.insert(1, "  ".join("-" * w for w in widths))
        sys.stdout.write("\n".join(lines) + "\n")

    def __str__(self) -> str:
        lines = [n.format_node() for n in self.nodes]
        return "graph():" + "".join([f"\n    {line}" for line in lines if line])

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Graph:
        import copy

        memo = {} if memo is None else memo
        g = Graph(tracer_cls=self._tracer_cls)
        g._codegen = copy.copy(self._codegen)
        known: dict[Node, Node] = {}
        copied = g.graph_copy(self, known, return_output_node=True)
        for old, new in known.items():
            memo[id(old)] = new
        if isinstance(copied, tuple) and len(copied) == 2 and isinstance(copied[1], Node):
            result, old_output = copied
            new_output = g.output(result, type_expr=old_output.type)
            new_output.meta = dict(old_output.meta)
        return g


class _InsertPoint:
    """What inserting_before and inserting_after return: in force at once, until its block ends."""

    def __init__(self, graph: Graph, insert: Callable[[Node], None]) -> None:
        self.graph, self.before = graph, graph._insert
        graph._insert = insert

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None:
        self.graph._insert = self.before
