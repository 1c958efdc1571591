"""Large outputs are returned in the memory they were computed in, which is used again when nobody has it.

NumPy lets a view keep alive what owns its memory, but stops looking for the owner where that is of another
type: a result is a view of `_Memory`, so all views of the result keep the result itself, and when that is
gone, nothing can reach the memory any more but who took it as the result's `base`: that is seen by counting.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any
from weakref import ref

import numpy as np

from irgraph.compiler.plan import ALIGNMENT, aligned
from irgraph_array import Binder, Prepared

Array = np.ndarray[Any, Any]
KEPT = 2  # bindings to memory: `y = f(x)` in a loop holds one result while the next is computed


class _Memory(np.ndarray[Any, Any]):
    """Owns bytes."""


def _references(memory: _Memory) -> int:
    """How often memory is referred to, where that is known. The views of kernels refer to `Result.bytes`."""
    return sys.getrefcount(memory) if hasattr(sys, "getrefcount") else 0


class Result:
    """Memory for one output."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape, self._dtype = shape, dtype
        nbytes = aligned(math.prod(shape) * dtype.itemsize)
        self._memory = np.ndarray.__new__(_Memory, (nbytes + ALIGNMENT,), np.uint8)
        self._start = -self._memory.ctypes.data % ALIGNMENT
        self.bytes: Array = self._memory[self._start : self._start + nbytes].view(np.ndarray)
        self._given: ref[Array] | None = None
        self._owned = _references(self._memory)

    @property
    def is_held(self) -> bool:
        """Whether an array that was handed over, or a view of it, is still there."""
        if self._given is None:
            return False
        return self._given() is not None or _references(self._memory) > self._owned

    def hand_over(self) -> Array:
        """The memory as the output."""
        array: Array = np.ndarray(self._shape, self._dtype, self._memory, self._start)
        self._given = ref(array)
        return array


def views_keep_results() -> bool:
    """Whether this NumPy works as said above."""
    result = Result((2, 2), np.dtype(np.uint8))
    view = result.hand_over()[1:][0].view(np.int8)
    held = result.is_held
    del view
    return held and not result.is_held


class HandsOver:
    """A plan with results beside its arena, bound to as many memories for these as are needed.

    Where all are held, the plan is bound to new memory, and the oldest is left to those who hold it.
    """

    def __init__(self, binder: Binder) -> None:
        self._binder = binder
        self._bindings = [self._bind()]
        self.arena_nbytes = self._bindings[0][1].arena_nbytes

    def __call__(self, fed: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """One step, in memory that nobody has."""
        for results, prepared in self._bindings:
            held = [result for result in results if result.is_held]
            if not held:
                return prepared(fed, out)
        new = self._bind()
        self._bindings = [*self._bindings[1 - KEPT :], new]
        return new[1](fed, out)

    def _bind(self) -> tuple[list[Result], Prepared]:
        plan = self._binder.plan
        slots = {position: plan.outputs[position] for position in plan.results}
        results = {n: Result(slot.layout.shape, slot.dtype.numpy) for n, slot in slots.items()}
        prepared = self._binder.bind({buffer: results[n].bytes for n, buffer in plan.results.items()})
        for position, result in results.items():
            prepared.read[position] = result.hand_over
        return list(results.values()), prepared
