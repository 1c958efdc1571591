"""Binding named dims and placing every value in one arena, before anything runs.

Views share their source's buffer. An elementwise node writes over an input that dies there, where the
executor's kernel allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..dims import Guard
from ..errors import FeedError, explain
from ..layout import Layout
from ..op import Op
from ..types import TensorType
from ..value import Node, Value
from .arena import assign_offsets
from .plan import Buffer, Plan, Slot, Step
from .schedule import Schedule


def plan(
    schedule: Schedule,
    sizes: Mapping[str, int],
    may_overwrite: Callable[[Op], bool],
) -> Plan:
    """The plan for one binding of the named dims."""
    placing = _Placing(schedule, sizes, may_overwrite)
    feeds = {name: placing.place(value, 0) for name, value in schedule.graph.inputs.items()}
    for value in schedule.graph.states.values():
        placing.place(value, 0, state=True)
    prologue = placing.steps(schedule.prologue, start=0, forever=True)
    compute = placing.steps(schedule.compute, start=1)
    commit = placing.steps(schedule.commit, start=schedule.outputs_at + 1)
    copies = [(placing.slots[state], placing.slots[new]) for state, new in schedule.copies]
    outputs = [placing.slots[value] for value in schedule.graph.outputs]
    nbytes = assign_offsets(placing.buffers)
    return Plan(dict(sizes), feeds, prologue, compute, commit, copies, outputs, placing.buffers, nbytes)


def check_guards(assumed: Mapping[Guard, Node], sizes: Mapping[str, int]) -> None:
    """Raise FeedError unless the sizes fit what shape inference assumed of the named dims."""
    for guard, node in assumed.items():
        if not guard.holds(sizes):
            raise FeedError(
                explain(
                    ", ".join(f"{name}={size}" for name, size in sizes.items()),
                    f"{guard} for {node.op.name}",
                    f"{node.origin}: {node.origin.source}",
                    "Feed arrays whose sizes satisfy it.",
                )
            )


class _Placing:
    """Slots and buffers, in the order of the schedule."""

    def __init__(
        self,
        schedule: Schedule,
        sizes: Mapping[str, int],
        may_overwrite: Callable[[Op], bool],
    ) -> None:
        self.schedule = schedule
        self.sizes = sizes
        self.may_overwrite = may_overwrite
        self.slots: dict[Value, Slot] = {}
        self.buffers: list[Buffer] = []
        self._bound: dict[TensorType, tuple[Layout, int, TensorType]] = {}

    def bound(self, type: TensorType) -> tuple[Layout, int, TensorType]:
        """The dense layout, the bytes, and the type with numbers."""
        found = self._bound.get(type)
        if found is None:
            concrete = type.bind(self.sizes)
            layout = Layout.dense(concrete.shape)  # type: ignore[arg-type]  # numbers only
            found = self._bound[type] = layout, int(concrete.nbytes), concrete  # type: ignore[arg-type]
        return found

    def place(self, value: Value, position: int, state: bool = False, forever: bool = False) -> Slot:
        """A new buffer for a value."""
        layout, nbytes, _ = self.bound(value.type)
        first, last = position, max(position, self.schedule.last_use.get(value, position))
        if forever:
            first, last = 0, self.schedule.end
        buffer = Buffer("state" if state else "arena", value, nbytes, first, last)
        if not state:
            self.buffers.append(buffer)
        slot = self.slots[value] = Slot(buffer, layout, value.dtype)
        return slot

    def steps(self, nodes: Sequence[Node], start: int, forever: bool = False) -> list[Step]:
        """Place the outputs of nodes at consecutive positions; views need no step."""
        steps = []
        for position, node in enumerate(nodes, start):
            inputs = tuple([self.slots[value] for value in node.inputs])
            is_view = self._view(node, inputs)
            if is_view and not node.op.checks:
                continue
            if not is_view:
                for value in node.outputs:
                    self._output(node, value, inputs, position, forever)
            steps.append(Step(node, inputs, tuple([self.slots[value] for value in node.outputs])))
        return steps

    def _view(self, node: Node, inputs: tuple[Slot, ...]) -> bool:
        if not inputs or node.op.elementwise:
            return False
        (out, *_) = node.outputs
        layout = node.op.view(inputs[0].layout, self.bound(out.type)[2], self.sizes)
        if layout is None:
            return False
        source = inputs[0].buffer
        source.last = max(source.last, self.schedule.last_use.get(out, source.first))
        self.slots[out] = Slot(source, layout, out.dtype)
        return True

    def _output(
        self, node: Node, value: Value, inputs: tuple[Slot, ...], position: int, forever: bool
    ) -> None:
        state = self.schedule.in_place.get(value)
        if state is not None:
            self.slots[value] = self.slots[state]
            return
        if not forever and self.may_overwrite(node.op):
            layout, nbytes, _ = self.bound(value.type)
            for slot in inputs:
                if slot.buffer.last == position and self._dies(slot, layout, value, inputs, nbytes):
                    slot.buffer.last = max(position, self.schedule.last_use.get(value, position))
                    self.slots[value] = Slot(slot.buffer, layout, value.dtype)
                    return
        self.place(value, position, forever=forever)

    def _dies(self, slot: Slot, layout: Layout, value: Value, inputs: tuple[Slot, ...], nbytes: int) -> bool:
        """Whether an output with this layout may be written over an input that nobody reads later: they fit,
        and no other operand sees the buffer through another layout."""
        buffer = slot.buffer
        return (
            buffer.kind == "arena"
            and slot.dtype == value.dtype
            and slot.layout == layout
            and buffer.nbytes == nbytes
            and all(other.layout == layout for other in inputs if other.buffer is buffer)
        )
