"""Powers of real numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, final

from ..value import Value, operator
from .arithmetic import Elementwise, Slope
from .comparison import equal, where
from .constants import splat
from .elementary import log, sqrt
from .operands import as_float, as_value, is_scalar, operands
from .rounding import abs, sign


@final
class Power(Elementwise):
    """x to the y, of floats; NaN for a negative x unless y is an integer."""

    name: ClassVar[str] = "power"
    float_only: ClassVar[bool] = True
    unit: ClassVar[float | None] = 1
    onnx_type: ClassVar[str | None] = "Pow"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        """y x^(y-1), which at x = y = 0 is 0 and not 0 · inf; x^y log x, which at x = 0 is taken to be 0."""
        x, y = inputs
        number = splat(y)
        off_zero = where(equal(x, 0), 1.0, x)
        base = x if number else where(equal(y, 0), off_zero, x)
        return (y, Power()(base, y - 1)), (output, log(off_zero))


@final
class Cbrt(Elementwise):
    """The cube root, of negative numbers too."""

    name: ClassVar[str] = "cbrt"
    float_only: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        return ((1 / 3) / (output * output),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """The power 1/3, and one step of Newton's method for the exponent that is not quite 1/3."""
        (x,) = inputs
        size = abs(x)
        is_kept = equal(size, 0) | equal(size, math.inf)
        inside = where(is_kept, 1.0, size)
        guess = power(inside, 1 / 3)
        root = guess - (guess - inside / (guess * guess)) * (1 / 3)
        return (where(is_kept, x, root * sign(x)),)


def square(x: Any) -> Value:
    """`x * x`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(square(constant([-1.0, 3.0])))
    array([1., 9.], dtype=float32)
    """
    value = as_value(x)
    return value * value


def reciprocal(x: Any) -> Value:
    """`1 / x`; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(reciprocal(constant([2.0, -4.0])))
    array([ 0.5 , -0.25], dtype=float32)
    """
    return 1 / as_value(x)


def rsqrt(x: Any) -> Value:
    """`1 / sqrt(x)`; inf at 0 and NaN below; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(rsqrt(constant([4.0, 0.25])))
    array([0.5, 2. ], dtype=float32)
    """
    return 1 / sqrt(as_float(x))


def cbrt(x: Any) -> Value:
    """The cube root, of negative numbers too; an infinite derivative at 0; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cbrt(constant([-8.0, 27.0]))).round(3)
    array([-2.,  3.], dtype=float32)
    """
    return Cbrt()(as_float(x))


@operator("power")
def power(x: Any, exponent: Any) -> Value:
    """`x ** exponent`, broadcast: by products, reciprocal or square root for the numbers -1, 0.5, 1, 2, 3, 4.

    Any other power of integers is a float32. A negative `x` gives NaN unless the exponent is an integer.

    >>> from irgraph import constant, evaluate
    >>> evaluate(power(constant([1.0, 3.0]), 2))
    array([1., 9.], dtype=float32)
    >>> evaluate(power(constant([1.0, 4.0]), 1.5))
    array([1., 8.], dtype=float32)
    """
    if is_scalar(exponent) and isinstance(x, Value):
        found = _by_products(x, exponent)
        if found is not None:
            return found
    return Power()(*operands("power", x, exponent, at_least_float=True))


def _by_products(x: Value, exponent: float) -> Value | None:
    match exponent:
        case -1:
            return 1 / x
        case 0.5:
            return sqrt(x)
        case 1:
            return x
        case 2:
            return x * x
        case 3:
            return x * x * x
        case 4:
            return (x * x) * (x * x)
    return None
