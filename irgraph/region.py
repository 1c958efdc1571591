"""Regions: graphs that ops have inside, as attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, final

from .dims import names_of
from .graph import Graph, keep
from .value import Node, Value


@final
class Region:
    """A graph as an attribute of an op: what the op does once or more often.

    Regions are equal where they compute the same by the same nodes (`Graph.structure`), whatever these are
    called. A region reads nothing from outside but its inputs, and has no state; an op that has regions
    names these fields in `Op.region_fields`.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def structure(self) -> tuple[object, ...]:
        """What equality compares."""
        return self.graph.structure()

    @cached_property
    def names(self) -> frozenset[str]:
        """The named dims in the types of its values."""
        return names_of([size for n in self.graph.nodes for v in n.outputs for size in v.shape])

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Region) and self.structure == other.structure)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.structure)

    def __reduce__(self) -> tuple[type[Region], tuple[Graph]]:
        return Region, (self.graph,)

    def __repr__(self) -> str:
        return f"<region of {len(self.graph.nodes)} nodes>"


def regions_of(node: Node) -> list[Region]:
    """The regions of a node's op."""
    return [getattr(node.op, name) for name in node.op.region_fields]


def all_graphs(graph: Graph) -> Iterator[Graph]:
    """The graph, and those inside its nodes, at any depth."""
    yield graph
    for node in graph.nodes:
        for region in regions_of(node) if node.op.region_fields else ():
            yield from all_graphs(region.graph)


def all_values(graph: Graph) -> Iterator[Value]:
    """The values of a graph and of its regions."""
    return (value for each in all_graphs(graph) for node in each.nodes for value in node.outputs)


def count_nodes(graph: Graph) -> int:
    """The nodes of a graph, with those of its regions."""
    return sum(len(each.nodes) for each in all_graphs(graph))


def in_regions(graph: Graph, transform: Callable[[Graph], Graph]) -> Graph:
    """The graph with all regions of its nodes transformed, inner ones first."""
    if not any(node.op.region_fields for node in graph.nodes):
        return graph
    done: dict[Region, Region] = {}

    def of(region: Region) -> Region:
        if region not in done:
            inner = transform(in_regions(region.graph, transform))
            done[region] = region if inner is region.graph else Region(inner)
        return done[region]

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        if not node.op.region_fields:
            return keep(node, inputs)
        fields: dict[str, Any] = {name: of(getattr(node.op, name)) for name in node.op.region_fields}
        if all(fields[name] is getattr(node.op, name) for name in fields):
            return keep(node, inputs)
        return Node(replace(node.op, **fields), inputs, name=node.name, origin=node.origin).outputs

    return graph.rebuild(visit)
