"""Softmax, its logarithm, and cross entropy against them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..dims import same_size
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import ZERO, Grid, Pick, labels, term
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, float32, format_shape, normalize_axis
from ..value import Node, Value
from .cast import stop_gradient
from .comparison import equal, where
from .elementary import exp, log
from .indexing import Gather, one_hot
from .operands import as_value
from .reduce import Axes, Max, Sum, max, sum
from .requirements import require_float
from .shape import expand_dims, reshape


def _shifted(x: Value, axis: int) -> tuple[Value, Value, Value]:
    """x - max, its exponential, and the sum of that: what all ops of this room share."""
    shifted = x - Max((axis,), keepdims=True)(x)
    raised = exp(shifted)
    return shifted, raised, Sum((axis,), keepdims=True)(raised)


@dataclass(frozen=True)
class _Softmax(Op):
    axis: int

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(self.name, *inputs)
        return inputs


@final
class Softmax(_Softmax):
    """exp(x) / sum(exp(x)) along an axis, shifted by the maximum."""

    name: ClassVar[str] = "softmax"

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        (y,) = outputs
        j = labels(y)
        k = j.renew(self.axis)
        return [[term(j, j, (y, j)) - term(j, k, (y, j), (y, k))]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        _, raised, total = _shifted(inputs[0], self.axis)
        return (raised / total,)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("Softmax", write.read(node.inputs[0]), since=13, axis=self.axis)]


@final
class LogSoftmax(_Softmax):
    """x - log(sum(exp(x))) along an axis, shifted by the maximum."""

    name: ClassVar[str] = "log_softmax"

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        (y,) = outputs
        j = labels(y)
        k = j.renew(self.axis)
        return [[term(j, j) - term(j, k, (softmax(inputs[0], self.axis), k))]]

    def expand(self, *inputs: Value) -> Sequence[Value]:
        shifted, _, total = _shifted(inputs[0], self.axis)
        return (shifted - log(total),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str]:
        return [write.node("LogSoftmax", write.read(node.inputs[0]), since=13, axis=self.axis)]


@final
class SoftmaxCrossEntropy(Op):
    """-log softmax(logits) at the label, or -sum(target * log softmax(logits)), along the last axis."""

    name: ClassVar[str] = "softmax_cross_entropy"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        logits, target = inputs
        require_float(self.name, logits)
        expected = logits.shape[:-1] if target.dtype.is_integer else logits.shape
        fits = target.rank == len(expected) and all(
            same_size(a, b) is not None for a, b in zip(target.shape, expected, strict=True)
        )
        if not fits:
            kind = "integer labels" if target.dtype.is_integer else "probabilities"
            shapes = format_shape(logits.shape), format_shape(target.shape)
            raise ShapeError(
                explain(
                    f"logits of shape {shapes[0]} and a target of shape {shapes[1]}",
                    f"{kind} of shape {format_shape(expected)}",
                    do="Reshape the target; shapes of losses do not broadcast.",
                )
            )
        if not target.dtype.is_integer and target.dtype != logits.dtype:
            raise DTypeError(
                explain(
                    f"logits {logits} and target {target}",
                    "integer labels or probabilities of the logits' dtype",
                )
            )
        return (logits.with_shape(logits.shape[:-1]),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        logits, target = inputs
        p = softmax(logits, -1)
        j = labels(logits)
        row = j.drop([len(j) - 1])
        if target.dtype.is_integer:
            return [[term(row, j, (p, j)) - term(row, j, Pick(target, row, j[-1])), ZERO]]
        total = Sum((target.ndim - 1,))(target)
        by_logits = term(row, j, (p, j), (total, row)) - term(row, j, (target, j))
        return [[by_logits, -1.0 * term(row, j, (log_softmax(logits, -1), j))]]

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """(softmax - target) · cotangent: one subtraction where terms would scatter."""
        logits, target = inputs
        (cotangent,) = cotangents
        assert cotangent is not None  # the only output
        column = expand_dims(cotangent, -1)
        p = softmax(logits, -1)
        if target.dtype.is_integer:
            return (p - one_hot(target, logits.shape[-1], logits.dtype)) * column, None
        total = Sum((target.ndim - 1,), keepdims=True)(target)
        return (p * total - target) * column, -(log_softmax(logits, -1) * column)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        logits, target = inputs
        last = logits.ndim - 1
        shifted, _, total = _shifted(logits, last)
        if target.dtype.is_integer:
            at_label = Gather(last, last)(shifted, target)  # `gather` takes known labels below 0 from the end
            return (reshape(log(total), at_label.shape) - at_label,)
        return (-Sum((last,))(target * (shifted - log(total))),)


def softmax(x: Any, axis: int = -1) -> Value:
    """exp(x) / sum(exp(x)) along `axis`; large inputs do not overflow.

    >>> from irgraph import constant, evaluate
    >>> evaluate(softmax(constant([1.0, 2.0, 3.0]))).round(3)
    array([0.09 , 0.245, 0.665], dtype=float32)
    """
    x = _as_float(x)
    return Softmax(normalize_axis(axis, x.ndim))(x)


def log_softmax(x: Any, axis: int = -1) -> Value:
    """The logarithm of softmax, computed without taking a logarithm of a small number.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log_softmax(constant([1.0, 2.0, 3.0]))).round(3)
    array([-2.408, -1.408, -0.408], dtype=float32)
    """
    x = _as_float(x)
    return LogSoftmax(normalize_axis(axis, x.ndim))(x)


def logsumexp(x: Any, axis: Axes = None, keepdims: bool = False) -> Value:
    """log(sum(exp(x))) over some axes (all by default); large inputs do not overflow.

    Raises ShapeError where there are no elements.

    >>> from irgraph import constant, evaluate
    >>> evaluate(logsumexp(constant([[1000.0, 1000.0], [900.0, 0.0]]), axis=1)).round(3)
    array([1000.693,  900.   ], dtype=float32)
    """
    x = _as_float(x)
    top = max(stop_gradient(x), axis, keepdims=True)
    top = where(equal(abs(top), math.inf), 0.0, top)  # inf - inf would be NaN
    total = log(sum(exp(x - top), axis, keepdims=True)) + top
    return total if keepdims else sum(total, axis)


def softmax_cross_entropy(logits: Any, target: Any) -> Value:
    """The cross entropy of each example: `logits` (…, classes) against integer labels (…) or
    probabilities (…, classes). The result has shape (…); `irgraph.losses` has the mean.

    Raises ShapeError where the target has any other shape. A label outside 0 … classes - 1 is an
    error when the graph runs.

    >>> from irgraph import constant, evaluate
    >>> evaluate(softmax_cross_entropy(constant([[0.0, 0.0], [100.0, 0.0]]), [0, 0])).round(3)
    array([0.693, 0.   ], dtype=float32)
    """
    x = _as_float(logits)
    if x.ndim == 0:
        raise ShapeError(explain(f"the logits {x!r}", "a last axis of classes", here()))
    return SoftmaxCrossEntropy()(x, as_value(target))


def _as_float(x: Any) -> Value:
    value = as_value(x)
    return value if value.dtype.is_inexact else value.astype(float32)
