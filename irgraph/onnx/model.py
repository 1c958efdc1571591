"""The protobuf: records, initializers and types as one `ModelProto`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import onnx
from onnx import helper, numpy_helper

from ..types import TensorType
from ..value import Value
from .ends import PAIRING, Ends
from .loops import Subgraph
from .schema import tensor_type
from .writer import Record, Writer

ORIGIN = "irgraph.origin"  # the key of a node's metadata under which its line is kept
PHASE = "irgraph.phase"  # and what it is for, unless that is a result: backward, tangent, update


@dataclass(frozen=True)
class Naming:
    """The final name of each id, and the graph values that some of them stand for."""

    names: Mapping[str, str]
    values: Mapping[str, Value]


def build(
    ends: Ends,
    writer: Writer,
    opset: int,
    naming: Naming,
    name: str,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """The model, for the smallest IR version that the opset allows."""
    names = naming.names
    arrays = [(value.label, array) for value, array in ends.states.items()]
    arrays += [(names[id], array) for id, array in writer.constants.items()]
    known = {*ends.inputs, *ends.results, *(key for key, _ in arrays)}
    inner = [
        (names[id], value)
        for id, value in naming.values.items()
        if names[id] not in known and id not in writer.inner
    ]
    made = helper.make_graph(
        [_node(record, names) for record in writer.records],
        name,
        _typed([*ends.inputs.items(), *((value.label, value) for value in ends.settable)]),
        _typed(ends.results.items()),
        [numpy_helper.from_array(array, key) for key, array in arrays],
        value_info=_typed(inner),
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
    model.producer_name, model.producer_version = "irgraph", _version()
    pairing = {PAIRING: json.dumps(ends.pairs)} if ends.pairs else {}
    helper.set_model_props(model, {**metadata, **pairing})
    return model


def _version() -> str:
    from .. import __version__  # set once irgraph is imported as a whole

    return __version__


def _node(record: Record, names: Mapping[str, str]) -> onnx.NodeProto:
    """The node under its first output's name. Of its origin only the file's own name is told."""
    outputs = [names[id] for id in record.outputs]
    attributes = {
        key: _graph(value, names, f"{outputs[0]}/{key}") if isinstance(value, Subgraph) else value
        for key, value in record.attributes.items()
    }
    node = helper.make_node(
        record.op_type,
        [names[id] if id else "" for id in record.inputs],
        outputs,
        outputs[0],
        **attributes,
    )
    file = record.origin.file.replace("\\", "/").rpartition("/")[2]
    node.metadata_props.add(key=ORIGIN, value=f"{file}:{record.origin.line}")
    if record.origin.phase != "forward":
        node.metadata_props.add(key=PHASE, value=record.origin.phase)
    return node


def _graph(inside: Subgraph, names: Mapping[str, str], name: str) -> onnx.GraphProto:
    """The graph within a node."""
    inputs, outputs = (
        _typed([(names[id], value) for id, value in each]) for each in (inside.inputs, inside.outputs)
    )
    return helper.make_graph([_node(record, names) for record in inside.records], name, inputs, outputs)


def _typed(values: Iterable[tuple[str, Value]]) -> list[onnx.ValueInfoProto]:
    return [_value_info(key, value.type) for key, value in values]


def _value_info(name: str, type: TensorType) -> onnx.ValueInfoProto:
    shape = [size if isinstance(size, int) else str(size) for size in type.shape]
    return helper.make_tensor_value_info(name, tensor_type(type.dtype), shape)
