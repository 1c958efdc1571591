"""The nodes to differentiate, in order: composite ops without a derivative of their own are opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..errors import GraphError, NotDifferentiableError, explain
from ..graph import expansion, topological_order
from ..op import Op
from ..value import Node, Value


@dataclass
class Walk:
    """The nodes that some values need, each after its inputs.

    `opened` has what stands for the outputs of a composite node: what is inside comes right before the
    node, on the node's own inputs, so that merging equal nodes leaves no work done twice. `live` are the
    float values that depend on the sources.
    """

    nodes: list[Node]
    live: set[Value]
    opened: dict[Node, Sequence[Value]] = field(default_factory=dict)


def walk(ends: Iterable[Value], sources: Sequence[Value], states_rule: Callable[[type[Op]], bool]) -> Walk:
    """What the ends need. An op that states neither a rule for the direction nor terms is opened.

    Raises NotDifferentiableError where a source has no derivatives at all, GraphError for an op that does
    not expand after all.
    """
    nodes = topological_order(ends)
    found = Walk(nodes, live_values(nodes, sources))
    is_opened: dict[type[Op], bool] = {}
    for node in nodes:
        kind = type(node.op)
        if kind not in is_opened:
            is_opened[kind] = not (states_rule(kind) or kind.states_terms())
    if not any(is_opened.values()):
        return found
    found.nodes = []
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        kind = type(node.op)
        if kind not in is_opened:
            is_opened[kind] = not (states_rule(kind) or kind.states_terms())
        if is_opened[kind] and node not in found.opened and any(v in found.live for v in node.inputs):
            simpler = expansion(node)
            if simpler is None:
                _require_products(node)
                found.nodes.append(node)
                continue
            found.opened[node] = simpler
            inside = topological_order(simpler, known={value.node for value in node.inputs})
            found.live |= live_values(inside, [value for value in node.inputs if value in found.live])
            stack.append(node)
            stack += reversed(inside)
        else:
            found.nodes.append(node)
    return found


def _require_products(node: Node) -> None:
    """Raise GraphError for a node that has no expansion, and products with its Jacobian neither."""
    if not (node.op.states_vjp() and node.op.states_jvp()):
        raise GraphError(
            explain(
                f"None from expand() of {node.op.name}, which states no other derivative",
                "an expansion",
                f"{node.origin}: {node.origin.source}",
            )
        )


def live_values(nodes: Iterable[Node], sources: Sequence[Value]) -> set[Value]:
    """The float values that depend on the sources. Raises where a source has no derivatives at all."""
    for source in sources:
        if not source.dtype.is_inexact:
            raise NotDifferentiableError(
                explain(
                    f"wrt {source!r}", "a float dtype", source.node.origin, "Only floats have derivatives."
                )
            )
    live = set(sources)
    for node in nodes:
        if any(value in live for value in node.inputs):
            live.update(value for value in node.outputs if value.dtype.is_inexact)
    return live
