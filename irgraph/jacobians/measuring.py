"""Running the candidates of a plan, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autodiff.structure import flatten
from ..compiler.pipeline import bind as bind_program
from ..compiler.pipeline import lower
from ..dims import bind, hint, names_of
from ..errors import FeedError, explain
from ..executor import find_executor
from ..function import Function, compile
from ..graph import Graph, name_outputs
from ..origin import here
from ..tables import Table, quantity
from ..value import Value

if TYPE_CHECKING:
    from .plan import Candidate, JacobianPlan

LONG_ENOUGH = 0.2
"""Seconds that each candidate is run for."""
FEWEST = 5


@dataclass(frozen=True)
class Measured:
    """One compiled candidate: the median of its times in seconds, and its arena in bytes."""

    name: str
    seconds: float
    peak: int
    calls: int


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
            [(m.name, quantity(m.seconds, "s"), quantity(m.peak, "B"), str(m.calls)) for m in self.rows],
        )
        return str(table)


def measure(plan: JacobianPlan, feeds: Mapping[str, Any]) -> Measurements:
    """The candidates compiled and run in turn, forward pass included, for as long as each needs to repeat.

    Inputs without a feed get numbers between 0.1 and 0.9, integers 0 or 1; named dims their hint.
    """
    candidates = plan.candidates
    functions = [compile(candidate.results) for candidate in candidates]
    _require_known(plan, functions, feeds)
    fed = [random_feeds(function, feeds) for function in functions]
    times: list[list[float]] = [[] for _ in functions]
    for function, arrays in zip(functions, fed, strict=True):
        function(**arrays)  # binds the plan
    while min(map(len, times)) < FEWEST or min(map(sum, times)) < LONG_ENOUGH:
        for function, arrays, taken in zip(functions, fed, times, strict=True):
            start = perf_counter()
            function(**arrays)
            taken.append(perf_counter() - start)
    return Measurements(
        tuple(
            Measured(candidate.name, median(taken), function.memory().arena, len(taken))
            for candidate, function, taken in zip(candidates, functions, times, strict=True)
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


def predicted_peak(candidate: Candidate) -> int:
    """The bytes that a compiled candidate needs, forward pass included; named dims at their hints."""
    return peak_of(candidate.results)


def peak_of(results: Sequence[Any]) -> int:
    """The bytes at the peak of computing some results on NumPy, as planned."""
    numpy = find_executor("numpy")
    program = lower(Graph(name_outputs(flatten(results, "results"))), numpy)
    return bind_program(program, {name: hint(name) for name in program.names}, numpy).arena_nbytes
