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
    total = Effort()
    canonical: dict[object, Value] = {}
    stands_for: dict[Value, Value] = {}
    for node in topological_order(values, known):
        inputs = tuple([stands_for.get(value, value) for value in node.inputs])
        key = node.op, inputs
        first = canonical.setdefault(key, node.outputs[0])
        if first.node is not node:
            for mine, theirs in zip(node.outputs, first.node.outputs, strict=True):
                stands_for[mine] = theirs
        else:
            total += _of(node)
    return total


def _of(node: Node) -> Effort:
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
