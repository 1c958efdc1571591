"""One walk that applies the rewrite rules and the algebraic facts that ops state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..graph import Graph, keep
from ..local_jacobian import Coefficient
from ..op import Op
from ..ops.arithmetic import Multiply
from ..ops.cast import Cast
from ..ops.constants import Full, splat
from ..ops.shape import BroadcastTo, Reshape, Transpose
from ..ops.slicing import Slice
from ..origin import carrying
from ..types import TensorType, broadcast_shapes
from ..value import Node, Value
from .rules import RULES, STABLE

_VIEWS = (Reshape, Transpose, BroadcastTo, Slice)
_MERGING = (Reshape, Transpose, BroadcastTo, Cast)


def simplify(graph: Graph, settled: set[Node]) -> tuple[Graph, Counter[str]]:
    """The graph with rules and facts applied until none matches a node, and how often each did.

    Nodes in `settled` were walked before; those that this walk leaves are added to it.
    """
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    applied: Counter[str] = Counter()

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        values = keep(node, inputs)
        if values[0].node in settled or len(values) != 1 or node.op.source:
            return values
        (value,) = values
        uses[value] = uses[node.outputs[0]]
        while (better := _better(value, uses)) is not None:
            uses[better[1]] = max(uses[better[1]], uses[value])
            name, value = better
            applied[name] += 1
        settled.add(value.node)
        return (value,)

    return graph.rebuild(visit), applied


def stabilize(graph: Graph) -> Graph:
    """The graph with the stability rules applied, and otherwise as it was built: what is exported."""
    uses = Counter(value for node in graph.nodes for value in node.inputs)

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        values = keep(node, inputs)
        with carrying(node.origin):
            found = STABLE.apply(values[0].node, uses)
        return values if found is None else (found[1],)

    return graph.rebuild(visit)


def _better(value: Value, uses: Counter[Value]) -> tuple[str, Value] | None:
    node = value.node
    if node.op.source or not node.inputs or len(node.outputs) != 1:
        return None
    meets_splat = any(type(value.node.op) is Full for value in node.inputs)
    with carrying(node.origin):
        found = None
        if meets_splat:
            found = _without_unit(node) or _folded_splat(node) or _scalar_splat(node)
        if found is None and isinstance(node.op, _MERGING):
            found = _merged_views(node)
        if found is None:
            match = RULES.apply(node, uses)
            found = None if match is None else (match[0].name, match[1])
    return found


def _without_unit(node: Node) -> tuple[str, Value] | None:
    """op(a, unit) = a, where broadcasting against the unit adds nothing."""
    if len(node.inputs) != 2:
        return None
    a, b = node.inputs
    for unit, one, other in ((node.op.unit, b, a), (node.op.left_unit, a, b)):
        if unit is not None and splat(one) == unit and other.type == node.outputs[0].type:
            return f"unit of {node.op.name}", other
    return None


def _folded_splat(node: Node) -> tuple[str, Value] | None:
    """A view of a splat is a splat, and so is the product of two."""
    first = node.inputs[0].node.op
    (out,) = node.outputs
    if not isinstance(first, Full):
        return None
    if isinstance(node.op, _VIEWS):
        return "view of a splat", replace(first, type=out.type)()
    if isinstance(node.op, Cast) and out.dtype.is_float and first.type.dtype.is_float:
        if out.dtype.itemsize < first.type.dtype.itemsize:
            return "cast of a splat", replace(first, type=out.type)()
        if first.times == first.over == 1:  # a wider dtype keeps what the narrow one rounded
            with np.errstate(over="ignore"):
                held = float(first.type.dtype.numpy.type(first.number))
            return "cast of a splat", replace(first, number=held, type=out.type)()
    if out.ndim and node.op.elementwise and all(splat(value) is not None for value in node.inputs):
        scalars = [replace(v.node.op, type=TensorType(v.dtype, ()))() for v in node.inputs]  # type: ignore[call-arg]
        return f"{node.op.name} of splats", BroadcastTo(out.shape)(node.with_inputs(scalars).outputs[0])
    second = node.inputs[-1].node.op
    if isinstance(node.op, Multiply) and isinstance(second, Full) and out.dtype.is_float:
        a, b = (Coefficient(op.number, op.times, op.over) for op in (first, second))
        product = a * b
        return "product of splats", Full(product.number, out.type, product.times, product.over)()
    return None


def _scalar_splat(node: Node) -> tuple[str, Value] | None:
    """A splat that meets a full tensor by elements may as well be a scalar."""
    if not node.op.elementwise or len(node.inputs) < 2:
        return None
    (out,) = node.outputs
    inputs = list(node.inputs)
    for position, value in enumerate(inputs):
        op = value.node.op
        others = [v.shape for v in inputs if v is not value]
        if isinstance(op, Full) and value.ndim and others and broadcast_shapes((), *others) == out.shape:
            inputs[position] = replace(op, type=TensorType(value.dtype, ()))()
            return "scalar splat", node.with_inputs(inputs).outputs[0]
    return None


def _merged_views(node: Node) -> tuple[str, Value] | None:
    """Views that change nothing, and two of a kind in a row."""
    (x, *_), op, (out,) = node.inputs, node.op, node.outputs
    inner = x.node.op
    merged: Op
    match op:
        case Reshape() | BroadcastTo() if out.shape == x.shape:
            return "nothing to reshape", x
        case Transpose() if op.axes == tuple(range(x.ndim)):
            return "nothing to transpose", x
        case Reshape() if isinstance(inner, Reshape):
            merged = op
        case Transpose() if isinstance(inner, Transpose):
            merged = Transpose(tuple(inner.axes[axis] for axis in op.axes))
        case BroadcastTo() if isinstance(inner, BroadcastTo):
            merged = op
        case Cast() if op.dtype == x.dtype:
            return "nothing to cast", x
        case _:
            return None
    return f"{op.name} of {op.name}", merged(x.node.inputs[0])
