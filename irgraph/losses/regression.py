"""Losses of numbers."""

from __future__ import annotations

import math
from typing import Any

from ..arguments import checked
from ..ops.comparison import clip, less, where
from ..ops.elementary import exp, log, sqrt
from ..ops.near_zero import log1p
from ..ops.operands import as_value, is_scalar
from ..ops.powers import square
from ..ops.reduce import sum
from ..ops.rounding import abs
from ..ops.trigonometric import sinh
from ..types import float16
from ..value import Value
from .operands import of_classes, of_dtype, of_one_shape, require, require_shape
from .reducing import Reduction, reduced


@checked
def squared_error(
    prediction: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """(prediction - target)², by default its mean over all elements. (Half of it is as common: write 0.5 * …)

    Raises ShapeError unless both shapes are equal: (N,) against (N, 1) would silently compare all pairs.

    >>> from irgraph import constant, evaluate
    >>> evaluate(squared_error(constant([1.0, 2.0]), constant([1.0, 4.0])))
    array(2., dtype=float32)
    """
    a, b = of_one_shape("squared_error", prediction, target)
    difference = a - b
    return reduced(difference * difference, reduction, weights)


@checked
def absolute_error(
    prediction: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """|prediction - target|, by default its mean over all elements; the derivative is 0 where they are equal.

    Raises ShapeError unless both shapes are equal.

    >>> from irgraph import constant, evaluate
    >>> evaluate(absolute_error(constant([1.0, 2.0]), constant([1.0, 4.0]), reduction="none"))
    array([0., 2.], dtype=float32)
    """
    a, b = of_one_shape("absolute_error", prediction, target)
    return reduced(abs(a - b), reduction, weights)


@checked
def huber(
    prediction: Any, target: Any, delta: float = 1.0, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """½ d² for a difference d of at most `delta`, and beyond it the tangent, delta · (|d| - ½ delta).

    Huber, "Robust estimation of a location parameter", 1964. Raises ShapeError unless both shapes are equal,
    GraphError unless delta is above 0.

    >>> from irgraph import constant, evaluate
    >>> evaluate(huber(constant([0.5, 3.0]), constant([0.0, 0.0]), reduction="none"))
    array([0.125, 2.5  ], dtype=float32)
    """
    require("delta", 0 < delta < math.inf, delta, "a number above 0")
    a, b = of_one_shape("huber", prediction, target)
    difference = a - b
    inner = clip(difference, -delta, delta)
    return reduced(inner * (difference - 0.5 * inner), reduction, weights)


@checked
def log_cosh(prediction: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None) -> Value:
    """log(cosh(prediction - target)): ½ d² for small differences, |d| - log 2 for large ones, which do not
    overflow.

    Raises ShapeError unless both shapes are equal.

    >>> from irgraph import constant, evaluate
    >>> evaluate(log_cosh(constant([0.5, 100.0]), constant([0.0, 0.0]), reduction="none")).round(3)
    array([ 0.12 , 99.307], dtype=float32)
    """
    a, b = of_one_shape("log_cosh", prediction, target)
    difference = a - b
    is_near = less(abs(difference), 1.0)
    near = 0.5 * log1p(square(sinh(where(is_near, difference, 0.0))))  # cosh² = 1 + sinh²
    distance = abs(where(is_near, 1.0, difference))
    far = distance + log1p(exp(-2.0 * distance)) - math.log(2)
    return reduced(where(is_near, near, far), reduction, weights)


@checked
def cosine(prediction: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None) -> Value:
    """1 - cos of the angle between two vectors of the last axis; 1 where one of them is 0.

    Raises ShapeError unless both shapes are equal.

    >>> from irgraph import constant, evaluate
    >>> a, b = constant([[2.0, 0.0], [0.0, 1.0]]), constant([[1.0, 0.0], [1.0, 0.0]])
    >>> evaluate(cosine(a, b, reduction="none"))
    array([0., 1.], dtype=float32)
    """
    a, b = of_one_shape("cosine", of_classes("cosine", prediction), target)
    tiny = 1e-3 if a.dtype == float16 else 1e-8  # next to the length of a vector; 1 / tiny must be finite
    x, y = a.astype(a.dtype.wide), b.astype(b.dtype.wide)
    lengths = sqrt(sum(square(x), -1) + tiny**2) * sqrt(sum(square(y), -1) + tiny**2)
    return reduced((1.0 - sum(x * y, -1) / lengths).astype(a.dtype), reduction, weights)


@checked
def gaussian_nll(
    prediction: Any, target: Any, variance: Any = 1.0, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """-log of the normal density of the target about the prediction: ½ (log(2π variance) + (p - t)² /
    variance).

    `variance` is a positive number, or of the prediction's shape. Nix and Weigend, "Estimating the mean and
    variance of the target probability distribution", 1994. Raises ShapeError unless the shapes are equal.

    >>> from irgraph import constant, evaluate
    >>> print(evaluate(gaussian_nll(constant([1.0]), constant([1.0]))).round(4))
    0.9189
    """
    a, b = of_one_shape("gaussian_nll", prediction, target)
    if is_scalar(variance):
        require("variance", 0 < variance < math.inf, variance, "a number above 0")
        spread = as_value(float(variance), a.dtype)
    else:
        spread = of_dtype(variance, a.dtype)
        require_shape("gaussian_nll's variance", a, spread, a.shape, "equal shapes")
    return reduced(0.5 * (log(2 * math.pi * spread) + square(a - b) / spread), reduction, weights)
