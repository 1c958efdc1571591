"""Convolution in any number of dimensions of space, and its two transposes.

With windows, groups and shapes fixed, `conv(x, w)` is linear in `x` and in `w`. The three ops are the three
ways of reading one trilinear form, <g, conv(x, w)>: solved for g, for x, and for w. So each one's derivatives
are the other two, and nothing else is needed for derivatives of any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Shape, Size, at_least, divides, same_size
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import Grid, Terms, labels
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, format_shape
from ..value import Node, Value
from .conv_directions import beside
from .conv_onnx import COLUMN_TAPS, by_columns, by_conv_transpose, by_swapped_conv
from .operands import operands
from .requirements import require_float
from .shape import reshape
from .windows import Windows, is_integer, onnx_padded, per_axis, read_windows

_AXES = {"x": "nc", "w": "oc", "g": "no"}
"""The first two axes of images, filters and results: images, channels of images and of results."""


@dataclass(frozen=True)
class _Bilinear(Op):
    """One of the three. Images `x` are (N, C, …), filters `w` (O, C/groups, …), results `g` (N, O, …)."""

    windows: Windows
    groups: int
    roles: ClassVar[tuple[str, str, str]]  # of the two inputs and the output in the trilinear form

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        (cotangent,) = cotangents
        assert cotangent is not None  # the only output
        (a, b), (role_a, role_b, role) = inputs, self.roles
        space = self._space(*inputs, *outputs)
        by_a = self._solved(role_a, {role: cotangent, role_b: b}, space)
        return by_a, self._solved(role_b, {role: cotangent, role_a: a}, space)

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        (a, b), (by_a, by_b) = inputs, tangents
        parts = [self(by_a, b)] if by_a is not None else []
        parts += [self(a, by_b)] if by_b is not None else []
        return [parts[0] + parts[1] if len(parts) == 2 else parts[0] if parts else None]

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[self._towards(position, inputs, outputs[0]) for position in (0, 1)]]

    def _towards(self, position: int, inputs: Sequence[Value], result: Value) -> Terms:
        role, role_other, role_result = self.roles[position], self.roles[1 - position], self.roles[2]
        other, space = inputs[1 - position], self._space(*inputs, result)

        def push(t: Value) -> Value:
            return self._solved(role_result, {role: t, role_other: other}, space)

        def pull(c: Value) -> Value:
            return self._solved(role, {role_result: c, role_other: other}, space)

        shared = next(axis for axis in _AXES[role] if axis not in _AXES[role_other])
        axes = _AXES[role_result].index(shared), _AXES[role].index(shared)
        same = self.groups == 1 or shared == "n"
        return beside(push, pull, labels(result), labels(inputs[position]), axes, same)

    def _space(self, *values: Value) -> Shape:
        """The sizes of the image's space."""
        return values[self.roles.index("x")].shape[2:]

    def _solved(self, role: str, known: Mapping[str, Value], space: Shape) -> Value:
        """The trilinear form read as one of its three, given the other two."""
        if role == "g":
            return Conv(self.windows, self.groups)(known["x"], known["w"])
        if role == "w":
            return ConvFilterGradient(self.windows, self.groups)(known["x"], known["g"])
        return ConvInputGradient(self.windows, self.groups, space)(known["g"], known["w"])

    def _require_images(self, a: TensorType, b: TensorType) -> None:
        require_float(self.name, a, b)
        if a.dtype != b.dtype:
            raise DTypeError(explain(f"{a} and {b}", "one dtype", do="Cast one of them."))
        rank = self.windows.rank + 2
        if a.rank != rank or b.rank != rank:
            raise ShapeError(explain(f"{a} and {b}", f"rank {rank}, for {self.windows.rank} axes of space"))

    def _cost(self, x: TensorType, w: TensorType, g: TensorType) -> Cost:
        """Each position of the result meets those of the filter that lie in the image, in all three."""
        met = self.windows.meetings(x.shape[2:], g.shape[2:])
        return Cost(2 * (x.shape[0] * w.shape[0] * w.shape[1] * met), x.nbytes + w.nbytes + g.nbytes)


def _require_equal(a: Sequence[Size], b: Sequence[Size], found: str, needed: str, do: str = "") -> None:
    if len(a) != len(b) or any(same_size(m, n) is None for m, n in zip(a, b, strict=True)):
        raise ShapeError(explain(found, needed, do=do))


@final
class Conv(_Bilinear):
    """out[n, o, p] = Σ over c, k of x[n, c, p·stride + k·dilation - before] w[o, c, k], within each group."""

    name: ClassVar[str] = "conv"
    roles: ClassVar[tuple[str, str, str]] = ("x", "w", "g")

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, w = inputs
        self._require_images(x, w)
        if w.shape[2:] != self.windows.kernel:
            raise ShapeError(explain(f"filters {w}", f"a kernel of {self.windows.kernel}"))
        if same_size(x.shape[1], w.shape[1] * self.groups) is None:
            of_groups = f" in {self.groups} groups" if self.groups != 1 else ""
            found = f"an image of {x.shape[1]} channels and filters {w} for {w.shape[1]}{of_groups}"
            needed = f"{w.shape[1] * self.groups} channels" if self.groups != 1 else "as many channels"
            raise ShapeError(explain(found, needed, do="Images are (N, C, …), filters (O, C/groups, …)."))
        if not divides(self.groups, w.shape[0]):
            found = f"{w.shape[0]} filters in {self.groups} groups"
            raise ShapeError(explain(found, "a multiple of the number of groups"))
        return (x.with_shape((x.shape[0], w.shape[0], *self.windows.over(x.shape[2:]))),)

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        (x, w), (g,) = inputs, outputs
        return self._cost(x, w, g)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, w = node.inputs
        image, pads = onnx_padded(write, x, self.windows, self.windows.static_pads)
        return [
            write.node(
                "Conv",
                image,
                write.read(w),
                since=11,
                pads=pads,
                group=self.groups,
                **self.windows.onnx_attributes(),
            )
        ]


@final
@dataclass(frozen=True)
class ConvInputGradient(_Bilinear):
    """The transpose of `conv` in the image: the x-shaped Σ over o, k, p of g[n, o, p] w[o, c, k].

    `sizes` are those of the image's space, which the result's do not tell where a stride skips some.
    """

    name: ClassVar[str] = "conv_input_gradient"
    roles: ClassVar[tuple[str, str, str]] = ("g", "w", "x")
    sizes: Shape

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        g, w = inputs
        self._require_images(g, w)
        if same_size(g.shape[1], w.shape[0]) is None:
            found = f"{g.shape[1]} channels and filters {w} for {w.shape[0]}"
            raise ShapeError(
                explain(found, "as many channels", do="Filters of a transpose are (C, O/groups, …).")
            )
        if not divides(self.groups, w.shape[0]):
            found = f"{w.shape[0]} channels in {self.groups} groups"
            raise ShapeError(explain(found, "a multiple of the number of groups"))
        if not all(at_least(size, 0) for size in self.sizes):
            raise ShapeError(explain(f"sizes {format_shape(self.sizes)} of the result", "none below 0"))
        wanted = self.windows.over(self.sizes)
        found = f"results of {format_shape(g.shape[2:])} for an image of {format_shape(self.sizes)}"
        _require_equal(g.shape[2:], wanted, found, format_shape(wanted))
        return (g.with_shape((g.shape[0], w.shape[1] * self.groups, *self.sizes)),)

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        (g, w), (x,) = inputs, outputs
        return self._cost(x, w, g)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        g, w = node.inputs
        return [by_conv_transpose(write, g, w, self.windows, self.groups, self.sizes)]


@final
class ConvFilterGradient(_Bilinear):
    """The transpose of `conv` in the filters: the Σ over n, p of g[n, o, p] x[n, c, p·stride + …]."""

    name: ClassVar[str] = "conv_filter_gradient"
    roles: ClassVar[tuple[str, str, str]] = ("x", "g", "w")

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, g = inputs
        self._require_images(x, g)
        wanted = (x.shape[0], g.shape[1], *self.windows.over(x.shape[2:]))
        found = f"results of shape {format_shape(g.shape)} for an image {x}"
        _require_equal(g.shape, wanted, found, format_shape(wanted))
        if not (divides(self.groups, x.shape[1]) and divides(self.groups, g.shape[1])):
            found = f"{x.shape[1]} and {g.shape[1]} channels in {self.groups} groups"
            raise ShapeError(explain(found, "multiples of the number of groups"))
        return (x.with_shape((g.shape[1], x.shape[1] // self.groups, *self.windows.kernel)),)

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        (x, g), (w,) = inputs, outputs
        return self._cost(x, w, g)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, g = node.inputs
        taps = math.prod(self.windows.kernel)
        form = by_columns if self.groups == 1 and taps <= COLUMN_TAPS else by_swapped_conv
        return [form(write, x, g, self.windows, self.groups)]


# ----------------------------------------------------------------------------------- public functions


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """The convolution (cross-correlation, as in all of this field) of images with filters, in as many
    dimensions of space as they have: `x` (N, C, …), `w` (O, C/groups, *kernel), the result (N, O, …).

    `stride`, `padding` and `dilation` are one integer or one for each axis; `padding` may also be pairs
    (before, after), "valid" (none), or "same": ceil(size / stride) results, the odd pad at the end. `bias` is
    of shape (O,). With `groups` the channels fall into so many groups that do not see each other.

    Raises ShapeError where channels, groups, kernel or bias do not fit. (Dumoulin and Visin, "A guide to
    convolution arithmetic for deep learning", 2016.)

    >>> from irgraph import input
    >>> conv(input("x", ("batch", 3, 32, 32)), input("w", (16, 3, 3, 3)), stride=2, padding=1)
    <a result of conv : float32[batch, 16, 16, 16]>
    """
    x, w = operands("conv", x, w)
    kernel = _read_filters("conv", x, w, groups)
    windows = read_windows("conv", x.shape[2:], kernel, stride, padding, dilation)
    return _plus_bias(Conv(windows, groups)(x, w), bias)


def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """The transpose of `conv` in its image: `x` (N, C, …), `w` (C, O/groups, *kernel), and the result
    (N, O, …), of size `(n - 1)·stride + (kernel - 1)·dilation + 1 - before - after + output_padding` along
    each axis.

    `padding` is what the convolution pads: integers, or pairs (before, after). `output_padding`, less than
    the stride, says which of the images that give `x` its size is meant. Raises ShapeError as `conv` does.

    >>> from irgraph import input
    >>> conv_transpose(input("x", ("batch", 8, 16, 16)), input("w", (8, 3, 2, 2)), stride=2)
    <a result of conv_input_gradient : float32[batch, 3, 32, 32]>
    """
    x, w = operands("conv_transpose", x, w)
    kernel = _read_filters("conv_transpose", x, w, groups)
    if isinstance(padding, str):
        needed = "integers or pairs"
        raise ShapeError(explain(f"conv_transpose with padding {padding!r}", needed, here()))
    windows = read_windows("conv_transpose", x.shape[2:], kernel, stride, padding, dilation)
    extra = per_axis("conv_transpose", "output_padding", output_padding, windows.rank, least=0)
    if any(more >= stride for more, stride in zip(extra, windows.strides, strict=True)):
        found = f"conv_transpose with output_padding {extra} and stride {windows.strides}"
        raise ShapeError(explain(found, "less than the stride on each axis", here()))
    sizes = windows.under(x.shape[2:], extra)
    return _plus_bias(ConvInputGradient(windows, groups, sizes)(x, w), bias)


def _read_filters(what: str, x: Value, w: Value, groups: object) -> tuple[int, ...]:
    """The kernel's sizes. Raises ShapeError for ranks, sizes and groups that make no sense."""
    if x.ndim != w.ndim or x.ndim < 3:
        found = f"{what} of {x!r} and {w!r}"
        raise ShapeError(explain(found, "(N, C, …) and (O, C, …), with as many axes of space", here()))
    if not is_integer(groups) or groups < 1:  # type: ignore[operator]
        raise ShapeError(explain(f"{what} with groups={groups!r}", "an integer of at least 1", here()))
    kernel = tuple(size for size in w.shape[2:] if isinstance(size, int) and size > 0)
    if len(kernel) != w.ndim - 2:
        raise ShapeError(explain(f"{what} with filters {w!r}", "a kernel of known sizes, at least 1", here()))
    return kernel


def _plus_bias(y: Value, bias: Any) -> Value:
    if bias is None:
        return y
    y, bias = operands("the bias of a convolution", y, bias)
    if bias.ndim != 1 or same_size(bias.shape[0], y.shape[1]) is None:
        found = f"a bias of shape {format_shape(bias.shape)} for {y.shape[1]} channels"
        raise ShapeError(explain(found, f"shape ({y.shape[1]},)", here()))
    return y + reshape(bias, (bias.shape[0], *(1,) * (y.ndim - 2)))
