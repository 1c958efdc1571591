"""From a plan to calls: one arena, cached views, bound kernels."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from irgraph.compiler.plan import ALIGNMENT, Plan, Slot, Step
from irgraph.errors import IrgraphError, NonFiniteError, explain
from irgraph.layout import Layout
from irgraph.value import Node

from . import indexed  # noqa: F401  # enters its kernels into the table
from .table import KERNELS, Array, Call, Context, assign


class Arrays(Protocol):
    """The few things that differ between array modules."""

    @property
    def xp(self) -> Any:
        """The array module."""
        ...

    def allocate(self, nbytes: int) -> Array:
        """Uninitialized bytes, aligned to `ALIGNMENT`."""
        ...

    def view(self, memory: Array, layout: Layout, dtype: str, offset: int) -> Array:
        """An array over memory, from a byte offset on; strides and offset of the layout in elements."""
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


def prepare(
    arrays: Arrays, plan: Plan, state: Mapping[str, Array], check: bool = False, kernels: Any = None
) -> Prepared:
    """Allocate the arena, view every slot in it, and bind every kernel.

    `check`: after each node, raise NonFiniteError if a float result is not finite.
    """
    table = KERNELS if kernels is None else kernels
    arena = arrays.allocate(plan.arena_nbytes)
    views: dict[tuple[int, Layout, str], Array] = {}

    def array(slot: Slot) -> Array:
        buffer = slot.buffer
        if buffer.kind == "state":
            memory, offset = state[buffer.variable], 0
            if slot.layout.is_dense and slot.layout.shape == memory.shape:
                return memory
        else:
            memory, offset = arena, buffer.offset
        key = (id(memory) if buffer.kind == "state" else offset, slot.layout, slot.dtype.name)
        found = views.get(key)
        if found is None:
            found = views[key] = arrays.view(memory, slot.layout, slot.dtype.name, offset)
        return found

    def bind(step: Step) -> Iterable[Call]:
        context = Context(arrays.xp, plan.sizes, step.node)
        inputs = [array(slot) for slot in step.inputs]
        outputs = [array(slot) for slot in step.outputs]
        return table[type(step.node.op)].bind(context, step.node.op, inputs, outputs)

    for step in plan.prologue:
        for call in bind(step):
            call()
    compute: list[Call] = []
    owners: list[Node] = []
    if check:
        for name, slot in plan.feeds.items():
            _append(
                compute,
                owners,
                slot.buffer.owner.node,
                [_finite(arrays.xp, array(slot), f"the feed {name!r}", slot.buffer.owner.node)],
            )
    for step in plan.compute:
        calls = list(bind(step))
        if check:
            calls += [
                _finite(arrays.xp, array(s), f"a result of {step.node.op.name}", step.node)
                for s in step.outputs
            ]
        _append(compute, owners, step.node, calls)
    commit = [call for step in plan.commit for call in bind(step)]
    commit += [assign(array(target), array(source)) for target, source in plan.copies]
    return Prepared(
        arrays,
        [array(slot) for slot in plan.feeds.values()],
        compute,
        owners,
        [array(slot) for slot in plan.outputs],
        commit,
        arena,
        plan.arena_nbytes,
    )


def _append(compute: list[Call], owners: list[Node], node: Node, calls: list[Call]) -> None:
    compute += calls
    owners += [node] * len(calls)


def _finite(xp: Any, array: Array, what: str, node: Node) -> Callable[[], None]:
    def check() -> None:
        if array.dtype.kind == "f" and not xp.isfinite(array).all():
            bad = xp.argwhere(~xp.isfinite(array))[0].tolist()
            raise NonFiniteError(
                explain(
                    f"{float(array[tuple(bad)])} at {bad} of {what}",
                    "finite numbers",
                    f"{node.origin}: {node.origin.source}",
                    "It is the first that is not finite; the state is as before the call.",
                )
            )

    return check


__all__ = ["ALIGNMENT", "Arrays", "Prepared", "prepare"]
