"""From a plan to launches: one arena on the device, and the order of a step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, starmap
from operator import call, length_hint
from typing import Any, NamedTuple

from irgraph.compiler.plan import Plan, Step
from irgraph.dims import bind
from irgraph.errors import DeviceMemoryError, IrgraphError, explain
from irgraph.ops.indexing import CheckIndex
from irgraph.types import numpy_kind
from irgraph.value import Node
from irgraph_array import Views, not_finite, out_of_range

from .device import Device
from .elementwise import launch_copy
from .indexed import launch_check, launch_check_finite
from .loops import Moving, Piece, Unrolled
from .source import Array, Launch, Product, Routine, Verdict
from .table import KERNELS, Action, CudaContext, Runnable

PASSED = 0x7F7F7F7F  # what the flag holds while no check has failed: four equal bytes, as memset writes


class Check(NamedTuple):
    """A check of a step: after how many calls what it tells of is computed, and the error of its content."""

    calls: int
    arrays: tuple[Array, ...]
    error: Callable[..., IrgraphError]


class CupyPrepared:
    """A plan bound to the device: calling it makes one step.

    Everything is put on CuPy's current stream, and the host waits for the device only where a plan has
    checks: then one flag is read before the commit is put there.
    """

    def __init__(self, device: Device, plan: Plan, state: Mapping[str, Array], check: bool) -> None:
        self._device = device
        self._sizes = plan.sizes
        self._names = list(plan.feeds)
        self._checks: list[Check] = []
        self.scratch_nbytes = 0
        require_memory(device, plan, state)
        self._flag = device.empty((1,), "int32")
        self._scratch: list[Array] = []  # libraries know addresses alone: this keeps the memory
        self._views = Views(device, plan, state)
        self._unrolled = Unrolled(plan.sizes, self._views.array)
        self._bound: dict[int, list[Action]] = {}  # by the identity of the step
        prologue = self._prologue(plan)
        compute, owners = self._compute(plan, check)
        commit: list[Runnable] = [  # what may stand in a commit can't fail: it has no verdict
            action
            for step in plan.commit
            for action in self._actions(Piece(step.node, step, {}))
            if not isinstance(action, Verdict)
        ]
        for target, source in plan.copies:
            commit += launch_copy(self._views.array(source), self._views.array(target))
        launches = [each for each in (*prologue, *compute, *commit) if isinstance(each, Launch)]
        device.compile(launch.source for launch in launches)
        for action in prologue:
            if not isinstance(action, Verdict):
                device.call(action)()
            elif device.to_host(action.bad).any():
                raise action.error(*map(device.to_host, action.arrays))
        calls = {id(action): device.call(action) for action in compute}  # loops repeat theirs
        self.compute = [calls[id(action)] for action in compute]
        self._by_device = [isinstance(action, (Launch, Product, Routine)) for action in compute]
        self._owners = owners
        self._commit = [device.call(action) for action in commit]
        self._feeds = device.feeds([self._views.array(slot) for slot in plan.feeds.values()])
        self._outputs = [self._views.array(slot) for slot in plan.outputs]
        self.arena_nbytes = plan.arena_nbytes + self.scratch_nbytes

    def __call__(self, fed: Sequence[Any], out: Sequence[Array] | None = None) -> list[Array]:
        """One step: feeds in, compute, outputs out, the flag, commit."""
        with self._device.lock:
            self._feeds.write(fed)
            if self._checks:
                self._flag.data.memset_async(PASSED & 0xFF, self._flag.nbytes)
            self._run()
            results = [array.copy() for array in self._outputs] if out is None else list(out)
            if self._checks:
                self._require_passed(fed)
            if out is not None:
                deque(starmap(self._device.assign, zip(results, self._outputs, strict=True)), maxlen=0)
            # One native call: no signal handler runs until the whole commit is on the stream.
            deque(map(call, self._commit), maxlen=0)
        return results

    def _run(self) -> None:
        calls = iter(self.compute)
        try:
            for launch in calls:
                launch()
        except Exception as error:
            node = self._owners[len(self.compute) - length_hint(calls) - 1]
            error.add_note(f"  in {node!r}")
            raise

    def _require_passed(self, fed: Sequence[Any]) -> None:
        """Raise the error of the first check that failed. What it saw may be overwritten by now, so the
        step is repeated up to there, without what calls the host; it has written no state yet."""
        number = int(self._flag.get()[0])
        if number == PASSED:
            return
        check = self._checks[number]
        self._feeds.write(fed)
        for launch, by_device in zip(self.compute[: check.calls], self._by_device, strict=False):
            if by_device:
                launch()
        raise check.error(*map(self._device.to_host, check.arrays))

    # --------------------------------------------------------------------------------- binding

    def _prologue(self, plan: Plan) -> list[Action]:
        pieces = (self._unrolled.pieces(step, plan.bodies, {}) for step in plan.prologue)
        return [action for piece in chain.from_iterable(pieces) for action in self._actions(piece)]

    def _compute(self, plan: Plan, check: bool) -> tuple[list[Runnable], list[Node]]:
        actions: list[Runnable] = []
        owners: list[Node] = []

        def new_check(error: Callable[..., IrgraphError], *arrays: Array) -> int:
            self._checks.append(Check(len(actions), arrays, error))
            return len(self._checks) - 1

        def add(new: Iterable[Action], node: Node) -> None:
            for action in new:
                if isinstance(action, Verdict):
                    number = new_check(action.error, *action.arrays)
                    add(launch_check(self._flag, number, action.bad, "x != 0", {}), node)
                else:
                    actions.append(action)
                    owners.append(node)

        def require_finite(array: Array, what: str, node: Node) -> None:
            if check and numpy_kind(array.dtype) == "f" and array.size:
                number = new_check(partial(not_finite, what=what, node=node), array)
                add(launch_check_finite(self._flag, number, array), node)

        for name, slot in plan.feeds.items():
            require_finite(self._views.array(slot), f"the feed {name!r}", slot.buffer.owner.node)
        pieces = (self._unrolled.pieces(step, plan.bodies, {}) for step in plan.compute)
        for node, step, moving, copy in chain.from_iterable(pieces):
            if isinstance(node.op, CheckIndex) and step is not None:
                size = bind(node.op.size, plan.sizes)
                new_check(partial(out_of_range, node, size=size), self._views.array(step.inputs[0], moving))
            add(self._actions(Piece(node, step, moving, copy)), node)
            for slot in () if step is None else step.outputs:
                require_finite(self._views.array(slot, moving), f"a result of {node.op.name}", node)
        return actions, owners

    def _actions(self, piece: Piece) -> list[Action]:
        """What one step or copy does; where nothing moves, the same each time."""
        node, step, moving, copy = piece
        if step is None:
            return list(launch_copy(*copy)) if copy is not None else []
        stays = not any(slot.buffer in moving for slot in (*step.inputs, *step.outputs))
        if stays and not isinstance(node.op, CheckIndex):
            if id(step) not in self._bound:
                self._bound[id(step)] = self._bind(step, moving)
            return self._bound[id(step)]
        return self._bind(step, moving)

    def _bind(self, step: Step, moving: Moving) -> list[Action]:
        number = len(self._checks) - 1
        context = CudaContext(self._device.cupy, self._sizes, step.node, self._empty, self._flag, number)
        inputs = [self._views.array(slot, moving) for slot in step.inputs]
        outputs = [self._views.array(slot, moving) for slot in step.outputs]
        launches: Any = KERNELS[type(step.node.op)].bind  # takes the context of the GPU
        actions = launches(context, step.node.op, inputs, outputs)
        return list(actions)

    def _empty(self, shape: Sequence[int], dtype: str) -> Array:
        """Scratch memory of a kernel, beside the arena."""
        array = self._device.empty(tuple(shape), dtype)
        self._scratch.append(array)
        self.scratch_nbytes += array.nbytes
        return array


def require_memory(device: Device, plan: Plan, state: Mapping[str, Array]) -> None:
    """Raise DeviceMemoryError unless a plan's arena fits into what is free."""
    free = device.available()
    if plan.arena_nbytes > free:
        _, position = plan.live_peak()
        largest = plan.live_at(position)[:3]
        sizes = ", ".join(f"{buffer.owner!r}" for buffer in largest)
        held = sum(int(array.nbytes) for array in state.values())
        raise DeviceMemoryError(
            explain(
                f"{free:,} bytes free on the device",
                f"{plan.arena_nbytes:,} for one step, besides {held:,} of state",
                do=f"The largest at the peak: {sizes}. Feed a smaller batch; memory(...) tells what a step "
                "takes. Nothing was run.",
            )
        )
