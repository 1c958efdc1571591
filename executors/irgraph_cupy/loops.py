"""Loops on the GPU: the launches of all steps are one list, as the device takes them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from irgraph.compiler.plan import Buffer, LoopBody, Slot, Step
from irgraph.control_flow.scan import Scan
from irgraph.dims import bind
from irgraph.value import Node

from .source import Array

Moving = Mapping[Buffer, Array]


class Piece(NamedTuple):
    """A step, or a copy that a loop needs; `moving` are the arrays of buffers of kind "step"."""

    node: Node
    step: Step | None
    moving: Moving
    copy: tuple[Array, Array] | None = None  # from, to


class Unrolled:
    """The pieces that the steps of a plan consist of, for numbers of named dims."""

    def __init__(self, sizes: Mapping[str, int], array: Callable[[Slot, Moving], Array]) -> None:
        self._sizes = sizes
        self._array = array

    def pieces(self, step: Step, bodies: Mapping[Node, LoopBody], moving: Moving) -> Iterator[Piece]:
        """The step itself, or all steps of a loop."""
        body = bodies.get(step.node)
        if body is None:
            yield Piece(step.node, step, moving)
        else:
            yield from self._loop(step, body, moving)

    def _loop(self, step: Step, body: LoopBody, moving: Moving) -> Iterator[Piece]:
        op = step.node.op
        assert isinstance(op, Scan)
        starts, stacked, _ = op.parts([self._array(slot, moving) for slot in step.inputs])
        outputs = [self._array(slot, moving) for slot in step.outputs]
        carries = [self._array(slot, moving) for slot in body.carries]

        def copy(source: Array, target: Array) -> Piece:
            return Piece(step.node, None, moving, (source, target))

        for each in body.prologue:
            yield from self.pieces(each, body.bodies, moving)
        yield from map(copy, starts, carries)
        ends = list(zip((*body.xs, *body.ys), (*stacked, *outputs[op.carries :]), strict=True))
        for position in _positions(bind(op.length, self._sizes), op.reverse):
            now = {
                slot.buffer: whole[position, ...]
                for slot, whole in ends
                if slot is not None and slot.buffer.kind == "step"
            }
            for slot, whole in ends[: op.xs]:
                if slot is not None and slot.buffer not in now:
                    yield copy(whole[position, ...], self._array(slot, now))
            for each in body.compute:
                yield from self.pieces(each, body.bodies, now)
            for slot, whole in ends[op.xs :]:
                if slot is not None and slot.buffer not in now:
                    yield copy(self._array(slot, now), whole[position, ...])
            for slot, carry in zip(body.new, carries, strict=True):
                new = self._array(slot, now)
                if new is not carry:
                    yield copy(new, carry)
        yield from map(copy, carries, outputs[: op.carries])


def _positions(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)
