"""Forward mode: Jacobian-vector products as ordinary nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..collector import without_collector
from ..local_jacobian import NotDifferentiable
from ..ops.constants import zeros
from ..origin import carrying, here
from ..value import Node, Value
from .emit import Part, apply, total
from .reverse import check_directions, not_differentiable, require_types
from .structure import Tree, flatten, rebuild
from .walk import walk


@without_collector
def jvp(outputs: Tree, wrt: Tree, tangents: Tree) -> Any:
    """The derivative of `outputs` in the direction `tangents` (shaped as `wrt`), shaped as `outputs`.

    An output that does not depend on `wrt` gets zeros. A value of `wrt` that is named twice, or depends on
    another one, moves by the sum: `jvp` is the transpose of `vjp`. Raises NotDifferentiableError where a
    path needs a derivative that does not exist.

    >>> from irgraph import evaluate, input
    >>> x, t = input("x", (2,)), input("t", (2,))
    >>> evaluate(jvp(x * x, x, t), x=[1.0, 2.0], t=[1.0, 10.0])
    array([ 2., 40.], dtype=float32)
    """
    ends, sources = flatten(outputs, "outputs"), flatten(wrt, "wrt")
    directions = flatten(tangents, "tangents")
    check_directions(sources, directions, "tangent")
    order = walk(ends, sources, lambda op: op.states_jvp())
    found: dict[Value, Value] = {}
    for source, direction in zip(sources, directions, strict=True):
        with carrying(here().derived("tangent")):
            found[source] = total([*_given(source, found), (1, direction)])
    for node in order.nodes:
        if node in order.opened:
            _take_outside(node, order.opened[node], found)
        elif any(value in found for value in node.inputs):
            _push_forward(node, order.live, found)
    return rebuild(outputs, [found[v] if v in found else zeros(v.shape, v.dtype) for v in ends])


def _take_outside(node: Node, inside: Sequence[Value], found: dict[Value, Value]) -> None:
    """The tangents of what stands for the outputs of a composite node are theirs."""
    with carrying(node.origin.derived("tangent")):
        for value, inner in zip(node.outputs, inside, strict=True):
            if inner in found:
                found[value] = total([*_given(value, found), (1, found[inner])])


def _push_forward(node: Node, live: set[Value], found: dict[Value, Value]) -> None:
    """Send the tangents of a node's inputs to its outputs."""
    with carrying(node.origin.derived("tangent")):
        if node.op.states_jvp():
            pushed = node.op.jvp(node.inputs, node.outputs, [found.get(value) for value in node.inputs])
            require_types(node, "jvp", node.outputs, pushed)
            for value, tangent in zip(node.outputs, pushed, strict=True):
                if tangent is not None:
                    found[value] = total([*_given(value, found), (1, tangent)])
            return
        wanted = [v for v in node.outputs if v in live]
        if not wanted:
            return
        grid = node.op.local_jacobians(node.inputs, node.outputs)
        for value in wanted:
            parts = _given(value, found)
            for terms, source in zip(grid[value.index], node.inputs, strict=True):
                if source not in found:
                    continue
                if isinstance(terms, NotDifferentiable):
                    raise not_differentiable(node, source, terms)
                parts += apply(terms, found[source])
            if parts:
                found[value] = total(parts)


def _given(value: Value, found: dict[Value, Value]) -> list[Part]:
    """The tangent that a value has already, as the first part of a sum."""
    return [(1, found[value])] if value in found else []
