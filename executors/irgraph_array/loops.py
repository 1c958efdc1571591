"""The kernel of `scan`: the calls of one step, again and again, on arrays of which some move along."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from irgraph.compiler.plan import Buffer, Slot, Step
from irgraph.control_flow.scan import Scan
from irgraph.dims import bind
from irgraph.value import Node

from .running import run_calls
from .table import Array, Call, Context, assign, kernel


@kernel(Scan)
def _scan(context: Context, op: Scan, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    yield _Loop(context, op, inputs, outputs)


class _Loop:
    """One run of a loop: the first carries in, the steps, the last carries out.

    What depends on the position is put into the arguments of the calls before each step, so that there is one
    list of calls for all steps.
    """

    def __init__(self, context: Context, op: Scan, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        assert context.loop is not None
        self._inside, self._xp, self._node = context.loop, context.xp, context.node
        self._length, self._reverse = bind(op.length, context.sizes), op.reverse
        self._moving: list[_Moving] = []
        self._of: dict[Buffer, _Moving] = {}
        self._calls: list[Call] = []
        self._owners: list[Node] = []
        body, (starts, stacked, _) = context.loop.body, op.parts(inputs)
        carries = list(map(context.loop.array, body.carries))
        self._begin = [call for step in body.prologue for call in context.loop.calls(step, {})]
        self._begin += map(assign, carries, starts)
        self._end = list(map(assign, outputs[: op.carries], carries))
        for slot, whole in zip(body.xs, stacked, strict=True):
            if slot is not None:
                self._pair(slot, whole, into=True)
        written = [
            self._pair(slot, whole) for slot, whole in zip(body.ys, outputs[op.carries :], strict=True)
        ]
        for step in body.compute:
            self._add(step.node, self._calls_of(step))
        self._add(self._node, [call for calls in written for call in calls])
        for slot, carry in zip(body.new, carries, strict=True):
            new = self._array(slot)
            if new is not carry:
                self._add(self._node, self._followed([assign(carry, new)]) or [])

    def __call__(self) -> None:
        for call in self._begin:
            call()
        places = [each.places for each in self._moving]
        for views in self._positions():
            for view, each in zip(views, places, strict=True):
                for arguments, key in each:
                    arguments[key] = view
            self._step()
        for call in self._end:
            call()

    def _positions(self) -> Iterator[tuple[Array, ...]]:
        """For each step its views of the arrays that are scanned over or stacked."""
        if not self._moving:
            return iter([()] * self._length)
        return zip(*[each.positions(self._reverse) for each in self._moving], strict=True)

    def _step(self) -> None:
        run_calls(self._calls, self._owners)

    # --------------------------------------------------------------------------------- binding

    def _pair(self, slot: Slot, whole: Array, into: bool = False) -> list[Call]:
        """Join what one step has with the array outside; the copies that this takes."""
        moving = _Moving(self._xp, whole)
        self._moving.append(moving)
        if slot.buffer.kind == "step":
            self._of[slot.buffer] = moving
            return []
        here = self._inside.array(slot)
        copy = assign(here, moving.array) if into else assign(moving.array, here)
        calls = self._followed([copy]) or []
        if into:
            self._add(self._node, calls)
        return calls

    def _add(self, node: Node, calls: Sequence[Call]) -> None:
        self._calls += calls
        self._owners += [node] * len(calls)

    def _array(self, slot: Slot) -> Array:
        moving = self._of.get(slot.buffer)
        return self._inside.array(slot) if moving is None else moving.array

    def _calls_of(self, step: Step) -> list[Call]:
        """The calls of one step of the body, which follow what moves."""
        buffers = [slot.buffer for slot in (*step.inputs, *step.outputs) if slot.buffer.kind == "step"]
        if not buffers:
            return self._inside.calls(step, {})
        bound = self._inside.calls(step, {buffer: self._of[buffer].array for buffer in buffers})
        found = self._followed(bound)
        if found is not None:
            return found
        now: dict[Buffer, Array] = {}
        for buffer in buffers:
            self._of[buffer].places.append((now, buffer))
        return [_Anew(lambda: self._inside.calls(step, now))]

    def _followed(self, calls: Sequence[Call]) -> list[Call] | None:
        """The calls with arguments that move along; None where a kernel made views of what moves."""
        found: list[Call] = []
        places: list[tuple[_Moving, Any, Any]] = []
        for call in calls:
            taken = _taken_apart(call)
            if taken is None:
                return None
            function, arguments, keywords = taken
            given: list[tuple[Any, Any, Any]] = [(arguments, n, each) for n, each in enumerate(arguments)]
            given += [(keywords, name, each) for name, each in keywords.items()]
            for container, key, argument in given:
                moving = next((each for each in self._moving if each.array is argument), None)
                if moving is not None:
                    places.append((moving, container, key))
                elif not self._stays(argument):
                    return None
            found.append(_Call(function, arguments, keywords))
        for moving, container, key in places:
            moving.places.append((container, key))
        return found

    def _stays(self, argument: object) -> bool:
        """Whether an argument has nothing to do with what moves."""
        if isinstance(argument, (list, dict)) or callable(argument):
            return False
        if isinstance(argument, tuple):
            return all(map(self._stays, argument))
        if not hasattr(argument, "__array_interface__") and not hasattr(argument, "__cuda_array_interface__"):
            return True
        return not any(self._xp.may_share_memory(argument, each.whole) for each in self._moving)


class _Moving:
    """An array of which a loop uses one position after the other; `places` are the arguments that are it."""

    def __init__(self, xp: Any, whole: Array) -> None:
        self.whole = whole
        self.array = whole[0, ...] if len(whole) else xp.empty(whole.shape[1:], whole.dtype)
        self.places: list[tuple[Any, Any]] = []

    def positions(self, reverse: bool) -> Iterable[Array]:
        """The views of one position each."""
        whole = self.whole[::-1] if reverse else self.whole
        if whole.ndim > 1:
            return whole  # type: ignore[no-any-return]  # an array iterates over its first axis
        return (whole[position, ...] for position in range(len(whole)))


class _Call:
    """A call whose arguments may be replaced."""

    __slots__ = ("arguments", "function", "keywords")

    def __init__(
        self, function: Callable[..., object], arguments: list[Any], keywords: dict[str, Any]
    ) -> None:
        self.function, self.arguments, self.keywords = function, arguments, keywords

    def __call__(self) -> None:
        self.function(*self.arguments, **self.keywords)


class _Anew:
    """Calls that are bound before they are made."""

    def __init__(self, bind: Callable[[], list[Call]]) -> None:
        self.bind = bind

    def __call__(self) -> None:
        for call in self.bind():
            call()


def _taken_apart(call: Call) -> tuple[Callable[..., object], list[Any], dict[str, Any]] | None:
    """The function of a bound call, its arguments and its keywords; the array of a method is an argument."""
    if not isinstance(call, partial):
        return None
    owner = getattr(call.func, "__self__", None)
    if owner is None or not hasattr(owner, "dtype"):
        return call.func, list(call.args), dict(call.keywords)
    if call.func.__name__ != "__setitem__":
        return None
    return operator.setitem, [owner, *call.args], dict(call.keywords)
