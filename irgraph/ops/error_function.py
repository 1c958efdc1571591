"""The error function and its complement, by rational approximations.

W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23
(1969), pages 631-637: one quotient of polynomials for each of |x| <= 0.46875, up to 4, and beyond. Of erf in
float32 one quotient is enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar, final

from ..value import Value
from .arithmetic import Elementwise, Slope
from .comparison import clip, greater, less_equal, maximum, minimum, where
from .elementary import exp
from .operands import as_float
from .rounding import abs, floor

_NEAR, _FAR = 0.46875, 4.0
_SATURATED = 3.92  # from here on erf is 1 in float32
_LARGEST = 30.0
"""exp(-30²) is 0 in every dtype, and 30² is not infinite."""

# Numerators and denominators, the highest power first.
_ERF = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_ERFC = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_TAIL = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346047e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
_ERF32 = (
    (2.050757765e-6, 2.848889880e-4, 3.764463781e-3, 5.274529592e-2, 1.903753409e-1, 1.128379146e0),
    (3.809896376e-5, 1.162315215e-3, 1.496688981e-2, 1.140968715e-1, 5.020484958e-1, 1.0),
)
"""erf(x)/x in x², for |x| up to 3.92: the least relative error, 1.9e-8, found by least squares reweighted
after Lawson (1961)."""


def _quotient(x: Value, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Value:
    """A polynomial over another, by Horner's rule."""
    above, below = (
        reduce(lambda sum, c: sum * x + c, each[2:], each[0] * x + each[1]) for each in coefficients
    )
    return above / below


def _erf_near(x: Value) -> Value:
    """erf of |x| up to 0.46875; what is larger is clipped."""
    inside = clip(x, -_NEAR, _NEAR)
    return inside * _quotient(inside * inside, _ERF)


def _erfc_beyond(size: Value) -> Value:
    """erfc of numbers from 0.46875 on; what is smaller is clipped."""
    x = clip(size, _NEAR, _LARGEST)
    far = maximum(x, _FAR)
    inverse = 1 / (far * far)
    tail = (1 / math.sqrt(math.pi) - inverse * _quotient(inverse, _TAIL)) / far
    return _exp_minus_square(x) * where(less_equal(x, _FAR), _quotient(minimum(x, _FAR), _ERFC), tail)


def _exp_minus_square(x: Value) -> Value:
    """exp(-x²): the square of the first few bits is exact, so that its rounding does not grow with x."""
    head = floor(x * 16) / 16
    return exp(-(head * head)) * exp((head - x) * (head + x))


@final
class Erf(Elementwise):
    """2/sqrt(pi) times the integral of exp(-t²) from 0 to x."""

    name: ClassVar[str] = "erf"
    float_only: ClassVar[bool] = True
    onnx_type: ClassVar[str | None] = "Erf"

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        (x,) = inputs
        return (2 / math.sqrt(math.pi) * exp(-(x * x)),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        if x.dtype.itemsize <= 4:
            inside = clip(x, -_SATURATED, _SATURATED)
            return (clip(inside * _quotient(inside * inside, _ERF32), -1.0, 1.0),)
        size = abs(x)
        beyond = 1 - _erfc_beyond(size)
        return (where(less_equal(size, _NEAR), _erf_near(x), where(greater(x, 0), beyond, -beyond)),)


@final
class Erfc(Elementwise):
    """1 - erf(x), without the cancellation."""

    name: ClassVar[str] = "erfc"
    float_only: ClassVar[bool] = True

    def slopes(self, inputs: Sequence[Value], output: Value) -> Sequence[Slope]:
        (x,) = inputs
        return (-2 / math.sqrt(math.pi) * exp(-(x * x)),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        (x,) = inputs
        size = abs(x)
        beyond = _erfc_beyond(size)
        return (where(less_equal(size, _NEAR), 1 - _erf_near(x), where(greater(x, 0), beyond, 2 - beyond)),)


def erf(x: Any) -> Value:
    """The error function, 2/sqrt(pi) times the integral of exp(-t²) from 0 to `x`; integers become float32.

    By Cody's rational approximations (1969); within 4 units in the last place in float64, 8 in float32.

    >>> from irgraph import constant, evaluate
    >>> evaluate(erf(constant([0.0, 1.0]))).round(3)
    array([0.   , 0.843], dtype=float32)
    """
    return Erf()(as_float(x))


def erfc(x: Any) -> Value:
    """1 - erf(x), which keeps its digits where it is small; integers become float32.

    By Cody's rational approximations (1969); within 10 units in the last place.

    >>> from irgraph import constant, evaluate
    >>> [f"{y:.5g}" for y in evaluate(erfc(constant([1.0, 5.0])))]
    ['0.1573', '1.5375e-12']
    """
    return Erfc()(as_float(x))
