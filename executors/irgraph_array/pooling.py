"""Pooling, one axis after the other, and where the maxima were, one tap of the kernel after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from irgraph.dims import bind
from irgraph.ops.average_pooling import AveragePool
from irgraph.ops.pooling import MaxPool, MaxPoolGather, MaxPoolScatter
from irgraph.ops.windows import Windows

from .columns import Geometry
from .table import Array, Call, Context, assign, bits, kernel

BLOCK_BYTES = 1 << 19
"""Images are pooled so many bytes at a time, so that what one call leaves is in the cache for the next."""


def geometry_of(windows: Windows, context: Context, counts: tuple[int, ...]) -> Geometry:
    """The windows in numbers."""
    lows = tuple(bind(low, context.sizes) for low, _ in windows.pads)
    return Geometry(windows.kernel, windows.strides, windows.dilations, lows, counts)


def _held(context: Context, shape: tuple[int, ...], dtype: Any) -> Array:
    return context.scratch.take(math.prod(shape), dtype).reshape(shape)


def _blocks(images: Array, *others: Array) -> Iterator[tuple[Array, ...]]:
    """Parts of some arrays along their first axis, in step."""
    per_image = max(images[:1].size * images.dtype.itemsize, 1)
    size = max(BLOCK_BYTES // per_image, 1)
    for first in range(0, len(images), size):
        yield tuple(array[first : first + size] for array in (images, *others))


@kernel(MaxPool)
def _max_pool(
    context: Context, op: MaxPool, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    dtype = inputs[0].dtype
    lowest = -context.xp.inf if dtype.kind == "f" else context.xp.iinfo(dtype).min
    yield from _pool(context, op.windows, "maximum", lowest, inputs[0], outputs[0])


@kernel(AveragePool)
def _average_pool(
    context: Context, op: AveragePool, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (x,), (out,), xp = inputs, outputs, context.xp
    yield from _pool(context, op.windows, "add", 0, x, out)
    weights = xp.ones((), "float64")
    for axis, (before, after) in enumerate(op.counted):
        low = bind(op.windows.pads[axis][0], context.sizes)
        starts = xp.arange(out.shape[2 + axis]) * op.windows.strides[axis] - low
        end = x.shape[2 + axis] + bind(after, context.sizes)
        counts = xp.minimum(starts + op.windows.kernel[axis], end)
        counts = counts - xp.maximum(starts, -bind(before, context.sizes))
        if op.counted[axis] == op.windows.pads[axis]:
            counts = xp.full((1,), op.windows.kernel[axis])
        weights = weights * (1 / counts).reshape(-1, *(1,) * (len(op.counted) - axis - 1))
    yield partial(xp.multiply, out, weights.astype(out.dtype), out)


def _pool(
    context: Context, windows: Windows, ufunc: str, neutral: Any, x: Array, out: Array
) -> Iterator[Call]:
    """A reduction of each window, separable: the first axes first, where rows are long."""
    if not out.size:
        return
    geometry = geometry_of(windows, context, out.shape[2:])
    last = len(geometry.kernel) - 1
    shapes = [
        (*geometry.counts[: axis + 1], *x.shape[3 + axis :]) for axis in range(last)
    ]  # what is there after each axis but the last
    scratch: list[Array] | None = None
    for image, result in _blocks(x, out):
        if scratch is None:
            scratch = [_held(context, (*image.shape[:2], *shape), x.dtype) for shape in shapes]
        parts = [image, *(array[: len(image)] for array in scratch), result]
        for axis, (source, target) in enumerate(itertools.pairwise(parts)):
            yield from _pool_axis(context, geometry, axis, ufunc, neutral, source, target)


def _pool_axis(
    context: Context, geometry: Geometry, axis: int, ufunc: str, neutral: Any, x: Array, out: Array
) -> Iterator[Call]:
    function = getattr(context.xp, ufunc)
    count, lead = geometry.counts[axis], (slice(None),) * (2 + axis)
    found = [geometry.met(axis, tap, x.shape[2 + axis]) for tap in range(geometry.kernel[axis])]
    taps = sorted(filter(None, found), key=lambda pair: pair[0].start - pair[0].stop)  # the longest first
    whole = [inputs for outputs, inputs in taps if outputs.stop - outputs.start == count]
    if len(whole) > 1:
        yield partial(function, x[(*lead, whole[0])], x[(*lead, whole[1])], out=out)
    else:
        yield assign(out, x[(*lead, whole[0])] if whole else neutral)
    for outputs, inputs in taps[min(len(whole), 2) :]:
        part = out[(*lead, outputs)]
        yield partial(function, part, x[(*lead, inputs)], out=part)


class _Hits:
    """For each tap, which windows have their first maximum there."""

    def __init__(self, context: Context, windows: Windows, x: Array, y: Array) -> None:
        self.xp = context.xp
        self.geometry = geometry_of(windows, context, y.shape[2:])
        shape = next(_blocks(x, y))[1].shape
        self.scratch = [_held(context, shape, bool) for _ in range(2)]
        self.space = (slice(None), slice(None))

    def taps(self, x: Array, y: Array) -> Iterator[tuple[list[Call], Array, Any, Any]]:
        """For each tap that meets inputs: calls that fill an array of hits, and their places in y and x."""
        taken, hit = (array[: len(x)] for array in self.scratch)
        first = True
        for tap in itertools.product(*map(range, self.geometry.kernel)):
            ranges = [self.geometry.met(axis, k, x.shape[2 + axis]) for axis, k in enumerate(tap)]
            known = [pair for pair in ranges if pair is not None]
            if len(known) < len(ranges):
                continue
            outputs = (*self.space, *(pair[0] for pair in known))
            inputs = (*self.space, *(pair[1] for pair in known))
            here, before = hit[outputs], taken[outputs]
            calls: list[Call] = [partial(taken.fill, False)] if first else []
            first = False
            calls.append(partial(self.xp.equal, x[inputs], y[outputs], here))
            calls.append(partial(self.xp.greater, here, before, here))
            calls.append(partial(self.xp.logical_or, here, before, before))
            yield calls, here, outputs, inputs


@kernel(MaxPoolScatter)
def _scatter(
    context: Context, op: MaxPoolScatter, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    """Selected by integer arithmetic on the bits, as `where` is: no 0·inf."""
    (x, y, g), (out,), xp = inputs, outputs, context.xp
    if not (op.windows.apart and _covers(op.windows, x, y)):
        yield partial(out.fill, 0)
    if not y.size:
        return
    hits = _Hits(context, op.windows, x, y)
    scratch = None if op.windows.apart else _held(context, hits.scratch[0].shape, g.dtype)
    for image, top, cotangent, result in _blocks(x, y, g, out):
        for calls, hit, there, here in hits.taps(image, top):
            yield from calls
            if scratch is None:
                yield partial(xp.multiply, bits(cotangent[there]), hit, bits(result[here]))
                continue
            part = scratch[: len(image)][there]
            yield partial(xp.multiply, bits(cotangent[there]), hit, bits(part))
            yield partial(xp.add, result[here], part, result[here])


def _covers(windows: Windows, x: Array, y: Array) -> bool:
    """Whether each input lies in a window, if windows are apart."""
    sizes = zip(windows.kernel, windows.strides, y.shape[2:], x.shape[2:], strict=True)
    return windows.unpadded and all(k == s and count * s == size for k, s, count, size in sizes)


@kernel(MaxPoolGather)
def _gather(
    context: Context, op: MaxPoolGather, inputs: Sequence[Array], outputs: Sequence[Array]
) -> Iterable[Call]:
    (x, y, t), (out,), xp = inputs, outputs, context.xp
    if not y.size:
        return
    yield partial(out.fill, 0)
    hits = _Hits(context, op.windows, x, y)
    scratch = bits(_held(context, hits.scratch[0].shape, t.dtype))
    for image, top, tangent, result in _blocks(x, y, t, out):
        for calls, hit, there, here in hits.taps(image, top):
            yield from calls
            part, whole = scratch[: len(image)][there], bits(result[there])
            yield partial(xp.multiply, bits(tangent[here]), hit, part)
            yield partial(xp.bitwise_or, whole, part, whole)
