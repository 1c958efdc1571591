"""Low precision: what float16 and bfloat16 hold is computed in float32 and rounded once.

A node that does more than move elements gets its inputs as float32, and its outputs are cast back. So a
composite op rounds once and not at every step of its expansion, sums are accumulated in float32, and an
executor needs no kernels for these dtypes but casts and moves. The casts are nodes: their memory is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..graph import Graph, keep
from ..op import Op
from ..ops.cast import Cast
from ..ops.constants import Constant, Full
from ..origin import carrying
from ..types import DType, TensorType, float32
from ..value import Node, Value

RoundsOnce = Callable[[type[Op], DType], bool]


def widen(graph: Graph, rounds_once: RoundsOnce | None = None) -> Graph:
    """The graph with all computation in low precision moved to float32, except where an executor says that
    its kernel for an op takes a dtype as it is and rounds once."""

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        dtype = computes_low(node)
        if dtype is None or (rounds_once is not None and rounds_once(type(node.op), dtype)):
            return keep(node, inputs)
        return widened(node, inputs)

    return graph.rebuild(visit)


def computes_low(node: Node) -> DType | None:
    """The low-precision dtype that a node computes in; None where it has none, or only moves elements."""
    op = node.op
    if op.region_fields:  # its body is widened
        return None
    if op.source or op.moves or op.may_view() or isinstance(op, (Cast, Constant, Full)):
        return None
    low = [value.dtype for value in (*node.inputs, *node.outputs) if value.dtype.is_low]
    return low[0] if low else None


def widened(node: Node, inputs: Sequence[Value]) -> list[Value]:
    """The outputs of a node, computed in float32."""
    with carrying(node.origin):
        wide = [value.astype(float32) if value.dtype.is_low else value for value in inputs]
        made = Node(_in_float32(node.op), wide, name=node.name, origin=node.origin)
        return [
            new if new.type == old.type else Cast(old.dtype)(new)
            for new, old in zip(made.outputs, node.outputs, strict=True)
        ]


def _in_float32(op: Op) -> Op:
    """The op with float32 in place of low-precision dtypes among its attributes."""
    changed: dict[str, Any] = {}
    for name, value in op.attributes().items():
        if isinstance(value, DType) and value.is_low:
            changed[name] = float32
        elif isinstance(value, TensorType) and value.dtype.is_low:
            changed[name] = value.with_dtype(float32)
    return replace(op, **changed) if changed else op
