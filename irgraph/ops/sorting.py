"""Order: sort, argsort, topk, searchsorted, and the quantiles that follow from a sort.

Equal elements keep their order, in both directions, and NaN counts as larger than every number. The
values are gathered by the order, so a derivative goes to the elements that were chosen: where several are
equal, to the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Size, as_shape, at_least, estimate, product
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import ZERO, Grid, Terms
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import TensorType, bool_, float32, float64, int32, int64, normalize_axes, normalize_axis
from ..value import Node, Value
from .along_axis import along_axis_terms, take_along_axis
from .comparison import equal, less, less_equal, where
from .constants import Full
from .indexing import gather
from .operands import as_float, as_value, operands
from .reduce import Axes, reduced_shape, sum
from .requirements import require_dtype
from .rounding import ceil, floor
from .shape import expand_dims, reshape, transpose
from .slicing import Slice

_SORTED_BY_ONNX = (float32, float64, int32, int64)  # what ONNX Runtime's TopK takes


@dataclass(frozen=True)
class _Ordering(Op):
    axis: int
    descending: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        return (self.ordered(inputs[0]),)

    def ordered(self, x: TensorType) -> TensorType:
        """The type of the result."""
        return x

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return _sorting_cost(inputs[0], self.axis, outputs)


def _sorting_cost(x: TensorType, axis: int, outputs: Sequence[TensorType]) -> Cost:
    """n log2 n comparisons for each row of n, the logarithm taken of the estimated size."""
    rounds = max(1, (max(1, estimate(x.shape[axis])) - 1).bit_length())
    moved: Size = x.nbytes
    for type in outputs:
        moved = moved + type.nbytes
    return Cost(x.size * rounds, moved)


def _onnx_topk(write: OnnxWriter, x: Value, axis: int, k: Size, largest: bool) -> tuple[str, str]:
    """ONNX breaks ties by the lower index, too."""
    dtype = x.dtype if x.dtype in _SORTED_BY_ONNX else int64
    values, indices = write.nodes(
        "TopK",
        write.cast(write.read(x), dtype),
        write.sizes((k,)),
        outputs=2,
        since=11,
        axis=axis,
        largest=int(largest),
        sorted=1,
    )
    return write.cast(values, x.dtype), indices


@final
class Argsort(_Ordering):
    """The positions of the elements in order."""

    name: ClassVar[str] = "argsort"

    def ordered(self, x: TensorType) -> TensorType:
        return x.with_dtype(int64)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = node.inputs[0]
        return [_onnx_topk(write, x, self.axis, x.shape[self.axis], self.descending)[1]]


@final
class Sort(_Ordering):
    """The elements in order along an axis."""

    name: ClassVar[str] = "sort"

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        (x,) = inputs
        return [[along_axis_terms(x, Argsort(self.axis, self.descending)(x), self.axis)]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (take_along_axis(x, Argsort(self.axis, self.descending)(x), self.axis),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = node.inputs[0]
        return [_onnx_topk(write, x, self.axis, x.shape[self.axis], self.descending)[0]]


@final
@dataclass(frozen=True)
class TopK(Op):
    """The k largest (or smallest) elements along an axis in order, and where they were."""

    name: ClassVar[str] = "topk"
    k: Size
    axis: int
    largest: bool = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, x)
        if not (at_least(self.k, 0) and at_least(x.shape[self.axis], self.k)):
            raise ShapeError(
                explain(f"k = {self.k} of {x}", f"0 to {x.shape[self.axis]} for axis {self.axis}")
            )
        shape = (*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :])
        return (x.with_shape(shape), TensorType(int64, shape))

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        towards_x: Terms = along_axis_terms(inputs[0], outputs[1], self.axis)
        return [[towards_x], [ZERO]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return _sorting_cost(inputs[0], self.axis, outputs)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        order = Argsort(self.axis, self.largest)(x)
        shape = (*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :])
        first = Slice((0,) * x.ndim, (1,) * x.ndim, shape)(order) if shape != x.shape else order
        return take_along_axis(x, first, self.axis), first

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return _onnx_topk(write, node.inputs[0], self.axis, self.k, self.largest)


@final
@dataclass(frozen=True)
class SearchSorted(Op):
    """For each value how many elements of a sorted vector come before it."""

    name: ClassVar[str] = "searchsorted"
    right: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        row, values = inputs
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, row, values)
        if row.dtype != values.dtype:
            raise DTypeError(explain(f"{row} and {values}", "one dtype", do="Cast one of them."))
        if row.rank != 1:
            raise ShapeError(explain(f"{row} to search in", "a sorted vector"))
        return (values.with_dtype(int64),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO, ZERO]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        row, values = inputs
        column = expand_dims(values, -1)
        before = less_equal(row, column) if self.right else less(row, column)
        return (sum(before.astype(int64), axis=-1),)


def argsort(x: Any, axis: int = -1, descending: bool = False) -> Value:
    """The int64 positions that put `x` in order along `axis`; equal elements keep their order.

    >>> from irgraph import constant, evaluate
    >>> x = constant([2, 1, 2, 0])
    >>> evaluate([argsort(x), argsort(x, descending=True)])
    [array([3, 1, 0, 2]), array([0, 2, 1, 3])]
    """
    x = as_value(x)
    return Argsort(normalize_axis(axis, x.ndim), bool(descending))(x)


def sort(x: Any, axis: int = -1, descending: bool = False) -> Value:
    """The elements of `x` in order along `axis`; NaN counts as the largest.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sort(constant([[3, 1], [0, 2]])))
    array([[1, 3], [0, 2]])
    """
    x = as_value(x)
    return Sort(normalize_axis(axis, x.ndim), bool(descending))(x)


def topk(x: Any, k: Size, axis: int = -1, largest: bool = True) -> tuple[Value, Value]:
    """The `k` largest (or smallest) elements along `axis`, in order, and their int64 positions.

    Of equal elements the one at the lower position comes first, as in ONNX. Raises ShapeError where the
    axis has fewer than `k`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(topk(constant([1.0, 3.0, 2.0, 3.0]), 2))
    [array([3., 3.], dtype=float32), array([1, 3])]
    """
    x = as_value(x)
    values, positions = Node(TopK(_count(k), normalize_axis(axis, x.ndim), bool(largest)), [x]).outputs
    return values, positions


def _count(k: Any) -> Size:
    sizes = as_shape(k)
    if len(sizes) != 1:
        raise ShapeError(explain(f"k = {k!r}", "one number", here()))
    return sizes[0]


def searchsorted(row: Any, values: Any, side: str = "left") -> Value:
    """Where `values` would be inserted into the vector `row`, which must be sorted; as numpy.searchsorted.

    `side`: before ("left") or after ("right") the elements that are equal. The result is int64.

    >>> from irgraph import constant, evaluate
    >>> evaluate(searchsorted(constant([1.0, 2.0, 2.0]), constant([0.5, 2.0, 9.0])))
    array([0, 1, 3])
    """
    if side not in ("left", "right"):
        raise ShapeError(explain(f"side={side!r}", '"left" or "right"', here()))
    row, values = operands("searchsorted", row, values)
    return SearchSorted(side == "right")(row, values)


def quantile(x: Any, q: float, axis: Axes = None, keepdims: bool = False) -> Value:
    """The `q`-quantile over some axes (all by default), linear between two elements, as numpy.quantile.

    `q` is a number from 0 to 1. Hyndman and Fan, "Sample quantiles in
    statistical packages", 1996, definition 7. A NaN anywhere makes the result NaN.

    >>> from irgraph import constant, evaluate
    >>> evaluate(quantile(constant([1.0, 2.0, 4.0, 8.0]), 0.5))
    array(3., dtype=float32)
    """
    if not isinstance(q, (int, float)) or not 0 <= q <= 1:
        raise ShapeError(explain(f"q = {q!r}", "a number from 0 to 1", here()))
    return _quantile(x, float(q), axis, keepdims)


def median(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """The middle element over some axes (all by default), or the mean of the two middle ones.

    >>> from irgraph import constant, evaluate
    >>> evaluate(median(constant([[5.0, 1.0, 3.0], [1.0, 2.0, 9.0]]), axis=1))
    array([3., 2.], dtype=float32)
    """
    return _quantile(x, 0.5, axis, keepdims)


def _quantile(x: Any, q: float, axis: Axes, keepdims: bool) -> Value:
    x = as_float(x)
    axes = normalize_axes(axis, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    count = product(x.shape[a] for a in axes)
    if not at_least(count, 1):
        raise ShapeError(explain(f"{x!r} over the axes {axes}", "at least one element", here()))
    rows = Sort(len(kept))(reshape(transpose(x, (*kept, *axes)), (*(x.shape[a] for a in kept), count)))
    place = Full(q, TensorType(float64, ()), times=count - 1)()
    low = floor(place)
    below, above = (gather(rows, at.astype(int64), len(kept)) for at in (low, ceil(place)))
    weight = (place - low).astype(x.dtype)
    between = below + (above - below) * weight
    result = where(equal(weight, 0.0), below, between)  # not inf - inf where one element is all
    largest = reshape(_last(rows), result.shape)
    return reshape(where(equal(largest, largest), result, largest), reduced_shape(x.type, axes, keepdims))


def _last(rows: Value) -> Value:
    """The last of each row: NaN where there is any."""
    *lead, count = rows.shape
    return Slice((*[0] * len(lead), count - 1), (1,) * rows.ndim, (*lead, 1))(rows)
