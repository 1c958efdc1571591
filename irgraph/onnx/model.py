"""The protobuf: records, initializers and types as one `ModelProto`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import onnx
from onnx import helper, numpy_helper

from ..graph import Graph
from ..types import TensorType
from ..value import Value
from .schema import tensor_type
from .writer import Array, Record, Writer

ORIGIN = "irgraph.origin"  # the key of a node's metadata under which its line is kept


@dataclass(frozen=True)
class Naming:
    """The final name of each id, and the graph values that some of them stand for."""

    names: Mapping[str, str]
    values: Mapping[str, Value]


def build(
    graph: Graph,
    writer: Writer,
    parameters: Mapping[Value, Array],
    naming: Naming,
    name: str,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """The model, for the smallest IR version that the opset allows."""
    names = naming.names
    arrays = [(names[writer.read(value)], array) for value, array in parameters.items()]
    arrays += [(names[id], array) for id, array in writer.constants.items()]
    ends = {names[writer.read(value)] for value in graph.inputs.values()} | {key for key, _ in arrays}
    ends.update(graph.output_names)
    inner = [(names[id], value) for id, value in naming.values.items() if names[id] not in ends]
    made = helper.make_graph(
        [_node(record, names) for record in writer.records],
        name,
        _typed(graph.inputs.items()),
        _typed(zip(graph.output_names, graph.outputs, strict=True)),
        [numpy_helper.from_array(array, key) for key, array in arrays],
        value_info=_typed(inner),
    )
    opsets = [helper.make_opsetid("", writer.opset)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
    model.producer_name, model.producer_version = "irgraph", _version()
    helper.set_model_props(model, dict(metadata))
    return model


def _version() -> str:
    from .. import __version__  # set once irgraph is imported as a whole

    return __version__


def _node(record: Record, names: Mapping[str, str]) -> onnx.NodeProto:
    """The node under its output's name. Of its origin only the file's own name is told, not where it lay."""
    output = names[record.output]
    node = helper.make_node(
        record.op_type,
        [names[id] if id else "" for id in record.inputs],
        [output],
        output,
        **record.attributes,
    )
    file = record.origin.file.replace("\\", "/").rpartition("/")[2]
    node.metadata_props.add(key=ORIGIN, value=f"{file}:{record.origin.line}")
    return node


def _typed(values: Iterable[tuple[str, Value]]) -> list[onnx.ValueInfoProto]:
    return [_value_info(key, value.type) for key, value in values]


def _value_info(name: str, type: TensorType) -> onnx.ValueInfoProto:
    shape = [size if isinstance(size, int) else str(size) for size in type.shape]
    return helper.make_tensor_value_info(name, tensor_type(type.dtype), shape)
