"""Metrics of numbers, and averages of losses.

>>> import irgraph as ig
>>> ig.evaluate(r2(ig.constant([1.0, 2.0, 4.0]), ig.constant([1.0, 2.0, 3.0]))).round(3)
np.float64(0.5)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ShapeError, explain
from ..local_jacobian import Coefficient
from ..losses.classification import softmax_cross_entropy
from ..losses.operands import of_one_shape
from ..losses.regression import absolute_error, squared_error
from ..ops.constants import scaled_unit
from ..ops.powers import square
from ..ops.reduce import sum
from ..origin import here
from ..types import float64, int64
from ..value import Value
from .arithmetic import choose, counted, exponential, ratio
from .metric import Metric

_ROUNDING = 1e-13  # a spread that is less next to the squares is none: what float64 leaves of equal numbers


def average(loss: Callable[..., Value], name: str | None = None) -> Metric:
    """The mean of a loss of `irgraph.losses` over all elements or examples of all batches.

    >>> import irgraph as ig
    >>> off = average(ig.losses.huber)
    >>> off.name, float(off.finish({"total": 3.0, "count": 4}))
    ('huber', 0.75)
    """

    def parts(prediction: Any, target: Any) -> Mapping[str, Value]:
        losses = loss(prediction, target, reduction="none")
        return {"total": sum(losses.astype(float64)), "count": counted(losses)}

    return Metric(name or loss.__name__, parts, lambda sums: ratio(sums["total"], sums["count"]))


mean_absolute_error = average(absolute_error, "mean_absolute_error")
"""The mean of |prediction - target| over all elements."""

mean_squared_error = average(squared_error, "mean_squared_error")
"""The mean of (prediction - target)² over all elements."""

_cross_entropy = average(softmax_cross_entropy)
perplexity = Metric("perplexity", _cross_entropy.parts, lambda sums: exponential(_cross_entropy.finish(sums)))
"""exp of the mean cross entropy of logits (…, classes): of how many classes the choice is, as it were."""


def _squares(prediction: Any, target: Any) -> Mapping[str, Value]:
    """The sums over examples, for each output on its own."""
    p, t = (each.astype(float64) for each in of_one_shape("r2", prediction, target))
    if not t.ndim:
        raise ShapeError(explain(f"r2 of one number, {t.type}", "a first axis of examples", here()))
    sums = {"errors": square(t - p), "total": t, "squares": square(t)}
    rows = scaled_unit(Coefficient(times=t.shape[0]), int64)
    return {"count": rows, **{name: sum(each, 0) for name, each in sums.items()}}


def _determination(sums: Mapping[str, Any]) -> Any:
    """1 - Σ (t - p)² / Σ (t - mean)², the mean over outputs; of equal targets 1 if all is right, else 0."""
    spread = sums["squares"] - ratio(sums["total"] * sums["total"], sums["count"])
    spread = choose(spread <= _ROUNDING * sums["squares"], 0.0, spread)
    unexplained = ratio(sums["errors"], spread)
    unexplained = choose(spread > 0, unexplained, (sums["errors"] > 0).astype("float64"))
    return (1.0 - unexplained).mean()


r2 = Metric("r2", _squares, _determination)
"""R², the share of the variance that is explained, the mean over outputs; as sklearn.metrics.r2_score.

Sums are those of squares, in float64: of targets whose spread is below 3e-7 of their size nothing is left,
and they count as equal. Shift such targets."""
