"""From a graph to a sketch: which nodes become boxes, and what is written on them."""

from __future__ import annotations

from collections.abc import Sequence

from ..attributes import attribute_text, stated_fields
from ..dims import Size
from ..errors import GraphError
from ..graph import Graph
from ..ops.constants import Full
from ..types import TensorType
from ..value import Node, Value
from .parts import Layer, kinds, layers, path_of
from .sketch import Box, Sketch, Wire

LONGEST_ATTRIBUTE = 28  # characters


def sketch(graph: Graph, constants: bool = False, parameters: bool = False) -> Sketch:
    """The boxes and wires of a graph.

    State variables and constants are rows of the boxes that read them, unless they are asked for as boxes of
    their own.
    """
    kind, layer = kinds(graph), layers(graph)
    fixed = _constants(graph)
    ends = {value.node for value in graph.roots}

    def hidden(node: Node) -> bool:
        if node in fixed:
            return not constants and node not in ends
        return node.op.source == "state" and not parameters

    keys = {node: f"n{position}" for position, node in enumerate(graph.nodes)}
    boxes, wires = [], []
    for node in graph.nodes:
        if hidden(node):
            continue
        rows = _rows(node, [value for value in node.inputs if hidden(value.node)], layer[node])
        states = frozenset(
            (str(v.node.op.label), int(v.type.size))  # type: ignore[arg-type]
            for v in node.inputs
            if v.node.op.source == "state"
        )
        title = node.op.label or node.op.name
        boxes.append(
            Box(
                keys[node],
                kind[node],
                title,
                rows,
                _tooltip(node),
                layer[node],
                kind[node] == "input",
                1,
                states,
            )
        )
        wires += [_wire(keys[v.node], keys[node], v) for v in node.inputs if not hidden(v.node)]
    for position, (name, value) in enumerate(zip(graph.output_names, graph.outputs, strict=True)):
        boxes.append(
            Box(f"o{position}", kind[value.node], name, (), f"output {name}\n{value.type}", (), True)
        )
        if hidden(value.node):
            boxes.append(Box(keys[value.node], kind[value.node], value.label, (), _tooltip(value.node)))
        wires.append(_wire(keys[value.node], f"o{position}", value))
    for position, (variable, new) in enumerate(graph.updates):
        tooltip = f"update of {variable.label}\n{variable.type}"
        boxes.append(
            Box(
                f"u{position}",
                "update",
                _within(variable.label, layer[variable.node]),
                (),
                tooltip,
                layer[variable.node],
                True,
            )
        )
        if hidden(new.node):
            continue
        wires.append(_wire(keys[new.node], f"u{position}", new))
    return Sketch(list({box.key: box for box in boxes}.values()), wires)


def _constants(graph: Graph) -> set[Node]:
    """The nodes that depend on no feed and no variable."""
    found: set[Node] = set()
    for node in graph.nodes:
        if not node.op.source and all(value.node in found for value in node.inputs):
            found.add(node)
    return found


def _wire(source: str, target: str, value: Value) -> Wire:
    return Wire(source, target, type_label(value.type), f"{value.label} : {value.type}")


def type_label(type: TensorType) -> str:
    """A type in a picture: sizes with a cross between them; the dtype unless it is float32.

    >>> from irgraph import input
    >>> type_label(input("x", ("batch", 64)).type), type_label(input("y", ("batch",), "int64").type)
    ('batch×64', 'batch int64')
    """
    sizes = "×".join(_size(size) for size in type.shape) or "scalar"
    return sizes if type.dtype.name == "float32" else f"{sizes} {type.dtype}"


def _size(size: Size) -> str:
    text = str(size)
    return f"({text})" if any(sign in text for sign in "+- ") else text


def _rows(node: Node, inside: Sequence[Value], layer: Layer) -> tuple[str, ...]:
    rows = [_within(node.name, layer)] if node.name else []
    attributes = {
        key: value for key, value in stated_fields(node.op).items() if key not in ("type", "key", "init")
    }
    texts = [f"{key}={text}" for key, value in attributes.items() if (text := _attribute(value))]
    rows += [text for text in texts if len(text) <= LONGEST_ATTRIBUTE][:3]
    if node.op.source:
        rows = [type_label(node.outputs[0].type)]
    for value in inside:
        if value.node.op.source:
            rows.append(f"{_within(str(value.node.op.label), layer)}  {type_label(value.type)}")
        else:
            rows.append(_constant(value))
    return tuple(rows)


def _within(name: str, layer: Layer) -> str:
    """A path without the part that the clusters around it tell."""
    return "/".join(path_of(name)[len(layer) :]) if layer and path_of(name)[: len(layer)] == layer else name


def _attribute(value: object) -> str:
    try:
        return attribute_text(value, {})
    except GraphError:
        return ""


def _constant(value: Value) -> str:
    """The number of a splat, also behind views; else the type."""
    node = value.node
    while node.inputs and node.op.may_view():
        node = node.inputs[0].node
    if not isinstance(node.op, Full):
        return f"constant  {type_label(value.type)}"
    number = f"{node.op.number:.6g}"
    if node.op.times != 1:
        number = f"{node.op.times}" if node.op.number == 1 else f"{number}·({node.op.times})"
    return number if node.op.over == 1 else f"{number}/{_size(node.op.over)}"


def _tooltip(node: Node) -> str:
    """The user's line, what it says, and what the node is."""
    file = node.origin.file.replace("\\", "/").rpartition("/")[2]
    operands = ", ".join(f"{value.label} : {value.type}" for value in node.inputs)
    results = ", ".join(str(value.type) for value in node.outputs)
    lines = [f"{file}:{node.origin.line}", node.origin.source, f"{node.op.name}({operands}) -> {results}"]
    return "\n".join(line for line in lines if line)
