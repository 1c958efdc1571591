"""Exponentials, logarithms, roots and steps of one element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..value import Value
from .arithmetic import Elementwise, Slope
from .comparison import greater, maximum
from .operands import as_float, as_value


class _Elementary(Elementwise):
    """A function of one float element."""

    float_only: ClassVar[bool] = True


@final
class Exp(_Elementary):
    """e to the x."""

    name: ClassVar[str] = "exp"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Exp"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (output,)


@final
class Log(_Elementary):
    """The natural logarithm."""

    name: ClassVar[str] = "log"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Log"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 / inputs[0],)


@final
class Sqrt(_Elementary):
    """The square root."""

    name: ClassVar[str] = "sqrt"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Sqrt"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (0.5 / output,)


@final
class Sigmoid(_Elementary):
    """1 / (1 + exp(-x))."""

    name: ClassVar[str] = "sigmoid"
    onnx_type: ClassVar[str | None] = "Sigmoid"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return ((output, 1 - output),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """1 / (1 + exp(-x)): where exp overflows the result is 0, as it should be."""
        return (1 / (1 + exp(-inputs[0])),)


@final
class Relu(_Elementary):
    """max(x, 0), with derivative 0 at 0."""

    name: ClassVar[str] = "relu"
    onnx_type: ClassVar[str | None] = "Relu"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (greater(inputs[0], 0),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        return (maximum(inputs[0], 0),)


def exp(x: Any) -> Value:
    """e to the power of each element.

    >>> from irgraph import constant, evaluate
    >>> evaluate(exp(constant([0.0, 1.0]))).round(3)
    array([1.   , 2.718], dtype=float32)
    """
    return Exp()(as_float(x))


def log(x: Any) -> Value:
    """The natural logarithm; -inf at 0 and NaN below.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log(constant([1.0, 2.0]))).round(3)
    array([0.   , 0.693], dtype=float32)
    """
    return Log()(as_float(x))


def sqrt(x: Any) -> Value:
    """The square root; NaN below 0, an infinite derivative at 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sqrt(constant([4.0, 9.0])))
    array([2., 3.], dtype=float32)
    """
    return Sqrt()(as_float(x))


def sigmoid(x: Any) -> Value:
    """The logistic function 1 / (1 + exp(-x)).

    >>> from irgraph import constant, evaluate
    >>> evaluate(sigmoid(constant([0.0, 2.0]))).round(3)
    array([0.5  , 0.881], dtype=float32)
    """
    return Sigmoid()(as_float(x))


def relu(x: Any) -> Value:
    """max(x, 0); its derivative at 0 is 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(relu(constant([-1.0, 2.0])))
    array([0., 2.], dtype=float32)
    """
    return Relu()(as_value(x))
