"""Lengths and angles in the plane, degrees, and sin(x)/x."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar, final

from ..value import Value
from .arithmetic import Elementwise, Slope
from .comparison import equal, greater, less, maximum, minimum, where
from .elementary import sqrt
from .floating import copysign, signbit
from .operands import as_float, operands
from .rounding import abs
from .trigonometric import arctan, sin


@final
class Hypot(Elementwise):
    """sqrt(a² + b²), without overflow."""

    name: ClassVar[str] = "hypot"
    float_only: ClassVar[bool] = True
    commutes: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        """a / h and b / h, which at the origin are taken to be 0."""
        length = where(equal(output, 0), 1.0, output)
        return tuple(x / length for x in inputs)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        a, b = map(abs, inputs)
        long, short = maximum(a, b), minimum(a, b)
        ratio = short / where(equal(long, 0), 1.0, long)
        is_infinite = equal(a, math.inf) | equal(b, math.inf)  # even against NaN
        return (where(is_infinite, math.inf, long * sqrt(1 + ratio * ratio)),)


@final
class Arctan2(Elementwise):
    """The angle of the point (x, y), from -pi to pi."""

    name: ClassVar[str] = "arctan2"
    float_only: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        y, x = inputs
        square = x * x + y * y
        return x / square, -y / square

    def expand(self, *inputs: Value) -> Sequence[Value]:
        """The angle within an eighth of the circle, then the mirrors that lead there."""
        y, x = inputs
        high, wide = abs(y), abs(x)
        long, short = maximum(high, wide), minimum(high, wide)
        ratio = where(equal(short, math.inf), 1.0, short / where(equal(long, 0), 1.0, long))
        eighth = arctan(ratio)
        quarter = where(greater(high, wide), math.pi / 2 - eighth, eighth)
        return (copysign(where(signbit(x), math.pi - quarter, quarter), y),)


def hypot(a: Any, b: Any) -> Value:
    """sqrt(a² + b²), broadcast, without overflow; integers become float32.

    Its derivatives at the origin, where it has none, are taken to be 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(hypot(constant([3.0, 3e30]), constant([4.0, 4e30])))
    array([5.e+00, 5.e+30], dtype=float32)
    """
    return Hypot()(*operands("hypot", a, b, at_least_float=True))


def arctan2(y: Any, x: Any) -> Value:
    """The angle of the point (`x`, `y`) in radians, from -pi to pi, broadcast; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(arctan2(constant([1.0, -1.0]), constant([1.0, -1.0]))).round(3)
    array([ 0.785, -2.356], dtype=float32)
    """
    return Arctan2()(*operands("arctan2", y, x, at_least_float=True))


def deg2rad(x: Any) -> Value:
    """Degrees in radians; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(deg2rad(constant([180.0]))).round(3)
    array([3.142], dtype=float32)
    """
    return as_float(x) * (math.pi / 180)


def rad2deg(x: Any) -> Value:
    """Radians in degrees; integers become float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(rad2deg(constant([1.0]))).round(3)
    array([57.296], dtype=float32)
    """
    return as_float(x) * (180 / math.pi)


_SINC = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(8))
"""The Taylor series of sin(u)/u in u², to rounding in float64 for |u| <= 1/2."""


def sinc(x: Any) -> Value:
    """sin(pi x) / (pi x), and 1 at 0; integers become float32.

    Near 0 by its Taylor series, so that the derivatives are right there too.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sinc(constant([0.0, 0.5, 1.0]))).round(3)
    array([ 1.   ,  0.637, -0.   ], dtype=float32)
    """
    u = as_float(x) * math.pi
    is_near = less(abs(u), 0.5)
    near, far = where(is_near, u, 0.0), where(is_near, 1.0, u)
    square = near * near
    series = reduce(lambda sum, c: sum * square + c, _SINC[-2::-1], square * 0.0 + _SINC[-1])
    return where(is_near, series, sin(far) / far)
