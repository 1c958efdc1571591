"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..arguments import checked
from ..errors import GraphError, explain
from ..origin import here
from ..value import Value

Parts = Callable[[Any, Any], Mapping[str, Value]]
Finish = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Metric:
    """Sums over batches, and what follows from them.

    `parts` are graph values of one batch, to be added up over batches; `finish` takes the sums, NumPy's
    arrays by name, and gives a number or an array. One that is written in plain arithmetic takes graph
    values as well, so that the metric can be called on them. `of` gives the metric with other options,
    where it has any.

    Law: the parts of two batches add up to those of both in one.

    >>> import irgraph as ig
    >>> def parts(p, t):
    ...     return {"above": (p > t).astype("int64").sum(), "count": (p * 0 + 1).sum()}
    >>> above = Metric("above", parts, lambda sums: sums["above"].astype("float32") / sums["count"])
    >>> ig.evaluate(above(ig.constant([1.0, 2.0]), ig.constant([0.0, 3.0])))
    array(0.5, dtype=float32)
    """

    name: str
    parts: Parts
    finish: Finish
    make: Callable[..., Metric] | None = field(default=None, repr=False)

    def __call__(self, prediction: Any, target: Any) -> Value:
        """The value for one batch. Raises ShapeError or DTypeError for a target that does not fit."""
        result: Value = self.finish(self.parts(prediction, target))
        return result

    def of(self, **options: Any) -> Metric:
        """The same metric with options. Raises GraphError for one that it does not have, or a bad one.

        >>> from irgraph.metrics import top_k_accuracy
        >>> top_k_accuracy.of(k=3).name
        'top_3_accuracy'
        """
        taken = tuple(self.make.__annotations__) if self.make else ()
        known = [name for name in taken if name != "return"]
        for name in options:
            if name not in known:
                needed = f"one of {', '.join(known)}" if known else "none: it has no options"
                raise GraphError(explain(f"the option {name!r} of {self.name}", needed, here()))
        return checked(self.make)(**options) if self.make else self
