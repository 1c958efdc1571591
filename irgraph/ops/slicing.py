"""Parts of a tensor: slices, padding, concatenation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..dims import Shape, Size, at_least, bind, same_size
from ..errors import DTypeError, ShapeError, explain
from ..layout import Layout
from ..local_jacobian import Grid, Label, Labels, Terms, labels, term
from ..local_jacobian import Slice as SliceLink
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, format_shape, int64, normalize_axis
from ..value import Node, Value
from .operands import as_value, differing
from .requirements import FREE, moving


def slice_terms(part: Value, whole: Value, starts: Sequence[Size], steps: Sequence[int]) -> Terms:
    """The terms of taking `part` out of `whole`; axes that are taken whole share a label."""
    inner = labels(whole)
    outer: list[Label] = []
    links: list[SliceLink] = []
    for label, size, start, step in zip(inner, part.shape, starts, steps, strict=True):
        if (start, step, size) == (0, 1, label.size):
            outer.append(label)
        else:
            outer.append(Label(size))
            links.append(SliceLink(outer[-1], label, start, step))
    return term(Labels(outer), inner, *links)


@final
@dataclass(frozen=True)
class Slice(Op):
    """Along each axis the elements `start`, `start + step`, …, as many as `shape` says."""

    name: ClassVar[str] = "slice"
    view_only: ClassVar[bool] = True
    starts: Shape
    steps: tuple[int, ...]
    shape: Shape

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        for size, start, step, count in zip(
            inputs[0].shape, self.starts, self.steps, self.shape, strict=True
        ):
            if count == 0 or (start, step, count) == (0, 1, size):
                continue
            last = start + (count - 1) * step  # what follows holds for a named count of 0, too
            low, high = (start, last) if step > 0 else (last, start)
            if not (at_least(count, 0) and at_least(low, 0) and at_least(size, high + 1)):
                found = f"a slice from {start} to {last} on an axis of size {size}"
                raise ShapeError(explain(found, "positions inside it"))
        return (inputs[0].with_shape(self.shape),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[slice_terms(outputs[0], inputs[0], self.starts, self.steps)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return FREE

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        starts, shape = (tuple(bind(size, sizes) for size in part) for part in (self.starts, self.shape))
        return input.slice(starts, self.steps, shape)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = node.inputs[0]
        axes = [
            axis
            for axis, full in enumerate(x.shape)
            if (self.starts[axis], self.steps[axis], self.shape[axis]) != (0, 1, full)
        ]
        if not axes:
            return [write.read(x)]
        bounds = [
            _onnx_bounds(x.shape[axis], self.starts[axis], self.steps[axis], self.shape[axis])
            for axis in axes
        ]
        starts, ends = map(tuple, zip(*bounds, strict=True))
        steps = write.constant([self.steps[axis] for axis in axes], int64)
        where = (write.sizes(starts), write.sizes(ends), write.constant(axes, int64), steps)
        return [write.node("Slice", write.read(x), *where, since=10)]


def _onnx_bounds(full: Size, start: Size, step: int, count: Size) -> tuple[Size, Size]:
    """Start and end of a slice. ONNX counts a negative end from the back, so backwards the end is written
    that way: "before the first element" would be read as the last."""
    if count == 0:
        return 0, 0
    if step > 0:
        return start, start + count * step
    return start, start + (count - 1) * step - 1 - full


@final
@dataclass(frozen=True)
class Pad(Op):
    """`value` everywhere, and along each axis `x[i]` at `start + step * i`: the transpose of a slice."""

    name: ClassVar[str] = "pad"
    moves: ClassVar[bool] = True
    starts: Shape
    steps: tuple[int, ...]
    shape: Shape
    value: float = 0.0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        Slice(self.starts, self.steps, inputs[0].shape).infer(inputs[0].with_shape(self.shape))
        return (inputs[0].with_shape(self.shape),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[slice_terms(inputs[0], outputs[0], self.starts, self.steps).T]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return moving(inputs, outputs)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = node.inputs[0]
        inner, starts, extents = self._spread(write, x)
        after = tuple(
            full - start - extent for full, start, extent in zip(self.shape, starts, extents, strict=True)
        )
        pads = write.sizes((*starts, *after))
        return [write.node("Pad", inner, pads, write.constant(self.value, x.dtype), since=13)]

    def _spread(self, write: OnnxWriter, x: Value) -> tuple[str, list[Size], list[Size]]:
        """`x` with the gaps in it, where it starts, and its sizes.

        ONNX pads at the ends only. So an axis is flipped where the step is negative; a new axis of size 1
        after it is padded to |step|; and both become one. The gap after the last element is cut off, by
        padding less than nothing where it does not fit.
        """
        starts, inner = list(self.starts), write.read(x)
        several = [axis for axis, size in enumerate(x.shape) if size != 1]  # where the step matters
        flipped = [axis for axis in several if self.steps[axis] < 0]
        gaps = [axis for axis in several if abs(self.steps[axis]) > 1]
        if flipped:
            for axis in flipped:
                starts[axis] = starts[axis] + (x.shape[axis] - 1) * self.steps[axis]
            ends = write.constant([np.iinfo(np.int64).min] * len(flipped), int64)
            minus_one, at = write.constant([-1] * len(flipped), int64), write.constant(flipped, int64)
            inner = write.node("Slice", inner, minus_one, ends, at, minus_one, since=10)
        if not gaps:
            return inner, starts, list(x.shape)
        new = [axis + n + 1 for n, axis in enumerate(gaps)]
        inner = write.node("Unsqueeze", inner, write.constant(new, int64), since=13)
        after = [0] * (x.ndim + len(gaps))
        extents = list(x.shape)
        for axis, added in zip(gaps, new, strict=True):
            after[added] = abs(self.steps[axis]) - 1
            extents[axis] = x.shape[axis] * abs(self.steps[axis])
        widths = write.constant([0] * len(after) + after, int64)
        inner = write.node("Pad", inner, widths, write.constant(self.value, x.dtype), since=13)
        inner = write.node("Reshape", inner, write.sizes(tuple(extents)), since=14, allowzero=1)
        return inner, starts, extents


@final
@dataclass(frozen=True)
class Concatenate(Op):
    """The inputs one after the other along an axis."""

    name: ClassVar[str] = "concatenate"
    moves: ClassVar[bool] = True
    axis: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        first = inputs[0]
        if any(type.dtype != first.dtype for type in inputs):
            raise DTypeError(explain(" and ".join(map(str, inputs)), "one dtype", do="Cast one of them."))
        shape = list(first.shape)
        for type in inputs[1:]:
            if type.rank != first.rank:
                raise ShapeError(explain(" and ".join(map(str, inputs)), "one rank"))
            for axis, size in enumerate(type.shape):
                common = shape[axis] + size if axis == self.axis else same_size(shape[axis], size)
                if common is None:
                    found = " and ".join(format_shape(type.shape) for type in inputs)
                    raise ShapeError(explain(f"shapes {found}", f"equal sizes on all axes but {self.axis}"))
                shape[axis] = common
        return (first.with_shape(shape),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        starts: list[Size] = [0] * outputs[0].ndim
        steps = [1] * outputs[0].ndim
        row: list[Terms] = []
        for x in inputs:
            row.append(slice_terms(x, outputs[0], starts, steps).T)
            starts[self.axis] = starts[self.axis] + x.shape[self.axis]
        return [row]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return moving(inputs, outputs)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("Concat", *map(write.read, node.inputs), axis=self.axis)]


def concatenate(values: Sequence[Any], axis: int = 0) -> Value:
    """The values one after the other along `axis`; all other sizes and the dtypes must be equal.

    >>> from irgraph import constant, evaluate
    >>> evaluate(concatenate([constant([1, 2]), constant([3])]))
    array([1, 2, 3])
    """
    parts = [as_value(value) for value in values]
    if not parts:
        raise ShapeError(explain("no values", "at least one to concatenate", here()))
    if len({part.dtype for part in parts}) > 1:
        raise DTypeError(differing("concatenate", parts))
    at = normalize_axis(axis, parts[0].ndim)
    return parts[0] if len(parts) == 1 else Concatenate(at)(*parts)
