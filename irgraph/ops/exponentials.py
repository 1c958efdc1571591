"""Exponentials and logarithms to other bases, and sums under a logarithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..onnx_writer import OnnxWriter
from ..value import Node, Value
from .arithmetic import Elementwise, Slope
from .comparison import equal, maximum, where
from .elementary import exp, log, sigmoid
from .near_zero import log1p
from .operands import as_float, operands
from .powers import power
from .rounding import abs


class _OfFloats(Elementwise):
    """A function of float elements."""

    float_only: ClassVar[bool] = True


@final
class Exp2(_OfFloats):
    """2 to the x."""

    name: ClassVar[str] = "exp2"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (output * math.log(2),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (power(2.0, inputs[0]),)


class _OtherBase(_OfFloats):
    """The logarithm to a base."""

    base: ClassVar[float]

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 / (inputs[0] * math.log(self.base)),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (log(inputs[0]) * (1 / math.log(self.base)),)


@final
class Log2(_OtherBase):
    """The logarithm to base 2."""

    name: ClassVar[str] = "log2"
    base: ClassVar[float] = 2.0


@final
class Log10(_OtherBase):
    """The logarithm to base 10."""

    name: ClassVar[str] = "log10"
    base: ClassVar[float] = 10.0


@final
class LogAddExp(_OfFloats):
    """log(exp(a) + exp(b)), without overflow."""

    name: ClassVar[str] = "logaddexp"
    commutes: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        distance = _distance(*inputs)
        return sigmoid(distance), sigmoid(-distance)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (maximum(*inputs) + log1p(exp(-abs(_distance(*inputs)))),)


def _distance(a: Value, b: Value) -> Value:
    """a - b, and 0 between two equal infinities."""
    return where(equal(a, b) & equal(abs(a), math.inf), 0.0, a - b)


def _log1p_of_fraction(x: Value) -> Value:
    """log(1 + x) for x from 0 to 1: the logarithm of the rounded sum, and the slope times what rounding lost.

    NumPy's log is vectorized and its log1p is not.
    """
    rounded = x + 1
    return log(rounded) + (x - (rounded - 1)) / rounded


@final
class Softplus(_OfFloats):
    """log(1 + exp(x)), without overflow."""

    name: ClassVar[str] = "softplus"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (sigmoid(inputs[0]),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        return (maximum(x, 0.0) + _log1p_of_fraction(exp(-abs(x))),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """ONNX Runtime's own overflows in float64."""
        if node.outputs[0].dtype.itemsize > 4:
            return None
        return [write.node("Softplus", write.read(node.inputs[0]))]


@final
class LogSigmoid(_OfFloats):
    """log(sigmoid(x)), without the logarithm of an underflow."""

    name: ClassVar[str] = "log_sigmoid"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (sigmoid(-inputs[0]),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (-softplus(-inputs[0]),)


@final
class XLogY(_OfFloats):
    """x log(y), and 0 where x is 0 and y is not NaN."""

    name: ClassVar[str] = "xlogy"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        """log(y) and x / y, which where both are 0 is taken to be 0."""
        x, y = inputs
        return log(y), x / where(equal(x, 0.0), where(equal(y, 0.0), 1.0, y), y)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        x, y = inputs
        nothing = equal(x, 0.0) & equal(y, y)
        return (where(nothing, 0.0, x * log(where(nothing, 1.0, y))),)


def exp2(x: Any) -> Value:
    """2 to the power of each element; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(exp2(constant([0.0, 3.0])))
    array([1., 8.], dtype=float32)
    """
    return Exp2()(as_float(x))


def log2(x: Any) -> Value:
    """The logarithm to base 2; -inf at 0 and NaN below; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log2(constant([1.0, 8.0])))
    array([0., 3.], dtype=float32)
    """
    return Log2()(as_float(x))


def log10(x: Any) -> Value:
    """The logarithm to base 10; -inf at 0 and NaN below; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log10(constant([1.0, 1000.0])))
    array([0., 3.], dtype=float32)
    """
    return Log10()(as_float(x))


def logaddexp(a: Any, b: Any) -> Value:
    """log(exp(a) + exp(b)), broadcast; large operands do not overflow; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(logaddexp(constant([0.0, 100.0]), 0.0)).round(3)
    array([  0.693, 100.   ], dtype=float32)
    """
    return LogAddExp()(*operands("logaddexp", a, b, at_least_float=True))


def softplus(x: Any) -> Value:
    """log(1 + exp(x)), a smooth relu; large `x` does not overflow; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(softplus(constant([-100.0, 0.0, 100.0]))).round(3)
    array([  0.   ,   0.693, 100.   ], dtype=float32)
    """
    return Softplus()(as_float(x))


def log_sigmoid(x: Any) -> Value:
    """log(sigmoid(x)), which stays finite where the sigmoid underflows; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log_sigmoid(constant([-100.0, 0.0]))).round(3)
    array([-100.   ,   -0.693], dtype=float32)
    """
    return LogSigmoid()(as_float(x))


def xlogy(x: Any, y: Any) -> Value:
    """x · log(y), broadcast, and 0 where `x` is 0 and `y` is not NaN; integers become float32.

    The derivative towards `x` is log(y), which at y = 0 is -inf; towards `y` it is x / y, 0 where both are 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(xlogy(constant([0.0, 2.0]), constant([0.0, 1.0])))
    array([0., 0.], dtype=float32)
    """
    return XLogY()(*operands("xlogy", x, y, at_least_float=True))
