"""What emitted nodes cost: flops, bytes, launches, and nominal seconds, the same on every machine.

The seconds are those of one nominal core: a launch, and the longer of computing and of moving bytes. They
order plans; they predict no machine. Views cost nothing. Equal nodes count once, as they are merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..dims import estimate
from ..graph import topological_order
from ..value import Node, Value

LAUNCH = 2e-6
FLOPS = {8: 2.5e10, 4: 5e10}  # flops a second, by the bytes of an element
BANDWIDTH = 1e10  # bytes a second
STRIDED = 1e-7  # seconds for each matrix of a batch, beyond the first


@dataclass(frozen=True)
class Effort:
    """What some nodes cost; named dims are taken at their hints."""

    flops: int = 0
    nbytes: int = 0
    launches: int = 0
    seconds: float = 0.0

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            self.flops + other.flops,
            self.nbytes + other.nbytes,
            self.launches + other.launches,
            self.seconds + other.seconds,
        )


def effort(values: Iterable[Value], known: Iterable[Node]) -> Effort:
    """The cost of what the values need beyond the known nodes."""
    return sum(map(effort_of, Ledger(known).enter(values)), Effort())


class Ledger:
    """Nodes as they are entered; equal ones are one, under the first of them."""

    def __init__(self, known: Iterable[Node]) -> None:
        self._known = list(known)
        self._seen = set(self._known)
        self._entered: dict[Node, Node] = {}
        self._first: dict[object, Node] = {}
        self._stands_for: dict[Value, Value] = {}

    def enter(self, values: Iterable[Value]) -> list[Node]:
        """The nodes that the values need, and that nothing entered before needed or is equal to."""
        found = topological_order(values, self._seen)
        for node in found:
            self._entered[node] = self._canonical(node)
        self._seen.update(found)
        return [node for node in found if self._entered[node] is node]

    def needed(self, values: Iterable[Value]) -> list[Node]:
        """All that the values need beyond the known nodes, each node once, as the first one equal to it."""
        values = list(values)
        self.enter(values)
        return list(dict.fromkeys(self._entered[node] for node in topological_order(values, self._known)))

    def _canonical(self, node: Node) -> Node:
        inputs = tuple([self._stands_for.get(value, value) for value in node.inputs])
        first = self._first.setdefault((node.op, inputs), node)
        if first is not node:
            self._stands_for.update(zip(node.outputs, first.outputs, strict=True))
        return first


def effort_of(node: Node) -> Effort:
    """The cost of one node."""
    op = node.op
    if op.source or op.view_only or op.may_view() or not node.inputs:
        return Effort()
    cost = op.cost([value.type for value in node.inputs], [value.type for value in node.outputs])
    flops, nbytes = estimate(cost.flops), estimate(cost.nbytes)
    output = node.outputs[0]
    rate = FLOPS.get(output.dtype.itemsize, FLOPS[4])
    seconds = LAUNCH + max(flops / rate, nbytes / BANDWIDTH)
    if op.name == "matmul":
        matrices = 1
        for size in output.shape[:-2]:
            matrices *= estimate(size)
        seconds += STRIDED * (matrices - 1)
    return Effort(flops, nbytes, 1, seconds)
