"""Where a value's elements lie in a buffer: an offset and strides, in elements, for bound shapes.

Views are integer arithmetic on layouts, done once when memory is planned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """Element `i` of the value is at `offset + sum(i * strides)` of the buffer."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @staticmethod
    def dense(shape: tuple[int, ...]) -> Layout:
        """Row-major, without gaps."""
        strides = [1] * len(shape)
        for axis in range(len(shape) - 2, -1, -1):
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        return Layout(shape, tuple(strides))

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie row-major without gaps from the offset on."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True

    def permute(self, axes: tuple[int, ...]) -> Layout:
        """The axes in another order."""
        shape = tuple(self.shape[axis] for axis in axes)
        return Layout(shape, tuple(self.strides[axis] for axis in axes), self.offset)

    def broadcast(self, shape: tuple[int, ...]) -> Layout:
        """Repeated along size-1 and new leading axes, with stride 0."""
        lead = len(shape) - len(self.shape)
        strides = [0] * lead
        for size, stride, wide in zip(self.shape, self.strides, shape[lead:], strict=True):
            strides.append(stride if size == wide else 0)
        return Layout(shape, tuple(strides), self.offset)

    def slice(self, starts: tuple[int, ...], steps: tuple[int, ...], shape: tuple[int, ...]) -> Layout:
        """Every `step`-th element from `start`, along each axis."""
        if 0 in shape:  # where a slice of nothing starts may lie outside the buffer
            return Layout(shape, Layout.dense(shape).strides, self.offset)
        offset = self.offset + sum(start * stride for start, stride in zip(starts, self.strides, strict=True))
        strides = tuple(step * stride for step, stride in zip(steps, self.strides, strict=True))
        return Layout(shape, strides, offset)

    def diagonal(self, axis: int, along: int, start: int) -> Layout:
        """Without an axis, on which the position is `start` more than on the axis `along`."""
        shape = tuple(size for n, size in enumerate(self.shape) if n != axis)
        if 0 in shape:
            return Layout(shape, Layout.dense(shape).strides, self.offset)
        both = {along: self.strides[along] + self.strides[axis]}
        strides = tuple(both.get(n, stride) for n, stride in enumerate(self.strides) if n != axis)
        return Layout(shape, strides, self.offset + start * self.strides[axis])

    def reshape(self, shape: tuple[int, ...]) -> Layout | None:
        """The same elements in row-major order under another shape, or None where that needs a copy.

        Old and new axes are grouped into the finest runs with equal products; within a run the old
        axes must lie without gaps, and the new ones then share the run's innermost stride.
        """
        if math.prod(shape) <= 1 or math.prod(self.shape) == 0:
            return Layout(shape, Layout.dense(shape).strides, self.offset)
        old = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        new = [(axis, n) for axis, n in enumerate(shape) if n != 1]
        strides = [1] * len(shape)
        i = j = 0
        while i < len(old):
            i_end, j_end, have, want = i + 1, j + 1, old[i][0], new[j][1]
            while have != want:
                if have < want:
                    have, i_end = have * old[i_end][0], i_end + 1
                else:
                    want, j_end = want * new[j_end][1], j_end + 1
            if any(old[k][1] != old[k + 1][0] * old[k + 1][1] for k in range(i, i_end - 1)):
                return None
            stride = old[i_end - 1][1]
            for axis, n in reversed(new[j:j_end]):
                strides[axis] = stride
                stride *= n
            i, j = i_end, j_end
        return Layout(shape, tuple(strides), self.offset)
