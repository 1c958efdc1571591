"""Windows gathered into columns, block by block: how convolutions become matrix products.

A block is a run of output positions of one image, or several whole images, small enough for its columns to
stay in the cache. Everything that depends on shapes is worked out once; a step is copies and products.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .table import Array, Call, assign

COLUMN_BYTES = 1 << 20
"""About so many bytes of columns at a time: from 0.3 to 3 MB all do, on a core with 0.5 MB of L2."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """Output `o` of an axis of space sees the inputs `o*stride + k*dilation - low` for `k < kernel`."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    lows: tuple[int, ...]
    counts: tuple[int, ...]  # outputs along each axis

    @property
    def is_pointwise(self) -> bool:
        """Whether each output sees the one input at its own place."""
        return max(self.kernel) == 1 and max(self.strides) == 1 and not any(self.lows)


@dataclass(frozen=True)
class Block:
    """Some images and, along each axis of space, some outputs; and the calls that gather their columns."""

    images: slice
    space: tuple[slice, ...]
    columns: Array  # (channels * kernel, outputs of all images)
    calls: list[Call]


@dataclass
class Columns:
    """The columns of all windows over images of shape (N, C, …)."""

    xp: Any
    x: Array
    geometry: Geometry
    _fill: object = field(default=None, init=False)

    def __post_init__(self) -> None:
        g, (images, channels) = self.geometry, self.x.shape[:2]
        self.rows = channels * math.prod(g.kernel)
        budget = max(COLUMN_BYTES // self.x.dtype.itemsize, 1)
        self.batch, self.block = _block_shape(self.rows, images, g.counts, budget)
        count = self.rows * self.batch * math.prod(self.block)
        self._columns = self.xp.empty(count, self.x.dtype)
        extent = math.prod(map(self._extent, range(len(g.kernel)), self.block))
        self._padded = self.xp.empty(self.batch * channels * extent, self.x.dtype)

    def __iter__(self) -> Iterator[Block]:
        """The blocks in order. Their columns lie in one place, so each must be used before the next."""
        images = range(0, self.x.shape[0], self.batch)
        starts = [range(0, count, size) for count, size in zip(self.geometry.counts, self.block, strict=True)]
        for first, *corner in itertools.product(images, *starts):
            end = min(first + self.batch, self.x.shape[0])
            ends = map(min, map(int.__add__, corner, self.block), self.geometry.counts)
            yield self._gather((first, end), list(zip(corner, ends, strict=True)))

    def _extent(self, axis: int, outputs: int) -> int:
        """How many inputs lie under so many outputs."""
        g = self.geometry
        return (outputs - 1) * g.strides[axis] + (g.kernel[axis] - 1) * g.dilations[axis] + 1

    def _gather(self, images: Range, space: Sequence[Range]) -> Block:
        part = self.x[slice(*images)]
        inputs = []
        for axis, (first, end) in enumerate(space):
            start = first * self.geometry.strides[axis] - self.geometry.lows[axis]
            inputs.append((start, start + self._extent(axis, end - first)))
        calls: list[Call] = []
        inside = [
            (max(start, 0), min(stop, size))
            for (start, stop), size in zip(inputs, part.shape[2:], strict=True)
        ]
        if inside == inputs:
            region = part[(..., *(slice(*each) for each in inside))]
        else:
            region = self._pad(part, inputs, inside, calls)
        shape = [end - first for first, end in space]
        windows = self._windows(region, shape)
        columns = self._columns[: math.prod(windows.shape)].reshape(windows.shape)
        calls.append(assign(columns, windows))
        flat = columns.reshape(self.rows, -1)
        return Block(slice(*images), tuple(slice(*each) for each in space), flat, calls)

    def _pad(self, part: Array, inputs: Sequence[Range], inside: Sequence[Range], calls: list[Call]) -> Array:
        """The inputs under a block with zeros around them. Zeros are written anew only where the block before
        had them elsewhere."""
        shape = (*part.shape[:2], *(stop - start for start, stop in inputs))
        region = self._padded[: math.prod(shape)].reshape(shape)
        within = [
            (low - start, max(high - start, low - start))
            for (start, _), (low, high) in zip(inputs, inside, strict=True)
        ]
        if self._fill != (shape, within):
            self._fill = (shape, within)
            calls.append(lambda: region.fill(0))
        if all(high > low for low, high in inside):
            source = part[(..., *(slice(*each) for each in inside))]
            calls.append(assign(region[(..., *(slice(*each) for each in within))], source))
        return region

    def _windows(self, region: Array, outputs: Sequence[int]) -> Array:
        """A view of shape (C, *kernel, images, *outputs)."""
        g, steps = self.geometry, region.strides
        shape = (region.shape[1], *g.kernel, region.shape[0], *outputs)
        inner = [stride * d for stride, d in zip(steps[2:], g.dilations, strict=True)]
        outer = [stride * s for stride, s in zip(steps[2:], g.strides, strict=True)]
        strides = (steps[1], *inner, steps[0], *outer)
        view: Array = self.xp.lib.stride_tricks.as_strided(region, shape, strides)
        return view


def _block_shape(rows: int, images: int, counts: tuple[int, ...], budget: int) -> tuple[int, tuple[int, ...]]:
    """How many images, and how many outputs along each axis, make a block within a budget of elements: a run
    in row-major order, so that its results lie in one piece."""
    per_image = rows * math.prod(counts)
    if per_image <= budget:
        batch = min(max(images, 1), budget // max(per_image, 1))
        return -(-images // -(-images // batch)) if images else 1, counts
    block = list(counts)
    for axis, count in enumerate(counts):
        row = rows * math.prod(counts[axis + 1 :])
        if row <= budget or axis == len(counts) - 1:
            size = min(max(budget // row, 1), count)
            block[axis] = -(-count // -(-count // size))  # blocks of nearly one size
            break
        block[axis] = 1
    return 1, tuple(block)
