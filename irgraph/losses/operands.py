"""What losses and metrics are given: predictions, targets and labels that must fit without broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dims import Shape, Size, same_size
from ..errors import DTypeError, GraphError, ShapeError, explain
from ..ops.comparison import greater
from ..ops.constants import constant
from ..ops.indexing import CheckIndex
from ..ops.operands import as_float, as_value
from ..origin import here
from ..types import DType, bool_, format_shape
from ..value import Value

_NO_BROADCAST = "Reshape one of them; shapes of losses and metrics do not broadcast."


def fits(found: Shape, needed: Shape) -> bool:
    """Whether two shapes are the same, sizes that only a call knows aside. A name is never taken as 1."""
    return len(found) == len(needed) and all(map(_same, found, needed))


def _same(a: Size, b: Size) -> bool:
    return a == b or (a != 1 and b != 1 and same_size(a, b) is not None)


def of_dtype(written: Any, dtype: DType, integers_too: bool = False) -> Value:
    """The value that was written; known floats, and integers if asked, take the dtype of what they meet."""
    value = as_value(written)
    if isinstance(written, Value) or not (
        value.dtype.is_inexact or (integers_too and value.dtype.is_integer)
    ):
        return value
    return constant(np.asarray(written), dtype)


def of_one_shape(what: str, prediction: Any, target: Any) -> tuple[Value, Value]:
    """A float prediction and a target of its shape and dtype. Raises ShapeError or DTypeError."""
    a = as_float(prediction)
    b = of_dtype(target, a.dtype, integers_too=True)
    require_shape(what, a, b, a.shape, "equal shapes")
    if a.dtype != b.dtype:
        do = f'Cast the target, e.g. with .astype("{a.dtype}").'
        raise DTypeError(explain(f"{what} of {a.type} against {b.type}", "one float dtype", here(), do))
    return a, b


def require_shape(what: str, prediction: Value, target: Value, needed: Shape, words: str) -> None:
    """Raise ShapeError unless the target has the shape that is needed."""
    if not fits(target.shape, needed):
        shapes = format_shape(prediction.shape), format_shape(target.shape)
        found = f"{what} of a prediction of shape {shapes[0]} and a target of shape {shapes[1]}"
        raise ShapeError(explain(found, words, here(), _NO_BROADCAST))


def of_classes(what: str, prediction: Any) -> Value:
    """A float prediction with a last axis of classes."""
    scores = as_float(prediction)
    if not scores.ndim:
        raise ShapeError(explain(f"{what} of {scores!r}", "a last axis of classes", here()))
    return scores


def class_labels(what: str, scores: Value, target: Any) -> Value:
    """Integer labels, one for each row of scores. Ops that pick by them check them when the graph runs."""
    labels = as_value(target)
    if not labels.dtype.is_integer:
        found = f"{what} of {scores.type} against labels {labels.type}"
        raise DTypeError(explain(found, "integer labels", here(), 'Cast them, e.g. with .astype("int64").'))
    needed = scores.shape[:-1]
    require_shape(what, scores, labels, needed, f"integer labels of shape {format_shape(needed)}")
    return labels


def class_target(what: str, prediction: Any, target: Any) -> tuple[Value, Value, bool]:
    """Scores or probabilities (…, classes), their target, and whether that is integer labels (…)."""
    scores = of_classes(what, prediction)
    value = of_dtype(target, scores.dtype)
    if value.dtype.is_integer:
        return scores, class_labels(what, scores, value), True
    if value.dtype != scores.dtype:
        found, needed = (
            f"{what} of {scores.type} against {value.type}",
            "integer labels or probabilities of one dtype",
        )
        raise DTypeError(
            explain(found, needed, here(), f'Cast the target, e.g. with .astype("{scores.dtype}").')
        )
    words = f"probabilities of shape {format_shape(scores.shape)}"
    if fits(value.shape, scores.shape[:-1]):
        words += f", or labels of an integer dtype, not of {value.dtype}"
    require_shape(what, scores, value, scores.shape, words)
    return scores, value, False


def truth(what: str, prediction: Value, target: Any) -> tuple[Value, bool]:
    """A target of the prediction's shape, and whether it is truth values: bools, or labels 0 and 1."""
    value = of_dtype(target, prediction.dtype)
    shape = format_shape(prediction.shape)
    require_shape(what, prediction, value, prediction.shape, f"labels or probabilities of shape {shape}")
    if value.dtype == bool_:
        return value, True
    if value.dtype.is_integer:
        return greater(CheckIndex(2)(value), 0), True
    if value.dtype != prediction.dtype:
        found, needed = (
            f"{what} of {prediction.type} against {value.type}",
            "labels or probabilities of one dtype",
        )
        do = f'Cast the target, e.g. with .astype("{prediction.dtype}").'
        raise DTypeError(explain(found, needed, here(), do))
    return value, False


def require(what: str, holds: bool, found: object, needed: str) -> None:
    """Raise GraphError for an option that is out of range."""
    if not holds:
        raise GraphError(explain(f"{what} {found!r}", needed, here()))
