"""Graphs in other words that say the same with less to do.

One thing so far: where max pooling alone reads what relu gives, relu comes after it, and in the
backward pass before the scatter, on a part of the elements. Both choose among the same numbers, so
that values and gradients are the same to the bit: where a window has nothing above zero another of
its elements may be chosen, whose gradient is zero as well.
"""

from __future__ import annotations

from collections.abc import Collection

from .graph import Graph, Node, Value


def simplify(graph: Graph, kept: Collection[int]) -> None:
    """Change a graph in place. kept: the numbers of values that somebody outside needs."""
    readers: dict[int, list[Node]] = {}
    for n in graph.nodes:
        for v in n.values():
            readers.setdefault(v.number, []).append(n)
    for relu in list(graph.nodes):
        if relu.op.name == "relu" and relu.outputs[0].number not in kept:
            _pool_first(graph, relu, readers, kept)


def _pool_first(
    graph: Graph, relu: Node, readers: dict[int, list[Node]], kept: Collection[int]
) -> None:
    (x,), (y,) = relu.operands, relu.outputs
    pools = [n for n in readers.get(y.number, ()) if n.op.name == "max_pool"]
    slopes = [n for n in readers.get(y.number, ()) if n.op.name == "relu_backward"]
    if len(pools) != 1 or len(slopes) + 1 < len(readers[y.number]) or type(x) is not Value:
        return
    (pool,) = pools
    best, where = pool.outputs
    scatters = readers.get(where.number, [])
    if where.number in kept or len(scatters) != len(slopes):
        return
    pairs = []
    for slope in slopes:
        g = slope.operands[0]
        scatter = g.node if type(g) is Value else None
        if scatter is None or scatter.op.name != "pool_scatter" or slope.operands[1] is not y:
            return
        if scatter.operands[1] is not where or type(scatter.operands[0]) is not Value:
            return
        if g.number in kept or readers[g.number] != [slope]:
            return
        pairs.append((slope, scatter))
    # forward: the pool reads x, and relu what it gives
    pool.operands = (x, *pool.operands[1:])
    chosen = graph.value(best.shape, best.dtype, best.home, pool, 0)
    pool.outputs = (chosen, where)
    relu.operands, relu.outputs = (chosen,), (best,)
    best.node, best.index = relu, 0
    nodes = graph.nodes
    nodes.remove(relu)
    nodes.insert(nodes.index(pool) + 1, relu)
    # backward: the slope is taken of what is scattered then
    for slope, scatter in pairs:
        g, out = scatter.operands[0], slope.outputs[0]
        part = graph.value(g.shape, g.dtype, g.home, slope, 0)
        first, last = nodes.index(scatter), nodes.index(slope)
        nodes[first], nodes[last] = slope, scatter
        slope.operands, slope.outputs = (g, best), (part,)
        scatter.operands, scatter.outputs = (part, where), (out,)
        out.node = scatter
