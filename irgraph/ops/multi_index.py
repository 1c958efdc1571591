"""Indices on several axes at once: gather_nd, and NumPy's indexing with arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Shape, Size, product, same_size
from ..errors import ShapeError, explain
from ..local_jacobian import ZERO, Grid, Label, Labels, Pick, Ravel, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, int64
from ..value import Node, Value
from .constants import Full
from .indexing import CheckIndex, Gather, Take, gather
from .operands import as_value
from .positions import as_index, common_shape
from .requirements import require_dtype
from .shape import broadcast_to, expand_dims, reshape, transpose
from .slicing import Slice, concatenate


def depth_of(index: TensorType) -> int:
    """How many axes the tuples on the last axis of an index name. Raises ShapeError for a named number."""
    require_dtype("indices of an integer dtype", lambda dtype: dtype.is_integer, index)
    if not index.rank or not isinstance(index.shape[-1], int):
        raise ShapeError(explain(f"the index {index}", "a last axis of known size: the axes to index"))
    return index.shape[-1]


def flat_index(index: Value, sizes: Shape) -> Value:
    """Row-major positions for the tuples on the last axis of `index`, each checked against its size."""
    lead = index.shape[:-1]
    flat = None
    for axis, size in enumerate(sizes):
        column = Slice((*[0] * len(lead), axis), (1,) * index.ndim, (*lead, 1))(index)
        checked = CheckIndex(size)(reshape(column, lead)).astype(int64)
        scaled = times_size(checked, product(sizes[axis + 1 :]))
        flat = scaled if flat is None else flat + scaled
    return Full(0, TensorType(int64, lead))() if flat is None else flat


def times_size(index: Value, size: Size) -> Value:
    """An index times a size, which may be named."""
    return index if size == 1 else index * Full(1, TensorType(int64, ()), times=size)()


@final
@dataclass(frozen=True)
class GatherNd(Op):
    """x at tuples of run-time positions, on the axes after `batch_dims` that both share."""

    name: ClassVar[str] = "gather_nd"
    takes_complex: ClassVar[bool] = True
    batch_dims: int = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, index = inputs
        b, depth = self.batch_dims, depth_of(index)
        if x.rank < b + depth or index.rank <= b:
            needed = f"at least {b + depth} axes of x, and {b + 1} of the index"
            raise ShapeError(explain(f"{x} and the index {index} with batch_dims {b}", needed))
        pairs = zip(x.shape[:b], index.shape[:b], strict=True)
        if any(same_size(size, other) is None for size, other in pairs):
            raise ShapeError(explain(f"{x} and the index {index}", f"the same first {b} sizes"))
        return (x.with_shape((*x.shape[:b], *index.shape[b:-1], *x.shape[b + depth :])),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        x, index = inputs
        b, end = self.batch_dims, self.batch_dims + depth_of(index.type)
        i, whole = labels(x), Label(product(x.shape[b:end]))
        at = Labels((*i[:b], *labels(index)[b:-1]))
        out = Labels((*at, *i[end:]))
        flat = flat_index(index, x.shape[b:end])
        return [[term(out, i, Pick(flat, at, whole), Ravel(Labels(i[b:end]), Labels((whole,)))), ZERO]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, index = inputs
        b, end = self.batch_dims, self.batch_dims + depth_of(index.type)
        sizes = x.shape[b:end]
        rows = reshape(x, (*x.shape[:b], product(sizes), *x.shape[end:]))
        flat = flat_index(index, sizes)
        return (Gather(b, b)(rows, flat) if b else Take(0)(rows, flat),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        x, index = node.inputs
        if not depth_of(index.type):
            return None  # which ONNX leaves open
        at = write.cast(write.read(index), int64)
        return [write.node("GatherND", write.read(x), at, since=12, batch_dims=self.batch_dims)]


def gather_nd(x: Any, index: Any, batch_dims: int = 0) -> Value:
    """The slices of `x` at the tuples on the last axis of `index`, as ONNX's GatherND.

    A tuple of k names the first k axes after `batch_dims` that both share. What is out of range when the
    graph runs is an error.

    >>> from irgraph import constant, evaluate
    >>> evaluate(gather_nd(constant([[1, 2], [3, 4]]), [[0, 1], [1, 1]]))
    array([2, 4])
    """
    x, index = as_value(x), as_value(index)
    if not 0 <= batch_dims < max(1, index.ndim):
        raise ShapeError(explain(f"batch_dims {batch_dims}", f"0 to {index.ndim - 1}", here()))
    return GatherNd(batch_dims)(x, index)


def index_with_arrays(x: Value, axes: Sequence[int], arrays: Sequence[Any], front: bool) -> Value:
    """`x` indexed with integer arrays on some axes (in order); they broadcast to one shape.

    The axes of that shape stand where the first indexed axis was, or at the front.
    """
    indices = [as_index(array, x.shape[axis]) for axis, array in zip(axes, arrays, strict=True)]
    first = 0 if front else axes[0]
    if len(axes) == 1:
        taken, place = gather(x, indices[0], axes[0]), axes[0]
        rank = indices[0].ndim
    else:
        at = common_shape("indices", *[index.shape for index in indices])
        rank, place = len(at), 0
        columns = [expand_dims(broadcast_to(index.astype(int64), at), -1) for index in indices]
        rest = [axis for axis in range(x.ndim) if axis not in axes]
        taken = GatherNd()(transpose(x, (*axes, *rest)), concatenate(columns, axis=-1))
    if place == first:
        return taken
    indexed = range(place, place + rank)
    order = [axis for axis in range(taken.ndim) if axis not in indexed]
    return transpose(taken, (*order[:first], *indexed, *order[first:]))
