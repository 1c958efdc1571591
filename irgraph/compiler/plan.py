"""What an executor gets: steps in order, and for every value a place in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..dims import Size
from ..layout import Layout
from ..types import DType
from ..value import Node, Value

ALIGNMENT = 64  # bytes: a cache line, and enough for every vector unit


class Buffer:
    """Memory for one or more values: a piece of the arena, a state variable, or a result of its own; or,
    within a loop, what one step has of an array that is scanned over or stacked (kind "step").

    It is live from position `first` to `last`, both included. `parts` counts the values that are computed
    where a concatenation, its owner, has them. Where the buffer is what a loop works in, `inside` has the
    buffers of its body.
    """

    __slots__ = ("first", "inside", "kind", "last", "nbytes", "offset", "owner", "parts")

    def __init__(
        self,
        kind: Literal["arena", "state", "result", "step"],
        owner: Value,
        nbytes: int,
        first: int,
        last: int,
    ) -> None:
        self.kind = kind
        self.owner = owner
        self.nbytes = nbytes
        self.first = first
        self.last = last
        self.offset = -1
        self.parts = 0
        self.inside: Sequence[Buffer] = ()

    @property
    def variable(self) -> str:
        """The name of the state variable that a buffer of kind "state" is."""
        return str(self.owner.node.op.label)


class Slot(NamedTuple):
    """Where a value lies: a buffer, and its layout there in elements of its dtype."""

    buffer: Buffer
    layout: Layout
    dtype: DType


class Step(NamedTuple):
    """One kernel call."""

    node: Node
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]


@dataclass(frozen=True)
class LoopBody:
    """One step of a loop, in the arena of the whole plan.

    A loop begins with `prologue`, once, and its first carries in `carries`. Each step copies a position of
    each array that is scanned over into `xs` (None: it is not read), runs `compute`, copies `ys` to that
    position of the outputs, and then `new` to `carries`. `workspace` is the piece of the arena that all this
    lies in; captures lie where they are. What has a buffer of kind "step" is not copied: only elementwise
    nodes read or write it, and do so at its position in the array outside.
    """

    carries: Sequence[Slot]
    xs: Sequence[Slot | None]
    prologue: Sequence[Step]
    compute: Sequence[Step]
    new: Sequence[Slot]
    ys: Sequence[Slot]
    workspace: Buffer
    bodies: Mapping[Node, LoopBody]


@dataclass(frozen=True)
class Plan:
    """One run for one binding of the named dims.

    An executor runs `prologue` once, then for each call: copy feeds into their slots, run `compute`,
    read `outputs`, run `commit`, and last `copies` (state slot, new value). Nothing between the first
    step of the commit and the last copy may fail or be interrupted.

    `results` are outputs, by position, that have a buffer of kind "result" outside the arena, which they
    fill: what is computed there may be returned as it is. Only executors that ask for them get any.

    `bodies` are the steps of loops, by the node of the loop.
    """

    sizes: dict[str, int]
    feeds: dict[str, Slot]
    prologue: Sequence[Step]
    compute: Sequence[Step]
    commit: Sequence[Step]
    copies: Sequence[tuple[Slot, Slot]]
    outputs: Sequence[Slot]
    buffers: Sequence[Buffer]
    arena_nbytes: int
    results: Mapping[int, Buffer] = field(default_factory=dict)
    bodies: Mapping[Node, LoopBody] = field(default_factory=dict)

    @property
    def results_nbytes(self) -> int:
        """The bytes that the results outside the arena take."""
        return sum(aligned(buffer.nbytes) for buffer in self.results.values())

    @property
    def nbytes(self) -> int:
        """The arena and the results."""
        return self.arena_nbytes + self.results_nbytes

    def live_peak(self) -> tuple[int, int]:
        """The most bytes that are live at once, and the position where they are: a lower bound of the arena
        and the results."""
        return most_live([*self.buffers, *self.results.values()])

    def live_at(self, position: int) -> list[Buffer]:
        """The buffers of the arena and of results that are live at a position, largest first."""
        live = _live([*self.buffers, *self.results.values()], position)
        return sorted(live, key=lambda buffer: -buffer.nbytes)


def aligned(nbytes: int) -> int:
    """The bytes that a buffer takes in the arena."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def _live(buffers: Sequence[Buffer], position: int) -> list[Buffer]:
    """The buffers that are live at a position; of a loop's workspace those that are, where it needs most."""
    found: list[Buffer] = []
    for buffer in buffers:
        if buffer.first <= position <= buffer.last:
            found += _live(buffer.inside, most_live(buffer.inside)[1]) if buffer.inside else [buffer]
    return found


def most_live(buffers: Sequence[Buffer]) -> tuple[int, int]:
    """The most bytes of buffers that are live at once, and the first position where they are."""
    change: dict[int, int] = {}
    for buffer in buffers:
        change[buffer.first] = change.get(buffer.first, 0) + aligned(buffer.nbytes)
        change[buffer.last + 1] = change.get(buffer.last + 1, 0) - aligned(buffer.nbytes)
    live, peak = 0, (0, 0)
    for position in sorted(change):
        live += change[position]
        peak = max(peak, (live, position), key=lambda pair: pair[0])
    return peak


def formula(buffers: Sequence[Buffer]) -> Size:
    """The bytes of some buffers in the named dims, without alignment."""
    total: Size = 0
    for buffer in buffers:
        total = total + buffer.owner.type.nbytes
    return total
