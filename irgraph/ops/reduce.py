"""Reductions over axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import Size, at_least, product
from ..errors import ShapeError, explain
from ..local_jacobian import Coefficient, Grid, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Cost, Op
from ..types import TensorType, bool_, int64, normalize_axes, normalize_axis
from ..value import Node, Value, operator
from .constants import scaled_unit
from .operands import as_value
from .requirements import require_dtype, require_float

Axes = int | Sequence[int] | None


@dataclass(frozen=True)
class Reduction(Op):
    """One result for each position of the axes that stay."""

    axes: tuple[int, ...]
    keepdims: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        return (inputs[0].with_shape(reduced_shape(inputs[0], self.axes, self.keepdims)),)

    def reduced(self, x: Value) -> Size:
        """How many elements go into one result."""
        return product(x.shape[axis] for axis in self.axes)

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        """n elements take n - 1 operations."""
        flops = inputs[0].size - outputs[0].size if inputs[0].size != 0 else 0
        return Cost(flops, inputs[0].nbytes + outputs[0].nbytes)

    def export_as(self, op_type: str, write: OnnxWriter, node: Node, since: int) -> Sequence[str]:
        x = write.read(node.inputs[0])
        if not self.axes:  # which ONNX reads as all axes
            return [x]
        axes = write.constant(list(self.axes), int64)
        return [write.node(op_type, x, axes, since=since, keepdims=int(self.keepdims))]


def reduced_shape(x: TensorType, axes: tuple[int, ...], keepdims: bool) -> tuple[Size, ...]:
    """The shape after a reduction."""
    return tuple(
        1 if axis in axes else size for axis, size in enumerate(x.shape) if keepdims or axis not in axes
    )


def _require_elements(x: TensorType, axes: tuple[int, ...]) -> None:
    """Raise ShapeError where nothing is there to choose from; named dims are checked when they are bound."""
    if not all(at_least(x.shape[axis], 1) for axis in axes):
        raise ShapeError(explain(str(x), "at least one element to choose from"))


@final
class Sum(Reduction):
    """The sum."""

    name: ClassVar[str] = "sum"
    takes_complex: ClassVar[bool] = True

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(inputs[0])
        return [[term(i.drop(self.axes, self.keepdims), i)]]

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return self.export_as("ReduceSum", write, node, since=13)


@final
class Mean(Reduction):
    """The sum over the number of elements."""

    name: ClassVar[str] = "mean"
    takes_complex: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(self.name, *inputs)
        return Reduction.infer(self, *inputs)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(inputs[0])
        share = Coefficient(over=self.reduced(inputs[0]))
        return [[share * term(i.drop(self.axes, self.keepdims), i)]]

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        """The sum, and one product for each result."""
        return Cost(inputs[0].size, inputs[0].nbytes + outputs[0].nbytes)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        share = scaled_unit(Coefficient(over=self.reduced(x)), x.dtype)
        return (Sum(self.axes, self.keepdims)(x) * share,)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return self.export_as("ReduceMean", write, node, since=18)


class _Extreme(Reduction):
    """The largest or smallest; where several are, they share the derivative evenly."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        _require_elements(inputs[0], self.axes)
        return Reduction.infer(self, *inputs)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        from .comparison import equal
        from .shape import reshape

        (x,) = inputs
        i = labels(x)
        kept = reduced_shape(x.type, self.axes, keepdims=True)
        hit = equal(x, reshape(outputs[0], kept))
        ties = Sum(self.axes, keepdims=True)(hit.astype(x.dtype))
        out = i.drop(self.axes, self.keepdims)
        return [[term(out, i, (hit, i), (1 / ties, i.against(kept)))]]


@final
class Max(_Extreme):
    """The largest; where several are, they share the derivative evenly."""

    name: ClassVar[str] = "max"

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return self.export_as("ReduceMax", write, node, since=18)


@final
class Min(_Extreme):
    """The smallest; where several are, they share the derivative evenly."""

    name: ClassVar[str] = "min"

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return self.export_as("ReduceMin", write, node, since=18)


@dataclass(frozen=True)
class _Position(Op):
    """The position of an element along one axis, as int64."""

    axis: int
    keepdims: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        _require_elements(inputs[0], (self.axis,))
        return (TensorType(int64, reduced_shape(inputs[0], (self.axis,), self.keepdims)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[[]]]  # type: ignore[list-item]  # integers: never asked for


@final
class Argmax(_Position):
    """The position of the first largest element along one axis, as int64."""

    name: ClassVar[str] = "argmax"

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = write.read(node.inputs[0])
        return [write.node("ArgMax", x, since=13, axis=self.axis, keepdims=int(self.keepdims))]


@final
class Argmin(_Position):
    """The position of the first smallest element along one axis, as int64."""

    name: ClassVar[str] = "argmin"

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        x = write.read(node.inputs[0])
        return [write.node("ArgMin", x, since=13, axis=self.axis, keepdims=int(self.keepdims))]


@operator("sum")
def sum(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """The sum over some axes (all by default). Integers and bools are summed as int64.

    Raises ShapeError for an axis that is not there or named twice.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sum(constant([[1.0, 2.0], [3.0, 4.0]]), axis=0))
    array([4., 6.], dtype=float32)
    """
    x = as_value(x)
    if not x.dtype.is_inexact:
        x = x.astype(int64)
    return Sum(normalize_axes(axis, x.ndim), keepdims)(x)


@operator("mean")
def mean(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """The mean over some axes (all by default); integers and bools become float32 first.

    >>> from irgraph import constant, evaluate
    >>> evaluate(mean(constant([[1.0, 2.0], [3.0, 4.0]]), axis=1))
    array([1.5, 3.5], dtype=float32)
    """
    x = as_value(x)
    if not x.dtype.is_inexact:
        x = x.astype("float32")
    return Mean(normalize_axes(axis, x.ndim), keepdims)(x)


@operator("max")
def max(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """The largest element over some axes (all by default); elements that tie share the derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(max(constant([[1.0, 5.0], [3.0, 4.0]]), axis=0))
    array([3., 5.], dtype=float32)
    """
    x = as_value(x)
    return Max(normalize_axes(axis, x.ndim), keepdims)(x)


@operator("min")
def min(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """The smallest element over some axes (all by default); elements that tie share the derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(min(constant([[1.0, 5.0], [3.0, 4.0]]), axis=0))
    array([1., 4.], dtype=float32)
    """
    x = as_value(x)
    return Min(normalize_axes(axis, x.ndim), keepdims)(x)


def argmax(x: Any, axis: int = -1, keepdims: bool = False) -> Value:
    """The position of the first largest element along `axis`, as int64; it has no derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(argmax(constant([[1.0, 5.0], [3.0, 3.0]])))
    array([1, 0])
    """
    x = as_value(x)
    return Argmax(normalize_axis(axis, x.ndim), keepdims)(x)


def argmin(x: Any, axis: int = -1, keepdims: bool = False) -> Value:
    """The position of the first smallest element along `axis`, as int64; it has no derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(argmin(constant([[1.0, 5.0], [3.0, 3.0]])))
    array([0, 0])
    """
    x = as_value(x)
    return Argmin(normalize_axis(axis, x.ndim), keepdims)(x)
