"""What of a graph is exported."""

from __future__ import annotations

from collections.abc import Sequence

from ..compiler.fold import fold
from ..compiler.loops import LOOP_PASSES, has_loops
from ..compiler.passes import dedupe
from ..compiler.pipeline import evaluate_constants
from ..compiler.simplify import simplify, stabilize
from ..graph import Graph, keep
from ..ops.shape import BroadcastTo
from ..region import in_regions
from ..types import broadcast_shapes
from ..value import Node, Value


def prepared(graph: Graph) -> Graph:
    """A graph without updates nearly as it was built, as people read it; a step made small."""
    if has_loops(graph):
        for _, transform in LOOP_PASSES:
            graph = transform(graph)
    make = _made_small if graph.updates else stabilize
    return make(in_regions(graph, make))


def _made_small(graph: Graph) -> Graph:
    simpler, _ = simplify(graph, set())
    return dedupe(fold(without_broadcasts(simpler), evaluate_constants))


def without_broadcasts(graph: Graph) -> Graph:
    """The graph with elementwise ops reading what was repeated, not the repetition.

    For irgraph's executors a repetition is a view and costs nothing; an ONNX runtime writes it out.
    """

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        shorter = list(inputs)
        if node.op.elementwise and len(inputs) > 1:
            for position, value in enumerate(inputs):
                if isinstance(value.node.op, BroadcastTo):
                    others = [v.shape for v in shorter[:position] + shorter[position + 1 :]]
                    (source,) = value.node.inputs
                    if broadcast_shapes(source.shape, *others) == node.outputs[0].shape:
                        shorter[position] = source
        return keep(node, tuple(shorter))

    return graph.rebuild(visit)
