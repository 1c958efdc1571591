"""Reverse mode: gradients and vector-Jacobian products as ordinary nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..collector import without_collector
from ..dims import same_size
from ..errors import GraphError, NotDifferentiableError, ShapeError, explain
from ..local_jacobian import NotDifferentiable
from ..ops.constants import ones, zeros
from ..origin import carrying, here
from ..value import Node, Value
from .emit import Part, apply, total
from .structure import Tree, flatten, rebuild
from .walk import walk

Disconnected = Literal["raise", "zero"]


def grad(loss: Value, wrt: Tree, disconnected: Disconnected = "raise") -> Any:
    """The gradient of a scalar: d loss / d wrt, in the structure of `wrt` (a value, a sequence, a dict).

    Raises ShapeError if the loss is not scalar, and NotDifferentiableError if no derivative flows from
    it to some value of `wrt`, naming the node that cuts the path (`disconnected="zero"`: zeros instead).

    >>> from irgraph import evaluate, input
    >>> x = input("x", (3,))
    >>> evaluate(grad((x * x).sum(), x), x=[1.0, 2.0, 3.0])
    array([2., 4., 6.], dtype=float32)
    """
    return value_and_grad(loss, wrt, disconnected)[1]


def value_and_grad(loss: Value, wrt: Tree, disconnected: Disconnected = "raise") -> tuple[Value, Any]:
    """The scalar loss itself and its gradient; see `grad`.

    >>> from irgraph import input
    >>> x = input("x", (3,))
    >>> value_and_grad((x * x).sum(), [x])
    (<a result of sum : float32[]>, [<a result of add : float32[3]>])
    """
    if not isinstance(loss, Value) or loss.ndim:
        raise ShapeError(
            explain(
                f"the loss {loss!r}",
                "a scalar",
                here(),
                "Reduce it, e.g. with .mean(), or use irgraph.vjp with a cotangent.",
            )
        )
    if not loss.dtype.is_float:
        do = "Take its real part, or its abs." if loss.dtype.is_complex else ""
        raise NotDifferentiableError(explain(f"the loss {loss!r}", "a float dtype", loss.node.origin, do))
    with carrying(here().derived("backward")):
        seed = ones((), loss.dtype)
    return loss, vjp(loss, wrt, seed, disconnected)


@without_collector
def vjp(outputs: Tree, wrt: Tree, cotangents: Tree, disconnected: Disconnected = "raise") -> Any:
    """The product of `cotangents` (shaped as `outputs`) with the Jacobian of `outputs` towards `wrt`.

    >>> from irgraph import evaluate, input
    >>> x, c = input("x", (2,)), input("c", (2,))
    >>> evaluate(vjp(x * x, x, c), x=[1.0, 2.0], c=[1.0, 10.0])
    array([ 2., 40.], dtype=float32)
    """
    if disconnected not in ("raise", "zero"):
        raise GraphError(explain(f"disconnected={disconnected!r}", '"raise" or "zero"', here()))
    ends, sources = flatten(outputs, "outputs"), flatten(wrt, "wrt")
    seeds = flatten(cotangents, "cotangents")
    check_directions(ends, seeds, "cotangent")
    order = walk(ends, sources, lambda op: op.states_vjp())
    arrived: dict[Value, list[Part]] = {}
    for value, seed in zip(ends, seeds, strict=True):
        arrived.setdefault(value, []).append((1, seed))
    for node in reversed(order.nodes):
        if node in order.opened:
            _hand_inside(node, order.opened[node], arrived)
        elif any(value in order.live for value in node.inputs):
            _pull_back(node, order.live, arrived)
    found = []
    with carrying(here().derived("backward")):
        for source in sources:
            if source in arrived:
                found.append(total(arrived[source]))
            elif disconnected == "zero":
                found.append(zeros(source.shape, source.dtype))
            else:
                raise _disconnected(source, ends, order.nodes, arrived)
    return rebuild(wrt, found)


def check_directions(values: Sequence[Value], directions: Sequence[Value], what: str) -> None:
    """Raise ShapeError unless each direction has the type of its value."""
    if len(values) != len(directions):
        raise ShapeError(explain(f"{len(directions)} {what}s", f"{len(values)}, one for each value", here()))
    for value, direction in zip(values, directions, strict=True):
        if value.type != direction.type:
            raise ShapeError(explain(f"the {what} {direction!r}", f"the type of {value!r}", here()))


def _hand_inside(node: Node, inside: Sequence[Value], arrived: dict[Value, list[Part]]) -> None:
    """The cotangents of a composite node go to what stands for its outputs."""
    with carrying(node.origin.derived("backward")):
        for value, inner in zip(node.outputs, inside, strict=True):
            parts = arrived.get(value)
            if parts:
                arrived[value] = [(1, total(parts))]
                arrived.setdefault(inner, []).append((1, arrived[value][0][1]))


def _pull_back(node: Node, live: set[Value], arrived: dict[Value, list[Part]]) -> None:
    """Send the cotangents of a node's outputs to its inputs."""
    with carrying(node.origin.derived("backward")):
        cotangents: list[Value | None] = []
        for value in node.outputs:
            parts = arrived.get(value)
            if parts is None or value not in live:
                cotangents.append(None)
                continue
            if len(parts) > 1 or parts[0][0] < 0:
                arrived[value] = parts = [(1, total(parts))]
            cotangents.append(parts[0][1])
        if all(cotangent is None for cotangent in cotangents):
            return
        if node.op.states_vjp():
            pulled = node.op.vjp(node.inputs, node.outputs, cotangents)
            require_types(node, "vjp", node.inputs, pulled)
            for value, cotangent in zip(node.inputs, pulled, strict=True):
                if cotangent is not None and value in live:
                    arrived.setdefault(value, []).append((1, cotangent))
            return
        grid = node.op.local_jacobians(node.inputs, node.outputs)
        for position, value in enumerate(node.inputs):
            if value not in live:
                continue
            for row, cotangent in zip(grid, cotangents, strict=True):
                if cotangent is not None:
                    terms = row[position]
                    if isinstance(terms, NotDifferentiable):
                        raise not_differentiable(node, value, terms)
                    if terms:
                        arrived.setdefault(value, []).extend(apply(terms.T, cotangent))


def require_types(node: Node, rule: str, values: Sequence[Value], found: Sequence[Value | None]) -> None:
    """Raise GraphError unless an op's own rule gave each float value something of its type, or None."""
    if len(found) == len(values) and all(map(_fits, values, found)):
        return
    types = ", ".join("None" if value is None else str(value.type) for value in found)
    needed = ", ".join(str(value.type) for value in values)
    raise GraphError(
        explain(f"({types}) from {rule}() of {node.op.name}", f"({needed}), or None for a zero", node.origin)
    )


def _fits(value: Value, found: Value | None) -> bool:
    if found is None or not value.dtype.is_inexact or found.type == value.type:
        return True
    pairs = zip(found.shape, value.shape, strict=False)
    return (
        found.dtype is value.dtype
        and found.ndim == value.ndim
        and all(same_size(a, b) is not None for a, b in pairs)
    )


def not_differentiable(node: Node, value: Value, why: NotDifferentiable) -> NotDifferentiableError:
    """The error for a path that needs a derivative that an op does not have."""
    return NotDifferentiableError(
        explain(
            f"a path through {node.op.name} towards {value!r}, which has no derivative: {why.reason}",
            "differentiable ops on the way",
            node.origin,
            "Put stop_gradient where no derivative is wanted.",
        )
    )


def _disconnected(
    source: Value, ends: Sequence[Value], nodes: Sequence[Node], arrived: dict[Value, list[Part]]
) -> NotDifferentiableError:
    """Name the node at which the derivative from `source` to the outputs is cut."""
    names = " or ".join(end.label for end in ends)
    below = {source}
    for node in nodes:
        if any(value in below for value in node.inputs):
            below.update(node.outputs)
    on_path = [n for n in nodes if any(v in below for v in n.inputs)]
    if not any(end in below for end in ends):
        return NotDifferentiableError(
            explain(
                f"wrt {source!r}, on which {names} does not depend",
                "a path from it to the outputs",
                source.node.origin,
                'Leave it out, or pass disconnected="zero" to get zeros.',
            )
        )
    for cut in on_path:
        if any(not v.dtype.is_inexact or v in arrived for v in cut.outputs):
            break
    return NotDifferentiableError(
        explain(
            f"wrt {source!r}, whose path to {names} is cut at {cut.op.name} (built at {cut.origin})",
            "a path along which a derivative flows",
            source.node.origin,
            f"{cut.op.name} passes no derivative on"
            + (
                ""
                if all(v.dtype.is_inexact for v in cut.outputs)
                else f", its result is {cut.outputs[0].dtype}"
            )
            + '; pass disconnected="zero" to get zeros.',
        )
    )
