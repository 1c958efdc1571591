"""Choosing the order: every candidate is emitted, and what its nodes cost decides.

Nothing is estimated that could be counted: the graph of each candidate is built (it is small beside running
it), and its flops, bytes and launches are those of the very nodes that would run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..autodiff.chain_order import ChainPlan
from ..autodiff.structure import flatten
from ..collector import without_collector
from ..dims import estimate, hinting, names_of, product
from ..errors import GraphError, explain
from ..graph import topological_order
from ..local_jacobian import Terms
from ..origin import carrying, here
from ..value import Node, Value
from .accumulate import Accumulation, Pair
from .costing import Effort, effort
from .cuts import Chain, chain
from .linearize import linearize
from .options import Request
from .sums import GROWTH, LEAST_GROWTH

if TYPE_CHECKING:
    from ..view.drawing import Picture
    from .measuring import Measurements

FEW = 64
"""Vertices up to which orders of single vertices are searched, beside those of the chain."""

MEASURED = 3
"""Candidates that are run where the fastest is asked for."""

TRIES = 5_000
"""Products that this search may try: a few milliseconds, since its sizes know nothing of structure."""

Blocks = dict[Pair, Terms]
Finish = Callable[[Blocks], list[Any]]


@dataclass(frozen=True)
class Candidate:
    """One order: which vertices to eliminate, how it was found, what its nodes cost."""

    name: str
    order: tuple[int, ...]
    effort: Effort
    results: list[Any] = field(repr=False)


@dataclass(frozen=True, repr=False)
class JacobianPlan:
    """How a Jacobian is accumulated, and what the other ways would have cost. Prints as its explanation."""

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    reduced: Accumulation = field(repr=False)
    chain: Chain | None = field(repr=False)
    chain_plan: ChainPlan | None = field(repr=False)
    request: Request = field(repr=False)

    @property
    def order(self) -> tuple[int, ...]:
        """The vertices in the order of their elimination."""
        return self.chosen.order

    @property
    def cost(self) -> Effort:
        """Flops, bytes, launches and nominal seconds of the chosen order."""
        return self.chosen.effort

    @property
    def vertices(self) -> dict[int, Value]:
        """The values that an order must eliminate; all others cost nothing and go first."""
        return {v: self.reduced.linear.values[v] for v in self.reduced.inner}

    def explain(self, measure: bool = False) -> str:
        """What was found, what is done step by step, and what other orders would have cost; `measure` runs
        them as well.
        """
        from .explain import explain

        return explain(self, self.measure() if measure else None)

    def measure(self, **feeds: Any) -> Measurements:
        """The median times and the peak memory of all candidates, compiled and run on NumPy in turn.

        Inputs without a feed get random numbers between 0.1 and 0.9, integers 0 or 1, and named dims
        their hint. Raises FeedError for feeds that do not fit.
        """
        from .measuring import measure

        return measure(self, feeds)

    def draw(
        self,
        path: str | PathLike[str] | None = None,
        shown: Literal["auto", "chain", "graph"] = "auto",
        title: str = "",
    ) -> Picture:
        """The chain of cuts with the order's steps below it, or the graph of the values with their numbers in
        the order; "auto" draws the chain where there is one. With a path the picture is written there too.

        Raises GraphError for a chain where there is none, and MissingExtra without a layout program.
        """
        from ..view.jacobians import draw_plan

        return draw_plan(self, path, shown, title)

    def __str__(self) -> str:
        return self.explain()

    def __repr__(self) -> str:
        return f"<JacobianPlan: {self.chosen.name}, of {len(self.candidates)} orders; print it for the whole>"

    def _repr_svg_(self) -> str | None:
        return self.draw()._repr_svg_()

    def _repr_html_(self) -> str:
        from html import escape

        return f"{self._repr_svg_() or ''}<pre>{escape(self.explain())}</pre>"


@without_collector
def plan(ends: Sequence[Value], sources: Sequence[Value], request: Request, finish: Finish) -> JacobianPlan:
    """The plan of the Jacobians of some ends towards some sources, jointly.

    `finish` makes of the blocks what the caller wants, so that its cost counts.
    """
    with carrying(here().derived("tangent")), hinting(request.options.hints):
        linear = linearize(ends, sources)
        growth = LEAST_GROWTH if request.format == "sparse" else GROWTH
        reduced = Accumulation(linear, linear.into, ends[0].dtype, growth)
        reduced.eliminate_light()
        links = chain(reduced)
        chain_plan = links.plan() if links else None
        known = topological_order([*ends, *sources])
        _require_hinted(request, known)
        found: list[Candidate] = []
        for name, order in _orders(reduced, request.mode, links, chain_plan):
            if any(order == each.order for each in found):
                continue
            left = reduced.copy()
            left.eliminate(order)
            results = finish(left.blocks())
            found.append(Candidate(name, order, effort(flatten(results, "results"), known), results))
        made = JacobianPlan(found[0], tuple(found), reduced, links, chain_plan, request)
        return replace(made, chosen=_chosen(made, known))


def _chosen(made: JacobianPlan, known: Sequence[Node]) -> Candidate:
    """The cheapest candidate within the limit of memory, by count or by measurement."""
    request = made.request
    ordered = sorted(made.candidates, key=lambda each: each.effort.seconds)
    if request.memory is not None:
        from .chunks import parts_within
        from .measuring import predicted_peak

        peaks = [predicted_peak(each) for each in ordered]
        fitting = [each for each, peak in zip(ordered, peaks, strict=True) if peak <= request.memory]
        if not fitting:
            best = ordered[0]
            cut, result = parts_within(made.reduced, best.order, request.format, request.memory, min(peaks))
            cost = effort(flatten([result], "results"), known)
            return Candidate(f"{best.name}, {cut}", best.order, cost, [result])
        ordered = fitting
    if request.options.plan == "measure" and len(ordered) > 1:
        from .measuring import measure

        few = replace(made, chosen=ordered[0], candidates=tuple(ordered[:MEASURED]))
        times = {row.name: row.seconds for row in measure(few, {}).rows}
        return min(few.candidates, key=lambda each: times[each.name])
    return ordered[0]


def _require_hinted(request: Request, nodes: Sequence[Node]) -> None:
    """Raise GraphError for hints of dims that the graph does not have."""
    names = names_of(size for node in nodes for value in node.outputs for size in value.shape)
    if unknown := sorted(request.options.hints.keys() - names):
        have = ", ".join(sorted(names)) or "no named dims"
        raise GraphError(explain(f"hints for {', '.join(unknown)}", f"dims of the graph: {have}", here()))


def _orders(
    reduced: Accumulation, mode: str | Sequence[int], links: Chain | None, chain_plan: ChainPlan | None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The candidates, the plain modes first: of equally good ones the first is taken."""
    inner = tuple(reduced.inner)
    if not isinstance(mode, str):
        yield "given", _permutation(mode, reduced)
        return
    ends = sum(_size(reduced, v) for v in reduced.linear.ends)
    sources = sum(_size(reduced, v) for v in reduced.linear.sources)
    plain = {"forward": inner, "reverse": inner[::-1]}
    names = ("reverse", "forward") if ends < sources else ("forward", "reverse")
    for name in names:
        if mode in ("auto", name):
            yield name, plain[name]
    if mode != "auto":
        return
    if links is not None and chain_plan is not None:
        yield "chain", tuple(links.order(chain_plan))
    if 1 < len(inner) <= FEW and (links is None or any(links.inside)):
        yield from _eliminations(reduced, links)


def _eliminations(reduced: Accumulation, links: Chain | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    from ..autodiff.elimination import Dag, plan_elimination

    edges = {(u, v): "x" for v, before in reduced.into.items() for u in before}
    sizes = {v: max(1, links.widths[v] if links else _size(reduced, v)) for edge in edges for v in edge}
    linear = reduced.linear
    ends = tuple(v for v in linear.ends if reduced.into[v])
    found = plan_elimination(Dag(tuple(linear.sources), ends, edges, sizes), effort=TRIES)
    if len(found.order) == len(reduced.inner):
        yield f"elimination ({found.method})", found.order


def _size(reduced: Accumulation, vertex: int) -> int:
    return estimate(product(reduced.linear.values[vertex].shape))


def _permutation(order: Sequence[int], reduced: Accumulation) -> tuple[int, ...]:
    inner = reduced.inner
    if len(order) != len(inner) or {*order} != {*inner}:
        named = ", ".join(f"{vertex} ({reduced.linear.values[vertex].label})" for vertex in inner)
        raise GraphError(
            explain(
                f"the order {list(order)}",
                f"each of the vertices {named} once"
                if inner
                else "an empty order: no vertex is left to order",
                here(),
                "They are the keys of plan_jacobian(...).vertices." if inner else 'Or take mode="auto".',
            )
        )
    return tuple(order)
