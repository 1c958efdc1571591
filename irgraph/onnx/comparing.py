"""Holding ONNX Runtime's results against those of the NumPy executor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..dims import bind, names_of
from ..errors import ExportError, FeedError, ShapeError, explain
from ..function import compile
from ..graph import Graph
from ..types import TensorType
from ..value import Value
from .ends import NEXT
from .exporting import Meant
from .replaying import Replay

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, int]

TOLERANCES = {
    "float16": 8e-3,
    "bfloat16": 6.4e-2,
    "float32": 1e-4,
    "float64": 1e-9,
}  # of the larger of 1 and an output's largest magnitude
STEPS = 3  # of a training step
PERTURBATIONS = 4
BASES = (2, 5, 3, 4, *range(6, 65), 1)  # sizes to try for the named dims, in this order


def choose_sizes(graph: Graph) -> list[dict[str, int]]:
    """Two sizes for the named dims that the graph's guards allow and that leave nothing empty.

    One, of nothing, where the graph has no named dims. Raises ExportError where none of those tried fit.
    """
    names = sorted(frozenset().union(*(names_of(v.shape) for n in graph.nodes for v in n.outputs)))
    if not names:
        return [{}]
    found: list[dict[str, int]] = []
    for sizes in _candidates(names):
        if sizes not in found and _fit(graph, sizes):
            found.append(sizes)
        if len(found) == 2:
            return found
    if not found:
        raise ExportError(
            explain(
                f"no sizes for the named dims {', '.join(names)} that fit all that the graph assumes",
                "sizes to compare at",
                do=f"Pass them, e.g. sizes=[{{{', '.join(f'{name!r}: 8' for name in names)}}}].",
            )
        )
    return found


def _candidates(names: Sequence[str]) -> Iterator[dict[str, int]]:
    """Different sizes for different names first, then the same for all."""
    for base in BASES:
        yield {name: base + position for position, name in enumerate(names)}
    for base in BASES:
        yield dict.fromkeys(names, base)


def _fit(graph: Graph, sizes: Sizes) -> bool:
    try:
        return all(
            all(guard.holds(sizes) for guard in node.guards)
            and all(bind(size, sizes) > 0 for value in node.outputs for size in value.shape if size != 0)
            for node in graph.nodes
        )
    except ShapeError:  # a division by zero
        return False


def make_feeds(inputs: Mapping[str, Value], sizes: Sizes, most: int = 1) -> dict[str, Array]:
    """Random feeds: normal floats, and integers from 0 to `most`, which index any axis longer than that."""
    random = np.random.default_rng(0)

    def feed(type: TensorType) -> Array:
        shape = tuple(bind(size, sizes) for size in type.shape)
        drawn = random.standard_normal(shape) if type.dtype.is_float else random.integers(0, most + 1, shape)
        return np.asarray(drawn, type.dtype.numpy)

    return {name: feed(value.type) for name, value in inputs.items()}


def compare(meant: Meant, replay: Replay, bindings: Sequence[Sizes]) -> float:
    """The largest difference between both results, for random feeds at each of some sizes.

    A graph that updates state is run for some steps from what the state holds now, and the new state
    is compared as well. A difference counts in units of the larger of 1 and the result's largest magnitude.
    Raises ExportError naming the worst result where one is above its dtype's tolerance, and above what
    NumPy's own results change by when feeds and state change by a rounding error: a gradient that
    is 0 but for rounding makes Adam step either way.
    """
    worst = 0.0
    for position, sizes in enumerate(bindings):
        reference = _Reference(meant)
        if position:  # the first run starts from the model's own defaults
            replay.state.update({name: reference.state[name] for name in replay.state})
        feeds = reference.choose_feeds(sizes)
        runs = []
        for _ in range(STEPS if meant.graph.updates else 1):
            before = dict(reference.state)
            expected = reference(feeds)
            found = _replayed(replay, feeds, sizes)
            differences = {name: difference(found[name], expected[name]) for name in expected}
            runs.append(max(differences.values(), default=0.0))
            if _excess(differences, expected) > 0:
                spread = _spread(meant, before, feeds, expected)
                _require_close(meant.graph, sizes, differences, expected, spread)
            replay.state.update({name: reference.state[name] for name in replay.state})
        worst = max(worst, *runs)
    return worst


class _Reference:
    """The graph on NumPy, on a copy of the state."""

    def __init__(self, meant: Meant, contents: Mapping[str, Array] | None = None) -> None:
        graph = meant.graph
        outputs = dict(zip(graph.output_names, graph.outputs, strict=True))
        self.run = compile(outputs, graph.updates, inputs=list(meant.inputs.values()))
        self.inputs = meant.inputs
        self.updated = [str(variable.label) for variable, _ in graph.updates]
        self.state = self.run.state
        contents = meant.state if contents is None else contents
        if contents is not None:
            self.state.update({name: contents[name] for name in self.state})

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """One step: the outputs, and the new state under the names of the model's outputs."""
        outputs = dict(self.run(**feeds))
        return outputs | {f"{name}{NEXT}": self.state[name] for name in self.updated}

    def choose_feeds(self, sizes: Sizes) -> dict[str, Array]:
        """Random feeds that can be run; all indices are 0 where 1 is out of range."""
        feeds = make_feeds(self.inputs, sizes)
        before = dict(self.state)
        try:
            self.run(**feeds)
        except FeedError:
            return make_feeds(self.inputs, sizes, most=0)
        self.state.update(before)
        return feeds


def _replayed(replay: Replay, feeds: Mapping[str, Array], sizes: Sizes) -> dict[str, Array]:
    try:
        outputs = replay(**feeds)
    except Exception as error:  # onnxruntime's own classes, one for each status code
        raise ExportError(
            explain(f"onnxruntime failing at {_text(sizes)}", "the NumPy executor's results", do=str(error))
        ) from error
    return outputs | {f"{name}{NEXT}": array for name, array in replay.state.items()}


def _tolerance(array: Array) -> float:
    return TOLERANCES.get(array.dtype.name, 0.0)


def _excess(differences: Mapping[str, float], expected: Mapping[str, Array]) -> float:
    return max(differences[name] - _tolerance(expected[name]) for name in differences)


def _spread(
    meant: Meant, before: Mapping[str, Array], feeds: Mapping[str, Array], expected: Mapping[str, Array]
) -> dict[str, float]:
    """How far NumPy's results move when all floats that go in move by about a rounding error."""
    spread = dict.fromkeys(expected, 0.0)
    for seed in range(PERTURBATIONS):
        random = np.random.default_rng(seed)
        moved = _Reference(meant, {name: _nudged(array, random) for name, array in before.items()})
        results = moved({name: _nudged(array, random) for name, array in feeds.items()})
        for name in spread:
            spread[name] = max(spread[name], difference(results[name], expected[name]))
    return spread


def _nudged(array: Array, random: np.random.Generator) -> Array:
    if array.dtype.kind != "f":
        return array
    error = 2 * float(np.finfo(array.dtype).eps)
    return np.asarray(array * (1 + error * random.uniform(-1, 1, array.shape)), array.dtype)


def _require_close(
    graph: Graph,
    sizes: Sizes,
    differences: Mapping[str, float],
    expected: Mapping[str, Array],
    spread: Mapping[str, float],
) -> None:
    allowed = {name: max(_tolerance(array), 2 * spread[name]) for name, array in expected.items()}
    name = max(allowed, key=lambda name: differences[name] - allowed[name])
    if differences[name] <= allowed[name]:
        return
    values = dict(zip(graph.output_names, graph.outputs, strict=True))
    values |= {f"{variable.label}{NEXT}": new for variable, new in graph.updates}
    raise ExportError(
        explain(
            f"output {name!r} of onnxruntime at {_text(sizes)} to be {differences[name]:.3g} off NumPy's",
            f"at most {allowed[name]:.3g}",
            f"{values[name].node.origin}: {values[name].node.origin.source}",
            "Pass check=False to save it anyhow.",
        )
    )


def difference(found: Array, expected: Array) -> float:
    """The largest difference, in units of the larger of 1 and the largest expected magnitude.

    NaN equals NaN; another shape or dtype is infinitely far away, as is a finite number from one that is not.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    differs = found != expected
    if found.dtype.kind == "f":
        differs &= ~(np.isnan(found) & np.isnan(expected))
    if not differs.any():
        return 0.0
    a, b = found[differs].astype(np.float64), expected[differs].astype(np.float64)
    if not (np.isfinite(a) & np.isfinite(b)).all():
        return float("inf")
    scale = np.abs(expected[np.isfinite(expected)].astype(np.float64)).max(initial=1.0)
    return float(np.abs(a - b).max() / scale)


def _text(sizes: Sizes) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items()) or "its only size"
