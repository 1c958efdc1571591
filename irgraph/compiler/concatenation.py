"""Which operands of concatenations are computed where the result has them, so that nothing is copied.

An operand's place in the result is one piece of memory where all axes before the concatenated one have
size 1. A value that fills such an operand, itself or through a reshape, is then written straight there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..layout import Layout
from ..ops.slicing import Concatenate
from ..types import TensorType
from ..value import Node, Value
from .schedule import Schedule

Homes = dict[Value, tuple[Value, int]]  # a value -> what it is a part of, and from which element on
Concrete = Callable[[TensorType], TensorType]


def find_homes(schedule: Schedule, sizes: dict[str, int], concrete: Concrete) -> Homes:
    """For each computed value that is a part of a concatenation in one piece: where. The first that reads
    it has it. `concrete` gives a type with numbers for the named dims. O(operands · views of each)."""
    homes: Homes = {}
    computed: set[Node] | None = None
    for node in schedule.compute:
        if not isinstance(node.op, Concatenate):
            continue
        computed = computed or set(schedule.compute)
        (out,) = node.outputs
        start, axis = 0, node.op.axis
        shape = _shape(concrete(out.type))
        for value in node.inputs:
            part = _shape(concrete(value.type))
            if math.prod(part) and math.prod(shape[:axis]) == 1:
                base = _filling(value, sizes, concrete)
                if base is not None and base.node in computed and base not in homes:
                    homes[base] = out, start * math.prod(shape[axis + 1 :])
            start += part[axis]
    return homes


def _filling(value: Value, sizes: dict[str, int], concrete: Concrete) -> Value | None:
    """The computed value whose memory a value is, all of it and in order; None where it is only a part of
    one, or has another order."""
    chain = [value]
    while _views(chain[-1].node):
        chain.append(chain[-1].node.inputs[0])
    base = chain.pop()
    layout = dense = Layout.dense(_shape(concrete(base.type)))
    for each in reversed(chain):
        seen = each.node.op.view(layout, concrete(each.type), sizes)
        if seen is None:  # not a view of this layout, but computed
            base, layout = each, Layout.dense(_shape(concrete(each.type)))
            dense = layout
        else:
            layout = seen
    fills = layout.is_dense and layout.offset == 0 and math.prod(layout.shape) == math.prod(dense.shape)
    return base if fills and base.dtype == value.dtype else None


def _views(node: Node) -> bool:
    """Whether a node may be a view, as the memory planner sees it."""
    return bool(node.inputs) and not node.op.elementwise and node.op.may_view()


def _shape(type: TensorType) -> tuple[int, ...]:
    return tuple(map(int, type.shape))  # type: ignore[arg-type]  # numbers only
