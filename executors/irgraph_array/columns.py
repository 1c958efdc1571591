"""Windows gathered into columns, block by block: how convolutions become matrix products.

A block is a run of output positions of one image, or several whole images, small enough for its columns to
stay in the cache. Everything that depends on shapes is worked out once; a step is copies and products.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from .table import Array, Call, Context, assign

COLUMN_BYTES = 1 << 21
"""About so many bytes of columns at a time. From 0.3 to 7 MB all are equally fast where there is time to
synchronize BLAS threads, which larger blocks do more seldom."""

SHORT_ROW = 32
"""Rows of fewer outputs are copied with the images of a block innermost: a run is a row of all of them."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """Output `o` of an axis of space sees the inputs `o*stride + k*dilation - low` for `k < kernel`."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    lows: tuple[int, ...]
    counts: tuple[int, ...]  # outputs along each axis

    def extent(self, axis: int, outputs: int) -> int:
        """How many inputs lie under so many outputs."""
        return (outputs - 1) * self.strides[axis] + (self.kernel[axis] - 1) * self.dilations[axis] + 1

    def met(self, axis: int, tap: int, size: int) -> tuple[slice, slice] | None:
        """The outputs for which a tap meets an input, and these inputs; None where there is none."""
        stride, offset = self.strides[axis], tap * self.dilations[axis] - self.lows[axis]
        first = max(-(offset // stride), 0)
        last = min((size - 1 - offset) // stride, self.counts[axis] - 1)
        if last < first:
            return None
        start = offset + first * stride
        return slice(first, last + 1), slice(start, start + (last - first) * stride + 1, stride)

    @property
    def is_pointwise(self) -> bool:
        """Whether each output sees the one input at its own place."""
        return max(self.kernel) == 1 and max(self.strides) == 1 and not any(self.lows)


@dataclass(frozen=True)
class Block:
    """Some images and, along each axis of space, some outputs."""

    images: Range
    space: tuple[Range, ...]
    images_last: bool

    def matrix(self, results: Array) -> Array:
        """The block's part of results (N, O, …), with O first and the rest in the order of columns."""
        part = results[(slice(*self.images), slice(None), *(slice(*each) for each in self.space))]
        order = range(2, part.ndim)
        return part.transpose((1, *order, 0) if self.images_last else (1, 0, *order))

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of images and of outputs along each axis, in the order of columns."""
        images, *space = (end - first for first, end in (self.images, *self.space))
        return (*space, images) if self.images_last else (images, *space)


class Blocks:
    """How the outputs of images fall into blocks whose columns have so many rows."""

    def __init__(self, rows: int, images: int, counts: tuple[int, ...], itemsize: int) -> None:
        self.rows, self.images, self.counts = rows, images, counts
        self.batch, self.block = _block_shape(rows, images, counts, max(COLUMN_BYTES // itemsize, 1))
        self.images_last = self.batch > 1 and counts[-1] < SHORT_ROW

    @property
    def positions(self) -> int:
        """The most outputs of a block."""
        return self.batch * math.prod(self.block)

    def __iter__(self) -> Iterator[Block]:
        """The blocks in order."""
        starts = [range(0, count, size) for count, size in zip(self.counts, self.block, strict=True)]
        for first, *corner in itertools.product(range(0, self.images, self.batch), *starts):
            end = min(first + self.batch, self.images)
            ends = map(min, map(int.__add__, corner, self.block), self.counts)
            yield Block((first, end), tuple(zip(corner, ends, strict=True)), self.images_last)


class Columns:
    """The columns of all windows over images of shape (N, C, …)."""

    def __init__(self, context: Context, x: Array, geometry: Geometry) -> None:
        self.xp, self.x, self.geometry = context.xp, x, geometry
        images, channels = x.shape[:2]
        rows = channels * math.prod(geometry.kernel)
        self.blocks = Blocks(rows, images, geometry.counts, x.dtype.itemsize)
        self._is_direct = geometry.is_pointwise and self.blocks.batch == 1 and x.flags.c_contiguous
        if self._is_direct:
            return
        self._columns = context.scratch.take(rows * self.blocks.positions, x.dtype)
        extent = math.prod(map(geometry.extent, range(len(geometry.kernel)), self.blocks.block))
        # Not shared, since its zeros stay from block to block and from step to step.
        self._padded = context.xp.empty(self.blocks.batch * channels * extent, x.dtype)
        self._fill: object = None

    def __iter__(self) -> Iterator[tuple[Block, Array, list[Call]]]:
        """The blocks in order, each with its columns (channels * kernel, outputs) and the calls that gather
        them. All lie in one place, so each must be used before the next."""
        for block in self.blocks:
            yield block, *self._gather(block)

    def _gather(self, block: Block) -> tuple[Array, list[Call]]:
        if self._is_direct:
            return block.matrix(self.x).reshape(self.blocks.rows, -1), []
        part = self.x[slice(*block.images)]
        inputs = []
        for axis, (first, end) in enumerate(block.space):
            start = first * self.geometry.strides[axis] - self.geometry.lows[axis]
            inputs.append((start, start + self.geometry.extent(axis, end - first)))
        calls: list[Call] = []
        inside = [
            (max(start, 0), min(stop, size))
            for (start, stop), size in zip(inputs, part.shape[2:], strict=True)
        ]
        if inside == inputs and not block.images_last:
            region = part[(..., *(slice(*each) for each in inside))]
        else:
            region = self._pad(part, inputs, inside, calls)
        windows = self._windows(region, block)
        columns = self._columns[: windows.size].reshape(windows.shape)
        calls.append(assign(columns, windows))
        return columns.reshape(self.blocks.rows, -1), calls

    def _pad(self, part: Array, inputs: Sequence[Range], inside: Sequence[Range], calls: list[Call]) -> Array:
        """The inputs under a block with zeros around them. Zeros are written anew only where the block before
        had them elsewhere."""
        extents = [stop - start for start, stop in inputs]
        count, channels = part.shape[:2]
        size = count * channels * math.prod(extents)
        if self.blocks.images_last:
            region = self._padded[:size].reshape(channels, *extents, count)
            region = region.transpose(region.ndim - 1, *range(region.ndim - 1))
        else:
            region = self._padded[:size].reshape(count, channels, *extents)
        within = [
            (low - start, max(high - start, low - start))
            for (start, _), (low, high) in zip(inputs, inside, strict=True)
        ]
        if self._fill != (region.shape, within):
            self._fill = (region.shape, within)
            if inside != inputs:
                calls.append(partial(self._padded[:size].fill, 0))
        if all(high > low for low, high in inside):
            source = part[(..., *(slice(*each) for each in inside))]
            calls.append(assign(region[(..., *(slice(*each) for each in within))], source))
        return region

    def _windows(self, region: Array, block: Block) -> Array:
        """A view of shape (C, *kernel, images, *outputs), or with the images last."""
        g, steps = self.geometry, region.strides
        inner = [stride * d for stride, d in zip(steps[2:], g.dilations, strict=True)]
        outer = [stride * s for stride, s in zip(steps[2:], g.strides, strict=True)]
        ends = (*outer, steps[0]) if block.images_last else (steps[0], *outer)
        shape = (region.shape[1], *g.kernel, *block.counts)
        view: Array = self.xp.lib.stride_tricks.as_strided(region, shape, (steps[1], *inner, *ends))
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
