"""Graphs as networkx knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..extras import import_extra
from .drawing import Drawable, graph_of
from .parts import kinds, layers

if TYPE_CHECKING:
    import networkx


def to_networkx(what: Drawable) -> networkx.MultiDiGraph[int]:
    """The graph as a networkx.MultiDiGraph, for its algorithms and for files such as GraphML.

    Node `n` is `graph.nodes[n]` and has its `op`, `name`, `kind`, `layer`, `types` and `origin` as text; an
    edge leads from the node that makes a value to one that reads it, and has the operand's `position`
    there, the value's `index`, and its `type`. The graph's `outputs` and `updates` are pairs in its
    attributes. Raises MissingExtra without networkx.

    >>> import irgraph as ig
    >>> x = ig.input("x", (3,))
    >>> network = to_networkx(x * x)
    >>> sorted(network.edges(data="position"))
    [(0, 1, 0), (0, 1, 1)]
    """
    graph = graph_of(what)
    networkx: Any = import_extra("networkx", "view", "make a networkx graph")
    number = {node: position for position, node in enumerate(graph.nodes)}
    kind, layer = kinds(graph), layers(graph)
    ends = {name: number[value.node] for name, value in zip(graph.output_names, graph.outputs, strict=True)}
    made = networkx.MultiDiGraph(
        outputs=str(ends), updates=str({number[state.node]: number[new.node] for state, new in graph.updates})
    )
    for node, position in number.items():
        made.add_node(
            position,
            op=node.op.name,
            name=node.op.label or node.name or "",
            kind=kind[node],
            layer=".".join(layer[node]),
            types=", ".join(str(value.type) for value in node.outputs),
            origin=str(node.origin),
        )
        for operand, value in enumerate(node.inputs):
            made.add_edge(
                number[value.node], position, position=operand, index=value.index, type=str(value.type)
            )
    return made
