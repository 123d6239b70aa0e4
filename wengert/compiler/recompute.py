"""What a backward pass computes again instead of keeping it.

Elementwise functions of arrays that are kept anyway, read by elementwise nodes alone, cost a kernel
little beside the passes over memory that it makes in any case. So they are not kept: the backward
program begins with the nodes that make them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Node, Value
from .group import SMALL, fusable

MOST = 12  # nodes for one value


def again(
    kept: Sequence[Value], others: set[int], readers: Sequence[Node]
) -> tuple[list[Value], list[Node]]:
    """(what of `kept` has to be kept, the nodes that compute the rest of it). others: the numbers
    of the values that the backward pass has anyway. readers: its nodes.
    """
    have = {v.number for v in kept} | others
    stay = {v.number for n in readers if fusable(n) is None for v in n.values()}
    nodes: dict[int, Node] = {}
    left = list(kept)
    for v in reversed(kept):  # those that were made last depend on the others
        have.discard(v.number)
        chain = None if v.number in stay else _chain(v, have)
        if chain is None:
            have.add(v.number)
            continue
        left.remove(v)
        nodes.update((id(n), n) for n in chain)
    ordered = sorted(nodes.values(), key=lambda n: n.outputs[0].number)
    return left, ordered


def _chain(v: Value, have: set[int]) -> list[Node] | None:
    """The nodes that make a large value out of what there is, if they are few and elementwise."""
    if v.size <= SMALL:
        return None
    found: dict[int, Node] = {}
    todo = [v]
    while todo:
        x = todo.pop()
        if x.constant or x.number in have:
            continue
        n = x.node
        if n is None or len(found) >= MOST or n.draws or fusable(n) is None:
            return None
        if id(n) not in found:
            found[id(n)] = n
            todo += n.values()
    return list(found.values())
