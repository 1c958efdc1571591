"""Diagonals and triangles of matrices."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Size, as_shape
from ..errors import ShapeError, explain
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, int64
from ..value import Node, Value
from .comparison import equal, greater_equal, less_equal, where
from .constants import arange, full
from .diagonal_blocks import take_diagonal
from .operands import as_value
from .rearranging import moveaxis
from .reduce import sum
from .shape import expand_dims
from .slicing import Slice, concatenate


def _distance(rows: Size, columns: Size) -> Value:
    """column - row, for every place of a matrix."""
    return arange(columns) - expand_dims(arange(rows), 1)


@final
@dataclass(frozen=True)
class Triangle(Op):
    """The elements on and above the diagonal k, or on and below it; 0 elsewhere."""

    name: ClassVar[str] = "triangle"
    upper: bool
    k: int = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].rank < 2:
            raise ShapeError(explain(str(inputs[0]), "a matrix, or a batch of them"))
        return inputs

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        distance = _distance(*x.shape[-2:])
        kept = greater_equal(distance, self.k) if self.upper else less_equal(distance, self.k)
        return (where(kept, x, full((), 0, x.dtype)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        k = write.constant(self.k, int64)
        return [write.node("Trilu", write.read(node.inputs[0]), k, since=14, upper=int(self.upper))]


def triu(x: Any, k: int = 0) -> Value:
    """The upper triangle of the last two axes: 0 below the diagonal `k` (1: the one above the main one).

    >>> from irgraph import evaluate, ones
    >>> evaluate(triu(ones((2, 3)), 1))
    array([[0., 1., 1.],
           [0., 0., 1.]], dtype=float32)
    """
    return Triangle(True, k)(as_value(x))


def tril(x: Any, k: int = 0) -> Value:
    """The lower triangle of the last two axes: 0 above the diagonal `k` (-1: the one below the main one).

    >>> from irgraph import evaluate, ones
    >>> evaluate(tril(ones((2, 3))))
    array([[1., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    return Triangle(False, k)(as_value(x))


def eye(rows: Size | str, columns: Size | str | None = None, k: int = 0, dtype: object = "float32") -> Value:
    """1 on the diagonal `k` of a matrix, 0 elsewhere; square unless `columns` is given.

    >>> from irgraph import evaluate
    >>> evaluate(eye(2, 3, 1))
    array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    height, width = as_shape((rows, rows if columns is None else columns))
    return equal(_distance(height, width), k).astype(dtype)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """The elements x[i, i + offset] of two axes, as a last axis.

    Raises ShapeError for named sizes of which it is not known which is the smaller one.

    >>> from irgraph import constant, evaluate
    >>> evaluate(diagonal(constant([[1, 2, 3], [4, 5, 6]]), 1))
    array([2, 6])
    """
    x = as_value(x)
    if x.ndim < 2:
        raise ShapeError(explain(repr(x), "at least two axes for a diagonal", here()))
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    (rows, columns), down, right = x.shape[-2:], builtins.max(-offset, 0), builtins.max(offset, 0)
    count: Size
    if isinstance(rows, int) and isinstance(columns, int):
        count = builtins.max(0, builtins.min(rows - down, columns - right))
    elif rows == columns:
        count = rows - down - right
    else:
        raise ShapeError(explain(f"a diagonal of {x!r}", "sizes in numbers, or two equal ones", here()))
    starts = (*[0] * (x.ndim - 2), down, right)
    shape = (*x.shape[:-2], count, count)
    square = x if shape == x.shape else Slice(starts, (1,) * x.ndim, shape)(x)
    return take_diagonal(square, x.ndim - 1, x.ndim - 2)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Value:
    """The sum of the diagonal of two axes.

    >>> from irgraph import constant, evaluate
    >>> int(evaluate(trace(constant([[1, 2], [3, 4]]))))
    5
    """
    return sum(diagonal(x, offset, axis1, axis2), -1)


def diag(x: Any, k: int = 0) -> Value:
    """The matrix with a vector on its diagonal `k`, or the diagonal `k` of a matrix.

    Raises ShapeError for other ranks.

    >>> from irgraph import constant, evaluate
    >>> evaluate(diag(constant([1, 2])))
    array([[1, 0],
           [0, 2]])
    """
    x = as_value(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(explain(repr(x), "a vector or a matrix", here()))
    size = x.shape[0] + abs(k)
    beside = full((abs(k),), 0, x.dtype)
    column = expand_dims(concatenate([x, beside] if k >= 0 else [beside, x]) if k else x, 1)
    return where(equal(_distance(size, size), k), column, full((), 0, x.dtype))
