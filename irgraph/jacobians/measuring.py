"""Running the candidates of a plan, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.structure import flatten
from ..compiler.pipeline import bind as bind_program
from ..compiler.pipeline import lower
from ..dims import bind, hint, hinting, names_of
from ..errors import FeedError, explain
from ..executor import find_executor
from ..function import Function, compile
from ..graph import Graph, name_outputs
from ..origin import here
from ..tables import Table, quantity
from ..value import Value
from .steps import alternatives

if TYPE_CHECKING:
    from .plan import Candidate, JacobianPlan

LONG_ENOUGH = 0.2
"""Seconds that each candidate is run for."""
FEWEST = 5
HOPELESS = (1.0, 50.0)
"""A candidate is not run that nominally takes more seconds, and more times what the chosen order takes."""


@dataclass(frozen=True)
class Measured:
    """One compiled candidate: the median of its times in seconds, and its arena in bytes.

    Where it was not run, `calls` is 0 and the time is nan.
    """

    name: str
    seconds: float
    peak: int
    calls: int

    def row(self) -> tuple[str, ...]:
        """The name, the time, the memory, the calls."""
        time = quantity(self.seconds, "s") if self.calls else "not run"
        return self.name, time, quantity(self.peak, "B"), str(self.calls)


@dataclass(frozen=True)
class Measurements:
    """All candidates, run in turn. Prints as a table."""

    rows: tuple[Measured, ...]

    def __getitem__(self, name: str) -> Measured:
        return next(row for row in self.rows if row.name == name)

    def __str__(self) -> str:
        table = Table(
            "",
            (("order", "<"), ("time", ">"), ("peak memory", ">"), ("calls", ">")),
            [m.row() for m in self.rows],
        )
        return str(table)


def measure(plan: JacobianPlan, feeds: Mapping[str, Any]) -> Measurements:
    """The candidates compiled and run in turn, forward pass included, for as long as each needs to repeat.

    Inputs without a feed get numbers between 0.1 and 0.9, integers 0 or 1; named dims their hint. What by its
    nominal time is hopeless beside the chosen order is compiled only.
    """
    with hinting(plan.request.options.hints):
        return _measured(plan, alternatives(plan), feeds)


def _measured(plan: JacobianPlan, candidates: Sequence[Candidate], feeds: Mapping[str, Any]) -> Measurements:
    functions = [compile(candidate.results) for candidate in candidates]
    _require_known(plan, functions, feeds)
    fed = [random_feeds(function, feeds) for function in functions]
    times: list[list[float]] = [[] for _ in functions]
    hopeless = max(HOPELESS[0], HOPELESS[1] * plan.cost.seconds)
    running = [n for n, each in enumerate(candidates) if each.effort.seconds <= hopeless]
    for n in running:
        functions[n](**fed[n])  # binds the plan
    while any(len(times[n]) < FEWEST or sum(times[n]) < LONG_ENOUGH for n in running):
        for n in running:
            start = perf_counter()
            functions[n](**fed[n])
            times[n].append(perf_counter() - start)
    return Measurements(
        tuple(
            Measured(candidate.name, median(taken or [nan]), _peak(function, arrays), len(taken))
            for candidate, function, arrays, taken in zip(candidates, functions, fed, times, strict=True)
        )
    )


def _require_known(plan: JacobianPlan, functions: Sequence[Function], feeds: Mapping[str, Any]) -> None:
    linear = plan.reduced.linear
    graph = Graph([linear.values[v] for v in (*linear.ends, *linear.sources)])
    known = {*graph.inputs}.union(*(function.inputs for function in functions))
    if unknown := sorted(feeds.keys() - known):
        raise FeedError(explain(", ".join(unknown), f"feeds of {', '.join(sorted(known))}", here()))


def random_feeds(function: Function, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """The feeds given, and random ones for the other inputs."""
    given = {name: np.asarray(array) for name, array in feeds.items() if name in function.inputs}
    names = names_of(size for v in function.inputs.values() for size in v.shape)
    sizes = {name: hint(name) for name in names}
    for name, array in given.items():
        for size, number in zip(function.inputs[name].shape, array.shape, strict=False):
            if str(size) in sizes:
                sizes[str(size)] = number
    rng = np.random.default_rng(0)
    return {
        name: given[name] if name in given else _random(value, sizes, rng)
        for name, value in function.inputs.items()
    }


def _random(value: Value, sizes: Mapping[str, int], rng: np.random.Generator) -> Any:
    shape = [bind(size, sizes) for size in value.shape]
    if value.dtype.is_float or value.dtype.is_complex:
        return rng.uniform(0.1, 0.9, shape).astype(value.dtype.numpy)
    return rng.integers(0, 2, shape).astype(value.dtype.numpy)


def _peak(function: Function, feeds: Mapping[str, Any]) -> int:
    """The bytes of the arena and the results for the sizes of some feeds."""
    sizes: dict[str, int] = {}
    for name, value in function.inputs.items():
        shape = np.shape(feeds[name])
        sizes |= {str(s): n for s, n in zip(value.shape, shape, strict=True) if str(s) in names_of([s])}
    return function.plan(**sizes).nbytes


def predicted_peak(candidate: Candidate) -> int:
    """The bytes that a compiled candidate needs, forward pass included; named dims at their hints."""
    return peak_of(candidate.results)


def peak_of(results: Sequence[Any]) -> int:
    """The bytes at the peak of computing some results on NumPy, as planned."""
    numpy = find_executor("numpy")
    program = lower(Graph(name_outputs(flatten(results, "results"))), numpy)
    return bind_program(program, {name: hint(name) for name in program.names}, numpy).nbytes
