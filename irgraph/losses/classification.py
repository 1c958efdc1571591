"""Losses of classes and of distributions over them."""

from __future__ import annotations

from typing import Any

from ..arguments import checked
from ..ops.comparison import where
from ..ops.elementary import log
from ..ops.exponentials import softplus
from ..ops.indexing import Gather
from ..ops.operands import as_float
from ..ops.reduce import mean, sum
from ..ops.softmax import SoftmaxCrossEntropy, log_softmax
from ..types import float16, float64
from ..value import Value
from .operands import class_labels, class_target, of_classes, of_one_shape, require, truth
from .reducing import Reduction, reduced


@checked
def softmax_cross_entropy(
    logits: Any,
    target: Any,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    weights: Any = None,
) -> Value:
    """The cross entropy of softmax(logits): `logits` (…, classes) against integer labels (…) or
    probabilities (…, classes).

    `label_smoothing` ε moves that share of the target to all classes evenly: (1 - ε) target + ε / classes
    (Szegedy et al., CVPR 2016). Raises ShapeError where the target has any other shape; nothing broadcasts in
    a loss. A label outside 0 … classes - 1 is an error when the graph runs.

    >>> from irgraph import constant, evaluate
    >>> print(evaluate(softmax_cross_entropy(constant([[0.0, 0.0]]), [1])).round(3))
    0.693
    """
    require("label_smoothing", 0 <= label_smoothing <= 1, label_smoothing, "a share from 0 to 1")
    x, value, _ = class_target("softmax_cross_entropy", logits, target)
    losses = SoftmaxCrossEntropy()(x, value)
    if label_smoothing:
        even = -mean(log_softmax(x), -1)
        losses = (1 - label_smoothing) * losses + label_smoothing * even
    return reduced(losses, reduction, weights)


@checked
def sigmoid_cross_entropy(
    logits: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """The binary cross entropy of sigmoid(logits): -y log σ(z) - (1 - y) log(1 - σ(z)), without overflow.

    The target has the logits' shape: bools, integer labels 0 and 1 (others are an error when the graph
    runs), or probabilities of the logits' dtype. Raises ShapeError for another shape.

    >>> from irgraph import constant, evaluate
    >>> evaluate(sigmoid_cross_entropy(constant([100.0, 100.0, 0.0]), [1, 0, 1], reduction="none")).round(3)
    array([  0.   , 100.   ,   0.693], dtype=float32)
    """
    z = as_float(logits)
    y, is_truth = truth("sigmoid_cross_entropy", z, target)
    losses = softplus(where(y, -z, z)) if is_truth else y * softplus(-z) + (1.0 - y) * softplus(z)
    return reduced(losses, reduction, weights)


@checked
def binary_cross_entropy(
    probabilities: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """-y log(p) - (1 - y) log(1 - p) for probabilities p. Where logits are at hand, `sigmoid_cross_entropy`
    of them is more precise.

    The target is as that of `sigmoid_cross_entropy`. Logarithms are taken of p + 2⁻⁶⁰ (2⁻⁵⁰⁰ for float64,
    2⁻¹⁵ for float16), so that a loss at a probability of 0 is large (41.6), not infinite. Raises ShapeError
    for another shape.

    >>> from irgraph import constant, evaluate
    >>> evaluate(binary_cross_entropy(constant([1.0, 0.5, 0.0]), [1, 1, 1], reduction="none")).round(3)
    array([-0.   ,  0.693, 41.589], dtype=float32)
    """
    p = as_float(probabilities)
    y, is_truth = truth("binary_cross_entropy", p, target)
    if is_truth:
        return reduced(-_log(where(y, p, 1.0 - p)), reduction, weights)
    return reduced(-(y * _log(p) + (1.0 - y) * _log(1.0 - p)), reduction, weights)


@checked
def cross_entropy(
    probabilities: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """-Σ target · log(probabilities): `probabilities` (…, classes) against integer labels (…) or
    probabilities (…, classes). Where logits are at hand, `softmax_cross_entropy` of them is more precise.

    Logarithms are taken of p + 2⁻⁶⁰ (2⁻⁵⁰⁰ for float64, 2⁻¹⁵ for float16), so that a loss at a probability
    of 0 is large (41.6), not infinite. Raises ShapeError for a target of another shape; a label outside 0 …
    classes - 1 is an error when the graph runs.

    >>> from irgraph import constant, evaluate
    >>> evaluate(cross_entropy(constant([[0.5, 0.5], [0.0, 1.0]]), [1, 1], reduction="none")).round(3)
    array([ 0.693, -0.   ], dtype=float32)
    """
    p, value, is_labels = class_target("cross_entropy", probabilities, target)
    losses = -_log(_at(p, value)) if is_labels else -sum(value * _log(p), -1)
    return reduced(losses, reduction, weights)


@checked
def negative_log_likelihood(
    log_probabilities: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """-log_probabilities at the label: (…, classes) against integer labels (…).

    Raises ShapeError for labels of another shape; a label outside 0 … classes - 1 is an error when the
    graph runs.

    >>> from irgraph import constant, evaluate
    >>> print(evaluate(negative_log_likelihood(constant([[-0.5, -0.9]]), [1])))
    0.9
    """
    x = of_classes("negative_log_likelihood", log_probabilities)
    labels = class_labels("negative_log_likelihood", x, target)
    return reduced(-_at(x, labels), reduction, weights)


@checked
def kl_divergence(
    probabilities: Any, target: Any, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """Σ target · log(target / probabilities) over the last axis: what the prediction misses of the target.

    Kullback and Leibler, "On information and sufficiency", 1951. Both are distributions (…, classes); one
    number for each. Logarithms are taken of p + 2⁻⁶⁰ (2⁻⁵⁰⁰ for float64, 2⁻¹⁵ for float16), so that all is
    finite. Raises ShapeError unless both shapes are equal.

    >>> from irgraph import constant, evaluate
    >>> print(evaluate(kl_divergence(constant([[0.5, 0.5]]), [[1.0, 0.0]])).round(3))
    0.693
    """
    p, value = of_one_shape("kl_divergence", of_classes("kl_divergence", probabilities), target)
    return reduced(sum(value * (_log(value) - _log(p)), -1), reduction, weights)


def _at(x: Value, labels: Value) -> Value:
    """The element of each row at its label, which was checked to be one."""
    last = x.ndim - 1
    return Gather(last, last)(x, labels)


def _log(p: Value) -> Value:
    """The logarithm of a probability, finite at 0 with its first two derivatives.

    What is added is lost in rounding unless p is smaller than 1e-11 (1e-134 in float64). Clipping instead
    would have no derivative where a probability is 0, and so never leave it.
    """
    least = {float64: 2.0**-500, float16: 2.0**-15}.get(p.dtype, 2.0**-60)  # of which float16 holds 1 / least
    return log(p.astype(p.dtype.wide) + least).astype(p.dtype)
