"""Sine, tangent and their kin, of angles in radians and hyperbolic, and their inverses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..value import Value
from .arithmetic import Elementwise, Slope
from .elementary import sqrt
from .operands import as_float


class _Trigonometric(Elementwise):
    """A function of one float element."""

    float_only: ClassVar[bool] = True


@final
class Sin(_Trigonometric):
    """The sine."""

    name: ClassVar[str] = "sin"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Sin"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (cos(inputs[0]),)


@final
class Cos(_Trigonometric):
    """The cosine."""

    name: ClassVar[str] = "cos"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Cos"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (-sin(inputs[0]),)


@final
class Tan(_Trigonometric):
    """The tangent."""

    name: ClassVar[str] = "tan"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Tan"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 + output * output,)


@final
class Arcsin(_Trigonometric):
    """The angle with this sine, from -pi/2 to pi/2."""

    name: ClassVar[str] = "arcsin"
    onnx_type: ClassVar[str | None] = "Asin"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 / _leg(inputs[0]),)


@final
class Arccos(_Trigonometric):
    """The angle with this cosine, from 0 to pi."""

    name: ClassVar[str] = "arccos"
    onnx_type: ClassVar[str | None] = "Acos"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (-1 / _leg(inputs[0]),)


@final
class Arctan(_Trigonometric):
    """The angle with this tangent, from -pi/2 to pi/2."""

    name: ClassVar[str] = "arctan"
    onnx_type: ClassVar[str | None] = "Atan"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 / (1 + inputs[0] * inputs[0]),)


@final
class Sinh(_Trigonometric):
    """(exp(x) - exp(-x)) / 2."""

    name: ClassVar[str] = "sinh"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Sinh"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (cosh(inputs[0]),)


@final
class Cosh(_Trigonometric):
    """(exp(x) + exp(-x)) / 2."""

    name: ClassVar[str] = "cosh"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Cosh"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (sinh(inputs[0]),)


@final
class Tanh(_Trigonometric):
    """The hyperbolic tangent."""

    name: ClassVar[str] = "tanh"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Tanh"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 - output * output,)


@final
class Arcsinh(_Trigonometric):
    """The number with this hyperbolic sine."""

    name: ClassVar[str] = "arcsinh"
    onnx_type: ClassVar[str | None] = "Asinh"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (1 / sqrt(1 + inputs[0] * inputs[0]),)


@final
class Arccosh(_Trigonometric):
    """The number of 0 or more with this hyperbolic cosine."""

    name: ClassVar[str] = "arccosh"
    onnx_type: ClassVar[str | None] = "Acosh"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        (x,) = inputs
        return (1 / (sqrt(x - 1) * sqrt(x + 1)),)  # NaN below 1, as the function is


@final
class Arctanh(_Trigonometric):
    """The number with this hyperbolic tangent."""

    name: ClassVar[str] = "arctanh"
    onnx_type: ClassVar[str | None] = "Atanh"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        (x,) = inputs
        return (1 / ((1 - x) * (1 + x)),)


def _leg(x: Value) -> Value:
    """sqrt(1 - x²), exact near 1."""
    return sqrt((1 - x) * (1 + x))


def sin(x: Any) -> Value:
    """The sine of an angle in radians.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sin(constant([0.0, 1.0]))).round(3)
    array([0.   , 0.841], dtype=float32)
    """
    return Sin()(as_float(x))


def cos(x: Any) -> Value:
    """The cosine of an angle in radians.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cos(constant([0.0, 1.0]))).round(3)
    array([1.  , 0.54], dtype=float32)
    """
    return Cos()(as_float(x))


def tan(x: Any) -> Value:
    """The tangent of an angle in radians.

    >>> from irgraph import constant, evaluate
    >>> evaluate(tan(constant([0.0, 1.0]))).round(3)
    array([0.   , 1.557], dtype=float32)
    """
    return Tan()(as_float(x))


def arcsin(x: Any) -> Value:
    """The angle in radians with this sine, from -pi/2 to pi/2; NaN beyond -1 and 1.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arcsin(constant([0.0, 1.0]))).round(3)
    array([0.   , 1.571], dtype=float32)
    """
    return Arcsin()(as_float(x))


def arccos(x: Any) -> Value:
    """The angle in radians with this cosine, from 0 to pi; NaN beyond -1 and 1.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arccos(constant([0.0, 1.0]))).round(3)
    array([1.571, 0.   ], dtype=float32)
    """
    return Arccos()(as_float(x))


def arctan(x: Any) -> Value:
    """The angle in radians with this tangent, from -pi/2 to pi/2.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arctan(constant([0.0, 1.0]))).round(3)
    array([0.   , 0.785], dtype=float32)
    """
    return Arctan()(as_float(x))


def sinh(x: Any) -> Value:
    """The hyperbolic sine.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sinh(constant([0.0, 1.0]))).round(3)
    array([0.   , 1.175], dtype=float32)
    """
    return Sinh()(as_float(x))


def cosh(x: Any) -> Value:
    """The hyperbolic cosine.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cosh(constant([0.0, 1.0]))).round(3)
    array([1.   , 1.543], dtype=float32)
    """
    return Cosh()(as_float(x))


def tanh(x: Any) -> Value:
    """The hyperbolic tangent.

    >>> from irgraph import constant, evaluate
    >>> evaluate(tanh(constant([0.0, 1.0]))).round(3)
    array([0.   , 0.762], dtype=float32)
    """
    return Tanh()(as_float(x))


def arcsinh(x: Any) -> Value:
    """The number with this hyperbolic sine.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arcsinh(constant([0.0, 1.0]))).round(3)
    array([0.   , 0.881], dtype=float32)
    """
    return Arcsinh()(as_float(x))


def arccosh(x: Any) -> Value:
    """The number of 0 or more with this hyperbolic cosine; NaN below 1.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arccosh(constant([1.0, 2.0]))).round(3)
    array([0.   , 1.317], dtype=float32)
    """
    return Arccosh()(as_float(x))


def arctanh(x: Any) -> Value:
    """The number with this hyperbolic tangent; infinite at -1 and 1, NaN beyond.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arctanh(constant([0.0, 0.5]))).round(3)
    array([0.   , 0.549], dtype=float32)
    """
    return Arctanh()(as_float(x))
