"""A stranger's executor, as short as one can be: fresh memory at each step, one small function for each op.

It needs of irgraph: the ops, the Plan, and the Executor protocol.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any

import numpy as np

from irgraph.compiler.plan import Buffer, Plan, Slot
from irgraph.dims import bind
from irgraph.errors import FeedError, NonFiniteError
from irgraph.op import Op
from irgraph.ops import (
    arithmetic,
    cast,
    comparison,
    constants,
    elementary,
    indexing,
    matmul,
    reduce,
    shape,
    trigonometric,
)

Array = np.ndarray[Any, Any]
Kernel = Callable[..., Any]  # (op, output shape, sizes of the named dims, *inputs) -> what the output holds


def plain(function: Callable[..., Any]) -> Kernel:
    """A kernel from a function of the inputs alone."""
    return lambda op, out, sizes, *inputs: function(*inputs)


def check_index(op: Any, out: Any, sizes: Mapping[str, int], index: Array) -> Array:
    """Indices as they are, once they are known to be in range."""
    size = bind(op.size, sizes)
    if ((index < 0) | (index >= size)).any():
        raise FeedError(f"found an index that is not among 0 to {size - 1}.")
    return index


def full(op: Any, out: Any, sizes: Mapping[str, int]) -> float:
    """One number, which may hold sizes: 1/batch."""
    over = bind(op.over, sizes)
    return float(op.number * bind(op.times, sizes) / over) if over else float("nan")


KERNELS: dict[type[Op], Kernel] = {
    arithmetic.Add: plain(np.add),
    arithmetic.Subtract: plain(np.subtract),
    arithmetic.Multiply: plain(np.multiply),
    arithmetic.Divide: plain(np.divide),
    arithmetic.Negative: plain(np.negative),
    elementary.Exp: plain(np.exp),
    elementary.Log: plain(np.log),
    elementary.Sqrt: plain(np.sqrt),
    trigonometric.Tanh: plain(np.tanh),
    elementary.Relu: plain(lambda x: np.where(x > 0, x, 0)),
    comparison.Equal: plain(np.equal),
    comparison.Greater: plain(np.greater),
    comparison.Where: plain(np.where),
    cast.Cast: plain(np.asarray),
    cast.Copy: plain(np.asarray),
    matmul.Matmul: plain(np.matmul),
    reduce.Sum: lambda op, out, sizes, x: x.sum(op.axes, keepdims=op.keepdims),
    reduce.Max: lambda op, out, sizes, x: x.max(op.axes, keepdims=op.keepdims),
    shape.Reshape: lambda op, out, sizes, x: x.reshape(out),
    indexing.CheckIndex: check_index,
    indexing.Take: lambda op, out, sizes, x, index: np.take(x, index, op.axis),
    constants.Constant: lambda op, out, sizes: op.data.array,
    constants.Iota: lambda op, out, sizes: np.arange(out[0]),
    constants.Full: full,
}


class NaiveExecutor:
    """The Executor protocol."""

    name = "naive"

    def has_kernel(self, op: type[Op]) -> bool:
        """What is missing here is expanded, or refused by name."""
        return op in KERNELS

    def is_single_pass(self, op: type[Op]) -> bool:
        """Nothing may overwrite an input or join a commit, so that a commit only copies."""
        return False

    def prepare(self, plan: Plan, state: Mapping[str, Array], check: bool = False) -> NaivePlan:
        """Keep what a step needs."""
        return NaivePlan(plan, state, check)

    def to_device(self, array: Any) -> Array:
        """A copy."""
        return np.array(array)

    def to_host(self, array: Array) -> Array:
        """A copy."""
        return np.array(array)


class NaivePlan:
    """The PreparedPlan protocol: every buffer is an array of its own, made anew at each call."""

    def __init__(self, plan: Plan, state: Mapping[str, Array], check: bool) -> None:
        self.plan, self.state, self.check = plan, state, check
        self.arena_nbytes = sum(buffer.nbytes for buffer in plan.buffers)

    def __call__(self, fed: Sequence[Array], out: Sequence[Array] | None = None) -> list[Array]:
        """Feeds in, compute, outputs out, commit."""
        plan = self.plan
        self.memory = {buffer: np.empty(buffer.nbytes, np.uint8) for buffer in plan.buffers}
        for slot, array in zip(plan.feeds.values(), fed, strict=True):
            self.write(slot, array, f"a feed of {slot.buffer.owner.label}")
        with np.errstate(all="ignore"):
            for node, inputs, outputs in (*plan.prologue, *plan.compute):
                (slot,) = outputs
                arrays = [self.array(each) for each in inputs]
                result = KERNELS[type(node.op)](node.op, slot.layout.shape, plan.sizes, *arrays)
                self.write(slot, result, f"a result of {node!r}")
        results = [self.array(slot).copy() for slot in plan.outputs]
        if out is not None:
            deque(map(np.copyto, out, results), maxlen=0)
            results = list(out)
        copies = [(self.array(target), self.array(source)) for target, source in plan.copies]
        deque(starmap(np.copyto, copies), maxlen=0)  # in one native call, where no signal handler runs
        return results

    def array(self, slot: Slot) -> Array:
        """What lies at a slot, as a view."""
        buffer: Buffer = slot.buffer
        memory = self.state[buffer.variable] if buffer.kind == "state" else self.memory[buffer]
        layout, size = slot.layout, slot.dtype.itemsize
        strides = [stride * size for stride in layout.strides]
        return np.ndarray(layout.shape, slot.dtype.numpy, memory, layout.offset * size, strides)

    def write(self, slot: Slot, content: Any, what: str) -> None:
        """Store a result, and check it if asked to."""
        array = self.array(slot)
        array[...] = content
        if self.check and slot.dtype.is_float and not np.isfinite(array).all():
            raise NonFiniteError(f"found a number that is not finite in {what}; needed finite ones.")
