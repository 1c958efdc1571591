"""From terms to nodes: applying a local Jacobian to a tangent, and adding up what arrives.

Emitted nodes are plain ops (multiply, matmul, sum, slice, scatter_add), never a generic contraction.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..dims import Size
from ..local_jacobian import Coefficient, Dense, Labels, Term, Terms, labels
from ..ops.arithmetic import Add, Negative, Subtract
from ..ops.arrange import scaled, times, weighted
from ..ops.comparison import Where
from ..ops.constants import splat
from ..ops.contract import contract
from ..ops.networks import volume
from ..ops.slicing import Concatenate, Pad
from ..types import bool_
from ..value import Value

Part = tuple[int, Value]  # a sign and a value


def apply(terms: Terms, tangent: Value) -> list[Part]:
    """The parts of the sum `terms · tangent`; a transposed sum pulls a cotangent back."""
    if len(terms) > 1:
        shared = _shared_factor(terms)
        if shared is not None:
            return _apply_hoisted(terms, tangent, *shared)
    return [(1 if t.coefficient.number >= 0 else -1, _apply_one(t, tangent)) for t in terms]


def _apply_one(term: Term, tangent: Value) -> Value:
    number = term.coefficient.number
    coefficient = term.coefficient if number >= 0 else Coefficient(-1.0) * term.coefficient
    if term.in_ == term.out and all(
        isinstance(f, Dense) and _aligned(f.labels, term.out) for f in term.factors
    ):
        for factor in term.factors:  # elementwise, the common case
            assert isinstance(factor, Dense)
            tangent = weighted(tangent, factor.value)
        return scaled(tangent, coefficient)
    shrinks = volume(term.in_) > volume(term.out)
    x = tangent if shrinks else scaled(tangent, coefficient)
    y = contract([Dense(x, term.in_), *term.factors], term.out, tangent.dtype)
    return scaled(y, coefficient) if shrinks else y


def _aligned(inner: Labels, outer: Labels) -> bool:
    """Whether a value with the inner labels broadcasts to the outer ones as it is."""
    tail = outer[max(0, len(outer) - len(inner)) :]
    return len(inner) == len(tail) and all(a is b or a.size == 1 for a, b in zip(inner, tail, strict=True))


Position = tuple[tuple[int, int] | None, ...]


def _position(term: Term, factor: Dense) -> Position:
    """For each label of a factor its axes in `out` and `in_`, where it is tied."""
    return tuple(
        (term.out.index(label), term.in_.index(label)) if label in term.out and label in term.in_ else None
        for label in factor.labels
    )


def _shared_factor(terms: Terms) -> tuple[Value, Position] | None:
    """A dense factor that every term has on the same tied axes: it can multiply the tangent once."""
    first = terms[0]
    for factor in first.factors:
        if not isinstance(factor, Dense) or factor.value.dtype == bool_:
            continue
        position = _position(first, factor)
        if None not in position and all(_find(t, factor.value, position) for t in terms[1:]):
            return factor.value, position
    return None


def _find(term: Term, value: Value, position: Position) -> Dense | None:
    for factor in term.factors:
        if isinstance(factor, Dense) and factor.value is value and _position(term, factor) == position:
            return factor
    return None


def _apply_hoisted(terms: Terms, tangent: Value, value: Value, position: Position) -> list[Part]:
    axes = labels(tangent)
    at = Labels(axes[pair[1]] for pair in position if pair is not None)
    if _aligned(at, axes):
        tangent = times(tangent, value)
    else:
        tangent = contract([Dense(tangent, axes), Dense(value, at)], axes, tangent.dtype)
    rest = []
    for term in terms:
        found = _find(term, value, position)
        kept = tuple(factor for factor in term.factors if factor is not found)
        rest.append(Term(term.out, term.in_, kept, term.coefficient))
    return apply(Terms(rest), tangent)


def total(parts: Sequence[Part]) -> Value:
    """The sum of parts. Paddings that tile an axis become one concatenation, selections by one
    condition become one selection."""
    ordered = sorted(parts, key=lambda part: -part[0])
    for shorter in (_tiled, _selected) if len(ordered) > 1 else ():
        found = shorter(ordered)
        if found is not None:
            return found
    sign, result = ordered[0]
    if sign < 0:
        result = Negative()(result)
    for sign, value in ordered[1:]:
        result = Add()(result, value) if sign > 0 else Subtract()(result, value)
    return result


def _selected(parts: Sequence[Part]) -> Value | None:
    """One selection: what it sets to 0 stays known as such; see `weighted`."""
    condition = parts[0][1].node.inputs[:1]
    inner: list[Part] = []
    for sign, value in parts:
        node = value.node
        if not isinstance(node.op, Where) or node.inputs[:1] != condition or splat(node.inputs[2]) != 0:
            return None
        inner.append((sign, node.inputs[1]))
    return Where()(*condition, total(inner), parts[0][1].node.inputs[2])


def _tiled(parts: Sequence[Part]) -> Value | None:
    pads: list[tuple[Pad, Value]] = []
    for sign, value in parts:
        op = value.node.op
        if sign < 0 or not isinstance(op, Pad) or op.value != 0 or any(step != 1 for step in op.steps):
            return None
        pads.append((op, value.node.inputs[0]))
    whole = pads[0][0].shape
    for axis in range(len(whole)):
        following = {op.starts[axis]: (op, x) for op, x in pads}
        position: Size = 0
        pieces: list[Value] = []
        while position in following:
            op, x = following.pop(position)
            elsewhere = [a for a in range(len(whole)) if a != axis]
            if x.shape[axis] == 0 or any(op.starts[a] != 0 or x.shape[a] != whole[a] for a in elsewhere):
                break
            pieces.append(x)
            position = position + x.shape[axis]
        if position == whole[axis] and len(pieces) == len(pads):
            return Concatenate(axis)(*pieces)
    return None
