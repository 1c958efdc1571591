"""A hard limit on memory: another order, or the directions of a Jacobian in parts, one after the other.

A part is some positions of one axis, of the output or of the input: the same order is emitted for each part,
with the seeds of that part alone, and the results are concatenated. The peak is that of the compiled whole,
as its memory is planned before anything runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from ..errors import GraphError, explain
from ..local_jacobian import Dense, Label, Labels, Slice, Term, Terms, term
from ..ops.slicing import concatenate
from ..origin import here
from ..types import TensorType
from ..value import Value
from .accumulate import Accumulation
from .measuring import peak_of
from .products import product
from .result import Jacobian
from .sums import as_one

PARTS = (2, 4, 8, 16, 32, 64)

Side = Literal["output", "input"]


@dataclass(frozen=True)
class Cut:
    """An axis of the output or the input, and into how many parts it is cut."""

    side: Side
    axis: int
    parts: int

    def __str__(self) -> str:
        return f"{self.parts} parts of axis {self.axis} of the {self.side}"


def parts_within(
    reduced: Accumulation, order: Sequence[int], format: str, memory: int, least: int
) -> tuple[Cut, Any]:
    """The fewest parts that fit, and the whole result. `least` is the smallest peak found before.

    Raises GraphError where none fit, with the smallest peak that was found, and for several blocks.
    """
    linear = reduced.linear
    if len(linear.sources) != 1 or len(linear.ends) != 1:
        raise _nothing_fits(memory, least, "Ask for one output towards one input, which is made in parts.")
    axes = _longest_axes(reduced, order)
    for parts in PARTS:
        for cut in [Cut(side, axis, parts) for side, axis, size in axes if size >= parts]:
            result = _made(reduced, order, cut, format)
            peak = peak_of([result])
            if peak <= memory:
                return cut, result
            least = min(least, peak)
    raise _nothing_fits(memory, least, "Give it as much, or ask for a structured format, or for products.")


def _nothing_fits(memory: int, least: int, do: str) -> GraphError:
    return GraphError(
        explain(f"a limit of {memory} bytes", f"at least {least}, the smallest that was found", here(), do)
    )


def _longest_axes(reduced: Accumulation, order: Sequence[int]) -> list[tuple[Side, int, int]]:
    """Of output and input the longest axis that no tie or gather determines, and its size; none of a zero."""
    whole = reduced.copy()
    whole.eliminate(order)
    blocks = whole.blocks()
    if not blocks:
        return []
    (terms,) = blocks.values()
    one = as_one(terms, reduced.dtype)
    (dense,) = [factor for factor in one.factors if isinstance(factor, Dense)]
    sides: tuple[tuple[Side, Labels, Labels], ...] = (
        ("output", one.out, one.in_),
        ("input", one.in_, one.out),
    )
    found: list[tuple[Side, int, int]] = []
    for side, mine, theirs in sides:
        free = [
            (label.size, -axis)
            for axis, label in enumerate(mine)
            if label in dense.labels and label not in theirs and isinstance(label.size, int)
        ]
        if free:
            size, axis = max(free)
            found.append((side, -axis, size))
    return found


def _made(reduced: Accumulation, order: Sequence[int], cut: Cut, format: str) -> Any:
    """The Jacobian from its parts."""
    linear = reduced.linear
    end, source = linear.values[linear.ends[0]], linear.values[linear.sources[0]]
    whole = (end if cut.side == "output" else source).shape[cut.axis]
    assert isinstance(whole, int)
    bounds = [whole * n // cut.parts for n in range(cut.parts + 1)]
    made = []
    for start, stop in pairwise(bounds):
        left = reduced.copy()
        _seed(left, cut, start, stop - start)
        left.eliminate(order)
        made.append(next(iter(left.blocks().values())))
    if format == "dense":
        dense = [Jacobian(terms, *_types(terms, end, source), format).todense() for terms in made]
        return concatenate(dense, cut.axis + (end.ndim if cut.side == "input" else 0))
    return Jacobian(_joined(made, cut, end), end.type, source.type, format)


def _seed(left: Accumulation, cut: Cut, start: int, count: int) -> None:
    """Put the selection of one part behind the end, or before the source."""
    (vertex,) = left.linear.ends if cut.side == "output" else left.linear.sources
    whole = Labels(Label(size) for size in left.linear.values[vertex].shape)
    part = whole.renew(cut.axis)
    part[cut.axis].size = count
    chosen = term(part, whole, Slice(part[cut.axis], whole[cut.axis], start))
    if cut.side == "output":
        left.into[vertex] = {u: product(chosen, e, left.dtype) for u, e in left.into[vertex].items()}
        return
    for edges in left.into.values():
        if vertex in edges:
            edges[vertex] = product(edges[vertex], chosen.T, left.dtype)


def _types(terms: Terms, end: Value, source: Value) -> tuple[TensorType, TensorType]:
    first = terms[0]
    output = end.type.with_shape(tuple(label.size for label in first.out))
    return output, source.type.with_shape(tuple(label.size for label in first.in_))


def _joined(made: Sequence[Terms], cut: Cut, end: Value) -> Terms:
    """The terms of the parts as one term, their arrays concatenated."""
    ones = [as_one(terms, end.dtype) for terms in made]
    first = ones[0]
    side = first.out if cut.side == "output" else first.in_
    (dense,) = [factor for factor in first.factors if isinstance(factor, Dense)]
    axis = dense.labels.index(side[cut.axis])
    arrays = [factor.value for one in ones for factor in one.factors if isinstance(factor, Dense)]
    value = concatenate(arrays, axis)
    whole = Label(value.shape[axis])

    def widen(label: Label) -> Label:
        return whole if label is side[cut.axis] else label

    factors = tuple(
        Dense(value, Labels(map(widen, factor.labels))) if factor is dense else factor.rename(widen)
        for factor in first.factors
    )
    out, in_ = (Labels(map(widen, labels)) for labels in (first.out, first.in_))
    return Terms((Term(out, in_, factors),))
