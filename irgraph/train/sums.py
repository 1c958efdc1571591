"""What is added up over the batches of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .graphs import LOSS, MeanOfBatches, Measure

Array = np.ndarray[Any, Any]


class Sums:
    """The loss weighted by batch sizes, and the parts of each metric, in float64 or int64."""

    def __init__(self, measures: Sequence[Measure], to_host: Callable[[Any], Array] = np.asarray) -> None:
        self._measures = measures
        self._to_host = to_host
        self._means = {f"{m.name}/mean" for m in measures if isinstance(m, MeanOfBatches)}
        self.clear()

    def clear(self) -> None:
        """Start an epoch."""
        self.loss = 0.0
        self.weight = 0.0
        self.count = 0
        self.parts: dict[str, Array] = {}

    def add(self, results: Mapping[str, Any], count: int, weight: float) -> None:
        """Add what a step returned for a batch of `count` examples; the loss is weighted by `weight`."""
        self.loss += float(results[LOSS]) * weight
        self.weight += weight
        self.count += count
        for name, part in results.items():
            if name == LOSS:
                continue
            if not isinstance(part, np.ndarray):
                part = self._to_host(part)
            if name in self._means:
                part = part.astype("float64") * count
            known = self.parts.get(name)
            if known is None:
                self.parts[name] = _wide(part)
            else:
                known += part

    def mean_loss(self) -> float:
        """The mean of the losses; 0 where all weights are, as of such a batch."""
        return self.loss / self.weight if self.weight else 0.0

    def results(self) -> dict[str, Any]:
        """The loss and the metrics of what was added."""
        found: dict[str, Any] = {LOSS: self.mean_loss()}
        for measure in self._measures:
            head = f"{measure.name}/"
            sums = {name[len(head) :]: part for name, part in self.parts.items() if name.startswith(head)}
            if isinstance(measure, MeanOfBatches):
                sums = {name: part / self.count for name, part in sums.items()}
            value = measure.finish(sums)
            found[measure.name] = float(value) if np.ndim(value) == 0 else np.asarray(value).tolist()
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What a checkpoint keeps: as JSON, and as arrays."""
        parts = {name: part.copy() for name, part in self.parts.items()}  # `add` writes into them
        return {"loss": self.loss, "weight": self.weight, "count": self.count}, parts

    def restore(self, numbers: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Go on from what `state` gave."""
        self.loss, self.weight = float(numbers["loss"]), float(numbers["weight"])
        self.count = int(numbers["count"])
        self.parts = {name: np.array(array) for name, array in arrays.items()}


def _wide(part: Array) -> Array:
    """A copy in which many can be added: integers and booleans as int64, floats as float64."""
    return np.array(part, "int64" if part.dtype.kind in "biu" else "float64")
