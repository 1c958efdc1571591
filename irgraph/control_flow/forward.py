"""Forward mode through a scan: one scan over pairs of values and tangents."""

from __future__ import annotations

from collections.abc import Sequence

from ..autodiff.forward import jvp as push_forward
from ..autodiff.walk import live_values
from ..graph import topological_order
from ..ops.constants import zeros
from ..value import Value
from .building import Loop, open_body
from .scan import Scan


def jvp(op: Scan, inputs: Sequence[Value], tangents: Sequence[Value | None]) -> list[Value | None]:
    """The tangents of the outputs (None: zero) for those of the inputs (None: zero).

    The values are computed along with the tangents; the compiler merges this scan with the one that computes
    the values alone.
    """
    loop = Loop(op.length, op.reverse)
    results, inside = open_body(op, loop, inputs)
    starts, stacked, captures = op.parts(tangents)
    fixed = [x for x, t in zip(inside.xs, stacked, strict=True) if t is not None]
    fixed += [x for x, t in zip(inside.captures, captures, strict=True) if t is not None]
    moving = moved(results[: op.carries], inside.carries, [t is not None for t in starts], fixed)
    pairs: list[tuple[Value, Value]] = []
    for carry, start, moves in zip(inside.carries, starts, moving, strict=True):
        if moves:
            pairs.append((carry, loop.carry(zeros(carry.shape, carry.dtype) if start is None else start)))
    pairs += [(x, loop.x(t)) for x, t in zip(inside.xs, stacked, strict=True) if t is not None]
    pairs += [(x, t) for x, t in zip(inside.captures, captures, strict=True) if t is not None]
    live = live_values(topological_order(results), [x for x, _ in pairs])
    ends = [new for new, moves in zip(results, moving, strict=False) if moves]
    ys = results[op.carries :]
    made = [y for y in ys if y in live]
    pushed = push_forward([*ends, *made], [x for x, _ in pairs], [t for _, t in pairs])
    new = [*results[: op.carries], *pushed[: len(ends)]]
    node = loop.close(new, [*ys, *pushed[len(ends) :]])
    final, rest = iter(node.outputs[op.carries : len(new)]), iter(node.outputs[len(new) + len(ys) :])
    return [
        *(next(final) if moves else None for moves in moving),
        *(next(rest) if y in live else None for y in ys),
    ]


def moved(
    new: Sequence[Value], carries: Sequence[Value], first: Sequence[bool], fixed: Sequence[Value]
) -> list[bool]:
    """Which carries depend on those that `first` marks, or on `fixed` values, after some steps."""
    marks, nodes = list(first), topological_order(new)
    while True:
        sources = [c for c, is_moved in zip(carries, marks, strict=True) if is_moved] + list(fixed)
        live = live_values(nodes, sources)
        wider = [m or value in live for m, value in zip(marks, new, strict=True)]
        if wider == marks:
            return marks
        marks = wider
