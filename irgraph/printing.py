"""The text form of graphs: stable, diffable, and read back by `parse`.

    graph {
      %x = input(key='x', type=float32[batch, 64])  # train.py:3
      %0 = matmul(%x, %w) : float32[batch, 10]  # train.py:5
      %1, %2 'halves' = split(%0, axis=1) : float32[batch, 5], float32[batch, 5]  # train.py:6
      return loss=%1
      update %w = %2
    }
    region scan.body.0 {
      …
    }
    data {
      0a1b2c3d4e5f = 'base64 of the zlib-compressed bytes'
    }

A source is known by its label and a named node with one output by its name, where that can be an id
and is not taken; all others are numbered, and a name that is not the id follows in quotes. Attributes
are Python expressions (see `irgraph.attributes`). The types of results follow, unless the op's
attribute `type` says the same; then comes where the user built the node, and what it is for unless that is a
result: `backward`, `tangent` (forward mode) or `update`. Guards are not printed:
`parse` infers them anew. A graph inside an op (`body=region('scan.body.0')`) stands below, equal ones
once. Writing and reading take linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .attributes import ArrayData, attribute_text, encode, stated_fields
from .collector import without_collector
from .errors import GraphError
from .graph import Graph
from .origin import UNKNOWN, Origin
from .parsing import ID, parse
from .region import Region
from .types import TensorType
from .value import Node, Value

__all__ = ["excerpt", "parse", "to_text"]

_is_id = re.compile(rf"(?!\d){ID}").fullmatch


@without_collector
def to_text(graph: Graph, elide: bool = False) -> str:
    """The text of a graph; `parse` reads back the same graph.

    With `elide`, files are shortened to their last part and the bytes of large arrays are left out:
    for people, as `parse` may refuse it. Without, raises GraphError for an attribute that has no text.

    >>> import irgraph as ig
    >>> print(to_text(Graph({"y": ig.input("x", (3,)) + 1}), elide=True))
    graph {
      %x = input(key='x', type=float32[3])  # ...
      ...
    }
    """
    write = _Writer(_Names(graph.nodes), short=elide, strict=not elide)
    lines = ["graph {", *_body(graph, write), "}"]
    printed = 0
    while printed < len(write.regions):  # writing one may find others
        region, key = list(write.regions.items())[printed]
        write.names = _Names(region.graph.nodes)
        lines += [f"region {key} {{", *_body(region.graph, write), "}"]
        printed += 1
    if write.data and not elide:
        lines += ["data {", *[f"  {key} = '{encode(array)}'" for key, array in write.data.items()], "}"]
    return "\n".join(lines) + "\n"


def _body(graph: Graph, write: _Writer) -> list[str]:
    """The lines between the brackets."""
    names = write.names
    lines = ["  " + write.line(node) for node in graph.nodes]
    if graph.outputs:
        ends = zip(graph.output_names, graph.outputs, strict=True)
        lines.append("  return " + ", ".join([f"{_key(name)}={names.id(value)}" for name, value in ends]))
    return lines + [f"  update {names.id(state)} = {names.id(new)}" for state, new in graph.updates]


def excerpt(at: Node | Value, graph: Graph | None = None, around: int = 3) -> str:
    """The lines of a node's operands, of itself (marked `->`), and of its users where `graph` is given.

    At most `around` operands and `around` users are shown. With a graph the ids are those of its text.
    """
    node = at.node if isinstance(at, Value) else at
    operands = list(dict.fromkeys(value.node for value in node.inputs))
    users: list[Node] = []
    nodes = dict.fromkeys([*(value.node for each in operands for value in each.inputs), *operands, node])
    if graph is not None:  # which may be one that `verify` refuses: take nothing for granted
        users = [user for user in graph.nodes if any(value.node is node for value in user.inputs)]
        nodes = dict.fromkeys(graph.nodes)
    write = _Writer(_Names(nodes), short=False, strict=False)
    lines = [*_some(operands, around, write, "operands"), "-> " + write.line(node)]
    return "\n".join(lines + _some(users, around, write, "users"))


def _some(nodes: Sequence[Node], limit: int, write: _Writer, what: str) -> list[str]:
    more = [f"   … and {len(nodes) - limit} more {what}"] if len(nodes) > limit else []
    return ["   " + write.line(node) for node in nodes[:limit]] + more


def _outputs(node: Node) -> tuple[Value, ...]:
    """The outputs; none while the node is being built."""
    return getattr(node, "outputs", ())


def _key(name: str) -> str:
    return name if _is_id(name) else repr(name)


class _Names:
    """The ids of some values: labels of sources first, then names of nodes, then numbers."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        nodes = list(nodes)
        self.ids: dict[Value, str] = {}
        taken: dict[str, Node] = {}
        for node in nodes:
            label = node.op.label
            if label is not None and _is_id(label):
                taken.setdefault(label, node)
        number = 0
        for node in nodes:
            outputs = _outputs(node)
            label = node.op.label
            wish = node.name if label is None else label
            if wish and len(outputs) == 1 and _is_id(wish) and taken.setdefault(wish, node) is node:
                self.ids[outputs[0]] = "%" + wish
                continue
            for value in outputs:
                self.ids[value] = f"%{number}"
                number += 1

    def id(self, value: Value) -> str:
        return self.ids.get(value, "%?")


class _Writer:
    """Writes one line for each node; arrays that are too large for the line are kept in `data`."""

    def __init__(self, names: _Names, short: bool, strict: bool) -> None:
        self.names = names
        self.short = short  # files without folders
        self.strict = strict  # raise for an attribute that has no text
        self.data: dict[str, ArrayData] = {}
        self.regions: dict[Region, str] = {}
        self.origins: dict[Origin, str] = {UNKNOWN: ""}
        self.types: dict[TensorType, str] = {}

    def line(self, node: Node) -> str:
        """The node without indentation."""
        outputs = _outputs(node)
        ids = [self.names.ids.get(value, "%?") for value in outputs]
        given = node.name
        left = ", ".join(ids) or "%?"
        if given is not None and (left != "%" + given or node.op.label is not None or given.isdecimal()):
            left = f"{left} {given!r}"
        attributes = stated_fields(node.op)
        inside = [self.names.ids.get(value, "%?") for value in node.inputs]
        inside += [
            f"{key}={self.attribute(value, f'{node.op.name}.{key}')}" for key, value in attributes.items()
        ]
        text = f"{left} = {node.op.name}({', '.join(inside)})"
        stated = "type" in attributes and len(outputs) == 1 and attributes["type"] == outputs[0].type
        if outputs and not stated:
            text += " : " + ", ".join([self.type_text(value.type) for value in outputs])
        return text + self.origin(node.origin)

    def attribute(self, value: object, owner: str) -> str:
        if isinstance(value, Region):
            return f"region({self.regions.setdefault(value, f'{owner}.{len(self.regions)}')!r})"
        try:
            return attribute_text(value, self.data)
        except GraphError:
            if self.strict:
                raise
            return f"<{type(value).__name__}>"

    def type_text(self, type: TensorType) -> str:
        text = self.types.get(type)
        if text is None:
            text = self.types[type] = str(type)
        return text

    def origin(self, origin: Origin) -> str:
        text = self.origins.get(origin)
        if text is None:
            file = origin.file
            if self.short:
                file = file.replace("\\", "/").rpartition("/")[2]
            if not file.isprintable() or file != file.strip() or file[:1] in ("'", '"'):
                file = repr(file)
            phase = "" if origin.phase == "forward" else f" {origin.phase}"
            text = self.origins[origin] = f"  # {file}:{origin.line}{phase}"
        return text
