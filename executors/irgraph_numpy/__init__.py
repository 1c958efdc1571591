"""The CPU executor: NumPy, its BLAS, and the shared kernel table."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from operator import call
from typing import Any

import numpy as np

from irgraph.compiler.plan import ALIGNMENT, Plan
from irgraph.layout import Layout
from irgraph.op import Op
from irgraph.types import as_dtype
from irgraph_array import KERNELS, Binder, Call, Prepared

from .results import HandsOver, views_keep_results

__all__ = ["NumpyExecutor"]

LARGE = 2**20  # bytes: to copy less takes a tenth of a millisecond


class NumpyExecutor:
    """Runs plans on NumPy. Floating-point errors give inf and NaN, never warnings."""

    name = "numpy"
    xp = np
    hands_over = LARGE if views_keep_results() else None

    def has_kernel(self, op: type[Op]) -> bool:
        """Whether an op needs no expansion."""
        return op in KERNELS

    def is_single_pass(self, op: type[Op]) -> bool:
        """Whether an op's kernel can't fail and may write over an input."""
        found = KERNELS.get(op)
        return found is not None and found.single_pass

    def prepare(self, plan: Plan, state: Mapping[str, Any], check: bool = False) -> NumpyPrepared:
        """Bind a plan to memory."""
        quiet = copy_context()
        quiet.run(np.seterr, all="ignore")
        binder = quiet.run(Binder, self, plan, state, check)
        prepared = quiet.run(HandsOver, binder) if plan.results else quiet.run(binder.bind, {})
        return NumpyPrepared(prepared, quiet)

    def to_device(self, array: Any) -> np.ndarray[Any, Any]:
        """A contiguous copy."""
        return np.array(array, order="C")

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        """A copy."""
        return np.array(array)

    # What the shared kernels need of NumPy.

    def allocate(self, nbytes: int) -> np.ndarray[Any, Any]:
        """Uninitialized bytes, aligned."""
        memory = np.empty(nbytes + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + nbytes]

    def view(
        self, memory: np.ndarray[Any, Any], layout: Layout, dtype: str, offset: int
    ) -> np.ndarray[Any, Any]:
        """An array over memory."""
        element = as_dtype(dtype).numpy
        strides = [stride * element.itemsize for stride in layout.strides]
        return np.ndarray(layout.shape, element, memory, offset + layout.offset * element.itemsize, strides)

    def commit(self, calls: Sequence[Call]) -> None:
        """Run native calls from within one native call.

        Python's signal handlers and asynchronous exceptions run between bytecodes. There are none
        here: `deque` drives `map`, `map` drives `operator.call`, and that drives NumPy.
        """
        deque(map(call, calls), maxlen=0)


class NumpyPrepared:
    """A prepared plan that runs where floating-point errors are quiet: NumPy keeps its error state in a
    context variable, and entering a context costs a tenth of entering `np.errstate`."""

    def __init__(self, prepared: Prepared | HandsOver, quiet: Context) -> None:
        self._prepared = prepared
        self._run = quiet.run
        self.arena_nbytes = prepared.arena_nbytes

    def __call__(self, fed: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """One step."""
        return self._run(self._prepared, fed, out)
