"""Folding: what depends on constants only is computed once, on NumPy, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..attributes import ArrayData
from ..dims import names_of
from ..graph import Graph, keep
from ..op import Op
from ..ops.constants import Constant, Full, Iota
from ..origin import carrying
from ..region import Region
from ..value import Node, Value

LARGEST = 1 << 16  # elements: a larger result is cheaper to compute than to carry along

Evaluate = Callable[[Graph], list[np.ndarray[Any, Any]]]


def fold(graph: Graph, evaluate: Evaluate) -> Graph:
    """The graph with constant parts replaced by their values; `evaluate` runs them all in one go."""
    known: set[Node] = set()
    for node in graph.nodes:
        if _is_known(node, known):
            known.add(node)
    wanted: dict[Value, None] = {}  # an ordered set: known values that unknown nodes read
    for node in graph.nodes:
        if node not in known:
            wanted.update((v, None) for v in node.inputs if v.node in known and v.node.inputs)
    wanted.update((v, None) for v in graph.roots if v.node in known and v.node.inputs)
    if not wanted:
        return graph
    arrays = evaluate(Graph({f"value{n}": value for n, value in enumerate(wanted)}))
    found = dict(zip(wanted, arrays, strict=True))

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        if node in known and node.inputs:
            return [_constant(value, found[value]) if value in found else value for value in node.outputs]
        return keep(node, inputs)

    return graph.rebuild(visit)


def _is_known(node: Node, known: set[Node]) -> bool:
    if node.op.source or node.op.effect:
        return False
    if any(names_of(v.shape) or int(v.type.size) > LARGEST for v in node.outputs):  # type: ignore[arg-type]
        return False
    if node.inputs:
        return all(value.node in known for value in node.inputs) and not _has_named_attribute(node.op)
    return isinstance(node.op, (Constant, Iota)) or (
        isinstance(node.op, Full) and node.op.times == node.op.over == 1
    )


def _has_named_attribute(op: Op) -> bool:
    """Whether an attribute holds named dims: what a constant index is checked against, say."""
    return any(
        a.names if isinstance(a, Region) else names_of(a if isinstance(a, tuple) else (a,))
        for a in op.attributes().values()
    )


def _constant(value: Value, array: np.ndarray[Any, Any]) -> Value:
    with carrying(value.node.origin):
        if value.ndim == 0:
            return Full(array.item(), value.type)()
        return Constant(ArrayData(array))()
