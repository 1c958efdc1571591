"""Schedules: the learning rate as a function of the step, in the graph or in NumPy.

A schedule states its formula once, of the step t = 0, 1, … as a float64 and of a module `m` with NumPy's
names: NumPy itself, for `at`, or the ops of irgraph, for a step counter in the state.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, final

import numpy as np

from ..arguments import checked
from ..errors import GraphError, explain
from ..ops.comparison import maximum, minimum, where
from ..ops.operands import as_value
from ..ops.powers import power
from ..ops.rounding import floor
from ..ops.trigonometric import cos
from ..origin import here
from ..types import as_dtype
from ..value import Value

_FLOAT64 = as_dtype("float64")
_GRAPH = SimpleNamespace(
    cos=cos,
    float64=lambda number: as_value(number, _FLOAT64),
    floor=floor,
    maximum=maximum,
    minimum=minimum,
    power=power,
    where=where,
)


class Schedule(ABC):
    """A learning rate that depends on the step; compared by value.

    `schedule(counter)` is a scalar float64 of the graph, `schedule.at(step)` the same number now.
    """

    @abstractmethod
    def formula(self, t: Any, m: Any) -> Any:
        """The rate at step t, with functions of the module m."""

    @checked
    def __call__(self, step: Value) -> Value:
        """The rate as a node of an integer step counter, which starts from 0."""
        rate: Value = self.formula(step.astype(_FLOAT64), _GRAPH)
        return rate

    @checked
    def at(self, step: float | Sequence[float] | np.ndarray) -> Any:
        """The rate of a step, or an array of rates for an array of steps: for plots and tables.

        Raises GraphError for a step below 0.
        """
        t = np.asarray(step, np.float64)
        _demand(bool((t >= 0).all()), f"the rate at step {step}", "steps of at least 0")
        rates = np.broadcast_to(self.formula(t, np), t.shape)
        return rates.copy() if t.ndim else float(rates)


@final
@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate always."""

    rate: float

    def __post_init__(self) -> None:
        _require_rates(rate=self.rate)

    def formula(self, t: Any, m: Any) -> Any:
        return m.float64(self.rate)


@final
@dataclass(frozen=True)
class Exponential(Schedule):
    """A factor every so many steps, all at once (`whole`) or a little at each step."""

    rate: float
    factor: float
    every: int
    whole: bool

    def __post_init__(self) -> None:
        _require_rates(rate=self.rate)
        _demand(0 < self.factor < math.inf, f"factor={self.factor}", "a finite number above 0")
        _require_counts(every=self.every)

    def formula(self, t: Any, m: Any) -> Any:
        periods = t / self.every
        return self.rate * m.power(self.factor, m.floor(periods) if self.whole else periods)


@final
@dataclass(frozen=True)
class Polynomial(Schedule):
    """From a rate to another by a power of what is left."""

    rate: float
    steps: int
    end: float
    power: float

    def __post_init__(self) -> None:
        _require_rates(rate=self.rate, end=self.end)
        _require_counts(steps=self.steps)
        _demand(0 < self.power < math.inf, f"power={self.power}", "a finite number above 0")

    def formula(self, t: Any, m: Any) -> Any:
        left = 1 - m.minimum(t, float(self.steps)) / self.steps
        return self.end + (self.rate - self.end) * m.power(left, self.power)


@final
@dataclass(frozen=True)
class Cosine(Schedule):
    """From a rate to another along half a cosine, once or again and again."""

    rate: float
    steps: int
    end: float
    restarts: bool

    def __post_init__(self) -> None:
        _require_rates(rate=self.rate, end=self.end)
        _require_counts(steps=self.steps)

    def formula(self, t: Any, m: Any) -> Any:
        done = t / self.steps
        done = done - m.floor(done) if self.restarts else m.minimum(done, 1.0)
        return _along_cosine(self.rate, self.end, done, m)


@final
@dataclass(frozen=True)
class Warmup(Schedule):
    """A rise on a line to where another schedule starts, and then that."""

    steps: int
    then: Schedule
    start: float

    def __post_init__(self) -> None:
        _require_counts(steps=self.steps)
        _demand(0 <= self.start <= 1, f"start={self.start}", "a fraction, from 0 to 1")

    def formula(self, t: Any, m: Any) -> Any:
        done = (t + 1) / self.steps
        rising = self.then.at(0) * (self.start + (1 - self.start) * m.minimum(done, 1.0))
        return m.where(t < self.steps, rising, self.then.formula(m.maximum(t - self.steps, 0.0), m))


@final
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to a peak and down below the start, each along half a cosine."""

    peak: float
    steps: int
    rise: float
    start: float
    end: float

    def __post_init__(self) -> None:
        _require_rates(peak=self.peak, start=self.start, end=self.end)
        _require_counts(steps=self.steps)
        needed = "a fraction of the steps between 0 and 1, of more than one step"
        _demand(
            0 < self.rise < 1 and self.rise * self.steps > 1,
            f"rise={self.rise} of {self.steps} steps",
            needed,
        )

    def formula(self, t: Any, m: Any) -> Any:
        top, last = self.rise * self.steps - 1, self.steps - 1
        up = _along_cosine(self.start, self.peak, m.minimum(t / top, 1.0), m)
        down = m.minimum(m.maximum((t - top) / (last - top), 0.0), 1.0)
        return m.where(t <= top, up, _along_cosine(self.peak, self.end, down, m))


@final
@dataclass(frozen=True)
class Piecewise(Schedule):
    """Schedules one after another, each counting from its first step."""

    pieces: tuple[tuple[int, Schedule], ...]

    def formula(self, t: Any, m: Any) -> Any:
        rate: Any = None
        for first, schedule in self.pieces:
            own = schedule.formula(m.maximum(t - first, 0.0) if first else t, m)
            rate = m.where(t < first, rate, own) if first else own
        return rate


def _along_cosine(start: float, end: float, done: Any, m: Any) -> Any:
    """From start to end along half a cosine, of which a fraction is done."""
    return end + (start - end) * (1 + m.cos(done * math.pi)) / 2


def _demand(holds: bool, found: str, needed: str) -> None:
    if not holds:
        raise GraphError(explain(found, needed, here()))


def _require_rates(**rates: float) -> None:
    for name, rate in rates.items():
        _demand(0 <= rate < math.inf, f"{name}={rate}", "a finite number of at least 0")


def _require_counts(**counts: int) -> None:
    for name, count in counts.items():
        _demand(count == int(count) and count >= 1, f"{name}={count}", "a whole number of at least 1")


def as_schedule(rate: float | Schedule) -> Schedule:
    """A schedule, or that of a constant rate."""
    return rate if isinstance(rate, Schedule) else Constant(rate)


@checked
def constant(rate: float) -> Schedule:
    """The same rate always: a piece of other schedules.

    >>> constant(0.1).at(1000)
    0.1
    """
    return Constant(rate)


@checked
def staircase(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """rate · factor ^ ⌊t / every⌋.

    >>> print(staircase(1.0, every=2).at([0, 1, 2, 4]))
    [1.   1.   0.1  0.01]
    """
    return Exponential(rate, factor, every, True)


@checked
def exponential(rate: float, factor: float, every: int = 1) -> Schedule:
    """rate · factor ^ (t / every).

    >>> print(exponential(1.0, 0.25, every=2).at([0, 1, 2]))
    [1.   0.5  0.25]
    """
    return Exponential(rate, factor, every, False)


@checked
def polynomial(rate: float, steps: int, end: float = 0.0, power: float = 1.0) -> Schedule:
    """end + (rate - end) · (1 - t / steps) ^ power, and `end` after that many steps.

    >>> print(polynomial(1.0, 4, end=0.5).at([0, 2, 4, 100]))
    [1.   0.75 0.5  0.5 ]
    """
    return Polynomial(rate, steps, end, power)


@checked
def cosine(rate: float, steps: int, end: float = 0.0, restarts: bool = False) -> Schedule:
    """end + (rate - end) · (1 + cos(π t / steps)) / 2, and `end` after that many steps, or with `restarts`
    from the start again. Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5.

    >>> print(cosine(1.0, 4).at([0, 2, 4, 5]).round(6), cosine(1.0, 4, restarts=True).at([2, 4, 6]).round(6))
    [1.  0.5 0.  0. ] [0.5 1.  0.5]
    """
    return Cosine(rate, steps, end, restarts)


@checked
def warmup(steps: int, then: float | Schedule, start: float = 0.0) -> Schedule:
    """A rise on a line to the first rate of `then`, which starts when the rise is over: of n steps, number
    t takes the fraction start + (1 - start) · (t + 1) / n. Goyal et al., arXiv:1706.02677, section 2.2.

    >>> print(warmup(4, then=staircase(1.0, every=2)).at([0, 1, 2, 3, 4, 5, 6]))
    [0.25 0.5  0.75 1.   1.   1.   0.1 ]
    """
    return Warmup(steps, as_schedule(then), start)


@checked
def one_cycle(
    peak: float, steps: int, rise: float = 0.3, start: float | None = None, end: float | None = None
) -> Schedule:
    """From `start` (peak / 25) to the peak in a fraction `rise` of the steps, then to `end` (start / 10⁴),
    each along half a cosine. Smith and Topin, arXiv:1708.07120, in the form of torch's OneCycleLR.

    >>> print(one_cycle(1.0, 10, start=0.1, end=0.01).at([0, 2, 9, 20]).round(6))
    [0.1  1.   0.01 0.01]
    """
    low = peak / 25 if start is None else start
    return OneCycle(peak, steps, rise, low, low / 1e4 if end is None else end)


@checked
def piecewise(pieces: Mapping[int, float | Schedule]) -> Schedule:
    """Rates, or schedules that count from their own start, by the step from which they hold.

    Raises GraphError unless the first of the rising steps is 0.

    >>> print(piecewise({0: 0.1, 2: 0.01, 4: polynomial(0.01, 2)}).at([0, 1, 2, 3, 4, 5, 6]))
    [0.1   0.1   0.01  0.01  0.01  0.005 0.   ]
    """
    starts = list(pieces)
    rising = starts[:1] == [0] and all(a < b for a, b in pairwise(starts))
    _demand(rising, f"pieces from the steps {starts}", "rising steps, the first of them 0")
    return Piecewise(tuple((first, as_schedule(rate)) for first, rate in pieces.items()))
