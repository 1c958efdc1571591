"""Losses and metrics of models with several outputs: one for each, by the keys of the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, explain
from ..metrics import Metric
from ..origin import here
from ..value import Value
from .graphs import Loss, MeanOfBatches, Measure, find_loss, find_measures, require_distinct


@dataclass(frozen=True)
class SumOfLosses:
    """The losses of several outputs, each times its factor."""

    parts: Mapping[str, tuple[Loss, float]]

    def __call__(self, prediction: Any, target: Any, **options: Any) -> Value:
        terms = [
            loss(_of(prediction, key, "prediction"), _of(target, key, "target"), **options) * factor
            for key, (loss, factor) in self.parts.items()
        ]
        total: Value = sum(terms[1:], start=terms[0])
        return total


def loss_of(loss: str | Loss | Mapping[str, Any]) -> Loss:
    """A loss, or the sum of those of several outputs, each a loss or a pair of one and its factor."""
    if not isinstance(loss, Mapping):
        return find_loss(loss)
    if not loss:
        raise GraphError(explain("losses of no outputs", "at least one", here()))
    return SumOfLosses({key: _with_factor(key, each) for key, each in loss.items()})


def measures_of(metrics: str | Sequence[Any] | Mapping[str, Any]) -> list[Measure]:
    """Metrics, or those of several outputs by their keys, which then go before their names."""
    if not isinstance(metrics, Mapping):
        return find_measures(metrics)
    found = [
        _of_output(key, each)
        for key, chosen in metrics.items()
        for each in find_measures(chosen if isinstance(chosen, Sequence) else [chosen])
    ]
    return require_distinct(found)


def _with_factor(key: str, loss: Any) -> tuple[Loss, float]:
    loss, factor = loss if isinstance(loss, tuple) and len(loss) == 2 else (loss, 1.0)
    if isinstance(factor, bool) or not np.isscalar(factor) or isinstance(factor, str):
        found, needed = f"the factor {factor!r} for the loss of {key!r}", "a number"
        raise DTypeError(explain(found, needed, here(), "Write (loss, factor)."))
    return find_loss(loss), float(factor)  # type: ignore[arg-type]


def _of_output(key: str, measure: Measure) -> Measure:
    name = f"{key}.{measure.name}"

    def at(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        return lambda prediction, target: function(
            _of(prediction, key, "prediction"), _of(target, key, "target")
        )

    if isinstance(measure, MeanOfBatches):
        return MeanOfBatches(name, at(measure.function))
    return Metric(name, at(measure.parts), measure.finish)


def _of(data: Any, key: str, what: str) -> Any:
    """One output of a prediction, or its target. Raises GraphError where there is none."""
    if not isinstance(data, Mapping) or key not in data:
        found = f"a {what} of {', '.join(map(str, data))}" if isinstance(data, Mapping) else f"one {what}"
        do = "The keys of losses and metrics are those of the dict that the model returns, and of y."
        raise GraphError(
            explain(f"{found}, and a loss or metric of {key!r}", f"a dict with {key!r}", here(), do)
        )
    return data[key]
