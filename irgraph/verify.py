"""Checks that a graph tells the truth about itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from .dims import collecting_guards
from .errors import GraphError, IrgraphError, explain
from .graph import Graph, topological_order
from .printing import excerpt
from .region import regions_of
from .value import Node, Value


def verify(graph: Graph) -> Graph:
    """Infer every node anew and return the graph. O(nodes).

    Raises GraphError at the first lie: an operand that is not an output of an earlier node, types or
    guards that are not what the op infers, a node that nothing needs, two sources of one name, an
    update that does not fit. The lines around the node are added as a note.

    >>> import irgraph as ig
    >>> verify(Graph({"y": ig.input("x", (3,)) + 1})).output_names
    ('y',)
    """
    order = {node: position for position, node in enumerate(graph.nodes)}
    if len(order) != len(graph.nodes):
        raise GraphError(f"found a node twice among {len(graph.nodes)} nodes; needed each once.")
    sources: dict[str, Node] = {}
    for position, node in enumerate(graph.nodes):
        _check_operands(graph, node, order, position)
        _check_outputs(graph, node)
        for region in regions_of(node):
            verify(region.graph)
        label = node.op.label
        if label is not None and sources.setdefault(label, node) is not node:
            _fail(graph, node, f"a second source named {label!r}", f"one; the first is {sources[label]!r}")
    for value in graph.roots:
        if value.node not in order or not _belongs(value):
            _fail(graph, value.node, f"the root {value!r}", "an output of a node of the graph")
    if topological_order(graph.roots) != graph.nodes:
        raise GraphError(
            "found nodes that are not those of a walk from the roots; needed just these, in order."
        )
    _check_updates(graph)
    return graph


def _fail(graph: Graph, node: Node, found: str, needed: str) -> NoReturn:
    error = GraphError(explain(found, needed, node.origin))
    error.add_note(excerpt(node, graph))
    raise error


def _belongs(value: Value) -> bool:
    """Whether a value is the output of its node that it says it is."""
    outputs = value.node.outputs
    return 0 <= value.index < len(outputs) and outputs[value.index] is value


def _check_operands(graph: Graph, node: Node, order: dict[Node, int], position: int) -> None:
    for place, value in enumerate(node.inputs):
        if order.get(value.node, position) >= position:
            found = f"operand {place} of {node.op.name}, {value!r}, from a node that is not before it"
            _fail(graph, node, found, "an output of an earlier node of the graph")
        if not _belongs(value):
            found = f"operand {place} of {node.op.name}, {value!r}, as result {value.index} of its node"
            _fail(graph, node, found, f"one of the {len(value.node.outputs)} results that {value.node!r} has")


def _check_outputs(graph: Graph, node: Node) -> None:
    for value in node.outputs:
        if value.node is not node or not _belongs(value):
            _fail(graph, node, f"the result {value!r} of {value.node!r}", f"a result of {node!r}")
    try:
        with collecting_guards() as guards:
            inferred = tuple(node.op.infer(*[value.type for value in node.inputs]))
    except IrgraphError as error:
        _fail(graph, node, f"{node!r}, which can't be inferred ({error})", "operands that fit")
    stated = tuple([value.type for value in node.outputs])
    if inferred != stated:
        _fail(graph, node, f"{node.op.name} with results {_list(stated)}", f"{_list(inferred)}, as it infers")
    if tuple(guards) != node.guards:
        _fail(
            graph, node, f"{node.op.name} with guards {_list(node.guards)}", f"{_list(guards)}, as it infers"
        )


def _list(items: Sequence[object]) -> str:
    return f"({', '.join(map(str, items))})"


def _check_updates(graph: Graph) -> None:
    updated: set[Value] = set()
    for state, new in graph.updates:
        if state.node.op.source != "state":
            _fail(graph, state.node, f"an update of {state!r}", "a state variable")
        if state in updated:
            _fail(graph, state.node, f"a second update of {state!r}", "one for each state variable")
        if state.type != new.type:
            _fail(graph, new.node, f"the new value {new!r} of {state!r}", f"one of type {state.type}")
        updated.add(state)
