"""Binding named dims and placing every value in one arena, before anything runs.

Views share their source's buffer. An elementwise node writes over an input that dies there, where the
executor's kernel allows it. Parts of a concatenation are computed inside its result where they can be.
Large outputs get memory of their own beside the arena, for executors that hand it over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..control_flow.scan import CARRY, Scan
from ..dims import Guard
from ..errors import FeedError, explain
from ..layout import Layout
from ..op import Op
from ..types import TensorType
from ..value import Node, Value
from .arena import assign_offsets
from .concatenation import Homes, find_homes
from .plan import Buffer, LoopBody, Plan, Slot, Step
from .schedule import Schedule

DEARER = 1 / 16  # the part of the arena by which it may grow for copies that are saved


def plan(
    schedule: Schedule,
    sizes: Mapping[str, int],
    may_overwrite: Callable[[Op], bool],
    hands_over: int | None = None,
) -> Plan:
    """The plan for one binding of the named dims. Outputs of at least `hands_over` bytes that fill a buffer
    lie outside the arena; None: all lie inside.

    Parts of concatenations are computed in place, unless that takes more than a sixteenth more memory: the
    result then lives from its first part on.
    """
    placing = _Placing(schedule, sizes, may_overwrite, hands_over)
    placing.homes = find_homes(schedule, placing.sizes, lambda type: placing.bound(type)[2])
    planned = placing.plan()
    if placing.homes:
        apart = _Placing(schedule, sizes, may_overwrite, hands_over).plan()
        if planned.nbytes > apart.nbytes * (1 + DEARER):
            return apart
    return planned


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


def shift(body: LoopBody) -> None:
    """Move what a loop works in to where its workspace is."""
    for buffer in body.workspace.inside:
        buffer.offset += body.workspace.offset
    for inner in body.bodies.values():
        shift(inner)


def _with_real_buffers(body: LoopBody, outside: Mapping[Buffer, Buffer]) -> LoopBody:
    """The loop on the buffers that captures lie in, where others stood for them."""
    if not outside:
        return body

    def real(slots: Sequence[Slot]) -> tuple[Slot, ...]:
        return tuple([slot._replace(buffer=outside.get(slot.buffer, slot.buffer)) for slot in slots])

    def steps(planned: Sequence[Step]) -> list[Step]:
        return [Step(node, real(inputs), real(outputs)) for node, inputs, outputs in planned]

    return replace(
        body,
        prologue=steps(body.prologue),
        compute=steps(body.compute),
        new=real(body.new),
        ys=real(body.ys),
        bodies={node: _with_real_buffers(inner, outside) for node, inner in body.bodies.items()},
    )


class _Placing:
    """Slots and buffers, in the order of the schedule."""

    def __init__(
        self,
        schedule: Schedule,
        sizes: Mapping[str, int],
        may_overwrite: Callable[[Op], bool],
        hands_over: int | None,
    ) -> None:
        self.schedule = schedule
        self.sizes = dict(sizes)
        self.may_overwrite = may_overwrite
        self.hands_over = hands_over
        self.slots: dict[Value, Slot] = {}
        self.buffers: list[Buffer] = []
        self.homes: Homes = {}
        self.bodies: dict[Node, LoopBody] = {}
        self._bound: dict[TensorType, tuple[Layout, int, TensorType]] = {}

    def plan(self) -> Plan:
        """Place everything."""
        order = self.schedule
        feeds = {name: self.place(value, 0) for name, value in order.graph.inputs.items()}
        for value in order.graph.states.values():
            self.place(value, 0, state=True)
        prologue = self.steps(order.prologue, start=0, forever=True)
        compute = self.steps(order.compute, start=1)
        results = self.results()
        commit = self.steps(order.commit, start=order.outputs_at + 1)
        copies = [(self.slots[state], self.slots[new]) for state, new in order.copies]
        outputs = [self.slots[value] for value in order.graph.outputs]
        nbytes = assign_offsets(self.buffers)
        for body in self.bodies.values():
            shift(body)
        return Plan(
            self.sizes,
            feeds,
            prologue,
            compute,
            commit,
            copies,
            outputs,
            self.buffers,
            nbytes,
            results,
            self.bodies,
        )

    def results(self) -> dict[int, Buffer]:
        """Take the buffers of large outputs out of the arena: those that the output fills in order. What
        is placed after this writes over none of them."""
        found: dict[int, Buffer] = {}
        if self.hands_over is None:
            return found
        stays = set(self.schedule.prologue)
        for position, value in enumerate(self.schedule.graph.outputs):
            buffer, layout, dtype = self.slots[value]
            large = buffer.kind == "arena" and buffer.nbytes >= max(self.hands_over, 1)
            fills = layout.is_dense and math.prod(layout.shape) * dtype.itemsize == buffer.nbytes
            if large and fills and buffer.owner.node not in stays:
                buffer.kind, buffer.offset = "result", 0
                found[position] = buffer
        self.buffers = [buffer for buffer in self.buffers if buffer.kind == "arena"]
        return found

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
            if node in self.schedule.bodies:
                self.bodies[node] = body = self.body(node, inputs)
                body.workspace.first = 0 if forever else position
                body.workspace.last = self.schedule.end if forever else position
                self.buffers.append(body.workspace)
        return steps

    def body(self, node: Node, inputs: Sequence[Slot]) -> LoopBody:
        """Place one step of a loop, from offset 0 on until it is known where the loop works."""
        order = self.schedule.bodies[node]
        assert isinstance(node.op, Scan)
        inner = _Placing(order, self.sizes, self.may_overwrite, None)
        keys, given = node.op.keys(len(inputs)), order.graph.inputs
        inner.homes = find_homes(order, self.sizes, lambda type: self.bound(type)[2])
        outside: dict[Buffer, Buffer] = {}
        for key, slot in node.op.parts(list(zip(keys, inputs, strict=True))).captures:
            if key in given:  # a stand-in: what is inside must neither free nor overwrite the real one
                standin = Buffer("state", slot.buffer.owner, slot.buffer.nbytes, 0, order.end)
                outside[standin] = slot.buffer
                inner.slots[given[key]] = slot._replace(buffer=standin)
        carries = [inner.carry(n) for n in range(node.op.carries)]
        xs = [inner.step_of(given[key]) if key in given else None for key in node.op.parts(keys).xs]
        for value in order.graph.outputs[len(carries) :]:
            inner.stack(value)
        prologue = inner.steps(order.prologue, start=0, forever=True)
        compute = inner.steps(order.compute, start=1)
        results = [inner.slots[value] for value in order.graph.outputs]
        workspace = Buffer("arena", node.outputs[0], assign_offsets(inner.buffers), 0, 0)
        workspace.inside = inner.buffers
        new, ys = results[: len(carries)], results[len(carries) :]
        body = LoopBody(carries, xs, prologue, compute, new, ys, workspace, inner.bodies)
        return _with_real_buffers(body, outside)

    def step_of(self, value: Value) -> Slot:
        """The place of what a loop scans over: where it is, or else one that it is copied to."""
        graph = self.schedule.graph
        readers = graph.users[value]
        if value in graph.outputs or not all(node.op.elementwise for node in readers):
            return self.place(value, 0)
        return self.outside(value)

    def stack(self, value: Value) -> None:
        """Let a result of a loop's step be computed where it is stacked, if that can be."""
        graph, node = self.schedule.graph, value.node
        users = [node, *graph.users[value]]
        if (
            all(user.op.elementwise for user in users)
            and node in set(self.schedule.compute)
            and graph.outputs.count(value) == 1
            and value not in self.homes
        ):
            self.outside(value)

    def outside(self, value: Value) -> Slot:
        """A stand-in for the memory of one position of an array outside the loop."""
        layout, nbytes, _ = self.bound(value.type)
        slot = self.slots[value] = Slot(
            Buffer("step", value, nbytes, 0, self.schedule.end), layout, value.dtype
        )
        return slot

    def carry(self, n: int) -> Slot:
        """The place of a carry of a loop, which is its own throughout the step."""
        key = f"{CARRY}{n}"
        value = self.schedule.graph.inputs.get(key, self.schedule.graph.outputs[n])
        if value.node.op.label != key:  # the body does not read it: all but the last are lost
            layout, nbytes, _ = self.bound(value.type)
            buffer = Buffer("arena", value, nbytes, 0, self.schedule.end)
            self.buffers.append(buffer)
            return Slot(buffer, layout, value.dtype)
        slot = self.place(value, 0)
        slot.buffer.last = self.schedule.end
        return slot

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
        if value in self.homes:
            self._inside(value, position)
            return
        if value in self.slots:  # its first part was there before it
            buffer = self.slots[value].buffer
            buffer.last = max(buffer.last, position)
            return
        if not forever and self.may_overwrite(node.op):
            layout, nbytes, _ = self.bound(value.type)
            for slot in inputs:
                if slot.buffer.last == position and self._dies(slot, layout, value, inputs, nbytes):
                    slot.buffer.last = max(position, self.schedule.last_use.get(value, position))
                    self.slots[value] = Slot(slot.buffer, layout, value.dtype)
                    return
        self.place(value, position, forever=forever)

    def _inside(self, value: Value, position: int) -> None:
        """Place a value in the buffer of what it is a part of, which comes to life with its first part."""
        whole, start = value, 0
        while whole in self.homes:
            whole, offset = self.homes[whole]
            start += offset
        if whole not in self.slots:
            self.place(whole, position)
        buffer = self.slots[whole].buffer
        buffer.last = max(buffer.last, self.schedule.last_use.get(value, position))
        buffer.parts += 1
        layout, _, _ = self.bound(value.type)
        self.slots[value] = Slot(buffer, replace(layout, offset=start), value.dtype)

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
