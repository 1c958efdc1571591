"""Reverse mode through a scan: a scan from the end.

The forward scan is made anew with more outputs: what the backward steps need of each step. The compiler
merges it with the one that was there (`compiler/loops.py`), so that nothing is computed twice. What the vjp
of one step computes from these values alone is computed in the backward step: so the derivative of tanh keeps
one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..autodiff.reverse import vjp as pull_back
from ..graph import topological_order
from ..ops.constants import zeros
from ..ops.shape import BroadcastTo, Reshape, Transpose
from ..value import Node, Value
from .building import Loop, open_body, substitute
from .scan import Parts, Scan
from .sums import Sums

_CHEAP = (Reshape, Transpose, BroadcastTo)  # views that take more memory than what they look at, or the same


def vjp(op: Scan, inputs: Sequence[Value], cotangents: Sequence[Value | None]) -> list[Value | None]:
    """The cotangents of the inputs (None: zero) for those of the outputs (None: zero)."""
    forward = Loop(op.length, op.reverse)
    results, inside = open_body(op, forward, inputs)
    given = [c is not None and y.dtype.is_inexact for y, c in zip(results, cotangents, strict=True)]
    active, reached = _reached(op, results, inside, given)
    back = Loop(op.length, not op.reverse)
    ends, seeds = [], []
    for n, (result, cotangent) in enumerate(zip(results, cotangents, strict=True)):
        if n < op.carries and active[n]:
            seeds.append(back.carry(zeros(result.shape, result.dtype) if cotangent is None else cotangent))
        elif n >= op.carries and given[n] and cotangent is not None:
            seeds.append(back.x(cotangent))
        else:
            continue
        ends.append(result)
    moving = [carry for carry, is_active in zip(inside.carries, active, strict=True) if is_active]
    wanted = [x for x in (*inside.xs, *inside.captures) if x in reached]
    pulled = pull_back(ends, [*moving, *wanted], seeds, "zero")
    pulled = _with_kept_values(pulled, seeds, forward, results, op, back)
    return _close(op, inside, back, active, wanted, pulled)


def _close(
    op: Scan, inside: Parts, back: Loop, active: list[bool], wanted: list[Value], pulled: list[Value]
) -> list[Value | None]:
    """The backward scan for the cotangents of one step, and what it makes of those of the inputs."""
    count = sum(active)
    found = dict(zip(wanted, pulled[count:], strict=True))
    of_xs = [x for x in inside.xs if x in found]
    sums = Sums(back, [found[x] for x in inside.captures if x in found])
    new = [*pulled[:count], *sums.new]
    node = back.close(new, [*(found[x] for x in of_xs), *sums.ys])
    final = iter(node.outputs[:count])
    stacked = dict(zip(of_xs, node.outputs[len(new) :], strict=False))
    totals = iter(sums.totals(node.outputs[count : len(new)], node.outputs[len(new) + len(of_xs) :]))
    return [
        *(next(final) if is_active else None for is_active in active),
        *(stacked.get(x) for x in inside.xs),
        *(next(totals) if x in found else None for x in inside.captures),
    ]


def _reached(
    op: Scan, results: Sequence[Value], inside: Parts, given: Sequence[bool]
) -> tuple[list[bool], set[Value]]:
    """Which carries have cotangents in some step, and all values that then get one within the step."""
    active = list(given[: op.carries])
    nodes = topological_order(results)
    while True:
        marks = [*active, *given[op.carries :]]
        reached = {y for y, is_given in zip(results, marks, strict=True) if is_given}
        for node in reversed(nodes):
            if any(value in reached for value in node.outputs):
                reached.update(value for value in node.inputs if value.dtype.is_inexact)
        wider = [a or c in reached for a, c in zip(active, inside.carries, strict=True)]
        if wider == active:
            return active, reached
        active = wider


def _with_kept_values(
    pulled: list[Value], seeds: list[Value], forward: Loop, results: list[Value], op: Scan, back: Loop
) -> list[Value]:
    """The cotangents of one step on what the backward scan reads: what a forward step made is an array that
    the forward scan stacks."""
    ys = results[op.carries :]
    kept: list[Value] = []
    now: dict[Value, Value] = {}
    for value in _needed(pulled, seeds, forward, results):
        if value in forward.xs:
            now[value] = back.x(forward.stacked[forward.xs.index(value)])
        elif value in forward.captures:
            now[value] = back.capture(forward.captures[value])
        else:
            kept.append(value)
    fresh = [value for value in kept if value not in ys]
    node = forward.close(results[: op.carries], [*ys, *fresh])
    made = dict(zip([*ys, *fresh], node.outputs[op.carries :], strict=True))
    now.update({value: back.x(made[value]) for value in kept})
    return substitute(pulled, now)


def _needed(pulled: list[Value], seeds: list[Value], forward: Loop, results: list[Value]) -> Iterator[Value]:
    """The values of a forward step that its backward step starts from."""
    given = {*forward.carries, *forward.xs, *forward.captures}
    steady = _steady(results, [*forward.carries, *forward.xs])
    made = set(topological_order(results))
    seen: set[Value] = set(seeds)
    stack = list(reversed(pulled))
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        kept = value.node in made and not isinstance(value.node.op, _CHEAP) and value.node not in steady
        if value in given or kept:
            yield value
        else:
            stack += reversed(value.node.inputs)


def _steady(results: Sequence[Value], moving: Sequence[Value]) -> set[Node]:
    """The nodes of a step whose results are the same in all steps."""
    below = set(moving)
    steady = set()
    for node in topological_order(results):
        if any(value in below for value in (*node.inputs, *node.outputs)):
            below.update(node.outputs)
        else:
            steady.add(node)
    return steady
