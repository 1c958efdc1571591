"""Finding a learning rate by trying some, from the same state each time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arguments import checked
from ..errors import FeedError, GraphError, NonFiniteError, NumericalError, explain
from ..function import Function
from ..origin import here
from ..state import State
from .optimizer import LEARNING_RATE, demand

Feeds = Mapping[str, Any] | Callable[[int], Mapping[str, Any]]
"""The feeds of every step, or a function from the number of the step, 0, 1, …, to its feeds."""


@dataclass(frozen=True)
class Trial:
    """The losses of the steps at one rate; fewer than asked for where one was not finite."""

    rate: float
    losses: tuple[float, ...]
    diverged: bool


@dataclass(frozen=True)
class FoundRate:
    """The first rate that did not diverge, all that were tried, that one last, and the losses of the same
    steps at a rate of 0."""

    rate: float
    tried: tuple[Trial, ...]
    unmoved: tuple[float, ...]


@dataclass(frozen=True)
class RateCurve:
    """The loss before each step at a rising rate."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggested(self) -> float:
        """A tenth of the rate at which the loss was lowest."""
        return self.rates[int(np.argmin(self.losses))] / 10


@checked
def find_learning_rate(
    step: Function,
    feeds: Feeds,
    start: float = 1.0,
    divide: float = 10.0,
    steps: int = 100,
    smallest: float = 1e-8,
    loss: str | int | None = None,
    variable: str = LEARNING_RATE,
) -> FoundRate:
    """Try a large rate; on divergence divide it by 10 and try again, from the same state each time.

    `step` is a compiled training step. A rate diverges if a loss is NaN or infinite within so many steps, or
    if over the last quarter of them losses are on average above those that the same batches have at a rate
    of 0. `feeds` are those of every step, or a function of its number. `loss` is the key of the loss among
    the step's outputs ("loss", or the only one), `variable` the state variable to try rates in. The state is
    afterwards as it was, whatever happens.

    Raises NumericalError if no rate down to `smallest` works or a loss is not finite at a rate of 0,
    GraphError if the step has no such variable or it follows a schedule.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", init=1.0)
    >>> loss = 30.0 * w * w
    >>> step = ig.compile(loss, updates=ig.optim.SGD(0.5).minimize(loss))
    >>> found = find_learning_rate(step, {}, steps=10)
    >>> found.rate, [(trial.rate, trial.diverged) for trial in found.tried]
    (0.01, [(1.0, True), (0.1, True), (0.01, False)])
    >>> float(step.state["learning_rate"]), float(step.state["w"])
    (0.5, 1.0)
    """
    demand(0 < start < math.inf, f"start={start}", "a finite number above 0")
    demand(1 < divide < math.inf, f"divide={divide}", "a number above 1")
    demand(steps >= 2, f"steps={steps}", "at least 2")
    tried: list[Trial] = []
    _require_rate(step, variable)
    with _kept(step.state) as again:
        step.state[variable] = 0.0
        unmoved = [_loss(step, feeds, number, loss) for number in range(steps)]
        if not all(map(math.isfinite, unmoved)):
            raise _not_finite(unmoved)
        while not tried or tried[-1].diverged:
            rate = start / divide ** len(tried)
            if rate < smallest * (1 - 1e-9):
                raise _no_rate(tried)
            again()
            step.state[variable] = rate
            tried.append(_trial(step, feeds, rate, unmoved, loss))
    return FoundRate(tried[-1].rate, tuple(tried), tuple(unmoved))


@checked
def learning_rate_curve(
    step: Function,
    feeds: Feeds,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    loss: str | int | None = None,
    variable: str = LEARNING_RATE,
) -> RateCurve:
    """The loss while the rate rises exponentially from `low` to `high` over so many steps: where it falls
    fastest, and where it starts to rise. Smith, "Cyclical learning rates", WACV 2017, section 3.3.

    Ends early where the loss is not finite, or has risen by four times the first. Arguments, state and errors
    are those of `find_learning_rate`.

    >>> import irgraph as ig
    >>> w = ig.parameter("w", init=1.0)
    >>> step = ig.compile(w * w, updates=ig.optim.SGD(0.5).minimize(w * w))
    >>> curve = learning_rate_curve(step, {}, low=0.001, high=100.0, steps=6)
    >>> [f"{rate:.3f}" for rate in curve.rates], f"{curve.suggested:.2f}"
    (['0.001', '0.010', '0.100', '1.000', '10.000', '100.000'], '0.10')
    """
    demand(0 < low < high < math.inf, f"rates from {low} to {high}", "two rising finite numbers above 0")
    demand(steps >= 2, f"steps={steps}", "at least 2")
    rates: list[float] = []
    losses: list[float] = []
    _require_rate(step, variable)
    with _kept(step.state):
        for number, rate in enumerate(np.geomspace(low, high, steps)):
            step.state[variable] = float(rate)
            found = _loss(step, feeds, number, loss)
            if not math.isfinite(found):
                break
            rates.append(float(rate))
            losses.append(found)
            if found > losses[0] + 4 * abs(losses[0]):
                break
    if not losses:
        raise _not_finite([found])
    return RateCurve(tuple(rates), tuple(losses))


def _trial(
    step: Function, feeds: Feeds, rate: float, unmoved: Sequence[float], key: str | int | None
) -> Trial:
    losses: list[float] = []
    for number in range(len(unmoved)):
        losses.append(_loss(step, feeds, number, key))
        if not math.isfinite(losses[-1]):
            return Trial(rate, tuple(losses), True)
    tail = -max(1, len(unmoved) // 4)
    return Trial(rate, tuple(losses), math.fsum(losses[tail:]) > math.fsum(unmoved[tail:]))


def _loss(step: Function, feeds: Feeds, number: int, key: str | int | None) -> float:
    """The loss of one step; NaN where a step compiled with `check=True` refuses it."""
    fed = feeds(number) if callable(feeds) else feeds
    if not isinstance(fed, Mapping):
        raise FeedError(explain(f"feeds of type {type(fed).__name__}", "a dict of feeds by name", here()))
    try:
        result = step(**fed)
    except NonFiniteError:
        return math.nan
    if isinstance(result, (Mapping, list, tuple)):
        keys = list(result) if isinstance(result, Mapping) else list(range(len(result)))
        chosen = key if key is not None else "loss" if "loss" in keys else keys[0] if len(keys) == 1 else None
        demand(chosen in keys, f"the loss {key!r} of a step with outputs {keys}", "the key of one of them")
        result = result[chosen]  # type: ignore[index]
    demand(np.ndim(result) == 0, f"a loss of shape {np.shape(result)}", "a scalar")
    return float(result)


def _require_rate(step: Function, variable: str) -> None:
    """Raise GraphError unless the step's state has a variable of that name that it does not write itself."""
    if variable not in step.state:
        found, do = f"no state variable {variable!r}", ""
    elif f"{variable}/scale" in step.state:
        found, do = f"{variable!r}, which follows a schedule", f"{variable}/scale"
        do = f"Pass variable={do!r} to find a factor of the schedule."
    else:
        return
    raise GraphError(explain(found, "a state variable that holds a learning rate", here(), do))


@contextmanager
def _kept(state: State) -> Iterator[Callable[[], None]]:
    """Put the state back at the end, and whenever the function that this gives is called."""
    start = {name: state[name] for name in state}
    try:
        yield lambda: state.update(start)
    finally:
        state.update(start)


def _not_finite(losses: Sequence[float]) -> NumericalError:
    first = next(number for number, loss in enumerate(losses) if not math.isfinite(loss))
    found = f"a loss of {losses[first]} at step {first}, before any parameter has moved"
    return NumericalError(
        explain(found, "finite losses", here(), "compile(check=True) names the node where it starts.")
    )


def _no_rate(tried: list[Trial]) -> NumericalError:
    rates = ", ".join(f"{trial.rate:g}" for trial in tried) or "none"
    return NumericalError(
        explain(
            f"losses that rise or are not finite at every rate tried ({rates})",
            "one at which they fall",
            here(),
            "Does the step minimize the loss that it returns?",
        )
    )
