"""Products over axes, and running products, whose derivatives are right where elements are 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Size, product
from ..local_jacobian import Grid, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..types import TensorType, bool_, int64, normalize_axes, normalize_axis
from ..value import Node, Value
from .comparison import equal, greater_equal, where
from .constants import arange, full
from .operands import as_value
from .reduce import Axes, Reduction
from .requirements import require_dtype
from .shape import expand_dims, reshape, transpose
from .slicing import concatenate


@final
class Prod(Reduction):
    """The product."""

    name: ClassVar[str] = "prod"

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        (x,) = inputs
        i = labels(x)
        return [[term(i.drop(self.axes, self.keepdims), i, (_product_of_the_others(x, self.axes), i))]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return self.export_as("ReduceProd", write, node, since=18)


def _product_of_the_others(x: Value, axes: tuple[int, ...]) -> Value:
    """For each element the product of all others over the axes: by multiplication alone, since an element
    may be 0."""
    order = [*(axis for axis in range(x.ndim) if axis not in axes), *axes]
    count = product(x.shape[axis] for axis in axes)
    kept = tuple(x.shape[axis] for axis in order[: x.ndim - len(axes)])
    rows = reshape(_ordered(x, order), (*kept, count))
    others = _by_halves(rows, count) if isinstance(count, int) else _by_pairs(rows, count)
    back = [order.index(axis) for axis in range(x.ndim)]
    return _ordered(reshape(others, tuple(x.shape[axis] for axis in order)), back)


def _ordered(x: Value, axes: list[int]) -> Value:
    return x if axes == sorted(axes) else transpose(x, axes)


def _by_halves(rows: Value, count: int) -> Value:
    """Products of pairs, of pairs of pairs, …; then down again, each one times its neighbour. O(n)."""
    if count <= 1:
        return full(rows.shape, 1, rows.dtype)
    half = (count + 1) // 2
    if count % 2:
        rows = concatenate([rows, full((*rows.shape[:-1], 1), 1, rows.dtype)], axis=-1)
    first, second = rows[..., :half], rows[..., half:]
    around = _by_halves(first * second, half)
    return concatenate([around * second, around * first], axis=-1)[..., :count]


def _by_pairs(rows: Value, count: Size) -> Value:
    """Of a size that has a name only: each element times all others, a matrix for each row. O(n²)."""
    position = arange(count)
    itself = equal(expand_dims(position, 1), position)
    return Prod((rows.ndim,))(where(itself, full((), 1, rows.dtype), expand_dims(rows, -2)))


@final
@dataclass(frozen=True)
class Cumprod(Op):
    """The product of the elements so far along an axis."""

    name: ClassVar[str] = "cumprod"
    axis: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        return inputs

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """Each times the one 1, 2, 4, … before it (Hillis and Steele 1986), O(n log n); where the size has
        a name only, a product for each, O(n²)."""
        (x,) = inputs
        size = x.shape[self.axis]
        one = full((), 1, x.dtype)
        if not isinstance(size, int):
            position = arange(size)
            so_far = greater_equal(expand_dims(position, 1), position)
            so_far = reshape(so_far, (size, size, *[1] * (x.ndim - self.axis - 1)))
            return (Prod((self.axis + 1,))(where(so_far, expand_dims(x, self.axis), one)),)
        lead, before = (slice(None),) * self.axis, 1
        while before < size:
            ahead = full((*x.shape[: self.axis], before, *x.shape[self.axis + 1 :]), 1, x.dtype)
            x = x * concatenate([ahead, x[(*lead, slice(0, size - before))]], axis=self.axis)
            before *= 2
        return (x,)


def prod(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """The product over some axes (all by default), 1 over no elements; integers and bools as int64.

    Derivatives of every order are right where elements are 0. They take O(n) for an axis of n elements, and
    O(n²) where n is a named dim.

    >>> from irgraph import constant, evaluate
    >>> evaluate(prod(constant([[1.0, 2.0], [3.0, 4.0]]), axis=0))
    array([3., 8.], dtype=float32)
    """
    x = as_value(x)
    if not x.dtype.is_float:
        x = x.astype(int64)
    return Prod(normalize_axes(axis, x.ndim), keepdims)(x)


def cumprod(x: Any, axis: int = -1) -> Value:
    """The running product along `axis`; integers and bools as int64.

    Derivatives are right where elements are 0. They take O(n log n) for an axis of n elements, and O(n³)
    where n is a named dim.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cumprod(constant([1.0, 2.0, 3.0])))
    array([1., 2., 6.], dtype=float32)
    """
    x = as_value(x)
    if not x.dtype.is_float:
        x = x.astype(int64)
    return Cumprod(normalize_axis(axis, x.ndim))(x)
