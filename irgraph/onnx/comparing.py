"""Holding ONNX Runtime's results against those of the NumPy executor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..dims import bind, names_of
from ..errors import ExportError, FeedError, ShapeError, explain
from ..function import Function, compile
from ..graph import Graph
from ..state import State
from ..types import TensorType
from .replaying import Replay

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, int]

TOLERANCES = {"float32": 1e-4, "float64": 1e-9}  # of the larger of 1 and an output's largest magnitude
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


def make_feeds(graph: Graph, sizes: Sizes, most: int = 1) -> dict[str, Array]:
    """Random feeds: normal floats, and integers from 0 to `most`, which index any axis longer than that."""
    random = np.random.default_rng(0)

    def feed(type: TensorType) -> Array:
        shape = tuple(bind(size, sizes) for size in type.shape)
        drawn = random.standard_normal(shape) if type.dtype.is_float else random.integers(0, most + 1, shape)
        return np.asarray(drawn, type.dtype.numpy)

    return {name: feed(value.type) for name, value in graph.inputs.items()}


def compare(graph: Graph, state: State | None, replay: Replay, bindings: Sequence[Sizes]) -> float:
    """The largest difference between both results, for random feeds at each of some sizes.

    A difference counts in units of the larger of 1 and the output's largest magnitude. Raises
    ExportError naming the worst output where one is above its dtype's tolerance.
    """
    reference = compile(dict(zip(graph.output_names, graph.outputs, strict=True)))
    if state is not None:
        reference.state.update({name: state[name] for name in reference.state})
    worst = 0.0
    for sizes in bindings:
        feeds, expected = _reference(graph, reference, sizes)
        try:
            found = replay(**feeds)
        except Exception as error:  # onnxruntime's own classes, one for each status code
            raise ExportError(
                explain(
                    f"onnxruntime failing at {_text(sizes)}", "the NumPy executor's results", do=str(error)
                )
            ) from error
        worst = max(worst, _largest(graph, sizes, found, expected))
    return worst


def _reference(graph: Graph, function: Function, sizes: Sizes) -> tuple[dict[str, Array], dict[str, Array]]:
    """Feeds, and the NumPy executor's results; all indices are 0 where 1 is out of range."""
    feeds = make_feeds(graph, sizes)
    try:
        return feeds, function(**feeds)
    except FeedError:
        feeds = make_feeds(graph, sizes, most=0)
        return feeds, function(**feeds)


def _largest(graph: Graph, sizes: Sizes, found: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    differences = {name: difference(found[name], expected[name]) for name in graph.output_names}
    excess = {
        name: differences[name] - TOLERANCES.get(value.dtype.name, 0.0)
        for name, value in zip(graph.output_names, graph.outputs, strict=True)
    }
    name = max(excess, key=lambda name: excess[name])
    if excess[name] > 0:
        value = graph.outputs[graph.output_names.index(name)]
        raise ExportError(
            explain(
                f"output {name!r} of onnxruntime at {_text(sizes)} to be {differences[name]:.3g} off NumPy's",
                f"at most {TOLERANCES.get(value.dtype.name, 0.0):g}",
                f"{value.node.origin}: {value.node.origin.source}",
                "Pass check=False to save it anyhow.",
            )
        )
    return max(differences.values())


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
