"""What the nodes of a graph are for, and which layers they belong to: what a picture shows at a glance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from ..graph import Graph
from ..ops.sources import Parameter
from ..origin import Origin
from ..value import Node, Value

Kind = Literal["input", "parameter", "state", "constant", "forward", "backward", "tangent", "update"]
KINDS: tuple[Kind, ...] = (
    "input",
    "parameter",
    "state",
    "constant",
    "forward",
    "backward",
    "tangent",
    "update",
)
Layer = tuple[str, ...]
"""The parts of a path: `encoder/0/w` lies in layer `("encoder", "0")`."""


def kinds(graph: Graph) -> dict[Node, Kind]:
    """What each node is: a feed, a state variable, a constant, or of which phase its origin says it is.

    What only updates need, and no gradient, is an update too: a user's own `{counter: counter + 1}`.
    """
    serving = _needed(graph.outputs, graph)
    serving |= _needed((v for n in graph.nodes if n.origin.phase == "backward" for v in n.inputs), graph)
    found: dict[Node, Kind] = {}
    for node in graph.nodes:
        if isinstance(node.op, Parameter):
            found[node] = "parameter" if node.op.trainable else "state"
        elif node.op.source:
            found[node] = "input" if node.op.source == "input" else "state"
        elif not node.inputs:
            found[node] = "constant"
        elif node.origin.phase == "forward" and node not in serving:
            found[node] = "update"
        else:
            found[node] = node.origin.phase
    return found


def _needed(values: Iterable[Value], graph: Graph) -> set[Node]:
    needed = {value.node for value in values}
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(value.node for value in node.inputs)
    return needed


# --------------------------------------------------------------------------------------- layers


def path_of(name: str) -> Layer:
    """The parts of a name that is a path.

    >>> path_of("encoder/0/w"), path_of("hidden.1.b")
    (('encoder', '0', 'w'), ('hidden', '1', 'b'))
    """
    return tuple(part for part in re.split(r"[/.]", name) if part)


def layers(graph: Graph) -> dict[Node, Layer]:
    """The layer of every node, `()` where it has none. O(nodes · layers / 64).

    Names say it where they are paths. A node without one belongs to the layer whose state variables it
    reads; elementwise ops stay in the layer of what they work on; what lies between two nodes of a
    layer lies in it. A gradient belongs to the layer of the node that it is the gradient of, and an update to
    that of its variable.
    """
    kind = kinds(graph)
    found: dict[Node, Layer] = {name.node: layer for name, layer in _of_states(graph).items()}
    main = [node for node in graph.nodes if kind[node] == "forward"]
    fixed = _fixed(graph)
    for node in main:
        found[node] = _by_inputs(node, found, fixed)
    _fill_between(graph, main, found)
    _of_derivatives(graph, found)
    _of_updates(graph, found)
    for node in graph.nodes:  # a constant stands where it is used
        for value in node.inputs:
            if not value.node.inputs and not value.node.op.source:
                found.setdefault(value.node, found.get(node, ()))
    return {node: found.get(node, ()) for node in graph.nodes}


def _of_states(graph: Graph) -> dict[Value, Layer]:
    """A slot `encoder/0/w/velocity` lies in the layer of `encoder/0/w`."""
    paths = {value: path_of(name) for name, value in graph.states.items()}
    known = set(paths.values())
    return {value: path[:-2] if path[:-1] in known else path[:-1] for value, path in paths.items()}


def _fixed(graph: Graph) -> set[Node]:
    """The nodes that depend on no feed: parameters, constants, and what is made of them."""
    fixed: set[Node] = set()
    for node in graph.nodes:
        if node.op.source != "input" and all(value.node in fixed for value in node.inputs):
            fixed.add(node)
    return fixed


def _by_inputs(node: Node, found: dict[Node, Layer], fixed: set[Node]) -> Layer:
    if node.name and len(path_of(node.name)) > 1:
        return path_of(node.name)[:-1]
    weights = [found[value.node] for value in node.inputs if value.node in fixed and found.get(value.node)]
    if weights:
        return _common(weights) or weights[0]
    data = [found.get(value.node, ()) for value in node.inputs if value.node not in fixed]
    stays = node.op.elementwise or (node.op.may_view() and not node.op.source)
    return _joined(data) if stays and data else ()


def _joined(data: Sequence[Layer]) -> Layer:
    """Where the results of some layers meet: in one that contains them all, else in the last one's part."""
    known = [layer for layer in data if layer]
    if len(known) < len(data):
        return _joined(known) if known else ()
    common = _common(data)
    return common if common in data else data[-1][: len(common) + 1]


def _common(paths: Sequence[Layer]) -> Layer:
    first, *others = paths or [()]
    length = len(first)
    for other in others:
        length = min(length, len(other))
        while first[:length] != other[:length]:
            length -= 1
    return first[:length]


def _fill_between(graph: Graph, main: list[Node], found: dict[Node, Layer]) -> None:
    """Give nodes without a layer the shortest one that they lie within: both above and below of its nodes.

    Variables that are read in several places, as tied weights are, say nothing about what is between.
    """
    tied = {
        _path(value)
        for value in graph.states.values()
        if sum(user in found and user.origin.phase == "forward" for user in graph.users[value]) > 1
    }
    spans: dict[Layer, list[int]] = {}
    for position, node in enumerate(main):
        layer = found[node]
        for length in range(1, len(layer) + 1):
            if layer[:length] not in tied:
                spans.setdefault(layer[:length], [position, position])[1] = position
    ranked = sorted(spans, key=lambda layer: (spans[layer][1] - spans[layer][0], -len(layer)))
    bit = {layer: 1 << rank for rank, layer in enumerate(ranked)}

    def own(node: Node) -> int:
        layer = found.get(node, ())
        mine = 0
        for length in range(1, len(layer) + 1):
            mine |= bit.get(layer[:length], 0)
        return mine

    above: dict[Node, int] = {}
    for node in main:
        above[node] = own(node)
        for value in node.inputs:
            above[node] |= above.get(value.node, 0)
    below = {node: own(node) for node in main}
    for node in reversed(main):
        for value in node.inputs:
            if value.node in below:
                below[value.node] |= below[node]
    for node in main:
        both = above[node] & below[node]
        if not found[node] and both:
            found[node] = ranked[(both & -both).bit_length() - 1]


def _path(state: Value) -> Layer:
    return path_of(str(state.node.op.label))[:-1]


def _of_derivatives(graph: Graph, found: dict[Node, Layer]) -> None:
    """By the node that a gradient belongs to; in a graph read from text, by the line that both share."""
    by_origin: dict[int, Layer] = {}
    by_line: dict[tuple[str, int], set[Layer]] = {}
    for node in graph.nodes:
        if node in found and node.origin.phase == "forward" and not node.op.source:
            by_origin.setdefault(id(node.origin), found[node])
            by_line.setdefault((node.origin.file, node.origin.line), set()).add(found[node])
    for node in graph.nodes:
        if node.origin.phase not in ("backward", "tangent") or node in found:
            continue
        origin: Origin | None = node.origin.of
        while origin is not None and id(origin) not in by_origin:
            origin = origin.of
        lines = by_line.get((node.origin.file, node.origin.line), set())
        if origin is not None:
            found[node] = by_origin[id(origin)]
        elif len(lines) == 1:
            found[node] = next(iter(lines))
        elif node.inputs:
            found[node] = max((found.get(v.node, ()) for v in node.inputs), key=len)


def _of_updates(graph: Graph, found: dict[Node, Layer]) -> None:
    claims: dict[Node, list[Layer]] = {}
    for variable, new in graph.updates:
        stack, seen = [new.node], set[Node]()
        while stack:
            node = stack.pop()
            if node not in found and node not in seen and node.inputs:
                seen.add(node)
                claims.setdefault(node, []).append(found[variable.node])
                stack += [value.node for value in node.inputs]
    found.update({node: paths[0] if len(set(paths)) == 1 else () for node, paths in claims.items()})
