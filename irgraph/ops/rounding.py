"""The absolute value, the sign, and rounding to integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..value import Value, operator
from .arithmetic import Elementwise, Slope
from .operands import as_value


class _Step(Elementwise):
    """A function that is constant between its jumps: its derivative is zero."""

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (0.0,)


@final
class Abs(Elementwise):
    """|x|, with derivative 0 at 0."""

    name: ClassVar[str] = "abs"
    onnx_type: ClassVar[str | None] = "Abs"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return (sign(inputs[0]),)


@final
class Sign(_Step):
    """-1, 0 or 1."""

    name: ClassVar[str] = "sign"
    onnx_type: ClassVar[str | None] = "Sign"


@final
class Floor(_Step):
    """The largest integer that is not above x, as a float."""

    name: ClassVar[str] = "floor"
    float_only: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Floor"


@final
class Ceil(_Step):
    """The smallest integer that is not below x, as a float."""

    name: ClassVar[str] = "ceil"
    float_only: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Ceil"


@final
class Round(_Step):
    """The nearest integer, halves to the even one, as a float."""

    name: ClassVar[str] = "round"
    float_only: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Round"


@final
class Trunc(_Step):
    """The nearest integer towards 0, as a float."""

    name: ClassVar[str] = "trunc"
    float_only: ClassVar[bool] = True

    def expand(self, *inputs: Value) -> Sequence[Value]:
        from .comparison import less, where

        (x,) = inputs
        return (where(less(x, 0), Ceil()(x), Floor()(x)),)


@operator("abs")
def abs(x: Any) -> Value:
    """`abs(x)`, the absolute value, of complex numbers as real ones; its derivative at 0 is 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(abs(constant([-1.5, 2.0])))
    array([1.5, 2. ], dtype=float32)
    """
    x = as_value(x)
    if x.dtype.is_complex:
        from .complex import Magnitude  # which builds on rooms above this one

        return Magnitude()(x)
    return Abs()(x)


def sign(x: Any) -> Value:
    """-1, 0 or 1, in the dtype of `x`; the derivative is 0 everywhere.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sign(constant([-1.5, 0.0, 2.0])))
    array([-1.,  0.,  1.], dtype=float32)
    """
    return Sign()(as_value(x))


def floor(x: Any) -> Value:
    """The largest integer that is not above `x`, in the dtype of `x`; the derivative is 0 everywhere.

    >>> from irgraph import constant, evaluate
    >>> evaluate(floor(constant([-1.5, 2.5])))
    array([-2.,  2.], dtype=float32)
    """
    return _rounded(Floor(), x)


def ceil(x: Any) -> Value:
    """The smallest integer that is not below `x`, in the dtype of `x`; the derivative is 0 everywhere.

    >>> from irgraph import constant, evaluate
    >>> evaluate(ceil(constant([-1.5, 2.5])))
    array([-1.,  3.], dtype=float32)
    """
    return _rounded(Ceil(), x)


def round(x: Any) -> Value:
    """The nearest integer, halves to the even one, in the dtype of `x`; the derivative is 0 everywhere.

    >>> from irgraph import constant, evaluate
    >>> evaluate(round(constant([0.5, 1.5, 1.6])))
    array([0., 2., 2.], dtype=float32)
    """
    return _rounded(Round(), x)


def trunc(x: Any) -> Value:
    """The nearest integer towards 0, in the dtype of `x`; the derivative is 0 everywhere.

    >>> from irgraph import constant, evaluate
    >>> evaluate(trunc(constant([-1.5, 2.5])))
    array([-1.,  2.], dtype=float32)
    """
    return _rounded(Trunc(), x)


def _rounded(op: Elementwise, x: Any) -> Value:
    """Integers are what they are."""
    value = as_value(x)
    return value if value.dtype.is_integer else op(value)
