"""What eliminating a vertex costs at least, whatever the order: least separators, by Menger's theorem.

When a vertex is eliminated, every path from the inputs to it meets one of its neighbours of that time, as all
between are gone. So these neighbours separate it from the inputs, and weigh no less than the lightest
separator. The same holds towards the outputs. The product of both bounds what the vertex costs, and the sum
over all vertices what any order costs. The separator is found as a largest flow (Ford and Fulkerson 1956)
through vertices of limited capacity.
"""

from __future__ import annotations

from collections.abc import Sequence

from .elimination_graph import Graph, bits, copied


def least_price(graph: Graph, v: int) -> int:
    """No order eliminates the vertex with fewer products, all being counted."""
    into, out = graph.start
    below = separator(into, graph.sizes, v, graph.weight(into[v]))
    return graph.sizes[v] * below * separator(out, graph.sizes, v, graph.weight(out[v]))


def is_least(graph: Graph, order: Sequence[int]) -> bool:
    """Whether an order pays for each vertex no more than its bound; so no order is cheaper."""
    state = copied(graph.start)
    paid = []
    for v in order:
        paid.append((graph.weight(state[0][v]), graph.weight(state[1][v]), v))
        graph.eliminate(v, state)
    paid.sort(key=lambda each: -each[0] * each[1])  # where it fails, it mostly fails at once
    into, out = graph.start
    return all(
        separator(into, graph.sizes, v, below) == below and separator(out, graph.sizes, v, above) == above
        for below, above, v in paid
    )


def separator(rows: Sequence[int], sizes: Sequence[int], v: int, enough: int) -> int:
    """The least weight of vertices that separate v from those without a row; `enough` if it is as much.

    Two paths from 0 to 3, of which one vertex has size 5: 1 + 5, or the vertex 0 alone.

    >>> separator([0, 0b1, 0b1, 0b110], [9, 1, 5, 1], 3, 100)
    6
    >>> separator([0, 0b1, 0b1, 0b110], [2, 1, 5, 1], 3, 100)
    2
    """
    if enough <= min(sizes):
        return enough
    flow: _Flow = {}
    total = 0
    while total < enough:
        path = _augmenting(rows, sizes, v, flow)
        if not path:
            return total
        gain = min(_room(arc, sizes, flow) for arc in path)
        for (x, side), (y, _) in path:
            u, w, change = (x, y, gain) if (x == y) == (side == 0) else (y, x, -gain)
            goes = flow.setdefault(u, {})
            goes[w] = goes.get(w, 0) + change
        total += gain
    return min(total, enough)


_Flow = dict[int, dict[int, int]]
"""`flow[u][w]` goes along the edge from u to w, `flow[u][u]` through the vertex."""

_Node = tuple[int, int]
"""A vertex has two nodes, 0 where its edges end and 1 where they begin; between them fits its size."""


def _room(arc: tuple[_Node, _Node], sizes: Sequence[int], flow: _Flow) -> int:
    """What can be added along an arc: forward the rest of a size, backward what flows."""
    (x, side), (y, _) = arc
    if (x == y) != (side == 0):
        return flow[y][x]
    return sizes[x] - flow.get(x, {}).get(x, 0) if x == y else sum(sizes)


def _augmenting(rows: Sequence[int], sizes: Sequence[int], v: int, flow: _Flow) -> list[tuple[_Node, _Node]]:
    """Arcs from a vertex without a row to v along which more can flow; searched from v, shortest first."""
    following: dict[_Node, _Node | None] = {(v, 0): None}
    queue: list[_Node] = [(v, 0)]
    for node in queue:
        x, side = node
        goes = flow.get(x, {})
        if side:
            near = [(w, 0) for w, much in goes.items() if much and w != x]
            if goes.get(x, 0) < sizes[x]:
                near.append((x, 0))
        else:
            near = [(u, 1) for u in bits(rows[x])]
            if goes.get(x, 0):
                near.append((x, 1))
        for other in near:
            if other not in following:
                following[other] = node
                queue.append(other)
                if other[1] == 0 and not rows[other[0]]:
                    return _followed(other, following)
    return []


def _followed(node: _Node, following: dict[_Node, _Node | None]) -> list[tuple[_Node, _Node]]:
    path = []
    while (after := following[node]) is not None:
        path.append((node, after))
        node = after
    return path
