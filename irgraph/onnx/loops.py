"""Scans as ONNX `Scan`: the body is a graph within the node, and reads what it captures by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..control_flow.building import placeholder
from ..control_flow.scan import Scan
from ..types import TensorType, float32
from ..value import Node, Value

if TYPE_CHECKING:
    from .writer import Record, Writer


@dataclass(frozen=True, eq=False)
class Subgraph:
    """The graph within a node: its nodes, what the node hands to it, and what it hands back."""

    records: list[Record]
    inputs: list[tuple[str, Value]]
    outputs: list[tuple[str, Value]]


def write_scan(writer: Writer, write_all: Callable[[Sequence[Value]], None], node: Node) -> Sequence[str]:
    """Write a scan and return the ids of its outputs. `write_all` writes values and all that they need."""
    op = node.op
    assert isinstance(op, Scan)
    starts, stacked, captured = op.parts([writer.read(value) for value in node.inputs])
    if not stacked:  # ONNX takes the number of steps from what is scanned over
        zero = writer.constant(0.0, float32)
        stacked = [writer.node("Expand", zero, writer.sizes((op.length,)), since=8)]
    with writer.inside() as records:
        carries = [placeholder(value.type, "carry") for value in node.outputs[: op.carries]]
        xs = [_step_of(value) for value in op.parts(node.inputs).xs]
        outside = [placeholder(value.type, "capture") for value in op.parts(node.inputs).captures]
        for value, id in zip(outside, captured, strict=True):
            writer.enter(value, id)
        inputs = [(writer.source(value), value) for value in (*carries, *xs)]
        if not xs:
            step = placeholder(TensorType(float32, ()), "step")
            inputs.append((writer.source(step), step))
        results = op.step([*carries, *xs, *outside])
        write_all(results)
        made = {id for record in records for id in record.outputs}
        outputs: list[tuple[str, Value]] = []
        for value in results:
            id = writer.read(value)
            if id not in made or id in [other for other, _ in outputs]:
                writer.current = node
                id = writer.copy(id)
            outputs.append((id, value))
    ways = [int(op.reverse)]
    attributes = {
        "body": Subgraph(records, inputs, outputs),
        "num_scan_inputs": len(stacked),
        "scan_input_directions": ways * len(stacked),
        "scan_output_directions": ways * (len(results) - op.carries),
    }
    dtypes = tuple([value.dtype for value in node.outputs])
    return writer.write("Scan", (*starts, *stacked), {k: v for k, v in attributes.items() if v != []}, dtypes)


def _step_of(stacked: Value) -> Value:
    return placeholder(stacked.type.with_shape(stacked.shape[1:]), "x")
