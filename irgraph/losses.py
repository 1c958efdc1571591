"""Losses: scalars to minimize."""

from __future__ import annotations

from typing import Any

from .errors import ShapeError, explain
from .ops.operands import as_value
from .ops.reduce import mean
from .ops.softmax import softmax_cross_entropy as cross_entropy_of_examples
from .origin import here
from .types import format_shape
from .value import Value


def softmax_cross_entropy(logits: Any, target: Any) -> Value:
    """The mean cross entropy of a batch: `logits` (…, classes) against integer labels (…) or
    probabilities (…, classes). Scalar.

    Raises ShapeError where the target has any other shape; nothing broadcasts in a loss.

    >>> from irgraph import constant, evaluate
    >>> print(evaluate(softmax_cross_entropy(constant([[0.0, 0.0]]), [1])).round(3))
    0.693
    """
    return mean(cross_entropy_of_examples(logits, target))


def squared_error(prediction: Any, target: Any) -> Value:
    """The mean of (prediction - target)². Scalar.

    Raises ShapeError unless both shapes are equal: (N,) against (N, 1) would silently compare all pairs.

    >>> from irgraph import constant, evaluate
    >>> evaluate(squared_error(constant([1.0, 2.0]), constant([1.0, 4.0])))
    array(2., dtype=float32)
    """
    a, b = as_value(prediction), as_value(target)
    if a.shape != b.shape:
        shapes = format_shape(a.shape), format_shape(b.shape)
        raise ShapeError(
            explain(
                f"a prediction of shape {shapes[0]} and a target of shape {shapes[1]}",
                "equal shapes",
                here(),
                "Reshape one of them; shapes of losses do not broadcast.",
            )
        )
    difference = a - b
    return mean(difference * difference)
