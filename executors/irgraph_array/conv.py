"""Convolution and its two transposes as matrix products over columns of windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from irgraph.dims import bind
from irgraph.ops.conv import Conv, ConvFilterGradient, ConvInputGradient
from irgraph.ops.windows import Windows

from .columns import Block, Blocks, Columns, Geometry
from .table import Array, Call, Context, assign, kernel


@kernel(Conv)
def _conv(context: Context, op: Conv, inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterable[Call]:
    (x, w), (out,) = inputs, outputs
    geometry = _geometry(op.windows, context, out.shape[2:])
    filters = w.reshape(op.groups, w.shape[0] // op.groups, *w.shape[1:])
    yield from _correlate(context, x, filters, out, geometry)


@kernel(ConvInputGradient)
def _input_gradient(
    context: Context, op: ConvInputGradient, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """Products that are spread over the windows, or a convolution of `g`: whichever moves fewer elements."""
    (g, w), (out,) = inputs, outputs
    geometry = _geometry(op.windows, context, g.shape[2:])
    filters = w.reshape(op.groups, w.shape[0] // op.groups, *w.shape[1:])
    spread = 1.5 * out.shape[1] * math.prod(g.shape[2:])  # adding takes longer than copying
    gathered = g.shape[1] * math.prod(out.shape[2:]) / math.prod(geometry.strides)
    if not (out.size and g.size):
        yield partial(out.fill, 0)
    elif spread < gathered:
        yield from _spread(context, g, filters, out, geometry)
    else:
        yield from _by_residues(context, g, filters, out, geometry)


def _spread(context: Context, g: Array, filters: Array, out: Array, geometry: Geometry) -> Iterator[Call]:
    """A product gives the columns of a block, and each tap of the kernel is added where it belongs."""
    xp, channels, space = context.xp, out.shape[1], (slice(None),) * 2
    blocks = Blocks(channels * math.prod(geometry.kernel), len(g), g.shape[2:], g.dtype.itemsize)
    columns = context.scratch.take(blocks.rows * blocks.positions, g.dtype)
    scratch = context.scratch.take(g.shape[1] * blocks.positions, g.dtype)
    matrices = filters.reshape(len(filters), filters.shape[1], -1).swapaxes(1, 2)
    extents = [geometry.extent(axis, count) for axis, count in enumerate(geometry.counts)]
    inner = (channels, *extents, blocks.batch) if blocks.images_last else (0,)
    whole = context.scratch.take(math.prod(inner), g.dtype).reshape(inner)
    yield from () if blocks.images_last else (partial(out.fill, 0),)
    for block in blocks:
        right, calls = _matrix(block.matrix(g), scratch)
        yield from calls
        flat = columns[: blocks.rows * right.shape[1]]
        left = flat.reshape(len(filters), -1, right.shape[1])
        yield _product(context, matrices, right.reshape(len(filters), -1, right.shape[1]), left)
        parts = flat.reshape(channels, *geometry.kernel, *block.counts)
        if blocks.images_last:
            yield from _spread_images(xp, parts, whole[..., : block.counts[-1]], geometry, block, out)
            continue
        image = out[slice(*block.images)].swapaxes(0, 1)
        for tap in itertools.product(*map(range, geometry.kernel)):
            ranges = [_within(geometry, axis, k, block, out) for axis, k in enumerate(tap)]
            known = [pair for pair in ranges if pair is not None]
            if len(known) == len(ranges):
                part = image[(*space, *(inside for _, inside in known))]
                source = parts[(slice(None), *tap, slice(None), *(there for there, _ in known))]
                yield partial(xp.add, part, source, part)


def _spread_images(
    xp: Any, parts: Array, whole: Array, geometry: Geometry, block: Block, out: Array
) -> Iterator[Call]:
    """Whole images, innermost, are added up in a scratch with its padding and then moved."""
    yield assign(whole, 0)
    for tap in itertools.product(*map(range, geometry.kernel)):
        axes = zip(tap, geometry.dilations, geometry.strides, geometry.counts, strict=True)
        at = [slice(k * d, k * d + (count - 1) * s + 1, s) for k, d, s, count in axes]
        part = whole[(slice(None), *at)]
        yield partial(xp.add, part, parts[(slice(None), *tap)], part)
    moved = whole.transpose(whole.ndim - 1, *range(whole.ndim - 1))
    image = out[slice(*block.images)]
    sizes = zip(geometry.lows, whole.shape[1:-1], out.shape[2:], strict=True)
    ends = [(max(low, 0), min(low + size, extent), max(-low, 0)) for low, extent, size in sizes]
    inside = [slice(start, stop) for start, stop, _ in ends]
    there = [slice(first, first + max(stop - start, 0)) for start, stop, first in ends]
    if any(part.stop - part.start < size for part, size in zip(there, out.shape[2:], strict=True)):
        yield assign(image, 0)
    if all(stop > start for start, stop, _ in ends):
        yield assign(image[(..., *there)], moved[(..., *inside)])


def _within(geometry: Geometry, axis: int, tap: int, block: Block, out: Array) -> tuple[slice, slice] | None:
    """The outputs of a block, counted from its first, for which a tap meets an input; and these inputs."""
    first, end = block.space[axis]
    low = geometry.lows[axis] - first * geometry.strides[axis]
    lows = (*geometry.lows[:axis], low, *geometry.lows[axis + 1 :])
    counts = (*geometry.counts[:axis], end - first, *geometry.counts[axis + 1 :])
    return replace(geometry, lows=lows, counts=counts).met(axis, tap, out.shape[2 + axis])


def _matrix(part: Array, scratch: Array) -> tuple[Array, list[Call]]:
    """A part of an image as a matrix: a view where it can be, else a copy."""
    flat = part.reshape(len(part), -1)
    if _shares(flat, part):
        return flat, []
    flat = scratch[: part.size].reshape(part.shape)
    return flat.reshape(len(part), -1), [assign(flat, part)]


def _by_residues(context: Context, g: Array, filters: Array, out: Array, windows: Geometry) -> Iterator[Call]:
    """One convolution of `g` with stride 1 for each residue of the positions modulo the stride.

    Position `p` sees the results `(p + low - k·dilation) / stride`, for the taps `k` where that is whole.
    With `p = residue + stride·q` these are the same taps for all `q`, in steps of 1 in `q`.
    """
    flipped = filters.swapaxes(1, 2)  # (groups, C/groups, O/groups, *kernel)
    for residues in itertools.product(*map(range, windows.strides)):
        part = out[(..., *map(slice, residues, itertools.repeat(None), windows.strides))]
        axes = [_taps(windows, axis, residue) for axis, residue in enumerate(residues)]
        if not part.size:
            continue
        if any(not taps for taps, _, _ in axes):
            yield assign(part, 0)
            continue
        context.scratch.restart()  # the parts are made one after the other
        taps, lows, dilations = zip(*axes, strict=True)
        chosen = flipped[(..., *(slice(t.start, t.stop if t.stop >= 0 else None, t.step) for t in taps))]
        geometry = Geometry(tuple(map(len, taps)), (1,) * len(taps), dilations, lows, part.shape[2:])
        yield from _correlate(context, g, chosen, part, geometry)


def _geometry(windows: Windows, context: Context, counts: tuple[int, ...]) -> Geometry:
    lows = tuple(bind(low, context.sizes) for low, _ in windows.pads)
    return Geometry(windows.kernel, windows.strides, windows.dilations, lows, counts)


def _taps(windows: Geometry, axis: int, residue: int) -> tuple[range, int, int]:
    """The taps that reach positions of a residue, last first; and the low pad and dilation over `g`."""
    stride, dilation, low = windows.strides[axis], windows.dilations[axis], windows.lows[axis]
    found = [k for k in range(windows.kernel[axis]) if (k * dilation - low - residue) % stride == 0]
    if not found:
        return range(0), 0, 1
    step = stride // math.gcd(stride, dilation)
    taps = range(found[-1], found[0] - 1, -step)
    return taps, (found[-1] * dilation - low - residue) // stride, step * dilation // stride


def _correlate(context: Context, x: Array, filters: Array, out: Array, geometry: Geometry) -> Iterator[Call]:
    """`out[n, o] = Σ filters[group of o, o] · windows of x[n, channels of the group]`."""
    if not out.size:
        return
    groups, per_group = filters.shape[:2]
    if not filters.size or not x.size:
        yield partial(out.fill, 0)
        return
    matrices = filters.reshape(groups, per_group, -1)
    if not _shares(matrices, filters):
        held = context.scratch.take(filters.size, filters.dtype)
        yield assign(held.reshape(filters.shape), filters)
        matrices = held.reshape(matrices.shape)
    if geometry.is_pointwise and (flat := _flat(x, groups)) is not None:
        result = _flat(out, groups)
        if result is not None:
            yield partial(context.xp.matmul, matrices, flat, result)
            return
    columns = Columns(context, x, geometry)
    scratch = context.scratch.take(out.shape[1] * columns.blocks.positions, out.dtype)
    for block, gathered, calls in columns:
        yield from calls
        gathered = gathered.reshape(groups, -1, gathered.shape[1])
        target = block.matrix(out)
        result, store = _matrix(target, scratch)
        result = result.reshape(groups, -1, result.shape[1])
        store = [assign(target, result.reshape(target.shape))] if store else []
        yield _product(context, matrices, gathered, result)
        yield from store


def _product(context: Context, a: Array, b: Array, out: Array) -> Call:
    """A product for each group; of one group a plain one, which starts sooner."""
    if len(a) == 1:
        a, b, out = a[0], b[0], out[0]
    return partial(context.xp.matmul, a, b, out)


def _shares(view: Array, array: Array) -> bool:
    """Whether a reshape is a view, for arrays that are not empty."""
    found: bool = view.base is not None and (view.base is array or view.base is array.base)
    return found


def _flat(images: Array, groups: int) -> Array | None:
    """(N, C, …) as (N, groups, C/groups, positions), where that is a view."""
    if not images.flags.c_contiguous:
        return None
    return images.reshape(images.shape[0], groups, images.shape[1] // groups, -1)


@kernel(ConvFilterGradient)
def _filter_gradient(
    context: Context, op: ConvFilterGradient, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """The sum over blocks of `g` times the columns, transposed."""
    (x, g), (out,) = inputs, outputs
    if not out.size:
        return
    if not (x.size and g.size):
        yield partial(out.fill, 0)
        return
    geometry = _geometry(op.windows, context, g.shape[2:])
    columns = Columns(context, x, geometry)
    total = out.reshape(op.groups, out.shape[0] // op.groups, -1)
    part = context.scratch.take(total.size, out.dtype).reshape(total.shape)
    scratch = context.scratch.take(g.shape[1] * columns.blocks.positions, g.dtype)
    for number, (block, gathered, calls) in enumerate(columns):
        yield from calls
        left, calls = _matrix(block.matrix(g), scratch)
        yield from calls
        left, right = (array.reshape(op.groups, -1, array.shape[1]) for array in (left, gathered))
        yield _product(context, left, right.swapaxes(1, 2), part if number else total)
        if number:
            yield partial(context.xp.add, total, part, total)
