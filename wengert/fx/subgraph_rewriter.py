"""replace_pattern: wherever a graph holds a pattern, put another graph in its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from ..engine.error_context import clear_errors
from .graph import Graph
from .graph_module import GraphModule
from .node import Node
from .tracer import symbolic_trace

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """Where a pattern was found: its last node, and the node for each of the pattern's.

    anchor: the last node. nodes_map: the node for each of the pattern's.

    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> m = torch.fx.replace_pattern(gm, lambda x: torch.relu(x), lambda x: torch.tanh(x))
    >>> m[0].anchor
    relu
    """

    anchor: Node
    nodes_map: dict[Node, Node]


class ReplacedPatterns(NamedTuple):
    """Match, and the nodes that stand in its place.

    anchor: the last node. nodes_map: the node for each of the pattern's. replacements: the nodes
    that stand there now.

    >>> from wengert.fx.subgraph_rewriter import replace_pattern_with_filters
    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> relu, tanh = lambda x: torch.relu(x), lambda x: torch.tanh(x)
    >>> found = replace_pattern_with_filters(gm, relu, tanh)
    >>> found[0].replacements
    [tanh]
    """

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node]


def graph_of(pattern: Any) -> Graph:
    """The graph of a function, a module or a graph."""
    if isinstance(pattern, Graph):
        return pattern
    return pattern.graph if isinstance(pattern, GraphModule) else symbolic_trace(pattern).graph


def result_of(graph: Graph) -> list[Node]:
    """The nodes that a graph returns."""
    return graph.output_node().all_input_nodes


class Matcher:
    """Finds a pattern in a graph."""

    def __init__(self, pattern: Graph, graph: Graph, ignore_literals: bool = False) -> None:
        self.pattern, self.graph, self.loose = pattern, graph, ignore_literals
        self.inputs = [n for n in pattern.nodes if n.op == "placeholder"]
        self.anchors = result_of(pattern)

    def match_at(self, node: Node) -> dict[Node, Node] | None:
        """pattern node -> node, if the pattern ends in a node."""
        found: dict[Node, Node] = {}
        if not self.same(self.anchors[0], node, found):
            return None
        inner = {n: m for n, m in found.items() if n.op not in ("placeholder", "get_attr")}
        last = set(self.anchors)
        for n, m in inner.items():
            if n not in last and any(u not in inner.values() for u in m.users):
                return None  # what is inside is used outside
        return found

    def same(self, n: Node, m: Node, found: dict[Node, Node]) -> bool:
        if n in found:
            return found[n] is m
        if n.op == "placeholder":
            found[n] = m
            return True
        if n.op != m.op or n.target != m.target:
            return False
        found[n] = m
        args, kwargs = list(n.args), dict(n.kwargs)
        if len(args) != len(m.args) or kwargs.keys() != m.kwargs.keys():
            one = n.normalized_arguments(None) if n.op == "call_function" else None
            other = m.normalized_arguments(None) if n.op == "call_function" else None
            if one is None or other is None:
                return False
            return self.alike(one[0], other[0], found) and self.alike(one[1], other[1], found)
        return self.alike(tuple(args), m.args, found) and self.alike(kwargs, dict(m.kwargs), found)

    def alike(self, a: Any, b: Any, found: dict[Node, Node]) -> bool:
        if isinstance(a, Node):
            if not isinstance(b, Node):
                if a.op == "placeholder" and a not in found:
                    found[a] = b
                    return True
                return found.get(a) is b if a in found else False
            return self.same(a, b, found)
        if isinstance(a, (tuple, list)):
            return (
                isinstance(b, (tuple, list)) and len(a) == len(b)
                and all(self.alike(x, y, found) for x, y in zip(a, b))
            )  # fmt: skip
        if isinstance(a, dict):
            return isinstance(b, dict) and a.keys() == b.keys() and all(
                self.alike(a[k], b[k], found) for k in a
            )  # fmt: skip
        if isinstance(a, slice):
            return isinstance(b, slice) and all(
                self.alike(getattr(a, k), getattr(b, k), found) for k in ("start", "stop", "step")
            )
        if isinstance(b, Node):
            return False
        return self.loose or type(a) is type(b) and bool(a == b)


@clear_errors
def replace_pattern(gm: GraphModule, pattern: Any, replacement: Any) -> list[Match]:
    """Put `replacement` in the place of every `pattern` in gm's graph; returns where they were.

    pattern, replacement: functions or modules of the same arguments.

    Raises AssertionError where pattern or replacement cannot be called; TypeError where gm is of
    the wrong type.

    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> matches = torch.fx.replace_pattern(gm, lambda x: torch.relu(x), lambda x: torch.sigmoid(x))
    >>> gm(torch.zeros(1))
    tensor([1.5000])
    """
    done = replace_pattern_with_filters(gm, pattern, replacement)
    return [Match(d.anchor, d.nodes_map) for d in done]


@clear_errors
def replace_pattern_with_filters(
    gm: GraphModule, pattern: Any, replacement: Any = None,
    match_filters: list[Callable[..., bool]] | None = None, ignore_literals: bool = False,
    replacement_callback: Callable[..., Any] | None = None, **options: Any,
) -> list[ReplacedPatterns]:  # fmt: skip
    """replace_pattern, of the matches for which every filter(match, graph, pattern) is true.

    gm: the graph's module. replacement: what stands there afterwards. match_filters: functions that
    say whether a match counts. ignore_literals: numbers match all numbers. replacement_callback:
    makes the replacement of a match.

    Raises TypeError where match_filters is of the wrong type; AssertionError where pattern or
    replacement cannot be called.

    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x) + torch.relu(x + 1))
    >>> first = lambda match, graph, pattern: match.anchor.name == "relu"
    >>> relu, tanh = lambda x: torch.relu(x), lambda x: torch.tanh(x)
    >>> found = replace_pattern_with_filters(gm, relu, tanh, match_filters=[first])
    >>> len(found), gm(torch.zeros(1))
    (1, tensor([1.]))
    """
    graph, wanted = gm.graph, graph_of(pattern)
    matcher = Matcher(wanted, graph, ignore_literals)
    taken: set[Node] = set()
    matches: list[tuple[Node, dict[Node, Node]]] = []
    for node in graph.nodes:
        found = matcher.match_at(node)
        if found is None:
            continue
        inner = {m for n, m in found.items() if n.op not in ("placeholder", "get_attr")}
        match = Match(node, found)
        if inner & taken or not all(f(match, graph, wanted) for f in match_filters or ()):
            continue
        taken |= inner
        matches.append((node, found))
    done = []
    changed: dict[Node, Node] = {}
    for anchor, found in matches:
        other = graph_of(replacement_callback(Match(anchor, found), graph, wanted)
                         if replacement_callback else replacement)  # fmt: skip
        added = put_in_place(gm, anchor, found, matcher, other, changed)
        done.append(ReplacedPatterns(anchor, found, added))
    gm.recompile()
    if isinstance(replacement, GraphModule):
        copy_parts(gm, replacement)
    return done


def put_in_place(
    gm: GraphModule, anchor: Node, found: dict[Node, Node], matcher: Matcher, other: Graph,
    changed: dict[Node, Node],
) -> list[Node]:  # fmt: skip
    """Copy the replacement in front of the match's end, and let users use it."""
    inputs = [n for n in other.nodes if n.op == "placeholder"]
    mapping: dict[Node, Any] = {}
    for mine, theirs in zip(inputs, matcher.inputs):
        given: Any = found.get(theirs)
        while isinstance(given, Node) and given in changed:
            given = changed[given]
        mapping[mine] = given
    before = set(gm.graph.nodes)
    ends = [found[p] for p in matcher.anchors]
    users = [n for n in gm.graph.nodes if any(n in end.users for end in ends)]
    with gm.graph.inserting_before(users[0] if users else anchor):
        result = gm.graph.graph_copy(other, mapping)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    for old_pattern, new in zip(matcher.anchors, results):
        old = found[old_pattern]
        old.replace_all_uses_with(new)
        changed[old] = new
    for n in reversed(list(matcher.pattern.nodes)):
        if n.op not in ("placeholder", "output") and n in found and not found[n].users:
            gm.graph.erase_node(found[n])
    return [n for n in gm.graph.nodes if n not in before]


def copy_parts(gm: GraphModule, replacement: GraphModule) -> None:
    """Give gm the modules that the replacement brings along."""
    for node in gm.graph.nodes:
        if node.op in ("call_module", "get_attr"):
            try:
                gm.get_submodule(str(node.target))
            except AttributeError:
                if hasattr(replacement, str(node.target).partition(".")[0]):
                    gm.add_submodule(
                        str(node.target), copy.deepcopy(replacement.get_submodule(str(node.target)))
                    )
    gm.graph.lint()
