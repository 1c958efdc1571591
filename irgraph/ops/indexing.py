"""Run-time indices: gather, scatter_add, one_hot.

What a user builds checks that indices are in range; the primitives `take` and `add_at` below, into
which they expand, rely on that. One check serves all uses of an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from ..dims import Shape, Size, as_shape, product, same_size
from ..errors import ShapeError, explain
from ..layout import Layout
from ..local_jacobian import ZERO, Grid, Labels, Pick, Terms, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..origin import here
from ..types import DType, TensorType, as_dtype, int64, normalize_axis
from ..value import Node, Value
from .constants import Full, arange
from .operands import as_value
from .positions import as_index
from .requirements import moving, require_dtype
from .shape import expand_dims, reshape, transpose


def _require_index(index: TensorType) -> None:
    require_dtype("indices of an integer dtype", lambda dtype: dtype.is_integer, index)


def pick_terms(x: Value, index: Value, axis: int, batch_dims: int) -> Terms:
    """The terms of gathering from `x`; those of scatter_add are their transpose."""
    i = labels(x)
    at = Labels((*i[:batch_dims], *labels(index)[batch_dims:]))
    out = Labels((*i[:axis], *at[batch_dims:], *i[axis + 1 :]))
    return term(out, i, Pick(index, at, i[axis]))


@final
@dataclass(frozen=True)
class CheckIndex(Op):
    """The index itself, once every element is known to be in 0 … size - 1.

    `failure` is what the error says instead of the index and the sizes, where the index is not the user's.
    """

    name: ClassVar[str] = "check_index"
    checks: ClassVar[bool] = True
    size: Size
    failure: str = ""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        _require_index(inputs[0])
        return inputs

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return Cost(0, inputs[0].nbytes)

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout:
        return input

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        """Nothing: ONNX's ops check their indices, though they read negative ones from the end."""
        return [write.read(node.inputs[0])]


def _onnx_index(write: OnnxWriter, index: Value) -> str:
    """Indices of the one dtype that all ONNX ops take."""
    return write.cast(write.read(index), int64)


def _onnx_column(write: OnnxWriter, index: Value) -> str:
    """Indices as tuples of one."""
    return write.node("Unsqueeze", _onnx_index(write, index), write.constant([-1], int64), since=13)


@final
@dataclass(frozen=True)
class Take(Op):
    """x[index] on one axis, for indices that were checked."""

    name: ClassVar[str] = "take"
    moves: ClassVar[bool] = True
    axis: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, index = inputs
        _require_index(index)
        return (x.with_shape((*x.shape[: self.axis], *index.shape, *x.shape[self.axis + 1 :])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        x, index = inputs
        return [[pick_terms(x, index, self.axis, 0), ZERO]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        return moving(inputs, outputs)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, index = node.inputs
        return [write.node("Gather", write.read(x), _onnx_index(write, index), axis=self.axis)]


@final
@dataclass(frozen=True)
class AddAt(Op):
    """Zeros of `size` rows; `out[index[k]] += updates[k]` for every k, on the first axis."""

    name: ClassVar[str] = "add_at"
    takes_complex: ClassVar[bool] = True
    size: Size

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        updates, index = inputs
        _require_index(index)
        _require_picked(updates, index, 0, 0)
        return (updates.with_shape((self.size, *updates.shape[index.rank :])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[pick_terms(outputs[0], inputs[1], 0, 0).T, ZERO]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        """One sum for each update."""
        return Cost(inputs[0].size, moving(inputs, outputs).nbytes)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        updates, index = node.inputs
        (out,) = node.outputs
        blank = write.node("Expand", write.constant(0, out.dtype), write.sizes(out.shape), since=8)
        column = _onnx_column(write, index)
        return [write.node("ScatterND", blank, column, write.read(updates), since=16, reduction="add")]


@final
@dataclass(frozen=True)
class Gather(Op):
    """x at run-time positions of one axis; leading `batch_dims` axes are shared with the index."""

    name: ClassVar[str] = "gather"
    takes_complex: ClassVar[bool] = True
    axis: int
    batch_dims: int = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, index = inputs
        _require_index(index)
        _require_batch(x.shape, index.shape, self.batch_dims)
        return (
            x.with_shape((*x.shape[: self.axis], *index.shape[self.batch_dims :], *x.shape[self.axis + 1 :])),
        )

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        x, index = inputs
        return [[pick_terms(x, index, self.axis, self.batch_dims), ZERO]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, index = inputs
        b, axis, size = self.batch_dims, self.axis, x.shape[self.axis]
        index = CheckIndex(size)(index)
        if b == 0:
            return (Take(axis)(x, index),)
        order = (*range(b), axis, *range(b, axis), *range(axis + 1, x.ndim))
        rows = transpose(x, order) if axis != b else x
        flat = reshape(rows, (product(rows.shape[: b + 1]), *rows.shape[b + 1 :]))
        taken = Take(0)(flat, _flat_index(index, size, b))
        moved = tuple(range(index.ndim, index.ndim + axis - b))
        back = (*range(b), *moved, *range(b, index.ndim), *range(index.ndim + axis - b, taken.ndim))
        return (transpose(taken, back) if moved else taken,)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        x, index = node.inputs
        if self.batch_dims == 0:
            return [write.node("Gather", write.read(x), _onnx_index(write, index), axis=self.axis)]
        if self.batch_dims != self.axis:
            return None
        column = _onnx_column(write, index)
        return [write.node("GatherND", write.read(x), column, since=12, batch_dims=self.batch_dims)]


@final
@dataclass(frozen=True)
class ScatterAdd(Op):
    """Zeros; the updates are added at run-time positions of one axis: the transpose of gather."""

    name: ClassVar[str] = "scatter_add"
    takes_complex: ClassVar[bool] = True
    axis: int
    size: Size
    batch_dims: int = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        updates, index = inputs
        _require_index(index)
        _require_batch(updates.shape, index.shape, self.batch_dims)
        _require_picked(updates, index, self.axis, self.batch_dims)
        after = self.axis + index.rank - self.batch_dims
        return (updates.with_shape((*updates.shape[: self.axis], self.size, *updates.shape[after:])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[pick_terms(outputs[0], inputs[1], self.axis, self.batch_dims).T, ZERO]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        updates, index = inputs
        b, axis = self.batch_dims, self.axis
        index = CheckIndex(self.size)(index)
        picked = index.ndim - b
        order = (*range(b), *range(axis, axis + picked), *range(b, axis), *range(axis + picked, updates.ndim))
        moved = transpose(updates, order) if axis != b else updates
        batch = updates.shape[:b]
        rows = AddAt(product(batch) * self.size)(moved, _flat_index(index, self.size, b) if b else index)
        split = reshape(rows, (*batch, self.size, *rows.shape[1:]))
        back = (*range(b), *range(b + 1, axis + 1), b, *range(axis + 1, split.ndim))
        return (transpose(split, back) if axis != b else split,)


def _require_batch(x: Shape, index: Shape, batch_dims: int) -> None:
    if any(same_size(a, b) is None for a, b in zip(x[:batch_dims], index[:batch_dims], strict=True)):
        raise ShapeError(explain(f"shapes {x} and {index}", f"the same first {batch_dims} sizes"))


def _require_picked(updates: TensorType, index: TensorType, axis: int, batch_dims: int) -> None:
    """Raise ShapeError unless the updates have the index's axes from `axis` on."""
    picked = index.shape[batch_dims:]
    at = updates.shape[axis : axis + len(picked)]
    if len(at) != len(picked) or any(same_size(a, b) is None for a, b in zip(at, picked, strict=True)):
        raise ShapeError(
            explain(f"updates {updates} and index {index}", "the index's axes among the updates'")
        )


def _flat_index(index: Value, size: Size, batch_dims: int) -> Value:
    """Indices into the rows of a batch laid end to end."""
    index = index.astype(int64)
    batch = index.shape[:batch_dims]
    count = product(batch)
    first = arange(count) * Full(1, TensorType(int64, ()), times=size)()
    return index + reshape(first, (*batch, *[1] * (index.ndim - batch_dims)))


@final
@dataclass(frozen=True)
class OneHot(Op):
    """1 where the last axis equals the index, else 0."""

    name: ClassVar[str] = "one_hot"
    size: Size
    dtype: DType

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        _require_index(inputs[0])
        return (TensorType(self.dtype, (*inputs[0].shape, self.size)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        from .comparison import equal

        index = CheckIndex(self.size)(inputs[0])
        if not isinstance(self.size, int) or self.size - 1 > np.iinfo(index.dtype.numpy).max:
            index = index.astype(int64)  # more classes than its dtype can count
        return (equal(expand_dims(index, -1), arange(self.size, index.dtype)).astype(self.dtype),)


def gather(x: Any, index: Any, axis: int = 0, batch_dims: int = 0) -> Value:
    """The slices of `x` at the positions `index` of `axis`, as numpy.take.

    The index's axes (after the first `batch_dims`, which both share) stand where `axis` was. An index
    outside 0 … size - 1 raises an error when the graph runs; only known negative ones count from the end.

    >>> from irgraph import constant, evaluate
    >>> evaluate(gather(constant([[1, 2], [3, 4]]), [1, 1, 0]))
    array([[3, 4], [3, 4], [1, 2]])
    """
    x = as_value(x)
    at = normalize_axis(axis, x.ndim)
    index = as_index(index, x.shape[at])
    _check_batch_dims(batch_dims, at, index)
    return Gather(at, batch_dims)(x, index)


def scatter_add(updates: Any, index: Any, size: Size | str, axis: int = 0, batch_dims: int = 0) -> Value:
    """Zeros with `size` positions on `axis`, where each update is added at its index; repeats add up.

    >>> from irgraph import constant, evaluate
    >>> evaluate(scatter_add(constant([1.0, 2.0, 3.0]), [2, 0, 2], size=4))
    array([2., 0., 4., 0.], dtype=float32)
    """
    updates, index = as_value(updates), as_value(index)
    at = normalize_axis(axis, updates.ndim)
    _check_batch_dims(batch_dims, at, index)
    return ScatterAdd(at, as_shape(size)[0], batch_dims)(updates, index)


def _check_batch_dims(batch_dims: int, axis: int, index: Value) -> None:
    most = min(axis, index.ndim)
    if not 0 <= batch_dims <= most:
        raise ShapeError(explain(f"batch_dims {batch_dims}", f"0 to {most} for axis {axis}", here()))


def one_hot(index: Any, size: Size | str, dtype: object = "float32") -> Value:
    """Vectors of `size` that are 1 at the index and 0 elsewhere, on a new last axis.

    >>> from irgraph import constant, evaluate
    >>> evaluate(one_hot([2, 0], 3))
    array([[0., 0., 1.], [1., 0., 0.]], dtype=float32)
    """
    return OneHot(as_shape(size)[0], as_dtype(dtype))(as_value(index))
