"""Pooling: the mean of each window of an image, as a mean over tiles or a convolution with ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Shape, Size
from ..errors import ShapeError, explain
from ..onnx_writer import OnnxWriter
from ..origin import here
from ..types import DType, TensorType, int64
from ..value import Node, Value
from .comparison import maximum, minimum
from .constants import Full, arange, full
from .conv import Conv
from .operands import as_float, as_value
from .pooling import Pool, read_pool, space_of, stated_pads
from .reduce import Mean, mean
from .requirements import require_float
from .shape import reshape
from .windows import Pads, per_axis


@final
@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of each window: the sum over what counts of it: the image and `counted` of the padding.

    `counted` are pairs (before, after), as `windows.pads` are.
    """

    name: ClassVar[str] = "average_pool"
    counted: Pads

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(self.name, *inputs)
        return (self.pooled(inputs[0]),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        windows, kernel = self.windows, self.windows.kernel
        sizes, counts = x.shape[2:], windows.over(x.shape[2:])
        exact = all(count * k == size for count, k, size in zip(counts, kernel, sizes, strict=True))
        if exact and windows.strides == kernel and windows.unpadded:
            pairs = [size for pair in zip(counts, kernel, strict=True) for size in pair]
            tiles = reshape(x, (*x.shape[:2], *pairs))
            return (Mean(tuple(range(3, tiles.ndim, 2)))(tiles),)
        planes = reshape(x, (x.shape[0] * x.shape[1], 1, *sizes))
        summed = Conv(windows, 1)(planes, full((1, 1, *kernel), 1.0, x.dtype))
        return (reshape(summed, (*x.shape[:2], *counts)) * (1.0 / self.divisor(sizes, x.dtype)),)

    def divisor(self, sizes: Shape, dtype: DType) -> Value:
        """How many positions of each window count, in a shape that broadcasts."""
        found: Value = full((), 1.0, dtype)
        for axis, (size, (before, after)) in enumerate(zip(sizes, self.counted, strict=True)):
            windows = self.windows
            if windows.pads[axis] == (before, after):
                found = found * float(windows.kernel[axis])
                continue
            starts = arange(windows.over(sizes)[axis]) * windows.strides[axis] - _number(
                windows.pads[axis][0]
            )
            ends = minimum(starts + windows.kernel[axis], _number(size + after))
            along = (ends - maximum(starts, _number(-before))).astype(dtype)
            found = found * reshape(along, (along.shape[0], *(1,) * (windows.rank - axis - 1)))
        return found

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        pads = stated_pads(self.windows)
        padding_counts = self.counted == self.windows.pads
        if pads is None or not (padding_counts or all(pair == (0, 0) for pair in self.counted)):
            return None
        written = self.windows.onnx_attributes("dilations")
        x = write.read(node.inputs[0])
        counts = int(padding_counts)
        return [write.node("AveragePool", x, since=11, pads=pads, count_include_pad=counts, **written)]


def _number(size: Size) -> Value:
    return Full(1, TensorType(int64, ()), times=size)()


def average_pool(
    x: Any,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Value:
    """The mean of each window of images `x` (N, C, …), in any number of dimensions of space.

    Padding counts as zeros, or not at all with `count_include_pad=False`. All else is as in `max_pool`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(average_pool(constant([[[1.0, 3.0, 2.0, 0.0]]]), 2))
    array([[[2., 1.]]], dtype=float32)
    """
    x = as_float(x)
    windows, pads = read_pool("average_pool", x, kernel, stride, padding, 1, ceil_mode)
    return AveragePool(windows, pads if count_include_pad else ((0, 0),) * windows.rank)(x)


def adaptive_average_pool(x: Any, sizes: int | Sequence[int]) -> Value:
    """The means of as many equal parts of an image as `sizes` says for each axis of space.

    Raises ShapeError where a size of the image is named or no multiple.

    >>> from irgraph import input
    >>> adaptive_average_pool(input("x", ("batch", 8, 6, 4)), (3, 1))
    <a result of average_pool : float32[batch, 8, 3, 1]>
    """
    x = as_float(x)
    wanted = per_axis("adaptive_average_pool", "sizes", sizes, max(x.ndim - 2, 1), least=1)
    known = [size for size in x.shape[2:] if isinstance(size, int) and size > 0]
    if len(known) != len(wanted) or any(size % part for size, part in zip(known, wanted, strict=True)):
        found = f"adaptive_average_pool to {wanted} of {x!r}"
        raise ShapeError(explain(found, "known sizes that are multiples of these", here()))
    return average_pool(x, tuple(size // part for size, part in zip(known, wanted, strict=True)))


def global_average_pool(x: Any) -> Value:
    """The mean over all of space: (N, C, …) to (N, C, 1, …).

    >>> from irgraph import input
    >>> global_average_pool(input("x", ("batch", 8, "height", "width")))
    <a result of mean : float32[batch, 8, 1, 1]>
    """
    x = as_value(x)
    return mean(x, space_of("global_average_pool", x), keepdims=True)
