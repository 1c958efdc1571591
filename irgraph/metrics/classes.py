"""Metrics of classes: how often they are right, and what is taken for what.

The prediction is scores (…, classes), of which the first largest counts, against integer labels (…) or
one-hot vectors (…, classes). With the option `threshold` it is one number for each example, and what is
above is
class 1: 0.5 for probabilities, 0 for logits. Labels outside the classes are an error when the graph runs.

>>> import irgraph as ig
>>> scores, labels = ig.constant([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), ig.constant([1, 0, 0])
>>> ig.evaluate(confusion_matrix(scores, labels))
array([[1, 1], [0, 1]])
>>> ig.evaluate([accuracy(scores, labels), precision.of(average="none")(scores, labels)])
[array(0.66666667), array([1. , 0.5])]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import numpy as np

from ..dims import Size, product
from ..errors import GraphError, ShapeError, explain
from ..losses.operands import class_labels, of_classes, require, require_shape, truth
from ..ops.comparison import equal, greater
from ..ops.constants import ones
from ..ops.indexing import CheckIndex, ScatterAdd
from ..ops.operands import as_float, as_value
from ..ops.reduce import argmax, sum
from ..ops.shape import expand_dims, reshape
from ..ops.sorting import topk
from ..ops.statistics import any
from ..origin import here
from ..types import bool_, format_shape, int64
from ..value import Value
from .arithmetic import counted, ratio
from .metric import Metric

Average = Literal["macro", "micro", "weighted", "none", "binary"]
_THRESHOLD = "For two classes take {}.of(threshold=0.5) of probabilities, or threshold=0 of logits."


def _labels(what: str, prediction: Any, target: Any, threshold: float | None) -> tuple[Value, Value, Size]:
    """The classes that were predicted, the true ones, and how many classes there are."""
    if threshold is not None:
        p = as_float(prediction)
        y, is_truth = truth(what, p, target)
        return greater(p, threshold).astype(int64), (y if is_truth else greater(y, 0.5)).astype(int64), 2
    scores, true = of_classes(what, prediction), as_value(target)
    classes = scores.shape[-1]
    if true.ndim == scores.ndim and (scores.ndim == 1 or classes == 1):
        found = f"{what} of a prediction {scores.type} and a target {true.type}"
        do = _THRESHOLD.format(what)
        raise ShapeError(explain(found, "scores (…, classes), or a threshold", here(), do))
    if true.ndim == scores.ndim:
        words = f"one of {format_shape(scores.shape)} for one-hot vectors"
        require_shape(what, scores, true, scores.shape, words)
        return argmax(scores), argmax(true.astype(int64) if true.dtype == bool_ else true), classes
    return argmax(scores), CheckIndex(classes)(class_labels(what, scores, true)).astype(int64), classes


def _accuracy(threshold: float | None = None) -> Metric:
    def parts(prediction: Any, target: Any) -> Mapping[str, Value]:
        predicted, true, _ = _labels("accuracy", prediction, target, threshold)
        return {"hits": sum(equal(predicted, true)), "count": counted(true)}

    name = "accuracy" if threshold is None else "binary_accuracy"
    return Metric(name, parts, lambda sums: ratio(sums["hits"], sums["count"]), _accuracy)


def _top_k(k: int = 5) -> Metric:
    require("k", k >= 1, k, "at least 1 class")

    def parts(prediction: Any, target: Any) -> Mapping[str, Value]:
        scores = of_classes(f"top_{k}_accuracy", prediction)
        _, true, classes = _labels(f"top_{k}_accuracy", scores, target, None)
        if isinstance(classes, int) and k > classes:
            do = f"Take top_k_accuracy.of(k={classes}) or less."
            raise ShapeError(explain(f"the best {k} of {scores!r}", f"at least {k} classes", here(), do))
        hits = any(equal(topk(scores, k)[1], expand_dims(true, -1)), -1)
        return {"hits": sum(hits), "count": counted(true)}

    return Metric(f"top_{k}_accuracy", parts, lambda sums: ratio(sums["hits"], sums["count"]), _top_k)


def _counts(what: str, prediction: Any, target: Any, threshold: float | None) -> Mapping[str, Value]:
    """How often each class (a row) was taken for each class (a column)."""
    predicted, true, classes = _labels(what, prediction, target, threshold)
    if not isinstance(classes, int):
        raise ShapeError(explain(f"{what} of {classes} classes", "a number of classes that is known", here()))
    pairs = reshape(true * classes + predicted, (product(true.shape),))
    counts = ScatterAdd(0, classes * classes)(ones(pairs.shape, int64), pairs)
    return {"matrix": reshape(counts, (classes, classes))}


def _confusion_matrix(threshold: float | None = None) -> Metric:
    name = "confusion_matrix"
    return Metric(
        name, lambda p, t: _counts(name, p, t, threshold), lambda sums: sums["matrix"], _confusion_matrix
    )


Fractions = Callable[[Any, Any, Any], tuple[Any, Any]]


def _fraction(name: str, fractions: Fractions, average: Average | None, threshold: float | None) -> Metric:
    """A metric that follows from the confusion matrix: for each class a part of a whole."""
    chosen = average or ("macro" if threshold is None else "binary")
    if chosen not in get_args(Average):
        needed = f"one of {', '.join(get_args(Average))}"
        raise GraphError(explain(f"average={chosen!r} of {name}", needed, here()))

    def parts(prediction: Any, target: Any) -> Mapping[str, Value]:
        counts = _counts(name, prediction, target, threshold)
        classes = counts["matrix"].shape[0]
        if chosen == "binary" and classes != 2:
            do = f'Take {name}.of(average="macro"), "micro", "weighted" or "none".'
            raise ShapeError(explain(f"{name} of {classes} classes as of two", "two classes", here(), do))
        return counts

    def finish(sums: Mapping[str, Any]) -> Any:
        matrix = sums["matrix"]
        hits = (matrix * np.eye(matrix.shape[0], dtype="int64")).sum(0)
        taken, true = matrix.sum(0), matrix.sum(1)
        part, whole = fractions(hits, taken, true)
        if chosen == "micro":
            return ratio(part.sum(), whole.sum())
        each = ratio(part, whole)
        if chosen == "none":
            return each
        if chosen == "binary":
            return each[1]
        weights = true if chosen == "weighted" else (taken + true > 0).astype("int64")
        return ratio((each * weights.astype("float64")).sum(), weights.sum())

    def make(average: Average | None = None, threshold: float | None = None) -> Metric:
        return _fraction(name, fractions, average, threshold)

    return Metric(f"{average}_{name}" if average else name, parts, finish, make)


accuracy = _accuracy()
"""The share of examples whose class is the target's. Option: threshold."""

top_k_accuracy = _top_k()
"""The share of examples whose target is among the k best classes; of equal scores the first. Option: k, by
default 5."""

confusion_matrix = _confusion_matrix()
"""How many examples of each class (rows) were taken for each class (columns). Option: threshold."""

precision = _fraction("precision", lambda hits, taken, true: (hits, taken), None, None)
"""Of what was taken for a class, the share that is of it; 0 where nothing was.

Options: threshold; average, which is "macro" (the mean over the classes that occur, in the target or the
prediction; the default), "micro" (all classes as one), "weighted" (by how often a class is true), "none"
(one for each class) or "binary" (class 1 of two; the default with a threshold)."""

recall = _fraction("recall", lambda hits, taken, true: (hits, true), None, None)
"""Of what is of a class, the share that was taken for it; 0 where nothing is. Options as of `precision`."""

f1 = _fraction("f1", lambda hits, taken, true: (2 * hits, taken + true), None, None)
"""The harmonic mean of precision and recall, 0 where both are. Options as of `precision`."""
