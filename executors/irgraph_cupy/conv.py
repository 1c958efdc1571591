"""Convolution as matrix products over columns, and pooling."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from math import prod

from irgraph.ops.arithmetic import Add
from irgraph.ops.conv import Conv, ConvFilterGradient, ConvInputGradient
from irgraph.ops.pooling import MaxPool, MaxPoolGather, MaxPoolScatter

from .elementwise import launch_copy, launch_fill, launch_op
from .products import launch_matmul
from .source import Array
from .table import Action, CudaContext, kernel
from .windows import (
    geometry_of,
    launch_columns,
    launch_first_maximum,
    launch_gather_maximum,
    launch_images,
    launch_max_pool,
    launch_scatter_maximum,
)

SCRATCH = 1 << 28
"""Bytes of columns at a time: images are taken so many at once, one at least."""


def _blocks(images: Array, per_image: int) -> Iterator[slice]:
    """The images whose columns are made at once."""
    size = max(SCRATCH // max(per_image * images.itemsize, 1), 1)
    for first in range(0, images.shape[0], size):
        yield slice(first, min(first + size, images.shape[0]))


def _dense(context: CudaContext, x: Array) -> Generator[Action, None, Array]:
    """An array whose elements lie in order: `x` itself or a copy, as the value of `yield from`."""
    if x.flags.c_contiguous:
        return x
    copy = context.empty(x.shape, x.dtype.name)
    yield from launch_copy(x, copy)
    return copy


@kernel(Conv)
def _conv(
    context: CudaContext, op: Conv, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x, w), (out,) = inputs, outputs
    if not (out.size and x.size and w.size):
        yield from launch_fill(out, 0)
        return
    groups, rows, inner = op.groups, w.shape[0] // op.groups, prod(w.shape[1:])
    geometry = geometry_of(op.windows, context.sizes, x.shape[2:], out.shape[2:])
    w = yield from _dense(context, w)
    filters = w.reshape(1, groups, rows, inner)
    positions = prod(out.shape[2:])
    scratch: Array | None = None
    for images in _blocks(x, groups * inner * positions):
        count = images.stop - images.start
        if geometry.is_pointwise and x.flags.c_contiguous:
            columns = x[images]
        else:
            if scratch is None:
                scratch = context.empty((count * groups * inner * positions,), x.dtype.name)
            columns = scratch[: count * groups * inner * positions]
            yield from launch_columns(context.xp, x[images], geometry, columns, batch_last=False)
        part = out[images].reshape(count, groups, rows, positions)
        columns = columns.reshape(count, groups, inner, positions)
        yield from launch_matmul(filters, columns, part, context.empty)


@kernel(ConvInputGradient)
def _input_gradient(
    context: CudaContext, op: ConvInputGradient, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (g, w), (out,) = inputs, outputs
    if not (out.size and g.size and w.size):
        yield from launch_fill(out, 0)
        return
    groups, rows, inner = op.groups, w.shape[0] // op.groups, prod(w.shape[1:])
    geometry = geometry_of(op.windows, context.sizes, out.shape[2:], g.shape[2:])
    g = yield from _dense(context, g)
    w = yield from _dense(context, w)
    filters = w.reshape(1, groups, rows, inner).swapaxes(2, 3)
    positions = prod(g.shape[2:])
    scratch: Array | None = None
    for images in _blocks(g, groups * inner * positions):
        count = images.stop - images.start
        size = count * groups * inner * positions
        if scratch is None:
            scratch = context.empty((size,), g.dtype.name)
        columns = scratch[:size].reshape(count, groups, inner, positions)
        results = g[images].reshape(count, groups, rows, positions)
        yield from launch_matmul(filters, results, columns, context.empty)
        yield from launch_images(context.xp, columns, geometry, out[images])


@kernel(ConvFilterGradient)
def _filter_gradient(
    context: CudaContext, op: ConvFilterGradient, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    """One product over all positions of all images of a block; blocks are added in order."""
    (x, g), (out,) = inputs, outputs
    if not (out.size and g.size and x.size):
        yield from launch_fill(out, 0)
        return
    groups, rows, inner = op.groups, out.shape[0] // op.groups, prod(out.shape[1:])
    geometry = geometry_of(op.windows, context.sizes, x.shape[2:], g.shape[2:])
    positions = prod(g.shape[2:])
    total = out.reshape(groups, rows, inner)
    scratch: Array | None = None
    for images in _blocks(x, groups * inner * positions):
        count = images.stop - images.start
        if scratch is None:
            scratch = context.empty((groups * inner * count * positions,), x.dtype.name)
            moved = context.empty((g.shape[1] * count * positions,), g.dtype.name)
            part = context.empty(total.shape, out.dtype.name)
        columns = scratch[: groups * inner * count * positions]
        yield from launch_columns(context.xp, x[images], geometry, columns, batch_last=True)
        results = moved[: g.shape[1] * count * positions]
        turned = g[images].swapaxes(0, 1)
        yield from launch_copy(turned, results.reshape(turned.shape))
        left = results.reshape(groups, rows, count * positions)
        right = columns.reshape(groups, inner, count * positions).swapaxes(1, 2)
        yield from launch_matmul(left, right, total if images.start == 0 else part, context.empty)
        if images.start:
            yield from launch_op(Add, [total, part], total)


@kernel(MaxPool)
def _max_pool(
    context: CudaContext, op: MaxPool, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x,), (out,) = inputs, outputs
    geometry = geometry_of(op.windows, context.sizes, x.shape[2:], out.shape[2:])
    return launch_max_pool(context.xp, x, geometry, out)


@kernel(MaxPoolScatter)
def _scatter(
    context: CudaContext, op: MaxPoolScatter, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x, y, g), (out,) = inputs, outputs
    geometry = geometry_of(op.windows, context.sizes, x.shape[2:], y.shape[2:])
    taps = context.empty(y.shape, "int32")
    yield from launch_first_maximum(context.xp, x, y, geometry, taps)
    yield from launch_scatter_maximum(context.xp, taps, g, geometry, out)


@kernel(MaxPoolGather)
def _gather(
    context: CudaContext, op: MaxPoolGather, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Action]:
    (x, y, t), (out,) = inputs, outputs
    geometry = geometry_of(op.windows, context.sizes, x.shape[2:], y.shape[2:])
    taps = context.empty(y.shape, "int32")
    yield from launch_first_maximum(context.xp, x, y, geometry, taps)
    yield from launch_gather_maximum(context.xp, taps, t, geometry, out)
