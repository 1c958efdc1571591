"""The shape-generic passes that are a walk or two: collect, expand, dedupe, fuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..control_flow.scan import CARRY
from ..graph import Graph, Update, expansion, keep
from ..op import Op
from ..ops.cast import Copy
from ..ops.update import WithUpdate, following
from ..origin import carrying
from ..region import in_regions
from ..value import Node, Value


def collect_updates(graph: Graph) -> Graph:
    """Move the updates that travel with values (`with_update`) to the graph's own."""
    nodes = [node for node in graph.nodes if isinstance(node.op, WithUpdate)]
    if not nodes:
        return graph
    carried = _carried(nodes)

    def unwrap(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        return (inputs[0],) if isinstance(node.op, WithUpdate) else keep(node, inputs)

    updates = list(dict.fromkeys([*graph.updates, *carried]))
    named = dict(zip(graph.output_names, graph.outputs, strict=True))
    return Graph(named, updates).rebuild(unwrap)


def _carried(nodes: Sequence[Node]) -> list[Update]:
    """The updates of `with_update` nodes; of running means each takes up the one before."""
    found: list[Update] = []
    means: dict[Value, Value] = {}
    seen: set[tuple[Value, Value]] = set()
    for node in nodes:
        op = node.op
        for variable, given in zip(node.inputs[1::2], node.inputs[2::2], strict=True):
            if (variable, given) in seen:
                continue
            seen.add((variable, given))
            if isinstance(op, WithUpdate) and op.momentum:
                with carrying(node.origin):
                    means[variable] = following(op, means.get(variable, variable), given)
            else:
                found.append((variable, given))
    return [*found, *means.items()]


def expand(graph: Graph, has_kernel: Callable[[type[Op]], bool]) -> Graph:
    """Composite ops, where the executor has no kernel of its own, become what they consist of."""

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        if not (node.op.source or node.op.view_only or has_kernel(type(node.op))):
            simpler = expansion(node, inputs)
            if simpler is not None:
                return simpler
        return keep(node, inputs)

    while (expanded := graph.rebuild(visit)) is not graph:
        graph = expanded
    return graph


def dedupe(graph: Graph) -> Graph:
    """Nodes with equal ops on the same inputs become one."""
    table: dict[tuple[Op, tuple[Value, ...]], tuple[Value, ...]] = {}

    def visit(node: Node, inputs: tuple[Value, ...]) -> Sequence[Value]:
        if node.op.source:
            return node.outputs
        if node.op.effect:
            return keep(node, inputs)
        if node.op.commutes:
            first = table.get((node.op, inputs[::-1]))
            if first is not None:
                return first
        found = table.get((node.op, inputs))
        if found is None:
            found = table[node.op, inputs] = keep(node, inputs)
        return found

    return graph.rebuild(visit)


def fuse(graph: Graph) -> Graph:
    """The place of fusion: until kernels can be merged, the graph as it is."""
    return graph


def isolate_updates(graph: Graph) -> Graph:
    """A new value that is itself (a view of) a state variable is copied first: both may change at once."""
    copies: dict[Value, Value] = {}
    for _, new in graph.updates:
        root = new
        while root.node.inputs and root.node.op.may_view():
            root = root.node.inputs[0]
        if root.node.op.source == "state":
            with carrying(new.node.origin):
                copies[new] = Copy()(new)
    if not copies:
        return graph
    named = dict(zip(graph.output_names, graph.outputs, strict=True))
    return Graph(named, [(state, copies.get(new, new)) for state, new in graph.updates])


def isolate(graph: Graph) -> Graph:
    """What changes all at once, the state and the carries of loops, is computed in memory of its own."""
    return in_regions(isolate_updates(graph), isolate_carries)


def isolate_carries(body: Graph) -> Graph:
    """In a loop's body, a new carry that is (a view of) another one is copied first: all change at once."""
    carries = {value: key for key, value in body.inputs.items() if key.startswith(CARRY)}
    named = dict(zip(body.output_names, body.outputs, strict=True))
    for name, new in named.items():
        root = new
        while root.node.inputs and root.node.op.may_view():
            root = root.node.inputs[0]
        if name.startswith(CARRY) and root in carries and carries.get(new) != name:
            with carrying(new.node.origin):
                named[name] = Copy()(new)
    if list(named.values()) == list(body.outputs):
        return body
    return Graph(named)
