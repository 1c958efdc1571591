"""Arithmetic on elements, with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..errors import DTypeError, explain
from ..local_jacobian import ZERO, Dense, Grid, Labels, Terms, labels, term
from ..op import Op
from ..types import TensorType, bool_, broadcast_shapes
from ..value import Value, operator
from .operands import as_value, operands
from .requirements import require_dtype, require_float

Slope = float | Value | tuple[Value, ...]


class Elementwise(Op):
    """Elements of equal dtype in, one element out; the derivative is stated by `slopes`, or is that of
    `expand`."""

    elementwise: ClassVar[bool] = True
    float_only: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        first = inputs[0]
        if self.float_only and not first.dtype.is_inexact:
            require_float(self.name, *inputs)
        if first.dtype is bool_:
            require_dtype("a dtype of numbers", lambda dtype: dtype is not bool_, *inputs)
        for other in inputs[1:]:
            if other.dtype is not first.dtype:
                raise DTypeError(explain(" and ".join(map(str, inputs)), "one dtype", do="Cast one of them."))
        shape = broadcast_shapes(*[type.shape for type in inputs])
        return (first if shape == first.shape else TensorType(first.dtype, shape),)

    @classmethod
    def states_terms(cls) -> bool:
        return cls.slopes is not Elementwise.slopes or cls.local_jacobians is not Elementwise.local_jacobians

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        """For each input d output / d input: a number, a value, or values to be multiplied."""
        raise NotImplementedError

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        i = labels(outputs[0])
        slopes = self.slopes(inputs, outputs[0])
        return [[sloped(i, x, slope) for x, slope in zip(inputs, slopes, strict=True)]]


def sloped(i: Labels, x: Value, slope: Slope) -> Terms:
    """The terms of an elementwise slope towards an operand that may be broadcast."""
    number = slope if isinstance(slope, (int, float)) else 1.0
    values = () if isinstance(slope, (int, float)) else slope if isinstance(slope, tuple) else (slope,)
    if number == 0:
        return ZERO
    factors = [Dense(value, i.against(value.shape)) for value in values]
    terms = term(i, i.against(x.shape), *factors)
    return terms if number == 1 else number * terms


@final
class Add(Elementwise):
    """a + b."""

    name: ClassVar[str] = "add"
    takes_complex: ClassVar[bool] = True
    commutes: ClassVar[bool] = True
    unit: ClassVar[float | None] = 0
    left_unit: ClassVar[float | None] = 0
    onnx_type: ClassVar[str | None] = "Add"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return 1.0, 1.0


@final
class Subtract(Elementwise):
    """a - b."""

    name: ClassVar[str] = "subtract"
    takes_complex: ClassVar[bool] = True
    unit: ClassVar[float | None] = 0
    onnx_type: ClassVar[str | None] = "Sub"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return 1.0, -1.0


@final
class Multiply(Elementwise):
    """a · b."""

    name: ClassVar[str] = "multiply"
    takes_complex: ClassVar[bool] = True
    commutes: ClassVar[bool] = True
    unit: ClassVar[float | None] = 1
    left_unit: ClassVar[float | None] = 1
    onnx_type: ClassVar[str | None] = "Mul"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        a, b = inputs
        return b, a


@final
class Divide(Elementwise):
    """a / b, of floats."""

    name: ClassVar[str] = "divide"
    takes_complex: ClassVar[bool] = True
    float_only: ClassVar[bool] = True
    unit: ClassVar[float | None] = 1
    onnx_type: ClassVar[str | None] = "Div"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        _, b = inputs
        reciprocal = 1 / b
        return reciprocal, (output, -reciprocal)


@final
class Negative(Elementwise):
    """-x."""

    name: ClassVar[str] = "negative"
    takes_complex: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Neg"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a signed dtype", lambda dtype: dtype.kind in ("int", "float", "complex"), *inputs)
        return inputs

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (-1.0,)


@operator("add")
def add(a: Any, b: Any) -> Value:
    """`a + b`, broadcast. Raises ShapeError or DTypeError where the operands do not fit.

    >>> from irgraph import input
    >>> add(input("x", ("batch", 3)), 1.0)
    <a result of add : float32[batch, 3]>
    """
    return Add()(*operands("add", a, b))


@operator("subtract")
def subtract(a: Any, b: Any) -> Value:
    """`a - b`, broadcast.

    >>> from irgraph import constant, evaluate
    >>> evaluate(subtract(constant([5, 7]), 1))
    array([4, 6])
    """
    return Subtract()(*operands("subtract", a, b))


@operator("multiply")
def multiply(a: Any, b: Any) -> Value:
    """`a * b` by elements, broadcast.

    >>> from irgraph import constant, evaluate
    >>> evaluate(multiply(constant([5, 7]), 2))
    array([10, 14])
    """
    return Multiply()(*operands("multiply", a, b))


@operator("divide")
def divide(a: Any, b: Any) -> Value:
    """`a / b` by elements, broadcast; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(divide(constant([1, 2]), 4))
    array([0.25, 0.5 ], dtype=float32)
    """
    return Divide()(*operands("divide", a, b, at_least_float=True))


@operator("negative")
def negative(x: Any) -> Value:
    """`-x`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(negative(constant([1, -2])))
    array([-1,  2])
    """
    return Negative()(as_value(x))
