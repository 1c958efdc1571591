"""The gradients of convolutions in plain ONNX ops, in the forms that ONNX Runtime runs fastest."""

from __future__ import annotations

import itertools

from ..dims import Shape, product
from ..onnx_writer import OnnxWriter
from ..types import int64
from ..value import Value
from .windows import Windows, onnx_padded

COLUMN_TAPS = 32
"""Filters of more taps than this get their gradient from a Conv: columns take a node and a copy for each."""


def by_conv_transpose(
    write: OnnxWriter, g: Value, w: Value, windows: Windows, groups: int, sizes: Shape
) -> str:
    """The gradient towards the image as a ConvTranspose.

    What windows do not reach counts as output padding, which has to be a number less than the stride. Where
    it is not known to be one, the whole is computed and cut.
    """
    pads = windows.static_pads
    reached = [
        (count - 1) * stride + span
        for count, stride, span in zip(g.shape[2:], windows.strides, windows.spans, strict=True)
    ]
    beyond = [padded - reach for padded, reach in zip(windows.padded(sizes), reached, strict=True)]
    known = [size for size in beyond if isinstance(size, int)]
    is_exact = pads is not None and len(known) == len(beyond)
    extra = known if is_exact else [stride - 1 for stride in windows.strides]
    whole = write.node(
        "ConvTranspose",
        write.read(g),
        write.read(w),
        since=11,
        pads=pads if is_exact else [0] * (2 * windows.rank),
        output_padding=extra,
        group=groups,
        **windows.onnx_attributes(),
    )
    if is_exact:
        return whole
    before = tuple(-low for low, _ in windows.pads)
    ends = zip(sizes, windows.pads, reached, extra, strict=True)
    after = tuple(size + low - reach - more for size, (low, _), reach, more in ends)
    cut = write.sizes((0, 0, *before, 0, 0, *after))
    return write.node("Pad", whole, cut, write.constant(0.0, g.dtype), since=13)


def by_columns(write: OnnxWriter, x: Value, g: Value, windows: Windows, groups: int) -> str:
    """The gradient towards the filters as one product: the inputs that each tap meets, over all images and
    places, times `g`."""
    rank, channels, filters = windows.rank, x.shape[1], g.shape[1]
    swap = [1, 0, *range(2, 2 + rank)]
    image, _ = onnx_padded(write, x, windows, [0] if windows.unpadded else None)
    image = write.node("Transpose", image, perm=swap)
    axes = write.constant(range(2, 2 + rank), int64)
    steps = (write.constant(windows.strides, int64),) if max(windows.strides) > 1 else ()
    reach = [(count - 1) * stride + 1 for count, stride in zip(g.shape[2:], windows.strides, strict=True)]
    columns = []
    for tap in itertools.product(*map(range, windows.kernel)):
        starts = tuple(k * d for k, d in zip(tap, windows.dilations, strict=True))
        ends = tuple(start + size for start, size in zip(starts, reach, strict=True))
        bounds = write.sizes(starts), write.sizes(ends)
        columns.append(write.node("Slice", image, *bounds, axes, *steps, since=10))
    stacked = write.node("Concat", *columns, since=4, axis=0) if len(columns) > 1 else columns[0]
    places = g.shape[0] * product(g.shape[2:])
    rows = write.sizes((channels * len(columns), places))
    left = write.node("Reshape", stacked, rows, since=14, allowzero=1)
    right = write.node("Transpose", write.read(g), perm=swap)
    right = write.node("Reshape", right, write.sizes((filters, places)), since=14, allowzero=1)
    right = write.node("Transpose", right, perm=[1, 0])
    total = write.node("MatMul", left, right)
    by_tap = write.sizes((*windows.kernel, channels, filters))
    out = write.node("Reshape", total, by_tap, since=14, allowzero=1)
    return write.node("Transpose", out, perm=[rank + 1, rank, *range(rank)])


def by_swapped_conv(write: OnnxWriter, x: Value, g: Value, windows: Windows, groups: int) -> str:
    """The gradient towards the filters as a Conv in other roles: channels are the batch, the batch is the
    channels, g is the filter, stride and dilation change places. Positions beyond the kernel, where a stride
    skips inputs, are cut."""
    rank = windows.rank
    image, pads = onnx_padded(write, x, windows, windows.static_pads)
    space = tuple(range(2, 2 + rank))
    if groups == 1:
        image = write.node("Transpose", image, perm=[1, 0, *space])
    else:  # (N, groups, C', …) -> (C', groups, N, …) -> (C', groups*N, …)
        inner = x.shape[1] // groups
        padded = windows.padded(x.shape[2:]) if windows.static_pads is None else x.shape[2:]
        split = write.sizes((x.shape[0], groups, inner, *padded))
        image = write.node("Reshape", image, split, since=14, allowzero=1)
        image = write.node("Transpose", image, perm=[2, 1, 0, *(axis + 1 for axis in space)])
        merged = write.sizes((inner, x.shape[0] * groups, *padded))
        image = write.node("Reshape", image, merged, since=14, allowzero=1)
    swapped = write.node("Transpose", write.read(g), perm=[1, 0, *space])
    strides, dilations = list(windows.dilations), list(windows.strides)
    out = write.node(
        "Conv", image, swapped, since=11, strides=strides, dilations=dilations, pads=pads, group=groups
    )
    if windows.leaves_rest(x.shape[2:]):
        bounds = [write.constant([0] * rank, int64), write.constant(windows.kernel, int64)]
        out = write.node("Slice", out, *bounds, write.constant(space, int64), since=10)
    return write.node("Transpose", out, perm=[1, 0, *space])
