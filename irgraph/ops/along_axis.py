"""One element for each position: take_along_axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Shape, Size, same_size
from ..errors import ShapeError, explain
from ..local_jacobian import ZERO, Grid, Labels, Pick, Terms, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, int64, normalize_axis
from ..value import Node, Value
from .indexing import Gather
from .operands import as_value
from .positions import as_index, common_shape
from .requirements import require_dtype
from .shape import broadcast_to, transpose


def along_axis_terms(x: Value, index: Value, axis: int) -> Terms:
    """The terms of `x[…, index[…, k, …], …]`: all axes but one are shared."""
    i = labels(x)
    out = Labels((*i[:axis], labels(index)[axis], *i[axis + 1 :]))
    return term(out, i, Pick(index, out, i[axis]))


def along_axis_shape(x: TensorType, index: TensorType, axis: int) -> Shape:
    """The index's shape. Raises ShapeError unless it is that of `x` on all axes but one."""
    require_dtype("indices of an integer dtype", lambda dtype: dtype.is_integer, index)
    sizes: list[Size] = []
    if x.rank == index.rank:
        for a, (size, other) in enumerate(zip(x.shape, index.shape, strict=True)):
            common = other if a == axis else same_size(size, other)
            if common is not None:
                sizes.append(common)
    if len(sizes) != x.rank or x.rank != index.rank:
        raise ShapeError(explain(f"{x} and the index {index}", f"equal sizes on all axes but {axis}"))
    return tuple(sizes)


@final
@dataclass(frozen=True)
class TakeAlongAxis(Op):
    """For each position of the index the element of its row at that place of the axis."""

    name: ClassVar[str] = "take_along_axis"
    takes_complex: ClassVar[bool] = True
    axis: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0].with_shape(along_axis_shape(inputs[0], inputs[1], self.axis)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        x, index = inputs
        return [[along_axis_terms(x, index, self.axis), ZERO]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, index = inputs
        last = x.ndim - 1
        order = [*(a for a in range(x.ndim) if a != self.axis), self.axis]
        if self.axis == last:
            return (Gather(last, last)(x, index),)
        taken = Gather(last, last)(transpose(x, order), transpose(index, order))
        return (transpose(taken, [order.index(a) for a in range(x.ndim)]),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x, index = map(write.read, node.inputs)
        return [write.node("GatherElements", x, write.cast(index, int64), since=13, axis=self.axis)]


def along_axis_operands(what: str, x: Any, index: Any, axis: int) -> tuple[Value, Value, int]:
    """`x` and an index that repeats to its sizes on all axes but one."""
    x = as_value(x)
    at = normalize_axis(axis, x.ndim)
    index = as_index(index, x.shape[at])
    if index.ndim != x.ndim:
        found = f"{what} of {x!r} with the index {index!r}"
        raise ShapeError(explain(found, "an index of the same rank", here()))
    shape = common_shape(what, _without(x.shape, at), _without(index.shape, at))
    x = broadcast_to(x, (*shape[:at], x.shape[at], *shape[at:]))
    return x, broadcast_to(index, (*shape[:at], index.shape[at], *shape[at:])), at


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def take_along_axis(x: Any, index: Any, axis: int = -1) -> Value:
    """`x[i, index[i, k]]` for every row i, as numpy.take_along_axis: what argsort and argmax index.

    The axes other than `axis` broadcast. A known negative index counts from the end; what is out of range
    when the graph runs is an error.

    >>> from irgraph import argsort, constant, evaluate
    >>> x = constant([[3.0, 1.0], [0.0, 2.0]])
    >>> evaluate(take_along_axis(x, argsort(x)))
    array([[1., 3.], [0., 2.]], dtype=float32)
    """
    x, index, at = along_axis_operands("take_along_axis", x, index, axis)
    return TakeAlongAxis(at)(x, index)
