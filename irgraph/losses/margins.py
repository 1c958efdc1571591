"""Losses that want a margin."""

from __future__ import annotations

import math
from typing import Any, Literal

from ..arguments import checked
from ..errors import GraphError, explain
from ..ops.comparison import greater, where
from ..ops.elementary import relu
from ..ops.indexing import CheckIndex, Gather, OneHot
from ..ops.operands import as_float
from ..ops.reduce import max, sum
from ..ops.shape import expand_dims
from ..origin import here
from ..types import bool_, format_shape, int64
from ..value import Value
from .operands import class_labels, of_classes, of_dtype, require, require_shape
from .reducing import Reduction, reduced


@checked
def hinge(
    prediction: Any, target: Any, margin: float = 1.0, *, reduction: Reduction = "mean", weights: Any = None
) -> Value:
    """max(0, margin - y · prediction) for labels y of -1 or 1; the derivative is 0 at the margin.

    The target has the prediction's shape; what is above 0 is 1 and all else is -1, so that labels 0 and 1,
    and bools, do as well. Integers other than -1, 0 and 1 are an error when the graph runs. Raises
    ShapeError unless both shapes are equal.

    >>> from irgraph import constant, evaluate
    >>> evaluate(hinge(constant([0.5, 3.0, 0.5]), constant([1, 1, -1]), reduction="none"))
    array([0.5, 0. , 1.5], dtype=float32)
    """
    require("margin", 0 <= margin < math.inf, margin, "a number of at least 0")
    scores = as_float(prediction)
    value = of_dtype(target, scores.dtype)
    require_shape("hinge", scores, value, scores.shape, f"labels of shape {format_shape(scores.shape)}")
    if value.dtype.is_integer:
        positive = greater(CheckIndex(3)((value.astype(int64) + 1).named(f"{value.label}+1")), 1)
    else:
        positive = value if value.dtype == bool_ else greater(value, 0)
    return reduced(relu(margin - where(positive, scores, -scores)), reduction, weights)


@checked
def multiclass_hinge(
    prediction: Any,
    target: Any,
    margin: float = 1.0,
    form: Literal["max", "sum"] = "max",
    *,
    reduction: Reduction = "mean",
    weights: Any = None,
) -> Value:
    """How far the other classes j come within the margin of the label: margin + s_j - s_label, at least 0.

    `prediction` (…, classes) are scores, `target` (…) integer labels. `form`: "max" takes the worst class
    (Crammer and Singer, JMLR 2001), "sum" adds up all (Weston and Watkins, ESANN 1999). Where several
    classes are the worst they share the derivative. Raises ShapeError for labels of another shape; a label
    outside the classes is an error when the graph runs.

    >>> from irgraph import constant, evaluate
    >>> scores = constant([[2.0, 1.5, 1.75, 0.0]])
    >>> for form in ("max", "sum"):
    ...     print(evaluate(multiclass_hinge(scores, [0], form=form)))
    0.75
    1.25
    """
    require("margin", 0 <= margin < math.inf, margin, "a number of at least 0")
    if form not in ("max", "sum"):
        raise GraphError(explain(f"form={form!r} of multiclass_hinge", '"max" or "sum"', here()))
    scores = of_classes("multiclass_hinge", prediction)
    label = class_labels("multiclass_hinge", scores, target)
    last = scores.ndim - 1
    own = expand_dims(Gather(last, last)(scores, label), -1)
    is_own = OneHot(scores.shape[-1], bool_)(label)
    short = relu(where(is_own, 0.0, margin + (scores - own)))
    return reduced(max(short, -1) if form == "max" else sum(short, -1), reduction, weights)
