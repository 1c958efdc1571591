"""A smaller learning rate where a metric no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from ..arguments import checked
from ..state import State
from .optimizer import demand


class ReduceLROnPlateau:
    """Tells when a learning rate is to be multiplied by `factor`: after more than `patience` metrics in a row
    (validation losses, say) that are not better than the best one.

    Better is below best · (1 - threshold), or with `threshold_mode="abs"` below best - threshold; with
    `mode="max"` above best · (1 + threshold) or best + threshold. A metric that is not finite is never
    better. The next `cooldown` metrics after a reduction are not counted. Rates do not fall below `minimum`.
    The numbers are those of torch's ReduceLROnPlateau.

    It is no node: between steps, `plateau.apply(step.state, optimizer.rates, metric)` counts a metric and
    lowers the rates. Raises GraphError for options that make no sense.

    >>> plateau = ReduceLROnPlateau(factor=0.5, patience=1)
    >>> [plateau.update(metric) for metric in (3.0, 2.0, 2.0, 2.0, 1.0)]
    [1.0, 1.0, 1.0, 0.5, 1.0]
    >>> plateau.state()
    {'bad': 0, 'cooling': 0, 'best': 1.0}
    """

    @checked
    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
        mode: Literal["min", "max"] = "min",
        threshold_mode: Literal["rel", "abs"] = "rel",
    ) -> None:
        demand(0 < factor < 1, f"factor={factor}", "a number between 0 and 1")
        demand(
            patience >= 0 and cooldown >= 0 and threshold >= 0 and minimum >= 0,
            f"patience={patience}, cooldown={cooldown}, threshold={threshold}, minimum={minimum}",
            "numbers of at least 0",
        )
        demand(mode in ("min", "max"), f"mode={mode!r}", '"min" or "max"')
        demand(threshold_mode in ("rel", "abs"), f"threshold_mode={threshold_mode!r}", '"rel" or "abs"')
        self.factor, self.patience, self.cooldown, self.minimum = factor, patience, cooldown, minimum
        self.threshold, self.mode, self.threshold_mode = threshold, mode, threshold_mode
        self.best: float | None = None
        self.bad = self.cooling = 0

    @checked
    def update(self, metric: float) -> float:
        """Count one metric: what to multiply the rate by, 1.0 or the factor."""
        if self._is_better(float(metric)):
            self.best, self.bad = float(metric), 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad <= self.patience:
            return 1.0
        self.cooling, self.bad = self.cooldown, 0
        return self.factor

    @checked
    def apply(self, state: State, rates: Sequence[str], metric: float) -> bool:
        """Count one metric, and if it is time multiply these state variables (an optimizer's `rates`) by the
        factor, down to the minimum; tells whether it was.

        Raises GraphError for a variable that the state does not have; the metric is then not counted.
        """
        now = {name: float(state[name]) for name in rates}
        factor = self.update(metric)
        if factor < 1.0:
            state.update({name: min(rate, max(rate * factor, self.minimum)) for name, rate in now.items()})
        return factor < 1.0

    def state(self) -> dict[str, float]:
        """What it remembers, for a checkpoint: finite numbers; no `best` before the first finite metric."""
        found: dict[str, float] = {"bad": self.bad, "cooling": self.cooling}
        return found if self.best is None else {**found, "best": self.best}

    @checked
    def load(self, state: Mapping[str, float]) -> None:
        """Go on from what `state()` returned. Raises GraphError for anything else."""
        known = {"bad", "cooling", "best"}
        fits = {"bad", "cooling"} <= state.keys() <= known
        demand(fits, f"a plateau's state of {', '.join(state) or 'nothing'}", "bad, cooling and perhaps best")
        self.bad, self.cooling = int(state["bad"]), int(state["cooling"])
        self.best = float(state["best"]) if "best" in state else None

    def _is_better(self, metric: float) -> bool:
        if self.best is None or not math.isfinite(metric):
            return math.isfinite(metric)
        sign = 1.0 if self.mode == "max" else -1.0
        scale = self.best if self.threshold_mode == "rel" else 1.0
        limit = self.best + sign * scale * self.threshold
        return metric > limit if self.mode == "max" else metric < limit
