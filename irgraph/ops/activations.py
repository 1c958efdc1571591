"""What networks put between their layers, made of other ops."""

from __future__ import annotations

import math
from typing import Any

from ..value import Value
from .comparison import greater, where
from .elementary import expm1, sigmoid
from .operands import as_float
from .trigonometric import tanh


def silu(x: Any) -> Value:
    """x · sigmoid(x), also called swish.

    >>> from irgraph import constant, evaluate
    >>> evaluate(silu(constant([-1.0, 2.0]))).round(3)
    array([-0.269,  1.762], dtype=float32)
    """
    value = as_float(x)
    return value * sigmoid(value)


def elu(x: Any, alpha: float = 1.0) -> Value:
    """x above 0, else alpha · (exp(x) - 1); the derivative at 0 is alpha.

    >>> from irgraph import constant, evaluate
    >>> evaluate(elu(constant([-1.0, 2.0]))).round(3)
    array([-0.632,  2.   ], dtype=float32)
    """
    value = as_float(x)
    above = greater(value, 0)
    return where(above, value, alpha * expm1(where(above, 0.0, value)))


def leaky_relu(x: Any, slope: float = 0.01) -> Value:
    """x above 0, else slope · x; the derivative at 0 is `slope`.

    >>> from irgraph import constant, evaluate
    >>> evaluate(leaky_relu(constant([-1.0, 2.0]), 0.1)).round(3)
    array([-0.1,  2. ], dtype=float32)
    """
    value = as_float(x)
    return where(greater(value, 0), value, slope * value)


def gelu(x: Any) -> Value:
    """x / 2 · (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))), the tanh form (Hendrycks and Gimpel 2016).

    >>> from irgraph import constant, evaluate
    >>> evaluate(gelu(constant([-1.0, 2.0]))).round(3)
    array([-0.159,  1.955], dtype=float32)
    """
    value = as_float(x)
    cubed = value * value * value
    return 0.5 * value * (1 + tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * cubed)))
