"""Pooling: the largest element of each window of an image.

It gets the whole derivative; of several equal ones it is the first, in row-major order. `max_pool_scatter`
and `max_pool_gather` are each other's transpose, so derivatives of any order stay within these ops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Size, product, same_size
from ..errors import ShapeError, explain
from ..local_jacobian import ZERO, Grid, Label, Labels, Pick, Ravel, Terms, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, bool_, float32, float64, int64
from ..value import Node, Value
from . import reduce
from .arrange import repeated, reshaped
from .constants import arange
from .operands import as_value
from .requirements import require_dtype, require_float
from .windows import Pads, Windows, onnx_padded, per_axis, read_windows


@dataclass(frozen=True)
class Pool(Op):
    """Something of each window of an image (N, C, …)."""

    windows: Windows

    def pooled(self, x: TensorType) -> TensorType:
        """The type of the result for images of a type."""
        rank = self.windows.rank + 2
        if x.rank != rank:
            raise ShapeError(explain(str(x), f"rank {rank}, for {self.windows.rank} axes of space"))
        return x.with_shape((*x.shape[:2], *self.windows.over(x.shape[2:])))

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        moved: Size = 0
        for type in (*inputs, *outputs):
            moved = moved + type.nbytes
        return Cost(self.results(inputs, outputs).size * math.prod(self.windows.kernel), moved)

    def results(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TensorType:
        """The one that has an element for each window."""
        return outputs[0]

    def picked(self, x: Value, y: Value) -> Terms:
        """The terms of picking the maxima y of the images x: a run-time index into space."""
        i, o = labels(x), labels(y)
        at, flat = Labels((*i[:2], *o[2:])), Label(product(x.shape[2:]))
        index = _positions(MaxPoolGather(self.windows), x, y, flat.size)
        return term(at, i, Pick(index, at, flat), Ravel(Labels(i[2:]), Labels((flat,))))

    def require(self, found: TensorType, needed: TensorType, what: str) -> None:
        """Raise ShapeError unless two types are equal."""
        sizes = zip(found.shape, needed.shape, strict=False)
        if (
            found.dtype != needed.dtype
            or found.rank != needed.rank
            or any(same_size(a, b) is None for a, b in sizes)
        ):
            raise ShapeError(explain(f"{what} {found}", str(needed)))


# ------------------------------------------------------------------------------------- the largest


@final
class MaxPool(Pool):
    """The largest element of each window; padding is less than anything."""

    name: ClassVar[str] = "max_pool"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        return (self.pooled(inputs[0]),)

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        (g,) = cotangents
        assert g is not None  # the only output
        return [MaxPoolScatter(self.windows)(*inputs, *outputs, g)]

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        (t,) = tangents
        return [None if t is None else MaxPoolGather(self.windows)(*inputs, *outputs, t)]

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[self.picked(*inputs, *outputs)]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return _onnx_max_pool(write, node.inputs[0], self.windows, 1)


class _AtMaximum(Pool):
    """Linear in the third input; `x` and `y`, its maxima, only say where they are."""

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        x, y, _ = inputs
        (c,) = cotangents
        assert c is not None  # the only output
        return [None, None, self._transpose()(x, y, c)]

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        x, y, _ = inputs
        t = tangents[2]
        return [None if t is None else self(x, y, t)]

    def _transpose(self) -> Op:
        raise NotImplementedError

    def results(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TensorType:
        return inputs[1]


@final
class MaxPoolScatter(_AtMaximum):
    """Of images x, their maxima y and g like y: each g added at the place of its maximum."""

    name: ClassVar[str] = "max_pool_scatter"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y, g = inputs
        require_float(self.name, x)
        self.require(y, self.pooled(x), "maxima")
        self.require(g, y, "a cotangent")
        return (x,)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO, ZERO, self.picked(*inputs[:2]).T]]

    def _transpose(self) -> Op:
        return MaxPoolGather(self.windows)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """MaxUnpool where windows are apart, without padding and float32, since that is all that it can;
        else ScatterElements."""
        x, _, g = node.inputs
        _, index = _onnx_max_pool(write, x, self.windows, 2)
        stated = stated_pads(self.windows) is not None
        whole = x.shape if stated else (*x.shape[:2], *self.windows.padded(x.shape[2:]))
        if self.windows.apart and self.windows.unpadded and x.dtype == float32:
            written = self.windows.onnx_attributes("dilations")
            out = write.node("MaxUnpool", write.read(g), index, write.sizes(whole), since=11, **written)
        else:
            flat = write.constant([-1], int64)
            zeros = write.node("Expand", write.constant(0.0, x.dtype), write.sizes((product(whole),)))
            index = write.node("Reshape", index, flat, since=14)
            updates = write.node("Reshape", write.read(g), flat, since=14)
            out = write.node("ScatterElements", zeros, index, updates, since=18, axis=0, reduction="add")
            out = write.node("Reshape", out, write.sizes(whole), since=14, allowzero=1)
        return [_onnx_cut(write, out, x, self.windows)]


@final
class MaxPoolGather(_AtMaximum):
    """Of images x, their maxima y and t like x: the element of t at the place of each maximum."""

    name: ClassVar[str] = "max_pool_gather"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y, t = inputs
        require_float(self.name, x)
        self.require(y, self.pooled(x), "maxima")
        self.require(t, x, "a tangent")
        return (y,)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO, ZERO, self.picked(*inputs[:2])]]

    def _transpose(self) -> Op:
        return MaxPoolScatter(self.windows)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, _, t = node.inputs
        _, index = _onnx_max_pool(write, x, self.windows, 2)
        image, _ = onnx_padded(write, t, self.windows, stated_pads(self.windows))
        flat = write.node("Reshape", image, write.constant([-1], int64), since=14)
        return [write.node("Gather", flat, index, since=13, axis=0)]


def _positions(gather: Op, x: Value, y: Value, count: Size) -> Value:
    """Where in its flat space each maximum is, by gathering positions; floats count exactly far enough."""
    few = isinstance(count, int) and count <= 2**24
    dtype = float64 if x.dtype == float64 or not few else float32
    along = reshaped(arange(count).astype(dtype), (1, 1, *x.shape[2:]))
    return gather(x.astype(dtype), y.astype(dtype), repeated(along, x.shape)).astype(int64)


def stated_pads(windows: Windows) -> list[int] | None:
    """The pads that ONNX Runtime's pools take: numbers, and less than the kernel."""
    pads = windows.static_pads
    fits = pads is not None and all(pad < k for pad, k in zip(pads, windows.kernel * 2, strict=True))
    return pads if fits else None


def _onnx_max_pool(write: OnnxWriter, x: Value, windows: Windows, outputs: int) -> tuple[str, ...]:
    """The maxima and, as a second output, where they are in the flat (and maybe padded) image."""
    image, pads = onnx_padded(write, x, windows, stated_pads(windows), -math.inf)
    written = windows.onnx_attributes()
    return write.nodes("MaxPool", image, outputs=outputs, since=12, pads=pads, **written)


def _onnx_cut(write: OnnxWriter, image: str, x: Value, windows: Windows) -> str:
    """The image without its padding, where that is not an attribute."""
    if stated_pads(windows) is not None:
        return image
    lows, highs = zip(*windows.pads, strict=True)
    cut = write.sizes((0, 0, *(-low for low in lows), 0, 0, *(-high for high in highs)))
    return write.node("Pad", image, cut, write.constant(0.0, x.dtype), since=13)


# ----------------------------------------------------------------------------------- public functions


def max_pool(
    x: Any,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> Value:
    """The largest element of each window of images `x` (N, C, …), in any number of dimensions of space.

    `kernel`, `stride` (the kernel by default), `padding` and `dilation` are as in `conv`; padding is less
    than anything. With `ceil_mode` a last window may reach over the end. The first largest element of a
    window, in row-major order, gets the derivative. Raises ShapeError where no window fits, or one sees
    padding only.

    >>> from irgraph import constant, evaluate
    >>> evaluate(max_pool(constant([[[1.0, 3.0, 2.0, 0.0]]]), 2))
    array([[[3., 2.]]], dtype=float32)
    """
    x = as_value(x)
    return MaxPool(read_pool("max_pool", x, kernel, stride, padding, dilation, ceil_mode)[0])(x)


def global_max_pool(x: Any) -> Value:
    """The largest element of all of space: (N, C, …) to (N, C, 1, …). Elements that tie share the derivative,
    as in `max`.

    >>> from irgraph import input
    >>> global_max_pool(input("x", ("batch", 8, "height", "width")))
    <a result of max : float32[batch, 8, 1, 1]>
    """
    x = as_value(x)
    return reduce.max(x, space_of("global_max_pool", x), keepdims=True)


def space_of(what: str, x: Value) -> range:
    """The axes of space. Raises ShapeError where there are none."""
    if x.ndim < 3:
        raise ShapeError(explain(f"{what} of {x!r}", "images (N, C, …)", here()))
    return range(2, x.ndim)


def read_pool(
    what: str, x: Value, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Windows, Pads]:
    """The windows of a pool, and the pads as they were written: `ceil_mode` adds to them."""
    sizes = x.shape[2:]
    rank = len(space_of(what, x))
    lengths = per_axis(what, "kernel", kernel, rank, least=1)
    windows = read_windows(what, sizes, lengths, lengths if stride is None else stride, padding, dilation)
    pads = windows.pads
    for span, pair in zip(windows.spans, pads, strict=True):
        if any(isinstance(size, int) and size >= span for size in pair):
            found = f"{what} with padding {padding!r} and windows of {windows.spans}"
            raise ShapeError(explain(found, "less padding, so that each window sees the image", here()))
    return (windows.rounded_up(sizes) if ceil_mode else windows), pads
