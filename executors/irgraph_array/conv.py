"""Convolution and its two transposes as matrix products over columns of windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from irgraph.dims import bind
from irgraph.ops.conv import Conv, ConvFilterGradient, ConvInputGradient
from irgraph.ops.windows import Windows

from .columns import Block, Columns, Geometry
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
    """One convolution of `g` with stride 1 for each residue of the positions modulo the stride.

    Position `p` sees the results `(p + low - k·dilation) / stride`, for the taps `k` where that is whole.
    With `p = residue + stride·q` these are the same taps for all `q`, in steps of 1 in `q`.
    """
    (g, w), (out,) = inputs, outputs
    windows = _geometry(op.windows, context, g.shape[2:])
    by_group = w.reshape(op.groups, w.shape[0] // op.groups, *w.shape[1:])
    flipped = by_group.swapaxes(1, 2)  # (groups, C/groups, O/groups, *kernel)
    for residues in itertools.product(*map(range, windows.strides)):
        part = out[(..., *map(slice, residues, itertools.repeat(None), windows.strides))]
        axes = [_taps(windows, axis, residue) for axis, residue in enumerate(residues)]
        if not part.size:
            continue
        if any(not taps for taps, _, _ in axes) or not g.size:
            yield assign(part, 0)
            continue
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
        matrices = context.xp.empty(matrices.shape, filters.dtype)
        yield assign(matrices.reshape(filters.shape), filters)
    if geometry.is_pointwise and (flat := _flat(x, groups)) is not None:
        result = _flat(out, groups)
        if result is not None:
            yield partial(context.xp.matmul, matrices, flat, result)
            return
    columns = Columns(context.xp, x, geometry)
    scratch = _Results(context, columns, out)
    for block in columns:
        yield from block.calls
        gathered = block.columns.reshape(groups, -1, block.columns.shape[-1])
        result, store = scratch.of(block, groups)
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


class _Results:
    """Where products go: straight to the output where a block's part is one matrix, else by a scratch."""

    def __init__(self, context: Context, columns: Columns, out: Array) -> None:
        self.out = out
        self.is_direct = columns.batch == 1 and out.flags.c_contiguous
        if not self.is_direct:
            size = columns.batch * out.shape[1] * math.prod(columns.block)
            self.scratch = context.xp.empty(size, out.dtype)

    def of(self, block: Block, groups: int) -> tuple[Array, list[Call]]:
        """The matrices (groups, rows, positions) to compute, and what brings them to their place."""
        part = self.out[(block.images, slice(None), *block.space)]
        rows, positions = part.shape[1] // groups, block.columns.shape[-1]
        if self.is_direct:
            return part[0].reshape(groups, rows, positions), []
        matrices = self.scratch[: part.size].reshape(groups, rows, positions)
        moved = part.swapaxes(0, 1)
        return matrices, [assign(moved, matrices.reshape(moved.shape))]


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
    columns = Columns(context.xp, x, geometry)
    total = out.reshape(op.groups, out.shape[0] // op.groups, -1)
    part = context.xp.empty(total.shape, out.dtype)
    size = columns.batch * g.shape[1] * math.prod(columns.block)
    scratch = context.xp.empty(size, g.dtype)
    for number, block in enumerate(columns):
        yield from block.calls
        gathered = block.columns.reshape(op.groups, -1, block.columns.shape[-1]).swapaxes(1, 2)
        moved = g[(block.images, slice(None), *block.space)].swapaxes(0, 1)
        matrices = scratch[: moved.size].reshape(moved.shape)
        yield assign(matrices, moved)
        matrices = matrices.reshape(op.groups, -1, block.columns.shape[-1])
        yield _product(context, matrices, gathered, part if number else total)
        if number:
            yield partial(context.xp.add, total, part, total)
