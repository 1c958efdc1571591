"""In which order nodes run, and which of them belong to the commit.

A step has two phases. Compute may fail and writes no state. Commit holds only what can't fail:
elementwise kernels that nothing but the updates needs, and copies. The order does not depend on
shapes, so it is found once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..control_flow.scan import Scan
from ..graph import Graph
from ..op import Op
from ..value import Node, Value


@dataclass(frozen=True)
class Schedule:
    """The nodes by phase; positions count compute nodes from 1, then the outputs, then the commit.

    `in_place` maps the new values that may be written straight into the state variable they update;
    the other updates are `copies` at the very end.
    """

    graph: Graph
    prologue: tuple[Node, ...]  # constants: run once for each shape
    compute: tuple[Node, ...]
    commit: tuple[Node, ...]
    in_place: dict[Value, Value]  # new value -> state variable
    copies: tuple[tuple[Value, Value], ...]  # (state variable, new value)
    last_use: dict[Value, int]
    bodies: dict[Node, Schedule]  # of the loops

    @property
    def outputs_at(self) -> int:
        """The position at which outputs are read: after compute, before the commit."""
        return len(self.compute) + 1

    @property
    def end(self) -> int:
        """The position of the final copies."""
        return self.outputs_at + len(self.commit) + 1


def schedule(graph: Graph, is_infallible: Callable[[Op], bool]) -> Schedule:
    """Order the graph's nodes. `is_infallible` tells the ops whose kernels can't fail, views included."""
    nodes = [node for node in graph.nodes if not node.op.source]
    fixed = _constants(nodes)
    late = _commit_nodes(graph, [node for node in nodes if node not in fixed], is_infallible)
    prologue = tuple(node for node in nodes if node in fixed)
    compute = tuple(node for node in nodes if node not in fixed and node not in late)
    commit = tuple(node for node in nodes if node in late)
    in_place = _in_place(graph, commit)
    copies = tuple(update for update in graph.updates if in_place.get(update[1]) is not update[0])
    last_use = _last_uses(graph, compute, commit, copies)
    bodies = {
        node: schedule(node.op.body.graph, is_infallible) for node in nodes if isinstance(node.op, Scan)
    }
    return Schedule(graph, prologue, compute, commit, in_place, copies, last_use, bodies)


def _constants(nodes: list[Node]) -> set[Node]:
    fixed: set[Node] = set()
    for node in nodes:
        if not node.op.effect and all(value.node in fixed for value in node.inputs):
            fixed.add(node)
    return fixed


def _commit_nodes(graph: Graph, nodes: list[Node], is_infallible: Callable[[Op], bool]) -> set[Node]:
    """The infallible nodes that serve updates only: all their users are such nodes, or updates."""
    outputs = {value.node for value in graph.outputs}
    wanted = {new.node for _, new in graph.updates}
    late: set[Node] = set()
    for node in reversed(nodes):
        users = [user for value in node.outputs for user in graph.users[value]]
        serves = node in wanted or bool(users)
        if serves and node not in outputs and is_infallible(node.op) and all(user in late for user in users):
            late.add(node)
    return late


def _in_place(graph: Graph, commit: tuple[Node, ...]) -> dict[Value, Value]:
    """Updates whose last kernel may write into the variable: nothing reads the old content after it."""
    position = {node: n for n, node in enumerate(commit)}
    root: dict[Value, Value] = {}  # (what may be) a view, of either phase -> what it looks at
    for node in graph.nodes:
        if node.op.may_view():
            root[node.outputs[0]] = root.get(node.inputs[0], node.inputs[0])
    reads: dict[Value, list[tuple[int, bool]]] = {}  # variable -> (position, read as it is)
    for n, node in enumerate(commit):
        for value in node.inputs:
            reads.setdefault(root.get(value, value), []).append((n, value not in root))
    found: dict[Value, Value] = {}
    for state, new in graph.updates:
        at = position.get(new.node)
        if at is None or new in found or not new.node.op.elementwise:
            continue
        if all(n < at or (n == at and direct) for n, direct in reads.get(state, ())):
            found[new] = state
    return found


def _last_uses(
    graph: Graph, compute: tuple[Node, ...], commit: tuple[Node, ...], copies: tuple[tuple[Value, Value], ...]
) -> dict[Value, int]:
    last: dict[Value, int] = {}
    for position, node in enumerate(compute, start=1):
        for value in node.inputs:
            last[value] = position
    outputs_at = len(compute) + 1
    for value in graph.outputs:
        last[value] = outputs_at
    for position, node in enumerate(commit, start=outputs_at + 1):
        for value in node.inputs:
            last[value] = position
    for _, new in copies:
        last[new] = outputs_at + len(commit) + 1
    return last
