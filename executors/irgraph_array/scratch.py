"""Memory that the kernels of a plan share, each for the time of its own calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
ALIGNED = 64


class Scratch:
    """Gives one kernel after the other arrays in the same memory: what a kernel leaves there is lost.

    Where a kernel needs more than there is, a piece of at least twice the size takes over for those that
    follow, so that all pieces together stay within a small multiple of what the largest kernel needs.
    """

    def __init__(self, allocate: Callable[[int], Array]) -> None:
        self._allocate = allocate
        self._memory: Array = None
        self._size = self._used = 0

    def restart(self) -> None:
        """From now on the memory is another kernel's."""
        self._used = 0

    def take(self, size: int, dtype: Any) -> Array:
        """A vector that overlaps none that the same kernel has taken; its content is arbitrary."""
        nbytes = -(-size * np.dtype(dtype).itemsize // ALIGNED) * ALIGNED
        if self._used + nbytes > self._size:
            self._size = max(2 * self._size, nbytes)
            self._memory, self._used = self._allocate(self._size), 0
        start, self._used = self._used, self._used + nbytes
        return self._memory[start : start + nbytes].view(dtype)[:size]
