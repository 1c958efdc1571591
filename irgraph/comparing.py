"""Comparing executors: the first node on which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .autodiff.structure import Tree, flatten
from .compiler.passes import collect_updates
from .compiler.protocol import Executor
from .errors import ExecutorError, explain
from .executor import as_executor
from .function import Function, compile
from .graph import Graph, name_outputs
from .origin import here
from .types import DType
from .value import Value

Array = np.ndarray[Any, Any]

TOLERANCES: dict[str, float] = {
    "float16": 4e-3,
    "bfloat16": 3.2e-2,
    "float32": 1e-5,
    "float64": 1e-12,
    "complex64": 1e-5,
    "complex128": 1e-12,
}
"""By which part of the largest magnitude the results of two good executors may differ, by dtype: of
float16 and bfloat16 four units in the last place. Integers and bools are equal."""


def tolerance_of(dtype: DType, given: Mapping[str, float] | None = None) -> float:
    """The tolerance for a dtype: the given one, or that of `TOLERANCES`; 0 for what is counted."""
    return (given or {}).get(dtype.name, TOLERANCES.get(dtype.name, 0.0))


@dataclass(frozen=True)
class Difference:
    """Where two executors differ in one value: by `largest`, in units of its scale, most at `at`."""

    value: Value
    largest: float
    tolerance: float
    at: tuple[int, ...]
    reference: Any
    other: Any

    @property
    def beyond(self) -> bool:
        """Whether it is more than rounding."""
        return not self.largest <= self.tolerance


@dataclass(frozen=True)
class Comparison:
    """What `compare` found: by executor, the differences of all values in topological order.

    `ends` are those of the outputs and of the state after the step, in a run that computed nothing else.
    """

    reference: str
    values: dict[str, list[Difference]] = field(repr=False)
    ends: dict[str, list[Difference]] = field(repr=False)

    @property
    def agree(self) -> bool:
        """Whether nothing differs beyond its tolerance."""
        return not any(
            each.beyond for found in (self.values, self.ends) for row in found.values() for each in row
        )

    def first(self, executor: str) -> Difference | None:
        """The first value, in topological order, on which an executor is beyond tolerance."""
        return next((each for each in self.values[executor] if each.beyond), None)

    def __str__(self) -> str:
        return "\n".join(line for name in self.values for line in self._lines(name))

    def _lines(self, name: str) -> list[str]:
        rows, first = self.values[name], self.first(name)
        pair = f"{self.reference} and {name}"
        if first is not None:
            wrong = sum(each.beyond for each in rows)
            count = f"  {wrong} of {len(rows)} values differ"
            return [f"{pair} differ first in {first.value.node!r}", *self._detail(name, first, rows), count]
        ends = [each for each in self.ends[name] if each.beyond]
        if ends:
            what = f"{pair} agree node by node, but not in {ends[0].value!r} when only the results are kept"
            do = "  look at memory that is used again, and at fused kernels"
            return [what, *self._detail(name, ends[0], []), do]
        worst = max((each.largest for each in rows), default=0.0)
        return [f"{pair} agree on all {len(rows)} values; the largest difference is {worst:.2g}"]

    def _detail(self, name: str, worst: Difference, rows: Sequence[Difference]) -> list[str]:
        node = worst.value.node
        lines = [f"  at {node.origin}: {node.origin.source}"] if node.origin.source else []
        lines.append(
            f"  by {worst.largest:.3g} (tolerance {worst.tolerance:g}), most at {list(worst.at)}: "
            f"{worst.reference} on {self.reference}, {worst.other} on {name}"
        )
        known = {each.value: each for each in rows}
        lines += [
            f"  operand {n} differs by {known[value].largest:.2g}: {value!r}"
            for n, value in enumerate(node.inputs)
            if value in known
        ]
        return lines


def compare(
    what: Function | Tree,
    executors: Sequence[str | Executor] = ("numpy",),
    tolerances: Mapping[str, float] | None = None,
    /,
    **feeds: Any,
) -> Comparison:
    """Run one graph on several executors, and name the first node whose value differs.

    `what` is a compiled function, of which the graph with its updates and a copy of the state are taken (the
    function's own state stays as it is), or values as for `compile`. The first executor is the reference. All
    values of the user's graph are kept, so that a run needs the memory of all at once; then the results alone
    are computed, as they usually are. A difference counts in units of the largest magnitude among a value and
    its operands; `tolerances` by dtype, by default `irgraph.comparing.TOLERANCES`.

    Raises ExecutorError for less than two executors, or one that lacks kernels; FeedError for feeds that do
    not fit.

    >>> import irgraph as ig
    >>> x = ig.input("x", (3,))
    >>> print(ig.compare(ig.exp(x) * 2.0, ["numpy", ig.find_executor("numpy")], x=[0.0, 1.0, 2.0]))
    numpy and numpy 2 agree on all 3 values; the largest difference is 0
    """
    runners = [as_executor(each) for each in executors]
    if len(runners) < 2:
        raise ExecutorError(explain(f"{len(runners)} executors to compare", "at least two", here()))
    if isinstance(what, Function):
        graph, inputs, start = what.graph, list(what.inputs.values()), dict(what.state)
    else:
        graph, inputs, start = Graph(name_outputs(flatten(what, "outputs"))), [], {}
    graph = collect_updates(graph)
    watched = [v for node in graph.nodes if not node.op.source for v in node.outputs]
    results = [_run(graph, watched, inputs, start, runner, feeds) for runner in runners]
    ends = [_run(graph, list(graph.outputs), inputs, start, runner, feeds) for runner in runners]
    first, *others = _names(runners)
    fed = {value: np.asarray(feeds[name]) for name, value in graph.inputs.items()}
    return Comparison(
        first,
        {
            n: _differences(results[0], each, fed, tolerances)
            for n, each in zip(others, results[1:], strict=True)
        },
        {n: _differences(ends[0], each, fed, tolerances) for n, each in zip(others, ends[1:], strict=True)},
    )


def _names(runners: Sequence[Executor]) -> list[str]:
    """The executors' names, made different."""
    names: list[str] = []
    for n, runner in enumerate(runners, 1):
        names.append(f"{runner.name} {n}" if runner.name in names else runner.name)
    return names


def _run(
    graph: Graph,
    values: Sequence[Value],
    inputs: Sequence[Value],
    start: Mapping[str, Array],
    runner: Executor,
    feeds: Mapping[str, Any],
) -> dict[Value, Array]:
    """The values on one executor, and what the state variables hold after the step."""
    unique = list(dict.fromkeys(values))
    function = compile(
        {str(n): value for n, value in enumerate(unique)}, graph.updates, inputs, executor=runner
    )
    function.state.update({name: start[name] for name in function.state if name in start})
    results = function(**feeds).values()
    arrays = [each if isinstance(each, np.ndarray) else runner.to_host(each) for each in results]
    found = dict(zip(unique, arrays, strict=True))
    return found | {
        value: function.state[name] for name, value in graph.states.items() if name in function.state
    }


def _differences(
    reference: Mapping[Value, Array],
    other: Mapping[Value, Array],
    fed: Mapping[Value, Array],
    tolerances: Mapping[str, float] | None,
) -> list[Difference]:
    known = {**fed, **reference}
    return [
        _difference(value, array, other[value], known, tolerance_of(value.dtype, tolerances))
        for value, array in reference.items()
    ]


def _difference(
    value: Value, a: Array, b: Array, known: Mapping[Value, Array], tolerance: float
) -> Difference:
    if a.shape != b.shape or a.dtype != b.dtype:
        found = [f"{array.dtype}{list(array.shape)}" for array in (a, b)]
        return Difference(value, float("inf"), tolerance, (), *found)
    wide = [_wide(array) for array in (a, b)]
    with np.errstate(all="ignore"):
        apart = np.asarray(np.abs(wide[0] - wide[1]))
    apart[(a == b) | ((a != a) & (b != b))] = 0.0  # NaN is itself here
    apart[np.isnan(apart)] = np.inf
    if not apart.any():
        return Difference(value, 0.0, tolerance, (), None, None)
    scale = max(_magnitude(known[each]) for each in (value, *value.node.inputs) if each in known) or 1.0
    at = tuple(int(n) for n in np.unravel_index(int(apart.argmax()), apart.shape))
    return Difference(value, float(apart[at]) / (scale if tolerance else 1.0), tolerance, at, a[at], b[at])


def _wide(array: Array) -> Array:
    """Elements that can be subtracted without overflow or rounding of their own."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.longdouble)


def _magnitude(array: Array) -> float:
    """The largest finite magnitude; 0 for what is no float."""
    if array.dtype.kind in "biu":
        return 0.0
    magnitudes = np.abs(_wide(array))
    return float(magnitudes[np.isfinite(magnitudes)].max(initial=0.0))
