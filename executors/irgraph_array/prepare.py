"""From a plan to calls: one arena, cached views, bound kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from irgraph.compiler.plan import Buffer, LoopBody, Plan, Slot, Step
from irgraph.errors import NonFiniteError, explain
from irgraph.layout import Layout
from irgraph.types import numpy_kind
from irgraph.value import Node

from . import (  # noqa: F401  # enter their kernels into the table
    concatenation,
    conv,
    diagonal_blocks,
    floats,
    indexed,
    linear_algebra,
    loops,
    parts,
    pooling,
    scattered,
    sorting,
    taps,
)
from .running import run_calls
from .scratch import Scratch
from .table import KERNELS, Array, Call, Context, Inside, assign

Bodies = Mapping[Node, LoopBody]
NOTHING: Mapping[Buffer, Array] = {}


class Memory(Protocol):
    """Where arrays lie."""

    def allocate(self, nbytes: int) -> Array:
        """Uninitialized bytes, aligned to `irgraph.compiler.plan.ALIGNMENT`."""
        ...

    def view(self, memory: Array, layout: Layout, dtype: str, offset: int) -> Array:
        """An array over memory, from a byte offset on; strides and offset of the layout in elements."""
        ...


class Arrays(Memory, Protocol):
    """The few things that differ between array modules."""

    @property
    def xp(self) -> Any:
        """The array module."""
        ...

    def commit(self, calls: Sequence[Call]) -> None:
        """Run the calls so that nothing can come between them, not even a signal handler."""
        ...


@dataclass
class Prepared:
    """A plan whose arrays and calls exist. Calling it makes one step."""

    arrays: Arrays
    feeds: list[Array]
    compute: list[Call]
    owners: list[Node]  # the node of each compute call, for errors
    outputs: list[Array]
    read: list[Callable[[], Array]]  # for each output: a fresh array with its content
    commit: list[Call]
    arena: Array = field(repr=False)
    arena_nbytes: int  # with the results beside it

    def __call__(self, fed: Sequence[Array], out: Sequence[Array] | None = None) -> list[Array]:
        """Copy the feeds in, compute, copy the outputs out, commit."""
        for slot, array in zip(self.feeds, fed, strict=True):
            slot[...] = array
        run_calls(self.compute, self.owners)
        if out is None:
            results = [read() for read in self.read]
        else:
            results = list(out)
            for target, array in zip(results, self.outputs, strict=True):
                target[...] = array
        if self.commit:
            self.arrays.commit(self.commit)
        return results


def prepare(arrays: Arrays, plan: Plan, state: Mapping[str, Array], check: bool = False) -> Prepared:
    """Allocate the arena, view every slot in it, and bind every kernel, for a plan without results beside it.

    `check`: after each node, raise NonFiniteError if a float result is not finite.
    """
    return Binder(arrays, plan, state, check).bind({})


class Binder:
    """Binds a plan to memory, as often as there is other memory for its results: the steps that meet these
    anew, all others once. The arena, the state and scratch memory are the same in all that it binds."""

    def __init__(self, arrays: Arrays, plan: Plan, state: Mapping[str, Array], check: bool = False) -> None:
        self.plan = plan
        self._arrays = arrays
        self._check = check
        self._views = Views(arrays, plan, state)
        self._scratch = Scratch(arrays.allocate)
        self._kept: dict[int, list[Call]] = {}  # by the identity of the step
        for step in plan.prologue:
            for call in self._bound(step, self._views, plan.bodies):
                call()

    def bind(self, results: Mapping[Buffer, Array]) -> Prepared:
        """The plan with these bytes for its results."""
        plan, views = self.plan, self._views.beside(results)
        compute: list[Call] = []
        owners: list[Node] = []
        if self._check:
            for name, slot in plan.feeds.items():
                node = slot.buffer.owner.node
                compute.append(_finite(self._arrays.xp, views.array(slot), f"the feed {name!r}", node))
                owners.append(node)
        for step in plan.compute:
            calls = self._calls(step, views)
            compute += calls
            owners += [step.node] * len(calls)
        commit = [call for step in plan.commit for call in self._calls(step, views)]
        commit += [assign(views.array(target), views.array(source)) for target, source in plan.copies]
        feeds = [views.array(slot) for slot in plan.feeds.values()]
        outputs = [views.array(slot) for slot in plan.outputs]
        read = [array.copy for array in outputs]
        nbytes = plan.arena_nbytes + sum(array.nbytes for array in results.values())
        return Prepared(self._arrays, feeds, compute, owners, outputs, read, commit, views.arena, nbytes)

    def _calls(self, step: Step, views: Views) -> list[Call]:
        calls = self._kept.get(id(step))
        if calls is None:
            calls = self._checked(step, views, self.plan.bodies)
            if "result" not in {slot.buffer.kind for slot in (*step.inputs, *step.outputs)}:
                self._kept[id(step)] = calls
        return calls

    def _checked(
        self, step: Step, views: Views, bodies: Bodies, moving: Mapping[Buffer, Array] = NOTHING
    ) -> list[Call]:
        calls = self._bound(step, views, bodies, moving)
        if self._check:
            what = f"a result of {step.node.op.name}"
            found = [views.array(slot, moving) for slot in step.outputs]
            calls += [_finite(self._arrays.xp, array, what, step.node) for array in found]
        return calls

    def _bound(
        self, step: Step, views: Views, bodies: Bodies, moving: Mapping[Buffer, Array] = NOTHING
    ) -> list[Call]:
        body = bodies.get(step.node)
        loop = None
        if body is not None:
            inner = body.bodies
            loop = Inside(body, views.array, lambda step, moving: self._checked(step, views, inner, moving))
        self._scratch.restart()
        context = Context(self._arrays.xp, self.plan.sizes, step.node, self._scratch, loop)
        slots = [[views.array(slot, moving) for slot in each] for each in (step.inputs, step.outputs)]
        return list(KERNELS[type(step.node.op)].bind(context, step.node.op, *slots))


class Views:
    """The arrays of a plan's slots, in one arena and in the state, and in memory of results where it is
    given."""

    def __init__(self, memory: Memory, plan: Plan, state: Mapping[str, Array]) -> None:
        self.memory = memory
        self.state = state
        self.arena = memory.allocate(plan.arena_nbytes)
        self._views: dict[tuple[int, Layout, str], Array] = {}
        self._results: Mapping[Buffer, Array] = {}
        self._viewed: dict[tuple[int, Layout, str], Array] = {}  # of results

    def beside(self, results: Mapping[Buffer, Array]) -> Views:
        """The same arena and state, with other memory for results."""
        views = copy(self)
        views._results, views._viewed = results, {}
        return views

    def array(self, slot: Slot, moving: Mapping[Buffer, Array] = NOTHING) -> Array:
        """The view of the arena or of a result, or the state variable, that a slot stands for; what belongs
        to a position of an array outside a loop is in `moving`."""
        buffer, known = slot.buffer, self._views
        memory, place, offset = self.arena, buffer.offset, buffer.offset
        if buffer.kind == "step":
            return moving[buffer]
        if buffer.kind == "state":
            memory, offset = self.state[buffer.variable], 0
            if slot.layout.is_dense and slot.layout.shape == memory.shape:
                return memory
            place = id(memory)
        elif buffer.kind == "result":
            memory, place, known = self._results[buffer], id(buffer), self._viewed
        key = (place, slot.layout, slot.dtype.name)
        found = known.get(key)
        if found is None:
            found = known[key] = self.memory.view(memory, slot.layout, slot.dtype.name, offset)
        return found


def _finite(xp: Any, array: Array, what: str, node: Node) -> Call:
    return partial(_require_finite, xp, what, node, array)


def _require_finite(xp: Any, what: str, node: Node, array: Array) -> None:
    if numpy_kind(array.dtype) in "fc" and not xp.isfinite(array).all():
        raise not_finite(array, what, node)


def not_finite(array: Array, what: str, node: Node) -> NonFiniteError:
    """The error for an array in host memory that holds NaN or inf."""
    bad = np.argwhere(~np.isfinite(array))[0].tolist()
    number = complex if array.dtype.kind == "c" else float
    return NonFiniteError(
        explain(
            f"{number(array[tuple(bad)])} at {bad} of {what}",
            "finite numbers",
            f"{node.origin}: {node.origin.source}",
            "It is the first that is not finite; the state is as before the call.",
        )
    )
