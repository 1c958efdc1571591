"""Truth over axes, variance and standard deviation, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import at_least
from ..errors import GraphError, ShapeError, explain
from ..local_jacobian import ZERO, Coefficient, Grid
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, bool_, int64, normalize_axes
from ..value import Node, Value
from .comparison import equal, greater, logical_not, not_equal, where
from .constants import scaled_unit
from .elementary import sqrt
from .operands import as_float, as_value
from .reduce import Axes, Mean, Reduction, Sum, max, min, reduced_shape
from .requirements import require_dtype, require_float
from .rounding import abs


@dataclass(frozen=True)
class _Truth(Op):
    """One truth value for each position of the axes that stay."""

    axes: tuple[int, ...]
    keepdims: bool = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("the dtype bool", lambda dtype: dtype == bool_, *inputs)
        return (inputs[0].with_shape(reduced_shape(inputs[0], self.axes, self.keepdims)),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[ZERO]]


@final
class Any_(_Truth):
    """Whether any element is true."""

    name: ClassVar[str] = "any"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (greater(Sum(self.axes, self.keepdims)(inputs[0].astype(int64)), 0),)


@final
class All(_Truth):
    """Whether all elements are true."""

    name: ClassVar[str] = "all"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (equal(Sum(self.axes, self.keepdims)(logical_not(inputs[0]).astype(int64)), 0),)


@final
@dataclass(frozen=True)
class Variance(Reduction):
    """The sum of the squared distances from the mean, over the number of elements less ddof."""

    name: ClassVar[str] = "variance"
    ddof: int = 0

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_float(self.name, x)
        if not at_least(x.with_shape(x.shape[axis] for axis in self.axes).size, self.ddof):
            raise ShapeError(explain(str(x), f"at least ddof={self.ddof} elements"))
        return Reduction.infer(self, x)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """Two passes: the mean first, so that nothing cancels."""
        (x,) = inputs
        centred = x - Mean(self.axes, keepdims=True)(x)
        squares = centred * centred
        if not self.ddof:
            return (Mean(self.axes, self.keepdims)(squares),)
        share = scaled_unit(Coefficient(over=self.reduced(x) - self.ddof), x.dtype)
        return (Sum(self.axes, self.keepdims)(squares) * share,)


@final
class L1Norm(Reduction):
    """The sum of the absolute values."""

    name: ClassVar[str] = "l1_norm"

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (Sum(self.axes, self.keepdims)(abs(inputs[0])),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        return self.export_as("ReduceL1", write, node, since=18) if self.axes else None


@final
class L2Norm(Reduction):
    """The square root of the sum of the squares, with derivative 0 at 0."""

    name: ClassVar[str] = "l2_norm"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(self.name, *inputs)
        return Reduction.infer(self, *inputs)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (_root(Sum(self.axes, self.keepdims)(x * x)),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        return self.export_as("ReduceL2", write, node, since=18) if self.axes else None


def _root(x: Value) -> Value:
    """The square root, with derivative 0 at 0 and not inf · 0."""
    is_zero = equal(x, 0)
    return where(is_zero, 0.0, sqrt(where(is_zero, 1.0, x)))


def any(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """Whether any element is true, over some axes (all by default); numbers are true where they are not 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(any(constant([[True, False], [False, False]]), axis=1))
    array([ True, False])
    """
    value = _as_truth(x)
    return Any_(normalize_axes(axis, value.ndim), keepdims)(value)


def all(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """Whether all elements are true, over some axes (all by default); numbers are true where they are not 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(all(constant([[True, False], [True, True]]), axis=1))
    array([False,  True])
    """
    value = _as_truth(x)
    return All(normalize_axes(axis, value.ndim), keepdims)(value)


def _as_truth(x: Any) -> Value:
    value = as_value(x)
    return value if value.dtype == bool_ else not_equal(value, 0)


def variance(x: Any, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> Value:
    """The mean squared distance from the mean over some axes (all by default); integers become float32.

    The sum is over n - `ddof`: 1 makes the estimate of a sample's variance unbiased. Raises ShapeError where
    fewer than `ddof` elements are there.

    >>> from irgraph import constant, evaluate
    >>> evaluate(variance(constant([[1.0, 3.0], [1.0, 5.0]]), axis=1, ddof=1))
    array([2., 8.], dtype=float32)
    """
    value = as_float(x)
    return Variance(normalize_axes(axis, value.ndim), keepdims, ddof)(value)


def std(x: Any, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> Value:
    """The square root of `variance`; where that is 0, so is the derivative.

    >>> from irgraph import constant, evaluate
    >>> evaluate(std(constant([[1.0, 3.0], [1.0, 5.0]]), axis=1))
    array([1., 2.], dtype=float32)
    """
    return _root(variance(x, axis, keepdims, ddof))


def norm(x: Any, ord: float | str = 2, axis: Axes = None, keepdims: bool = False) -> Value:
    """The norm of the vector that the elements over some axes make (all by default); integers become float32.

    `ord`: 1, 2 (or "fro"), inf (the largest |x|), -inf (the smallest) or any other number p above 0. A matrix
    is a vector here: for `ord` 2 that is its Frobenius norm. The derivative of the 2-norm at 0 is 0. Raises
    GraphError for any other `ord`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(norm(constant([[3.0, 4.0], [0.0, 2.0]]), axis=1))
    array([5., 2.], dtype=float32)
    """
    value = as_float(x)
    axes = normalize_axes(axis, value.ndim)
    match ord:
        case 1:
            return L1Norm(axes, keepdims)(value)
        case 2 | "fro":
            return L2Norm(axes, keepdims)(value)
        case math.inf:
            return max(abs(value), axes, keepdims)
        case float() if ord == -math.inf:
            return min(abs(value), axes, keepdims)
        case int() | float() if ord > 0:
            return Sum(axes, keepdims)(abs(value) ** ord) ** (1 / ord)
    raise GraphError(explain(f"ord={ord!r} of norm", '1, 2, "fro", inf, -inf, or a number above 0', here()))
