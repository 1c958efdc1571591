"""From a plan to calls: one arena, cached views, bound kernels."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from irgraph.compiler.plan import Plan, Slot, Step
from irgraph.errors import IrgraphError, NonFiniteError, explain
from irgraph.layout import Layout
from irgraph.types import numpy_kind
from irgraph.value import Node

from . import (  # noqa: F401  # enter their kernels into the table
    concatenation,
    conv,
    floats,
    indexed,
    linear_algebra,
    parts,
    pooling,
    scattered,
    sorting,
    taps,
)
from .scratch import Scratch
from .table import KERNELS, Array, Call, Context, assign


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
    commit: list[Call]
    arena: Array = field(repr=False)
    arena_nbytes: int

    def __call__(self, fed: Sequence[Array], out: Sequence[Array] | None = None) -> list[Array]:
        """Copy the feeds in, compute, copy the outputs out, commit."""
        for slot, array in zip(self.feeds, fed, strict=True):
            slot[...] = array
        calls = iter(self.compute)
        try:
            for call in calls:
                call()
        except IrgraphError:
            raise
        except Exception as error:
            node = self.owners[len(self.compute) - operator.length_hint(calls) - 1]
            error.add_note(f"  in {node!r}")
            raise
        if out is None:
            results = [array.copy() for array in self.outputs]
        else:
            results = list(out)
            for target, array in zip(results, self.outputs, strict=True):
                target[...] = array
        if self.commit:
            self.arrays.commit(self.commit)
        return results


def prepare(arrays: Arrays, plan: Plan, state: Mapping[str, Array], check: bool = False) -> Prepared:
    """Allocate the arena, view every slot in it, and bind every kernel.

    `check`: after each node, raise NonFiniteError if a float result is not finite.
    """
    bound = Views(arrays, plan, state)
    scratch = Scratch(arrays.allocate)

    def calls_of(step: Step) -> list[Call]:
        scratch.restart()
        context = Context(arrays.xp, plan.sizes, step.node, scratch)
        slots = [[bound.array(slot) for slot in each] for each in (step.inputs, step.outputs)]
        return list(KERNELS[type(step.node.op)].bind(context, step.node.op, *slots))

    for step in plan.prologue:
        for call in calls_of(step):
            call()
    compute: list[Call] = []
    owners: list[Node] = []
    if check:
        for name, slot in plan.feeds.items():
            node = slot.buffer.owner.node
            compute.append(_finite(arrays.xp, bound.array(slot), f"the feed {name!r}", node))
            owners.append(node)
    for step in plan.compute:
        calls = calls_of(step)
        if check:
            what = f"a result of {step.node.op.name}"
            calls += [_finite(arrays.xp, bound.array(slot), what, step.node) for slot in step.outputs]
        compute += calls
        owners += [step.node] * len(calls)
    commit = [call for step in plan.commit for call in calls_of(step)]
    commit += [assign(bound.array(target), bound.array(source)) for target, source in plan.copies]
    feeds = [bound.array(slot) for slot in plan.feeds.values()]
    outputs = [bound.array(slot) for slot in plan.outputs]
    return Prepared(arrays, feeds, compute, owners, outputs, commit, bound.arena, plan.arena_nbytes)


class Views:
    """The arrays of a plan's slots, in one arena and in the state."""

    def __init__(self, memory: Memory, plan: Plan, state: Mapping[str, Array]) -> None:
        self.memory = memory
        self.state = state
        self.arena = memory.allocate(plan.arena_nbytes)
        self._views: dict[tuple[int, Layout, str], Array] = {}

    def array(self, slot: Slot) -> Array:
        """The view of the arena, or the state variable, that a slot stands for."""
        buffer = slot.buffer
        if buffer.kind == "state":
            memory, offset = self.state[buffer.variable], 0
            if slot.layout.is_dense and slot.layout.shape == memory.shape:
                return memory
        else:
            memory, offset = self.arena, buffer.offset
        key = (id(memory) if buffer.kind == "state" else offset, slot.layout, slot.dtype.name)
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = self.memory.view(memory, slot.layout, slot.dtype.name, offset)
        return found


def _finite(xp: Any, array: Array, what: str, node: Node) -> Callable[[], None]:
    def check() -> None:
        if numpy_kind(array.dtype) in "fc" and not xp.isfinite(array).all():
            raise not_finite(array, what, node)

    return check


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
