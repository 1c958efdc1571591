"""From a graph to a sketch: which nodes become boxes, and what is written on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

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

    State variables and constants are rows of the boxes that read them, unless they are asked for as
    boxes of their own.
    """
    return _Sketcher(graph, constants, parameters).sketch()


class _Sketcher:
    def __init__(self, graph: Graph, constants: bool, parameters: bool) -> None:
        self.graph, self.constants, self.parameters = graph, constants, parameters
        self.kind, self.layer = kinds(graph), layers(graph)
        self.fixed = _constants(graph)
        self.ends = {value.node for value in graph.outputs} | {new.node for _, new in graph.updates}
        self.keys = {node: f"n{position}" for position, node in enumerate(graph.nodes)}
        self.boxes: list[Box] = []
        self.wires: list[Wire] = []

    def hidden(self, node: Node) -> bool:
        """Whether a node is only a row of others."""
        if node in self.ends:
            return False
        return not self.constants if node in self.fixed else node.op.source == "state" and not self.parameters

    def sketch(self) -> Sketch:
        for node in self.graph.nodes:
            if not self.hidden(node):
                self.box(node)
        for n, (name, value) in enumerate(zip(self.graph.output_names, self.graph.outputs, strict=True)):
            tooltip = f"output {name}\n{value.type}"
            self.boxes.append(Box(f"o{n}", self.kind[value.node], name, (), tooltip, (), end=True))
            self.wire(value, f"o{n}")
        for n, (variable, new) in enumerate(self.graph.updates):
            layer = self.layer[variable.node]
            at = _place(new.node)
            tooltip = f"{at}\nupdate of {variable.label} : {variable.type}"
            self.boxes.append(
                Box(f"u{n}", "update", _within(variable.label, layer), (), tooltip, layer, end=True)
            )
            self.wire(new, f"u{n}")
        return Sketch(self.boxes, self.wires)

    def box(self, node: Node) -> None:
        layer, kind = self.layer[node], self.kind[node]
        rows = _rows(node, [value for value in node.inputs if self.hidden(value.node)], layer)
        states = [value for value in node.inputs if value.node.op.source == "state"]
        read = frozenset((value.label, cast(int, value.type.size)) for value in states)
        title = node.op.label or node.op.name
        end = kind == "input"
        self.boxes.append(Box(self.keys[node], kind, title, rows, _tooltip(node), layer, end, 1, read))
        for value in node.inputs:
            if not self.hidden(value.node):
                self.wire(value, self.keys[node])

    def wire(self, value: Value, target: str) -> None:
        tooltip = f"{value.label} : {value.type}"
        self.wires.append(Wire(self.keys[value.node], target, type_label(value.type), tooltip))


def _constants(graph: Graph) -> set[Node]:
    """The nodes that depend on no feed and no variable."""
    found: set[Node] = set()
    for node in graph.nodes:
        if not node.op.source and all(value.node in found for value in node.inputs):
            found.add(node)
    return found


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
    return ".".join(path_of(name)[len(layer) :]) if layer and path_of(name)[: len(layer)] == layer else name


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
    operands = ", ".join(f"{value.label} : {value.type}" for value in node.inputs)
    results = ", ".join(str(value.type) for value in node.outputs)
    lines = [_place(node), node.origin.source, f"{node.op.name}({operands}) -> {results}"]
    return "\n".join(line for line in lines if line)


def _place(node: Node) -> str:
    """The user's file, without its folder, and line."""
    file = node.origin.file.replace("\\", "/").rpartition("/")[2]
    return f"{file}:{node.origin.line}"
