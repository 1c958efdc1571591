"""From a graph to its linearization: vertices are values, edges are local Jacobians.

Composite ops that state no terms are opened; an op that has products only becomes a `Map`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..autodiff.reverse import not_differentiable, require_types
from ..autodiff.walk import walk
from ..dims import product
from ..errors import GraphError, NotDifferentiableError, explain
from ..local_jacobian import Labels, Map, NotDifferentiable, Terms, labels, term
from ..op import Op
from ..ops.arrange import repeated, reshaped
from ..ops.constants import zeros
from ..ops.rearranging import stack
from ..origin import carrying
from ..value import Node, Value

Edges = dict[int, dict[int, Terms]]
"""`edges[v][u]`: the local Jacobian of vertex v towards vertex u."""


@dataclass(frozen=True)
class Linearization:
    """Vertices are numbers, each after those it depends on: sources first, then inner ones, then ends.

    A source and an end are vertices of their own beside the value that they stand for, so that a source may
    depend on another one, and an end may be used on the way to another one.
    """

    values: tuple[Value, ...]
    sources: range
    ends: range
    into: Edges

    @property
    def inner(self) -> range:
        """The vertices to eliminate."""
        return range(self.sources.stop, self.ends.start)


def linearize(ends: Sequence[Value], sources: Sequence[Value]) -> Linearization:
    """The local Jacobians between the sources and the ends, on paths from one to the other only.

    Raises NotDifferentiableError for integer or complex sources and ends, and where a path needs a
    derivative that does not exist.
    """
    for value in (*ends, *sources):
        _require_real(value)
    order = walk(ends, sources, lambda op: op.expand is Op.expand)
    needed = _needed(order.nodes, order.opened, ends)
    values = list(sources)
    number: dict[Value, int] = {}
    into: Edges = {}

    def enter(value: Value, edges: dict[int, Terms]) -> None:
        if edges:
            number[value] = len(values)
            into[len(values)] = edges
            values.append(value)

    first: dict[Value, dict[int, Terms]] = {}
    for n, source in enumerate(sources):
        first.setdefault(source, {})[n] = identity(source)
    for value, edges in first.items():
        if value in needed and not any(v in order.live for v in value.node.inputs):
            enter(value, edges)
    for node in order.nodes:
        with carrying(node.origin.derived("tangent")):
            for value in node.outputs:
                if value in needed and value in order.live and value not in number:
                    _require_real(value)
                    arriving = _edges(node, value, order.opened.get(node), number)
                    enter(value, {**arriving, **first.get(value, {})})
    stop = len(values)
    for n, end in enumerate(ends):
        values.append(end)
        into[stop + n] = {number[end]: identity(end)} if end in number else {}
    return Linearization(tuple(values), range(len(sources)), range(stop, len(values)), into)


def identity(value: Value) -> Terms:
    """The Jacobian of a value towards itself."""
    at = labels(value)
    return term(at, at)


def _require_real(value: Value) -> None:
    if not value.dtype.is_float:
        do = "Take its real and imag apart." if value.dtype.is_complex else "Only floats have derivatives."
        found = f"{value!r} in a Jacobian"
        raise NotDifferentiableError(explain(found, "a float dtype", value.node.origin, do))


def _needed(nodes: Sequence[Node], opened: dict[Node, Sequence[Value]], ends: Sequence[Value]) -> set[Value]:
    """The values that the ends use."""
    needed = set(ends)
    for node in reversed(nodes):
        if any(value in needed for value in node.outputs):
            needed.update(opened.get(node, node.inputs))
    return needed


def _edges(
    node: Node, value: Value, opened: Sequence[Value] | None, number: dict[Value, int]
) -> dict[int, Terms]:
    """The local Jacobian towards each input, two uses of one input added."""
    if opened is not None:
        inside = opened[value.index]
        return {number[inside]: identity(inside)} if inside in number else {}
    if not any(source in number for source in node.inputs):
        return {}
    found: dict[int, Terms] = {}
    stated = node.op.states_terms()
    row = node.op.local_jacobians(node.inputs, node.outputs)[value.index] if stated else None
    for position, source in enumerate(node.inputs):
        if source not in number or 0 in (*value.shape, *source.shape):
            continue
        terms = opaque(node, value.index, position) if row is None else row[position]
        if isinstance(terms, NotDifferentiable):
            raise not_differentiable(node, source, terms)
        if terms:
            found[number[source]] = found.get(number[source], Terms()) + terms
    return found


def opaque(node: Node, output: int, position: int) -> Terms:
    """The local Jacobian of an op that has products with it only, as a map; see `Op.core_rank`."""
    y, x = node.outputs[output], node.inputs[position]
    first, core = node.inputs[0], node.op.core_rank
    batch = 0 if core is None else first.ndim - core
    left = labels(y)
    right = Labels((*left[:batch], *labels(x)[batch:]))
    sides = Labels(left[batch:]), Labels(right[batch:])
    many = _at_once if core is not None else _each
    push, pull = (_for_many(node, make(output, position), many) for make in (_pushed, _pulled))
    return term(left, right, Map(push, pull, *sides, Labels(left[:batch])))


Product = Callable[[Op, Sequence[Value], Sequence[Value], Value], Value]
"""A product with the Jacobian of an op, for inputs, outputs and one direction."""


def _pushed(output: int, position: int) -> Product:
    def push(op: Op, inputs: Sequence[Value], outputs: Sequence[Value], tangent: Value) -> Value:
        tangents: list[Value | None] = [None] * len(inputs)
        tangents[position] = tangent
        pushed = op.jvp(inputs, outputs, tangents)
        require_types(outputs[0].node, "jvp", outputs, pushed)
        found, y = pushed[output], outputs[output]
        return zeros(y.shape, y.dtype) if found is None else found

    return push


def _pulled(output: int, position: int) -> Product:
    def pull(op: Op, inputs: Sequence[Value], outputs: Sequence[Value], cotangent: Value) -> Value:
        cotangents: list[Value | None] = [None] * len(outputs)
        cotangents[output] = cotangent
        pulled = op.vjp(inputs, outputs, cotangents)
        require_types(outputs[0].node, "vjp", inputs, pulled)
        found, x = pulled[position], inputs[position]
        return zeros(x.shape, x.dtype) if found is None else found

    return pull


def _for_many(
    node: Node, product_of: Product, many: Callable[[Node, Product, Value], Value]
) -> Callable[[Value, int], Value]:
    """A product for one direction, or for as many as leading axes count, which `many` takes as one axis."""

    def mapped(directions: Value, lead: int) -> Value:
        if not lead:
            return product_of(node.op, node.inputs, node.outputs, directions)
        leading = directions.shape[:lead]
        made = many(node, product_of, reshaped(directions, (product(leading), *directions.shape[lead:])))
        return reshaped(made, (*leading, *made.shape[1:]))

    return mapped


def _at_once(node: Node, product_of: Product, directions: Value) -> Value:
    """All products at once: the directions are one more axis before those that repeat the op."""
    inputs, outputs = (
        [repeated(value, (directions.shape[0], *value.shape)) for value in values]
        for values in (node.inputs, node.outputs)
    )
    return product_of(node.op, inputs, outputs, directions)


def _each(node: Node, product_of: Product, directions: Value) -> Value:
    """The products one after the other."""
    count = directions.shape[0]
    if not isinstance(count, int):
        raise GraphError(
            explain(
                f"{count} directions through {node.op.name}, which takes one at a time",
                "a number of directions that is known when the graph is built",
                node.origin,
                "Give the named dim a size.",
            )
        )
    return stack([product_of(node.op, node.inputs, node.outputs, directions[n]) for n in range(count)])
